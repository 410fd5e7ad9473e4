/* SPDX-License-Identifier: GPL-2.0-or-later */
/* msg.h: DNS messages (RFC 1035, 6891) as far as a stub's server and a forwarder need them:
 * shared/spec/dns.md 3.2, 3.4, 4.3. Big-endian. Pure; allocates nothing. */
#ifndef DNS_MSG_H
#define DNS_MSG_H

#include "base/bytes.h"

#define DNS_HEADER_LEN 12
#define DNS_WIRE_NAME_MAX 255
#define DNS_NAME_MAX 254 /* as text with dots, final one included */
#define DNS_UDP_MIN 512
#define DNS_UDP_MAX 4095 /* most that is forwarded by UDP */
#define DNS_PORT 53

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_HINFO = 13,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_AXFR = 252,
	DNS_ANY = 255,
};
enum dns_class { DNS_IN = 1, DNS_CLASS_ANY = 255 };
enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};
enum {
	DNS_QR = 0x8000,
	DNS_OPCODE = 0x7800,
	DNS_AA = 0x0400,
	DNS_TC = 0x0200,
	DNS_RD = 0x0100,
	DNS_RA = 0x0080,
	DNS_AD = 0x0020,
	DNS_CD = 0x0010,
};

/* A query as sent, and its first question. */
struct dns_query {
	uint16_t id, flags;
	uint16_t type, class;
	uint16_t udp_size; /* what its sender takes by UDP: DNS_UDP_MIN or what its OPT says */
	bool opt;	   /* it has an OPT record of version 0 */
	/* ASCII letters in lower case, dots between labels, no final dot, NUL; "" is the root. A
	 * label may hold any byte but '.' and NUL: a message with those is malformed. */
	char name[DNS_NAME_MAX + 1];
	uint8_t name_len, labels;
	/* The question with the name as its sender spelled it, not compressed; the name alone is
	 * question_len - 4 bytes. */
	uint8_t question[DNS_WIRE_NAME_MAX + 4];
	uint16_t question_len; /* 0: none was read */
};

/* 0; -ERR_SHORT: not even a header, or -ERR_TYPE: an answer; both get silence. -ERR_SYNTAX: to be
 * answered with FORMERR; -ERR_UNSUPPORTED: an OPCODE other than QUERY; with both id and flags are
 * set, no question was read. */
MUST_CHECK int dns_query_parse(struct span msg, struct dns_query *q);
static inline uint8_t dns_rcode_of(struct span msg) /* at least DNS_HEADER_LEN bytes */
{
	return msg.p[3] & 0x0f;
}
/* DNS_RA if q asks for recursion: most of our answers claim it then. */
static inline uint16_t dns_ra_of(const struct dns_query *q)
{
	return q->flags & DNS_RD ? DNS_RA : 0;
}
/* Header and question with that code and those flags (DNS_AA, DNS_RA); QR is set, OPCODE, RD, AD
 * and CD are the query's. The question is left out where q has none. Bytes written, 0: no room. */
size_t dns_error_build(const struct dns_query *q, uint16_t flags, uint8_t rcode, struct mspan out);
/* Make a reply fit a UDP client: longer than q takes, it is cut behind its question and gets TC.
 * Returns the new length. */
size_t dns_reply_fit(const struct dns_query *q, struct mspan reply);
/* A query of ours for a name (lower case, no final dot), recursion desired. Bytes written, 0: not a
 * name, or no room; DNS_QUERY_MAX is enough. */
#define DNS_QUERY_MAX (DNS_HEADER_LEN + DNS_WIRE_NAME_MAX + 4)
size_t dns_query_build(uint16_t id, const char *name, uint16_t type, struct mspan out);
/* The query a UDP upstream gets: an OPT (version 0, alone, anything in it) that takes more than
 * DNS_UDP_MAX is lowered to that in place. */
void dns_query_clamp(struct mspan msg);
/* Does msg have exactly one question, and is it q's: the name in any case, type and class? */
bool dns_question_eq(const struct dns_query *q, struct span msg);

/* ---- records behind the question ------------------------------------------------------- */

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, DNS_SECTIONS };

struct dns_rr {
	enum dns_section section;
	uint16_t type, class;
	uint32_t ttl;
	size_t at;	   /* of its owner name in the message */
	size_t ttl_at;	   /* of its TTL */
	struct span rdata; /* borrowed; names in it may be compressed */
};

/* Goes over the records the header counts, as far as there are bytes. */
struct dns_walk {
	struct span msg;
	struct rd r;
	enum dns_section section;
	uint16_t left[DNS_SECTIONS];
	size_t question_end; /* DNS_HEADER_LEN if there is none */
};

/* Past header and questions; -ERR_SHORT or -ERR_SYNTAX: no walk is possible. */
MUST_CHECK int dns_walk_init(struct dns_walk *w, struct span msg);
bool dns_walk_next(struct dns_walk *w, struct dns_rr *rr); /* false: the end, or malformed */
/* After the end: were all records there and well formed, and is the message over? */
bool dns_walk_done(const struct dns_walk *w);

#endif
