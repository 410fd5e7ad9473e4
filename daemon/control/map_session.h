/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_session.h: one map session: applies MapResponse messages in order to a network map
 * (shared/spec/control.md 9.2, 9.3). A message is decoded whole before anything is applied, so a
 * bad one changes nothing; after an error the session is over. Pure.
 *
 * Hostile servers: the node with our own id or key, a second peer with a key that another holds,
 * and low-order keys are left out of the peers and counted; totals are capped (netmap.h). */
#ifndef DAEMON_CONTROL_MAP_SESSION_H
#define DAEMON_CONTROL_MAP_SESSION_H

#include "daemon/control/netmap.h"

#define MAP_SLEEP_MAX_S 300

struct map_session;

enum map_ping_kind { MAP_PING_HEAD, MAP_PING_C2N, MAP_PING_PEER };
struct map_ping {
	char *url;
	bool noise;	    /* URLIsNoise */
	char *types;	    /* "" = HEAD, "c2n", or a comma list of disco,TSMP,ICMP,peerapi */
	struct ip ip;	    /* target of peer pings */
	struct buf payload; /* of c2n */
	enum map_ping_kind kind;
};

/* What a message asks for besides changing the map. Strings and payload belong to the session and
 * live until the next message. */
struct map_result {
	bool keepalive;		     /* nothing else was in it beyond the requests below */
	struct nm_change change;     /* mask 0: the map is as before */
	const struct map_ping *ping; /* NULL if none, or the same URL as the last one */
	const char *pop_browser_url; /* http(s) only, once per distinct URL; NULL if none */
	int sleep_s;		     /* Debug.SleepSeconds, bounded; 0 if none */
	bool exit_requested;	     /* Debug.Exit: never obeyed, restart the session */
	wall_t control_time;	     /* WALL_ZERO if not told */
};

/* now: wall clock for LastSeen and the server's clock offset. Returns new. */
struct map_session *map_session_new(void);
void map_session_free(struct map_session *s);
/* Apply one JSON text. 0; -ERR_SYNTAX, -ERR_TOOBIG, -ERR_PROTO (first message without Node),
 * -ERR_NOMEM: drop the session; why (static) names the member. */
MUST_CHECK int map_session_apply(struct map_session *s, struct span json, wall_t now,
				 struct map_result *out, const char **why);
/* Borrowed; grows with the session. */
const struct netmap *map_session_netmap(const struct map_session *s);
/* A first full message has been applied. */
bool map_session_ready(const struct map_session *s);
/* Mark peers whose key expiry has passed by the server's clock (NM_EXPIRED_HERE). Returns whether
 * any changed; *change is filled then. *next: when to ask again. */
bool map_session_expire(struct map_session *s, wall_t now, struct nm_change *change, wall_t *next);

/* Peers left out because of the rules above, since the session began. */
struct map_refused {
	uint64_t self_as_peer, same_key, low_order, too_many;
};
struct map_refused map_session_refused(const struct map_session *s);

#endif
