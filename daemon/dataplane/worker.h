/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker.h: the packet path of one worker, run to completion on batches: TUN -> filter -> split ->
 * seal -> UDP or relay, and UDP or relay -> open -> source check -> filter -> join -> TUN. No
 * system call, allocation or lock; the outside is three callbacks. thread_linux.h runs it on real
 * file descriptors, the simulator on virtual ones.
 *
 * One worker can do both directions. Two share the work by direction: one is given all that
 * dp_worker_tun and dp_command_is_for_sender are about, the other the rest; what the first has to
 * tell the second about flows goes through a journal. Thread: one at a time for each worker; every
 * call is given the snapshot acquired for its batch. */
#ifndef DAEMON_DATAPLANE_WORKER_H
#define DAEMON_DATAPLANE_WORKER_H

#include "daemon/dataplane/intake.h"
#include "daemon/dataplane/msg.h"
#include "daemon/dataplane/snapshot.h"
#include "netstack/gro.h"
#include "netstack/inbound.h"

/* Room around an inner packet: the transport header before it, padding and tag behind. Packets that
 * lie DP_HEADROOM + their padded length + DP_TAG apart leave as one run. */
#define DP_HEADROOM 16
#define DP_TAG 16
#define DP_TAILROOM (15 + DP_TAG)
#define DP_BATCH 128
#define DP_PACKET_MAX 9216 /* largest single packet or datagram; the usual MTU is 1280 */
#define DP_PATH_WANT_MS 250
#define DP_NO_SESSION_MS 50 /* at most one DP_EV_NO_SESSION in this time */

struct dp_worker;

/* A datagram, or a run of them as the kernel splits and joins them. */
struct dp_datagram {
	struct ep ep; /* from, or to */
	struct mspan bytes;
	uint32_t peer;	  /* to: whose it is, for DP_EV_UNREACHABLE */
	uint16_t segment; /* bytes of each datagram but the last; 0: a single one */
};

/* A packet or a super-packet as read from the TUN. */
struct dp_frame {
	struct vnet vnet; /* all zero: a plain packet */
	struct mspan bytes;
};

struct dp_worker_ops {
	/* Sealed datagrams in order; may be for several peers. Bytes are borrowed. */
	void (*udp_send)(void *arg, const struct dp_datagram *v, size_t n);
	/* Packets for this host, in order. Borrowed. */
	void (*tun_write)(void *arg, const struct gro_item *v, size_t n);
	/* To the control thread; false: no room, the record is lost. */
	bool (*event)(void *arg, const struct dp_msg *m, struct span bytes);
	/* How full the way there is, 0 to INTAKE_WAY_FULL. */
	unsigned (*waiting)(void *arg);
};

struct dp_worker_opts {
	const struct dp_worker_ops *ops;
	void *arg;
	const struct echo_waits *waits; /* the control thread's echo requests, borrowed */
	struct rng *rng;		/* of cookies; borrowed */
	uint64_t seed;
	unsigned gro; /* GRO_TCP, GRO_UDP: what may be joined */
};

struct dp_worker *dp_worker_new(const struct dp_worker_opts *o); /* new */
void dp_worker_free(struct dp_worker *w);			 /* wipes staged packets */
/* Tell w which protocols may be joined from now on. */
void dp_worker_set_gro(struct dp_worker *w, unsigned gro);

/* What two workers share: flows noted by the sender let answers in at the receiver. Before either
 * is given work; freed after both. */
struct dp_flow_link;
struct dp_flow_link *dp_flow_link_new(struct dp_worker *sender, struct dp_worker *receiver);
void dp_flow_link_free(struct dp_flow_link *l);

/* Read from the TUN at `wall`, which DNS answers name. A plain packet has DP_HEADROOM bytes before
 * and DP_TAILROOM behind it that the worker overwrites; a super-packet is copied apart. n <=
 * DP_BATCH. s NULL: dropped. */
void dp_worker_tun(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, wall_t wall,
		   struct dp_frame *v, size_t n);
/* Received; opened in place. */
void dp_worker_udp(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		   const struct dp_datagram *v, size_t n);
/* Whether it is flooded with what it drops, so that less of it should be received: intake.h. */
struct intake_overload dp_worker_overload(struct dp_worker *w, mono_t now);
/* A record from the control thread; bytes are overwritten. */
void dp_worker_command(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		       const struct dp_msg *m, struct mspan bytes);
/* Of two workers, whose command that is. */
bool dp_command_is_for_sender(const struct dp_msg *m);

/* Process-wide counters: "dataplane_...", and the user metrics by path. Thread: any. */
void dp_counters_register(void);
enum dp_path_kind { DP_DIRECT4, DP_DIRECT6, DP_RELAY, DP_PATH_KINDS };
enum dp_drop {
	DP_DROP_ACL,
	DP_DROP_ERROR, /* the system would not send it */
	DP_DROP_FOREIGN_ERROR,
	DP_DROP_LINK_LOCAL,
	DP_DROP_MULTICAST,
	DP_DROP_TOO_SHORT,
	DP_DROP_UNKNOWN_PROTO,
	DP_DROP_WITHDRAWN,
	DP_DROP_KINDS
};
struct dp_traffic {
	uint64_t in_packets[DP_PATH_KINDS], in_bytes[DP_PATH_KINDS];
	uint64_t out_packets[DP_PATH_KINDS], out_bytes[DP_PATH_KINDS];
	uint64_t in_drop[DP_DROP_KINDS], out_drop[DP_DROP_KINDS]; /* packets */
};
void dp_traffic_get(struct dp_traffic *t);

#endif
