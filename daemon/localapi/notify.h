/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notify.h: the Notify message of the bus in the reference's field order. */
#ifndef DAEMON_LOCALAPI_NOTIFY_H
#define DAEMON_LOCALAPI_NOTIFY_H

#include "base/json.h"

/* Members of a Notify to set with notify_set; what is not set is null or left out. */
enum notify_field {
	NF_SESSION_ID,
	NF_ERR_MESSAGE,
	NF_LOGIN_FINISHED,
	NF_STATE,
	NF_PREFS,
	NF_NETMAP,
	NF_SELF_CHANGE,
	NF_INITIAL_STATUS,
	NF_PEERS_CHANGED,
	NF_PEERS_REMOVED,
	NF_USER_PROFILES,
	NF_ENGINE,
	NF_BROWSE_TO_URL,
	NF_CLIENT_VERSION,
	NF_HEALTH,
	NF_COUNT
};

struct notify {
	json_t *field[NF_COUNT];
};

/* v is taken; replaces */
void notify_set(struct notify *n, enum notify_field f, json_t *v);
void notify_fini(struct notify *n);
bool notify_has(const struct notify *n, enum notify_field f);
/* One line with its newline, appended to out. */
void notify_write(const struct notify *n, struct buf *out);

/* HealthState for watchers that do not show actions: they become part of the text (new). */
json_t *health_without_actions(const json_t *health);

#endif
