/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/reply_check.h"

enum { ID = 0, QDCOUNT = 4 };

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 0x20) : c;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static enum dns_reply_verdict by_rcode(uint8_t rcode)
{
	switch (rcode) {
	case DNS_SERVFAIL:
		return DNS_REPLY_SERVFAIL;
	case DNS_REFUSED:
		return DNS_REPLY_REFUSED;
	default:
		return DNS_REPLY_ACCEPT;
	}
}

enum dns_reply_verdict dns_reply_check(const struct dns_query *q, uint16_t id, struct span reply)
{
	struct rd r = rd_init(reply);
	uint16_t got_id = rd_be16(&r), flags = rd_be16(&r), questions = rd_be16(&r);
	uint8_t rcode = flags & 0x0f;

	rd_skip(&r, DNS_HEADER_LEN - 6);
	if (!rd_ok(&r) || got_id != id || !(flags & DNS_QR) || ((flags ^ q->flags) & DNS_OPCODE))
		return DNS_REPLY_IGNORE;
	/* what some servers say to what they cannot parse */
	if (questions == 0 && (rcode == DNS_FORMERR || rcode == DNS_NOTIMP))
		return DNS_REPLY_ERROR;
	if (!dns_question_eq(q, reply))
		return DNS_REPLY_IGNORE;
	return by_rcode(rcode);
}

/* Only letters change, and only between their cases: where a server compressed even the question,
 * nothing else is overwritten. */
void dns_reply_restore(const struct dns_query *q, struct mspan reply)
{
	uint8_t *at = reply.p + DNS_HEADER_LEN;

	put16(reply.p + ID, q->id);
	for (size_t i = 0; i + DNS_HEADER_LEN < reply.len && i < q->question_len; i++)
		if (lower(at[i]) == lower(q->question[i]))
			at[i] = q->question[i];
}

/* Servers answer what is plainly written: one question, its name not compressed. */
static bool is_plain(const struct dns_query *q, struct span msg)
{
	return get16(msg.p + QDCOUNT) == 1 && msg.len >= DNS_HEADER_LEN + (size_t)q->question_len &&
	       memcmp(msg.p + DNS_HEADER_LEN, q->question, q->question_len) == 0;
}

static size_t first_question(const struct dns_query *q, struct mspan out)
{
	struct wr w = wr_init(out);

	wr_be16(&w, 0);
	wr_be16(&w, q->flags);
	wr_be16(&w, 1);
	wr_zero(&w, 6);
	wr_bytes(&w, q->question, q->question_len);
	return wr_ok(&w) ? wr_len(&w) : 0;
}

size_t dns_request_build(const struct dns_query *q, uint16_t id, struct span msg, struct mspan out)
{
	size_t len = msg.len;

	if (len < DNS_HEADER_LEN || out.len < len)
		return 0;
	if (is_plain(q, msg))
		memcpy(out.p, msg.p, len);
	else if ((len = first_question(q, out)) == 0)
		return 0;
	put16(out.p + ID, id);
	dns_query_clamp(mspan_of(out.p, len));
	return len;
}
