/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet path as `meshctl debug datapath` shows it. */
#include "daemon/engine/node_priv.h"

#include "base/counters.h"
#include "base/crypto/aead_batch.h"

static json_t *aead(void)
{
	json_t *o = j_object(), *usable = j_array();
	for (size_t i = 0; aead_batch_usable(i); i++)
		j_add_str(usable, aead_batch_usable(i));
	j_set_str(o, "Used", aead_batch_name());
	j_set(o, "Usable", usable);
	return o;
}

static void add_step(json_t *steps, enum offload_step step, unsigned off)
{
	json_t *o = j_object();
	j_set_str(o, "Step", offload_name(step));
	j_set_bool(o, "Active", off == 0);
	if (off)
		j_set_str(o, "Why", offload_off_text(off));
	j_add(steps, o);
}

static json_t *tun(const struct node *n)
{
	json_t *o = j_object(), *steps = j_array();
	for (unsigned i = 0; i < OFFLOAD_STEPS; i++)
		if (OFFLOAD_BIT(i) & TUN_STEPS)
			add_step(steps, i, node_offload_off(n, i));
	j_set_str(o, "Name", n->tun.name);
	j_set(o, "Steps", steps);
	return o;
}

static void add_sock(json_t *all, const char *family, const struct udp_sock *s)
{
	if (s->fd < 0)
		return;
	json_t *o = j_object(), *steps = j_array();
	add_step(steps, OFFLOAD_UDP_GSO, s->gso_off);
	add_step(steps, OFFLOAD_UDP_GRO, s->gro_off);
	j_set_str(o, "Family", family);
	j_set_int(o, "Port", s->port);
	j_set_int(o, "ReceiveBuffer", s->rcvbuf);
	j_set_int(o, "SendBuffer", s->sndbuf);
	j_set_int(o, "WantedBuffer", UDP_SOCKET_BUFFER);
	j_set_int(o, "QueueDrops", s->drops);
	j_set(o, "Steps", steps);
	j_add(all, o);
}

static void add_counter(void *arg, const char *name, uint64_t v)
{
	static const char *const rooms[] = { "dataplane_", "magicsock_udp_" };
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		if (strncmp(name, rooms[i], strlen(rooms[i])) == 0)
			j_set_int(arg, name, (int64_t)v);
}

json_t *node_debug_datapath(const struct node *n)
{
	json_t *o = j_object(), *udp = j_array(), *counters = j_object();
	add_sock(udp, "IPv4", &n->socks.v4);
	add_sock(udp, "IPv6", &n->socks.v6);
	counters_each(add_counter, counters);
	j_set(o, "AEAD", aead());
	j_set_int(o, "Workers", n->workers);
	if (n->have_tun)
		j_set(o, "TUN", tun(n));
	j_set(o, "UDP", udp);
	j_set(o, "Counters", counters);
	return o;
}
