/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disco_priv.h: what disco.c (set, keys, deadlines), disco_tx.c and disco_rx.c share. */
#ifndef MAGICSOCK_DISCO_PRIV_H
#define MAGICSOCK_DISCO_PRIV_H

#include "magicsock/disco.h"

/* Every message but a padded ping fits; larger ones take heap for the moment. */
#define DISCO_SMALL 2048

struct disco_member {
	struct disco_peer pub;
	struct disco *set;
	struct heap_node timer;
	struct disco_member *same_key; /* next with this disco key */
	struct box_key box;	       /* of (own disco key, pub.key) */
	bool has_box;
};

struct disco {
	const struct disco_ops *ops;
	void *arg;
	struct rng *rng;
	struct path_node node;
	struct node_key self_node;
	struct disco_key self;
	struct disco_priv priv;
	struct map by_node; /* node key -> member */
	struct map by_key;  /* disco key -> first member of the chain */
	struct heap timers;
	mono_t announced; /* deadline the owner knows of */
	bool ponged;	  /* the message being handled has been answered */
};

/* disco.c: make the shared key if it is not there; false if it cannot be made */
bool disco_ensure_box(struct disco_member *p);
/* disco.c: after anything that may have moved p's deadline */
void disco_settle(struct disco *d, struct disco_member *p);
/* disco_tx.c: what the path machines call; arg is the set */
extern const struct path_ops disco_path_ops;

#endif
