/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kat.h: comparing bytes with a hex member of a known answer. */
#ifndef TESTS_VECTORS_WG_KAT_H
#define TESTS_VECTORS_WG_KAT_H

#include "tests/lib/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Exactly len bytes, equal to the member. */
static inline void kat_equal(const void *got, size_t len, const json_t *obj, const char *member)
{
	size_t want_len;
	uint8_t *want = vec_hex(obj, member, &want_len);
	if (len != want_len || memcmp(got, want, len) != 0)
		print_message("differs: %s\n", member);
	assert_int_equal(len, want_len);
	assert_memory_equal(got, want, len);
	free(want);
}

static inline uint64_t kat_u64(const json_t *obj, const char *member)
{
	uint64_t v;
	assert_int_equal(u64_decode(j_span(obj, member), UINT64_MAX, &v), 0);
	return v;
}

#endif
