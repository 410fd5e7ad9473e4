/* SPDX-License-Identifier: GPL-2.0-or-later */
/* race.h: one question's way through the upstreams of its route (shared/spec/dns.md 4.2, 4.3): all
 * are asked, each after its delay; the first answer wins; SERVFAIL and REFUSED count only when
 * nobody says better. Events go in, race_next tells what to do, race_deadline when to look again.
 *
 * A lane is one upstream. By UDP it is asked first; by TCP when UDP failed, or has been silent for
 * RACE_TCP_MS, or was truncated for a client that wants it whole. By HTTP it is asked once. Pure. */
#ifndef DNS_RACE_H
#define DNS_RACE_H

#include "base/mono.h"
#include "dns/reply_check.h"
#include "dns/upstream.h"

enum {
	RACE_TCP_MS = 2000,	  /* after UDP, for a client that came by UDP */
	RACE_TCP_SOON_MS = 250,	  /* likewise, for one that takes an answer of any length */
	RACE_TCP_LIMIT_MS = 5000, /* for one attempt */
	RACE_LIMIT_MS = 9500,	  /* then SERVFAIL, before the asking program gives up */
};

enum race_via { RACE_UDP, RACE_TCP, RACE_HTTP };

struct race_lane {
	enum dns_upstream_kind kind;
	mono_t start;	  /* MONO_NEVER: not in this race */
	mono_t tcp_at;
	mono_t tcp_limit;
	uint8_t tried, asking; /* bits of enum race_via */
	bool failed;	       /* nothing more comes from it */
	bool said_servfail, said_refused, said_any;
};

enum race_state { RACE_RUNNING, RACE_WON, RACE_LOST };

struct race {
	struct race_lane lanes[DNS_GROUP_MAX];
	size_t n;
	mono_t begun;
	bool udp_client, tcp;
	enum race_state state;
	size_t winner;
	bool failed_once, first_servfail;
};

struct race_opts {
	bool udp_client; /* takes a truncated answer as it is */
	bool tcp;	 /* may be used */
};

void race_init(struct race *r, mono_t now, const struct race_opts *o);
/* In the order of the schedule. use false: this one sits the race out, as it has been dead. */
void race_add(struct race *r, enum dns_upstream_kind kind, uint32_t delay_ms, bool use);

enum race_act {
	RACE_START, /* ask that lane that way */
	RACE_STOP,  /* it took too long: close it. Nothing is to be reported */
};
struct race_step {
	enum race_act act;
	size_t lane;
	enum race_via via;
};
/* What to do now; call it until it returns false. */
bool race_next(struct race *r, mono_t now, struct race_step *s);
mono_t race_deadline(const struct race *r);

enum race_use {
	RACE_WAIT_ON, /* it was nothing: keep listening there */
	RACE_OVER,    /* close that socket */
	RACE_KEEP,    /* likewise; and this is what the client gets if all fails */
	RACE_WIN,     /* give it to the client */
};
enum race_use race_on_reply(struct race *r, mono_t now, size_t lane, enum race_via via,
			    enum dns_reply_verdict v, bool truncated);
void race_on_error(struct race *r, mono_t now, size_t lane, enum race_via via);

/* After RACE_LOST: the client gets what was kept, not a SERVFAIL of ours. */
bool race_gives_kept(const struct race *r);
/* Somebody answered, whatever it was. */
bool race_anybody_there(const struct race *r);
/* When the race is over: what it says about a lane. */
enum race_mark { RACE_MARK_NONE, RACE_MARK_ALIVE, RACE_MARK_DEAD };
enum race_mark race_mark(const struct race *r, mono_t now, size_t lane);

#endif
