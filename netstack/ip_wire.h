/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ip_wire.h: what the packet filter and its neighbours need to know of an IP packet, and the
 * builder of plain IPv4 and IPv6 headers. Pure. Rules: spec/routing.md 7.3. */
#ifndef NETSTACK_IP_WIRE_H
#define NETSTACK_IP_WIRE_H

#include "base/bytes.h"
#include "base/ip.h"

enum ip_proto {
	IP_PROTO_UNKNOWN = 0, /* not decodable; also hop-by-hop, which shares the number */
	IP_PROTO_ICMP = 1,
	IP_PROTO_IGMP = 2,
	IP_PROTO_TCP = 6,
	IP_PROTO_UDP = 17,
	IP_PROTO_FRAG6 = 44,
	IP_PROTO_ICMP6 = 58,
	IP_PROTO_TSMP = 99,
	IP_PROTO_SCTP = 132,
	IP_PROTO_FRAGMENT = 255, /* a later fragment: no transport header in it */
};

enum tcp_flag { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_ACK = 0x10 };
#define TCP_OPENS_OR_ENDS (TCP_SYN | TCP_FIN | TCP_RST)

#define IP4_HDR_LEN 20
#define IP6_HDR_LEN 40
#define IP_TTL 64

/* One decoded packet; offsets count from its first byte. Every field is set by each decode, none
 * keeps a value of an earlier packet. */
struct pkt {
	uint8_t
	    version; /* 4, 6; 0: not IP. All below `proto` is zero if proto is IP_PROTO_UNKNOWN */
	uint8_t proto;
	uint8_t tcp_flags;
	uint8_t icmp_type, icmp_code;
	uint32_t id;	    /* IPv4 identification, IPv6 flow label */
	uint32_t len;	    /* of the IP packet; bytes of the buffer behind it do not count */
	uint32_t l4;	    /* offset of the transport header */
	struct ep src, dst; /* ports only for TCP, UDP, SCTP */
};

/* bytes: one packet, untrusted, any length. IPv4 headers shorter than 20 bytes and IPv4-mapped
 * addresses inside IPv6 are not decodable (they name another address than the kernel would use). */
void pkt_decode(struct span bytes, struct pkt *out);

/* From the transport header to the end of the packet; empty if not decodable or a later fragment.
 */
struct span pkt_l4(const struct pkt *p, struct span bytes);
/* The data of a UDP packet; empty for others. */
struct span pkt_udp_data(const struct pkt *p, struct span bytes);

/* Whether b goes on with the TCP connection of a: all that a decision looks at (addresses, ports,
 * fragmentation, no SYN, FIN or RST) is the same in both. False also for what is not looked into:
 * IP options, IPv6 extension headers. Both end where their headers say. */
bool pkt_continues_tcp(struct span a, struct span b);
bool pkt_is_tcp_syn(const struct pkt *p); /* SYN without ACK: opens a connection */
bool pkt_is_echo_request(const struct pkt *p);
bool pkt_is_echo_reply(const struct pkt *p);
bool pkt_is_icmp_error(const struct pkt *p);
/* Identifier and sequence number of an echo, as four bytes. False if it is none. */
bool pkt_echo_token(const struct pkt *p, struct span bytes, uint8_t token[static 4]);

struct ip_hdr {
	struct ip src, dst; /* of one family, which selects the version */
	uint8_t proto;
	uint32_t id; /* IPv4: low 16 bits; IPv6 flow label: low 20 bits */
};

size_t ip_hdr_len(struct ip addr);
/* TTL 64, no options, IPv4 checksum filled in. Fails (sticky) if the families differ or payload_len
 * does not fit. */
void ip_hdr_build(struct wr *w, const struct ip_hdr *h, size_t payload_len);

#endif
