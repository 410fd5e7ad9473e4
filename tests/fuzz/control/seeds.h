/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seeds.h: seeds of this room's fuzz targets out of the vectors, where those are. Tests only. */
#ifndef TESTS_FUZZ_CONTROL_SEEDS_H
#define TESTS_FUZZ_CONTROL_SEEDS_H

#include "tests/fuzz/fuzz.h"
#include "tests/lib/vec.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void must(bool good, const char *what)
{
	if (good)
		return;
	printf("broken: %s\n", what);
	abort();
}

static inline bool seeds_have_vectors(void)
{
	const char *dir = getenv("MESH_VECTORS");
	return access(dir && *dir ? dir : "../shared/vectors", R_OK) == 0;
}

/* The i-th element's member of a list in a vector file, as text (borrowed) or hex; false past the
 * end or without the vectors. */
static inline bool seeds_text(const char *file, const char *list, const char *member, size_t i,
			      struct span *out)
{
	static const char *name;
	static json_t *v;
	if (!seeds_have_vectors())
		return false;
	if (name != file)
		v = vec_load(file);
	name = file;
	const json_t *l = j_get(v, list);
	if (i >= j_len(l))
		return false;
	const json_t *m = j_at(l, i);
	*out = j_text_span(member ? j_get(m, member) : m);
	return out->p != NULL;
}

static inline bool seeds_hex(const char *file, const char *list, const char *member, size_t i,
			     struct span *out)
{
	static uint8_t *bytes;
	struct span hex;
	if (!seeds_text(file, list, member, i, &hex))
		return false;
	free(bytes);
	bytes = xcalloc(hex.len / 2 + 1, 1);
	if (hex_decode(hex, bytes, hex.len / 2))
		return false;
	*out = span_of(bytes, hex.len / 2);
	return true;
}

#endif
