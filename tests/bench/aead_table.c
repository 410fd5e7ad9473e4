/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_table.c: how fast the implementations behind aead_batch.h are, as a Markdown table. Thread
 * CPU time; each figure is min / median / max of rounds in which all implementations take turns, so
 * that a busy machine is busy for all. Arguments: [rounds [name...]]. */
#include "base/alloc.h"
#include "base/crypto/aead_impl.h"
#include "base/crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS_MAX 99
#define IMPLS_MAX 8
#define SLICE_NS 1000000 /* per figure and round */
#define RUNS_SIZE 262144 /* what is worked on at a time: as much as stays in the second cache */
/* Packets lie in one run, as in the packet path: header, text, tag, then the next. */
#define HEADER_LEN 16
#define TEXT_MAX 65520
#define STRIDE_MAX (HEADER_LEN + TEXT_MAX + TAG_LEN)

static const uint32_t lens[] = { 64, 256, 1280, 1420, 16384, 65520 };
static const size_t batches[] = { 1, 2, 4, 8, 16, 48, 128 };
static const uint8_t key[32] = { 1, 2, 3 };

static const struct aead_impl *impls[IMPLS_MAX];
static size_t n_impls;
static double ns_of[IMPLS_MAX][2][ROUNDS_MAX]; /* per packet; seal, open */
static uint8_t *sealed, *work;

/* One cell of the table: runs of n packets of len bytes. */
struct cell {
	uint32_t len;
	size_t n, runs;
	size_t stride;
};

static double cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void place(const struct cell *c, size_t run, struct aead_pkt *v)
{
	uint8_t *p = work + run * c->n * c->stride + HEADER_LEN;
	for (size_t i = 0; i < c->n; i++)
		v[i] = (struct aead_pkt){ p + i * c->stride, c->len, false, run * c->n + i };
}

static void must_be_ok(const struct aead_pkt *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!v[i].ok)
			abort();
}

/* Opening in place destroys what it opens: give it fresh packets before the clock starts. */
static double time_runs(const struct cell *c, const struct aead_impl *impl, bool seal)
{
	struct aead_pkt v[AEAD_BATCH_MAX];
	memcpy(work, sealed, c->runs * c->n * c->stride);
	double start = cpu_ns();
	for (size_t run = 0; run < c->runs; run++) {
		place(c, run, v);
		if (seal) {
			impl->seal(key, v, c->n);
		} else {
			impl->open(key, v, c->n);
			must_be_ok(v, c->n);
		}
	}
	return cpu_ns() - start;
}

static double ns_per_packet(const struct cell *c, const struct aead_impl *impl, bool seal)
{
	double spent = 0;
	size_t packets = 0;
	do {
		spent += time_runs(c, impl, seal);
		packets += c->runs * c->n;
	} while (spent < SLICE_NS);
	return spent / (double)packets;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print_times(const struct cell *c, double *ns, size_t rounds)
{
	qsort(ns, rounds, sizeof(*ns), by_size);
	double median = ns[rounds / 2];
	printf(" %.0f / %.0f / %.0f | %.1f |", ns[0], median, ns[rounds - 1], c->len * 8 / median);
}

static void measure(struct cell *c, size_t rounds)
{
	struct aead_pkt v[AEAD_BATCH_MAX];
	c->stride = HEADER_LEN + c->len + TAG_LEN;
	c->runs = RUNS_SIZE / (c->n * c->stride) + 1;
	for (size_t run = 0; run < c->runs; run++) {
		place(c, run, v);
		aead_sodium.seal(key, v, c->n);
	}
	memcpy(sealed, work, c->runs * c->n * c->stride);
	for (size_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < n_impls; i++)
			for (int seal = 0; seal < 2; seal++)
				ns_of[i][!seal][r] = ns_per_packet(c, impls[i], seal);
	for (size_t i = 0; i < n_impls; i++) {
		printf("| %s | %u | %zu |", impls[i]->name, c->len, c->n);
		print_times(c, ns_of[i][0], rounds);
		print_times(c, ns_of[i][1], rounds);
		printf("\n");
	}
	fflush(stdout);
}

static bool wanted(const struct aead_impl *impl, char **names)
{
	if (!names[0])
		return true;
	for (; names[0]; names++)
		if (strcmp(names[0], impl->name) == 0)
			return true;
	return false;
}

static void choose(char **names)
{
	const struct aead_impl *impl;
	for (size_t i = 0; (impl = aead_impl_at(i)); i++)
		if (n_impls < IMPLS_MAX && impl->usable() && wanted(impl, names))
			impls[n_impls++] = impl;
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 7;
	if (rounds < 1 || rounds > ROUNDS_MAX || crypto_init()) {
		fprintf(stderr, "usage: aead_table [rounds (1 to %d) [name...]]\n", ROUNDS_MAX);
		return 2;
	}
	choose(argv + (argc > 1 ? 2 : argc));
	size_t room = (size_t)STRIDE_MAX * AEAD_BATCH_MAX + RUNS_SIZE;
	sealed = xcalloc(1, room);
	work = xcalloc(1, room);
	printf(
	    "| AEAD | bytes | batch | seal ns/packet min / median / max | Gbit/s | open ns/packet "
	    "min / median / max | Gbit/s |\n|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		for (size_t k = 0; k < ARRAY_LEN(batches); k++)
			measure(&(struct cell){ .len = lens[i], .n = batches[k] }, rounds);
	free(sealed);
	free(work);
	return 0;
}
