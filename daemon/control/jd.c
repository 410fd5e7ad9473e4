/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/jd.h"

struct jd jd_init(const json_t *obj, struct arena *a)
{
	struct jd d = { .obj = obj, .arena = a, .err = 0, .why = "" };
	if (!j_is_nil(obj) && !j_is_object(obj))
		jd_fail(&d, -ERR_SYNTAX, "object expected");
	return d;
}

void jd_fail(struct jd *d, int err, const char *name)
{
	if (d->err)
		return;
	d->err = err;
	d->why = name;
	d->obj = NULL;
}

/* ---- scalars --------------------------------------------------------------------------- */

static int64_t int_within(struct jd *d, const char *name, int64_t min, int64_t max)
{
	json_t *v = j_get(d->obj, name);
	if (!v)
		return 0;
	if (!j_is_int(v) || j_integer(v) < min || j_integer(v) > max) {
		jd_fail(d, -ERR_SYNTAX, name);
		return 0;
	}
	return j_integer(v);
}

int64_t jd_int(struct jd *d, const char *name)
{
	return int_within(d, name, INT64_MIN, INT64_MAX);
}

int32_t jd_int32(struct jd *d, const char *name)
{
	return (int32_t)int_within(d, name, INT32_MIN, INT32_MAX);
}

uint16_t jd_u16(struct jd *d, const char *name)
{
	return (uint16_t)int_within(d, name, 0, UINT16_MAX);
}

enum j_tri jd_tri(struct jd *d, const char *name)
{
	json_t *v = j_get(d->obj, name);
	if (!v)
		return J_UNSET;
	if (!j_is_bool(v)) {
		jd_fail(d, -ERR_SYNTAX, name);
		return J_UNSET;
	}
	return j_truth(v) ? J_TRUE : J_FALSE;
}

bool jd_bool(struct jd *d, const char *name)
{
	return jd_tri(d, name) == J_TRUE;
}

/* NULL if absent */
static const char *text_of(struct jd *d, const char *name)
{
	json_t *v = j_get(d->obj, name);
	if (!v)
		return NULL;
	if (!j_is_string(v))
		jd_fail(d, -ERR_SYNTAX, name);
	return j_text(v);
}

const char *jd_str(struct jd *d, const char *name)
{
	const char *s = text_of(d, name);
	return s ? s : "";
}

wall_t jd_time(struct jd *d, const char *name)
{
	wall_t t = WALL_ZERO;
	const char *s = text_of(d, name);
	if (s && wall_decode(span_str(s), &t))
		jd_fail(d, -ERR_SYNTAX, name);
	return t;
}

struct ip jd_ip(struct jd *d, const char *name)
{
	struct ip ip = { .fam = IP_NONE };
	const char *s = text_of(d, name);
	if (s && *s && ip_decode(span_str(s), &ip))
		jd_fail(d, -ERR_SYNTAX, name);
	return ip;
}

const json_t *jd_object(struct jd *d, const char *name)
{
	json_t *v = j_get(d->obj, name);
	if (v && !j_is_object(v)) {
		jd_fail(d, -ERR_SYNTAX, name);
		return NULL;
	}
	return v;
}

const json_t *jd_array(struct jd *d, const char *name)
{
	json_t *v = j_get(d->obj, name);
	if (v && !j_is_array(v)) {
		jd_fail(d, -ERR_SYNTAX, name);
		return NULL;
	}
	return v;
}

/* An empty string is the zero key, as the reference reads it. */
#define JD_KEY(kind)                                                                               \
	void jd_##kind(struct jd *d, const char *name, struct kind *out)                           \
	{                                                                                          \
		const char *s = text_of(d, name);                                                  \
		memset(out, 0, sizeof(*out));                                                      \
		if (s && kind##_decode(span_str(s), out))                                          \
			jd_fail(d, -ERR_SYNTAX, name);                                             \
	}
JD_KEY(node_key)
JD_KEY(machine_key)
JD_KEY(disco_key)

/* ---- lists ------------------------------------------------------------------------------- */

/* The array's length after checking it against max; 0 if absent. */
static size_t list_len(struct jd *d, const char *name, size_t max, const json_t **arr)
{
	*arr = jd_array(d, name);
	size_t n = *arr ? j_len(*arr) : 0;
	if (n <= max)
		return n;
	jd_fail(d, -ERR_TOOBIG, name);
	return 0;
}

/* Text of an element; "" for null; NULL and the error set for another type. */
static const char *element(struct jd *d, const char *name, const json_t *arr, size_t i)
{
	json_t *v = j_at(arr, i);
	if (j_is_nil(v))
		return "";
	if (!j_is_string(v))
		jd_fail(d, -ERR_SYNTAX, name);
	return j_text(v);
}

const char **jd_strings(struct jd *d, const char *name, size_t max, uint32_t *n)
{
	const json_t *arr;
	size_t len = list_len(d, name, max, &arr);
	const char **out = arena_alloc(d->arena, len, sizeof(*out));
	*n = 0;
	for (size_t i = 0; i < len; i++) {
		const char *s = element(d, name, arr, i);
		if (!s)
			break;
		out[(*n)++] = s;
	}
	return out;
}

struct prefix *jd_prefixes(struct jd *d, const char *name, size_t max, uint32_t *n)
{
	const json_t *arr;
	size_t len = list_len(d, name, max, &arr);
	struct prefix *out = arena_alloc(d->arena, len, sizeof(*out));
	*n = 0;
	for (size_t i = 0; i < len && !d->err; i++) {
		const char *s = element(d, name, arr, i);
		if (!s || !*s)
			continue;
		if (prefix_decode(span_str(s), &out[*n]))
			jd_fail(d, -ERR_SYNTAX, name);
		else
			++*n;
	}
	return out;
}

struct ep *jd_endpoints(struct jd *d, const char *name, size_t max, uint32_t *n)
{
	const json_t *arr = jd_array(d, name);
	size_t len = arr ? j_len(arr) : 0;
	struct ep *out = arena_alloc(d->arena, len < max ? len : max, sizeof(*out));
	*n = 0;
	for (size_t i = 0; i < len && *n < max && !d->err; i++) {
		const char *s = element(d, name, arr, i);
		if (!s || !*s)
			continue;
		if (ep_decode(span_str(s), &out[*n]))
			jd_fail(d, -ERR_SYNTAX, name);
		else
			++*n;
	}
	return out;
}

uint8_t *jd_base64(struct jd *d, const char *name, uint32_t *n)
{
	struct span text = j_text_span(j_get(d->obj, name));
	size_t len = text.len / 4 * 3;
	*n = 0;
	if (text_of(d, name) == NULL || text.len == 0)
		return NULL;
	uint8_t *out = arena_alloc(d->arena, len, 1);
	if (base64_decode(text, out, &len))
		jd_fail(d, -ERR_SYNTAX, name);
	else
		*n = (uint32_t)len;
	return out;
}
