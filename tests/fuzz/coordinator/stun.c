/* SPDX-License-Identifier: GPL-2.0-or-later */
/* STUN requests as the server sees them: an answer is never larger than 44 bytes for a request of
 * 40, and a client finds its address in it. */
#include "tests/fuzz/fuzz.h"

#include "magicsock/stun_wire.h"

#include <stdlib.h>

static void must(bool good)
{
	if (!good)
		abort();
}

static void answer(const struct stun_txid *txid, struct ep from)
{
	uint8_t out[STUN_RESPONSE_MAX];
	struct stun_txid seen;
	struct ep addr;
	size_t n = stun_response_build(txid, from, out);

	must(n <= STUN_RESPONSE_MAX && n <= STUN_REQUEST_LEN + 4);
	must(stun_response_parse(span_of(out, n), &seen, &addr) == 0 && ep_eq(addr, from));
	must(memcmp(&seen, txid, sizeof(seen)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct stun_txid txid;
	struct ep v6 = { { IP_V6, { 0x20, 1 } }, 9 };

	if (stun_request_parse(span_of(p, len), &txid) < 0)
		return 0;
	must(len >= STUN_REQUEST_LEN - 4);
	answer(&txid, (struct ep){ ip_v4(192, 0, 2, 1), 41641 });
	answer(&txid, v6);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t req[STUN_REQUEST_LEN];
	static const struct stun_txid txid = { { 1, 2, 3 } };

	stun_request_build(&txid, req);
	*out = span_of(req, i == 1 ? 32 : sizeof(req));
	return i < 2;
}
