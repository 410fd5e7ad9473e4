/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Noise records: whatever comes in whatever pieces, what is opened is what an honest sender sealed.
 * The first byte is the size of the pieces; the sender's own stream with the rest xored on is fed.
 */
#include "tests/fuzz/control/seeds.h"

#include "daemon/control/noise_wire.h"

#define TEXT_LEN 6000

static void feed(struct span in, size_t piece, const uint8_t *text)
{
	struct ts_rx rx = { 0 };
	struct span plain;
	size_t got = 0;
	int more = 0;
	while (in.len && more >= 0) {
		struct span part = span_of(in.p, piece < in.len ? piece : in.len);
		in = span_from(in, part.len);
		while ((more = ts_open(&rx, &part, &plain)) == 1) {
			must(got + plain.len <= TEXT_LEN, "no more than was sealed");
			must(memcmp(plain.p, text + got, plain.len) == 0, "what was sealed");
			got += plain.len;
		}
		must(more < 0 || part.len == 0, "all input is used or the connection is over");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static uint8_t text[TEXT_LEN];
	struct ts_tx tx = { 0 };
	struct buf wire;
	buf_init(&wire, 65536);
	must(ts_seal(&tx, span_of(text, TEXT_LEN), &wire) == 0, "sealing works");
	for (size_t i = 1; i < len && i <= wire.len; i++)
		wire.p[i - 1] ^= p[i];
	feed(buf_span(&wire), len ? p[0] + 1u : 1, text);
	/* and the bytes as they are */
	struct ts_rx rx = { 0 };
	struct span in = span_of(p, len), plain;
	int more;
	while ((more = ts_open(&rx, &in, &plain)) == 1)
		must(plain.len <= TS_PLAIN_MAX, "records are bounded");
	buf_fini(&wire);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const uint8_t seeds[][4] = { { 0 }, { 255 }, { 7, 0, 0, 1 }, { 4, 4, 0, 16 } };
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_of(seeds[i], 4);
	return true;
}
