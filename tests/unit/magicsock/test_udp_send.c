/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of runs that the kernel refuses: a system call of our own takes or refuses them. */
#include "tests/unit/magicsock/udp_pair.h"

#include <errno.h>
#include <string.h>

#define CALLS_MAX 64
#define LEN 100

/* The kernel of these tests. */
static struct {
	int run_err; /* what it says to each run; 0: takes it */
	int err;     /* and to the datagram number err_at */
	size_t err_at;
	unsigned per_call;  /* takes no more at once */
	size_t n_datagrams; /* taken as single ones */
	size_t n_runs;	    /* taken */
	size_t n_refused;
	size_t bytes;
	unsigned calls, largest;
	uint8_t seen[UDP_RECV_ROOM];
} k;

static bool is_run(const struct mmsghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(&m->msg_hdr);
	return c && c->cmsg_level == IPPROTO_UDP;
}

static int refusal(const struct mmsghdr *m)
{
	if (is_run(m))
		return k.run_err;
	return k.err && k.n_datagrams == k.err_at ? k.err : 0;
}

static void accept_one(const struct mmsghdr *m)
{
	const struct iovec *v = m->msg_hdr.msg_iov;
	assert_true(k.bytes + v->iov_len <= sizeof(k.seen));
	memcpy(k.seen + k.bytes, v->iov_base, v->iov_len);
	k.bytes += v->iov_len;
	k.n_runs += is_run(m);
	k.n_datagrams += !is_run(m);
}

/* As sendmmsg(2): stops at the first error, which is told when nothing was taken before it. */
static int fake(int fd, struct mmsghdr *v, unsigned n, int flags)
{
	(void)fd, (void)flags;
	assert_true(++k.calls < CALLS_MAX);
	assert_in_range(n, 1, UDP_BATCH_MAX);
	k.largest = n > k.largest ? n : k.largest;
	for (unsigned i = 0; i < n; i++) {
		int err = refusal(&v[i]);
		if (err || (k.per_call && i == k.per_call)) {
			k.n_refused += err != 0;
			errno = err;
			return i ? (int)i : -1;
		}
		accept_one(&v[i]);
	}
	return (int)n;
}

struct stand {
	struct udp_sock s;
	struct udp_batch *b;
	struct udp_msg m[8];
	uint8_t out[UDP_RECV_ROOM];
	size_t n, len; /* messages, bytes in all */
};

static int setup(void **state)
{
	struct stand *t = xcalloc(1, sizeof(*t));
	t->b = udp_batch_new();
	t->s.fd = -1;
	for (size_t i = 0; i < sizeof(t->out); i++)
		t->out[i] = (uint8_t)(i * 11 + i / 256);
	memset(&k, 0, sizeof(k));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct stand *t = *state;
	udp_batch_free(t->b);
	free(t);
	return 0;
}

static void add(struct stand *t, size_t len, uint16_t segment)
{
	struct ep to = { ip_v4(127, 0, 0, 1), 9 };
	t->m[t->n++] = (struct udp_msg){ to, mspan_of(t->out + t->len, len), segment };
	t->len += len;
}

static enum udp_result go(struct stand *t, size_t *sent)
{
	return udp_send_batch_by(fake, &t->s, t->b, t->m, t->n, sent);
}

static void all_gone(struct stand *t)
{
	size_t sent;
	assert_int_equal(go(t, &sent), UDP_SENT);
	assert_int_equal(sent, t->n);
	assert_int_equal(k.bytes, t->len);
	assert_memory_equal(k.seen, t->out, t->len);
}

static void runs_are_taken(void **state)
{
	struct stand *t = *state;
	add(t, 5 * LEN, LEN);
	add(t, LEN, 0);
	add(t, LEN, LEN); /* no more than its first: not a run */
	add(t, LEN + 1, LEN);
	all_gone(t);
	assert_int_equal(k.calls, 1);
	assert_int_equal(k.n_runs, 2);
	assert_int_equal(k.n_datagrams, 2);
}

/* A device without checksum offload: no loss, and no further try. */
static void eio_turns_runs_off(void **state)
{
	struct stand *t = *state;
	k.run_err = EIO;
	add(t, LEN, 0);
	add(t, 5 * LEN + 1, LEN);
	add(t, 3 * LEN, LEN);
	all_gone(t);
	assert_int_equal(t->s.gso_off, OFFLOAD_OFF_DEVICE);
	assert_int_equal(k.n_datagrams, 1 + 6 + 3);
	assert_int_equal(k.n_refused, 2); /* after the first datagram, and when asked again */
	k.run_err = 0;
	k.n_refused = k.bytes = k.n_datagrams = 0;
	all_gone(t);
	assert_int_equal(k.n_runs, 0);
}

static void size_refused(struct stand *t, int err)
{
	k.run_err = err;
	add(t, 3 * LEN, LEN);
	add(t, 2 * LEN, LEN);
	add(t, LEN, 0);
	all_gone(t);
	assert_int_equal(t->s.gso_off, 0);
	assert_int_equal(k.n_datagrams, 6);
	k.run_err = 0; /* the next path may be wider */
	k.bytes = k.n_datagrams = 0;
	all_gone(t);
	assert_int_equal(k.n_runs, 2);
}

static void emsgsize_is_tried_alone(void **state)
{
	size_refused(*state, EMSGSIZE);
}

static void einval_is_tried_alone(void **state)
{
	size_refused(*state, EINVAL);
}

/* Anything else concerns the destination, and is told as for a datagram. */
static void other_errors_are_told(void **state)
{
	static const struct {
		int err;
		enum udp_result r;
	} rows[] = { { EPERM, UDP_LOST },
		     { ENETUNREACH, UDP_UNREACHABLE },
		     { EAGAIN, UDP_AGAIN },
		     { EBADF, UDP_CLOSED } };
	struct stand *t = *state;
	size_t sent;
	add(t, LEN, 0);
	add(t, 3 * LEN, LEN);
	add(t, LEN, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		memset(&k, 0, sizeof(k));
		k.run_err = rows[i].err;
		assert_int_equal(go(t, &sent), rows[i].r);
		assert_int_equal(sent, 1);
		assert_int_equal(k.n_datagrams, 1);
		assert_int_equal(t->s.gso_off, 0);
	}
}

static void a_datagram_of_a_run_fails(void **state)
{
	struct stand *t = *state;
	size_t sent;
	k.run_err = EMSGSIZE;
	k.err = EMSGSIZE;
	k.err_at = 3;
	add(t, LEN, 0);
	add(t, 5 * LEN, LEN);
	add(t, LEN, 0);
	assert_int_equal(go(t, &sent), UDP_TOOBIG);
	assert_int_equal(sent, 1); /* the caller skips the run and goes on behind it */
	assert_int_equal(k.n_datagrams, 3);
	k.err = EIO; /* of a single datagram: says nothing about runs */
	k.err_at = 0;
	k.n_datagrams = 0;
	assert_int_equal(go(t, &sent), UDP_ERROR);
	assert_int_equal(sent, 0);
	assert_int_equal(t->s.gso_off, 0);
}

static void partial_success_goes_on(void **state)
{
	struct stand *t = *state;
	k.per_call = 2;
	t->s.gso_off = OFFLOAD_OFF_KERNEL;
	add(t, 5 * LEN, LEN);
	add(t, LEN, 0);
	add(t, 3 * LEN - 1, LEN);
	all_gone(t);
	assert_int_equal(k.n_datagrams, 9);
	assert_int_equal(k.calls, 5);
}

/* 3 runs of 64 are more than one call takes. */
static void split_runs_fill_the_calls(void **state)
{
	struct stand *t = *state;
	t->s.gso_off = OFFLOAD_OFF_SWITCH;
	for (int i = 0; i < 3; i++)
		add(t, UDP_RUN_MAX * LEN, LEN);
	all_gone(t);
	assert_int_equal(k.n_datagrams, 3 * UDP_RUN_MAX);
	assert_int_equal(k.calls, 2);
	assert_int_equal(k.largest, UDP_BATCH_MAX);
}

static void what_may_join(void **state)
{
	(void)state;
	assert_true(udp_run_takes(IP_V4, 0, 0, 0, 1312));
	assert_false(udp_run_takes(IP_V4, 0, 0, 0, 0));
	assert_true(udp_run_takes(IP_V4, 0, 0, 0, UDP_RUN_BYTES4));
	assert_false(udp_run_takes(IP_V4, 0, 0, 0, UDP_RUN_BYTES4 + 1));
	assert_true(udp_run_takes(IP_V6, 0, 0, 0, UDP_RUN_BYTES6));
	assert_false(udp_run_takes(IP_V6, 0, 0, 0, UDP_RUN_BYTES6 + 1));
	assert_true(udp_run_takes(IP_V4, 100, 100, 1, 100));
	assert_true(udp_run_takes(IP_V4, 100, 100, 1, 1));
	assert_false(udp_run_takes(IP_V4, 100, 100, 1, 0));
	assert_false(udp_run_takes(IP_V4, 100, 100, 1, 101));
	assert_false(udp_run_takes(IP_V4, 101, 100, 2, 1)); /* a shorter one ended it */
	assert_true(udp_run_takes(IP_V4, 63 * 100, 100, 63, 100));
	assert_false(udp_run_takes(IP_V4, 64 * 100, 100, 64, 100));
	assert_true(udp_run_takes(IP_V4, 48 * 1312, 1312, 48, 1312));
	assert_false(udp_run_takes(IP_V4, 49 * 1312, 1312, 49, 1312));
	assert_true(udp_run_takes(IP_V4, 49 * 1312, 1312, 49, UDP_RUN_BYTES4 - 49 * 1312));
	assert_false(udp_run_takes(IP_V4, 49 * 1312, 1312, 49, UDP_RUN_BYTES4 - 49 * 1312 + 1));
	assert_true(udp_run_takes(IP_V6, 49 * 1312, 1312, 49, UDP_RUN_BYTES6 - 49 * 1312));
	assert_false(udp_run_takes(IP_V6, 49 * 1312, 1312, 49, UDP_RUN_BYTES6 - 49 * 1312 + 1));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(runs_are_taken),
		T(eio_turns_runs_off),
		T(emsgsize_is_tried_alone),
		T(einval_is_tried_alone),
		T(other_errors_are_told),
		T(a_datagram_of_a_run_fails),
		T(partial_success_goes_on),
		T(split_runs_fill_the_calls),
		cmocka_unit_test(what_may_join),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
