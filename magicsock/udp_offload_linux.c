/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a socket can do is asked of the kernel, never of its version (shared/spec/datapath.md 7). */
#include "magicsock/udp_priv.h"

#include <netinet/udp.h>

int udp_get_int(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);
	return getsockopt(fd, level, name, &v, &len) ? -1 : v;
}

static bool set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static unsigned wanted(uint32_t no_offload, enum offload_step step, enum offload_off off)
{
	return no_offload & OFFLOAD_BIT(step) ? off : 0;
}

void udp_offload_start(struct udp_sock *s, uint32_t no_offload)
{
	unsigned gso = wanted(no_offload, OFFLOAD_UDP_GSO, OFFLOAD_OFF_SWITCH);
	unsigned gro = wanted(no_offload, OFFLOAD_UDP_GRO, OFFLOAD_OFF_SWITCH);
	if (udp_get_int(s->fd, IPPROTO_UDP, UDP_SEGMENT) < 0)
		gso |= OFFLOAD_OFF_KERNEL;
	if (!gro && !set_int(s->fd, IPPROTO_UDP, UDP_GRO, 1))
		gro |= OFFLOAD_OFF_KERNEL;
	s->joins = gro == 0;
	s->gso_off = (uint8_t)gso;
	s->gro_off = (uint8_t)gro;
	/* without it drops stay unknown */
	(void)set_int(s->fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
}

static void forbid_one(struct udp_sock *s, uint32_t no_offload)
{
	unsigned gso = wanted(no_offload, OFFLOAD_UDP_GSO, OFFLOAD_OFF_NETWORK);
	unsigned gro = wanted(no_offload, OFFLOAD_UDP_GRO, OFFLOAD_OFF_NETWORK);
	/* Bit by bit: a sender may add OFFLOAD_OFF_DEVICE at the same moment. */
	atomic_fetch_and(&s->gso_off, (uint8_t)~OFFLOAD_OFF_NETWORK);
	atomic_fetch_or(&s->gso_off, (uint8_t)gso);
	unsigned why = (s->gro_off & ~OFFLOAD_OFF_NETWORK) | gro;
	set_int(s->fd, IPPROTO_UDP, UDP_GRO, why == 0);
	s->gro_off = (uint8_t)why;
}

void udp_forbid(struct udp_socks *s, uint32_t no_offload)
{
	if (s->v4.fd >= 0)
		forbid_one(&s->v4, no_offload);
	if (s->v6.fd >= 0)
		forbid_one(&s->v6, no_offload);
}
