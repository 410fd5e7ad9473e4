/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vecs.h: the two small growing arrays the registry and the policy are made of: owned strings and
 * prefixes. A zeroed struct is empty. Pure but for their allocations (x*). */
#ifndef COORDINATOR_VECS_H
#define COORDINATOR_VECS_H

#include "base/ip.h"
#include "base/json.h"

struct strv {
	char **v;
	size_t n;
};

void strv_add(struct strv *s, const char *text); /* copies */
void strv_take(struct strv *s, char *text);	 /* taken */
bool strv_has(const struct strv *s, const char *text);
void strv_copy(struct strv *to, const struct strv *from); /* replaces */
bool strv_equal(const struct strv *a, const struct strv *b);
void strv_fini(struct strv *s); /* empty again */
/* Split at commas, blanks around the parts dropped, empty parts skipped. */
void strv_split(struct strv *s, const char *text);
json_t *strv_json(const struct strv *s); /* new array */
/* Append the strings of a JSON array, at most max; other elements are skipped. */
void strv_from_json(struct strv *s, const json_t *arr, size_t max);

/* Sorted and without doubles; every prefix is masked. */
struct prefixes {
	struct prefix *v;
	size_t n;
};

void prefixes_add(struct prefixes *s, struct prefix p); /* harmless if there */
bool prefixes_has(const struct prefixes *s, struct prefix p);
void prefixes_copy(struct prefixes *to, const struct prefixes *from);
bool prefixes_equal(const struct prefixes *a, const struct prefixes *b);
void prefixes_fini(struct prefixes *s);
json_t *prefixes_json(const struct prefixes *s); /* new array */
/* At most max; what does not parse is skipped. */
void prefixes_from_json(struct prefixes *s, const json_t *arr, size_t max);

#endif
