/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever asks us: no answer to an answer, never more bytes than asked for or promised, an answer
 * is for this question; the same bytes as a reply of a server are walked, cut and compared. The
 * first byte chooses UDP or TCP. */
#include "tests/fuzz/fuzz.h"

#include "dns/local.h"
#include "dns/name.h"

#include <stdlib.h>

#define IN_MAX 2048
#define ID_AND_OPCODE_KEPT 2

static struct dns_local *table(void)
{
	static struct dns_local *l;
	static const struct ip one[] = { { IP_V4, { 100, 64, 0, 1 } }, { IP_V6, { 0xfd, 0x7a } } };
	static const struct dns_local_node nodes[] = {
		{ .name = "host1.tail.example.com.", .addrs = one, .n_addrs = 2 },
		{ .name = "Sub.tail.example.com", .addrs = one, .n_addrs = 1, .subdomains = true },
	};
	static const struct dns_local_record records[] = {
		{ "a.record.example", { IP_V4, { 192, 0, 2, 1 } } },
	};
	static const char *const zones[] = { "tail.example.com", "64.100.in-addr.arpa", "example" };
	static const char *const outside[] = { "control.tail.example.com" };
	if (!l)
		l = dns_local_new(&(struct dns_local_in){ nodes, 2, records, 1, zones, 3,
							  "tail.example.com", true, false, false,
							  outside, 1 });
	return l ? l : (abort(), NULL);
}

static void fuzz_answer(struct span msg, bool udp)
{
	uint8_t out[DNS_LOCAL_ANSWER_MAX];
	struct dns_query q;
	size_t len = 0;
	enum dns_local_verdict v = dns_local_answer(table(), (wall_t){ 1, 0 }, msg, udp,
						    mspan_of(out, sizeof(out)), &len, &q);
	if (v != DNS_LOCAL_DROP && (msg.len < DNS_HEADER_LEN || msg.p[2] & 0x80))
		abort();
	if (v == DNS_LOCAL_FORWARD && (q.question_len < 5 || strlen(q.name) != q.name_len))
		abort();
	if (v != DNS_LOCAL_ANSWER)
		return;
	if (len < DNS_HEADER_LEN || memcmp(out, msg.p, ID_AND_OPCODE_KEPT) != 0 ||
	    !(out[2] & 0x80) || (udp && len > q.udp_size))
		abort();
	if (q.question_len && !dns_question_eq(&q, span_of(out, len)))
		abort();
	struct dns_walk w;
	struct dns_rr rr;
	if (dns_walk_init(&w, span_of(out, len)))
		abort();
	while (dns_walk_next(&w, &rr))
		;
	if (!dns_walk_done(&w))
		abort();
}

static void fuzz_reply(struct mspan msg)
{
	struct dns_query q;
	uint8_t query[17] = { 1, 2, 1, 0, 0, 1, [14] = 1, [16] = 1 };
	char text[DNS_NAME_MAX + 1];
	uint8_t wire[DNS_WIRE_NAME_MAX];
	if (dns_query_parse(span_of(query, sizeof(query)), &q))
		abort();
	dns_question_eq(&q, span_const(msg));
	struct rd r = rd_init(span_const(msg));
	rd_skip(&r, DNS_HEADER_LEN);
	if (rd_ok(&r) && dns_name_parse(span_const(msg), &r, text) >= 0) {
		struct wr w = wr_init(mspan_of(wire, sizeof(wire)));
		dns_name_build(&w, text);
		if (!wr_ok(&w))
			abort();
	}
	dns_query_clamp(msg);
	size_t len = dns_reply_fit(&q, msg);
	if (len > msg.len || (len > DNS_UDP_MIN && msg.len > DNS_UDP_MIN))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static uint8_t copy[IN_MAX];
	if (len == 0 || len > IN_MAX)
		return 0;
	fuzz_answer(span_of(p + 1, len - 1), p[0] & 1);
	memcpy(copy, p + 1, len - 1);
	fuzz_reply(mspan_of(copy, len - 1));
	return 0;
}

/* A question of each kind, plain, and in upper case with an OPT that has an option. */
bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const names[] = {
		"host1.tail.example.com",
		"host1",
		"x.y.sub.tail.example.com",
		"a.record.example",
		"control.tail.example.com",
		"nope.tail.example.com",
		"10-1-1-1-via-0x7",
		"1-2-3-4-via-7.some.ts.net",
		"magicdns.localhost-tailscale-daemon",
		"x.onion",
		"1.0.64.100.in-addr.arpa",
		"lb._dns-sd._udp.example",
		"9.9.64.100.in-addr.arpa",
		"",
		"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.7.d.f.ip6.arpa",
	};
	static const uint16_t types[] = { DNS_A, DNS_AAAA, DNS_PTR, DNS_ANY, DNS_TXT, DNS_SOA };
	static const uint8_t opt[] = { 0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 6, 0, 10, 0, 2, 1, 2 };
	static uint8_t mem[512];
	size_t n_names = sizeof(names) / sizeof(names[0]);
	if (i >= n_names * 6 * 2)
		return false;
	bool has_opt = i / n_names / 6;
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	wr_u8(&w, 1);
	wr_be16(&w, 0x1234);
	wr_be16(&w, DNS_RD);
	wr_be16(&w, 1);
	wr_be32(&w, 0);
	wr_be16(&w, has_opt);
	dns_name_build(&w, names[i % n_names]);
	wr_be16(&w, types[i / n_names % 6]);
	wr_be16(&w, DNS_IN);
	if (has_opt)
		wr_bytes(&w, opt, sizeof(opt));
	*out = wr_span_of(&w);
	return true;
}
