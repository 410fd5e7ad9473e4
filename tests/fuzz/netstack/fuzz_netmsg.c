/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink messages and lines of /proc/net/route: whatever the bytes, names are terminated and
 * prefix lengths are those of the message. First byte: which message type. */
#include "tests/fuzz/fuzz.h"

#include "netstack/netmsg_linux.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

static const uint16_t types[] = { RTM_NEWLINK,	RTM_DELLINK,  RTM_NEWADDR, RTM_DELADDR,
				  RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWRULE, RTM_DELRULE };

static void must(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *b, size_t len)
{
	char name[LINK_NAME_MAX] = "";
	struct link_if l = { 0 };
	if (len == 0)
		return 0;
	struct nlmsghdr *h = malloc(sizeof(*h) + len - 1);
	must(h);
	*h = (struct nlmsghdr){ (uint32_t)(sizeof(*h) + len - 1), types[b[0] % 8], 0, 0, 0 };
	memcpy(h + 1, b + 1, len - 1);
	struct link_event e = netmsg_event(h);
	must(e.kind <= LINK_EV_OTHER);
	must(!netmsg_link(h, &l) ||
	     (memchr(l.name, 0, sizeof(l.name)) && l.hwaddr_len <= LINK_HWADDR_MAX));
	link_event_judge(&e, NULL, &(struct link_own){ "mesh0", 52, 5200 });
	must(!link_default_line(span_of(b, len), "mesh0", name) || name[0]);
	must(name[LINK_NAME_MAX - 1] == 0);
	free(h);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	/* An address with IFA_LOCAL, a route with RTA_DST and RTA_OIF, a rule with priority, a link
	 * with its name, and a line of text. */
	static const uint8_t addr[] = "\2\2\x20\0\0\3\0\0\0\x08\0\2\0\x64\x40\0\1";
	static const uint8_t route[] =
	    "\4\2\x20\0\0\x34\3\0\1\0\0\0\0\x08\0\1\0\x0a\0\0\1\x08\0\4\0\3\0\0\0";
	static const uint8_t rule[] = "\6\2\0\0\0\x34\0\0\1\0\0\0\0\x08\0\6\0\x96\x14\0\0";
	static const uint8_t link[] = "\0\0\0\1\0\3\0\0\0\1\0\0\0\0\0\0\0\x09\0\3\0eth9\0\0\0\0";
	static const uint8_t line[] =
	    "eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
	const struct span all[] = { span_of(addr, sizeof(addr) - 1),
				    span_of(route, sizeof(route) - 1),
				    span_of(rule, sizeof(rule) - 1),
				    span_of(link, sizeof(link) - 1),
				    span_of(line, sizeof(line) - 1) };
	if (i >= sizeof(all) / sizeof(all[0]))
		return false;
	*out = all[i];
	return true;
}
