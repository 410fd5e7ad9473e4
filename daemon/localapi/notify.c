/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/localapi/notify.h"

#include "base/alloc.h"

#include <stdlib.h>

/* One member of the message: its name, and whether it is written as null when unset. `field` is
 * NF_COUNT for members this version never sets. */
static const struct member {
	const char *name;
	enum notify_field field;
	bool always;
} members[] = {
	{ "SessionID", NF_SESSION_ID, false },
	{ "ErrMessage", NF_ERR_MESSAGE, true },
	{ "LoginFinished", NF_LOGIN_FINISHED, true },
	{ "State", NF_STATE, true },
	{ "Prefs", NF_PREFS, true },
	{ "NetMap", NF_NETMAP, true },
	{ "SelfChange", NF_SELF_CHANGE, false },
	{ "InitialStatus", NF_INITIAL_STATUS, false },
	{ "PeersChanged", NF_PEERS_CHANGED, false },
	{ "PeersRemoved", NF_PEERS_REMOVED, false },
	{ "UserProfiles", NF_USER_PROFILES, false },
	{ "Engine", NF_ENGINE, true },
	{ "BrowseToURL", NF_BROWSE_TO_URL, true },
	{ "DriveShares", NF_COUNT, true },
	{ "ClientVersion", NF_CLIENT_VERSION, false },
	{ "Health", NF_HEALTH, false },
};

void notify_set(struct notify *n, enum notify_field f, json_t *v)
{
	j_free(n->field[f]);
	n->field[f] = v;
}

void notify_fini(struct notify *n)
{
	for (size_t i = 0; i < NF_COUNT; i++)
		notify_set(n, (enum notify_field)i, NULL);
}

bool notify_has(const struct notify *n, enum notify_field f)
{
	return n->field[f] != NULL;
}

void notify_write(const struct notify *n, struct buf *out)
{
	json_t *o = j_object();
	j_set_str(o, "Version", MESH_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct member *m = &members[i];
		json_t *v = m->field == NF_COUNT ? NULL : n->field[m->field];
		if (v)
			j_set(o, m->name, j_ref(v));
		else if (m->always)
			j_set_null(o, m->name);
	}
	j_write(o, J_COMPACT, true, out);
	buf_add_str(out, "\n");
	j_free(o);
}

/* "text" becomes "text label: url". */
static void fold_action(json_t *warning)
{
	json_t *action = j_get(warning, "PrimaryAction");
	const char *label = j_str(action, "Label");
	const char *url = j_str(action, "URL");
	const char *text = j_str(warning, "Text");
	if (label && url) {
		char *all = xasprintf("%s %s: %s", text ? text : "", label, url);
		j_set_str(warning, "Text", all);
		free(all);
	}
	j_del(warning, "PrimaryAction");
}

json_t *health_without_actions(const json_t *health)
{
	json_t *h = j_copy(health);
	json_t *warnings = j_get(h, "Warnings");
	for (void *it = warnings ? j_iter(warnings) : NULL; it; it = j_iter_next(warnings, it))
		fold_action(j_iter_value(it));
	return h;
}
