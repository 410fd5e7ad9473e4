/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file and what is in it: store, profiles, preferences. What was read is written, and
 * reads the same again. */
#include "tests/fuzz/fuzz.h"
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "daemon/state/profiles.h"

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

static void profiles_of(struct state *s)
{
	struct rng_seeded r;
	struct profiles *p;
	const char *why;
	rng_seeded_init(&r, 1);
	if (profiles_load(s, &r.rng, &p, &why)) {
		must(why != NULL, "a refusal has a reason");
		return;
	}
	struct prefs copy;
	prefs_init(&copy);
	prefs_copy(&copy, profiles_prefs(p));
	must(prefs_equal(&copy, profiles_prefs(p)), "a copy is equal");
	profiles_set_prefs(p, &copy, NULL, (wall_t){ 1, 0 });
	for (size_t i = 0; i < profiles_count(p); i++)
		must(profiles_at(p, i) != NULL, "every profile is listed");
	prefs_fini(&copy);
	profiles_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct state *s = state_new(), *t = state_new();
	struct buf a, b;
	const char *why;
	buf_init(&a, 4u << 20);
	buf_init(&b, 4u << 20);
	if (state_parse(s, span_of(p, len), &why) == 0) {
		profiles_of(s);
		state_text(s, &a);
		must(state_parse(t, buf_span(&a), &why) == 0, "what is written can be read");
		state_text(t, &b);
		must(span_eq(buf_span(&a), buf_span(&b)), "and is the same");
	} else {
		must(why != NULL, "a refusal has a reason");
		must(state_key_at(s, 0) == NULL, "and leaves nothing behind");
	}
	buf_fini(&a);
	buf_fini(&b);
	state_free(s);
	state_free(t);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const members[] = { "file_text_new", "file_text_machine_key",
					       "file_text_logged_in" };
	static json_t *v;
	const char *dir = getenv("MESH_VECTORS");
	if (i == 0) {
		*out = span_str(
		    "{\"_profiles\":\"eyJhYjEyIjp7IklEIjoiYWIxMiIsIktleSI6InByb2ZpbGUtYWIxMiJ9"
		    "fQ==\",\"_current-profile\":\"cHJvZmlsZS1hYjEy\",\"profile-ab12\":"
		    "\"eyJXYW50UnVubmluZyI6dHJ1ZX0=\"}");
		return true;
	}
	if (i > 3 || access(dir && *dir ? dir : "../shared/vectors", R_OK) != 0)
		return false;
	if (!v)
		v = vec_load("state_file.json");
	*out = j_span(v, members[i - 1]);
	return true;
}
