/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/linkmon_linux.h"

#include "base/alloc.h"
#include "base/bucket.h"
#include "netstack/netmsg_linux.h"
#include "netstack/snapshot_linux.h"

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Handovers come in steps: a carrier goes, a route follows, an address. A few looks are short of a
 * second apart, then there is one a second, however many events there are. */
#define CHECK_GAP_MS 250
#define CHECK_BURST 3
#define CHECK_REFILL (1000 * NS_PER_MS)
#define CHECK_AGAIN_MS 1000 /* after one that failed */
#define POLL_MS 10000	    /* where events cannot be had */
#define EVENT_BUFFER (1 << 20)
#define READS_PER_WAKE 64

#define SUSPEND_TICK_MS 15000
#define SUSPEND_SEEN_S 22 /* the tick came this late: the machine slept, or its clock was set */

#define LOSS_DELAY_MS 250
#define LOSS_BURST 10
#define LOSS_REFILL (5000 * NS_PER_MS)

/* Something of ours that others may take away. */
struct loss {
	bool guard;
	struct loop_timer tell;
	struct bucket budget;
};

struct linkmon {
	struct loop *loop;
	struct linkmon_ops ops;
	char *tun;
	struct link_own own;
	wall_t (*wall)(void);

	struct nl_sock *query;	/* blocking */
	struct nl_sock *events; /* NULL: poll */
	struct loop_fd watch;
	struct link_snapshot now;

	struct loop_timer check;
	mono_t check_from; /* not before */
	struct bucket checks;
	int64_t jump_s; /* seen since the last check */

	struct loop_timer tick;
	int64_t tick_ms;
	wall_t ticked;

	struct loss rules, routes;
	bool routes_settled; /* guard the routes once no event is left unread */
	bool routes_owed;    /* some were lost before that, and nobody has looked yet */
};

/* ---- looking ---- */

static void check_soon(struct linkmon *m)
{
	if (!loop_timer_armed(&m->check) || !m->events)
		loop_timer_arm(&m->check, mono_max(loop_now(m->loop), m->check_from));
}

static void spend_check(struct linkmon *m, mono_t now)
{
	bucket_reserve(&m->checks, now, CHECK_REFILL, CHECK_BURST);
	m->check_from =
	    bucket_when(&m->checks, mono_add_ms(now, CHECK_GAP_MS), CHECK_REFILL, CHECK_BURST);
}

static void on_check(struct loop_timer *t, mono_t now)
{
	struct linkmon *m = t->arg;
	struct link_snapshot s = { 0 };
	spend_check(m, now);
	if (!m->events)
		loop_timer_arm(&m->check, mono_add_ms(now, POLL_MS));
	if (link_snapshot_take(m->query, m->tun, &s)) {
		loop_timer_arm(&m->check, mono_add_ms(now, CHECK_AGAIN_MS));
		return;
	}
	struct link_change c = link_compare(&m->now, &s, m->tun, m->jump_s);
	m->jump_s = 0;
	link_snapshot_fini(&m->now);
	m->now = s;
	if (c.event)
		m->ops.on_change(m->ops.arg, &m->now, &c);
}

/* ---- what others take from us ---- */

/* LOSS_BURST at once, then one in LOSS_REFILL: restoring more often would be a fight with
 * another manager that only costs. */
static mono_t loss_due(struct loss *x, mono_t now)
{
	return mono_add_ms(bucket_reserve(&x->budget, now, LOSS_REFILL, LOSS_BURST), LOSS_DELAY_MS);
}

static void loss_noticed(struct linkmon *m, struct loss *x)
{
	if (x->guard && !loop_timer_armed(&x->tell))
		loop_timer_arm(&x->tell, loss_due(x, loop_now(m->loop)));
}

static void loss_guard(struct loss *x, bool on)
{
	x->guard = on;
	if (!on)
		loop_timer_cancel(&x->tell);
}

static void on_rules(struct loop_timer *t, mono_t now)
{
	struct linkmon *m = t->arg;
	(void)now;
	if (m->ops.on_rules_lost)
		m->ops.on_rules_lost(m->ops.arg);
}

static void on_routes(struct loop_timer *t, mono_t now)
{
	struct linkmon *m = t->arg;
	(void)now;
	if (m->ops.on_routes_lost)
		m->ops.on_routes_lost(m->ops.arg);
}

void linkmon_guard_rules(struct linkmon *m, bool on)
{
	loss_guard(&m->rules, on);
}

/* ---- events ---- */

/* The kernel names the port whose request it was, 0 if it has reasons of its own; libnl's ports
 * have the process id in their lower bits. */
static bool by_others(const struct nlmsghdr *h)
{
	const uint32_t pid_bits = (1u << 22) - 1;
	return h->nlmsg_pid != 0 && (h->nlmsg_pid & pid_bits) != ((uint32_t)getpid() & pid_bits);
}

static void routes_lost(struct linkmon *m)
{
	m->routes_owed |= !m->routes.guard;
	loss_noticed(m, &m->routes);
}

static void routes_guarded(struct linkmon *m)
{
	m->routes.guard = true;
	if (m->routes_owed)
		loss_noticed(m, &m->routes);
	m->routes_owed = false;
}

static int on_message(struct nl_msg *msg, void *arg)
{
	struct linkmon *m = arg;
	struct link_event e = netmsg_event(nlmsg_hdr(msg));
	switch (link_event_judge(&e, &m->now, &m->own)) {
	case LINK_RECHECK:
		check_soon(m);
		break;
	case LINK_RULES_LOST:
		loss_noticed(m, &m->rules);
		break;
	case LINK_ROUTES_LOST:
		if (m->routes.guard || by_others(nlmsg_hdr(msg)))
			routes_lost(m);
		break;
	case LINK_IGNORE:
		break;
	}
	return NL_OK;
}

static void read_events(struct linkmon *m)
{
	for (int i = 0; i < READS_PER_WAKE; i++) {
		int rc = nl_recvmsgs_default(m->events);
		if (rc == -NLE_AGAIN) {
			if (m->routes_settled)
				routes_guarded(m);
			return;
		}
		/* Messages were lost (ENOBUFS), losses among them perhaps: see for ourselves. */
		if (rc < 0) {
			check_soon(m);
			loss_noticed(m, &m->rules);
			loss_noticed(m, &m->routes);
		}
	}
}

static void on_readable(struct loop_fd *w, int events)
{
	(void)events;
	read_events(w->arg);
}

void linkmon_guard_routes(struct linkmon *m, bool on)
{
	m->routes_settled = on;
	if (on && m->events)
		read_events(m);
	if (on)
		return;
	m->routes_owed |= loop_timer_armed(&m->routes.tell);
	loss_guard(&m->routes, false);
}

static bool join_groups(struct nl_sock *s)
{
	static const int groups[] = {
		RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,	 RTNLGRP_IPV6_RULE,
	};
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (nl_socket_add_membership(s, groups[i]) < 0)
			return false;
	return true;
}

static void big_buffer(struct nl_sock *s)
{
	int size = EVENT_BUFFER, fd = nl_socket_get_fd(s);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static void start_events(struct linkmon *m)
{
	struct nl_sock *s = netmsg_socket();
	if (!s)
		return;
	nl_socket_disable_seq_check(s);
	nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, on_message, m);
	big_buffer(s);
	if (nl_socket_set_nonblocking(s) < 0 || !join_groups(s) ||
	    loop_fd_start(m->loop, &m->watch, nl_socket_get_fd(s), LOOP_READ, on_readable, m)) {
		nl_socket_free(s);
		return;
	}
	m->events = s;
}

/* ---- suspend ---- */

static void on_tick(struct loop_timer *t, mono_t now)
{
	struct linkmon *m = t->arg;
	wall_t w = m->wall();
	int64_t passed = w.s - m->ticked.s;
	m->ticked = w;
	loop_timer_arm(t, mono_add_ms(now, m->tick_ms));
	if (passed > SUSPEND_SEEN_S) {
		m->jump_s = passed;
		check_soon(m);
	}
}

/* ---- life ---- */

struct linkmon *linkmon_new(struct loop *l, const struct linkmon_opts *opts,
			    const struct linkmon_ops *ops)
{
	struct nl_sock *query = netmsg_socket();
	struct link_snapshot first = { 0 };
	if (!query || link_snapshot_take(query, opts->tun, &first)) {
		nl_socket_free(query);
		return NULL;
	}
	struct linkmon *m = xcalloc(1, sizeof(*m));
	m->loop = l;
	m->ops = *ops;
	m->tun = xstrdup(opts->tun);
	m->own = (struct link_own){ m->tun, opts->table, opts->rule_base };
	m->wall = opts->wall ? opts->wall : wall_now;
	m->query = query;
	m->now = first;
	loop_timer_init(l, &m->check, on_check, m);
	loop_timer_init(l, &m->rules.tell, on_rules, m);
	loop_timer_init(l, &m->routes.tell, on_routes, m);
	loop_timer_init(l, &m->tick, on_tick, m);
	m->tick_ms = opts->tick_ms ? opts->tick_ms : SUSPEND_TICK_MS;
	m->ticked = m->wall();
	loop_timer_arm_ms(&m->tick, m->tick_ms);
	start_events(m);
	/* What changed between the snapshot and joining the groups. */
	check_soon(m);
	return m;
}

void linkmon_free(struct linkmon *m)
{
	if (!m)
		return;
	loop_timer_cancel(&m->check);
	loop_timer_cancel(&m->rules.tell);
	loop_timer_cancel(&m->routes.tell);
	loop_timer_cancel(&m->tick);
	loop_fd_stop(&m->watch);
	nl_socket_free(m->events);
	nl_socket_free(m->query);
	link_snapshot_fini(&m->now);
	free(m->tun);
	free(m);
}

const struct link_snapshot *linkmon_snapshot(const struct linkmon *m)
{
	return &m->now;
}

void linkmon_poke(struct linkmon *m)
{
	check_soon(m);
}
