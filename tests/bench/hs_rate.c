/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hs_rate [ROUNDS]: what the messages of a handshake cost on one core, as a Markdown table. Nothing
 * is sent. */
#include "base/bytes.h"
#include "base/crypto/crypto.h"
#include "base/mono.h"
#include "base/rng.h"
#include "wg/noise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 2000
#define ROUNDS_MAX 10000000

enum step { STEP_INITIATE, STEP_READ, STEP_ANSWER, STEP_FINISH, STEPS };

static const char *const step_name[STEPS] = {
	"make an initiation",
	"read an initiation: who sends it",
	"prove it and make the response",
	"read the response",
};

struct pair {
	struct wg_identity a, b;
	uint8_t ss[32], psk[32], stamp[WG_TAI64N_LEN];
	int64_t spent[STEPS];
	int64_t since;
};

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void lap(struct pair *p, enum step s)
{
	p->spent[s] += cpu_ns() - p->since;
	p->since = cpu_ns();
}

/* The responder knows the DH of the two static keys beforehand, as the device does. */
static int handshake(struct pair *p)
{
	struct wg_pending pending = { .index = 1 };
	struct wg_received got;
	struct wg_initiation first;
	struct wg_response second;
	struct wg_keys ours, theirs;
	struct node_key who;
	uint8_t stamp[WG_TAI64N_LEN];
	p->since = cpu_ns();
	int rc = wg_noise_create_initiation(&pending, &p->a, &p->b.pub, p->ss, p->stamp,
					    rng_system(), &first);
	lap(p, STEP_INITIATE);
	rc = rc ? rc : wg_noise_read_static(&got, &p->b, &first, &who);
	lap(p, STEP_READ);
	rc = rc ? rc : wg_noise_read_stamp(&got, p->ss, &first, stamp);
	rc = rc ? rc
		: wg_noise_create_response(&got, &who, p->psk, 2, rng_system(), &second, &theirs);
	lap(p, STEP_ANSWER);
	rc = rc ? rc : wg_noise_consume_response(&pending, &p->a, p->psk, &second, &ours);
	lap(p, STEP_FINISH);
	wg_pending_wipe(&pending);
	return rc ? rc : memcmp(ours.send, theirs.recv, sizeof(ours.send));
}

static int pair_init(struct pair *p)
{
	struct node_priv key;
	memset(p, 0, sizeof(*p));
	rng_fill(rng_system(), key.b, sizeof(key.b));
	wg_identity_set(&p->a, &key);
	rng_fill(rng_system(), key.b, sizeof(key.b));
	wg_identity_set(&p->b, &key);
	wall_tai64n(wall_now(), p->stamp);
	return wg_noise_static_shared(p->ss, &p->a, &p->b.pub);
}

static void print(const struct pair *p, unsigned rounds)
{
	int64_t answering = p->spent[STEP_READ] + p->spent[STEP_ANSWER];
	printf("| step | microseconds |\n|---|---|\n");
	for (unsigned s = 0; s < STEPS; s++)
		printf("| %s | %.1f |\n", step_name[s], (double)p->spent[s] / rounds / 1e3);
	printf("| handshakes a core can answer in a second | %.0f |\n",
	       rounds * 1e9 / (double)answering);
}

int main(int argc, char **argv)
{
	uint64_t rounds = ROUNDS;
	struct pair p;
	if (argc > 1 && (u64_decode(span_str(argv[1]), ROUNDS_MAX, &rounds) || !rounds)) {
		fprintf(stderr, "usage: hs_rate [ROUNDS]\n");
		return 2;
	}
	if (crypto_init() || pair_init(&p))
		return 1;
	for (uint64_t i = 0; i < rounds; i++)
		if (handshake(&p) != 0)
			return 1;
	print(&p, (unsigned)rounds);
	wg_identity_wipe(&p.a);
	wg_identity_wipe(&p.b);
	return 0;
}
