/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building trees. They are small and ours, so lack of memory ends the process as in alloc.h. */
#include "base/json.h"

#include "base/alloc.h"
#include "base/utf8.h"

#include <jansson.h>

#include <math.h>
#include <stdlib.h>

static json_t *need(json_t *v)
{
	if (!v)
		abort();
	return v;
}

/* what a getter did not find may be set: it becomes null */
static json_t *or_null(json_t *v)
{
	return v ? v : json_null();
}

json_t *j_object(void)
{
	return need(json_object());
}

json_t *j_array(void)
{
	return need(json_array());
}

json_t *j_null(void)
{
	return json_null();
}

json_t *j_string(const char *s)
{
	return j_string_span(span_str(s ? s : ""));
}

static json_t *repaired_string(struct span s)
{
	struct buf b;
	buf_init(&b, s.len * 3);
	utf8_repair(s, &b);
	json_t *v = buf_ok(&b) ? json_stringn_nocheck((const char *)b.p, b.len) : NULL;
	buf_fini(&b);
	return need(v);
}

json_t *j_string_span(struct span s)
{
	if (s.len == 0)
		return need(json_stringn_nocheck("", 0));
	if (!utf8_valid(s))
		return repaired_string(s);
	return need(json_stringn_nocheck((const char *)s.p, s.len));
}

json_t *j_from_int(int64_t v)
{
	return need(json_integer(v));
}

json_t *j_from_num(double v)
{
	/* JSON has no spelling for the others */
	return isfinite(v) ? need(json_real(v)) : j_null();
}

json_t *j_from_bool(bool v)
{
	return json_boolean(v);
}

void j_set(json_t *obj, const char *name, json_t *taken)
{
	if (utf8_valid(span_str(name))) {
		if (json_object_set_new_nocheck(obj, name, or_null(taken)))
			abort();
		return;
	}
	json_t *fixed = j_string(name);
	j_set(obj, j_text(fixed), taken);
	j_free(fixed);
}

void j_set_str(json_t *obj, const char *name, const char *s)
{
	j_set(obj, name, j_string(s));
}

void j_set_int(json_t *obj, const char *name, int64_t v)
{
	j_set(obj, name, j_from_int(v));
}

void j_set_bool(json_t *obj, const char *name, bool v)
{
	j_set(obj, name, j_from_bool(v));
}

void j_set_tri(json_t *obj, const char *name, enum j_tri v)
{
	if (v != J_UNSET)
		j_set_bool(obj, name, v == J_TRUE);
}

void j_set_null(json_t *obj, const char *name)
{
	j_set(obj, name, j_null());
}

void j_set_time(json_t *obj, const char *name, wall_t t)
{
	char text[RFC3339_MAX];
	wall_encode(t, text);
	j_set_str(obj, name, text);
}

void j_set_base64(json_t *obj, const char *name, struct span bytes)
{
	char *text = xcalloc(base64_encoded_len(bytes.len) + 1, 1);
	base64_encode(bytes, text);
	j_set_str(obj, name, text);
	free(text);
}

void j_del(json_t *obj, const char *name)
{
	json_object_del(obj, name);
}

void j_add(json_t *arr, json_t *taken)
{
	if (json_array_append_new(arr, or_null(taken)))
		abort();
}

void j_add_str(json_t *arr, const char *s)
{
	j_add(arr, j_string(s));
}

json_t *j_copy(const json_t *v)
{
	return v ? need(json_deep_copy(v)) : NULL;
}
