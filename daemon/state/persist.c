/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/state/persist.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"

#include <stdlib.h>

void user_profile_fini(struct user_profile *u)
{
	free(u->login);
	free(u->display);
	free(u->picture);
	memset(u, 0, sizeof(*u));
}

void user_profile_copy(struct user_profile *dst, const struct user_profile *src)
{
	if (dst == src)
		return;
	dst->id = src->id;
	str_set(&dst->login, src->login ? src->login : "");
	str_set(&dst->display, src->display ? src->display : "");
	str_set(&dst->picture, src->picture ? src->picture : "");
}

void persist_init(struct persist *p)
{
	static const struct user_profile nobody;
	memset(p, 0, sizeof(*p));
	user_profile_copy(&p->user, &nobody);
	p->node_id = xstrdup("");
}

void persist_fini(struct persist *p)
{
	node_priv_wipe(&p->node);
	node_priv_wipe(&p->old_node);
	nl_priv_wipe(&p->nl);
	user_profile_fini(&p->user);
	free(p->node_id);
	j_free(p->extra);
	memset(p, 0, sizeof(*p));
}

void persist_copy(struct persist *dst, const struct persist *src)
{
	if (dst == src)
		return;
	dst->node = src->node;
	dst->old_node = src->old_node;
	dst->nl = src->nl;
	user_profile_copy(&dst->user, &src->user);
	str_set(&dst->node_id, src->node_id);
	json_t *extra = j_copy(src->extra);
	j_free(dst->extra);
	dst->extra = extra;
}

static bool same_user(const struct user_profile *a, const struct user_profile *b)
{
	return a->id == b->id && str_cmp(a->login, b->login) == 0 &&
	       str_cmp(a->display, b->display) == 0 && str_cmp(a->picture, b->picture) == 0;
}

static bool same_tree(const json_t *a, const json_t *b)
{
	return a && b ? j_equal(a, b) : a == b;
}

bool persist_equal(const struct persist *a, const struct persist *b)
{
	return secret_eq(&a->node, &b->node, sizeof(a->node)) &&
	       secret_eq(&a->old_node, &b->old_node, sizeof(a->old_node)) &&
	       secret_eq(&a->nl, &b->nl, sizeof(a->nl)) && same_user(&a->user, &b->user) &&
	       str_cmp(a->node_id, b->node_id) == 0 && same_tree(a->extra, b->extra);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

json_t *user_profile_to_json(const struct user_profile *u)
{
	json_t *o = j_object();
	j_set_int(o, "ID", u->id);
	j_set_str(o, "LoginName", u->login);
	j_set_str(o, "DisplayName", u->display);
	if (u->picture && *u->picture)
		j_set_str(o, "ProfilePicURL", u->picture);
	return o;
}

int user_profile_from_json(const json_t *v, struct user_profile *out)
{
	const json_t *id = j_get_nocase(v, "ID");
	if (!j_is_nil(v) && (!j_is_object(v) || (id && !j_is_int(id))))
		return -ERR_SYNTAX;
	const char *login = j_text(j_get_nocase(v, "LoginName"));
	const char *display = j_text(j_get_nocase(v, "DisplayName"));
	const char *picture = j_text(j_get_nocase(v, "ProfilePicURL"));
	out->id = id ? j_integer(id) : 0;
	str_set(&out->login, login ? login : "");
	str_set(&out->display, display ? display : "");
	str_set(&out->picture, picture ? picture : "");
	return 0;
}

/* 0 for an absent or null member too: the key is zero then. */
static int read_node_priv(const json_t *v, const char *name, struct node_priv *out)
{
	const json_t *m = j_get_nocase(v, name);
	memset(out, 0, sizeof(*out));
	if (!m)
		return 0;
	return j_is_string(m) ? node_priv_decode(j_text_span(m), out) : -ERR_SYNTAX;
}

static int read_nl_priv(const json_t *v, const char *name, struct nl_priv *out)
{
	const json_t *m = j_get_nocase(v, name);
	memset(out, 0, sizeof(*out));
	if (!m)
		return 0;
	return j_is_string(m) ? nl_priv_decode(j_text_span(m), out) : -ERR_SYNTAX;
}

static const char *const MEMBERS[] = { "PrivateNodeKey", "OldPrivateNodeKey", "UserProfile",
				       "NetworkLockKey", "NodeID" };

static bool is_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(MEMBERS); i++)
		if (span_eq_nocase(span_str(name), MEMBERS[i]))
			return true;
	return false;
}

static json_t *unknown_members(json_t *v)
{
	json_t *extra = NULL;
	for (void *it = j_iter(v); it; it = j_iter_next(v, it)) {
		if (is_known(j_iter_key(it)))
			continue;
		if (!extra)
			extra = j_object();
		j_set(extra, j_iter_key(it), j_copy(j_iter_value(it)));
	}
	return extra;
}

int persist_from_json(const json_t *v, struct persist *out, const char **why)
{
	struct persist p;
	persist_init(&p);
	const char *node_id = j_text(j_get_nocase(v, "NodeID"));
	int err = -ERR_SYNTAX;
	*why = "Config";
	if (!j_is_object(v))
		goto fail;
	*why = "PrivateNodeKey";
	if (read_node_priv(v, *why, &p.node))
		goto fail;
	*why = "OldPrivateNodeKey";
	if (read_node_priv(v, *why, &p.old_node))
		goto fail;
	*why = "NetworkLockKey";
	if (read_nl_priv(v, *why, &p.nl))
		goto fail;
	*why = "UserProfile";
	if (user_profile_from_json(j_get_nocase(v, *why), &p.user))
		goto fail;
	str_set(&p.node_id, node_id ? node_id : "");
	p.extra = unknown_members((json_t *)(uintptr_t)v);
	persist_copy(out, &p);
	err = 0;
fail:
	persist_fini(&p);
	return err;
}

static void set_node_priv(json_t *o, const char *name, const struct node_priv *k, bool redact)
{
	static const struct node_priv zero;
	char text[KEY_TEXT_MAX];
	node_priv_encode_secret(redact ? &zero : k, text);
	j_set_str(o, name, text);
	wipe(text, sizeof(text));
}

static void set_nl_priv(json_t *o, const char *name, const struct nl_priv *k, bool redact)
{
	static const struct nl_priv zero;
	char text[NLPRIV_TEXT_MAX];
	nl_priv_encode_secret(redact ? &zero : k, text);
	j_set_str(o, name, text);
	wipe(text, sizeof(text));
}

json_t *persist_to_json(const struct persist *p, bool redact)
{
	json_t *o = j_object();
	set_node_priv(o, "PrivateNodeKey", &p->node, redact);
	set_node_priv(o, "OldPrivateNodeKey", &p->old_node, redact);
	j_set(o, "UserProfile", user_profile_to_json(&p->user));
	set_nl_priv(o, "NetworkLockKey", &p->nl, redact);
	j_set_str(o, "NodeID", p->node_id);
	for (void *it = j_iter(p->extra); it; it = j_iter_next(p->extra, it))
		if (!redact)
			j_set(o, j_iter_key(it), j_copy(j_iter_value(it)));
	return o;
}
