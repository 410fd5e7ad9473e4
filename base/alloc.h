/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alloc.h: the one allocation door. x* abort when memory is out (small control-plane objects);
 * try_* return NULL (anything sized by input). The data path allocates nothing. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));
void *try_calloc(size_t n, size_t size) __attribute__((malloc));
void *try_realloc(void *p, size_t n, size_t size);

/* Give back to the system what large messages left behind; takes about a millisecond. */
void alloc_trim(void);

/* Free *p and set it to a new copy of s (NULL stays NULL). */
void str_set(char **p, const char *s);
/* strcmp that takes NULL as "" */
int str_cmp(const char *a, const char *b);

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
