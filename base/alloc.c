/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* No formatting and no log here: both may allocate. */
static _Noreturn void out_of_memory(void)
{
	static const char text[] = "out of memory\n";
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(134);
	abort();
}

static void *or_die(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

/* n * size, at least 1: a block of 0 bytes may be NULL, which a caller would take for failure. */
static bool block_size(size_t n, size_t size, size_t *total)
{
	if (__builtin_mul_overflow(n, size, total))
		return false;
	if (*total == 0)
		*total = 1;
	return true;
}

void *try_calloc(size_t n, size_t size)
{
	size_t total;
	return block_size(n, size, &total) ? calloc(total, 1) : NULL;
}

void *try_realloc(void *p, size_t n, size_t size)
{
	size_t total;
	return block_size(n, size, &total) ? realloc(p, total) : NULL;
}

void alloc_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

void *xcalloc(size_t n, size_t size)
{
	return or_die(try_calloc(n, size));
}

void *xrealloc(void *p, size_t n, size_t size)
{
	return or_die(try_realloc(p, n, size));
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return or_die(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
	char *s;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return s;
}

void str_set(char **p, const char *s)
{
	char *copy = s ? xstrdup(s) : NULL; /* before free: s may be *p */
	free(*p);
	*p = copy;
}

int str_cmp(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}
