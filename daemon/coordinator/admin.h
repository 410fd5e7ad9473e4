/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admin.h: the verbs of `meshcoord authkey|node|policy|debug` as the server sees them: a JSON
 * object in
 * ({"verb":"node list", ...}), a JSON object out ({"result":...} or {"error":"..."}). The socket is
 * admin_io.c's. Thread: the loop's. */
#ifndef COORDINATOR_ADMIN_H
#define COORDINATOR_ADMIN_H

#include "daemon/coordinator/coord.h"

#define ADMIN_LINE_MAX (16u << 20)
#define ADMIN_SOCKET "meshcoord.sock"

struct admin_call {
	struct coord *coord;
	json_t *args; /* the request object */
	struct store_wait sync;
	json_t *result;
	/* Called once, never from inside admin_start; the reply is taken. NULL once the asker left.
	 */
	void (*reply)(void *arg, json_t *reply);
	void *arg;
};

typedef void admin_fn(struct admin_call *call);
struct admin_verb {
	const char *name;
	admin_fn *fn;
};

/* Handle one line. */
void admin_start(struct coord *c, struct span line, void (*reply)(void *arg, json_t *reply),
		 void *arg);

/* For verbs: end the call. Every verb ends with exactly one of these. */
void admin_ok(struct admin_call *call, json_t *taken);	      /* NULL: nothing to say */
void admin_ok_stored(struct admin_call *call, json_t *taken); /* once the state is on disk */
void admin_fail(struct admin_call *call, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* For verbs: the node that argument "node" names, or NULL and the call has failed. */
struct node *admin_node(struct admin_call *call);
const char *admin_str(const struct admin_call *call, const char *name); /* "" if absent */

extern const struct admin_verb admin_key_verbs[], admin_node_verbs[], admin_debug_verbs[],
    admin_dns_verbs[];

#endif
