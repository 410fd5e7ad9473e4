/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/tun_offload_linux.h"

#include "netstack/checksum.h"
#include "netstack/ip_wire.h"
#include "netstack/netmsg_linux.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Linux 6.2; not in the headers of Debian 12. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define UDP_PAYLOAD_MAX 65507 /* IPv4; of IPv6 it is 20 more */
#define UDP_SEGMENTS_MAX 64
#define WG_OVERHEAD 32	       /* transport header and tag */
#define TCP4_HEADERS (20 + 32) /* with timestamps, as all of Linux's segments */
/* What TCP keeps free of the size for headers of its own: MAX_TCP_HEADER is 192 to 320. */
#define TCP_RESERVE 320

static bool grants(struct tun *t, unsigned flags)
{
	return ioctl(t->fd, TUNSETOFFLOAD, (unsigned long)flags) == 0;
}

static bool has_header(struct tun *t)
{
	struct ifreq req = { 0 };
	int len = VNET_HDR_LEN;
	if (ioctl(t->fd, TUNGETIFF, &req) < 0 || !(req.ifr_flags & IFF_VNET_HDR))
		return false;
	/* a device that persists may have been given the 12-byte form */
	return ioctl(t->fd, TUNSETVNETHDRSZ, &len) == 0;
}

/* Adds `flags` to those granted before, if the kernel knows them. */
static void take(struct tun *t, uint32_t steps, enum tun_step step, unsigned flags,
		 unsigned *granted)
{
	if (!(steps & step))
		return;
	if (grants(t, *granted | flags)) {
		*granted |= flags;
		t->offload |= step;
	} else {
		t->refused |= step;
	}
}

void tun_offload_start(struct tun *t, uint32_t off)
{
	uint32_t steps = TUN_STEPS & ~off, granted = 0;
	t->vnet = has_header(t);
	t->offload = t->refused = 0;
	grants(t, 0); /* a device that persists keeps those of its last owner */
	if (!t->vnet) {
		t->refused = steps & TUN_VNET;
		return;
	}
	t->offload = TUN_VNET | (steps & TUN_TCP_GRO);
	if (grants(t, TUN_F_CSUM))
		granted = TUN_F_CSUM;
	take(t, steps, TUN_TSO, TUN_F_TSO4 | TUN_F_TSO6, &granted);
	take(t, steps, TUN_USO, TUN_F_USO4 | TUN_F_USO6, &granted);
	/* a kernel knows UDP super-packets in both directions or in none */
	if (t->offload & TUN_USO)
		t->offload |= steps & TUN_UDP_GRO;
	else if (t->refused & TUN_USO)
		t->refused |= steps & TUN_UDP_GRO;
}

/* ---- probe ---- */

/* Two segments of TCP from an address of the service range to itself. TTL 0: dropped by whoever
 * gets it. */
static size_t build_probe(uint8_t out[static 128], struct vnet *h)
{
	enum { L4 = IP4_HDR_LEN, HDR = L4 + 20, SEGMENT = 23, LEN = HDR + 2 * SEGMENT };
	const struct ip addr = ip_v4(100, 100, 100, 100);
	const struct ip_hdr ip = { .src = addr, .dst = addr, .proto = IP_PROTO_TCP };
	struct wr w = wr_init(mspan_of(out, LEN));
	ip_hdr_build(&w, &ip, LEN - L4);
	wr_be16(&w, 0); /* ports */
	wr_be16(&w, 0);
	wr_be32(&w, 1);
	wr_be32(&w, 1);
	wr_u8(&w, 5 << 4);
	wr_u8(&w, TCP_ACK);
	wr_be16(&w, 3000);
	wr_be16(&w, csum_fold(csum_pseudo(addr, addr, IP_PROTO_TCP, LEN - L4)));
	wr_zero(&w, 2 + 2 * SEGMENT);
	uint16_t sum = (uint16_t)(out[10] << 8 | out[11]);
	const uint8_t was[2] = { IP_TTL, IP_PROTO_TCP }, is[2] = { 0, IP_PROTO_TCP };
	sum = csum_update(sum, span_of(was, 2), span_of(is, 2));
	out[8] = 0;
	out[10] = (uint8_t)(sum >> 8);
	out[11] = (uint8_t)sum;
	*h = (struct vnet){ VNET_F_NEEDS_CSUM, VNET_GSO_TCP4, HDR, SEGMENT, L4, 16 };
	return LEN;
}

int tun_probe(struct tun *t)
{
	const unsigned gro = t->offload & (TUN_TCP_GRO | TUN_UDP_GRO);
	uint8_t bytes[128];
	struct vnet h;
	if (!gro)
		return 0;
	struct span packet = span_of(bytes, build_probe(bytes, &h));
	int rc = tun_write(t, &h, &packet, 1);
	if (rc == -ERR_RANGE && errno != EINVAL)
		return -ERR_STATE;
	if (rc == -ERR_RANGE) {
		t->offload &= ~gro;
		t->refused |= gro;
		return 0;
	}
	return rc < 0 ? rc : 0;
}

/* ---- size of super-packets ---- */

struct tun_gso_max tun_gso_max(unsigned mtu)
{
	unsigned wire = (mtu + 15) / 16 * 16 + WG_OVERHEAD;
	unsigned segs = UDP_PAYLOAD_MAX / wire;
	if (segs > UDP_SEGMENTS_MAX)
		segs = UDP_SEGMENTS_MAX;
	if (segs < 1)
		segs = 1;
	unsigned mss = mtu > TCP4_HEADERS ? mtu - TCP4_HEADERS : 1;
	return (struct tun_gso_max){ segs * mss + TCP4_HEADERS + TCP_RESERVE, segs };
}

int tun_set_gso_max(const struct tun *t, unsigned mtu)
{
	struct tun_gso_max max = tun_gso_max(mtu);
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
				 .ifi_index = (int)if_nametoindex(t->name) };
	struct nl_sock *s = netmsg_socket();
	struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_ACK);
	int rc = -ERR_NOMEM;
	/* The size of IPv4 super-packets, where a kernel has its own (6.3), follows by itself. */
	if (s && m && nlmsg_append(m, &ifi, sizeof(ifi), NLMSG_ALIGNTO) == 0 &&
	    nla_put_u32(m, IFLA_GSO_MAX_SEGS, max.segs) == 0 &&
	    nla_put_u32(m, IFLA_GSO_MAX_SIZE, max.bytes) == 0)
		rc = netmsg_error(nl_send_sync(s, m)); /* frees m */
	else
		nlmsg_free(m);
	if (s)
		nl_socket_free(s);
	return rc;
}
