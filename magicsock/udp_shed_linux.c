/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/udp_shed_linux.h"

#include "magicsock/udp_linux.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

/* Offsets in what the filter sees, which begins with the UDP header; numbers are read big-endian.
 */
#define AT_TYPE 8
#define AT_RECEIVER 12
#define AT_COUNTER 16 /* eight bytes, the lowest first */
#define SINGLE_MAX 1500
#define AT_MAC2 8 /* plus X */
#define INITIATION_MAC2 132
#define RESPONSE_MAC2 76
#define TYPE(n) ((uint32_t)(n) << 24)
#define AT_SOURCE4 (SKF_NET_OFF + 12)
#define AT_SOURCE6 (SKF_NET_OFF + 8 + 12)
#define KEEP UINT32_MAX
#define DROP 0
#define FIXED 64 /* instructions beside the lists */
#define PER_FLOOR 24

struct program {
	struct sock_filter v[FIXED + 2 * (UDP_SHED_ADDRESSES_MAX + UDP_SHED_RECEIVERS_MAX) +
			     PER_FLOOR * UDP_SHED_FLOORS_MAX];
	unsigned short n;
};

static void op(struct program *p, unsigned code, uint32_t k)
{
	p->v[p->n++] = (struct sock_filter){ (uint16_t)code, 0, 0, k };
}

/* The next instruction is for A == k only. */
static void if_equal(struct program *p, uint32_t k)
{
	p->v[p->n++] = (struct sock_filter){ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k };
}

static void keep_if_equal(struct program *p, uint32_t k)
{
	if_equal(p, k);
	op(p, BPF_RET | BPF_K, KEEP);
}

/* Instructions up to `from` that jump to where the program now ends. */
static void land(struct program *p, unsigned short from)
{
	p->v[from].k = (uint32_t)(p->n - from - 1);
}

static void keep_few(struct program *p)
{
	op(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM));
	p->v[p->n++] =
	    (struct sock_filter){ BPF_JMP | BPF_JGE | BPF_K, 0, 1, UINT32_MAX / UDP_SHED_KEEPS };
	op(p, BPF_RET | BPF_K, DROP);
	op(p, BPF_RET | BPF_K, KEEP);
}

/* X is where mac2 lies. */
static void handshakes(struct program *p, enum ip_family fam, const struct udp_shed *s)
{
	for (uint32_t word = 0; word < 4 && !s->cookies_too; word++) {
		op(p, BPF_LD | BPF_W | BPF_IND, AT_MAC2 + 4 * word);
		p->v[p->n++] = (struct sock_filter){ BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0 };
		op(p, BPF_RET | BPF_K, KEEP);
	}
	op(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(fam == IP_V4 ? AT_SOURCE4 : AT_SOURCE6));
	for (size_t i = 0; i < s->n_addresses && i < UDP_SHED_ADDRESSES_MAX; i++) {
		uint32_t word;
		if (s->addresses[i].fam != fam)
			continue;
		memcpy(&word, s->addresses[i].b + (fam == IP_V4 ? 0 : 12), sizeof(word));
		keep_if_equal(p, ntohl(word));
	}
	keep_few(p);
}

/* A = the lower half of the counter, as a number */
static void load_counter(struct program *p)
{
	op(p, BPF_LD | BPF_B | BPF_ABS, AT_COUNTER);
	for (uint32_t i = 1; i < 4; i++) {
		op(p, BPF_MISC | BPF_TAX, 0);
		op(p, BPF_LD | BPF_B | BPF_ABS, AT_COUNTER + i);
		op(p, BPF_ALU | BPF_LSH | BPF_K, 8 * i);
		op(p, BPF_ALU | BPF_OR | BPF_X, 0);
	}
}

/* A is the receiver; of others it still is behind. */
static void session_replays(struct program *p, const struct udp_shed_floor *f)
{
	unsigned short other;
	p->v[p->n++] = (struct sock_filter){ BPF_JMP | BPF_JEQ | BPF_K, 1, 0,
					     __builtin_bswap32(f->receiver) };
	other = p->n;
	op(p, BPF_JMP | BPF_JA, 0);
	op(p, BPF_LD | BPF_W | BPF_ABS, AT_COUNTER + 4);
	p->v[p->n++] = (struct sock_filter){ BPF_JMP | BPF_JEQ | BPF_K, 1, 0,
					     __builtin_bswap32((uint32_t)(f->counter >> 32)) };
	op(p, BPF_RET | BPF_K, KEEP);
	load_counter(p);
	p->v[p->n++] =
	    (struct sock_filter){ BPF_JMP | BPF_JGE | BPF_K, 0, 1, (uint32_t)f->counter };
	op(p, BPF_RET | BPF_K, KEEP);
	keep_few(p);
	land(p, other);
}

static void replays(struct program *p, const struct udp_shed *s)
{
	unsigned short joined;
	op(p, BPF_LD | BPF_W | BPF_LEN, 0);
	p->v[p->n++] = (struct sock_filter){ BPF_JMP | BPF_JGT | BPF_K, 0, 1, SINGLE_MAX };
	joined = p->n;
	op(p, BPF_JMP | BPF_JA, 0);
	op(p, BPF_LD | BPF_W | BPF_ABS, AT_RECEIVER);
	for (size_t i = 0; i < s->n_floors && i < UDP_SHED_FLOORS_MAX; i++)
		session_replays(p, &s->floors[i]);
	land(p, joined);
}

static void transport(struct program *p, const struct udp_shed *s)
{
	if (s->n_floors)
		replays(p, s);
	if (!s->transport || s->n_receivers > UDP_SHED_RECEIVERS_MAX) {
		op(p, BPF_RET | BPF_K, KEEP);
		return;
	}
	op(p, BPF_LD | BPF_W | BPF_ABS, AT_RECEIVER);
	for (size_t i = 0; i < s->n_receivers; i++)
		keep_if_equal(p, __builtin_bswap32(s->receivers[i]));
	keep_few(p);
}

static void assemble(struct program *p, enum ip_family fam, const struct udp_shed *s)
{
	unsigned short hs[2], tr;
	p->n = 0;
	op(p, BPF_LDX | BPF_W | BPF_IMM, INITIATION_MAC2);
	op(p, BPF_LD | BPF_W | BPF_ABS, AT_TYPE);
	if_equal(p, TYPE(1));
	hs[0] = p->n;
	op(p, BPF_JMP | BPF_JA, 0);
	op(p, BPF_LDX | BPF_W | BPF_IMM, RESPONSE_MAC2);
	if_equal(p, TYPE(2));
	hs[1] = p->n;
	op(p, BPF_JMP | BPF_JA, 0);
	if_equal(p, TYPE(4));
	tr = p->n;
	op(p, BPF_JMP | BPF_JA, 0);
	op(p, BPF_RET | BPF_K, KEEP);
	land(p, hs[0]);
	land(p, hs[1]);
	if (s->handshakes)
		handshakes(p, fam, s);
	else
		op(p, BPF_RET | BPF_K, KEEP);
	land(p, tr);
	transport(p, s);
}

void udp_shed(struct udp_sock *s, enum ip_family fam, const struct udp_shed *what)
{
	struct program p;
	int none = 0;
	if (!what) {
		(void)setsockopt(s->fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
		return;
	}
	assemble(&p, fam, what);
	struct sock_fprog f = { .len = p.n, .filter = p.v };
	(void)setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof(f));
}
