/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/verdict.h"

#include "base/alloc.h"
#include "base/counters.h"

static struct counter counters[WG_VERDICTS] = {
	[WG_PASS] = { .name = "wg_hs_accepted" },
	[WG_DROP_KIND] = { .name = "wg_hs_bad_kind" },
	[WG_DROP_NO_KEY] = { .name = "wg_hs_no_key" },
	[WG_DROP_MAC1] = { .name = "wg_hs_bad_mac1" },
	[WG_DROP_COOKIE] = { .name = "wg_hs_cookie_sent" },
	[WG_DROP_LOAD] = { .name = "wg_hs_overload" },
	[WG_DROP_RATE] = { .name = "wg_hs_rate_limited" },
	[WG_DROP_NOISE] = { .name = "wg_hs_undecryptable" },
	[WG_DROP_PEER] = { .name = "wg_hs_unknown_peer" },
	[WG_DROP_RELAY] = { .name = "wg_hs_wrong_relay_sender" },
	[WG_DROP_REPLAY] = { .name = "wg_hs_old_stamp" },
	[WG_DROP_FLOOD] = { .name = "wg_hs_too_soon" },
	[WG_DROP_STATE] = { .name = "wg_hs_unasked" },
};

const char *wg_verdict_name(enum wg_verdict v)
{
	return (unsigned)v < ARRAY_LEN(counters) ? counters[v].name : "wg_hs_unknown";
}

void wg_verdict_count(enum wg_verdict v)
{
	if ((unsigned)v < ARRAY_LEN(counters))
		counter_inc(&counters[v]);
}

void wg_counters_register(void)
{
	counters_register(counters, ARRAY_LEN(counters));
}
