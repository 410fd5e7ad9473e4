/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a daemon (or somebody in its place) may answer: head, body in pieces, and then everything
 * the program prints from it. No byte of it may steer the terminal. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "cli/dns_text.h"
#include "cli/http_body.h"
#include "cli/netcheck_text.h"
#include "cli/prefs_fields.h"
#include "cli/prefs_pretty.h"
#include "cli/settings.h"
#include "cli/status_text.h"
#include "cli/status_view.h"

#include <stdlib.h>

#define BODY_MAX (1u << 20)

static void check_printable(struct buf *b)
{
	const char *s = buf_cstr(b);
	for (size_t i = 0; i < strlen(s); i++)
		if ((uint8_t)s[i] < ' ' && s[i] != '\n' && s[i] != '\t')
			abort();
	buf_reset(b);
}

static void print_all(const json_t *v)
{
	const struct status_view_opts o = { true, true, false, true, { 1780000000, 0 } };
	const struct dns_view dns = { v,    v,	  v,
				      v,    NULL, true,
				      { v, DNS_PROBE_SILENT, "100.100.100.100", true } };
	struct buf b;
	char *why = NULL;
	buf_init(&b, 16u << 20);
	status_text(v, v, &o, &b);
	check_printable(&b);
	netcheck_text(v, v, &b);
	check_printable(&b);
	prefs_pretty(v, &b);
	check_printable(&b);
	dns_status_text(&dns, &b);
	check_printable(&b);
	for (size_t i = 0; i < n_settings; i++) {
		setting_text(&settings[i], v, v, &b);
		buf_reset(&b);
	}
	(void)status_usable(v, &why);
	free(why);
	j_free(dns_status_json(&dns));
	json_t *p = prefs_ordered(v);
	json_t *again = prefs_ordered(p);
	if (!j_equal(p, again))
		abort();
	j_free(p);
	j_free(again);
	buf_fini(&b);
}

static void read_body(struct span in, const struct http1_head *head, struct buf *out)
{
	struct http_body body;
	size_t at = head->len, step = 1;
	if (http_body_init(&body, head))
		return;
	while (!body.done && at < in.len) {
		struct span piece = span_from(in, at);
		size_t used;
		if (piece.len > step)
			piece.len = step;
		if (http_body_feed(&body, piece, out, &used) || used > piece.len)
			return;
		at += used;
		step = step * 2 + 1;
	}
	if (!body.done && http_body_end(&body) == 0 && !body.done)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct http1_head head;
	struct buf out;
	struct span in = span_of(p, len);
	buf_init(&out, BODY_MAX);
	if (http1_parse(in, false, &head) == 0)
		read_body(in, &head, &out);
	else
		buf_add_span(&out, in);
	json_t *v = j_parse(buf_span(&out), BODY_MAX, NULL);
	if (v)
		print_all(v);
	j_free(v);
	buf_fini(&out);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		("HTTP/1.1 200 OK\r\nContent-Length: "
		 "41\r\n\r\n{\"BackendState\":\"Running\",\"Self\":{\"ID\":\"1\"}}"),
		("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n5\r\n{\"a\":\r\n2;x=y\r\n1}\r\n0\r\nT: v\r\n\r\n"),
		"HTTP/1.1 403 Forbidden\r\n\r\nstatus access denied\n",
		("{\"BackendState\":\"Running\",\"MagicDNSSuffix\":\"t.example\",\"Health\":[\"x\"]"
		 ","
		 "\"Self\":{\"DNSName\":"
		 "\"xn--mnchen-3ya.t.example.\",\"TailscaleIPs\":[\"100.64.0.1\"],\"OS\":\"linux\","
		 "\"UserID\":1},"
		 "\"Peer\":{\"nodekey:1\":{\"HostName\":\"Bob's\",\"Active\":true,\"Relay\":\"hs\","
		 "\"RxBytes\":1,"
		 "\"LastSeen\":\"2026-06-01T11:59:30Z\"}},\"User\":{\"1\":{\"LoginName\":\"a@b\"}}"
		 "}"),
		("{\"ControlURL\":\"https://x\",\"AdvertiseRoutes\":[\"0.0.0.0/0\",\"::/"
		 "0\",\"10.0.0.0/8\"],"
		 "\"AdvertiseTags\":[\"tag:a\"],\"ExitNodeIP\":\"100.64.0.2\",\"AutoUpdate\":{"
		 "\"Check\":true},"
		 "\"Config\":{\"UserProfile\":{\"LoginName\":\"a\"}}}"),
		("{\"Now\":\"2023-11-14T22:13:20Z\",\"Regions\":{\"1\":{\"RegionID\":1,"
		 "\"RegionCode\":\"a\"}},"
		 "\"RegionLatency\":{\"1\":1234567},\"PreferredDERP\":1}"),
		("{\"CorpDNS\":true,\"CurrentTailnet\":{\"MagicDNSEnabled\":true},\"Resolvers\":[{"
		 "\"Addr\":\"1.1.1.1\"}],"
		 "\"Routes\":{\"a.\":[{\"Addr\":\"x\",\"BootstrapResolution\":[\"y\"]}]},"
		 "\"ExtraRecords\":[{\"Name\":\"n\"}]}"),
		("{\"CorpDNS\":true,\"CurrentTailnet\":{},\"Mode\":\"direct\",\"Trace\":[\"a\\u001b\"],"
		 "\"Installed\":{\"Nameservers\":[\"100.100.100.100\"],\"SearchDomains\":[\"b\"]},"
		 "\"Base\":{\"Nameservers\":[\"1.1.1.1\"]},\"Routes\":[{\"Suffix\":\".\",\"Resolvers\":["
		 "{\"Addr\":\"1.1.1.1\"}]},{\"Suffix\":\"c\",\"Resolvers\":[{\"Addr\":\"2.2.2.2\"}]}],"
		 "\"LocalZones\":[\"t.example\",\"64.100.in-addr.arpa\"],\"Trouble\":\"x\"}"),
	};
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_str(seeds[i]);
	return true;
}
