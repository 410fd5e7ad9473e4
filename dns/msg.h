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
enum { DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100, DNS_RA = 0x0080 };

/* A query as sent, and its first question. */
struct dns_query {
	uint16_t id, flags;
	uint16_t type, class;
	uint16_t udp_size; /* what its sender takes by UDP: DNS_UDP_MIN or what its OPT says */
	bool opt;	   /* it has an OPT record */
	/* ASCII letters in lower case, dots between labels, no final dot, NUL; "" is the root. A
	 * label may hold any byte but '.'. */
	char name[DNS_NAME_MAX + 1];
	uint8_t labels;
	/* The question with the name as its sender spelled it, not compressed. */
	uint8_t question[DNS_WIRE_NAME_MAX + 4];
	uint16_t question_len;
};

/* 0; -ERR_SHORT: not even a header, or -ERR_TYPE: an answer; both get silence. -ERR_SYNTAX: to be
 * answered with FORMERR (id and flags are set). -ERR_UNSUPPORTED: an OPCODE other than QUERY. */
MUST_CHECK int dns_query_parse(struct span msg, struct dns_query *q);
static inline uint8_t dns_rcode_of(struct span msg) /* at least DNS_HEADER_LEN bytes */
{
	return msg.p[3] & 0x0f;
}
/* Header and question with that code and flags (RD is copied, QR set); the question is left out
 * where q has none. Bytes written, 0: no room. */
size_t dns_error_build(const struct dns_query *q, uint16_t flags, uint8_t rcode, struct mspan out);
/* Make a reply fit a UDP client: longer than q takes, it is cut behind its question and gets TC.
 * Returns the new length. */
size_t dns_reply_fit(const struct dns_query *q, struct mspan reply);

#endif
