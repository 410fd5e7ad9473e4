/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/load/flood_packet.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IP_LEN 20
#define UDP_LEN 8
#define AT_CHECKSUM 10
#define AT_SOURCE 12
#define AT_TARGET 16
#define AT_SOURCE_PORT (IP_LEN + 0)
#define AT_TARGET_PORT (IP_LEN + 2)
#define AT_UDP_LEN (IP_LEN + 4)
#define AT_UDP_CHECKSUM (IP_LEN + 6)
#define RECEIVE_ROOM (8 << 20)

_Static_assert(FLOOD_HEADERS == IP_LEN + UDP_LEN, "headers");

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

void flood_packet_mend(struct flood_packet *p)
{
	unsigned sum = 0;
	put16(p->bytes + AT_CHECKSUM, 0);
	put16(p->bytes + AT_UDP_CHECKSUM, 0);
	for (int i = 0; i < IP_LEN; i += 2)
		sum += get16(p->bytes + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(p->bytes + AT_CHECKSUM, ~sum & 0xffff);
}

void flood_packet_build(struct flood_packet *p, struct ep to, struct span datagram)
{
	static const uint8_t head[AT_CHECKSUM] = { 0x45, [8] = 64, [9] = IPPROTO_UDP };
	memset(p, 0, FLOOD_HEADERS);
	memcpy(p->bytes, head, sizeof(head));
	p->len = (uint16_t)(FLOOD_HEADERS + datagram.len);
	put16(p->bytes + 2, p->len);
	memcpy(p->bytes + AT_TARGET, to.ip.b, 4);
	put16(p->bytes + AT_TARGET_PORT, to.port);
	put16(p->bytes + AT_UDP_LEN, (unsigned)(UDP_LEN + datagram.len));
	memcpy(p->bytes + FLOOD_HEADERS, datagram.p, datagram.len);
	flood_packet_mend(p);
}

void flood_packet_set_source(struct flood_packet *p, uint32_t address, uint16_t port)
{
	put16(p->bytes + AT_SOURCE, address >> 16);
	put16(p->bytes + AT_SOURCE + 2, address & 0xffff);
	put16(p->bytes + AT_SOURCE_PORT, port);
	flood_packet_mend(p);
}

static bool is_whole_udp(const struct flood_packet *p)
{
	return p->len >= FLOOD_HEADERS && p->bytes[0] == 0x45 && p->bytes[9] == IPPROTO_UDP &&
	       get16(p->bytes + 2) == p->len && (get16(p->bytes + 6) & 0x3fff) == 0;
}

bool flood_packet_is_to(const struct flood_packet *p, struct ep to)
{
	return is_whole_udp(p) && memcmp(p->bytes + AT_TARGET, to.ip.b, 4) == 0 &&
	       get16(p->bytes + AT_TARGET_PORT) == to.port;
}

bool flood_packet_is_from(const struct flood_packet *p, struct ep from, struct span *datagram)
{
	if (!is_whole_udp(p) || memcmp(p->bytes + AT_SOURCE, from.ip.b, 4) != 0 ||
	    get16(p->bytes + AT_SOURCE_PORT) != from.port)
		return false;
	*datagram = span_of(p->bytes + FLOOD_HEADERS, p->len - FLOOD_HEADERS);
	return true;
}

static int open_one(int ifindex, unsigned protocol)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htons((uint16_t)protocol),
				 .sll_ifindex = ifindex };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int flood_link_open(struct flood_link *l, const char *device, const uint8_t mac[static 6])
{
	int yes = 1, room = RECEIVE_ROOM;
	*l = (struct flood_link){ .out = -1, .in = -1, .ifindex = (int)if_nametoindex(device) };
	memcpy(l->mac, mac, sizeof(l->mac));
	if (l->ifindex == 0)
		return -1;
	l->out = open_one(l->ifindex, 0);
	l->in = open_one(l->ifindex, ETH_P_IP);
	if (l->out < 0 || l->in < 0) {
		flood_link_close(l);
		return -1;
	}
	/* each makes it cheaper or more exact, neither is needed */
	(void)setsockopt(l->out, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes));
	(void)setsockopt(l->in, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return 0;
}

void flood_link_close(struct flood_link *l)
{
	if (l->out >= 0)
		close(l->out);
	if (l->in >= 0)
		close(l->in);
}

unsigned flood_link_send(struct flood_link *l, const struct flood_packet *const *v, unsigned n)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = l->ifindex,
				  .sll_halen = sizeof(l->mac) };
	struct mmsghdr m[FLOOD_BATCH] = { 0 };
	struct iovec iov[FLOOD_BATCH];
	memcpy(to.sll_addr, l->mac, sizeof(l->mac));
	for (unsigned i = 0; i < n; i++) {
		iov[i] = (struct iovec){ (void *)v[i]->bytes, v[i]->len };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &to,
						.msg_namelen = sizeof(to),
						.msg_iov = &iov[i],
						.msg_iovlen = 1 };
	}
	int sent = sendmmsg(l->out, m, n, 0);
	return sent < 0 ? 0 : (unsigned)sent;
}

bool flood_link_receive(struct flood_link *l, struct flood_packet *p)
{
	for (;;) {
		ssize_t n = recv(l->in, p->bytes, sizeof(p->bytes), MSG_TRUNC);
		if (n < 0)
			return false;
		p->len = (uint16_t)n;
		if ((size_t)n <= sizeof(p->bytes))
			return true;
	}
}
