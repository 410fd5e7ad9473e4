/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/counters.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Sorted by name. Registered at start, kept for the life of the process. */
static struct counter **all;
static size_t n_all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int by_name(const void *a, const void *b)
{
	const struct counter *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static int is_known(const struct counter *c)
{
	for (size_t i = 0; i < n_all; i++)
		if (all[i] == c)
			return 1;
	return 0;
}

void counters_register(struct counter *set, size_t n)
{
	pthread_mutex_lock(&lock);
	if (n > 0 && !is_known(set)) {
		all = xrealloc(all, n_all + n, sizeof(*all));
		for (size_t i = 0; i < n; i++)
			all[n_all++] = &set[i];
		qsort(all, n_all, sizeof(*all), by_name);
	}
	pthread_mutex_unlock(&lock);
}

void counters_each(void (*fn)(void *arg, const char *name, uint64_t v), void *arg)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_all; i++)
		fn(arg, all[i]->name, counter_get(all[i]));
	pthread_mutex_unlock(&lock);
}
