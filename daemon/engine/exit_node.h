/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exit_node.h: which exit node is used now, and why: out of the preferences, the network map,
 * latencies and what is known of who answers. Pure. shared/spec/routing.md 9.4.
 *
 * An exit node that is wanted is never answered with "use none": where nothing can be used, the
 * choice is a black hole (node NULL), so that nothing leaves by the underlay.
 *
 *   one named by ExitNodeID or ExitNodeIP    that one, whatever its state
 *   ExitNodePriority                         the first of the list that can be used; "any" at its
 *                                            end: as AutoExitNode
 *   AutoExitNode                             the suggestion; where no peer may be suggested, any
 *                                            peer that offers
 *
 * Peers of a list that failed come back after they have been good for EXIT_SETTLE_S: going over to
 * the next is at once, going back is slow, and two that fail in turn do not flap. */
#ifndef DAEMON_ENGINE_EXIT_NODE_H
#define DAEMON_ENGINE_EXIT_NODE_H

#include "base/rng.h"
#include "daemon/control/netmap.h"
#include "daemon/state/prefs.h"
#include "magicsock/netcheck.h"

/* Sent to a peer and nothing heard for so long: it does not answer. A living peer that has nothing
 * to say sends a keepalive within 10 s. */
#define EXIT_SILENCE_S 12
#define EXIT_SETTLE_S 30
#define EXIT_MEMORY_MAX 16
#define EXIT_HOME_ANEW (-1) /* exit_memory.home: decide "any" anew */

enum exit_why {
	EXIT_OFF,	   /* none is wanted */
	EXIT_IN_USE,	   /* the node is usable as far as anybody knows */
	EXIT_UNKNOWN,	   /* no such peer in the map, or no map yet */
	EXIT_NOT_OFFERING, /* not approved, or it stopped to offer */
	EXIT_EXPIRED,
	EXIT_OFFLINE,
	EXIT_SILENT,	  /* it does not answer; nothing better is there */
	EXIT_NONE_USABLE, /* of a list, or of all */
};

struct exit_choice {
	bool wanted;
	const struct nm_node *node; /* NULL: black hole; borrowed from the map */
	enum exit_why why;
	mono_t deadline; /* when the same facts give another choice; MONO_NEVER */
};

/* What happened so far; zeroed is nothing. Belongs to one profile. */
struct exit_memory {
	int64_t chosen; /* node id, 0: none */
	int home;	/* our relay region when "any" was decided, or EXIT_HOME_ANEW */
	size_t n;
	struct exit_record {
		int64_t id;
		bool silent;	   /* told by exit_memory_silent */
		bool bad;	   /* when it was last looked at */
		mono_t good_since; /* if not bad */
	} v[EXIT_MEMORY_MAX];	   /* of peers that failed, the latest last */
};

struct exit_in {
	const struct prefs *prefs;
	const struct netmap *nm;	/* NULL: none yet */
	const struct nc_report *report; /* latencies; NULL: none yet */
	int home;			/* our relay region, 0: none */
	bool kept_map;			/* of an earlier run: who is online now is not known */
	mono_t now;
	struct rng *rng;
};

/* out->node lives as long as in->nm. */
void exit_node_choose(const struct exit_in *in, struct exit_memory *m, struct exit_choice *out);
/* The peer does not answer, or does again. */
void exit_memory_silent(struct exit_memory *m, int64_t id, bool silent, mono_t now);
/* Does the peer count as one that does not answer? */
bool exit_memory_is_silent(const struct exit_memory *m, int64_t id);

/* A peer that failed is asked now and then whether it answers, until it is settled. */
static inline bool exit_record_wants_probe(const struct exit_record *r, mono_t now)
{
	return r->silent || (!r->bad && !mono_due(mono_add_s(r->good_since, EXIT_SETTLE_S), now));
}

/* The peer a person would be told to use. 0 (*node NULL: there is no suggestion), -ERR_STATE: our
 * own relay is not known yet. prev: node id of the last one, 0: none. */
MUST_CHECK int exit_node_suggest(const struct exit_in *in, int64_t prev,
				 const struct nm_node **node);
/* Both default routes are among what the server lets it carry. */
bool exit_node_offers(const struct nm_node *n);
/* By address, short name, name with or without the dot, or stable id; letter case does not matter.
 * NULL: none, or several. */
const struct nm_node *exit_node_find(const struct netmap *nm, const char *name);

/* Traffic with one peer, looked at every few seconds; zeroed at its start. */
struct exit_watch {
	int64_t id;
	uint64_t rx_bytes, tx_bytes;
	bool waiting; /* something was sent that nothing has followed */
	mono_t since;
};
/* in_need: packets wait for a session. True: silent for EXIT_SILENCE_S; *heard: something came
 * since the last look. */
bool exit_watch_look(struct exit_watch *w, int64_t id, uint64_t rx_bytes, uint64_t tx_bytes,
		     bool in_need, mono_t now, bool *heard);

#endif
