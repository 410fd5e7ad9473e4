/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/vecs.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void strv_take(struct strv *s, char *text)
{
	s->v = xrealloc(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = text;
}

void strv_add(struct strv *s, const char *text)
{
	strv_take(s, xstrdup(text));
}

bool strv_has(const struct strv *s, const char *text)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], text) == 0)
			return true;
	return false;
}

void strv_fini(struct strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv){ 0 };
}

void strv_copy(struct strv *to, const struct strv *from)
{
	if (to == from)
		return;
	strv_fini(to);
	for (size_t i = 0; i < from->n; i++)
		strv_add(to, from->v[i]);
}

bool strv_equal(const struct strv *a, const struct strv *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

void strv_split(struct strv *s, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, ",");
		const char *from = text;
		size_t len = n;

		while (len && *from == ' ')
			from++, len--;
		while (len && from[len - 1] == ' ')
			len--;
		if (len)
			strv_take(s, xstrndup(from, len));
		text += n + (text[n] == ',');
	}
}

json_t *strv_json(const struct strv *s)
{
	json_t *arr = j_array();

	for (size_t i = 0; i < s->n; i++)
		j_add_str(arr, s->v[i]);
	return arr;
}

void strv_from_json(struct strv *s, const json_t *arr, size_t max)
{
	for (size_t i = 0; j_is_array(arr) && i < j_len(arr) && s->n < max; i++) {
		const char *t = j_text(j_at(arr, i));

		if (t)
			strv_add(s, t);
	}
}

/* Where p is, or would go. */
static size_t lower_bound(const struct prefixes *s, struct prefix p)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (prefix_cmp(s->v[mid], p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool prefixes_has(const struct prefixes *s, struct prefix p)
{
	size_t at = lower_bound(s, prefix_masked(p));

	return at < s->n && prefix_eq(s->v[at], prefix_masked(p));
}

void prefixes_add(struct prefixes *s, struct prefix p)
{
	size_t at;

	p = prefix_masked(p);
	at = lower_bound(s, p);
	if (at < s->n && prefix_eq(s->v[at], p))
		return;
	s->v = xrealloc(s->v, s->n + 1, sizeof(*s->v));
	memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(*s->v));
	s->v[at] = p;
	s->n++;
}

void prefixes_fini(struct prefixes *s)
{
	free(s->v);
	*s = (struct prefixes){ 0 };
}

void prefixes_copy(struct prefixes *to, const struct prefixes *from)
{
	if (to == from)
		return;
	prefixes_fini(to);
	for (size_t i = 0; i < from->n; i++)
		prefixes_add(to, from->v[i]);
}

bool prefixes_equal(const struct prefixes *a, const struct prefixes *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!prefix_eq(a->v[i], b->v[i]))
			return false;
	return true;
}

json_t *prefixes_json(const struct prefixes *s)
{
	json_t *arr = j_array();
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < s->n; i++)
		j_add_str(arr, prefix_encode(s->v[i], text));
	return arr;
}

void prefixes_from_json(struct prefixes *s, const json_t *arr, size_t max)
{
	struct prefix p;

	for (size_t i = 0; j_is_array(arr) && i < j_len(arr) && s->n < max; i++)
		if (prefix_decode(j_text_span(j_at(arr, i)), &p) == 0)
			prefixes_add(s, p);
}
