/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon and the helper for the system's resolver read of each other. What is taken is
 * built again the same. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "daemon/osdns_wire.h"

#include <stdlib.h>

static void must(bool good)
{
	if (!good)
		abort();
}

static void request(struct span in)
{
	struct osdns_request a = { 0 }, b = { 0 };
	struct span body = { 0 };
	struct buf out;
	buf_init(&out, 4 * OSDNS_BODY_MAX);
	if (osdns_request_parse(in, &a) == 0) {
		osdns_request_build(&a, &out);
		must(buf_ok(&out) && osdns_frame(buf_span(&out), &body) == 1);
		must(span_eq(body, in));
		must(osdns_request_parse(body, &b) == 0 && dns_os_config_eq(&a.config, &b.config));
	}
	osdns_request_fini(&a);
	osdns_request_fini(&b);
	buf_fini(&out);
}

static void said(struct span in)
{
	struct osdns_said a = { 0 }, b = { 0 };
	struct span body = { 0 };
	struct buf out;
	buf_init(&out, 4 * OSDNS_BODY_MAX);
	if (osdns_said_parse(in, &a) == 0) {
		osdns_said_build(&a, &out);
		must(buf_ok(&out) && osdns_frame(buf_span(&out), &body) == 1);
		must(osdns_said_parse(body, &b) == 0 && dns_os_config_eq(&a.base, &b.base));
		must(strcmp(a.trace, b.trace) == 0 && strcmp(a.warning, b.warning) == 0);
	}
	osdns_said_fini(&a);
	osdns_said_fini(&b);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct span body = { 0 };
	if (osdns_frame(span_of(p, len), &body) == 1) {
		request(body);
		said(body);
	}
	request(span_of(p, len));
	said(span_of(p, len));
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t text[1024];
	struct dns_server s = { .ip = ip_v4(10, 0, 0, 1) };
	struct osdns_request r = { .id = 9, .verb = OSDNS_SET };
	struct osdns_said *said = xcalloc(1, sizeof(*said));
	struct buf b;
	buf_init(&b, sizeof(text));
	if (!dns_os_config_add_server(&r.config, &s) ||
	    !dns_os_config_add_search(&r.config, "a.example") ||
	    !dns_os_config_add_match(&r.config, "b.example"))
		abort();
	said->mode = DNS_OS_DIRECT;
	memcpy(said->trace, "trace", 6);
	if (i < 2)
		osdns_request_build(&r, &b);
	else
		osdns_said_build(said, &b);
	size_t head = i % 2 ? OSDNS_FRAME_HEAD : 0;
	memcpy(text, b.p + head, b.len - head);
	*out = span_of(text, b.len - head);
	buf_fini(&b);
	osdns_request_fini(&r);
	free(said);
	return i < 4;
}
