/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_blast: UDP datagrams at a fixed rate, and who counts them at the other end.
 *
 *   udp_blast send --to IP --port N --size BYTES --rate PER_SECOND --seconds N [--gso SEGMENTS]
 *   udp_blast recv --port N [--patience SECONDS]
 *
 * The sender hands the kernel BATCH datagrams a call (sendmmsg), or with --gso runs of equal
 * datagrams as one (UDP_SEGMENT); it falls behind its rate when the machine cannot, never ahead.
 * Each datagram carries its number and the number's complement. The receiver starts its clock with
 * the first datagram and ends when none came for a second; it counts each number once.
 * Either prints one line of "name value" pairs. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define BATCH 32
#define GSO_MAX 64
#define SIZE_MIN 16 /* the number and its complement */
#define SIZE_MAX_UDP 1472
#define NUMBERS (64u << 20) /* the receiver's bitmap */
#define SOCKET_ROOM (8 << 20)
#define SILENCE_MS 1000
#define LEAD_NS 5000000 /* what a late sender may catch up */

struct options {
	struct in_addr to;
	uint16_t port;
	unsigned size, rate, seconds, gso, patience;
};

static void die(const char *what)
{
	fprintf(stderr, "udp_blast: %s\n", what);
	exit(2);
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int udp_open(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int room = SOCKET_ROOM;
	if (fd < 0)
		die(strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return fd;
}

/* ---- the sender ------------------------------------------------------------------------------ */

struct sender {
	int fd;
	unsigned size, per_message;
	uint64_t next; /* number of the next datagram */
	uint64_t refused;
	uint8_t room[BATCH][GSO_MAX * SIZE_MAX_UDP];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
};

static void number_write(uint8_t *p, uint64_t number)
{
	uint64_t check = ~number;
	memcpy(p, &number, 8);
	memcpy(p + 8, &check, 8);
}

static void sender_open(struct sender *s, const struct options *o)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(o->port),
				  .sin_addr = o->to };
	int segment = (int)o->size;
	s->fd = udp_open();
	s->size = o->size;
	s->per_message = o->gso ? o->gso : 1;
	if (connect(s->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		die(strerror(errno));
	if (o->gso && setsockopt(s->fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0)
		die("no UDP_SEGMENT here");
	for (unsigned i = 0; i < BATCH; i++) {
		s->iov[i] = (struct iovec){ s->room[i], (size_t)s->per_message * s->size };
		s->m[i].msg_hdr = (struct msghdr){ .msg_iov = &s->iov[i], .msg_iovlen = 1 };
	}
}

/* n messages, each with the numbers that follow. Refused ones (a full queue) count as sent: lost.
 */
static void sender_batch(struct sender *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < s->per_message; k++)
			number_write(s->room[i] + (size_t)k * s->size, s->next++);
	for (unsigned done = 0; done < n;) {
		int sent = sendmmsg(s->fd, s->m + done, n - done, 0);
		if (sent < 0 && errno == EINTR)
			continue;
		s->refused += sent < 0 ? s->per_message : 0;
		done += sent < 0 ? 1 : (unsigned)sent;
	}
}

static int send_all(const struct options *o)
{
	static struct sender s;
	sender_open(&s, o);
	int64_t start = now_ns(), end = start + o->seconds * INT64_C(1000000000), now = start;
	int64_t from = start; /* the rate counts from here */
	uint64_t before = 0;
	for (; now < end && s.next + BATCH * s.per_message < NUMBERS; now = now_ns()) {
		uint64_t due = (uint64_t)((double)(now - from) * o->rate / 1e9) + before;
		if (s.next + s.per_message > due) {
			nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
			continue;
		}
		uint64_t late = (due - s.next) / s.per_message;
		sender_batch(&s, late < BATCH ? (unsigned)late : BATCH);
		if ((double)(due - s.next) * 1e9 / o->rate > LEAD_NS) {
			from = now;
			before = s.next;
		}
	}
	printf("sent %llu refused %llu ms %lld\n", (unsigned long long)s.next,
	       (unsigned long long)s.refused, (long long)((now - start) / 1000000));
	close(s.fd);
	return 0;
}

/* ---- the receiver ---------------------------------------------------------------------------- */

struct receiver {
	int fd;
	uint64_t received, twice, wrong, late, highest;
	int64_t first, last;
	uint8_t seen[NUMBERS / 8];
	uint8_t room[BATCH][SIZE_MAX_UDP];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
};

static void count_one(struct receiver *r, const uint8_t *p, size_t len)
{
	uint64_t number, check;
	if (len < SIZE_MIN) {
		r->wrong++;
		return;
	}
	memcpy(&number, p, 8);
	memcpy(&check, p + 8, 8);
	if (number != ~check || number >= NUMBERS) {
		r->wrong++;
		return;
	}
	uint8_t bit = (uint8_t)(1u << number % 8);
	if (r->seen[number / 8] & bit) {
		r->twice++;
		return;
	}
	r->seen[number / 8] |= bit;
	r->received++;
	r->late += number < r->highest;
	r->highest = number > r->highest ? number : r->highest;
}

static void receiver_open(struct receiver *r, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	r->fd = udp_open();
	if (bind(r->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		die(strerror(errno));
	for (unsigned i = 0; i < BATCH; i++) {
		r->iov[i] = (struct iovec){ r->room[i], sizeof(r->room[i]) };
		r->m[i].msg_hdr = (struct msghdr){ .msg_iov = &r->iov[i], .msg_iovlen = 1 };
	}
}

static bool receive_some(struct receiver *r, int wait_ms)
{
	struct pollfd pfd = { .fd = r->fd, .events = POLLIN };
	if (poll(&pfd, 1, wait_ms) <= 0)
		return false;
	int n = recvmmsg(r->fd, r->m, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return true;
	r->last = now_ns();
	if (!r->first)
		r->first = r->last;
	for (int i = 0; i < n; i++)
		count_one(r, r->room[i], r->m[i].msg_len);
	return true;
}

static int receive_all(const struct options *o)
{
	static struct receiver r;
	receiver_open(&r, o->port);
	if (receive_some(&r, (int)o->patience * 1000))
		while (receive_some(&r, SILENCE_MS))
			continue;
	printf("received %llu twice %llu wrong %llu late %llu ms %lld\n",
	       (unsigned long long)r.received, (unsigned long long)r.twice,
	       (unsigned long long)r.wrong, (unsigned long long)r.late,
	       (long long)((r.last - r.first) / 1000000));
	close(r.fd);
	return r.received ? 0 : 1;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static unsigned number(const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	if (!*text || *end || v < min || v > max)
		die("a number is out of its range");
	return (unsigned)v;
}

static void set_option(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 't':
		if (inet_pton(AF_INET, arg, &o->to) != 1)
			die("--to needs an IPv4 address");
		break;
	case 'p':
		o->port = (uint16_t)number(arg, 1, 65535);
		break;
	case 's':
		o->size = number(arg, SIZE_MIN, SIZE_MAX_UDP);
		break;
	case 'r':
		o->rate = number(arg, 1, 100000000);
		break;
	case 'S':
		o->seconds = number(arg, 1, 3600);
		break;
	case 'g':
		o->gso = number(arg, 1, GSO_MAX);
		break;
	case 'w':
		o->patience = number(arg, 1, 3600);
		break;
	default:
		die("send or recv; see the head of udp_blast.c");
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "to", 1, NULL, 't' },	      { "port", 1, NULL, 'p' },	   { "size", 1, NULL, 's' },
		{ "rate", 1, NULL, 'r' },     { "seconds", 1, NULL, 'S' }, { "gso", 1, NULL, 'g' },
		{ "patience", 1, NULL, 'w' }, { NULL, 0, NULL, 0 },
	};
	struct options o = { .patience = 10 };
	int c;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		set_option(&o, c, optarg);
	bool sends = optind + 1 == argc && strcmp(argv[optind], "send") == 0;
	bool receives = optind + 1 == argc && strcmp(argv[optind], "recv") == 0;
	if (receives && o.port)
		return receive_all(&o);
	if (!sends || !o.to.s_addr || !o.port || !o.size || !o.rate || !o.seconds ||
	    o.gso * o.size > 65507)
		die("send or recv; see the head of udp_blast.c");
	return send_all(&o);
}
