/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/state/state.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/json.h"

#include <stdlib.h>

#define VALUE_MAX STATE_FILE_MAX

struct item {
	char *key;
	struct buf value;
};

struct state {
	struct item *v; /* in byte order of keys */
	size_t n;
	uint64_t generation;
};

struct state *state_new(void)
{
	return xcalloc(1, sizeof(struct state));
}

static void clear(struct state *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].key);
		buf_fini(&s->v[i].value);
	}
	free(s->v);
	s->v = NULL;
	s->n = 0;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	clear(s);
	free(s);
}

/* ---- items ------------------------------------------------------------------------------------
 */

/* Index of the key, or where it belongs. */
static size_t place_of(const struct state *s, const char *key)
{
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(s->v[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_at(const struct state *s, size_t i, const char *key)
{
	return i < s->n && strcmp(s->v[i].key, key) == 0;
}

struct span state_get(const struct state *s, const char *key)
{
	size_t i = place_of(s, key);
	if (!is_at(s, i, key))
		return span_of(NULL, 0);
	struct span v = buf_span(&s->v[i].value);
	return v.p ? v : span_str("");
}

static void delete_at(struct state *s, size_t i)
{
	free(s->v[i].key);
	buf_fini(&s->v[i].value);
	s->n--;
	memmove(s->v + i, s->v + i + 1, (s->n - i) * sizeof(*s->v));
}

static struct buf *insert_at(struct state *s, size_t i, const char *key)
{
	s->v = xrealloc(s->v, s->n + 1, sizeof(*s->v));
	memmove(s->v + i + 1, s->v + i, (s->n - i) * sizeof(*s->v));
	s->n++;
	s->v[i].key = xstrdup(key);
	buf_init(&s->v[i].value, VALUE_MAX);
	s->v[i].value.secret = true;
	return &s->v[i].value;
}

bool state_put(struct state *s, const char *key, struct span value)
{
	size_t i = place_of(s, key);
	bool have = is_at(s, i, key);
	if (!value.p && !have)
		return false;
	if (value.p && have && span_eq(value, buf_span(&s->v[i].value)))
		return false;
	s->generation++;
	if (!value.p) {
		delete_at(s, i);
		return true;
	}
	struct buf *b = have ? &s->v[i].value : insert_at(s, i, key);
	buf_reset(b);
	buf_add_span(b, value);
	return true;
}

uint64_t state_generation(const struct state *s)
{
	return s->generation;
}

const char *state_key_at(const struct state *s, size_t i)
{
	return i < s->n ? s->v[i].key : NULL;
}

/* ---- text ---- */

/* The form the official daemon writes when it seals the file with a TPM. */
static bool is_sealed(const json_t *v)
{
	return j_len(v) == 3 && j_has(v, "key") && j_has(v, "nonce") && j_has(v, "data");
}

static int parse_item(struct state *s, const char *key, const json_t *v)
{
	struct span text = j_text_span(v);
	size_t len = text.len / 4 * 3;
	if (j_is_nil(v)) /* how the reference writes a value of no bytes */
		return 0;
	if (!j_is_string(v))
		return -ERR_SYNTAX;
	uint8_t *bytes = xcalloc(len + 1, 1);
	int err = base64_decode(text, bytes, &len);
	if (!err)
		state_put(s, key, span_of(bytes, len));
	wipe(bytes, text.len / 4 * 3);
	free(bytes);
	return err;
}

int state_parse(struct state *s, struct span text, const char **why)
{
	int err = 0;
	*why = NULL;
	if (text.len == 0)
		return 0;
	json_t *v = j_parse(text, STATE_FILE_MAX, NULL);
	*why = "not a JSON object";
	if (!j_is_object(v) || j_len(v) > STATE_KEYS_MAX) {
		err = -ERR_SYNTAX;
	} else if (is_sealed(v)) {
		*why = "sealed by a TPM; unseal it with the daemon that wrote it "
		       "(--encrypt-state=false)";
		err = -ERR_UNSUPPORTED;
	}
	for (void *it = err ? NULL : j_iter(v); it && !err; it = j_iter_next(v, it)) {
		*why = "a value is not base64";
		err = parse_item(s, j_iter_key(it), j_iter_value(it));
	}
	j_free(v);
	if (err)
		clear(s);
	else
		*why = NULL;
	return err;
}

static void write_key(const char *key, struct buf *out)
{
	json_t *k = j_string(key);
	j_write(k, J_COMPACT, true, out);
	j_free(k);
}

static void write_value(struct span value, struct buf *out)
{
	size_t n = base64_encoded_len(value.len);
	buf_add_str(out, "\"");
	uint8_t *at = buf_reserve(out, n + 1);
	if (at) {
		base64_encode(value, (char *)at);
		buf_commit(out, n);
	}
	buf_add_str(out, "\"");
}

void state_text(const struct state *s, struct buf *out)
{
	buf_add_str(out, "{");
	for (size_t i = 0; i < s->n; i++) {
		buf_add_str(out, i ? ",\n  " : "\n  ");
		write_key(s->v[i].key, out);
		buf_add_str(out, ": ");
		write_value(buf_span(&s->v[i].value), out);
	}
	buf_add_str(out, s->n ? "\n}" : "}");
}

/* ---- machine key ---- */

int state_machine_key(struct state *s, struct rng *rng, struct machine_priv *out, bool *made)
{
	char text[KEY_TEXT_MAX];
	struct span stored = state_get(s, STATE_MACHINE_KEY);
	*made = false;
	if (stored.p)
		return machine_priv_decode(stored, out);
	machine_priv_generate(out, rng);
	machine_priv_encode_secret(out, text);
	state_put(s, STATE_MACHINE_KEY, span_str(text));
	wipe(text, sizeof(text));
	*made = true;
	return 0;
}
