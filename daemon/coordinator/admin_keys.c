/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admin_keys.c: authkey create|list|expire. */
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "daemon/coordinator/admin.h"
#include "daemon/coordinator/authkeys.h"

#define DEFAULT_USER "default"

static bool tags_ok(struct admin_call *call, const struct strv *tags)
{
	for (size_t i = 0; i < tags->n; i++)
		if (!tag_ok(tags->v[i])) {
			admin_fail(call, "\"%.64s\" is no tag; tags look like tag:server",
				   tags->v[i]);
			return false;
		}
	if (tags->n > NODE_TAGS_MAX) {
		admin_fail(call, "at most %d tags", NODE_TAGS_MAX);
		return false;
	}
	return true;
}

static void create_with(struct admin_call *call, const struct strv *tags)
{
	struct registry *r = &call->coord->st.reg;
	const char *name = *admin_str(call, "user") ? admin_str(call, "user") : DEFAULT_USER;
	int64_t seconds = j_int(call->args, "expiry_s", 0);
	wall_t now = wall_now();
	char text[AUTH_KEY_TEXT_MAX];
	struct user *u = registry_user_add(r, name, now);
	struct auth_key *k = u ? auth_key_create(r, call->coord->rng, text) : NULL;
	json_t *result;

	if (!u || !k) {
		admin_fail(call, u ? "too many keys; expire some" : "\"%.64s\" is no user name",
			   name);
		return;
	}
	k->user = u->id;
	strv_copy(&k->tags, tags);
	k->reusable = j_bool(call->args, "reusable", false);
	k->ephemeral = j_bool(call->args, "ephemeral", false);
	k->created = now;
	if (seconds > 0)
		k->expiry = (wall_t){ now.s + seconds, 0 };
	result = j_object();
	j_set_str(result, "id", k->id);
	j_set_str(result, "key", text);
	wipe(text, sizeof(text));
	admin_ok_stored(call, result);
}

static void key_create(struct admin_call *call)
{
	struct strv tags = { 0 };

	strv_split(&tags, admin_str(call, "tags"));
	if (tags_ok(call, &tags))
		create_with(call, &tags);
	strv_fini(&tags);
}

static const char *key_state(const struct auth_key *k, wall_t now)
{
	if (k->revoked)
		return "revoked";
	if (!wall_is_zero(k->expiry) && !wall_before(now, k->expiry))
		return "expired";
	return k->used && !k->reusable ? "used" : "valid";
}

static json_t *key_json(const struct registry *r, const struct auth_key *k, wall_t now)
{
	const struct user *u = registry_user(r, k->user);
	json_t *o = j_object();

	j_set_str(o, "id", k->id);
	j_set_str(o, "user", u ? u->name : "");
	j_set_str(o, "state", key_state(k, now));
	j_set_bool(o, "reusable", k->reusable);
	j_set_bool(o, "ephemeral", k->ephemeral);
	j_set(o, "tags", strv_json(&k->tags));
	j_set_time(o, "created", k->created);
	if (!wall_is_zero(k->expiry))
		j_set_time(o, "expiry", k->expiry);
	return o;
}

static void key_list(struct admin_call *call)
{
	const struct registry *r = &call->coord->st.reg;
	json_t *arr = j_array();
	wall_t now = wall_now();

	for (size_t i = 0; i < r->n_keys; i++)
		j_add(arr, key_json(r, r->keys[i], now));
	admin_ok(call, arr);
}

/* By its id, or by the whole key. */
static void key_expire(struct admin_call *call)
{
	const char *text = admin_str(call, "id");
	size_t prefix = strlen(AUTH_KEY_PREFIX);
	char id[AUTH_KEY_ID_LEN + 1] = "";
	struct auth_key *k;

	if (strncmp(text, AUTH_KEY_PREFIX, prefix) == 0)
		text += prefix;
	if (strlen(text) >= AUTH_KEY_ID_LEN)
		memcpy(id, text, AUTH_KEY_ID_LEN);
	k = auth_key_by_id(&call->coord->st.reg, id);
	if (!k) {
		admin_fail(call, "no such key; see: meshcoord authkey list");
		return;
	}
	k->revoked = true;
	admin_ok_stored(call, NULL);
}

const struct admin_verb admin_key_verbs[] = {
	{ "authkey create", key_create },
	{ "authkey list", key_list },
	{ "authkey expire", key_expire },
	{ NULL, NULL },
};
