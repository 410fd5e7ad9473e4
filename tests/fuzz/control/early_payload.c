/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The early payload in pieces equals the early payload in one piece, and nothing of what follows it
 * is lost. */
#include "tests/fuzz/control/seeds.h"

#include "daemon/control/early.h"

/* Returns what early_feed decided; *rest is how many bytes were left over. */
static int run(struct span in, size_t piece, struct early_reader *e, size_t *rest)
{
	int got = 0;
	early_init(e);
	while (in.len && got == 0) {
		struct span part = span_of(in.p, piece < in.len ? piece : in.len);
		size_t before = part.len;
		got = early_feed(e, &part);
		in = span_from(in, before - part.len);
		must(got != 0 || part.len == 0, "all is used while more is wanted");
	}
	*rest = in.len;
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct early_reader a, b;
	size_t rest_a, rest_b;
	int one = run(span_of(p, len), len, &a, &rest_a);
	int many = run(span_of(p, len), 1, &b, &rest_b);
	must(one == many, "pieces do not matter");
	if (one == 1) {
		must(rest_a == rest_b, "the rest is the same");
		must(a.present == b.present, "so is what was there");
		must(memcmp(a.head, b.head, EARLY_HEADER_LEN) == 0, "and the head");
		must(chal_key_eq(&a.challenge, &b.challenge), "and the challenge");
	}
	early_fini(&a);
	early_fini(&b);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char payload[] = "\xff\xff\xffTS\0\0\0\x5f{\"nodeKeyChallenge\":\"chalpub:"
				      "00000000000000000000000000000000"
				      "00000000000000000000000000000000\"}rest";
	static const char http2[] = "\0\0\x04\x01\0\0\0\0\0rest";
	if (i > 1)
		return false;
	*out = i == 0 ? span_of(payload, sizeof(payload) - 1) : span_of(http2, sizeof(http2) - 1);
	return true;
}
