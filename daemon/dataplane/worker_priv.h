/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker_priv.h: a worker's inside, shared by worker.c, worker_tx.c and worker_rx.c. */
#ifndef DAEMON_DATAPLANE_WORKER_PRIV_H
#define DAEMON_DATAPLANE_WORKER_PRIV_H

#include "daemon/dataplane/counters.h"
#include "daemon/dataplane/dns_gate.h"
#include "daemon/dataplane/staged.h"
#include "daemon/dataplane/worker.h"
#include "netstack/outbound.h"
#include "wg/session.h"

#define ANSWERS_MAX 16 /* TSMP answers and rejects of one batch */
#define REPLIES_MAX 32 /* cookies that leave together */
#define ANSWER_ROOM (DP_HEADROOM + TSMP_PACKET_MAX + DP_TAILROOM)
#define WIRE_LEN (72 * 1024) /* segments of a super-packet; more go in several rounds */
#define JOIN_MAX 512	     /* packets that are looked at together for joining */

struct dp_worker {
	const struct dp_worker_ops *ops;
	void *arg;
	const struct echo_waits *waits;
	struct flt_flows *flows, *jail_flows;
	struct staged *staged;
	struct gro *gro;
	struct intake *intake;
	struct dns_gate dns;
	mono_t told_no_session;

	/* the batch under way */
	struct wg_seal_item seal[DP_BATCH];
	struct wg_open_item open[DP_BATCH];
	struct dp_datagram udp[DP_BATCH]; /* sealed, to go */
	size_t n_udp;
	size_t n_joined;  /* packets given to gro */
	size_t n_passed;  /* of them and others, by the filter's word */
	struct span last; /* of this peer, delivered as it came; empty: none */
	uint8_t answers[ANSWERS_MAX][ANSWER_ROOM];
	struct mspan answer[ANSWERS_MAX];
	size_t n_answers;
	struct wg_cookie_reply reply[REPLIES_MAX]; /* in udp */
	size_t n_replies;
	uint8_t own[DP_HEADROOM + DP_PACKET_MAX + DP_TAILROOM];
	uint8_t echo[DP_PACKET_MAX];
	uint8_t wire[WIRE_LEN];
};

enum send_kind {
	SEND_DATA,     /* staged while there is no session */
	SEND_UNSTAGED, /* dropped then */
};

bool worker_event(struct dp_worker *w, const struct dp_msg *m, struct span bytes);
/* Do what wg_activity asked for. */
void worker_act(struct dp_worker *w, uint32_t peer, struct dp_live *live, unsigned act);
/* Seal inner packets (with DP_HEADROOM and DP_TAILROOM around each) and queue them on the peer's
 * way. Returns how many were sealed. */
size_t worker_send(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		   struct mspan *v, size_t n, enum send_kind kind);
/* What waits for the peer's session, as far as that can be sent on. Returns how many went. */
size_t worker_send_staged(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
			  uint32_t peer);
/* asked: it answers WG_EV_KEEPALIVE, which has its own stamp. */
void worker_keepalive(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		      bool asked);
void worker_flush_udp(struct dp_worker *w);
void worker_write(struct dp_worker *w, struct span packet); /* for this host, as it is */
/* What this host sent to a service address, with its checksum complete; bytes are overwritten. */
void worker_service(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, wall_t wall,
		    struct mspan bytes);
/* Transport datagrams that came by relay from that peer: one, or a run. */
void worker_relayed(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		    struct mspan run, size_t segment);

static inline const struct flt *worker_filter(const struct dp_snapshot *s, const struct dp_peer *p)
{
	return p->jailed ? s->tables->jail : s->tables->filter;
}

/* What the filter remembers grows old by the time of batches. */
static inline void worker_tick(struct dp_worker *w, mono_t now)
{
	flt_flows_tick(w->flows, now);
	flt_flows_tick(w->jail_flows, now);
}

static inline struct flt_flows *worker_flows(struct dp_worker *w, const struct dp_peer *p)
{
	return p->jailed ? w->jail_flows : w->flows;
}

/* traffic.c */
void traffic_in(enum dp_path_kind k, size_t packets, size_t bytes);
void traffic_out(enum dp_path_kind k, size_t packets, size_t bytes);
/* The filter's word on n packets, for its own counters as well. */
void traffic_judged_in(enum flt_verdict v, size_t n);
void traffic_judged_out(enum flt_verdict v, size_t n);
void traffic_send_failed(size_t datagrams);

#endif
