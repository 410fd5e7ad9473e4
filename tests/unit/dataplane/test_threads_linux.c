/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real worker threads: what they must tell reaches the control thread even when the ring is full.
 */
#include "tests/unit/dataplane/world.h"

#include "base/sockaddr.h"
#include "daemon/dataplane/threads_linux.h"
#include "magicsock/udp_linux.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOOD 20000
#define JUNK_LEN 100 /* of a STUN message: it goes to the control thread */
#define WAIT_S 5

struct ground {
	unsigned workers;
	struct world *w;
	struct dp_exchange *exchange;
	struct dp_threads *threads;
	struct udp_socks socks;
	sem_t woken;
};

static void on_wake(void *arg)
{
	sem_post(&((struct ground *)arg)->woken);
}

static void start(struct ground *g, struct udp_socks *socks)
{
	struct dp_threads_opts o = { .workers = g->workers,
				     .socks = socks,
				     .exchange = g->exchange,
				     .waits = &g->w->side[A].waits,
				     .wake = on_wake,
				     .wake_arg = g };
	g->threads = dp_threads_start(&o);
	assert_non_null(g->threads);
}

static int setup(void **state, unsigned workers)
{
	struct ground *g = xcalloc(1, sizeof(*g));
	g->workers = workers;
	struct udp_opts o = { .no_v6 = true };
	sem_init(&g->woken, 0, 0);
	world_setup((void **)&g->w);
	g->exchange = dp_exchange_new();
	assert_int_equal(udp_open(&g->socks, &o), 0);
	*state = g;
	return 0;
}

static int setup_one(void **state)
{
	return setup(state, 1);
}

static int setup_two(void **state)
{
	return setup(state, 2);
}

static int teardown(void **state)
{
	struct ground *g = *state;
	dp_threads_stop(g->threads);
	dp_exchange_free(g->exchange);
	udp_close(&g->socks);
	world_teardown((void **)&g->w);
	sem_destroy(&g->woken);
	free(g);
	return 0;
}

/* Collect notes until `want` has come. */
static void await(struct ground *g, unsigned want)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	for (unsigned seen = 0; !(seen & want);) {
		assert_int_equal(sem_timedwait(&g->woken, &until), 0);
		seen |= dp_threads_notes(g->threads);
	}
}

/* More than the ring holds, and nobody takes it out. */
static void flood(const struct ground *g)
{
	uint8_t stun[JUNK_LEN] = { 1, 1, 0, 80, 0x21, 0x12, 0xa4, 0x42 };
	struct ep to = { ip_v4(127, 0, 0, 1), g->socks.v4.port };
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep(to, &ss);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < FLOOD; i++)
		assert_true(sendto(fd, stun, sizeof(stun), 0, (struct sockaddr *)&ss, len) > 0);
	close(fd);
}

static void sockets_are_changed_under_a_flood(void **state)
{
	struct ground *g = *state;
	start(g, &g->socks);
	flood(g);
	dp_threads_set_sockets(g->threads, NULL);
	await(g, DP_NOTE_SOCKETS);
	dp_threads_set_sockets(g->threads, &g->socks);
	await(g, DP_NOTE_SOCKETS);
	assert_int_equal(dp_threads_notes(g->threads), 0);
}

static void a_refused_packet_is_noted(void **state)
{
	struct ground *g = *state;
	struct world *w = g->w;
	uint8_t hello[] = "hello";
	w->now = mono_now();
	pair_up(w);
	look(w, A, plain);
	trust(w, A, true);
	dp_publish(g->exchange, w->side[A].s);
	w->side[A].s = NULL;
	struct udp_socks gone = UDP_SOCKS_NONE;
	gone.v4.fd = fcntl(g->socks.v4.fd, F_DUPFD_CLOEXEC, 500);
	close(gone.v4.fd); /* a number that nobody has */
	start(g, &gone);
	struct dp_msg m = { .type = DP_CMD_SEND_INNER, .peer = slot_of_other[A] };
	assert_true(dp_threads_command(g->threads, &m, span_of(hello, sizeof(hello))));
	await(g, DP_NOTE_REFUSED);
}

#define WITH_ONE_AND_TWO(test)                                                                     \
	cmocka_unit_test_setup_teardown(test, setup_one, teardown),                                \
	    cmocka_unit_test_setup_teardown(test, setup_two, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ONE_AND_TWO(sockets_are_changed_under_a_flood),
		WITH_ONE_AND_TWO(a_refused_packet_is_noted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
