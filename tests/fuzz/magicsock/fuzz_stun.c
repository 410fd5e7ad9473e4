/* SPDX-License-Identifier: GPL-2.0-or-later */
/* STUN requests and responses: whatever parses must come back the same after being built. */
#include "tests/fuzz/fuzz.h"

#include "magicsock/stun_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct stun_txid txid, again;
	struct ep addr, back;
	struct span in = span_of(p, len);
	uint8_t out[STUN_RESPONSE_MAX], req[STUN_REQUEST_LEN];
	bool is = stun_is(in);
	if (stun_request_parse(in, &txid) == 0) {
		stun_request_build(&txid, req);
		if (!is || stun_request_parse(span_of(req, sizeof(req)), &again) ||
		    memcmp(&txid, &again, sizeof(txid)) != 0)
			abort();
	}
	if (stun_response_parse(in, &txid, &addr) == 0) {
		size_t n = stun_response_build(&txid, addr, out);
		if (!is || stun_response_parse(span_of(out, n), &again, &back) ||
		    !ep_eq(addr, back) || memcmp(&txid, &again, sizeof(txid)) != 0)
			abort();
	}
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t mem[128];
	struct stun_txid txid = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } };
	struct ep v4 = { ip_v4(198, 51, 100, 7), 41641 }, v6 = { { IP_V6, { 0x20, 1 } }, 1 };
	static const uint8_t mapped[] = { 1, 1, 0, 0x0c, 0x21, 0x12, 0xa4, 0x42, 1,    2, 3,
					  4, 5, 6, 7,	 8,    9,    10,   11,	 12,   0, 1,
					  0, 8, 0, 1,	 4,    0xd2, 0xcb, 0,	 0x71, 6 };
	switch (i) {
	case 0:
		stun_request_build(&txid, mem);
		*out = span_of(mem, STUN_REQUEST_LEN);
		return true;
	case 1:
		*out = span_of(mem, stun_response_build(&txid, v4, mem));
		return true;
	case 2:
		*out = span_of(mem, stun_response_build(&txid, v6, mem));
		return true;
	case 3:
		*out = span_of(mapped, sizeof(mapped));
		return true;
	}
	return false;
}
