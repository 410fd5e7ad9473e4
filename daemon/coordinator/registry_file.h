/* SPDX-License-Identifier: GPL-2.0-or-later */
/* registry_file.h: everything the coordinator remembers, as one JSON text: its keys, the registry,
 * the policy. Pure: reading and writing the file is store_io.c's. The text is secret (private
 * keys).
 *
 * A file that does not parse is refused, never repaired: starting empty would strand every node. */
#ifndef COORDINATOR_REGISTRY_FILE_H
#define COORDINATOR_REGISTRY_FILE_H

#include "daemon/coordinator/registry.h"

#define STATE_FILE_MAX (256u << 20)

struct coord_state {
	struct machine_priv noise_key; /* ts2021 */
	struct node_priv derp_key;     /* relay */
	char *policy;		       /* text as set; NULL: allow all */
	char *dns;		       /* settings as set; NULL: none */
	char *cert_name; /* what the self-signed certificate was made for; NULL: none made */
	struct registry reg;
};

void coord_state_init(struct coord_state *s, struct rng *rng); /* fresh keys, nothing else */
void coord_state_fini(struct coord_state *s);
/* out: secret buffer */
void coord_state_encode(const struct coord_state *s, struct buf *out);
/* s was initialised; -ERR_SYNTAX or -ERR_RANGE with err filled. On error s may be partly filled:
 * finish it. */
MUST_CHECK int coord_state_decode(struct coord_state *s, struct span text, struct j_error *err);

#endif
