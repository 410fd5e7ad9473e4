/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/vec.h"

#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VEC_FILE_MAX (8u << 20)
#define VEC_FILES_MAX 32

/* What was loaded: parsed once, and in sight of the leak checker. */
static struct {
	char name[64];
	json_t *v;
} loaded[VEC_FILES_MAX];
static size_t n_loaded;

static const char *folder(void)
{
	const char *dir = getenv("MESH_VECTORS");
	return dir && *dir ? dir : "../shared/vectors";
}

static json_t *find(const char *name)
{
	for (size_t i = 0; i < n_loaded; i++)
		if (strcmp(loaded[i].name, name) == 0)
			return loaded[i].v;
	return NULL;
}

json_t *vec_load(const char *name)
{
	json_t *known = find(name);
	if (known)
		return known;
	if (access(folder(), R_OK) != 0) {
		printf("known answers not found in %s; set MESH_VECTORS\n", folder());
		exit(77);
	}
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", folder(), name);
	struct buf b;
	buf_init(&b, VEC_FILE_MAX);
	int rc = fs_read(path, &b);
	struct j_error err = { "" };
	json_t *v = rc ? NULL : j_parse(buf_span(&b), VEC_FILE_MAX, &err);
	if (!v) {
		printf("%s: %s\n", path, rc ? err_text(rc) : err.text);
		exit(1);
	}
	buf_fini(&b);
	if (n_loaded == VEC_FILES_MAX) {
		printf("more than %d vector files in one test\n", VEC_FILES_MAX);
		exit(1);
	}
	snprintf(loaded[n_loaded].name, sizeof(loaded[n_loaded].name), "%s", name);
	loaded[n_loaded++].v = v;
	return v;
}

uint8_t *vec_hex(const json_t *obj, const char *member, size_t *len)
{
	struct span text = j_span(obj, member);
	uint8_t *out = malloc(text.len / 2 + 1);
	if (!text.p || !out || hex_decode(text, out, text.len / 2)) {
		printf("member %s is not hex\n", member);
		exit(1);
	}
	*len = text.len / 2;
	return out;
}

void vec_hex_into(const json_t *obj, const char *member, uint8_t *out, size_t n)
{
	size_t len;
	uint8_t *b = vec_hex(obj, member, &len);
	if (len != n) {
		printf("member %s: %zu bytes, expected %zu\n", member, len, n);
		exit(1);
	}
	memcpy(out, b, n);
	free(b);
}
