/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preferences from and to JSON. */
#include "daemon/state/prefs_fields.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* Member in any letter case, the exact one first, null included; NULL if absent. */
static json_t *member(const json_t *obj, const char *name)
{
	json_t *v = (json_t *)(uintptr_t)obj, *found = NULL;
	for (void *it = j_iter(v); it; it = j_iter_next(v, it)) {
		if (strcmp(j_iter_key(it), name) == 0)
			return j_iter_value(it);
		if (span_eq_nocase(span_str(j_iter_key(it)), name))
			found = j_iter_value(it);
	}
	return found;
}

static int read_text(char **at, const json_t *v)
{
	if (j_is_nil(v))
		return 0;
	if (!j_is_string(v))
		return -ERR_SYNTAX;
	str_set(at, j_text(v));
	return 0;
}

static int read_bool(bool *at, const json_t *v)
{
	if (j_is_nil(v))
		return 0;
	if (!j_is_bool(v))
		return -ERR_SYNTAX;
	*at = j_truth(v);
	return 0;
}

static int read_tri(int *at, const json_t *v)
{
	if (!j_is_nil(v) && !j_is_bool(v))
		return -ERR_SYNTAX;
	*at = j_is_nil(v) ? J_UNSET : j_truth(v) ? J_TRUE : J_FALSE;
	return 0;
}

static int read_ip(struct ip *at, const json_t *v)
{
	struct ip ip = { .fam = IP_NONE };
	if (j_is_nil(v))
		return 0;
	if (!j_is_string(v) || (*j_text(v) && ip_decode(j_text_span(v), &ip)))
		return -ERR_SYNTAX;
	*at = ip;
	return 0;
}

static int read_strings(struct prefs_strings *at, const json_t *v, size_t max)
{
	struct prefs_strings s = { .set = !j_is_nil(v) };
	size_t n = s.set ? j_len(v) : 0;
	if (s.set && !j_is_array(v))
		return -ERR_SYNTAX;
	if (n > max)
		return -ERR_RANGE;
	for (size_t i = 0; i < n; i++)
		if (!j_is_string(j_at(v, i)))
			return -ERR_SYNTAX;
	if (n)
		s.v = xcalloc(n, sizeof(*s.v));
	while (s.n < n) {
		s.v[s.n] = xstrdup(j_text(j_at(v, s.n)));
		s.n++;
	}
	for (size_t i = 0; i < at->n; i++)
		free(at->v[i]);
	free(at->v);
	*at = s;
	return 0;
}

/* Host bits are kept: prefs_check tells the user about them. */
static int read_prefixes(struct prefs_prefixes *at, const json_t *v)
{
	struct prefs_prefixes s = { .set = !j_is_nil(v) };
	size_t n = s.set ? j_len(v) : 0;
	if (s.set && !j_is_array(v))
		return -ERR_SYNTAX;
	if (n > PREFS_ROUTES_MAX)
		return -ERR_RANGE;
	if (n)
		s.v = xcalloc(n, sizeof(*s.v));
	while (s.n < n) {
		struct span text = j_text_span(j_at(v, s.n));
		if (!text.p || prefix_decode(text, &s.v[s.n])) {
			free(s.v);
			return -ERR_SYNTAX;
		}
		s.n++;
	}
	free(at->v);
	*at = s;
	return 0;
}

static int read_int(int *at, const json_t *v, int min, int max)
{
	if (!j_is_int(v))
		return -ERR_SYNTAX;
	if (j_integer(v) < min || j_integer(v) > max)
		return -ERR_RANGE;
	*at = (int)j_integer(v);
	return 0;
}

static int read_raw(json_t **at, const json_t *v)
{
	json_t *copy = j_is_nil(v) ? NULL : j_copy(v);
	j_free(*at);
	*at = copy;
	return 0;
}

static int read_field(void *at, const struct prefs_entry *e, const json_t *v)
{
	switch (e->kind) {
	case KIND_STR:
	case KIND_STR_OMIT:
		return read_text(at, v);
	case KIND_BOOL:
	case KIND_BOOL_OMIT:
		return read_bool(at, v);
	case KIND_TRI:
	case KIND_TRI_OMIT:
		return read_tri(at, v);
	case KIND_SUB:
		return e->sub_tri ? read_tri(at, v) : read_bool(at, v);
	case KIND_IP:
		return read_ip(at, v);
	case KIND_STRINGS:
	case KIND_STRINGS_OMIT:
		return read_strings(at, v, PREFS_TAGS_MAX);
	case KIND_PREFIXES:
	case KIND_PREFIXES_OMIT:
		return read_prefixes(at, v);
	case KIND_MODE:
		return j_is_nil(v) ? 0 : read_int(at, v, NETFILTER_OFF, NETFILTER_ON);
	case KIND_PORT:
		if (!j_is_nil(v))
			return read_int(at, v, 0, UINT16_MAX);
		*(int *)at = -1;
		return 0;
	case KIND_RAW:
		return read_raw(at, v);
	}
	return -ERR_SYNTAX;
}

static bool is_known(const char *name)
{
	struct span s = span_str(name);
	if (span_eq_nocase(s, "Config"))
		return true;
	for (size_t i = 0; i < PREFS_N_FIELDS; i++) {
		const struct prefs_entry *e = &prefs_entries[i];
		if (span_eq_nocase(s, e->parent ? e->parent : e->name))
			return true;
	}
	return false;
}

static void keep_unknown(struct prefs *p, json_t *v)
{
	for (void *it = j_iter(v); it; it = j_iter_next(v, it)) {
		if (is_known(j_iter_key(it)))
			continue;
		if (!p->extra)
			p->extra = j_object();
		j_set(p->extra, j_iter_key(it), j_copy(j_iter_value(it)));
	}
}

static int read_config(struct prefs *p, const json_t *v, const char **why)
{
	json_t *c = member(v, "Config");
	if (!c)
		return 0;
	p->has_config = !j_is_nil(c);
	if (!p->has_config) {
		persist_fini(&p->config);
		persist_init(&p->config);
		return 0;
	}
	return persist_from_json(c, &p->config, why);
}

/* The value of an entry in a preferences object; NULL if absent. */
static json_t *entry_value(const json_t *v, const struct prefs_entry *e)
{
	return member(e->parent ? member(v, e->parent) : v, e->name);
}

int prefs_from_json(struct prefs *p, const json_t *v, char **why)
{
	const char *what = "preferences";
	int err = j_is_object(v) ? 0 : -ERR_SYNTAX;
	for (size_t i = 0; i < PREFS_N_FIELDS && !err; i++) {
		const struct prefs_entry *e = &prefs_entries[i];
		json_t *m = entry_value(v, e);
		what = e->name;
		if (m)
			err = read_field(prefs_at(p, e), e, m);
	}
	if (!err)
		err = read_config(p, v, &what);
	if (err)
		*why = xasprintf("%s: %s", what,
				 err == -ERR_RANGE ? "value out of range" : "malformed value");
	else
		keep_unknown(p, (json_t *)(uintptr_t)v);
	return err;
}

/* ---- writing ---- */

static json_t *tri_json(int t)
{
	return t == J_UNSET ? j_null() : j_from_bool(t == J_TRUE);
}

static json_t *strings_json(const struct prefs_strings *s)
{
	json_t *arr = s->set ? j_array() : j_null();
	for (size_t i = 0; i < s->n; i++)
		j_add_str(arr, s->v[i]);
	return arr;
}

static json_t *prefixes_json(const struct prefs_prefixes *s)
{
	char text[PREFIX_TEXT_MAX];
	json_t *arr = s->set ? j_array() : j_null();
	for (size_t i = 0; i < s->n; i++)
		j_add_str(arr, prefix_encode(s->v[i], text));
	return arr;
}

/* NULL: the member is left out. */
static json_t *field_json(const void *at, const struct prefs_entry *e)
{
	char text[IP_TEXT_MAX];
	const char *s;
	switch (e->kind) {
	case KIND_STR:
		return j_string(*(char *const *)at);
	case KIND_STR_OMIT:
		s = *(char *const *)at;
		return *s ? j_string(s) : NULL;
	case KIND_BOOL:
		return j_from_bool(*(const bool *)at);
	case KIND_BOOL_OMIT:
		return *(const bool *)at ? j_from_bool(true) : NULL;
	case KIND_TRI:
		return tri_json(*(const int *)at);
	case KIND_TRI_OMIT:
		return *(const int *)at == J_UNSET ? NULL : tri_json(*(const int *)at);
	case KIND_SUB:
		return e->sub_tri ? tri_json(*(const int *)at) : j_from_bool(*(const bool *)at);
	case KIND_IP:
		return j_string(ip_encode(*(const struct ip *)at, text));
	case KIND_STRINGS:
		return strings_json(at);
	case KIND_STRINGS_OMIT:
		return ((const struct prefs_strings *)at)->n ? strings_json(at) : NULL;
	case KIND_PREFIXES:
		return prefixes_json(at);
	case KIND_PREFIXES_OMIT:
		return ((const struct prefs_prefixes *)at)->n ? prefixes_json(at) : NULL;
	case KIND_MODE:
		return j_from_int(*(const int *)at);
	case KIND_PORT:
		return *(const int *)at < 0 ? NULL : j_from_int(*(const int *)at);
	case KIND_RAW:
		return *(json_t *const *)at ? j_copy(*(json_t *const *)at) : j_null();
	}
	return NULL;
}

/* Where an entry goes: the object itself, or its sub-object, made when its first member comes. */
static json_t *place_of(json_t *o, const struct prefs_entry *e)
{
	if (!e->parent)
		return o;
	if (!j_get(o, e->parent))
		j_set(o, e->parent, j_object());
	return j_get(o, e->parent);
}

json_t *prefs_to_json(const struct prefs *p, bool redact)
{
	json_t *o = j_object();
	for (size_t i = 0; i < PREFS_N_FIELDS; i++) {
		const struct prefs_entry *e = &prefs_entries[i];
		json_t *v = field_json(prefs_at_const(p, e), e);
		if (v)
			j_set(place_of(o, e), e->name, v);
	}
	j_set(o, "Config", p->has_config ? persist_to_json(&p->config, redact) : j_null());
	for (void *it = j_iter(p->extra); it; it = j_iter_next(p->extra, it))
		j_set(o, j_iter_key(it), j_copy(j_iter_value(it)));
	return o;
}

void prefs_text(const struct prefs *p, struct buf *out)
{
	json_t *v = prefs_to_json(p, false);
	j_write(v, J_INDENT_TAB, true, out);
	j_free(v);
}
