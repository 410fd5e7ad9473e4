/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP heads as request and as response: whatever is accepted lies inside the input, reads the same
 * from exactly its own bytes, and asks for more without the last one. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "base/http1.h"

#include <stdlib.h>

static void must(bool good)
{
	if (!good)
		abort();
}

static bool inside(struct span part, struct span all)
{
	return part.p >= all.p && part.p + part.len <= all.p + all.len;
}

static bool printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static void check(struct span in, bool request)
{
	struct http1_head h, again;
	int rc = http1_parse(in, request, &h);
	must(rc == 0 || rc == -ERR_AGAIN || rc == -ERR_SYNTAX || rc == -ERR_TOOBIG);
	must(rc != -ERR_AGAIN || in.len < HTTP1_HEAD_MAX);
	if (rc)
		return;
	struct span exact = span_of(in.p, h.len);
	must(h.len >= 4 && h.len <= in.len && h.len <= HTTP1_HEAD_MAX);
	must(http1_parse(exact, request, &again) == 0 && again.len == h.len &&
	     again.n_headers == h.n_headers);
	must(http1_parse(span_of(in.p, h.len - 1), request, &again) == -ERR_AGAIN);
	must(request ? inside(h.target, exact) && h.method.len > 0
		     : h.status >= 100 && h.status <= 999);
	for (size_t i = 0; i < h.n_headers; i++) {
		must(inside(h.headers[i].name, exact) && inside(h.headers[i].value, exact));
		must(printable(h.headers[i].name) && printable(h.headers[i].value));
	}
	http1_has_token(&h, "Connection", "upgrade");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	check(span_of(p, len), true);
	check(span_of(p, len), false);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		"GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\nConnection: Upgrade, x\r\n\r\n",
		"POST /ts2021 HTTP/1.1\r\nHost: a:443\r\nX-Tailscale-Handshake: AA==\r\n\r\n123",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nDerp-Version: 2\r\n\r\n\0\0",
		"HTTP/1.0 204\r\n\r\n",
	};
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_str(seeds[i]);
	return true;
}
