/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The batch AEAD touches its buffers only: text and tag lie between pages that nobody may touch,
 * flush with one or the other. */
#include "tests/unit/base/aead_oracle.h"

#include <sys/mman.h>
#include <unistd.h>

#define PACKETS 17 /* a full group and one */

/* Pages of text between two that fault. */
struct fenced {
	uint8_t *start, *end;
	uint8_t *map;
	size_t size;
};

static struct fenced fence(size_t room)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (room + page - 1) / page * page;
	struct fenced f = { .size = inner + 2 * page };
	f.map = mmap(NULL, f.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f.map == MAP_FAILED || mprotect(f.map, page, PROT_NONE) ||
	    mprotect(f.map + page + inner, page, PROT_NONE))
		fail_msg("no fenced memory");
	f.start = f.map + page;
	f.end = f.start + inner;
	return f;
}

static void round_trip(const struct aead_impl *impl, struct aead_pkt *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memcpy(v[i].p, oracle_text(), v[i].len);
	impl->seal(oracle_key, v, n);
	impl->open(oracle_key, v, n);
	for (size_t i = 0; i < n; i++)
		if (!v[i].ok || memcmp(v[i].p, oracle_text(), v[i].len) != 0)
			fail_msg("%s: length %u at %p", impl->name, v[i].len, (void *)v[i].p);
}

/* n packets, each alone between its own fences, off bytes away from the front or, with off < 0,
 * flush with the end. */
static void fenced_batch(const struct fenced *f, size_t n, uint32_t len, int off)
{
	struct aead_pkt v[PACKETS];
	const struct aead_impl *impl;
	for (size_t k = 0; (impl = oracle_impl(k)); k++) {
		for (size_t i = 0; i < n; i++) {
			uint8_t *p = off < 0 ? f[i].end - TAG_LEN - len : f[i].start + off;
			v[i] = (struct aead_pkt){ p, len, false, i };
		}
		round_trip(impl, v, n);
	}
}

static struct fenced fences[PACKETS];

static void every_length(void **state)
{
	(void)state;
	static const size_t counts[] = { 1, 2, 5, 8, 16, 17 };
	for (uint32_t len = 0; len <= 2100; len++) {
		size_t n = counts[len % 6], m = counts[(len / 6) % 6];
		fenced_batch(fences, n, len, -1);
		fenced_batch(fences, m, len, 0);
	}
	for (uint32_t len = 2100; len <= 65535; len += 2113) {
		fenced_batch(fences, len % 2 ? 1 : 5, len, -1);
		fenced_batch(fences, len % 2 ? 5 : 1, len, 0);
	}
	fenced_batch(fences, PACKETS, 65535, -1);
}

static void every_alignment(void **state)
{
	(void)state;
	static const uint32_t lens[] = { 0, 1, 15, 63, 64, 65, 200, 1280, 1281 };
	for (int off = 0; off < 64; off++)
		for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
			fenced_batch(fences, (size_t)off % PACKETS + 1, lens[i], off);
}

/* Lengths that differ: a short one's lanes run along with a long one's. */
static void unlike_lengths(void **state)
{
	(void)state;
	struct aead_pkt v[PACKETS];
	const struct aead_impl *impl;
	for (size_t k = 0; (impl = oracle_impl(k)); k++)
		for (uint32_t turn = 0; turn < 600; turn++) {
			size_t n = turn % PACKETS + 1;
			for (size_t i = 0; i < n; i++) {
				uint32_t len = (uint32_t)(turn * 131 + i * i * 37) % 1500;
				bool front = (turn + i) % 2;
				uint8_t *end = fences[i].end - TAG_LEN - len;
				v[i] = (struct aead_pkt){ front ? fences[i].start : end, len, false,
							  turn };
			}
			round_trip(impl, v, n);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length),
		cmocka_unit_test(every_alignment),
		cmocka_unit_test(unlike_lengths),
	};
	if (crypto_init())
		return 1;
	for (size_t i = 0; i < PACKETS; i++)
		fences[i] = fence(65535 + TAG_LEN);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < PACKETS; i++)
		munmap(fences[i].map, fences[i].size);
	return rc;
}
