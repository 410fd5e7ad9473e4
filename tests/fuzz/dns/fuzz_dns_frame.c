/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TCP stream of messages: cut anywhere it gives the same messages, and holds no more memory than
 * has come. The first byte says how it is cut, the second how long a message may be. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "dns/tcp_frame.h"

#include <stdlib.h>

enum { SLACK = 512 };

/* A sum over all messages, so that two ways to cut can be compared. */
static uint64_t sum_of(struct span in, size_t piece, size_t max)
{
	struct dns_frame f;
	uint64_t sum = 1;
	size_t came = 0;
	int rc = 0;

	dns_frame_init(&f, max);
	while (in.len > 0 && rc >= 0) {
		struct span part = span_of(in.p, in.len < piece ? in.len : piece);

		in = span_from(in, part.len);
		came += part.len;
		while (part.len > 0 && (rc = dns_frame_feed(&f, &part)) > 0) {
			struct span m = dns_frame_msg(&f);

			if (m.len > max)
				abort();
			sum = sum * 31 + m.len;
			for (size_t i = 0; i < m.len; i++)
				sum = sum * 31 + m.p[i];
			dns_frame_next(&f);
		}
		if (f.cap > 2 * came + SLACK)
			abort();
	}
	dns_frame_fini(&f);
	return rc < 0 ? sum + 7 : sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct span in = span_of(p, len);
	size_t max;

	if (len < 2)
		return 0;
	max = p[1] ? (size_t)p[1] * 257 : 4096;
	in = span_from(in, 2);
	if (sum_of(in, p[0] + (size_t)1, max) != sum_of(in, len, max))
		abort();
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const uint8_t a[] = { 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 1, 'd' };
	static const uint8_t b[] = { 3, 1, 0xff, 0xff, 1, 2, 3 };

	*out = i ? span_of(b, sizeof(b)) : span_of(a, sizeof(a));
	return i < 2;
}
