/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/register.h"

#include "base/alloc.h"
#include "daemon/coordinator/authkeys.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX (1u << 20)

int register_parse(struct span body, wall_t now, struct register_request *out)
{
	json_t *auth;

	*out = (struct register_request){ .followup = "" };
	out->doc = j_parse(body, BODY_MAX, NULL);
	if (!j_is_object(out->doc))
		return -ERR_SYNTAX;
	out->version = (int)j_int(out->doc, "Version", 0);
	if (node_key_decode(j_span(out->doc, "NodeKey"), &out->key) < 0)
		return -ERR_RANGE;
	auth = j_get(out->doc, "Auth");
	out->auth_key = j_span(auth, "AuthKey");
	out->expiry = j_time(out->doc, "Expiry");
	out->logout = !wall_is_zero(out->expiry) && wall_before(out->expiry, now);
	if (j_str(out->doc, "Followup"))
		out->followup = j_str(out->doc, "Followup");
	out->hostinfo = j_get(out->doc, "Hostinfo");
	return node_key_is_zero(&out->key) ? -ERR_RANGE : 0;
}

void register_request_fini(struct register_request *q)
{
	j_free(q->doc);
	*q = (struct register_request){ 0 };
}

/* ---- answers ---- */

static __attribute__((format(printf, 2, 3))) void refuse(struct register_outcome *o,
							 const char *fmt, ...)
{
	va_list ap;

	o->verdict = REGISTER_ERROR;
	va_start(ap, fmt);
	vsnprintf(o->error, sizeof(o->error), fmt, ap);
	va_end(ap);
}

static void accept(const struct register_env *e, struct register_outcome *o, struct node *n)
{
	o->verdict = REGISTER_OK;
	o->node = n;
	o->user = registry_user(e->reg, n->user);
}

static void set_user(json_t *o, const struct register_outcome *out)
{
	const struct user *u = out->user;
	bool tagged = out->node && out->node->user == USER_TAGGED;
	const char *name = u ? u->name : tagged ? "tagged-devices" : "";
	int64_t id = u ? u->id : tagged ? USER_TAGGED : 0;
	json_t *user = j_object(), *login = j_object();

	j_set_int(user, "ID", id);
	j_set_str(user, "DisplayName", name);
	j_set_int(login, "ID", id);
	j_set_str(login, "Provider", id ? "meshcoord" : "");
	j_set_str(login, "LoginName", name);
	j_set_str(login, "DisplayName", name);
	j_set(o, "User", user);
	j_set(o, "Login", login);
}

json_t *register_answer(const struct register_outcome *out, const char *url_base)
{
	json_t *o = j_object();
	char *url = xstrdup("");

	if (out->login && out->verdict == REGISTER_LOGIN) {
		free(url);
		url = xasprintf("%s%s%s", url_base, LOGIN_PATH, out->login->id);
	}
	set_user(o, out);
	j_set_bool(o, "NodeKeyExpired", out->verdict == REGISTER_KEY_EXPIRED);
	j_set_bool(o, "MachineAuthorized", out->verdict == REGISTER_OK);
	j_set_str(o, "AuthURL", url);
	j_set_null(o, "NodeKeySignature");
	j_set_str(o, "Error", out->verdict == REGISTER_ERROR ? out->error : "");
	free(url);
	return o;
}

/* ---- rules ---- */

static void logout(const struct register_env *e, struct node *n, struct register_outcome *o)
{
	o->verdict = REGISTER_KEY_EXPIRED;
	if (!n)
		return;
	o->user = registry_user(e->reg, n->user);
	o->stored = true;
	if (n->ephemeral)
		registry_remove(e->reg, n);
	else
		registry_expire(e->reg, n, e->wall);
}

/* RequestTags that the key does not carry are refused: the key's owner decides, not the client. */
static const char *foreign_tag(const json_t *hostinfo, const struct strv *allowed)
{
	const json_t *tags = j_get(hostinfo, "RequestTags");

	for (size_t i = 0; j_is_array(tags) && i < j_len(tags); i++) {
		const char *t = j_text(j_at(tags, i));

		if (!t || !strv_has(allowed, t))
			return t ? t : "";
	}
	return NULL;
}

/* Would the key make anything of this logged-in node different? */
static bool key_changes_nothing(const struct auth_key *k, const struct node *n)
{
	return k->tags.n ? strv_equal(&k->tags, &n->tags) : k->user == n->user;
}

static void join_by_key(const struct register_env *e, const struct machine_key *machine,
			const struct register_request *q, struct auth_key *k,
			struct register_outcome *o)
{
	struct join j = { .machine = *machine,
			  .key = q->key,
			  .user = k->user,
			  .tags = &k->tags,
			  .ephemeral = k->ephemeral,
			  .hostinfo = q->hostinfo,
			  .cap = q->version,
			  .expiry = q->expiry };
	const char *tag = foreign_tag(q->hostinfo, &k->tags);
	struct node *n;

	if (tag && !registry_rejoin_target(e->reg, &j)) {
		refuse(o, "requested tags [%.64s] are invalid or not permitted", tag);
		return;
	}
	n = registry_join(e->reg, &j, e->wall);
	if (!n) {
		refuse(o, "node key already in use by another machine, or the network is full");
		return;
	}
	auth_key_consume(k);
	o->stored = true;
	accept(e, o, n);
}

static void by_auth_key(const struct register_env *e, const struct machine_key *machine,
			const struct register_request *q, struct node *known,
			struct register_outcome *o)
{
	const char *why;
	struct auth_key *k = auth_key_check(e->reg, q->auth_key, e->wall, &why);
	bool valid = known && !node_expired(known, e->wall);

	/* a spent key keeps working for the node it made, so that restarts may go on sending it */
	if (valid && (!k || key_changes_nothing(k, known)))
		accept(e, o, known);
	else if (!k)
		refuse(o, "%s", why);
	else
		join_by_key(e, machine, q, k, o);
}

static void offer_login(const struct register_env *e, const struct machine_key *machine,
			const struct register_request *q, struct register_outcome *o)
{
	o->verdict = REGISTER_LOGIN;
	o->login = login_add(e->logins, e->rng, machine, &q->key, q->hostinfo, q->version, e->now);
}

static void follow_up(const struct register_env *e, const struct machine_key *machine,
		      const struct register_request *q, struct register_outcome *o)
{
	struct login *g = login_by_url(e->logins, q->followup);

	/* unknown, too old, or somebody else's: a fresh URL */
	if (!g || !machine_key_eq(&g->machine, machine) || !node_key_eq(&g->key, &q->key)) {
		offer_login(e, machine, q, o);
		return;
	}
	o->verdict = REGISTER_WAIT;
	o->login = g;
}

void register_decide(const struct register_env *e, const struct machine_key *machine,
		     const struct register_request *q, struct register_outcome *o)
{
	struct node *known = registry_node_by_key(e->reg, &q->key);

	*o = (struct register_outcome){ 0 };
	if (known && !machine_key_eq(&known->machine, machine)) {
		refuse(o, "node key already in use by another machine");
		return;
	}
	if (q->logout) {
		logout(e, known, o);
	} else if (q->auth_key.len && !*q->followup) {
		by_auth_key(e, machine, q, known, o);
	} else if (known && node_expired(known, e->wall)) {
		o->verdict = REGISTER_KEY_EXPIRED;
		o->user = registry_user(e->reg, known->user);
	} else if (known && !wall_is_zero(q->expiry)) {
		refuse(o, "extending key is not allowed");
	} else if (known) {
		accept(e, o, known);
	} else if (*q->followup) {
		follow_up(e, machine, q, o);
	} else {
		offer_login(e, machine, q, o);
	}
}

static int requested_tags(const struct register_env *e, const struct login *g, const struct user *u,
			  struct strv *tags)
{
	strv_from_json(tags, j_get(g->hostinfo, "RequestTags"), NODE_TAGS_MAX);
	for (size_t i = 0; i < tags->n; i++)
		if (!tag_ok(tags->v[i]) || !policy_may_tag(e->policy, u, tags->v[i]))
			return -ERR_PERM;
	return 0;
}

int register_approve(const struct register_env *e, struct login *g, const struct user *u,
		     struct node **node)
{
	struct strv tags = { 0 };
	struct join j = { .machine = g->machine,
			  .key = g->key,
			  .user = u->id,
			  .tags = &tags,
			  .hostinfo = g->hostinfo,
			  .cap = g->cap };
	int rc = requested_tags(e, g, u, &tags);

	if (rc == 0) {
		*node = registry_join(e->reg, &j, e->wall);
		rc = *node ? 0 : -ERR_EXIST;
	}
	strv_fini(&tags);
	return rc;
}
