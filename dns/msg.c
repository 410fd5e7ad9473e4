/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/msg.h"

#include "dns/name.h"

#define QDCOUNT_AT 4
#define COUNTS_LEN 8
#define QUESTION_TAIL 4 /* type and class */
#define RR_TAIL 10	/* type, class, TTL, length */
#define COPIED (DNS_OPCODE | DNS_RD | DNS_AD | DNS_CD)

/* ---- records ---- */

static void skip_question(struct rd *r)
{
	dns_name_skip(r);
	rd_skip(r, QUESTION_TAIL);
}

static size_t at(const struct dns_walk *w)
{
	return w->msg.len - rd_left(&w->r);
}

int dns_walk_init(struct dns_walk *w, struct span msg)
{
	*w = (struct dns_walk){ .msg = msg, .r = rd_init(msg) };
	rd_skip(&w->r, QDCOUNT_AT);
	uint16_t n = rd_be16(&w->r);
	for (int i = 0; i < DNS_SECTIONS; i++)
		w->left[i] = rd_be16(&w->r);
	if (!rd_ok(&w->r))
		return -ERR_SHORT;
	/* The header may lie: the bytes end sooner than its count. */
	for (; n && rd_ok(&w->r); n--)
		skip_question(&w->r);
	w->question_end = at(w);
	return rd_ok(&w->r) ? 0 : -ERR_SYNTAX;
}

bool dns_walk_next(struct dns_walk *w, struct dns_rr *rr)
{
	while (w->section < DNS_SECTIONS && w->left[w->section] == 0)
		w->section++;
	if (w->section == DNS_SECTIONS)
		return false;
	w->left[w->section]--;
	rr->section = w->section;
	rr->at = at(w);
	dns_name_skip(&w->r);
	rr->type = rd_be16(&w->r);
	rr->class = rd_be16(&w->r);
	rr->ttl_at = at(w);
	rr->ttl = rd_be32(&w->r);
	uint16_t len = rd_be16(&w->r);
	rr->rdata = rd_take(&w->r, len);
	return rd_ok(&w->r);
}

bool dns_walk_done(const struct dns_walk *w)
{
	return w->section == DNS_SECTIONS && rd_done(&w->r);
}

#define OPT_VERSION(ttl) ((ttl) >> 16 & 0xff)

/* Where the size in the one OPT of a whole message stands; 0: there is none, or none we know. */
static size_t find_udp_size(struct span msg)
{
	struct dns_walk w;
	struct dns_rr rr;
	size_t found = 0, n = 0;
	if (dns_walk_init(&w, msg))
		return 0;
	while (dns_walk_next(&w, &rr)) {
		if (rr.type != DNS_OPT || rr.section != DNS_ADDITIONAL)
			continue;
		n++;
		if (msg.p[rr.at] == 0 && OPT_VERSION(rr.ttl) == 0)
			found = rr.at + 3;
	}
	return n == 1 && dns_walk_done(&w) ? found : 0;
}

/* ---- queries ---- */

static void lower(char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s[i] = (char)(s[i] + (s[i] >= 'A' && s[i] <= 'Z' ? 'a' - 'A' : 0));
}

static uint8_t count_labels(const struct dns_query *q)
{
	uint8_t n = 0;
	for (size_t i = 0; q->question[i]; i += q->question[i] + (size_t)1)
		n++;
	return n;
}

static bool read_question(struct span msg, struct rd *r, struct dns_query *q)
{
	int len = dns_name_unpack(msg, r, q->question);
	struct span tail = rd_take(r, QUESTION_TAIL);
	if (len < 0 || !rd_ok(r))
		return false;
	memcpy(q->question + len, tail.p, QUESTION_TAIL);
	q->question_len = (uint16_t)(len + QUESTION_TAIL);
	struct rd t = rd_init(tail);
	q->type = rd_be16(&t);
	q->class = rd_be16(&t);
	q->name_len = (uint8_t)dns_name_text(q->question, (size_t)len, q->name);
	lower(q->name, q->name_len);
	q->labels = count_labels(q);
	return true;
}

static void read_opt(struct span msg, struct dns_query *q)
{
	size_t size_at = find_udp_size(msg);
	struct rd r = rd_init(span_from(msg, size_at));
	if (size_at == 0)
		return;
	q->opt = true;
	uint16_t size = rd_be16(&r);
	if (size > q->udp_size)
		q->udp_size = size;
}

int dns_query_parse(struct span msg, struct dns_query *q)
{
	struct rd r = rd_init(msg);
	q->id = rd_be16(&r);
	q->flags = rd_be16(&r);
	uint16_t n = rd_be16(&r);
	rd_skip(&r, 4);
	uint16_t additional = rd_be16(&r);
	q->type = q->class = q->question_len = 0;
	q->udp_size = DNS_UDP_MIN;
	q->opt = false;
	q->name[0] = '\0';
	q->name_len = q->labels = 0;
	if (!rd_ok(&r))
		return -ERR_SHORT;
	if (q->flags & DNS_QR)
		return -ERR_TYPE;
	if (q->flags & DNS_OPCODE)
		return -ERR_UNSUPPORTED;
	if (n == 0 || !read_question(msg, &r, q))
		return -ERR_SYNTAX;
	if (additional)
		read_opt(msg, q);
	return 0;
}

size_t dns_query_build(uint16_t id, const char *name, uint16_t type, struct mspan out)
{
	struct wr w = wr_init(out);
	wr_be16(&w, id);
	wr_be16(&w, DNS_RD);
	wr_be16(&w, 1);
	wr_zero(&w, COUNTS_LEN - 2);
	dns_name_build(&w, name);
	wr_be16(&w, type);
	wr_be16(&w, DNS_IN);
	return wr_ok(&w) ? wr_len(&w) : 0;
}

void dns_query_clamp(struct mspan msg)
{
	size_t size_at = find_udp_size(span_const(msg));
	if (size_at == 0)
		return;
	struct rd r = rd_init(span_from(span_const(msg), size_at));
	struct wr w = wr_init(mspan_of(msg.p + size_at, 2));
	if (rd_be16(&r) > DNS_UDP_MAX)
		wr_be16(&w, DNS_UDP_MAX);
}

/* ---- answers ---- */

size_t dns_error_build(const struct dns_query *q, uint16_t flags, uint8_t rcode, struct mspan out)
{
	struct wr w = wr_init(out);
	wr_be16(&w, q->id);
	wr_be16(&w, (uint16_t)(DNS_QR | (q->flags & COPIED) | flags | rcode));
	wr_be16(&w, q->question_len != 0);
	wr_zero(&w, COUNTS_LEN - 2);
	wr_bytes(&w, q->question, q->question_len);
	return wr_span_of(&w).len;
}

size_t dns_reply_fit(const struct dns_query *q, struct mspan reply)
{
	struct dns_walk walk;
	if (reply.len <= q->udp_size || reply.len < DNS_HEADER_LEN)
		return reply.len;
	bool whole =
	    dns_walk_init(&walk, span_const(reply)) == 0 && walk.question_end <= q->udp_size;
	reply.p[2] |= DNS_TC >> 8;
	memset(reply.p + QDCOUNT_AT + (whole ? 2 : 0), 0, COUNTS_LEN - (whole ? 2u : 0u));
	return whole ? walk.question_end : DNS_HEADER_LEN;
}

static uint8_t lower1(uint8_t c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool dns_question_eq(const struct dns_query *q, struct span msg)
{
	uint8_t name[DNS_WIRE_NAME_MAX];
	struct rd r = rd_init(msg);
	rd_skip(&r, QDCOUNT_AT);
	if (rd_be16(&r) != 1 || q->question_len == 0)
		return false;
	rd_skip(&r, COUNTS_LEN - 2);
	int len = dns_name_unpack(msg, &r, name);
	struct span tail = rd_take(&r, QUESTION_TAIL);
	if (!rd_ok(&r) || len != q->question_len - QUESTION_TAIL)
		return false;
	for (int i = 0; i < len; i++)
		if (lower1(name[i]) != lower1(q->question[i]))
			return false;
	return memcmp(tail.p, q->question + len, QUESTION_TAIL) == 0;
}
