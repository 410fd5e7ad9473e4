/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel does for us with many packets at once: what the network forbids of it, and what
 * is told about it (shared/spec/datapath.md 7, the ladder at the end of 10). */
#include "daemon/engine/node_priv.h"

#include "base/crypto/aead_batch.h"
#include "base/log.h"
#include "netstack/tun_offload_linux.h"

#define SOCKET_BUFFER_KIB (UDP_SOCKET_BUFFER >> 10)

/* ---- what is off, and why ---- */

static unsigned off_of_tun(const struct node *n, enum offload_step step)
{
	uint32_t bit = OFFLOAD_BIT(step), has = n->tun_granted;
	if (n->no_offload & bit)
		return OFFLOAD_OFF_SWITCH;
	if (has & bit)
		return n->network_off & bit ? OFFLOAD_OFF_NETWORK : 0;
	if (n->tun.refused & bit || step == OFFLOAD_VNET)
		return OFFLOAD_OFF_KERNEL;
	/* for want of another step */
	bool uso = step == OFFLOAD_TUN_GRO_UDP && has & OFFLOAD_BIT(OFFLOAD_VNET);
	return off_of_tun(n, uso ? OFFLOAD_USO : OFFLOAD_VNET);
}

static unsigned off_of_sock(const struct udp_sock *s, enum offload_step step)
{
	if (s->fd < 0)
		return 0;
	return step == OFFLOAD_UDP_GSO ? s->gso_off : s->gro_off;
}

unsigned node_offload_off(const struct node *n, enum offload_step step)
{
	if (step == OFFLOAD_UDP_GSO || step == OFFLOAD_UDP_GRO)
		return off_of_sock(&n->socks.v4, step) | off_of_sock(&n->socks.v6, step);
	return off_of_tun(n, step);
}

/* ---- what is told ---- */

static void add_steps(struct buf *b, const struct node *n, const char *before,
		      const enum offload_step *steps, const char *const *names, size_t k)
{
	const char *sep = before;
	for (size_t i = 0; i < k; i++) {
		if (node_offload_off(n, steps[i]))
			continue;
		buf_fmt(b, "%s%s", sep, names[i]);
		sep = "+";
	}
	if (sep == before)
		buf_fmt(b, "%snone", before);
}

void node_say_start(const struct node *n)
{
	static const enum offload_step read[] = { OFFLOAD_VNET, OFFLOAD_TSO, OFFLOAD_USO };
	static const enum offload_step join[] = { OFFLOAD_TUN_GRO_TCP, OFFLOAD_TUN_GRO_UDP };
	static const enum offload_step udp[] = { OFFLOAD_UDP_GSO, OFFLOAD_UDP_GRO };
	static const char *const read_names[] = { "vnet", "tso", "uso" };
	static const char *const join_names[] = { "tcp", "udp" };
	static const char *const udp_names[] = { "gso", "gro" };
	struct buf b;
	buf_init(&b, 512);
	if (n->have_tun) {
		add_steps(&b, n, "tun ", read, read_names, ARRAY_LEN(read));
		add_steps(&b, n, " gro ", join, join_names, ARRAY_LEN(join));
		buf_add_str(&b, ", ");
	}
	add_steps(&b, n, "udp ", udp, udp_names, ARRAY_LEN(udp));
	log_info("offload: %s; aead %s; %u worker%s", buf_cstr(&b), aead_batch_name(), n->workers,
		 n->workers == 1 ? "" : "s");
	buf_fini(&b);
}

/* Whether there is anything to say of a step: not of those that fell with the vnet header. */
static bool matters(const struct node *n, enum offload_step step)
{
	if (!(OFFLOAD_BIT(step) & TUN_STEPS))
		return true;
	return n->have_tun && (step == OFFLOAD_VNET || !node_offload_off(n, OFFLOAD_VNET));
}

void node_on_offload(struct node *n)
{
	for (unsigned i = 0; i < OFFLOAD_STEPS; i++) {
		unsigned off = matters(n, i) ? node_offload_off(n, i) : 0;
		if (off == n->offload_said[i])
			continue;
		n->offload_said[i] = (uint8_t)off;
		log_info("offload: %s: %s", offload_name(i), offload_off_text(off));
	}
}

/* Which is the smaller one matters little: the cure is the same. */
void node_say_buffers(struct node *n)
{
	const struct udp_sock *s = n->socks.v4.fd >= 0 ? &n->socks.v4 : &n->socks.v6;
	int least = s->rcvbuf < s->sndbuf ? s->rcvbuf : s->sndbuf;
	if (s->fd < 0 || least >= UDP_SOCKET_BUFFER || n->buffers_said)
		return;
	n->buffers_said = true;
	log_warn("udp: socket buffers of %d KiB instead of %d: packets may be lost at high rates; "
		 "let meshd have CAP_NET_ADMIN or raise net.core.rmem_max and wmem_max",
		 least >> 10, SOCKET_BUFFER_KIB);
}

/* ---- what changes ---- */

/* The network's wishes wait for the probe: it needs the steps it asks about, and before it the link
 * carries nothing. */
static void use_tun(struct node *n)
{
	if (!n->tun_tuned)
		return;
	n->tun.offload = n->tun_granted & ~n->network_off;
	dp_threads_tun_changed(n->threads);
}

/* Once: what the device takes shows only with its link up. */
void node_tune_tun(struct node *n)
{
	if (n->tun_tuned || tun_probe(&n->tun) < 0)
		return;
	n->tun_tuned = true;
	n->tun_granted = n->tun.offload;
	if ((n->tun_granted & (TUN_TSO | TUN_USO)) && tun_set_gso_max(&n->tun, TUN_MTU) < 0)
		log_info("offload: super-packets keep the kernel's size");
	use_tun(n);
	node_on_offload(n);
}

void node_take_offload(struct node *n, const struct nm_node *self)
{
	static const struct {
		const char *cap;
		enum offload_step step;
	} rows[] = {
		{ "disable-udp-gso", OFFLOAD_UDP_GSO },
		/* kernels that spoil runs of equal datagrams: ours nearly always are */
		{ "never-gso-equal-tail", OFFLOAD_UDP_GSO },
		{ "disable-udp-gro", OFFLOAD_UDP_GRO },
		{ "disable-tun-tcp-gro", OFFLOAD_TUN_GRO_TCP },
		{ "disable-tun-udp-gro", OFFLOAD_TUN_GRO_UDP },
	};
	uint32_t off = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (nm_node_cap(self, rows[i].cap))
			off |= OFFLOAD_BIT(rows[i].step);
	if (off == n->network_off)
		return;
	n->network_off = off;
	udp_forbid(&n->socks, off);
	use_tun(n);
	node_on_offload(n);
}
