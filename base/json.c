/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading. Building is json_build.c, text output json_write.c. */
#include "base/json.h"

#include "base/json_text.h"

#include <jansson.h>

#include <stdio.h>

/* ---- parsing ------------------------------------------------------------------------ */

/* jansson's own texts quote the input, which may hold secrets and control bytes */
static const char *reason(const json_error_t *e)
{
	switch (json_error_code(e)) {
	case json_error_premature_end_of_input:
		return "ends too early";
	case json_error_end_of_input_expected:
		return "something follows the value";
	case json_error_numeric_overflow:
		return "number too big";
	case json_error_null_byte_in_key:
		return "NUL in a name";
	case json_error_out_of_memory:
		return "out of memory";
	default:
		return "malformed";
	}
}

static void set_error(struct j_error *err, const char *text)
{
	if (err)
		snprintf(err->text, sizeof(err->text), "%s", text);
}

static json_t *load(struct span text, json_error_t *e)
{
	return json_loadb((const char *)text.p, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, e);
}

static json_t *load_repaired(struct span text, json_error_t *e)
{
	struct buf b;
	json_t *v = NULL;
	/* U+FFFD takes three bytes for one */
	buf_init(&b, text.len * 3);
	b.secret = true;
	if (json_repair(text, &b) && buf_ok(&b))
		v = load(buf_span(&b), e);
	buf_fini(&b);
	return v;
}

json_t *j_parse(struct span text, size_t max_len, struct j_error *err)
{
	json_error_t e;
	if (text.len == 0 || text.len > max_len) {
		set_error(err, text.len ? "JSON: too long" : "JSON: empty");
		return NULL;
	}
	if (json_nesting(text) > J_DEPTH_MAX) {
		set_error(err, "JSON: nested too deeply");
		return NULL;
	}
	json_t *v = load(text, &e);
	if (!v)
		v = load_repaired(text, &e);
	if (!v && err)
		snprintf(err->text, sizeof(err->text), "JSON: %s, line %d, column %d", reason(&e),
			 e.line, e.column);
	return v;
}

void j_free(json_t *v)
{
	json_decref(v);
}

json_t *j_ref(json_t *v)
{
	return json_incref(v);
}

/* ---- members by name ---------------------------------------------------------------- */

static json_t *member(const json_t *obj, const char *name)
{
	return json_object_get(obj, name);
}

static json_t *not_null(json_t *v)
{
	return json_is_null(v) ? NULL : v;
}

json_t *j_get(const json_t *obj, const char *name)
{
	return not_null(member(obj, name));
}

json_t *j_get_nocase(const json_t *obj, const char *name)
{
	json_t *exact = member(obj, name), *v = NULL;
	if (exact)
		return not_null(exact);
	for (void *it = j_iter((json_t *)(uintptr_t)obj); it;
	     it = j_iter_next((json_t *)(uintptr_t)obj, it))
		if (span_eq_nocase(span_str(j_iter_key(it)), name))
			v = j_iter_value(it); /* the last one, as with equal names */
	return not_null(v);
}

bool j_has(const json_t *obj, const char *name)
{
	return member(obj, name) != NULL;
}

bool j_is_null(const json_t *obj, const char *name)
{
	return json_is_null(member(obj, name));
}

const char *j_str(const json_t *obj, const char *name)
{
	return j_text(member(obj, name));
}

struct span j_span(const json_t *obj, const char *name)
{
	return j_text_span(member(obj, name));
}

int64_t j_int(const json_t *obj, const char *name, int64_t absent)
{
	const json_t *v = member(obj, name);
	return json_is_integer(v) ? json_integer_value(v) : absent;
}

double j_num(const json_t *obj, const char *name, double absent)
{
	const json_t *v = member(obj, name);
	return json_is_number(v) ? json_number_value(v) : absent;
}

bool j_bool(const json_t *obj, const char *name, bool absent)
{
	const json_t *v = member(obj, name);
	return json_is_boolean(v) ? json_is_true(v) : absent;
}

enum j_tri j_tri(const json_t *obj, const char *name)
{
	const json_t *v = member(obj, name);
	if (!json_is_boolean(v))
		return J_UNSET;
	return json_is_true(v) ? J_TRUE : J_FALSE;
}

wall_t j_time(const json_t *obj, const char *name)
{
	wall_t t;
	struct span text = j_span(obj, name);
	return text.p && wall_decode(text, &t) == 0 ? t : WALL_ZERO;
}

/* ---- elements ----------------------------------------------------------------------- */

bool j_is_object(const json_t *v)
{
	return json_is_object(v);
}

bool j_is_array(const json_t *v)
{
	return json_is_array(v);
}

bool j_is_string(const json_t *v)
{
	return json_is_string(v);
}

bool j_is_int(const json_t *v)
{
	return json_is_integer(v);
}

bool j_is_bool(const json_t *v)
{
	return json_is_boolean(v);
}

bool j_is_nil(const json_t *v)
{
	return !v || json_is_null(v);
}

const char *j_text(const json_t *v)
{
	return json_string_value(v);
}

struct span j_text_span(const json_t *v)
{
	return span_of(json_string_value(v), json_string_length(v));
}

int64_t j_integer(const json_t *v)
{
	return json_integer_value(v);
}

double j_number(const json_t *v)
{
	return json_number_value(v);
}

bool j_truth(const json_t *v)
{
	return json_is_true(v);
}

size_t j_len(const json_t *v)
{
	return json_is_array(v) ? json_array_size(v) : json_object_size(v);
}

json_t *j_at(const json_t *arr, size_t i)
{
	return json_array_get(arr, i);
}

void *j_iter(json_t *obj)
{
	return json_object_iter(obj);
}

void *j_iter_next(json_t *obj, void *it)
{
	return json_object_iter_next(obj, it);
}

const char *j_iter_key(void *it)
{
	return json_object_iter_key(it);
}

json_t *j_iter_value(void *it)
{
	return json_object_iter_value(it);
}

bool j_equal(const json_t *a, const json_t *b)
{
	return json_equal(a, b);
}
