/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker.h: the packet path of one worker, run to completion on batches: TUN -> filter -> seal ->
 * UDP or relay, and UDP or relay -> open -> source check -> filter -> TUN. No system call,
 * allocation or lock; the outside is three callbacks. thread_linux.h runs it on real file
 * descriptors, the simulator on virtual ones. Thread: one worker; every call is given the snapshot
 * acquired for its batch. */
#ifndef DAEMON_DATAPLANE_WORKER_H
#define DAEMON_DATAPLANE_WORKER_H

#include "daemon/dataplane/msg.h"
#include "daemon/dataplane/snapshot.h"
#include "netstack/inbound.h"

/* Room around an inner packet: a relay header and the transport header before it, padding and tag
 * behind. */
#define DP_HEADROOM 32
#define DP_TAILROOM 48
#define DP_BATCH 128
#define DP_PACKET_MAX 9216 /* largest inner packet or datagram handled; the usual MTU is 1280 */
#define DP_PATH_WANT_MS 250
#define DP_NO_SESSION_MS 50 /* at most one DP_EV_NO_SESSION in this time */

struct dp_worker;

struct dp_datagram {
	struct ep ep; /* from, or to */
	struct mspan bytes;
	uint32_t peer; /* to: whose it is, for DP_EV_UNREACHABLE */
};

struct dp_worker_ops {
	/* Sealed datagrams in order; may be for several peers. Bytes are borrowed. */
	void (*udp_send)(void *arg, const struct dp_datagram *v, size_t n);
	/* Packets for this host, in order. Borrowed. */
	void (*tun_write)(void *arg, const struct span *v, size_t n);
	/* To the control thread; false: no room, the record is lost. */
	bool (*event)(void *arg, const struct dp_msg *m, struct span bytes);
};

/* waits: the control thread's outstanding echo requests, borrowed. Returns new. */
struct dp_worker *dp_worker_new(const struct dp_worker_ops *ops, void *arg,
				const struct echo_waits *waits, uint64_t seed);
void dp_worker_free(struct dp_worker *w); /* wipes staged packets */

/* Packets read from the TUN; each has DP_HEADROOM bytes before and DP_TAILROOM behind it that the
 * worker overwrites. n <= DP_BATCH. s NULL: dropped. */
void dp_worker_tun(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, struct mspan *pkts,
		   size_t n);
/* Datagrams received; opened in place. n <= DP_BATCH. */
void dp_worker_udp(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		   struct dp_datagram *v, size_t n);
/* A record from the control thread; bytes are overwritten. */
void dp_worker_command(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		       const struct dp_msg *m, struct mspan bytes);

/* Process-wide counters: "dataplane_...", and the user metrics by path. Thread: any. */
void dp_counters_register(void);
enum dp_path_kind { DP_DIRECT4, DP_DIRECT6, DP_RELAY, DP_PATH_KINDS };
enum dp_drop {
	DP_DROP_ACL,
	DP_DROP_ERROR, /* the system would not send it */
	DP_DROP_LINK_LOCAL,
	DP_DROP_MULTICAST,
	DP_DROP_TOO_SHORT,
	DP_DROP_UNKNOWN_PROTO,
	DP_DROP_KINDS
};
struct dp_traffic {
	uint64_t in_packets[DP_PATH_KINDS], in_bytes[DP_PATH_KINDS];
	uint64_t out_packets[DP_PATH_KINDS], out_bytes[DP_PATH_KINDS];
	uint64_t in_drop[DP_DROP_KINDS], out_drop[DP_DROP_KINDS]; /* packets */
};
void dp_traffic_get(struct dp_traffic *t);

#endif
