/* SPDX-License-Identifier: GPL-2.0-or-later */
/* firewall.h: what the system's packet filter should do for us. Pure; nft_linux.h and iptables.h
 * carry it out. spec/routing.md 4.
 *
 * It lets in what comes through the tunnel and to our UDP port, forwards what comes through the
 * tunnel (marked, so that postrouting can tell it) and masquerades that if wanted, keeps forged
 * tailnet addresses out of every other interface, and carries the mark of our own sockets over to
 * their answers, for hosts with strict reverse-path filters. */
#ifndef NETSTACK_FIREWALL_H
#define NETSTACK_FIREWALL_H

#include "netstack/router.h"

struct fw_config {
	enum rt_netfilter mode;
	uint16_t port4, port6; /* ours, for UDP; 0: not known, or no socket of that family */
	bool snat;	       /* masquerade what is forwarded from the tunnel */
	bool stateful;	       /* into the tunnel only answers are forwarded */
	/* Own tailnet addresses: packets to them come through the tunnel or from this machine. */
	struct prefix_list self;
	/* Sources that come only through the tunnel: own and peers' tailnet addresses, as the
	 * routes have them. Sorted, without doubles. */
	struct prefix_list guard;
	bool no_guard; /* node attribute disable-linux-cgnat-drop-rule */
	/* None of our routes takes what does not belong to the tailnet itself, so that the answers to
	 * our own packets pass a strict reverse-path filter anyway. */
	bool no_connmark;
};

/* Answers get the mark of our packets back. Like snat and stateful it makes the kernel track all
 * connections of this host, which costs every packet: only where it is needed. */
bool fw_marks_connections(const struct fw_config *c);

void fw_config_fini(struct fw_config *c);
bool fw_config_eq(const struct fw_config *a, const struct fw_config *b);
/* out: fini or zeroed before. */
void fw_config_copy(struct fw_config *out, const struct fw_config *in);

#endif
