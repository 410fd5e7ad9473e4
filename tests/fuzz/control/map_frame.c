/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Map stream framing with zstd and without: pieces do not matter, texts are bounded. The first byte
 * chooses form and size of the pieces. */
#include "tests/fuzz/control/seeds.h"

#include "base/crypto/crypto.h"
#include "daemon/control/map_wire.h"

#define MESSAGES_MAX 64
#define MALFORMED 35 /* seeds of that list come before the good ones */

/* A digest of all texts that came out, and the verdict. */
static int run(struct span in, bool zstd, size_t piece, uint8_t digest[static 32])
{
	struct map_reader *m = map_reader_new(zstd);
	struct span text;
	bool same;
	int got = 0, n = 0;
	memset(digest, 0, 32);
	while (in.len && got >= 0 && n < MESSAGES_MAX) {
		struct span part = span_of(in.p, piece < in.len ? piece : in.len);
		in = span_from(in, part.len);
		while (n < MESSAGES_MAX && (got = map_reader_next(m, &part, &text, &same)) == 1) {
			must(text.len <= MAP_TEXT_MAX, "bounded");
			blake2s_hash(digest, span_of(digest, 32), text);
			if (n++ % 3 == 1)
				map_reader_shrink(m);
		}
	}
	map_reader_free(m);
	return n < MESSAGES_MAX ? got : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	uint8_t a[32], b[32];
	if (len < 1)
		return 0;
	bool zstd = p[0] & 1;
	struct span in = span_of(p + 1, len - 1);
	int one = run(in, zstd, in.len, a);
	int many = run(in, zstd, 1 + (p[0] >> 1), b);
	must(one == many, "pieces do not matter");
	must(memcmp(a, b, 32) == 0, "nor do they for the texts");
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char plain[] = "\x10\x12\0\0\0{\"KeepAlive\":true}\x02\0\0\0{}";
	static uint8_t copy[1 << 16];
	struct span s;
	if (i == 0) {
		*out = span_of(plain, sizeof(plain) - 1);
		return true;
	}
	if (!seeds_hex("control_json.json", "malformed", "framed", i - 1, &s) &&
	    (i <= MALFORMED ||
	     !seeds_hex("control_json.json", "map_messages", "framed_zstd", i - 1 - MALFORMED, &s)))
		return false;
	if (s.len + 1 > sizeof(copy))
		s.len = sizeof(copy) - 1;
	copy[0] = 0x11;
	memcpy(copy + 1, s.p, s.len);
	*out = span_of(copy, s.len + 1);
	return true;
}
