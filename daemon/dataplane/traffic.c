/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user metrics: packets and bytes by the kind of path, drops by their reason. */
#include "daemon/dataplane/worker_priv.h"

#include <stdatomic.h>

static struct {
	_Atomic uint64_t in_packets[DP_PATH_KINDS], in_bytes[DP_PATH_KINDS];
	_Atomic uint64_t out_packets[DP_PATH_KINDS], out_bytes[DP_PATH_KINDS];
	_Atomic uint64_t in_drop[DP_DROP_KINDS], out_drop[DP_DROP_KINDS];
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

/* DP_DROP_KINDS: not a drop, or one that nobody need know of. */
static enum dp_drop drop_kind(enum flt_verdict v)
{
	switch (v) {
	case FLT_DROP_TOO_SHORT:
		return DP_DROP_TOO_SHORT;
	case FLT_DROP_UNKNOWN_PROTO:
		return DP_DROP_UNKNOWN_PROTO;
	case FLT_DROP_MULTICAST:
		return DP_DROP_MULTICAST;
	case FLT_DROP_LINK_LOCAL:
		return DP_DROP_LINK_LOCAL;
	case FLT_DROP_FOREIGN_ERROR:
		return DP_DROP_FOREIGN_ERROR;
	case FLT_DROP_WITHDRAWN:
		return DP_DROP_WITHDRAWN;
	case FLT_DROP_NO_FILTER:
	case FLT_DROP_NOT_LOCAL:
	case FLT_DROP_ACL:
		return DP_DROP_ACL;
	default:
		return DP_DROP_KINDS;
	}
}

void traffic_judged_in(enum flt_verdict v, size_t n)
{
	if (drop_kind(v) != DP_DROP_KINDS)
		add(&t.in_drop[drop_kind(v)], n);
	flt_count_in(v, n);
}

void traffic_judged_out(enum flt_verdict v, size_t n)
{
	if (drop_kind(v) != DP_DROP_KINDS)
		add(&t.out_drop[drop_kind(v)], n);
	flt_count_out(v, n);
}

void traffic_send_failed(size_t n)
{
	add(&t.out_drop[DP_DROP_ERROR], n);
}

void dp_traffic_get(struct dp_traffic *out)
{
	for (int k = 0; k < DP_PATH_KINDS; k++) {
		out->in_packets[k] = get(&t.in_packets[k]);
		out->in_bytes[k] = get(&t.in_bytes[k]);
		out->out_packets[k] = get(&t.out_packets[k]);
		out->out_bytes[k] = get(&t.out_bytes[k]);
	}
	for (int k = 0; k < DP_DROP_KINDS; k++) {
		out->in_drop[k] = get(&t.in_drop[k]);
		out->out_drop[k] = get(&t.out_drop[k]);
	}
}
