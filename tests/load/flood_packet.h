/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flood_packet.h: whole IPv4 packets to and from an Ethernet device, past the machine's own IP
 * layer, so that any source can be named. Needs CAP_NET_RAW; meant for network namespaces. */
#ifndef TESTS_LOAD_FLOOD_PACKET_H
#define TESTS_LOAD_FLOOD_PACKET_H

#include "base/ip.h"

#define FLOOD_PACKET_MAX 1500
#define FLOOD_BATCH 64
#define FLOOD_HEADERS 28 /* IPv4 and UDP */

struct flood_packet {
	uint16_t len;
	uint8_t bytes[FLOOD_PACKET_MAX];
};

/* A packet from nowhere to `to`; no UDP checksum, which IPv4 allows. */
void flood_packet_build(struct flood_packet *p, struct ep to, struct span datagram);
void flood_packet_set_source(struct flood_packet *p, uint32_t address, uint16_t port);
/* Write the IPv4 checksum anew and leave out the one of UDP. */
void flood_packet_mend(struct flood_packet *p);
/* Whole, UDP, and to (or from) that address and port; datagram may be NULL. */
bool flood_packet_is_to(const struct flood_packet *p, struct ep to);
bool flood_packet_is_from(const struct flood_packet *p, struct ep from, struct span *datagram);

struct flood_link {
	int out, in;
	int ifindex;
	uint8_t mac[6]; /* of who gets it */
};

/* 0 or -1 with errno. */
int flood_link_open(struct flood_link *l, const char *device, const uint8_t mac[static 6]);
void flood_link_close(struct flood_link *l);
/* At most FLOOD_BATCH; how many the kernel took. */
unsigned flood_link_send(struct flood_link *l, const struct flood_packet *const *v, unsigned n);
/* False: none is there now. Longer ones than FLOOD_PACKET_MAX are skipped. */
bool flood_link_receive(struct flood_link *l, struct flood_packet *p);

#endif
