/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts that Go's encoding/json wrote come back byte for byte after parse and write. */
#include "tests/lib/vec.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (1u << 20)

static int failed, checked;

static void round_trip(const char *what, const char *text, enum j_style style)
{
	struct j_error err = { "" };
	struct buf out;
	json_t *v = text ? j_parse(span_str(text), TEXT_MAX, &err) : NULL;
	buf_init(&out, TEXT_MAX);
	j_write(v, style, true, &out);
	checked++;
	if (!v || !span_eq_str(buf_span(&out), text)) {
		failed++;
		printf("%s: %s\nwant %.400s\ngot  %.400s\n", what, err.text, text ? text : "-",
		       buf_cstr(&out));
	}
	buf_fini(&out);
	j_free(v);
}

/* Members of the elements of list that were written compactly. */
static void each_compact(const char *file, const json_t *list, const char *member)
{
	for (size_t i = 0; i < j_len(list); i++)
		round_trip(file, j_str(j_at(list, i), member), J_COMPACT);
}

static void indented(void)
{
	json_t *prefs = vec_load("prefs.json"), *status = vec_load("localapi_status.json");
	round_trip("prefs", j_str(prefs, "default_prefs_text"), J_INDENT_TAB);
	round_trip("fresh prefs", j_str(prefs, "fresh_profile_prefs_text"), J_INDENT_TAB);
	round_trip("status", j_str(status, "status_json_text"), J_INDENT_TAB);
	round_trip("needs login", j_str(status, "needs_login_status_json_text"), J_INDENT_TAB);
	round_trip("cli status", j_str(status, "cli_json_text"), J_INDENT_2);
	j_free(prefs);
	j_free(status);
}

static void compact(void)
{
	json_t *control = vec_load("control_json.json"), *serve = vec_load("serve_config.json");
	each_compact("request", j_get(control, "requests"), "json");
	each_compact("etag", j_get(serve, "etag"), "json");
	j_free(control);
	j_free(serve);
}

/* Numbers and escapes, from the values themselves. */
static void cast_lines(void)
{
	json_t *cast = vec_load("ssh_cast.json");
	const json_t *events = j_get(cast, "events");
	for (size_t i = 0; i < j_len(events); i++) {
		const json_t *e = j_at(events, i);
		struct span line = j_span(e, "line");
		size_t len;
		uint8_t *bytes = vec_hex(e, "bytes_hex", &len);
		json_t *v = j_array();
		struct buf out;
		j_add(v, j_from_num(j_num(e, "seconds", -1)));
		j_add_str(v, "o");
		j_add(v, j_string_span(span_of(bytes, len)));
		buf_init(&out, TEXT_MAX);
		j_write(v, J_COMPACT, true, &out);
		buf_add_str(&out, "\n");
		/* once repaired, U+FFFD is a character like others; Go spells a fresh one as \ufffd
		 */
		json_t *theirs = j_parse(line, TEXT_MAX, NULL);
		bool same = strstr(j_str(e, "line"), "\\ufffd") ? j_equal(v, theirs)
								: span_eq(buf_span(&out), line);
		checked++;
		if (!same) {
			failed++;
			printf("want %s got  %s", j_str(e, "line"), buf_cstr(&out));
		}
		j_free(theirs);
		buf_fini(&out);
		j_free(v);
		free(bytes);
	}
	j_free(cast);
}

int main(void)
{
	indented();
	compact();
	cast_lines();
	printf("%d texts, %d wrong\n", checked, failed);
	return failed || checked < 20;
}
