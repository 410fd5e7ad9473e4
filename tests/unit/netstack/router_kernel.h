/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_kernel.h: what a test of the router finds in the kernel, as sorted lines of text that are
 * read with parsers of their own:
 *
 *   addr 100.64.0.1/32
 *   route T52 10.0.0.0/8 dev mesh0
 *   route T52 throw 127.0.0.0/8
 *   route T52 unreachable ::/0 metric 4294967295
 *   rule4 5210 mark 0x80000/0xff0000 lookup 254
 *   rule6 5250 mark 0x80000/0xff0000 unreachable
 *
 * Left out: the kernel's own rules and routes, table local, link-local addresses. A metric is told
 * if it is not the default. */
#ifndef TESTS_UNIT_NETSTACK_ROUTER_KERNEL_H
#define TESTS_UNIT_NETSTACK_ROUTER_KERNEL_H

#include "tests/unit/netstack/netns.h"

#include "base/alloc.h"
#include "netstack/router_linux.h"

#include <netlink/msg.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <sys/socket.h>

#define KERNEL_TUN "mesh0"

struct kernel {
	char **line;
	size_t n;
};

static inline uint32_t kernel_u32(struct nlattr *a)
{
	return a ? nla_get_u32(a) : 0;
}

__attribute__((format(printf, 2, 3))) static inline void kernel_add(struct kernel *k,
								    const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if ((k->n & (k->n - 1)) == 0)
		k->line = xrealloc(k->line, k->n ? 2 * k->n : 1, sizeof(*k->line));
	k->line[k->n++] = xstrdup(text);
}

static inline const char *kernel_prefix(struct nlattr *a, int af, uint8_t bits, char *out)
{
	static const uint8_t zero[16];
	size_t len = af == AF_INET ? 4 : 16;
	struct ip ip = ip_from_bytes(span_of(a ? nla_data(a) : zero, len));
	return prefix_encode((struct prefix){ ip, bits }, out);
}

static inline void kernel_on_rule(void *arg, struct nlmsghdr *h)
{
	struct nlattr *tb[FRA_MAX + 1];
	struct fib_rule_hdr *m = nlmsg_data(h);
	assert_int_equal(nlmsg_parse(h, sizeof(*m), tb, FRA_MAX, NULL), 0);
	uint32_t pref = kernel_u32(tb[FRA_PRIORITY]);
	char mark[64] = "", target[32] = "unreachable";
	if (pref == 0 || pref >= 32766)
		return;
	if (tb[FRA_FWMASK])
		snprintf(mark, sizeof(mark), "mark 0x%x/0x%x ", kernel_u32(tb[FRA_FWMARK]),
			 kernel_u32(tb[FRA_FWMASK]));
	if (m->action == FR_ACT_TO_TBL)
		snprintf(target, sizeof(target), "lookup %u", kernel_u32(tb[FRA_TABLE]));
	kernel_add(arg, "rule%d %u %s%s", m->family == AF_INET ? 4 : 6, pref, mark, target);
}

static inline void kernel_on_route(void *arg, struct nlmsghdr *h)
{
	struct nlattr *tb[RTA_MAX + 1];
	struct rtmsg *m = nlmsg_data(h);
	assert_int_equal(nlmsg_parse(h, sizeof(*m), tb, RTA_MAX, NULL), 0);
	uint32_t table = kernel_u32(tb[RTA_TABLE]), metric = kernel_u32(tb[RTA_PRIORITY]);
	char p[PREFIX_TEXT_MAX], dev[32] = "", pref[32] = "", name[IF_NAMESIZE];
	if (table == RT_TABLE_LOCAL || m->rtm_protocol == RTPROT_KERNEL)
		return;
	const char *type = m->rtm_type == RTN_THROW	    ? "throw "
			   : m->rtm_type == RTN_UNREACHABLE ? "unreachable "
							    : "";
	if (m->rtm_type == RTN_UNICAST && if_indextoname(kernel_u32(tb[RTA_OIF]), name))
		snprintf(dev, sizeof(dev), " dev %s", name);
	if (metric != (m->rtm_family == AF_INET6 ? 1024 : 0))
		snprintf(pref, sizeof(pref), " metric %u", metric);
	kernel_add(arg, "route T%u %s%s%s%s", table, type,
		   kernel_prefix(tb[RTA_DST], m->rtm_family, m->rtm_dst_len, p), dev, pref);
}

static inline void kernel_on_addr(void *arg, struct nlmsghdr *h)
{
	struct nlattr *tb[IFA_MAX + 1];
	struct ifaddrmsg *m = nlmsg_data(h);
	char p[PREFIX_TEXT_MAX];
	assert_int_equal(nlmsg_parse(h, sizeof(*m), tb, IFA_MAX, NULL), 0);
	if (m->ifa_index == if_nametoindex(KERNEL_TUN) && m->ifa_scope != RT_SCOPE_LINK)
		kernel_add(arg, "addr %s",
			   kernel_prefix(tb[IFA_ADDRESS], m->ifa_family, m->ifa_prefixlen, p));
}

static inline int kernel_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline struct kernel kernel_read(void)
{
	struct nl_sock *s = netmsg_socket();
	struct kernel k = { 0 };
	assert_non_null(s);
	assert_int_equal(netmsg_dump(s, RTM_GETRULE, AF_INET, 0, kernel_on_rule, &k), 0);
	assert_int_equal(netmsg_dump(s, RTM_GETRULE, AF_INET6, 0, kernel_on_rule, &k), 0);
	assert_int_equal(netmsg_dump(s, RTM_GETROUTE, AF_UNSPEC, 0, kernel_on_route, &k), 0);
	assert_int_equal(netmsg_dump(s, RTM_GETADDR, AF_UNSPEC, 0, kernel_on_addr, &k), 0);
	nl_socket_free(s);
	if (k.n)
		qsort(k.line, k.n, sizeof(*k.line), kernel_order);
	return k;
}

static inline void kernel_forget(struct kernel *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->line[i]);
	free(k->line);
	*k = (struct kernel){ 0 };
}

/* Present lines that begin so. */
static inline size_t kernel_count(const char *start)
{
	struct kernel k = kernel_read();
	size_t n = 0;
	for (size_t i = 0; i < k.n; i++)
		n += strncmp(k.line[i], start, strlen(start)) == 0;
	kernel_forget(&k);
	return n;
}

static inline bool kernel_same(const struct kernel *a, const struct kernel *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->line[i], b->line[i]) == 0;
	return same;
}

static inline void kernel_print(const char *title, const struct kernel *k)
{
	printf("%s:\n", title);
	for (size_t i = 0; i < k->n; i++)
		printf("  %s\n", k->line[i]);
}

static inline void kernel_assert_same(const struct kernel *want)
{
	struct kernel now = kernel_read();
	bool same = kernel_same(&now, want);
	if (!same) {
		kernel_print("wanted", want);
		kernel_print("found", &now);
	}
	kernel_forget(&now);
	assert_true(same);
}

static inline void kernel_assert(const char *const *lines)
{
	struct kernel want = { 0 };
	for (; *lines; lines++)
		kernel_add(&want, "%s", *lines);
	if (want.n)
		qsort(want.line, want.n, sizeof(*want.line), kernel_order);
	kernel_assert_same(&want);
	kernel_forget(&want);
}

#define KERNEL_RULES(fam)                                                                          \
	"rule" fam " 5210 mark 0x80000/0xff0000 lookup 254",                                       \
	    "rule" fam " 5230 mark 0x80000/0xff0000 lookup 253",                                   \
	    "rule" fam " 5250 mark 0x80000/0xff0000 unreachable", "rule" fam " 5270 lookup 52"
#define KERNEL_GUARD4 "route T52 unreachable 0.0.0.0/0 metric 4294967295"
#define KERNEL_GUARD6 "route T52 unreachable ::/0 metric 4294967295"

/* ---- what is wanted ---- */

static inline void kernel_list(struct prefix_list *out, const char *const *texts)
{
	for (; texts && *texts; texts++)
		prefix_list_add(out, pk_prefix(*texts));
	prefix_list_sort(out);
}

static inline struct router_config kernel_config(bool guard, const char *const *addrs,
						 const char *const *routes,
						 const char *const *throws)
{
	struct router_config c = { .guard = guard, .mtu = 1280 };
	kernel_list(&c.addrs, addrs);
	kernel_list(&c.routes, routes);
	kernel_list(&c.throws, throws);
	return c;
}

static inline void kernel_ok(const struct router_report *rep)
{
	if (rep->failed)
		printf("%u failed: %s\n", rep->failed, rep->first);
	assert_int_equal(rep->failed, 0);
	assert_string_equal(rep->first, "");
}

#endif
