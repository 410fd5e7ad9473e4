/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json.h: the door to jansson. Typed getters that never fail loudly (absent, null and wrong type are
 * told apart only where it matters), a parser with caps, and a writer. Control thread only.
 * `json_t *` values are jansson's; j_free releases a tree got from j_parse or j_object. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/bytes.h"
#include "base/ip.h"
#include "base/mono.h"

typedef struct json_t json_t;

#define J_DEPTH_MAX 64

struct j_error {
	char text[160]; /* what is wrong and where (line, column or byte), without input bytes */
};

/* One JSON value and only white space after it. Nesting is counted before jansson sees the text.
 * Invalid UTF-8 and lone surrogates become U+FFFD, integers beyond 64 bits reals. \u0000 is allowed
 * in strings.
 * Returns new, or NULL with *err filled (err may be NULL). */
json_t *j_parse(struct span text, size_t max_len, struct j_error *err);
void j_free(json_t *v); /* NULL is fine */
json_t *j_ref(json_t *v);

/* Getters: obj may be NULL or of another type (then: absent). Results are borrowed. */
json_t *j_get(const json_t *obj, const char *name);        /* NULL if absent or null */
json_t *j_get_nocase(const json_t *obj, const char *name); /* as Go reads; exact match first */
bool j_has(const json_t *obj, const char *name);           /* present, even as null */
bool j_is_null(const json_t *obj, const char *name);       /* present and null */
const char *j_str(const json_t *obj, const char *name);    /* NULL unless a string; cut at a NUL inside */
struct span j_span(const json_t *obj, const char *name);
int64_t j_int(const json_t *obj, const char *name, int64_t absent);
double j_num(const json_t *obj, const char *name, double absent);
bool j_bool(const json_t *obj, const char *name, bool absent);
enum j_tri { J_UNSET, J_FALSE, J_TRUE };
enum j_tri j_tri(const json_t *obj, const char *name);
wall_t j_time(const json_t *obj, const char *name); /* WALL_ZERO if absent or bad */

/* Type tests and values of an element itself */
bool j_is_object(const json_t *v);
bool j_is_array(const json_t *v);
bool j_is_string(const json_t *v);
bool j_is_int(const json_t *v);
bool j_is_bool(const json_t *v);
bool j_is_nil(const json_t *v); /* NULL or JSON null */
const char *j_text(const json_t *v); /* NULL unless a string */
struct span j_text_span(const json_t *v);
int64_t j_integer(const json_t *v);
double j_number(const json_t *v);
bool j_truth(const json_t *v);
size_t j_len(const json_t *arr_or_obj);
json_t *j_at(const json_t *arr, size_t i);
/* for (void *it = j_iter(obj); it; it = j_iter_next(obj, it)) */
void *j_iter(json_t *obj);
void *j_iter_next(json_t *obj, void *it);
const char *j_iter_key(void *it);
json_t *j_iter_value(void *it);

/* Builders. *_set take no reference of obj and own nothing of the caller's, except j_set (taken). */
json_t *j_object(void);
json_t *j_array(void);
json_t *j_null(void);
json_t *j_string(const char *s); /* NULL gives "" ; invalid UTF-8 is repaired */
json_t *j_string_span(struct span s);
json_t *j_from_int(int64_t v);
json_t *j_from_num(double v);
json_t *j_from_bool(bool v);
void j_set(json_t *obj, const char *name, json_t *taken); /* NULL is written as null, here and below */
void j_set_str(json_t *obj, const char *name, const char *s);
void j_set_int(json_t *obj, const char *name, int64_t v);
void j_set_bool(json_t *obj, const char *name, bool v);
void j_set_tri(json_t *obj, const char *name, enum j_tri v); /* unset: not written */
void j_set_null(json_t *obj, const char *name);
void j_set_time(json_t *obj, const char *name, wall_t t); /* zero time written as year 1 */
void j_set_base64(json_t *obj, const char *name, struct span bytes);
void j_del(json_t *obj, const char *name);
void j_add(json_t *arr, json_t *taken);
void j_add_str(json_t *arr, const char *s);
json_t *j_copy(const json_t *v); /* deep; NULL of NULL */
bool j_equal(const json_t *a, const json_t *b);

/* Text. Go's style: insertion order kept, '<', '>', '&' written as \u003c.. where go_escape. */
enum j_style { J_COMPACT, J_INDENT_TAB, J_INDENT_2 };
/* Appends to out (borrowed). */
void j_write(const json_t *v, enum j_style style, bool go_escape, struct buf *out);
/* new (free()), compact */
char *j_dump(const json_t *v);

#endif
