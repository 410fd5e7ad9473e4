/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One counter for each verdict and direction. */
#include "netstack/filter.h"

#include "base/counters.h"

#define ONE(dir, verdict, text) [verdict] = { "netstack_" dir "_" text, 0 }
#define SET(dir)                                                                                   \
	{                                                                                          \
		ONE(dir, FLT_PASS, "pass"), ONE(dir, FLT_DROP_TOO_SHORT, "drop_too_short"),        \
		    ONE(dir, FLT_DROP_UNKNOWN_PROTO, "drop_unknown_protocol"),                     \
		    ONE(dir, FLT_DROP_MULTICAST, "drop_multicast"),                                \
		    ONE(dir, FLT_DROP_LINK_LOCAL, "drop_link_local_unicast"),                      \
		    ONE(dir, FLT_DROP_NO_FILTER, "drop_no_filter"),                                \
		    ONE(dir, FLT_DROP_NOT_LOCAL, "drop_not_local"),                                \
		    ONE(dir, FLT_DROP_ACL, "drop_acl"),                                            \
		    ONE(dir, FLT_DROP_WITHDRAWN, "drop_withdrawn"),                                \
		    ONE(dir, FLT_DROP_FOREIGN_ERROR, "drop_foreign_error"),                        \
		    ONE(dir, FLT_DROP_OWN, "drop_own")                                             \
	}

static struct counter in[FLT_VERDICT_MAX] = SET("in");
static struct counter out[FLT_VERDICT_MAX] = SET("out");

void flt_counters_register(void)
{
	counters_register(in, FLT_VERDICT_MAX);
	counters_register(out, FLT_VERDICT_MAX);
}

void flt_count_in(enum flt_verdict v, uint64_t n)
{
	counter_add(&in[v], n);
}

void flt_count_out(enum flt_verdict v, uint64_t n)
{
	counter_add(&out[v], n);
}
