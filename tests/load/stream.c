/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream: one TCP connection as full as it gets, of bytes that both ends can compute.
 *
 *   stream send --to IP --port N (--bytes N | --seconds N) [--seed N] [--rate MBIT] [--patience S]
 *   stream recv --port N [--seed N] [--stall MS] [--patience S]
 *
 * The bytes depend on seed and position alone, so that the receiver knows of each whether it is
 * right; both ends also print the SHA-256 of all they sent or got. SIGTERM ends the sender's stream
 * as the seconds do. The receiver takes one connection, measures how long it waited for each read,
 * and prints while it runs stall MS from EPOCH_MS            each wait of --stall (default 500)
 * milliseconds and more Last line of each: sent BYTES ms MS sha256 HEX received BYTES corrupted
 * BYTES longest_stall MS at_ms MS ms MS sha256 HEX Exit: 0; 1 corrupted bytes; 2 the connection
 * broke, nobody came, or --patience (120) seconds went by without a byte moving. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (256 * 1024)

struct options {
	struct in_addr to;
	uint16_t port;
	uint64_t bytes, seed;
	unsigned seconds, rate, patience, stall_ms;
};

static void die(const char *what)
{
	fprintf(stderr, "stream: %s\n", what);
	exit(2);
}

static int64_t clock_ms(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static int64_t now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* ---- the bytes ------------------------------------------------------------------------------- */

/* Chunk number `chunk` of the stream: a mixed counter (splitmix64). */
static void fill(uint64_t *words, uint64_t seed, uint64_t chunk)
{
	uint64_t first = seed * UINT64_C(0xd1342543de82ef95) + chunk * (CHUNK / 8);
	for (uint64_t i = 0; i < CHUNK / 8; i++) {
		uint64_t z = (first + i) * UINT64_C(0x9e3779b97f4a7c15);
		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		words[i] = z ^ (z >> 31);
	}
}

static EVP_MD_CTX *digest_new(void)
{
	EVP_MD_CTX *d = EVP_MD_CTX_new();
	if (!d || EVP_DigestInit_ex(d, EVP_sha256(), NULL) != 1)
		die("no SHA-256");
	return d;
}

static void digest_add(EVP_MD_CTX *d, const void *p, size_t n)
{
	if (EVP_DigestUpdate(d, p, n) != 1)
		die("SHA-256 failed");
}

static void digest_print(EVP_MD_CTX *d)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	if (EVP_DigestFinal_ex(d, out, &n) != 1)
		die("SHA-256 failed");
	printf(" sha256 ");
	for (unsigned i = 0; i < n; i++)
		printf("%02x", out[i]);
	printf("\n");
	EVP_MD_CTX_free(d);
}

/* ---- the sender ------------------------------------------------------------------------------ */

static volatile sig_atomic_t told_to_end;

static void on_term(int sig)
{
	(void)sig;
	told_to_end = 1;
}

static void set_patience(int fd, const struct options *o)
{
	struct timeval t = { .tv_sec = o->patience };
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
}

static int connect_to(const struct options *o)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(o->port),
				  .sin_addr = o->to };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die(strerror(errno));
	set_patience(fd, o);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		die(strerror(errno));
	return fd;
}

static void send_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, 0);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			die(errno == EAGAIN ? "nothing could be sent" : strerror(errno));
		p += k;
		n -= (size_t)k;
	}
}

/* Not ahead of --rate. */
static void pace(const struct options *o, int64_t start, uint64_t sent)
{
	if (!o->rate)
		return;
	int64_t due = start + (int64_t)(sent * 8 / (o->rate * UINT64_C(1000)));
	int64_t early = due - now_ms();
	if (early > 0)
		nanosleep(&(struct timespec){ early / 1000, early % 1000 * 1000000 }, NULL);
}

static bool is_over(const struct options *o, int64_t start, uint64_t sent)
{
	if (told_to_end)
		return true;
	return o->bytes ? sent >= o->bytes : now_ms() - start >= o->seconds * INT64_C(1000);
}

static int run_sender(const struct options *o)
{
	static uint64_t words[CHUNK / 8];
	EVP_MD_CTX *d = digest_new();
	signal(SIGTERM, on_term);
	int fd = connect_to(o);
	int64_t start = now_ms();
	uint64_t sent = 0;
	for (uint64_t chunk = 0; !is_over(o, start, sent); chunk++) {
		size_t n = o->bytes && o->bytes - sent < CHUNK ? (size_t)(o->bytes - sent) : CHUNK;
		fill(words, o->seed, chunk);
		digest_add(d, words, n);
		send_all(fd, (const uint8_t *)words, n);
		sent += n;
		pace(o, start, sent);
	}
	uint8_t end;
	shutdown(fd, SHUT_WR);
	if (recv(fd, &end, 1, 0) != 0)
		die("the receiver did not take all");
	printf("sent %llu ms %lld", (unsigned long long)sent, (long long)(now_ms() - start));
	digest_print(d);
	close(fd);
	return 0;
}

/* ---- the receiver ---------------------------------------------------------------------------- */

struct receiver {
	const struct options *o;
	EVP_MD_CTX *d;
	int fd;
	int64_t start, last; /* of the connection; of what came */
	int64_t longest, longest_at;
	uint64_t received, corrupted;
	size_t n; /* in the chunk under way */
	uint8_t chunk[CHUNK];
	uint64_t right[CHUNK / 8];
};

static void note_wait(struct receiver *r)
{
	int64_t now = now_ms(), waited = now - r->last;
	if (waited > r->longest) {
		r->longest = waited;
		r->longest_at = r->last - r->start;
	}
	if (waited >= r->o->stall_ms) {
		printf("stall %lld from %lld\n", (long long)waited,
		       (long long)(clock_ms(CLOCK_REALTIME) - waited));
		fflush(stdout);
	}
	r->last = now;
}

/* The chunk is full, or the stream has ended in it. */
static void judge(struct receiver *r)
{
	const uint8_t *right = (const uint8_t *)r->right;
	fill(r->right, r->o->seed, (r->received - r->n) / CHUNK);
	digest_add(r->d, r->chunk, r->n);
	if (memcmp(r->chunk, right, r->n) != 0)
		for (size_t i = 0; i < r->n; i++)
			r->corrupted += r->chunk[i] != right[i];
	r->n = 0;
}

/* False at the end of the stream. */
static bool receive_some(struct receiver *r)
{
	ssize_t k = recv(r->fd, r->chunk + r->n, CHUNK - r->n, 0);
	if (k < 0 && errno == EINTR)
		return true;
	if (k < 0)
		die(errno == EAGAIN ? "nothing came" : strerror(errno));
	note_wait(r);
	r->n += (size_t)k;
	r->received += (uint64_t)k;
	if (r->n == CHUNK || (k == 0 && r->n > 0))
		judge(r);
	return k > 0;
}

static int accept_one(const struct options *o)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(o->port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	set_patience(fd, o);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 1) != 0)
		die(strerror(errno));
	int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (c < 0)
		die(errno == EAGAIN ? "nobody came" : strerror(errno));
	close(fd);
	set_patience(c, o);
	return c;
}

static int run_receiver(const struct options *o)
{
	static struct receiver r;
	r.o = o;
	r.d = digest_new();
	r.fd = accept_one(o);
	r.start = r.last = now_ms();
	while (receive_some(&r))
		continue;
	printf("received %llu corrupted %llu longest_stall %lld at_ms %lld ms %lld",
	       (unsigned long long)r.received, (unsigned long long)r.corrupted,
	       (long long)r.longest, (long long)r.longest_at, (long long)(r.last - r.start));
	digest_print(r.d);
	close(r.fd);
	return r.corrupted ? 1 : 0;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	if (!*text || *end || errno || v < min || v > max)
		die("a number is out of its range");
	return v;
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
	case 'b':
		o->bytes = number(arg, 1, UINT64_C(1) << 50);
		break;
	case 's':
		o->seconds = (unsigned)number(arg, 1, 86400);
		break;
	case 'S':
		o->seed = number(arg, 0, UINT64_MAX);
		break;
	case 'r':
		o->rate = (unsigned)number(arg, 1, 1000000);
		break;
	case 'w':
		o->patience = (unsigned)number(arg, 1, 3600);
		break;
	case 'l':
		o->stall_ms = (unsigned)number(arg, 1, 3600000);
		break;
	default:
		die("send or recv; see the head of stream.c");
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "to", 1, NULL, 't' },	      { "port", 1, NULL, 'p' },	 { "bytes", 1, NULL, 'b' },
		{ "seconds", 1, NULL, 's' },  { "seed", 1, NULL, 'S' },	 { "rate", 1, NULL, 'r' },
		{ "patience", 1, NULL, 'w' }, { "stall", 1, NULL, 'l' }, { NULL, 0, NULL, 0 },
	};
	struct options o = { .patience = 120, .stall_ms = 500, .seed = 1 };
	int c;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		set_option(&o, c, optarg);
	const char *verb = optind + 1 == argc ? argv[optind] : "";
	signal(SIGPIPE, SIG_IGN);
	if (strcmp(verb, "recv") == 0 && o.port)
		return run_receiver(&o);
	if (strcmp(verb, "send") != 0 || !o.port || !o.to.s_addr || !o.bytes == !o.seconds)
		die("send or recv; see the head of stream.c");
	return run_sender(&o);
}
