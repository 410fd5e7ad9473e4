/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/netcheck_io.h"

#include "base/alloc.h"
#include "magicsock/netcheck_io_priv.h"
#include "magicsock/udp_linux.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_timer(struct loop_timer *t, mono_t now);

struct netcheck *netcheck_new(struct net *net, struct rng *rng, const struct netcheck_ops *ops,
			      void *arg)
{
	struct netcheck *c = xcalloc(1, sizeof(*c));
	c->net = net;
	c->loop = net_loop(net);
	c->rng = rng;
	c->ops = ops;
	c->arg = arg;
	c->history = nc_history_new();
	c->socks = UDP_SOCKS_NONE;
	list_init(&c->names);
	list_init(&c->https);
	loop_timer_init(c->loop, &c->timer, on_timer, c);
	return c;
}

/* ---- own sockets (CLI) -------------------------------------------------------------------- */

static void on_readable(struct loop_fd *w, int events)
{
	struct netcheck *c = w->arg;
	uint8_t mem[1500];
	struct ep from;
	struct mspan room = mspan_of(mem, sizeof(mem));
	(void)events;
	while (udp_recv(w->fd, &room, &from) > 0) {
		netcheck_input(c, loop_now(c->loop), from, span_const(room));
		room.len = sizeof(mem);
	}
}

static void watch(struct netcheck *c, struct loop_fd *w, int fd)
{
	if (fd < 0)
		return;
	net_mark(c->net, fd);
	if (loop_fd_start(c->loop, w, fd, LOOP_READ, on_readable, c))
		c->deaf = true; /* no answer will come: the check falls back to HTTPS */
}

static void open_own(struct netcheck *c)
{
	struct udp_opts any = { .no_offload = OFFLOAD_ALL };
	if (c->ops->send_stun)
		return;
	if (udp_open(&c->socks, &any))
		c->deaf = true;
	watch(c, &c->fd4, c->socks.v4.fd);
	watch(c, &c->fd6, c->socks.v6.fd);
}

static void close_own(struct netcheck *c)
{
	loop_fd_stop(&c->fd4);
	loop_fd_stop(&c->fd6);
	udp_close(&c->socks);
}

/* ---- probes: names, then packets ------------------------------------------------------------ */

static void send_probe(struct netcheck *c, const struct stun_txid *txid, struct ep to)
{
	uint8_t pkt[STUN_REQUEST_LEN];
	bool ok;
	stun_request_build(txid, pkt);
	if (c->ops->send_stun) {
		ok = c->ops->send_stun(c->arg, to, span_of(pkt, sizeof(pkt))) == 0;
	} else {
		enum udp_result r = udp_send(&c->socks, to, span_of(pkt, sizeof(pkt)));
		ok = r == UDP_SENT || r == UDP_LOST || r == UDP_AGAIN;
	}
	if (ok)
		nc_run_sent(c->run, loop_now(c->loop), txid, to);
	else
		nc_run_not_sent(c->run, txid);
}

static void send_to_name(struct netcheck *c, const struct name *n, const struct waiting *w)
{
	for (size_t i = 0; i < n->n_addrs; i++) {
		if (n->addrs[i].fam != w->fam)
			continue;
		send_probe(c, &w->txid, (struct ep){ n->addrs[i], w->port });
		return;
	}
	nc_run_not_sent(c->run, &w->txid);
}

static void on_resolved(void *arg, int err, const struct ip *addrs, size_t n)
{
	struct name *name = arg;
	struct netcheck *c = name->check;
	name->resolve = NULL;
	name->n_addrs = err ? 0 : n < RESOLVE_MAX ? n : RESOLVE_MAX;
	for (size_t i = 0; i < name->n_addrs; i++)
		name->addrs[i] = addrs[i];
	for (size_t i = 0; i < name->n_waiting; i++)
		send_to_name(c, name, &name->waiting[i]);
	name->n_waiting = 0;
	loop_timer_arm(&c->timer, loop_now(c->loop));
}

static struct name *name_find_or_start(struct netcheck *c, const char *host)
{
	LIST_EACH (it, &c->names) {
		struct name *n = LIST_ENTRY(it, struct name, link);
		if (str_cmp(n->host, host) == 0)
			return n;
	}
	struct name *n = xcalloc(1, sizeof(*n));
	n->check = c;
	n->host = xstrdup(host);
	list_push_back(&c->names, &n->link);
	n->resolve = resolve_start(c->net, host, on_resolved, n);
	return n;
}

static void on_probe(void *arg, const struct derp_region *region, size_t i, enum ip_family fam,
		     const struct stun_txid *txid)
{
	struct netcheck *c = arg;
	const struct derp_node *node = &region->nodes[i];
	struct waiting w = { .txid = *txid, .fam = fam, .port = derp_node_stun_port(node) };
	struct ip ip;
	if (derp_node_stun_addr(node, fam, &ip) == DERP_ADDR_LITERAL) {
		send_probe(c, txid, (struct ep){ ip, w.port });
		return;
	}
	struct name *n = name_find_or_start(c, node->host ? node->host : "");
	if (!n->resolve)
		send_to_name(c, n, &w);
	else if (n->n_waiting < NAME_WAITING_MAX)
		n->waiting[n->n_waiting++] = w;
	else
		nc_run_not_sent(c->run, txid);
}

static void forget_names(struct netcheck *c)
{
	LIST_EACH (it, &c->names) {
		struct name *n = LIST_ENTRY(it, struct name, link);
		resolve_cancel(n->resolve);
		list_remove(it);
		free(n->host);
		free(n);
	}
}

static const struct nc_run_ops run_ops = { .probe = on_probe };

/* ---- phases ---------------------------------------------------------------------------------- */

static bool os_has_ipv6(void)
{
	struct sockaddr_in6 lo = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool ok = bind(fd, (struct sockaddr *)&lo, sizeof(lo)) == 0;
	close(fd);
	return ok;
}

static void clean_up(struct netcheck *c)
{
	loop_timer_cancel(&c->timer);
	forget_names(c);
	netcheck_https_stop(c);
	close_own(c);
	nc_run_free(c->run);
	c->run = NULL;
	derp_map_free(c->map);
	c->map = NULL;
	c->phase = NETCHECK_IDLE;
}

/* The owner may free us in its callback: nothing is touched after it. */
static void finish(struct netcheck *c, mono_t now)
{
	struct nc_report *r = nc_run_take(c->run);
	struct nc_home_in in = { .map = c->map,
				 .heard = c->ops->heard,
				 .arg = c->arg,
				 .started = c->started,
				 .full = c->full };
	r->now = wall_now();
	r->os_has_ipv6 = os_has_ipv6();
	nc_history_add(c->history, now, r, &in);
	clean_up(c);
	c->ops->done(c->arg, r);
}

static void step(struct netcheck *c, mono_t now)
{
	if (c->phase == NETCHECK_STUN && !c->deaf)
		nc_run_tick(c->run, now);
	if (c->phase == NETCHECK_STUN && (c->deaf || nc_run_stun_done(c->run))) {
		bool udp = nc_run_report(c->run)->udp;
		c->phase = NETCHECK_HTTPS;
		if (!udp)
			netcheck_https_start(c);
	}
	bool over = mono_due(c->deadline, now);
	if (c->phase == NETCHECK_HTTPS && (over || list_empty(&c->https)))
		finish(c, now);
	else if (c->phase == NETCHECK_STUN)
		loop_timer_arm(&c->timer, mono_min(nc_run_deadline(c->run), c->deadline));
	else
		loop_timer_arm(&c->timer, c->deadline);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	step(t->arg, now);
}

void netcheck_step_soon(struct netcheck *c)
{
	loop_timer_arm(&c->timer, loop_now(c->loop));
}

int netcheck_start(struct netcheck *c, const struct netcheck_opts *o)
{
	mono_t now = loop_now(c->loop);
	if (c->phase != NETCHECK_IDLE)
		return -ERR_BUSY;
	if (!o->map || !o->map->n_regions)
		return -ERR_NOENT;
	c->full = o->full || nc_history_want_full(c->history, now);
	c->map = derp_map_copy(o->map);
	c->have_v4 = o->have_v4;
	struct nc_plan_in in = { .map = c->map,
				 .last = c->full ? NULL : nc_history_last(c->history),
				 .have_v4 = o->have_v4,
				 .have_v6 = o->have_v6,
				 .home = o->home };
	c->run = nc_run_new(now, &in, o->many, c->rng, &run_ops, c);
	c->started = now;
	c->deadline = mono_add_ms(now, NETCHECK_REPORT_MS);
	c->deaf = o->no_stun;
	c->phase = NETCHECK_STUN;
	if (!c->deaf)
		open_own(c);
	netcheck_step_soon(c);
	return 0;
}

void netcheck_free(struct netcheck *c)
{
	if (!c)
		return;
	clean_up(c);
	nc_history_free(c->history);
	free(c);
}

bool netcheck_running(const struct netcheck *c)
{
	return c->phase != NETCHECK_IDLE;
}

void netcheck_input(struct netcheck *c, mono_t now, struct ep from, struct span pkt)
{
	if (c->phase == NETCHECK_STUN && nc_run_on_stun(c->run, now, from, pkt))
		netcheck_step_soon(c);
}

void netcheck_reset(struct netcheck *c)
{
	nc_history_reset(c->history);
}

const struct nc_report *netcheck_last(const struct netcheck *c)
{
	return nc_history_last(c->history);
}
