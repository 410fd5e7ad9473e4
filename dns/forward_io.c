/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/forward_priv.h"

#include "base/counters.h"
#include "base/log.h"
#include "dns/name.h"

#include <stdlib.h>
#include <sys/resource.h>

enum { REPLY_MAX = 65536, OTHER_FILES = 256 };

/* ---- counters ----------------------------------------------------------------------------- */

static struct counter counters[FWD_COUNTS] = {
	[FWD_ASKED] = { "dns_forward_asked", 0 },
	[FWD_MERGED] = { "dns_forward_merged", 0 },
	[FWD_CACHE_HIT] = { "dns_forward_cache_hit", 0 },
	[FWD_NO_ROUTE] = { "dns_forward_no_route", 0 },
	[FWD_BROWSE] = { "dns_forward_browse", 0 },
	[FWD_LOOP] = { "dns_forward_loop", 0 },
	[FWD_FULL] = { "dns_forward_full", 0 },
	[FWD_EVICTED] = { "dns_forward_evicted", 0 },
	[FWD_WON_UDP] = { "dns_forward_won_udp", 0 },
	[FWD_WON_TCP] = { "dns_forward_won_tcp", 0 },
	[FWD_WON_HTTP] = { "dns_forward_won_http", 0 },
	[FWD_LOST] = { "dns_forward_lost", 0 },
	[FWD_IGNORED] = { "dns_forward_ignored", 0 },
	[FWD_STARVED] = { "dns_forward_starved", 0 },
};

void dns_forward_count(enum dns_forward_count what)
{
	counter_inc(&counters[what]);
}

/* ---- life --------------------------------------------------------------------------------- */

/* Descriptors for so many sockets, beside those of the rest of the process. Returns how many there
 * may be. */
static unsigned raise_files(unsigned want)
{
	struct rlimit r;
	rlim_t need = (rlim_t)want + OTHER_FILES;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return want;
	if (r.rlim_cur < need && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = need < r.rlim_max ? need : r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r) < 0 && getrlimit(RLIMIT_NOFILE, &r) < 0)
			return want;
	}
	if (r.rlim_cur == RLIM_INFINITY || r.rlim_cur > UINT32_MAX / 2)
		return UINT32_MAX / 2;
	return r.rlim_cur > OTHER_FILES ? (unsigned)r.rlim_cur - OTHER_FILES : 1;
}

static void set_ceiling(struct dns_forward *f, unsigned want)
{
	unsigned max = want ? want : DNS_FORWARD_IN_FLIGHT;

	if (max > DNS_FORWARD_IN_FLIGHT_MAX)
		max = DNS_FORWARD_IN_FLIGHT_MAX;
	/* two for each, where they can be had: a second upstream, or TCP */
	f->sockets_max = raise_files(max * 2);
	if (f->sockets_max < max) {
		log_warn("dns: only %u questions can be under way, not %u: the limit of open files "
			 "is too low (LimitNOFILE= of the unit, ulimit -n)",
			 f->sockets_max, max);
		max = f->sockets_max;
	}
	shares_init(&f->shares, max);
}

static void on_deliver(struct loop_defer *d);

struct dns_forward *dns_forward_new(struct net *n, const struct dns_forward_opts *o)
{
	struct dns_forward *f = xcalloc(1, sizeof(*f));
	size_t cache = o->cache_bytes ? o->cache_bytes : DNS_CACHE_BYTES;

	counters_register(counters, FWD_COUNTS);
	f->net = n;
	f->loop = net_loop(n);
	f->env = (struct lane_env){ .net = n,
				    .rng = o->rng ? o->rng : rng_system(),
				    .in_tunnel = o->in_tunnel,
				    .arg = o->arg,
				    .fn = dns_run_on_lane };
	f->tcp = true;
	f->cache = cache > 1 ? dns_cache_new(cache) : NULL;
	set_ceiling(f, o->in_flight_max);
	for (size_t i = 0; i < RUN_BUCKETS; i++)
		list_init(&f->runs[i]);
	list_init(&f->ready);
	loop_defer_init(f->loop, &f->deliver, on_deliver, f);
	f->scratch = xcalloc(1, REPLY_MAX);
	dns_trouble_init(f);
	return f;
}

static void free_routes(struct dns_forward *f)
{
	for (size_t i = 0; i < f->n_routes; i++) {
		free(f->routes[i].suffix);
		dns_group_unref(f->routes[i].to);
	}
	free(f->routes);
	f->routes = NULL;
	f->n_routes = 0;
}

/* The run goes with its last ask. */
static void cancel_run(struct dns_run *r)
{
	bool last = false;

	while (!last) {
		last = r->asks.next == r->asks.prev;
		dns_ask_cancel(LIST_ENTRY(r->asks.next, struct dns_ask, link));
	}
}

void dns_forward_free(struct dns_forward *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < RUN_BUCKETS; i++)
		LIST_EACH(it, &f->runs[i])
			cancel_run(LIST_ENTRY(it, struct dns_run, bucket));
	LIST_EACH(it, &f->ready)
		dns_ask_cancel(LIST_ENTRY(it, struct dns_ask, link));
	loop_defer_cancel(&f->deliver);
	dns_trouble_fini(f);
	free_routes(f);
	for (size_t i = 0; i < VIA_MAX; i++)
		dns_group_unref(f->via[i]);
	dns_cache_free(f->cache);
	shares_fini(&f->shares);
	free(f->scratch);
	free(f);
}

/* ---- settings ------------------------------------------------------------------------------ */

static void flush(struct dns_forward *f)
{
	if (f->cache)
		dns_cache_flush(f->cache);
}

/* An upper-case suffix would match nothing: names of questions are lower case. */
static char *suffix_copy(const char *suffix)
{
	char *s = xstrdup(suffix);
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] + 0x20);
	if (len && s[len - 1] == '.')
		s[len - 1] = '\0';
	return s;
}

static bool has_route(const struct dns_forward *f, const struct dns_suffix_route *r)
{
	const struct dns_route *have = dns_route_find(f->routes, f->n_routes, r->suffix);

	return have && strcmp(have->suffix, r->suffix) == 0 && dns_group_is(have->to, &r->to);
}

static bool has_routes(const struct dns_forward *f, const struct dns_suffix_route *routes, size_t n)
{
	if (f->n_routes != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!has_route(f, &routes[i]))
			return false;
	return true;
}

void dns_forward_set_routes(struct dns_forward *f, const struct dns_suffix_route *routes, size_t n)
{
	if (has_routes(f, routes, n))
		return;
	free_routes(f);
	flush(f);
	f->routes = xcalloc(n ? n : 1, sizeof(*f->routes));
	f->n_routes = n;
	for (size_t i = 0; i < n; i++) {
		f->routes[i].suffix = suffix_copy(routes[i].suffix);
		f->routes[i].to = dns_group_new(++f->last_group, &routes[i].to);
	}
	dns_routes_sort(f->routes, n);
}

void dns_forward_on_link_change(struct dns_forward *f)
{
	flush(f);
	dead_clear(&f->dead);
	dns_trouble_reset(f);
}

void dns_forward_set_tcp(struct dns_forward *f, bool on)
{
	f->tcp = on;
}

unsigned dns_forward_in_flight_max(const struct dns_forward *f)
{
	return f->shares.max;
}

unsigned dns_forward_in_flight(const struct dns_forward *f)
{
	return f->shares.total;
}

static struct dns_group *group_for(const struct dns_forward *f, const char *name)
{
	const struct dns_route *r = dns_route_find(f->routes, f->n_routes, name);

	return r ? r->to : NULL;
}

const struct dns_upstreams *dns_forward_route(const struct dns_forward *f, const char *name)
{
	const struct dns_group *g = group_for(f, name);

	return g && g->list.n ? &g->list : NULL;
}

/* The group of explicit upstreams: the same list is the same group, as long as it is in use. */
static struct dns_group *via_group(struct dns_forward *f, const struct dns_upstreams *ups)
{
	struct dns_group *g = NULL;
	size_t i = 0;

	while (i < VIA_MAX - 1 && f->via[i] && !dns_group_is(f->via[i], ups))
		i++;
	g = f->via[i];
	if (!g || !dns_group_is(g, ups)) {
		dns_group_unref(g);
		g = dns_group_new(++f->last_group, ups);
	}
	memmove(&f->via[1], &f->via[0], i * sizeof(f->via[0]));
	f->via[0] = g;
	return g;
}

/* ---- answers ------------------------------------------------------------------------------- */

static void ask_free(struct dns_ask *a)
{
	list_remove(&a->link);
	if (a->share)
		shares_remove(&a->f->shares, a->share, &a->member);
	free(a->reply);
	free(a);
}

/* As this client gets it: its id, its spelling, no longer than it takes. */
static struct span fit(struct dns_ask *a, struct span reply)
{
	uint8_t *out = a->f->scratch;
	size_t len = reply.len;

	if (len < DNS_HEADER_LEN || len > REPLY_MAX)
		return span_of(NULL, 0);
	memcpy(out, reply.p, len);
	dns_reply_restore(&a->q, mspan_of(out, len));
	if (a->udp)
		len = dns_reply_fit(&a->q, mspan_of(out, len));
	return span_of(out, len);
}

void dns_ask_answer(struct dns_ask *a, struct span reply)
{
	struct span out = fit(a, reply);
	dns_reply_fn *fn = a->fn;
	void *arg = a->arg;

	ask_free(a);
	fn(arg, out);
}

static struct span error_of(const struct dns_query *q, uint16_t flags, uint8_t rcode,
			    struct mspan room)
{
	return span_of(room.p, dns_error_build(q, flags, rcode, room));
}

void dns_ask_servfail(struct dns_ask *a)
{
	uint8_t room[DNS_UDP_MIN];

	dns_ask_answer(a, error_of(&a->q, DNS_AA, DNS_SERVFAIL, mspan_of(room, sizeof(room))));
}

static void on_deliver(struct loop_defer *d)
{
	struct dns_forward *f = d->arg;
	struct list batch;

	/* what callbacks make ready waits for the next turn */
	list_add_after(&f->ready, &batch);
	list_remove(&f->ready);
	while (!list_empty(&batch)) {
		struct dns_ask *a = LIST_ENTRY(list_first(&batch), struct dns_ask, link);
		uint8_t *reply = a->reply;

		a->reply = NULL;
		dns_ask_answer(a, span_of(reply, a->reply_len));
		free(reply);
	}
}

/* The answer is known: it is given at the end of this turn. */
static void make_ready(struct dns_ask *a, struct span reply)
{
	a->reply = try_calloc(1, reply.len ? reply.len : 1);
	a->reply_len = a->reply ? reply.len : 0;
	if (a->reply_len)
		memcpy(a->reply, reply.p, reply.len);
	list_push_back(&a->f->ready, &a->link);
	loop_defer_arm(&a->f->deliver);
}

static void ready_error(struct dns_ask *a, uint16_t flags, uint8_t rcode)
{
	uint8_t room[DNS_UDP_MIN];

	make_ready(a, error_of(&a->q, flags, rcode, mspan_of(room, sizeof(room))));
}

/* ---- questions ------------------------------------------------------------------------------- */

static void leave_run(struct dns_ask *a)
{
	struct dns_run *r = a->run;

	a->run = NULL;
	list_remove(&a->link);
	if (r && list_empty(&r->asks) && !list_empty(&r->bucket))
		dns_run_free(r);
}

void dns_ask_cancel(struct dns_ask *a)
{
	if (!a)
		return;
	leave_run(a);
	ask_free(a);
}

/* The flood loses its newest question to one that has less than its share. */
static bool admit(struct dns_forward *f, struct ep who)
{
	struct list *victim;
	struct dns_ask *a;

	if (!shares_admit(&f->shares, who, &victim)) {
		dns_forward_count(FWD_FULL);
		return false;
	}
	if (!victim)
		return true;
	a = LIST_ENTRY(victim, struct dns_ask, member);
	dns_forward_count(FWD_EVICTED);
	leave_run(a);
	free(a->reply);
	a->reply = NULL;
	make_ready(a, span_of(NULL, 0));
	/* it still has to be told, but counts no longer */
	shares_remove(&f->shares, a->share, &a->member);
	a->share = NULL;
	return true;
}

static struct dns_ask *ask_new(struct dns_forward *f, const struct dns_query *q,
			       const struct dns_client *who, dns_reply_fn *fn, void *arg)
{
	struct dns_ask *a = xcalloc(1, sizeof(*a));

	a->f = f;
	a->q = *q;
	/* nobody gets more by UDP, whatever he says he takes */
	if (a->q.udp_size > DNS_UDP_MAX)
		a->q.udp_size = DNS_UDP_MAX;
	a->udp = who->udp;
	a->fn = fn;
	a->arg = arg;
	list_init(&a->link);
	list_init(&a->member);
	a->share = shares_add(&f->shares, (struct ep){ who->from, who->port }, &a->member);
	dns_forward_count(FWD_ASKED);
	return a;
}

static bool from_cache(struct dns_ask *a, const struct dns_group *g, struct span msg)
{
	struct dns_forward *f = a->f;
	uint8_t room[DNS_CACHE_REPLY_MAX];
	size_t len;

	if (!f->cache || !dns_cache_fits(&a->q, msg))
		return false;
	len = dns_cache_get(f->cache, loop_now(f->loop), dns_group_path(g, &f->env), &a->q, msg,
			    mspan_of(room, sizeof(room)));
	if (len == 0)
		return false;
	dns_forward_count(FWD_CACHE_HIT);
	make_ready(a, span_of(room, len));
	return true;
}

static void join(struct dns_ask *a, struct dns_run *r)
{
	a->run = r;
	list_push_back(&r->asks, &a->link);
}

/* No upstream can be asked. */
static void no_route(struct dns_ask *a, const struct dns_group *g)
{
	dns_forward_count(FWD_NO_ROUTE);
	if (g && g->list.n)
		dns_trouble_on_silence(a->f, g, loop_now(a->f->loop));
	ready_error(a, DNS_AA, DNS_SERVFAIL);
}

static void ask_upstreams(struct dns_ask *a, struct dns_group *g, struct span msg,
			  const struct dns_client *who)
{
	struct dns_forward *f = a->f;
	struct dns_run *r = dns_run_find(f, dns_group_path(g, &f->env), &a->q, msg, who->udp);

	if (r) {
		dns_forward_count(FWD_MERGED);
		join(a, r);
		return;
	}
	if (dns_run_depth(f, &a->q, who->from) >= LOOP_DEPTH) {
		dns_forward_count(FWD_LOOP);
		ready_error(a, DNS_AA, DNS_SERVFAIL);
		return;
	}
	r = dns_run_new(f, g, &a->q, msg, who);
	join(a, r);
	dns_run_begin(r);
}

static struct dns_ask *ask(struct dns_forward *f, struct dns_group *g, const struct dns_query *q,
			   struct span msg, const struct dns_client *who, dns_reply_fn *fn,
			   void *arg)
{
	uint8_t request[DNS_FORWARD_MSG_MAX];
	struct dns_ask *a;
	struct span req;

	if (msg.len > sizeof(request) || q->question_len == 0)
		return NULL;
	req = span_of(request, dns_request_build(q, 0, msg, mspan_of(request, sizeof(request))));
	if (req.len == 0 || !admit(f, (struct ep){ who->from, who->port }))
		return NULL;
	a = ask_new(f, q, who, fn, arg);
	if (dns_is_browse(q->name)) {
		dns_forward_count(FWD_BROWSE);
		ready_error(a, dns_ra_of(q), DNS_NXDOMAIN);
	} else if (!g || g->n == 0) {
		no_route(a, g);
	} else if (!from_cache(a, g, req)) {
		ask_upstreams(a, g, req, who);
	}
	return a;
}

struct dns_ask *dns_forward_ask(struct dns_forward *f, const struct dns_query *q, struct span msg,
				const struct dns_client *who, dns_reply_fn *fn, void *arg)
{
	return ask(f, group_for(f, q->name), q, msg, who, fn, arg);
}

struct dns_ask *dns_forward_ask_via(struct dns_forward *f, const struct dns_upstreams *via,
				    const struct dns_query *q, struct span msg,
				    const struct dns_client *who, dns_reply_fn *fn, void *arg)
{
	return ask(f, via_group(f, via), q, msg, who, fn, arg);
}
