/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/thread_linux.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/dataplane/shed_linux.h"
#include "daemon/dataplane/worker_priv.h"
#include "magicsock/udp_linux.h"
#include "netstack/gso.h"
#include "netstack/tun_linux.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENT_RING (1u << 20)
#define COMMAND_RING (1u << 20)
#define ROUNDS_PER_WAKE 8 /* batches of one source before the others get their turn */

/* Both buffers together with what the worker has stay inside a core's L2 cache. */
#define TX_FILL (64 * 1024) /* of plain packets that leave together */
#define TX_LEN (TX_FILL + DP_HEADROOM + GSO_PACKET_MAX + DP_TAILROOM)
#define RX_RUNS 8 /* receives of UDP_RECV_ROOM in one call */
#define RX_LEN (RX_RUNS * UDP_RECV_ROOM)
/* The room of a message where each is one datagram. */
#define RX_SINGLE (DP_PACKET_MAX + WG_TRANSPORT_MIN)
#define COMMANDS_PER_TURN 64
#define SEND_WAIT_MS 20

struct dp_thread {
	struct dp_threads_opts o;
	struct dp_thread_opts role;
	struct dp_worker *worker;
	struct ring *events, *commands;
	int epoll, wakeup;
	pthread_t thread;
	bool running; /* control thread's */
	_Atomic bool stop;
	_Atomic unsigned notes;
	struct udp_socks *_Atomic next_sockets; /* when new_sockets is set; NULL: none */
	_Atomic bool new_sockets;
	_Atomic unsigned next_gro; /* GRO_ bits; applied before each batch */

	/* the thread's own */
	unsigned gro;
	struct udp_sock *v4, *v6; /* NULL: none */
	struct shed shed;	  /* what the kernel drops for us */
	bool tun_lost;
	struct udp_batch *batch;
	struct udp_msg msgs[UDP_BATCH_MAX];
	uint8_t *rx, *tx; /* RX_LEN, TX_LEN; NULL if it is the other thread's */
	mono_t now;
	wall_t wall;
};

_Static_assert(UDP_BATCH_MAX <= DP_BATCH, "a send batch fits the socket's");
_Static_assert(DP_HEADROOM >= VNET_HDR_LEN, "the vnet header lies where the transport header will");

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

static unsigned on_waiting(void *arg)
{
	const struct dp_thread *t = arg;
	return (unsigned)(ring_used(t->events) / (EVENT_RING / INTAKE_WAY_FULL));
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

static size_t datagrams_in(const struct udp_msg *m)
{
	return m->segment ? (m->buf.len + m->segment - 1) / m->segment : 1;
}

static void count_unsent(const struct udp_msg *msgs, size_t n)
{
	size_t lost = 0;
	for (size_t i = 0; i < n; i++)
		lost += datagrams_in(&msgs[i]);
	dp_count(DPC_TX_NO_PATH, lost);
	traffic_send_failed(lost);
}

/* The device is slower than we are. Whoever waits here lets the TUN's queue fill, and those who
 * send into it slow down; to drop would be loss to them. Not for long: there are commands, too. */
static void wait_for_room(const struct udp_sock *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	(void)poll(&p, 1, SEND_WAIT_MS); /* the next send tells */
}

static void on_refused(struct dp_thread *t, enum udp_result r, const struct dp_datagram *d,
		       const struct udp_msg *m)
{
	if (r == UDP_UNREACHABLE)
		unreachable(t, d);
	if (r == UDP_LOST || r == UDP_CLOSED)
		note(t, DP_NOTE_REFUSED);
	count_unsent(m, 1);
}

/* n messages of one family; a refused one is skipped. */
static void send_family(struct dp_thread *t, struct udp_sock *s, const struct dp_datagram *v,
			struct udp_msg *msgs, size_t n)
{
	bool waited = false;
	for (size_t done = 0; s && done < n;) {
		size_t sent = 0;
		bool runs = !s->gso_off;
		enum udp_result r = udp_send_batch(s, t->batch, msgs + done, n - done, &sent);
		done += sent;
		if (runs && s->gso_off)
			note(t, DP_NOTE_OFFLOAD);
		if (r == UDP_SENT)
			return;
		if (r == UDP_AGAIN) {
			if (waited && sent == 0) {
				count_unsent(msgs + done, n - done);
				return;
			}
			waited = true;
			wait_for_room(s);
			continue;
		}
		on_refused(t, r, &v[done], &msgs[done]);
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
			msgs[end - begin] = (struct udp_msg){ .ep = v[end].ep,
							      .buf = v[end].bytes,
							      .segment = v[end].segment };
		send_family(t, fam == IP_V4 ? t->v4 : t->v6, v + begin, msgs, end - begin);
	}
}

static void lose_tun(struct dp_thread *t)
{
	if (t->tun_lost)
		return;
	t->tun_lost = true;
	if (t->role.reads_tun)
		epoll_ctl(t->epoll, EPOLL_CTL_DEL, t->o.tun->fd, NULL);
	note(t, DP_NOTE_TUN_LOST);
}

static void on_tun_write(void *arg, const struct gro_item *v, size_t n)
{
	struct dp_thread *t = arg;
	if (!t->o.tun || t->tun_lost)
		return;
	for (size_t i = 0; i < n; i++) {
		int rc = tun_write(t->o.tun, &v[i].hdr, v[i].pieces, v[i].n_pieces);
		if (rc == -ERR_CLOSED) {
			lose_tun(t);
			return;
		}
		if (rc != 1)
			dp_count(DPC_RX_TUN, 1);
	}
}

/* ---- sources ---- */

/* Taken after the input it is used for: whoever sent that may already rely on a session that was
 * published a moment ago, and this thread can sleep between any two lines. */
static const struct dp_snapshot *newest(struct dp_thread *t)
{
	return dp_acquire(t->o.exchange, t->role.slot);
}

/* Where the transport header and what else is needed around a packet at `at` end. */
static size_t after(size_t at, size_t len)
{
	return at + DP_HEADROOM + ((len + 15) & ~(size_t)15) + DP_TAG;
}

/* One frame to t->tx + at. As tun_read. */
static int read_frame(struct dp_thread *t, size_t at, struct dp_frame *f)
{
	uint8_t *packet = t->tx + at + DP_HEADROOM;
	size_t hdr = t->o.tun->vnet ? VNET_HDR_LEN : 0;
	struct mspan room = mspan_of(packet - hdr, hdr + GSO_PACKET_MAX);
	int rc = tun_read(t->o.tun, &room);
	if (rc != 1)
		return rc;
	*f = (struct dp_frame){ .bytes = mspan_of(packet, 0) };
	if (room.len <= hdr)
		return 1;
	f->bytes.len = room.len - hdr;
	if (hdr)
		f->vnet = vnet_get(room.p);
	return 1;
}

/* What is there now, and no waiting for more: packets side by side, so that those of one size leave
 * as a run, until the space is used or a super-packet has come, which is a run by itself.
 * *empty: the queue is. */
static size_t read_frames(struct dp_thread *t, struct dp_frame *v, bool *empty)
{
	size_t n = 0;
	*empty = false;
	for (size_t at = 0; n < DP_BATCH && at <= TX_FILL;) {
		int rc = read_frame(t, at, &v[n]);
		if (rc == -ERR_CLOSED)
			lose_tun(t);
		if (rc != 1) {
			*empty = true;
			break;
		}
		at = after(at, v[n].bytes.len);
		if (v[n++].vnet.gso_type != VNET_GSO_NONE)
			break;
	}
	return n;
}

static void run_tun(struct dp_thread *t)
{
	struct dp_frame v[DP_BATCH];
	bool empty = false;
	for (int round = 0; round < ROUNDS_PER_WAKE && !empty && !t->tun_lost; round++) {
		size_t n = read_frames(t, v, &empty);
		if (n > 0)
			dp_worker_tun(t->worker, newest(t), t->now, t->wall, v, n);
	}
}

/* Messages of one receive; rooms are large while the kernel joins datagrams. */
static size_t lay_out(struct dp_thread *t, bool runs)
{
	size_t room = runs ? UDP_RECV_ROOM : RX_SINGLE;
	size_t n = RX_LEN / room < UDP_BATCH_MAX ? RX_LEN / room : UDP_BATCH_MAX;
	for (size_t i = 0; i < n; i++)
		t->msgs[i] = (struct udp_msg){ .buf = mspan_of(t->rx + i * room, room) };
	return n;
}

static size_t filled(const struct dp_thread *t, int n, struct dp_datagram *v)
{
	size_t k = 0;
	for (int i = 0; i < n; i++)
		if (t->msgs[i].buf.len > 0)
			v[k++] = (struct dp_datagram){ .ep = t->msgs[i].ep,
						       .bytes = t->msgs[i].buf,
						       .segment = t->msgs[i].segment };
	return k;
}

static void take_gro(struct dp_thread *t)
{
	unsigned gro = atomic_load_explicit(&t->next_gro, memory_order_relaxed);
	if (gro != t->gro)
		dp_worker_set_gro(t->worker, gro);
	t->gro = gro;
}

static void run_udp(struct dp_thread *t, struct udp_sock *s)
{
	struct dp_datagram v[UDP_BATCH_MAX];
	take_gro(t);
	for (int round = 0; round < ROUNDS_PER_WAKE; round++) {
		size_t room = lay_out(t, s->joins);
		int n = udp_recv_batch(s, t->batch, t->msgs, room);
		if (n <= 0)
			return;
		dp_worker_udp(t->worker, newest(t), t->now, v, filled(t, n, v));
		if ((size_t)n < room)
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
	if (s && t->role.reads_udp)
		epoll_ctl(t->epoll, EPOLL_CTL_DEL, s->fd, NULL);
}

static void use_sockets(struct dp_thread *t, struct udp_socks *s)
{
	t->v4 = s && s->v4.fd >= 0 ? &s->v4 : NULL;
	t->v6 = s && s->v6.fd >= 0 ? &s->v6 : NULL;
	t->shed = (struct shed){ .snapshot = 0 };
	if (!t->role.reads_udp)
		return;
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

static void shed(struct dp_thread *t)
{
	struct intake_overload o = dp_worker_overload(t->worker, t->now);
	if (intake_overload_any(&o) || shed_is_on(&t->shed))
		shed_update(&t->shed, newest(t), &o, t->now, t->v4, t->v6);
}

/* True if there are more: those that wait on the sockets come first. */
static bool run_commands(struct dp_thread *t)
{
	struct dp_msg m;
	struct mspan bytes;
	for (int i = 0; i < COMMANDS_PER_TURN; i++) {
		if (!dp_msg_peek(t->commands, &m, &bytes))
			return false;
		dp_worker_command(t->worker, newest(t), t->now, &m, bytes);
		ring_pop(t->commands);
	}
	return true;
}

/* True if there is more to do at once. */
static bool run_ready(struct dp_thread *t, const struct epoll_event *ev, int n)
{
	bool stale = take_sockets(t);
	bool more = run_commands(t);
	for (int i = 0; i < n && !stale; i++) {
		int fd = ev[i].data.fd;
		if (t->v4 && fd == t->v4->fd)
			run_udp(t, t->v4);
		else if (t->v6 && fd == t->v6->fd)
			run_udp(t, t->v6);
		else if (t->o.tun && fd == t->o.tun->fd)
			run_tun(t);
	}
	if (t->role.reads_udp)
		shed(t);
	dp_release(t->o.exchange, t->role.slot);
	return more;
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
	pthread_setname_np(pthread_self(), t->role.name);
	bool more = false;
	while (!atomic_load(&t->stop)) {
		int n = epoll_wait(t->epoll, ev, (int)ARRAY_LEN(ev),
				   more			  ? 0
				   : shed_is_on(&t->shed) ? SHED_CHECK_MS
							  : -1);
		if (n < 0 && errno != EINTR) {
			log_error("worker: epoll: %m");
			break;
		}
		t->now = mono_now();
		t->wall = wall_now();
		for (int i = 0; i < n; i++)
			if (ev[i].data.fd == t->wakeup)
				drain_wakeup(t);
		more = run_ready(t, ev, n > 0 ? n : 0);
	}
	return NULL;
}

/* ---- the control thread's side ---- */

void dp_thread_free(struct dp_thread *t)
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

static unsigned gro_of(const struct tun *tun)
{
	unsigned offload = tun ? tun->offload : 0;
	return (offload & TUN_TCP_GRO ? GRO_TCP : 0) | (offload & TUN_UDP_GRO ? GRO_UDP : 0);
}

static struct dp_worker *make_worker(struct dp_thread *t)
{
	static const struct dp_worker_ops ops = { on_udp_send, on_tun_write, on_event, on_waiting };
	struct dp_worker_opts o = { .ops = &ops,
				    .arg = t,
				    .waits = t->o.waits,
				    .rng = rng_system(),
				    .seed = t->role.seed,
				    .gro = gro_of(t->o.tun) };
	t->gro = o.gro;
	atomic_store(&t->next_gro, o.gro);
	return dp_worker_new(&o);
}

struct dp_thread *dp_thread_new(const struct dp_thread_opts *o)
{
	struct dp_thread *t = xcalloc(1, sizeof(*t));
	t->role = *o;
	t->o = *o->all;
	t->worker = make_worker(t);
	t->events = ring_new(EVENT_RING);
	t->commands = ring_new(COMMAND_RING);
	t->batch = udp_batch_new();
	t->rx = o->reads_udp ? xcalloc(1, RX_LEN) : NULL;
	t->tx = o->reads_tun ? xcalloc(1, TX_LEN) : NULL;
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->epoll < 0 || t->wakeup < 0) {
		dp_thread_free(t);
		return NULL;
	}
	watch(t, t->wakeup);
	use_sockets(t, t->o.socks);
	if (o->reads_tun)
		watch(t, t->o.tun ? t->o.tun->fd : -1);
	return t;
}

struct dp_worker *dp_thread_worker(struct dp_thread *t)
{
	return t->worker;
}

/* Signals are the control thread's. */
bool dp_thread_run(struct dp_thread *t)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	t->running = pthread_create(&t->thread, NULL, thread_main, t) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return t->running;
}

static void wake_worker(struct dp_thread *t)
{
	uint64_t one = 1;
	ssize_t n = write(t->wakeup, &one, sizeof(one));
	(void)n; /* a full counter wakes as well */
}

void dp_thread_stop(struct dp_thread *t)
{
	if (!t->running)
		return;
	atomic_store(&t->stop, true);
	wake_worker(t);
	pthread_join(t->thread, NULL);
	t->running = false;
}

void dp_thread_tun_changed(struct dp_thread *t)
{
	atomic_store_explicit(&t->next_gro, gro_of(t->o.tun), memory_order_relaxed);
}

/* What a relay floods us with leaves room for commands that nobody repeats at once. */
static bool may_take(const struct dp_thread *t, const struct dp_msg *m)
{
	return m->type != DP_CMD_DERP_IN || ring_used(t->commands) < COMMAND_RING / 2;
}

bool dp_thread_command(struct dp_thread *t, const struct dp_msg *m, struct span bytes)
{
	bool wake = false;
	bool ok = may_take(t, m) && dp_msg_put(t->commands, m, bytes, &wake);
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
