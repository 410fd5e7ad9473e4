/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/thread_linux.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/dataplane/worker_priv.h"
#include "magicsock/udp_linux.h"
#include "netstack/tun_linux.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENT_RING (1u << 20)
#define COMMAND_RING (1u << 20)
#define ROUNDS_PER_WAKE 8 /* batches of one source before the others get their turn */
#define STRIDE (DP_HEADROOM + DP_PACKET_MAX + DP_TAILROOM)

struct dp_thread {
	struct dp_thread_opts o;
	struct dp_worker *worker;
	struct ring *events, *commands;
	int epoll, wakeup;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic unsigned notes;
	struct udp_socks *_Atomic next_sockets; /* when new_sockets is set; NULL: none */
	_Atomic bool new_sockets;

	/* the thread's own */
	struct udp_sock *v4, *v6; /* NULL: none */
	bool tun_lost;
	struct udp_batch *batch;
	struct udp_msg msgs[UDP_BATCH_MAX];
	uint8_t *rx; /* UDP_BATCH_MAX buffers */
	uint8_t *tx; /* DP_BATCH buffers for TUN packets */
	mono_t now;
};

_Static_assert(UDP_BATCH_MAX <= DP_BATCH, "a receive batch fits the worker");

/* ---- the worker's outside ---- */

static bool on_event(void *arg, const struct dp_msg *m, struct span bytes)
{
	struct dp_thread *t = arg;
	bool wake = false;
	bool ok = dp_msg_put(t->events, m, bytes, &wake);
	if (wake)
		t->o.wake(t->o.wake_arg);
	return ok;
}

static void note(struct dp_thread *t, unsigned what)
{
	if (!(atomic_fetch_or(&t->notes, what) & what))
		t->o.wake(t->o.wake_arg);
}

static void unreachable(struct dp_thread *t, const struct dp_datagram *d)
{
	on_event(t, &(struct dp_msg){ .type = DP_EV_UNREACHABLE, .peer = d->peer, .ep = d->ep },
		 span_of(NULL, 0));
}

/* n datagrams of one family; a refused one is skipped. */
static void send_family(struct dp_thread *t, struct udp_sock *s, const struct dp_datagram *v,
			struct udp_msg *msgs, size_t n)
{
	size_t done = 0;
	while (s && done < n) {
		size_t sent = 0;
		bool runs = !s->gso_off;
		enum udp_result r = udp_send_batch(s, t->batch, msgs + done, n - done, &sent);
		done += sent;
		if (runs && s->gso_off)
			note(t, DP_NOTE_OFFLOAD);
		if (r == UDP_SENT)
			return;
		if (r == UDP_UNREACHABLE && done < n)
			unreachable(t, &v[done]);
		if (r == UDP_LOST || r == UDP_CLOSED)
			note(t, DP_NOTE_REFUSED);
		if (r == UDP_AGAIN)
			break;
		dp_count(DPC_TX_NO_PATH, 1);
		traffic_send_failed();
		done++;
	}
}

static void on_udp_send(void *arg, const struct dp_datagram *v, size_t n)
{
	struct dp_thread *t = arg;
	struct udp_msg msgs[DP_BATCH];
	for (size_t begin = 0, end; begin < n; begin = end) {
		uint8_t fam = v[begin].ep.ip.fam;
		for (end = begin; end < n && v[end].ep.ip.fam == fam; end++)
			msgs[end - begin] =
			    (struct udp_msg){ .ep = v[end].ep, .buf = v[end].bytes };
		send_family(t, fam == IP_V4 ? t->v4 : t->v6, v + begin, msgs, end - begin);
	}
}

static void lose_tun(struct dp_thread *t)
{
	if (t->tun_lost)
		return;
	t->tun_lost = true;
	epoll_ctl(t->epoll, EPOLL_CTL_DEL, t->o.tun->fd, NULL);
	note(t, DP_NOTE_TUN_LOST);
}

static void on_tun_write(void *arg, const struct span *v, size_t n)
{
	struct dp_thread *t = arg;
	size_t dropped = 0;
	if (!t->o.tun || t->tun_lost)
		return;
	if (tun_write_batch(t->o.tun, v, n, &dropped) == -ERR_CLOSED)
		lose_tun(t);
}

/* ---- sources ---- */

/* Taken after the input it is used for: whoever sent that may already rely on a session that was
 * published a moment ago, and this thread can sleep between any two lines. */
static const struct dp_snapshot *newest(struct dp_thread *t)
{
	return dp_acquire(t->o.exchange, 0);
}

static void run_tun(struct dp_thread *t)
{
	struct mspan pkts[DP_BATCH];
	for (int round = 0; round < ROUNDS_PER_WAKE && !t->tun_lost; round++) {
		for (size_t i = 0; i < DP_BATCH; i++)
			pkts[i] = mspan_of(t->tx + i * STRIDE + DP_HEADROOM, DP_PACKET_MAX);
		int n = tun_read_batch(t->o.tun, pkts, DP_BATCH);
		if (n == -ERR_CLOSED)
			lose_tun(t);
		if (n <= 0)
			return;
		dp_worker_tun(t->worker, newest(t), t->now, pkts, (size_t)n);
		if (n < DP_BATCH)
			return;
	}
}

static void run_udp(struct dp_thread *t, struct udp_sock *s)
{
	struct dp_datagram v[UDP_BATCH_MAX];
	for (int round = 0; round < ROUNDS_PER_WAKE; round++) {
		size_t k = 0;
		for (size_t i = 0; i < UDP_BATCH_MAX; i++)
			t->msgs[i] =
			    (struct udp_msg){ .buf = mspan_of(t->rx + i * STRIDE, DP_PACKET_MAX) };
		int n = udp_recv_batch(s, t->batch, t->msgs, UDP_BATCH_MAX);
		if (n <= 0)
			return;
		for (int i = 0; i < n; i++)
			if (t->msgs[i].buf.len > 0)
				v[k++] = (struct dp_datagram){ .ep = t->msgs[i].ep,
							       .bytes = t->msgs[i].buf };
		dp_worker_udp(t->worker, newest(t), t->now, v, k);
		if (n < UDP_BATCH_MAX)
			return;
	}
}

/* ---- the loop ---- */

static void watch(struct dp_thread *t, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	if (fd >= 0)
		epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static void unwatch(struct dp_thread *t, const struct udp_sock *s)
{
	if (s)
		epoll_ctl(t->epoll, EPOLL_CTL_DEL, s->fd, NULL);
}

static void use_sockets(struct dp_thread *t, struct udp_socks *s)
{
	t->v4 = s && s->v4.fd >= 0 ? &s->v4 : NULL;
	t->v6 = s && s->v6.fd >= 0 ? &s->v6 : NULL;
	watch(t, t->v4 ? t->v4->fd : -1);
	watch(t, t->v6 ? t->v6->fd : -1);
}

/* True if the sockets changed: what epoll reported before is stale then. */
static bool take_sockets(struct dp_thread *t)
{
	if (!atomic_exchange(&t->new_sockets, false))
		return false;
	unwatch(t, t->v4);
	unwatch(t, t->v6);
	use_sockets(t, atomic_load(&t->next_sockets));
	note(t, DP_NOTE_SOCKETS);
	return true;
}

static void run_commands(struct dp_thread *t)
{
	struct dp_msg m;
	struct mspan bytes;
	while (dp_msg_peek(t->commands, &m, &bytes)) {
		dp_worker_command(t->worker, newest(t), t->now, &m, bytes);
		ring_pop(t->commands);
	}
}

static void run_ready(struct dp_thread *t, const struct epoll_event *ev, int n)
{
	bool stale = take_sockets(t);
	run_commands(t);
	for (int i = 0; i < n && !stale; i++) {
		int fd = ev[i].data.fd;
		if (t->v4 && fd == t->v4->fd)
			run_udp(t, t->v4);
		else if (t->v6 && fd == t->v6->fd)
			run_udp(t, t->v6);
		else if (t->o.tun && fd == t->o.tun->fd)
			run_tun(t);
	}
	dp_release(t->o.exchange, 0);
}

static void drain_wakeup(struct dp_thread *t)
{
	uint64_t n;
	while (read(t->wakeup, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}

static void *thread_main(void *arg)
{
	struct dp_thread *t = arg;
	struct epoll_event ev[4];
	pthread_setname_np(pthread_self(), "meshd-worker");
	while (!atomic_load(&t->stop)) {
		int n = epoll_wait(t->epoll, ev, (int)ARRAY_LEN(ev), -1);
		if (n < 0 && errno != EINTR) {
			log_error("worker: epoll: %m");
			break;
		}
		t->now = mono_now();
		for (int i = 0; i < n; i++)
			if (ev[i].data.fd == t->wakeup)
				drain_wakeup(t);
		run_ready(t, ev, n > 0 ? n : 0);
	}
	return NULL;
}

/* ---- the control thread's side ---- */

static void free_thread(struct dp_thread *t)
{
	dp_worker_free(t->worker);
	ring_free(t->events);
	ring_free(t->commands);
	udp_batch_free(t->batch);
	if (t->epoll >= 0)
		close(t->epoll);
	if (t->wakeup >= 0)
		close(t->wakeup);
	free(t->rx);
	free(t->tx);
	free(t);
}

/* Signals are the control thread's. */
static int spawn(struct dp_thread *t)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int rc = pthread_create(&t->thread, NULL, thread_main, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

struct dp_thread *dp_thread_start(const struct dp_thread_opts *o)
{
	static const struct dp_worker_ops ops = { on_udp_send, on_tun_write, on_event };
	struct dp_thread *t = xcalloc(1, sizeof(*t));
	t->o = *o;
	t->worker = dp_worker_new(&ops, t, o->waits, o->seed);
	t->events = ring_new(EVENT_RING);
	t->commands = ring_new(COMMAND_RING);
	t->batch = udp_batch_new();
	t->rx = xcalloc(UDP_BATCH_MAX, STRIDE);
	t->tx = xcalloc(DP_BATCH, STRIDE);
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->epoll >= 0 && t->wakeup >= 0) {
		watch(t, t->wakeup);
		use_sockets(t, o->socks);
		watch(t, o->tun ? o->tun->fd : -1);
		if (spawn(t) == 0)
			return t;
	}
	free_thread(t);
	return NULL;
}

static void wake_worker(struct dp_thread *t)
{
	uint64_t one = 1;
	ssize_t n = write(t->wakeup, &one, sizeof(one));
	(void)n; /* a full counter wakes as well */
}

void dp_thread_stop(struct dp_thread *t)
{
	if (!t)
		return;
	atomic_store(&t->stop, true);
	wake_worker(t);
	pthread_join(t->thread, NULL);
	free_thread(t);
}

bool dp_thread_command(struct dp_thread *t, const struct dp_msg *m, struct span bytes)
{
	bool wake = false;
	bool ok = dp_msg_put(t->commands, m, bytes, &wake);
	if (wake)
		wake_worker(t);
	if (!ok)
		dp_count(DPC_RING_FULL, 1);
	return ok;
}

void dp_thread_set_sockets(struct dp_thread *t, struct udp_socks *s)
{
	atomic_store(&t->next_sockets, s);
	atomic_store(&t->new_sockets, true);
	wake_worker(t);
}

unsigned dp_thread_notes(struct dp_thread *t)
{
	return atomic_exchange(&t->notes, 0);
}

bool dp_thread_event_peek(struct dp_thread *t, struct dp_msg *m, struct mspan *bytes)
{
	return dp_msg_peek(t->events, m, bytes);
}

void dp_thread_event_pop(struct dp_thread *t)
{
	ring_pop(t->events);
}
