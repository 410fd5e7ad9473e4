/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preferences and masked edits: read ones are written and read the same; a refused edit changes
 * nothing; nothing redacted shows a key. */
#include "tests/fuzz/fuzz.h"
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "daemon/state/prefs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void must(bool good, const char *what)
{
	if (good)
		return;
	printf("broken: %s\n", what);
	abort();
}

static void whole(const json_t *v)
{
	struct prefs a, b;
	char *why = NULL;
	prefs_init(&a);
	prefs_init(&b);
	if (prefs_from_json(&a, v, &why) == 0) {
		json_t *w = prefs_to_json(&a, false), *shut = prefs_to_json(&a, true);
		must(prefs_from_json(&b, w, &why) == 0, "what is written can be read");
		must(prefs_equal(&a, &b), "and is the same");
		const char *key = j_str(j_get(shut, "Config"), "PrivateNodeKey");
		must(!key || strspn(strchr(key, ':') + 1, "0") == 64, "redacted");
		char *line = prefs_pretty(&a);
		must(strncmp(line, "Prefs{", 6) == 0, "one line");
		free(line);
		j_free(w);
		j_free(shut);
	} else {
		must(why != NULL, "a refusal has a reason");
		free(why);
	}
	prefs_fini(&a);
	prefs_fini(&b);
}

static void edit(const json_t *v)
{
	struct prefs a, before;
	struct prefs_check facts = { 0 };
	char *why = NULL;
	prefs_init(&a);
	prefs_init(&before);
	int err = prefs_edit(&a, v, NULL, &why);
	if (err)
		must(prefs_equal(&a, &before) && why, "a refused edit changes nothing");
	free(why);
	why = NULL;
	if (!err && prefs_check(&a, &facts, &why))
		must(why && *why, "a failed check has a text");
	free(why);
	prefs_fini(&a);
	prefs_fini(&before);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	json_t *v = j_parse(span_of(p, len), 1u << 20, NULL);
	if (v) {
		whole(v);
		edit(v);
	}
	j_free(v);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static json_t *v;
	static char *text;
	const char *dir = getenv("MESH_VECTORS");
	if (i == 0) {
		*out = span_str(
		    "{\"ExitNodeIP\":\"100.64.0.1\",\"ExitNodeIPSet\":true,\"AdvertiseRoutes\":"
		    "[\"10.0.0.0/8\"],\"AdvertiseRoutesSet\":true,\"AutoUpdateSet\":{\"ApplySet\":"
		    "true},\"AutoUpdate\":{\"Apply\":true},\"RelayServerPort\":0}");
		return true;
	}
	if (access(dir && *dir ? dir : "../shared/vectors", R_OK) != 0)
		return false;
	if (!v)
		v = vec_load("prefs.json");
	const json_t *edits = j_get(v, "edits");
	if (i - 1 >= 2 * j_len(edits))
		return false;
	const json_t *e = j_at(edits, (i - 1) / 2);
	free(text);
	text = j_dump(j_get(e, i % 2 ? "Patch" : "Result"));
	*out = span_str(text);
	return true;
}
