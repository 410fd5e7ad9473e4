/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/race.h"

enum {
	SILENT_MS = 2000,  /* without a word: looks dead */
	HANDICAP_MS = 150, /* asked so much earlier than the winner and beaten: likewise */
};

static uint8_t bit(enum race_via via)
{
	return (uint8_t)(1u << via);
}

void race_init(struct race *r, mono_t now, const struct race_opts *o)
{
	*r = (struct race){ .begun = now, .udp_client = o->udp_client, .tcp = o->tcp };
}

void race_add(struct race *r, enum dns_upstream_kind kind, uint32_t delay_ms, bool use)
{
	if (r->n == DNS_GROUP_MAX)
		return;
	r->lanes[r->n++] = (struct race_lane){
		.kind = kind,
		.start = use ? mono_add_ms(r->begun, delay_ms) : MONO_NEVER,
		.tcp_at = MONO_NEVER,
		.tcp_limit = MONO_NEVER,
		.failed = !use,
	};
}

static mono_t limit_of(const struct race *r)
{
	return mono_add_ms(r->begun, RACE_LIMIT_MS);
}

/* ---- lanes ----------------------------------------------------------------------------- */

static bool may_tcp(const struct race *r, const struct race_lane *l)
{
	return l->kind == DNS_UP_PLAIN && r->tcp && !(l->tried & bit(RACE_TCP));
}

static void lane_settle(const struct race *r, struct race_lane *l)
{
	if (l->tried && !l->asking && !may_tcp(r, l))
		l->failed = true;
}

/* One way of asking gave nothing that wins. */
static void lane_drop(struct race *r, mono_t now, struct race_lane *l, enum race_via via)
{
	l->asking &= (uint8_t)~bit(via);
	if (via == RACE_UDP && may_tcp(r, l))
		l->tcp_at = mono_min(l->tcp_at, now);
	lane_settle(r, l);
}

static void step_start(struct race_lane *l, enum race_via via, size_t i, struct race_step *s)
{
	l->tried |= bit(via);
	l->asking |= bit(via);
	*s = (struct race_step){ RACE_START, i, via };
}

static void lane_begin(const struct race *r, mono_t now, size_t i, struct race_lane *l,
		       struct race_step *s)
{
	if (l->kind == DNS_UP_PLAIN)
		l->tcp_at = mono_add_ms(now, r->udp_client ? RACE_TCP_MS : RACE_TCP_SOON_MS);
	l->start = now;
	step_start(l, l->kind == DNS_UP_PLAIN ? RACE_UDP : RACE_HTTP, i, s);
}

static bool lane_next(struct race *r, mono_t now, size_t i, struct race_step *s)
{
	struct race_lane *l = &r->lanes[i];

	if (l->failed)
		return false;
	if (!l->tried) {
		if (!mono_due(l->start, now))
			return false;
		lane_begin(r, now, i, l, s);
		return true;
	}
	if (may_tcp(r, l) && mono_due(l->tcp_at, now)) {
		l->tcp_limit = mono_add_ms(now, RACE_TCP_LIMIT_MS);
		step_start(l, RACE_TCP, i, s);
		return true;
	}
	if ((l->asking & bit(RACE_TCP)) && mono_due(l->tcp_limit, now)) {
		lane_drop(r, now, l, RACE_TCP);
		*s = (struct race_step){ RACE_STOP, i, RACE_TCP };
		return true;
	}
	return false;
}

/* ---- the race --------------------------------------------------------------------------- */

/* Nobody of those asked will answer any more: the next ones need not wait for their time. */
static void pull_forward(struct race *r, mono_t now)
{
	mono_t next = MONO_NEVER;

	for (size_t i = 0; i < r->n; i++) {
		const struct race_lane *l = &r->lanes[i];

		if (!l->failed && l->tried)
			return;
		if (!l->failed)
			next = mono_min(next, l->start);
	}
	for (size_t i = 0; i < r->n; i++)
		if (!r->lanes[i].failed && r->lanes[i].start.ns == next.ns)
			r->lanes[i].start = mono_min(next, now);
}

static bool all_failed(const struct race *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (!r->lanes[i].failed)
			return false;
	return true;
}

bool race_next(struct race *r, mono_t now, struct race_step *s)
{
	if (r->state != RACE_RUNNING)
		return false;
	if (all_failed(r) || mono_due(limit_of(r), now)) {
		r->state = RACE_LOST;
		return false;
	}
	pull_forward(r, now);
	for (size_t i = 0; i < r->n; i++)
		if (lane_next(r, now, i, s))
			return true;
	if (all_failed(r))
		r->state = RACE_LOST;
	return false;
}

static mono_t lane_deadline(const struct race *r, const struct race_lane *l)
{
	mono_t at = MONO_NEVER;

	if (l->failed)
		return MONO_NEVER;
	if (!l->tried)
		return l->start;
	if (may_tcp(r, l))
		at = l->tcp_at;
	return l->asking & bit(RACE_TCP) ? mono_min(at, l->tcp_limit) : at;
}

mono_t race_deadline(const struct race *r)
{
	mono_t at = limit_of(r);

	if (r->state != RACE_RUNNING)
		return MONO_NEVER;
	for (size_t i = 0; i < r->n; i++)
		at = mono_min(at, lane_deadline(r, &r->lanes[i]));
	return at;
}

static bool note_failure(struct race *r, bool servfail)
{
	bool first = !r->failed_once;

	r->failed_once = true;
	if (first)
		r->first_servfail = servfail;
	return first;
}

static bool nobody_refused(const struct race *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->lanes[i].said_refused)
			return false;
	return true;
}

/* Kept are the first SERVFAIL, if it was the first failure of all, and the first REFUSED. */
static enum race_use on_soft_failure(struct race *r, mono_t now, struct race_lane *l,
				     enum race_via via, enum dns_reply_verdict v)
{
	bool first = note_failure(r, v == DNS_REPLY_SERVFAIL);
	bool keep = false;

	if (v == DNS_REPLY_SERVFAIL) {
		keep = first;
		l->said_servfail = true;
	} else if (v == DNS_REPLY_REFUSED) {
		keep = nobody_refused(r) && !r->first_servfail;
		l->said_refused = true;
	}
	lane_drop(r, now, l, via);
	return keep ? RACE_KEEP : RACE_OVER;
}

enum race_use race_on_reply(struct race *r, mono_t now, size_t lane, enum race_via via,
			    enum dns_reply_verdict v, bool truncated)
{
	struct race_lane *l = &r->lanes[lane];

	if (r->state != RACE_RUNNING || !(l->asking & bit(via)))
		return RACE_OVER;
	if (v == DNS_REPLY_IGNORE && via == RACE_UDP)
		return RACE_WAIT_ON;
	if (v == DNS_REPLY_IGNORE) {
		race_on_error(r, now, lane, via);
		return RACE_OVER;
	}
	l->said_any = true;
	if (v != DNS_REPLY_ACCEPT)
		return on_soft_failure(r, now, l, via, v);
	if (via == RACE_UDP && truncated && !r->udp_client) {
		note_failure(r, false);
		lane_drop(r, now, l, via);
		return RACE_OVER;
	}
	r->state = RACE_WON;
	r->winner = lane;
	return RACE_WIN;
}

void race_on_error(struct race *r, mono_t now, size_t lane, enum race_via via)
{
	struct race_lane *l = &r->lanes[lane];

	if (r->state != RACE_RUNNING || !(l->asking & bit(via)))
		return;
	note_failure(r, false);
	lane_drop(r, now, l, via);
}

/* ---- what it says ------------------------------------------------------------------------ */

static bool all_refused(const struct race *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct race_lane *l = &r->lanes[i];

		if (!l->tried)
			continue;
		if (!l->said_refused || l->said_servfail)
			return false;
		n++;
	}
	return n > 0;
}

bool race_gives_kept(const struct race *r)
{
	return r->first_servfail || all_refused(r);
}

bool race_anybody_there(const struct race *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->lanes[i].said_any)
			return true;
	return false;
}

enum race_mark race_mark(const struct race *r, mono_t now, size_t lane)
{
	const struct race_lane *l = &r->lanes[lane];

	if (l->said_any)
		return RACE_MARK_ALIVE;
	if (!l->tried)
		return RACE_MARK_NONE;
	if (l->failed || mono_due(mono_add_ms(l->start, SILENT_MS), now))
		return RACE_MARK_DEAD;
	if (r->state == RACE_WON &&
	    mono_due(mono_add_ms(l->start, HANDICAP_MS), r->lanes[r->winner].start))
		return RACE_MARK_DEAD;
	return RACE_MARK_NONE;
}
