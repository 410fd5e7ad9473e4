/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a dead process left in the kernel. */
#include "netstack/router_linux.h"

#include "netstack/router_rules_linux.h"
#include "netstack/tun_linux.h"

#include <netlink/socket.h>

static void clean_addresses(struct nl_sock *nl, const char *tun, struct router_report *rep)
{
	struct prefix_list found = { 0 };
	unsigned index;
	if (!tun_name_ok(tun) || kroute_link_find(nl, tun, &index))
		return;
	router_note(rep, "list addresses of", tun, kroute_addrs(nl, index, &found));
	for (size_t i = 0; i < found.n; i++)
		if (ip_is_tailnet(found.v[i].ip))
			router_note_prefix(rep, "delete address", found.v[i],
					   kroute_addr_del(nl, index, found.v[i]));
	prefix_list_fini(&found);
}

/* A family that the kernel does not have holds nothing of ours. */
static int gone_if_unsupported(int rc)
{
	return rc == -ERR_UNSUPPORTED ? 0 : rc;
}

static void clean_family(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
			 struct router_report *rep)
{
	bool empty;
	if (kroute_rules_probe(nl, fam, &empty) == 0)
		router_rules_del(nl, p, fam, rep);
	router_note(rep, "flush table of", fam == IP_V4 ? "IPv4" : "IPv6",
		    gone_if_unsupported(kroute_table_flush(nl, fam, p->table)));
}

void router_linux_cleanup(const char *tun, const struct router_params *params,
			  struct router_report *rep)
{
	*rep = (struct router_report){ 0 };
	struct nl_sock *nl = netmsg_socket();
	if (!nl) {
		router_note(rep, "open", "netlink", -ERR_IO);
		return;
	}
	clean_family(nl, params, IP_V4, rep);
	clean_family(nl, params, IP_V6, rep);
	clean_addresses(nl, tun, rep);
	unsigned index;
	if (tun_name_ok(tun) && kroute_link_find(nl, tun, &index) == 0)
		router_note(rep, "remove interface", tun, tun_remove_orphan(tun));
	nl_socket_free(nl);
}
