/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iptables_priv.h: our chains, for the files of iptables.h. */
#ifndef NETSTACK_IPTABLES_PRIV_H
#define NETSTACK_IPTABLES_PRIV_H

#include "netstack/iptables.h"

struct ipt_chain {
	enum ipt_table table;
	const char *name;
	const char *base; /* jumps to it; NULL: only our own chains do */
};
extern const struct ipt_chain ipt_chains[IPT_CHAINS];

#endif
