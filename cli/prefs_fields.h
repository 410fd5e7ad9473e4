/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefs_fields.h: preferences as a JSON object in the reference's field order, and edits of them
 * (MaskedPrefs). shared/spec/cli-localapi.md 4.2, 4.3. Pure. */
#ifndef CLI_PREFS_FIELDS_H
#define CLI_PREFS_FIELDS_H

#include "base/json.h"

enum prefs_field {
	PF_CONTROL_URL,
	PF_ROUTE_ALL,
	PF_EXIT_NODE_ID,
	PF_EXIT_NODE_IP,
	PF_AUTO_EXIT_NODE,
	PF_INTERNAL_EXIT_NODE_PRIOR,
	PF_LAN_ACCESS,
	PF_CORP_DNS,
	PF_RUN_SSH,
	PF_RUN_WEB_CLIENT,
	PF_WANT_RUNNING,
	PF_LOGGED_OUT,
	PF_SHIELDS_UP,
	PF_ADVERTISE_TAGS,
	PF_HOSTNAME,
	PF_NOTEPAD_URLS,
	PF_FORCE_DAEMON,
	PF_EGG,
	PF_ADVERTISE_ROUTES,
	PF_ADVERTISE_SERVICES,
	PF_SYNC,
	PF_NO_SNAT,
	PF_NO_STATEFUL_FILTERING,
	PF_NETFILTER_MODE,
	PF_OPERATOR_USER,
	PF_PROFILE_NAME,
	PF_AUTO_UPDATE,
	PF_APP_CONNECTOR,
	PF_POSTURE_CHECKING,
	PF_NETFILTER_KIND,
	PF_REMOTE_CONFIG,
	PF_DRIVE_SHARES,
	PF_RELAY_SERVER_PORT,
	PF_RELAY_SERVER_ENDPOINTS,
	PF_ACCEPT_ROUTES_AUTO,
	PF_ACCEPT_ROUTES_ONLY,
	PF_EXIT_NODE_PRIORITY,
	PF_CONFIG,
	PF_COUNT
};

/* A set of fields, and for AutoUpdate which half of it. */
struct prefs_mask {
	uint64_t fields;
	bool auto_check, auto_apply;
};

static inline void prefs_mask_add(struct prefs_mask *m, enum prefs_field f)
{
	m->fields |= UINT64_C(1) << f;
}
static inline bool prefs_mask_has(const struct prefs_mask *m, enum prefs_field f)
{
	return m->fields >> f & 1;
}

/* What a fresh node has; what a zeroed struct has. New. */
json_t *prefs_default(void);
json_t *prefs_zero(void);
/* Set one field; v taken. */
void prefs_set(json_t *prefs, enum prefs_field f, json_t *v);
json_t *prefs_get(const json_t *prefs, enum prefs_field f); /* borrowed; NULL if absent or null */
const char *prefs_str(const json_t *prefs, enum prefs_field f); /* "" if absent */
bool prefs_bool(const json_t *prefs, enum prefs_field f);
/* The fields in order, empty optional ones left out. New. */
json_t *prefs_ordered(const json_t *prefs);
/* PATCH body: all fields of prefs, then <Field>Set for those in the mask. New. */
json_t *prefs_masked(const json_t *prefs, const struct prefs_mask *mask);
/* base with the masked fields of edit. New, ordered. */
json_t *prefs_apply(const json_t *base, const json_t *edit, const struct prefs_mask *mask);

#endif
