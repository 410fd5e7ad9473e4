/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flood: datagrams of strangers to a node's UDP port, at a bounded rate for a bounded time.
 *
 *   flood send --dev DEVICE --mac ADDRESS --to IP:PORT --from IP --kind KIND --rate N --seconds N
 *              [--sources N] [--peer KEY]
 *   flood replay --dev DEVICE --mac ADDRESS --to IP:PORT --file FILE --rate N --seconds N
 *   flood record --dev DEVICE --to IP:PORT --file FILE --count N --seconds N
 *
 *   --mac      the Ethernet address of the receiver or of the way there
 *   --from     the first source address; --sources addresses from there on are used (one: and one
 *              port), whoever may own them
 *   --peer     the receiver's public key: base64, or nodekey: and hexadecimal digits; needed for
 *              the kinds that have a mac
 *   --kind     flood_messages.h
 * send makes POOL datagrams beforehand and sends them again and again; replay does so with what
 * record saw arrive. Only run it in namespaces of your own. One line of "name value". */
#include "tests/load/flood_messages.h"
#include "tests/load/flood_packet.h"

#include "base/crypto/crypto.h"
#include "base/mono.h"
#include "wg/messages.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define POOL 512
#define SOURCES_MAX 65536
#define RATE_MAX 1000000
#define SECONDS_MAX 120
#define LAG_MAX_NS (20 * NS_PER_MS) /* what could not be sent in this time is not made up for */
#define LINGER_MS 200
#define FIXED_PORT 50000

struct options {
	const char *device, *file;
	uint8_t mac[6];
	struct ep to;
	struct ip from;
	struct node_key peer;
	unsigned kind, sources, rate, seconds, count;
};

struct flood {
	struct options o;
	struct flood_link link;
	struct flood_packet pool[POOL];
	unsigned n_pool;
	uint64_t sent, skipped, refused;
	uint64_t responses, cookies, others; /* what came back */
};

static void usage(const char *what)
{
	fprintf(stderr, "flood: %s\n", what);
	exit(2);
}

/* ---- what is sent ---- */

static void make_pool(struct flood *f)
{
	uint8_t room[FLOOD_DATAGRAM_MAX];
	for (f->n_pool = 0; f->n_pool < POOL; f->n_pool++) {
		size_t n = flood_message(f->o.kind, &f->o.peer, room);
		if (n == 0)
			usage("--peer is no usable key");
		flood_packet_build(&f->pool[f->n_pool], f->o.to, span_of(room, n));
	}
}

static void read_pool(struct flood *f)
{
	FILE *in = fopen(f->o.file, "rb");
	if (!in)
		usage(strerror(errno));
	while (f->n_pool < POOL && fread(&f->pool[f->n_pool], sizeof(f->pool[0]), 1, in) == 1)
		flood_packet_mend(&f->pool[f->n_pool++]);
	fclose(in);
	if (f->n_pool == 0)
		usage("--file has no packets");
}

/* Sources in an order that visits all and repeats no pattern of the pool. */
static void set_source(const struct flood *f, struct flood_packet *p, uint64_t i)
{
	struct rd r = rd_init(span_of(f->o.from.b, 4));
	uint32_t first = rd_be32(&r);
	uint32_t step = (uint32_t)(i * 40503u % f->o.sources);
	uint16_t port = f->o.sources == 1 ? FIXED_PORT : (uint16_t)(1024 + i * 7919 % 60000);
	flood_packet_set_source(p, first + step, port);
}

static void send_batch(struct flood *f, unsigned n)
{
	const struct flood_packet *v[FLOOD_BATCH];
	for (unsigned i = 0; i < n; i++) {
		struct flood_packet *p = &f->pool[(f->sent + i) % f->n_pool];
		if (f->o.sources)
			set_source(f, p, f->sent + i);
		v[i] = p;
	}
	unsigned taken = flood_link_send(&f->link, v, n);
	f->refused += n - taken;
	f->sent += n;
}

static void count_answers(struct flood *f)
{
	static struct flood_packet p;
	struct span d;
	while (flood_link_receive(&f->link, &p)) {
		if (!flood_packet_is_from(&p, f->o.to, &d))
			continue;
		enum wg_kind k = wg_classify(d);
		f->responses += k == WG_KIND_RESPONSE;
		f->cookies += k == WG_KIND_COOKIE;
		f->others += k != WG_KIND_RESPONSE && k != WG_KIND_COOKIE;
	}
}

static void run(struct flood *f)
{
	mono_t start = mono_now();
	int64_t past = 0;
	while (past < f->o.seconds * NS_PER_S) {
		uint64_t due = (uint64_t)((double)past * f->o.rate / NS_PER_S);
		uint64_t done = f->sent + f->skipped;
		uint64_t lag = (uint64_t)f->o.rate * LAG_MAX_NS / NS_PER_S + FLOOD_BATCH;
		if (due > done + lag)
			f->skipped += due - done - lag;
		else if (due > done)
			send_batch(f,
				   due - done < FLOOD_BATCH ? (unsigned)(due - done) : FLOOD_BATCH);
		else
			poll(NULL, 0, 1);
		count_answers(f);
		past = mono_diff_ns(mono_now(), start);
	}
	poll(NULL, 0, LINGER_MS);
	count_answers(f);
}

static void report(const struct flood *f)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	long ms = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
		  (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
	printf("sent %llu skipped %llu refused %llu responses %llu cookies %llu others %llu cpu_ms "
	       "%ld\n",
	       (unsigned long long)f->sent, (unsigned long long)f->skipped,
	       (unsigned long long)f->refused, (unsigned long long)f->responses,
	       (unsigned long long)f->cookies, (unsigned long long)f->others, ms);
}

/* ---- record ---- */

static void record(struct flood *f)
{
	static struct flood_packet p;
	FILE *out = fopen(f->o.file, "wb");
	unsigned n = 0;
	if (!out)
		usage(strerror(errno));
	mono_t end = mono_add_s(mono_now(), f->o.seconds);
	while (n < f->o.count && mono_before(mono_now(), end)) {
		struct pollfd wait = { .fd = f->link.in, .events = POLLIN };
		poll(&wait, 1, 100);
		while (n < f->o.count && flood_link_receive(&f->link, &p))
			if (flood_packet_is_to(&p, f->o.to) && fwrite(&p, sizeof(p), 1, out) == 1)
				n++;
	}
	if (fclose(out) != 0)
		usage(strerror(errno));
	printf("recorded %u\n", n);
}

/* ---- arguments ---- */

static void mac_text(const char *text, uint8_t mac[static 6])
{
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6)
		usage("--mac: six bytes in hexadecimal, with colons");
}

static unsigned number(const char *text, unsigned max)
{
	uint64_t v;
	if (u64_decode(span_str(text), max, &v) || v == 0)
		usage("a number is out of its range");
	return (unsigned)v;
}

static unsigned kind_text(const char *text)
{
	unsigned k = 0;
	while (k < FLOOD_KINDS && strcmp(text, flood_kind_name(k)) != 0)
		k++;
	if (k == FLOOD_KINDS)
		usage("--kind: see flood_messages.c");
	return k;
}

static void set_option(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 'd':
		o->device = arg;
		break;
	case 'm':
		mac_text(arg, o->mac);
		break;
	case 't':
		if (ep_decode(span_str(arg), &o->to) || o->to.ip.fam != IP_V4)
			usage("--to needs an IPv4 address and a port");
		break;
	case 'f':
		if (ip_decode(span_str(arg), &o->from) || o->from.fam != IP_V4)
			usage("--from needs an IPv4 address");
		break;
	case 'p':
		if (flood_key_decode(span_str(arg), &o->peer) < 0)
			usage("--peer: 44 characters of base64, or nodekey:");
		break;
	case 'k':
		o->kind = kind_text(arg);
		break;
	case 'n':
		o->sources = number(arg, SOURCES_MAX);
		break;
	case 'r':
		o->rate = number(arg, RATE_MAX);
		break;
	case 's':
		o->seconds = number(arg, SECONDS_MAX);
		break;
	case 'c':
		o->count = number(arg, POOL);
		break;
	case 'F':
		o->file = arg;
		break;
	default:
		usage("see the head of flood.c");
	}
}

static void options(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "dev", 1, NULL, 'd' },     { "mac", 1, NULL, 'm' },  { "to", 1, NULL, 't' },
		{ "from", 1, NULL, 'f' },    { "peer", 1, NULL, 'p' }, { "kind", 1, NULL, 'k' },
		{ "sources", 1, NULL, 'n' }, { "rate", 1, NULL, 'r' }, { "seconds", 1, NULL, 's' },
		{ "count", 1, NULL, 'c' },   { "file", 1, NULL, 'F' }, { NULL, 0, NULL, 0 },
	};
	int c;
	*o = (struct options){ .kind = FLOOD_KINDS };
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		set_option(o, c, optarg);
	if (!o->device || !ep_is_set(o->to) || !o->seconds)
		usage("--dev --to --seconds are needed");
}

int main(int argc, char **argv)
{
	static struct flood f;
	const char *verb = argc > 1 ? argv[1] : "";
	options(&f.o, argc > 1 ? argc - 1 : argc, argc > 1 ? argv + 1 : argv);
	if (crypto_init() || flood_link_open(&f.link, f.o.device, f.o.mac) != 0)
		usage(strerror(errno));
	if (strcmp(verb, "record") == 0 && f.o.file && f.o.count) {
		record(&f);
	} else if (strcmp(verb, "replay") == 0 && f.o.file && f.o.rate) {
		read_pool(&f);
		run(&f);
		report(&f);
	} else if (strcmp(verb, "send") == 0 && f.o.kind < FLOOD_KINDS && f.o.rate &&
		   ip_is_set(f.o.from)) {
		f.o.sources = f.o.sources ? f.o.sources : 1;
		make_pool(&f);
		run(&f);
		report(&f);
	} else {
		usage("see the head of flood.c");
	}
	flood_link_close(&f.link);
	return 0;
}
