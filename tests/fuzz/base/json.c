/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON text of any kind: parsed or refused; what was parsed is written, read and written again with
 * one result, and a repaired text needs no second repair. */
#include "tests/fuzz/fuzz.h"
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LEN_MAX 65536

static void must(bool good, const char *what)
{
	if (good)
		return;
	printf("broken: %s\n", what);
	abort();
}

static void repair_once(struct span text)
{
	struct buf a, b;
	buf_init(&a, text.len * 3);
	buf_init(&b, text.len * 9);
	json_repair(text, &a);
	must(buf_ok(&a), "a repaired text is at most three times as long");
	must(!json_repair(buf_span(&a), &b), "a repaired text needs no repair");
	must(span_eq(buf_span(&a), buf_span(&b)), "repair changes nothing then");
	buf_fini(&a);
	buf_fini(&b);
}

static void write_and_read(const json_t *v, enum j_style style, bool go_escape)
{
	struct buf a, b;
	struct j_error err = { "" };
	buf_init(&a, LEN_MAX * 200);
	buf_init(&b, LEN_MAX * 200);
	j_write(v, style, go_escape, &a);
	must(buf_ok(&a), "what was parsed can be written");
	json_t *again = j_parse(buf_span(&a), SIZE_MAX, &err);
	must(again != NULL, err.text);
	j_write(again, style, go_escape, &b);
	/* "-0" is what Go prints for the real, and reads as the integer 0 */
	must(span_eq(buf_span(&a), buf_span(&b)) || strstr(buf_cstr(&a), "-0"),
	     "written twice the same");
	j_free(again);
	buf_fini(&a);
	buf_fini(&b);
}

static void look_at_members(json_t *v)
{
	for (void *it = j_iter(v); it; it = j_iter_next(v, it)) {
		const char *name = j_iter_key(it);
		must(j_has(v, name), "an iterated name is there");
		j_str(v, name);
		j_int(v, name, 0);
		j_num(v, name, 0);
		j_tri(v, name);
		j_time(v, name);
		must(j_get_nocase(v, name) == j_get(v, name), "exact match first");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct span text = span_of(p, len < LEN_MAX ? len : LEN_MAX);
	struct j_error err = { "" };
	json_t *v = j_parse(text, LEN_MAX, &err);
	repair_once(text);
	must((v == NULL) == (err.text[0] != 0), "an error says why, success says nothing");
	must(!v || json_nesting(text) <= J_DEPTH_MAX, "depth is capped");
	if (v) {
		look_at_members(v);
		write_and_read(v, J_COMPACT, true);
		write_and_read(v, J_INDENT_TAB, false);
	}
	j_free(v);
	return 0;
}

static const char *const built_in[] = {
	"null",
	"{\"a\":[1,-2.5e3,true,false,null,\"x\\n\\u00e9\\u0000<>&\"],\"b\":{\"c\":{}}}",
	"[\"\\ud800\",\"\\ud83d\\ude00\",\"\xff\xc3\",99999999999999999999,1e-7,0.1]",
	"{\"time\":\"2025-01-01T00:00:00.5+01:00\",\"Time\":\"x\",\"n\":-0.0}",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
};

/* Real messages, where the known answers are. */
static const json_t *recorded(void)
{
	static json_t *file;
	const char *dir = getenv("MESH_VECTORS");
	if (!file && access(dir && *dir ? dir : "../shared/vectors", R_OK) == 0)
		file = vec_load("control_json.json");
	return j_get(file, "map_messages");
}

bool fuzz_seed(size_t i, struct span *out)
{
	if (i < ARRAY_LEN(built_in)) {
		*out = span_str(built_in[i]);
		return true;
	}
	const json_t *list = recorded();
	i -= ARRAY_LEN(built_in);
	if (i >= j_len(list))
		return false;
	*out = j_span(j_at(list, i), "json");
	return true;
}
