/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_load: DNS queries by UDP at a fixed rate, or as many as come back, and how long answers take.
 *
 *   dns_load --to IP [--port 53] --name PATTERN [--count N] [--first N] [--type A]
 *            (--rate PER_SECOND | --window N) [--seconds N] [--sockets N] [--random]
 *
 * A '%' of the pattern becomes a number of FIRST .. FIRST+COUNT-1, one after the other, or drawn
 * with --random. At a rate it falls behind when the machine cannot, never ahead; with a window that
 * many questions are open at any time. A question is lost after a second. The kernel says when an
 * answer arrived, so a generator that is late does not make answers late. Answers are for what was
 * asked, else "wrong"; "errors" are answers with another code than NOERROR or without a record.
 * Prints one line of "name value" pairs, times in microseconds; a signal ends it sooner. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define SOCKETS_MAX 64
#define WINDOW_MAX 16384
#define IDS 65536
#define QUERY_MAX 300
#define REPLY_MAX 4096
#define HEADER_LEN 12
#define LOST_NS INT64_C(1000000000)
#define LEAD_NS 5000000 /* what a late sender may catch up */
#define SOCKET_ROOM (4 << 20)
#define TIMES_MAX 2000000 /* microseconds */

struct options {
	struct in_addr to;
	const char *name;
	uint64_t count, first;
	unsigned port, type, rate, window, seconds, sockets;
	bool random;
};

/* One open question; sent 0: none. */
struct open_query {
	int64_t sent;
	uint64_t number;
};

struct client {
	int fd;
	uint16_t next_id;
	struct open_query *open; /* by id */
};

/* Open questions in the order they were sent, to find those that are lost. */
struct order {
	uint32_t *v; /* client and id */
	size_t head, n;
};
#define ORDER_MAX (1u << 20)

static struct options opt = {
	.port = 53, .count = 1, .first = 1, .type = 1, .seconds = 5, .sockets = 4
};
static struct client clients[SOCKETS_MAX];
static struct order order;
static uint64_t sent, answered, lost, wrong, errors, late, refused, asked;
static uint32_t *times;
static uint64_t rng = 88172645463325252u;

static volatile sig_atomic_t over;

static void on_signal(int sig)
{
	(void)sig;
	over = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "dns_load: %s\n", what);
	exit(2);
}

/* The clock of the kernel's stamps. */
static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- questions ---- */

static size_t put_name(uint8_t *out, uint64_t number)
{
	char text[256];
	const char *mark = strchr(opt.name, '%');
	int n = mark ? snprintf(text, sizeof(text), "%.*s%llu%s", (int)(mark - opt.name), opt.name,
				(unsigned long long)number, mark + 1)
		     : snprintf(text, sizeof(text), "%s", opt.name);
	if (n < 1 || n > 253)
		die("the name is too long");
	size_t at = 0, label = 0;
	for (int i = 0; i <= n; i++) {
		if (text[i] != '.' && text[i] != '\0') {
			label++;
			continue;
		}
		if (label == 0 || label > 63)
			die("the name is none");
		out[at++] = (uint8_t)label;
		memcpy(out + at, text + i - label, label);
		at += label;
		label = 0;
	}
	out[at++] = 0;
	return at;
}

static size_t query_build(uint8_t *out, uint16_t id, uint64_t number)
{
	static const uint8_t tail[] = { 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 }; /* RD, one question */
	out[0] = (uint8_t)(id >> 8);
	out[1] = (uint8_t)id;
	memcpy(out + 2, tail, sizeof(tail));
	size_t n = HEADER_LEN + put_name(out + HEADER_LEN, number);
	uint8_t end[] = { (uint8_t)(opt.type >> 8), (uint8_t)opt.type, 0, 1 };
	memcpy(out + n, end, sizeof(end));
	return n + sizeof(end);
}

static uint64_t next_number(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return opt.first + (opt.random ? rng : asked++) % opt.count;
}

/* ---- sockets ---- */

static void client_open(struct client *c)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)opt.port),
				  .sin_addr = opt.to };
	int room = SOCKET_ROOM, on = 1;
	c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	c->open = calloc(IDS, sizeof(*c->open));
	if (c->fd < 0 || !c->open || connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		die(strerror(errno));
	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (setsockopt(c->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0)
		die("no SO_TIMESTAMPNS here");
}

static void note_sent(unsigned at, uint16_t id, uint64_t number, int64_t now)
{
	struct open_query *q = &clients[at].open[id];
	if (q->sent)
		lost++; /* all ids are open: the oldest gives way */
	*q = (struct open_query){ now, number };
	order.v[(order.head + order.n) % ORDER_MAX] = (uint32_t)at << 16 | id;
	order.n++;
	sent++;
}

/* n questions from one client. What the kernel refuses was not asked. */
static void client_send(unsigned at, unsigned n)
{
	static uint8_t room[BATCH][QUERY_MAX];
	struct client *c = &clients[at];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH] = { 0 };
	uint64_t numbers[BATCH];
	uint16_t first = c->next_id;
	for (unsigned i = 0; i < n; i++) {
		numbers[i] = next_number();
		iov[i] = (struct iovec){ room[i],
					 query_build(room[i], (uint16_t)(first + i), numbers[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	int64_t now = now_ns();
	int done = sendmmsg(c->fd, m, n, 0);
	if (done < 0) {
		refused++;
		return;
	}
	for (unsigned i = 0; i < (unsigned)done && order.n < ORDER_MAX; i++)
		note_sent(at, (uint16_t)(first + i), numbers[i], now);
	c->next_id = (uint16_t)(first + done);
}

static void send_some(uint64_t n)
{
	static unsigned turn;
	while (n) {
		unsigned now = n < BATCH ? (unsigned)n : BATCH;
		client_send(turn++ % opt.sockets, now);
		n -= now;
	}
}

/* ---- answers ---- */

static int64_t stamp_of(struct msghdr *h)
{
	struct timespec t;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
	}
	return now_ns();
}

static void take_answer(struct client *c, const uint8_t *p, size_t n, int64_t at)
{
	uint8_t query[QUERY_MAX];
	uint16_t id = n < HEADER_LEN ? 0 : (uint16_t)(p[0] << 8 | p[1]);
	struct open_query *q = &c->open[id];
	if (n < HEADER_LEN) {
		wrong++;
		return;
	}
	if (!q->sent) {
		late++;
		return;
	}
	size_t len = query_build(query, id, q->number);
	if (!(p[2] & 0x80) || n < len ||
	    memcmp(p + HEADER_LEN, query + HEADER_LEN, len - HEADER_LEN) != 0) {
		wrong++;
		return;
	}
	int64_t us = (at - q->sent) / 1000;
	times[us < 0 ? 0 : us < TIMES_MAX ? us : TIMES_MAX - 1]++;
	answered++;
	errors += (p[3] & 15) != 0 || (p[6] == 0 && p[7] == 0);
	q->sent = 0;
}

static unsigned client_receive(struct client *c)
{
	static uint8_t room[BATCH][REPLY_MAX];
	static uint8_t control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH] = { 0 };
	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ room[i], REPLY_MAX };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i],
						.msg_iovlen = 1,
						.msg_control = control[i],
						.msg_controllen = sizeof(control[i]) };
	}
	int n = recvmmsg(c->fd, m, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		take_answer(c, room[i], m[i].msg_len, stamp_of(&m[i].msg_hdr));
	return n < 0 ? 0 : (unsigned)n;
}

static bool receive_all(void)
{
	bool any = false;
	for (unsigned i = 0; i < opt.sockets; i++)
		any |= client_receive(&clients[i]) > 0;
	return any;
}

static uint64_t n_open(void)
{
	return sent - answered - lost;
}

/* A question is over when it was answered, or a second has passed. */
static void drop_lost(int64_t now)
{
	while (order.n) {
		uint32_t v = order.v[order.head];
		struct open_query *q = &clients[v >> 16].open[v & 0xffff];
		if (q->sent && now - q->sent < LOST_NS)
			return;
		lost += q->sent != 0;
		q->sent = 0;
		order.head = (order.head + 1) % ORDER_MAX;
		order.n--;
	}
}

/* ---- the run ---- */

static void rest(int64_t ns)
{
	struct pollfd p[SOCKETS_MAX];
	for (unsigned i = 0; i < opt.sockets; i++)
		p[i] = (struct pollfd){ clients[i].fd, POLLIN, 0 };
	ppoll(p, opt.sockets, &(struct timespec){ .tv_nsec = ns }, NULL);
}

static int64_t run(void)
{
	int64_t start = now_ns(), end = start + opt.seconds * INT64_C(1000000000), now = start;
	int64_t from = start; /* the rate counts from here */
	uint64_t before = 0;
	for (; now < end && !over; now = now_ns()) {
		uint64_t due = opt.window ? opt.window - n_open() : 0;
		if (opt.rate) {
			uint64_t all = (uint64_t)((double)(now - from) * opt.rate / 1e9) + before;
			due = all > sent ? all - sent : 0;
			if ((double)due * 1e9 / opt.rate > LEAD_NS) {
				from = now;
				before = sent + BATCH;
				due = BATCH;
			}
		}
		send_some(due < opt.window || !opt.window ? due : opt.window);
		drop_lost(now);
		if (!receive_all() && due == 0)
			rest(opt.window ? 1000000 : 20000);
	}
	int64_t ended = now;
	for (int64_t stop = now + LOST_NS; n_open() && now < stop; now = now_ns()) {
		receive_all();
		rest(1000000);
	}
	lost += n_open();
	return ended - start;
}

static unsigned percentile(double p)
{
	uint64_t rank = (uint64_t)((double)answered * p / 100), seen = 0;
	for (unsigned us = 0; us < TIMES_MAX; us++) {
		seen += times[us];
		if (seen > rank || (seen && seen == answered))
			return us;
	}
	return 0;
}

static unsigned type_of(const char *s)
{
	static const struct {
		const char *name;
		unsigned type;
	} types[] = { { "A", 1 }, { "AAAA", 28 }, { "PTR", 12 }, { "TXT", 16 }, { "ANY", 255 } };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(s, types[i].name) == 0)
			return types[i].type;
	die("unknown type");
	return 0;
}

static uint64_t number_of(const char *s, uint64_t max)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(s, &end, 10);
	if (errno || end == s || *end || v < 1 || v > max)
		die("bad number");
	return v;
}

static void options_read(int argc, char **argv)
{
	static const struct option known[] = {
		{ "to", 1, NULL, 't' },	     { "port", 1, NULL, 'p' },
		{ "name", 1, NULL, 'n' },    { "count", 1, NULL, 'c' },
		{ "first", 1, NULL, 'f' },   { "type", 1, NULL, 'y' },
		{ "rate", 1, NULL, 'r' },    { "window", 1, NULL, 'w' },
		{ "seconds", 1, NULL, 's' }, { "sockets", 1, NULL, 'k' },
		{ "random", 0, NULL, 'x' },  { 0 },
	};
	int c;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 't':
			if (inet_pton(AF_INET, optarg, &opt.to) != 1)
				die("bad address");
			break;
		case 'p':
			opt.port = (unsigned)number_of(optarg, 65535);
			break;
		case 'n':
			opt.name = optarg;
			break;
		case 'c':
			opt.count = number_of(optarg, UINT64_MAX);
			break;
		case 'f':
			opt.first = number_of(optarg, UINT64_MAX);
			break;
		case 'y':
			opt.type = type_of(optarg);
			break;
		case 'r':
			opt.rate = (unsigned)number_of(optarg, 10000000);
			break;
		case 'w':
			opt.window = (unsigned)number_of(optarg, WINDOW_MAX);
			break;
		case 's':
			opt.seconds = (unsigned)number_of(optarg, 600);
			break;
		case 'k':
			opt.sockets = (unsigned)number_of(optarg, SOCKETS_MAX);
			break;
		case 'x':
			opt.random = true;
			break;
		default:
			exit(2);
		}
	}
	if (!opt.to.s_addr || !opt.name || !opt.rate == !opt.window)
		die("needs --to, --name and one of --rate and --window");
}

int main(int argc, char **argv)
{
	options_read(argc, argv);
	times = calloc(TIMES_MAX, sizeof(*times));
	order.v = calloc(ORDER_MAX, sizeof(*order.v));
	if (!times || !order.v)
		die("no memory");
	for (unsigned i = 0; i < opt.sockets; i++)
		client_open(&clients[i]);
	struct sigaction sa = { .sa_handler = on_signal };
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	int64_t took = run();
	printf("sent %llu answered %llu lost %llu wrong %llu errors %llu late %llu refused %llu ms "
	       "%lld "
	       "per_s %.0f p50 %u p99 %u max %u\n",
	       (unsigned long long)sent, (unsigned long long)answered, (unsigned long long)lost,
	       (unsigned long long)wrong, (unsigned long long)errors, (unsigned long long)late,
	       (unsigned long long)refused, (long long)(took / 1000000),
	       (double)answered * 1e9 / (double)took, percentile(50), percentile(99),
	       percentile(100));
	for (unsigned i = 0; i < opt.sockets; i++) {
		close(clients[i].fd);
		free(clients[i].open);
	}
	free(times);
	free(order.v);
	return 0;
}
