/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two lists of numbers: the documented one for dashboards, the internal counters. */
#include "daemon/localapi/handlers.h"

#include "base/counters.h"

#include <inttypes.h>

#define METRICS_MAX (4u << 20)

void api_usermetrics(struct api_req *r)
{
	struct buf b;
	buf_init(&b, METRICS_MAX);
	backend_usermetrics(r->b, &b);
	httpd_reply(r->http, 200, "text/plain;version=0.0.4;charset=utf-8", buf_span(&b));
	buf_fini(&b);
}

static void add_counter(void *arg, const char *name, uint64_t v)
{
	buf_fmt(arg, "# TYPE %s counter\n%s %" PRIu64 "\n", name, name, v);
}

void api_metrics(struct api_req *r)
{
	struct buf b;
	buf_init(&b, METRICS_MAX);
	counters_each(add_counter, &b);
	httpd_reply(r->http, 200, "text/plain", buf_span(&b));
	buf_fini(&b);
}
