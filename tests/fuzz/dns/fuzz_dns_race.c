/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A race under any events in any order: it asks each way once, never one that is not there, ends in
 * time, and never spins. Input: how many upstreams and of what kind, then events. */
#include "tests/fuzz/fuzz.h"

#include "dns/race.h"

#include <stdlib.h>

enum { STEPS_MAX = 4 * DNS_GROUP_MAX };

static struct race race;
static bool asked[DNS_GROUP_MAX][3], open_now[DNS_GROUP_MAX][3];
static mono_t now;

static void begin(struct rd *r)
{
	uint8_t how = rd_u8(r);
	size_t n = how % 9;

	memset(asked, 0, sizeof(asked));
	memset(open_now, 0, sizeof(open_now));
	now = (mono_t){ NS_PER_S };
	race_init(&race, now, &(struct race_opts){ .udp_client = how & 0x40, .tcp = how & 0x80 });
	for (size_t i = 0; i < n; i++) {
		uint8_t b = rd_u8(r);

		race_add(&race, (enum dns_upstream_kind)(1 + b % 3), (b >> 2) * 20u,
			 i == 0 || b & 2);
	}
}

static void check_step(const struct race_step *s)
{
	const struct race_lane *l = &race.lanes[s->lane];

	if (s->lane >= race.n || (l->kind == DNS_UP_PLAIN) == (s->via == RACE_HTTP))
		abort();
	if (s->act == RACE_STOP) {
		if (!open_now[s->lane][s->via])
			abort();
		open_now[s->lane][s->via] = false;
		return;
	}
	if (asked[s->lane][s->via] || (s->via == RACE_TCP && !race.tcp))
		abort();
	asked[s->lane][s->via] = open_now[s->lane][s->via] = true;
}

static void drain(void)
{
	struct race_step s;
	int steps = 0;

	while (race_next(&race, now, &s)) {
		if (race.state != RACE_RUNNING || ++steps > STEPS_MAX)
			abort();
		check_step(&s);
	}
	/* what is due has been done */
	if (race.state == RACE_RUNNING && mono_due(race_deadline(&race), now))
		abort();
}

static void event(uint8_t what, uint8_t more)
{
	size_t lane = more % DNS_GROUP_MAX;
	enum race_via via = (enum race_via)(more / DNS_GROUP_MAX % 3);

	if (lane >= race.n)
		return;
	if (what & 1) {
		race_on_error(&race, now, lane, via);
		open_now[lane][via] = false;
	} else {
		enum race_use u = race_on_reply(&race, now, lane, via,
						(enum dns_reply_verdict)(what / 2 % 5), what & 64);

		if (u == RACE_WIN && (!asked[lane][via] || race.state != RACE_WON))
			abort();
		if (u != RACE_WAIT_ON)
			open_now[lane][via] = false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct rd r = rd_init(span_of(p, len));
	mono_t end;

	begin(&r);
	end = mono_add_ms(now, RACE_LIMIT_MS);
	drain();
	while (race.state == RACE_RUNNING) {
		uint8_t what = rd_u8(&r), more = rd_u8(&r);

		if (!rd_ok(&r) || what & 0x80)
			now = mono_max(now, race_deadline(&race));
		else
			event(what, more);
		drain();
		if (mono_before(end, now))
			abort();
	}
	(void)race_gives_kept(&race);
	for (size_t i = 0; i < race.n; i++)
		(void)race_mark(&race, now, i);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const uint8_t seeds[][12] = {
		{ 0xc1, 0x02, 0x02, 0x00 },
		{ 0xc3, 0x04, 0x66, 0x66, 0x80, 0, 0x01, 0x10, 0x80, 0, 0x04, 0x01 },
		{ 0x82, 0x02, 0x02, 0x40, 0x00, 0x00, 0x08 },
		{ 0x48, 2, 2, 2, 2, 2, 2, 2, 2 },
	};

	*out = span_of(seeds[i % 4], sizeof(seeds[0]));
	return i < 4;
}
