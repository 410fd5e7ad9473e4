/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user metrics: packets and bytes by the kind of path. */
#include "daemon/dataplane/worker_priv.h"

#include <stdatomic.h>

static struct {
	_Atomic uint64_t in_packets[DP_PATH_KINDS], in_bytes[DP_PATH_KINDS];
	_Atomic uint64_t out_packets[DP_PATH_KINDS], out_bytes[DP_PATH_KINDS];
	_Atomic uint64_t in_drop_acl, out_drop_error;
} t;

static void add(_Atomic uint64_t *v, uint64_t n)
{
	atomic_fetch_add_explicit(v, n, memory_order_relaxed);
}

static uint64_t get(_Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

void traffic_in(enum dp_path_kind k, size_t packets, size_t bytes)
{
	add(&t.in_packets[k], packets);
	add(&t.in_bytes[k], bytes);
}

void traffic_out(enum dp_path_kind k, size_t packets, size_t bytes)
{
	add(&t.out_packets[k], packets);
	add(&t.out_bytes[k], bytes);
}

void traffic_drop_acl(void)
{
	add(&t.in_drop_acl, 1);
}

void traffic_drop_error(size_t n)
{
	add(&t.out_drop_error, n);
}

void dp_traffic_get(struct dp_traffic *out)
{
	for (int k = 0; k < DP_PATH_KINDS; k++) {
		out->in_packets[k] = get(&t.in_packets[k]);
		out->in_bytes[k] = get(&t.in_bytes[k]);
		out->out_packets[k] = get(&t.out_packets[k]);
		out->out_bytes[k] = get(&t.out_bytes[k]);
	}
	out->in_drop_acl = get(&t.in_drop_acl);
	out->out_drop_error = get(&t.out_drop_error);
}
