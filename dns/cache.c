/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/cache.h"

#include "base/list.h"
#include "base/map.h"
#include "dns/name.h"

#include <stdlib.h>

enum {
	BUCKETS = 1024,
	OPT_LEN = 11,
	KEY_MAX = 8 + 4 + DNS_WIRE_NAME_MAX + 4,
	META_TYPES = 128, /* from here on: transfers, ANY and the like */
	DO = 0x8000,	  /* flag of an OPT */
};

struct entry {
	struct list lru;    /* of the cache, newest first */
	struct list bucket;
	mono_t put, ends;
	size_t key_len, reply_len;
	uint8_t bytes[]; /* key, reply */
};

struct dns_cache {
	struct list lru;
	struct list buckets[BUCKETS];
	size_t n, bytes, max_bytes;
};

/* ---- entries ----------------------------------------------------------------------------- */

struct dns_cache *dns_cache_new(size_t max_bytes)
{
	struct dns_cache *c = xcalloc(1, sizeof(*c));

	list_init(&c->lru);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&c->buckets[i]);
	c->max_bytes = max_bytes;
	return c;
}

static size_t entry_bytes(const struct entry *e)
{
	return sizeof(*e) + e->key_len + e->reply_len;
}

static void drop(struct dns_cache *c, struct entry *e)
{
	c->n--;
	c->bytes -= entry_bytes(e);
	list_remove(&e->lru);
	list_remove(&e->bucket);
	free(e);
}

void dns_cache_flush(struct dns_cache *c)
{
	LIST_EACH(it, &c->lru)
		drop(c, LIST_ENTRY(it, struct entry, lru));
}

void dns_cache_free(struct dns_cache *c)
{
	if (!c)
		return;
	dns_cache_flush(c);
	free(c);
}

size_t dns_cache_len(const struct dns_cache *c)
{
	return c->n;
}

size_t dns_cache_bytes(const struct dns_cache *c)
{
	return c->bytes;
}

/* ---- keys --------------------------------------------------------------------------------- */

/* Nothing but a question and perhaps a plain OPT: what else a query bears might shape its answer. */
bool dns_cache_fits(const struct dns_query *q, struct span msg)
{
	size_t question_end = DNS_HEADER_LEN + (size_t)q->question_len;
	struct rd r = rd_init(msg);
	uint16_t qd, an, ns, ar;

	rd_skip(&r, 4);
	qd = rd_be16(&r);
	an = rd_be16(&r);
	ns = rd_be16(&r);
	ar = rd_be16(&r);
	rd_skip(&r, q->question_len);
	if (!rd_ok(&r) || qd != 1 || an || ns || q->type >= META_TYPES || q->class != DNS_IN)
		return false;
	if (!q->opt)
		return ar == 0 && msg.len == question_end;
	/* name ".", OPT, size, code, version 0, flags, no options */
	return ar == 1 && msg.len == question_end + OPT_LEN && rd_u8(&r) == 0 &&
	       rd_be16(&r) == DNS_OPT && (rd_skip(&r, 3), rd_u8(&r)) == 0 &&
	       (rd_skip(&r, 2), rd_be16(&r)) == 0;
}

static bool wants_dnssec(const struct dns_query *q, struct span msg)
{
	return q->opt && msg.len >= OPT_LEN && (msg.p[msg.len - 4] & (DO >> 8));
}

static size_t make_key(uint64_t path, const struct dns_query *q, struct span msg,
		       uint8_t key[static KEY_MAX])
{
	struct wr w = wr_init(mspan_of(key, KEY_MAX));
	size_t name = q->question_len - 4u;

	wr_be64(&w, path);
	wr_be16(&w, q->flags & (DNS_RD | DNS_AD | DNS_CD));
	wr_u8(&w, q->opt);
	wr_u8(&w, wants_dnssec(q, msg));
	for (size_t i = 0; i < q->question_len; i++) {
		uint8_t b = q->question[i];

		wr_u8(&w, i < name && b >= 'A' && b <= 'Z' ? (uint8_t)(b + 0x20) : b);
	}
	return wr_len(&w);
}

static struct list *bucket_of(struct dns_cache *c, const uint8_t *key, size_t len)
{
	return &c->buckets[map_hash(key, len) % BUCKETS];
}

static struct entry *find(struct dns_cache *c, const uint8_t *key, size_t len)
{
	struct list *head = bucket_of(c, key, len);

	LIST_EACH(it, head) {
		struct entry *e = LIST_ENTRY(it, struct entry, bucket);

		if (e->key_len == len && memcmp(e->bytes, key, len) == 0)
			return e;
	}
	return NULL;
}

/* ---- lifetimes ------------------------------------------------------------------------------ */

/* The last field of an SOA; 0 if it does not parse. */
static uint32_t soa_minimum(struct span data)
{
	struct rd r = rd_init(data);
	uint32_t minimum;

	dns_name_skip(&r);
	dns_name_skip(&r);
	rd_skip(&r, 16);
	minimum = rd_be32(&r);
	return rd_done(&r) ? minimum : 0;
}

static uint32_t min_ttl(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t ttl_of(const struct dns_rr *rr)
{
	return rr->ttl >> 31 ? 0 : rr->ttl; /* RFC 2181 8 */
}

/* Seconds the answer may be kept, 0: not at all. */
static uint32_t lifetime(struct span reply)
{
	bool soa = false, answers = false;
	uint32_t ttl = UINT32_MAX;
	struct dns_walk w;
	struct dns_rr rr;

	if (dns_walk_init(&w, reply) < 0)
		return 0;
	while (dns_walk_next(&w, &rr)) {
		if (rr.type == DNS_OPT && rr.rdata.len > 0)
			return 0;
		if (rr.type == DNS_OPT)
			continue;
		ttl = min_ttl(ttl, ttl_of(&rr));
		answers |= rr.section == DNS_ANSWER;
		if (rr.type == DNS_SOA && rr.section == DNS_AUTHORITY) {
			ttl = min_ttl(ttl, soa_minimum(rr.rdata));
			soa = true;
		}
	}
	if (!dns_walk_done(&w) || (!soa && (!answers || dns_rcode_of(reply) == DNS_NXDOMAIN)))
		return 0;
	return min_ttl(ttl, DNS_CACHE_TTL_MAX);
}

static void count_down(struct mspan reply, uint32_t seconds)
{
	struct dns_walk w;
	struct dns_rr rr;

	if (dns_walk_init(&w, span_const(reply)) < 0)
		return;
	while (dns_walk_next(&w, &rr)) {
		struct wr out = wr_init(mspan_of(reply.p + rr.ttl_at, 4));

		if (rr.type != DNS_OPT)
			wr_be32(&out, rr.ttl > seconds ? rr.ttl - seconds : 0);
	}
}

/* ---- get and put ---------------------------------------------------------------------------- */

size_t dns_cache_get(struct dns_cache *c, mono_t now, uint64_t path, const struct dns_query *q,
		     struct span msg, struct mspan out)
{
	uint8_t key[KEY_MAX];
	struct entry *e = find(c, key, make_key(path, q, msg, key));

	if (!e)
		return 0;
	if (mono_due(e->ends, now)) {
		drop(c, e);
		return 0;
	}
	if (out.len < e->reply_len)
		return 0;
	list_remove(&e->lru);
	list_push_front(&c->lru, &e->lru);
	memcpy(out.p, e->bytes + e->key_len, e->reply_len);
	count_down(mspan_of(out.p, e->reply_len),
		   (uint32_t)(mono_diff_ns(now, e->put) / NS_PER_S));
	return e->reply_len;
}

static bool worth_keeping(struct span reply)
{
	uint8_t rcode = dns_rcode_of(reply);

	return reply.len <= DNS_CACHE_REPLY_MAX && !(reply.p[2] & (DNS_TC >> 8)) &&
	       (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN);
}

static void make_room(struct dns_cache *c, size_t bytes)
{
	while (!list_empty(&c->lru) && c->bytes + bytes > c->max_bytes)
		drop(c, LIST_ENTRY(c->lru.prev, struct entry, lru));
}

void dns_cache_put(struct dns_cache *c, mono_t now, uint64_t path, const struct dns_query *q,
		   struct span msg, struct span reply)
{
	uint32_t ttl = worth_keeping(reply) ? lifetime(reply) : 0;
	uint8_t key[KEY_MAX];
	size_t key_len = make_key(path, q, msg, key);
	struct entry *e = find(c, key, key_len);

	if (e)
		drop(c, e);
	if (ttl == 0 || sizeof(*e) + key_len + reply.len > c->max_bytes)
		return;
	make_room(c, sizeof(*e) + key_len + reply.len);
	e = try_calloc(1, sizeof(*e) + key_len + reply.len);
	if (!e)
		return;
	*e = (struct entry){ .put = now,
			     .ends = mono_add_s(now, ttl),
			     .key_len = key_len,
			     .reply_len = reply.len };
	memcpy(e->bytes, key, key_len);
	memcpy(e->bytes + key_len, reply.p, reply.len);
	list_push_front(&c->lru, &e->lru);
	list_push_front(bucket_of(c, key, key_len), &e->bucket);
	c->n++;
	c->bytes += entry_bytes(e);
}
