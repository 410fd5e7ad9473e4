/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What upstreams say: nothing but the answer to our question passes, what passes can be restored,
 * cut, kept and given out again, with all but its lifetimes as it was. A first byte of 0 stands for
 * the right id, QR and question: counts and code, then what comes behind the question, follow. */
#include "tests/fuzz/fuzz.h"

#include "dns/cache.h"
#include "dns/reply_check.h"

#include <stdlib.h>

enum { IN_MAX = 65535, ID = 0xabcd };

static const uint8_t query[] = { 0xab, 0xcd, 1,   0,   0,   1, 0,   0,	 0,   0,   0,	0,
				 3,    'w',  'W', 'w', 4,   't', 'e', 's', 't', 0,   0,	1,
				 0,    1 };

static void check_passed(const struct dns_query *q, struct mspan reply, enum dns_reply_verdict v)
{
	bool bare = v == DNS_REPLY_ERROR;

	if (!(reply.p[2] & 0x80) || reply.p[0] != 0xab || reply.p[1] != 0xcd ||
	    (bare && (reply.p[4] || reply.p[5])) || (!bare && reply.p[5] != 1))
		abort();
	dns_reply_restore(q, reply);
	if (!bare && dns_reply_check(q, q->id, span_const(reply)) != v)
		abort();
}

static void check_cache(const struct dns_query *q, struct span reply)
{
	static uint8_t out[DNS_CACHE_REPLY_MAX];
	struct dns_cache *c = dns_cache_new(1 << 16);
	mono_t now = { NS_PER_S };
	struct span msg = span_of(query, sizeof(query));
	size_t n;

	dns_cache_put(c, now, 1, q, msg, reply);
	n = dns_cache_get(c, now, 1, q, msg, mspan_of(out, sizeof(out)));
	if (n && (n != reply.len || memcmp(out, reply.p, n) != 0))
		abort();
	if (n && ((reply.p[2] & 2) || (dns_rcode_of(reply) | 3) != 3))
		abort();
	n = dns_cache_get(c, mono_add_s(now, 5), 1, q, msg, mspan_of(out, sizeof(out)));
	if (n && n != reply.len)
		abort();
	if (dns_cache_get(c, mono_add_s(now, DNS_CACHE_TTL_MAX), 1, q, msg,
			  mspan_of(out, sizeof(out))))
		abort();
	dns_cache_free(c);
}

/* code, three counts; the records */
static size_t compose(struct span in, uint8_t out[static IN_MAX])
{
	struct rd r = rd_init(in);
	struct span rest;

	memcpy(out, query, sizeof(query));
	out[2] |= 0x80;
	out[3] = rd_u8(&r);
	for (int i = 7; i < 12; i += 2)
		out[i] = rd_u8(&r);
	rest = rd_rest(&r);
	if (rest.len > 0)
		memcpy(out + sizeof(query), rest.p, rest.len);
	return sizeof(query) + rest.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static uint8_t copy[IN_MAX];
	enum dns_reply_verdict v;
	struct dns_query q;

	if (len == 0 || len > sizeof(copy) - sizeof(query) ||
	    dns_query_parse(span_of(query, sizeof(query)), &q) < 0)
		return 0;
	if (p[0] == 0)
		len = compose(span_of(p + 1, len - 1), copy);
	else
		memcpy(copy, p, len);
	v = dns_reply_check(&q, ID, span_of(copy, len));
	if (v == DNS_REPLY_IGNORE)
		return 0;
	check_passed(&q, mspan_of(copy, len), v);
	if (v == DNS_REPLY_ACCEPT)
		check_cache(&q, span_of(copy, len));
	if (dns_reply_fit(&q, mspan_of(copy, len)) > (len > DNS_UDP_MIN ? DNS_UDP_MIN : len))
		abort();
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const uint8_t tails[][39] = {
		{ 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 },
		{ 0, 0, 6, 0, 1, 0, 0, 0, 9, 0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2,
		  0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 50 },
		{ 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0 },
	};
	static const uint8_t lens[] = { 16, 33, 11 }, counts[] = { 7, 9, 11 };
	static uint8_t mem[sizeof(query) + sizeof(tails[0])];

	static uint8_t tail[5 + sizeof(tails[0])];

	if (i >= 7)
		return false;
	if (i >= 4) {
		tail[1] = i == 5 ? 0x83 : 0x80;
		memset(tail + 2, 0, 3);
		tail[2 + (i - 4)] = 1;
		memcpy(tail + 5, tails[i - 4], lens[i - 4]);
		*out = span_of(tail, 5u + lens[i - 4]);
		return true;
	}
	memcpy(mem, query, sizeof(query));
	mem[2] |= 0x80;
	mem[3] = i == 1 ? 0x83 : 0x80;
	*out = span_of(mem, sizeof(query));
	if (i == 3)
		return true;
	mem[counts[i]] = 1;
	memcpy(mem + sizeof(query), tails[i], lens[i]);
	*out = span_of(mem, sizeof(query) + lens[i]);
	return true;
}
