/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linkchange.json: which differences of two snapshots matter, and how much. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "netstack/linkmon.h"

#include <stdio.h>
#include <stdlib.h>

#define TUN "tailscale0"

static int failed, checked;

static void check(bool got, const json_t *c, const char *member)
{
	checked++;
	if (got == j_bool(c, member, !got))
		return;
	failed++;
	printf("%s: %s is %d\n", j_str(c, "name"), member, got);
}

static void read_if(struct link_if *i, const char *name, const json_t *o)
{
	const json_t *ips = j_get(o, "IPs");
	snprintf(i->name, sizeof(i->name), "%s", name);
	i->loopback = strcmp(name, "lo") == 0;
	i->up = j_bool(o, "Up", false);
	i->running = j_bool(o, "Run", false);
	i->mtu = (unsigned)j_int(o, "MTU", 0);
	for (size_t k = 0; k < j_len(ips); k++) {
		struct prefix p;
		if (prefix_decode(j_text_span(j_at(ips, k)), &p))
			exit(1);
		link_if_add_addr(i, p);
	}
}

static void read_snapshot(struct link_snapshot *s, const json_t *o)
{
	json_t *ifs = j_get(o, "interfaces");
	*s = (struct link_snapshot){ 0 };
	for (void *it = j_iter(ifs); it; it = j_iter_next(ifs, it))
		read_if(link_snapshot_add(s), j_iter_key(it), j_iter_value(it));
	snprintf(s->default_if, sizeof(s->default_if), "%s", j_str(o, "default_route_interface"));
	str_set(&s->proxy, j_str(o, "http_proxy"));
	link_snapshot_finish(s, TUN);
	check(s->have_v4, o, "have_v4");
	check(s->have_v6, o, "have_v6");
}

int main(void)
{
	json_t *v = vec_load("linkchange.json");
	const json_t *cases = j_get(v, "cases");
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		struct link_snapshot old = { 0 }, now;
		bool first = !j_get(c, "old");
		int64_t jump = j_int(c, "jump_seconds", 0);
		if (!first)
			read_snapshot(&old, j_get(c, "old"));
		read_snapshot(&now, j_get(c, "new"));
		struct link_change got = link_compare(first ? NULL : &old, &now, TUN, jump);
		check(got.any_up, c, "any_up");
		check(got.default_viable, c, "default_viable");
		check(got.equal, c, "equal");
		check(got.default_changed, c, "default_interface_changed");
		check(got.ips_changed, c, "interface_ips_changed");
		check(got.protocols_changed, c, "protocols_changed");
		check(got.rebind, c, "rebind");
		if (got.event == (got.equal && jump == 0)) {
			failed++;
			printf("%s: event is %d\n", j_str(c, "name"), got.event);
		}
		link_snapshot_fini(&old);
		link_snapshot_fini(&now);
	}
	j_free(v);
	printf("%d of %d checks failed\n", failed, checked);
	return failed || checked < 220;
}
