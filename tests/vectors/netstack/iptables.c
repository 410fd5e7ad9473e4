/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netfilter.json, what the reference leaves in iptables: our texts say the same but for what is
 * meant to differ (iptables.h): connection marks in chains of their own, ports at random, untracked
 * packets, the guard. The guard is compared as a decision: is there one for input, for forwarding?
 * The port is where we want it, before the guard, also where the reference lost it. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "netstack/iptables.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, checked;

/* A copy with each `from` replaced; new. */
static char *replaced(const char *s, const char *from, const char *to)
{
	struct buf b;
	buf_init(&b, IPT_TEXT_MAX);
	for (const char *at; (at = strstr(s, from)); s = at + strlen(from)) {
		buf_add(&b, s, (size_t)(at - s));
		buf_add_str(&b, to);
	}
	buf_add_str(&b, s);
	char *out = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return out;
}

static bool is_guard(const char *line)
{
	return strstr(line, "100.64.0.0/10") || strstr(line, "100.115.92.0/23") ||
	       strstr(line, "ts-guard");
}

/* Rules of one of our chains in one table, one a line, without the guard and the port. */
struct rules {
	struct buf text;
	bool guard, port, jump;
};

static void take(struct rules *r, const char *line, const char *chain)
{
	char start[64], jump[64];
	snprintf(start, sizeof(start), "-A %s ", chain);
	snprintf(jump, sizeof(jump), " -j %s", chain);
	if (strlen(line) > strlen(jump) && strcmp(line + strlen(line) - strlen(jump), jump) == 0)
		r->jump = true;
	if (strncmp(line, start, strlen(start)) != 0)
		return;
	if (is_guard(line))
		r->guard |= strstr(line, "RETURN") == NULL;
	else if (strstr(line, "--dport"))
		r->port = true;
	else
		buf_fmt(&r->text, "%s\n", line + strlen(start));
}

static void theirs(const json_t *lines, const char *table, const char *chain, struct rules *out)
{
	char head[16];
	bool on = false;
	snprintf(head, sizeof(head), "*%s", table);
	for (size_t i = 0; i < j_len(lines); i++) {
		const char *line = j_text(j_at(lines, i));
		if (line[0] == '*')
			on = strcmp(line, head) == 0;
		else if (on)
			take(out, line, chain);
	}
}

static void ours(const char *text, const char *chain, struct rules *out)
{
	char *a = replaced(text, " --random-fully", "");
	char *b = replaced(a, ",UNTRACKED", "");
	for (char *rest = b, *line; (line = strsep(&rest, "\n"));)
		take(out, line, chain);
	free(a);
	free(b);
}

/* ---- one configuration ---- */

static struct fw_config read_config(const json_t *o)
{
	const char *mode = j_str(o, "NetfilterMode");
	struct fw_config c = {
		.mode = strcmp(mode, "on") == 0		? RT_NETFILTER_ON
			: strcmp(mode, "nodivert") == 0 ? RT_NETFILTER_NODIVERT
							: RT_NETFILTER_OFF,
		.port4 = 41641,
		.port6 = 41642,
		.snat = j_bool(o, "SNATSubnetRoutes", false),
		.stateful = j_bool(o, "StatefulFiltering", false),
		.no_guard = j_bool(o, "RemoveCGNATDropRule", false),
	};
	const json_t *self = j_get(o, "LocalAddrs");
	for (size_t i = 0; i < j_len(self); i++) {
		struct prefix p;
		if (prefix_decode(j_text_span(j_at(self, i)), &p))
			exit(1);
		prefix_list_add(&c.self, p);
	}
	prefix_list_add(&c.guard, (struct prefix){ ip_v4(100, 64, 0, 0), 10 });
	return c;
}

static const struct {
	enum ipt_table table;
	const char *our_chain, *their_chain;
} chains[] = {
	{ IPT_FILTER, "ts-input", "ts-input" },
	{ IPT_FILTER, "ts-forward", "ts-forward" },
	{ IPT_NAT, "ts-postrouting", "ts-postrouting" },
	{ IPT_MANGLE, "ts-prerouting", "PREROUTING" },
	{ IPT_MANGLE, "ts-output", "OUTPUT" },
};

static void compare(const char *step, const struct fw_config *c, enum ip_family fam, size_t chain,
		    const json_t *lines)
{
	static const struct router_params params = { 0xff0000, 0x80000, 0x40000, 52, 5200 };
	struct ipt_want w = { .tun = "tailscale0", .params = &params, .cfg = c };
	struct rules a = { 0 }, b = { 0 };
	struct ipt_seen seen;
	struct buf text;
	ipt_seen_init(&seen);
	buf_init(&text, IPT_TEXT_MAX);
	buf_init(&a.text, IPT_TEXT_MAX);
	buf_init(&b.text, IPT_TEXT_MAX);
	enum ipt_table t = chains[chain].table;
	if (c->mode != RT_NETFILTER_OFF)
		ipt_apply_text(&w, fam, t, &seen, &text);
	ours(buf_cstr(&text), chains[chain].our_chain, &a);
	theirs(lines, ipt_table_name(t), chains[chain].their_chain, &b);
	checked++;
	bool port_lost = strcmp(step, "on after nodivert") == 0;
	if (strcmp(buf_cstr(&a.text), buf_cstr(&b.text)) != 0 || a.guard != b.guard ||
	    (a.port != b.port && !port_lost) || (a.jump != b.jump && t != IPT_MANGLE)) {
		failed++;
		printf("%s: %s %s\nours, guard %d, port %d, jump %d:\n%s", step, ipt_table_name(t),
		       chains[chain].our_chain, a.guard, a.port, a.jump, buf_cstr(&a.text));
		printf("theirs, guard %d, port %d, jump %d:\n%s", b.guard, b.port, b.jump,
		       buf_cstr(&b.text));
	}
	buf_fini(&text);
	buf_fini(&a.text);
	buf_fini(&b.text);
}

int main(void)
{
	const json_t *steps = j_get(vec_load("netfilter.json"), "iptables");
	for (size_t i = 0; i < j_len(steps); i++) {
		const json_t *s = j_at(steps, i);
		if (!j_get(s, "config"))
			continue;
		struct fw_config c = read_config(j_get(s, "config"));
		for (size_t k = 0; k < ARRAY_LEN(chains); k++) {
			compare(j_str(s, "name"), &c, IP_V4, k, j_get(s, "iptables"));
			compare(j_str(s, "name"), &c, IP_V6, k, j_get(s, "ip6tables"));
		}
		fw_config_fini(&c);
	}
	printf("%d checked, %d failed\n", checked, failed);
	return failed || checked < 100;
}
