/* SPDX-License-Identifier: GPL-2.0-or-later */
/* via6.json: the arithmetic of 4via6 and the tailnet's ranges. (Its names are dns/'s, its flag
 * values the command line's.) */
#include "tests/lib/vec.h"

#include "base/via6.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, checked;

static void check(bool ok, const char *what, const char *text)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s: %s\n", what, text ? text : "");
}

static struct ip ip_of(const json_t *o, const char *member)
{
	struct ip ip = { 0 };
	if (j_str(o, member) && ip_decode(j_span(o, member), &ip))
		exit(1);
	return ip;
}

static struct prefix prefix_of(const json_t *o, const char *member)
{
	struct prefix p;
	if (prefix_decode(j_span(o, member), &p))
		exit(1);
	return p;
}

static void map(const json_t *o)
{
	uint8_t want[16];
	struct prefix p = via6_map((uint32_t)j_int(o, "site_id", 0), prefix_of(o, "ipv4_prefix"));
	vec_hex_into(o, "addr_hex", want, 16);
	check(memcmp(p.ip.b, want, 16) == 0 && p.bits == j_int(o, "bits", 0) &&
		  prefix_eq(p, prefix_of(o, "via_prefix")),
	      "map", j_str(o, "via_prefix"));
	/* Host bits are refused before, for every route. */
	bool ok = via6_route_ok(p) && prefix_eq(prefix_masked(p), p);
	check(ok == j_bool(o, "advertise_ok", false), "advertise", j_str(o, "via_prefix"));
}

static void unmap(const json_t *o)
{
	struct ip ip = ip_of(o, "in");
	check(via6_is(ip) == j_bool(o, "is_via", false) && ip_eq(via6_unmap(ip), ip_of(o, "out")),
	      "unmap", j_str(o, "in"));
}

static void validate(const json_t *o)
{
	struct prefix p = prefix_of(o, "prefix");
	check(via6_is(p.ip) == j_bool(o, "is_via", false) &&
		  via6_route_ok(p) == j_bool(o, "ok", false),
	      "validate", j_str(o, "prefix"));
}

static void target(const json_t *o)
{
	check(via6_target_ok(ip_of(o, "target")) == j_bool(o, "allowed", false), "target",
	      j_str(o, "target"));
}

static void four_to_six(const json_t *o)
{
	check(ip_eq(via6_four_to_six(ip_of(o, "ipv4")), ip_of(o, "ipv6")), "four to six",
	      j_str(o, "ipv4"));
}

static void range(const json_t *o)
{
	check(ip_is_tailnet(ip_of(o, "ip")) == j_bool(o, "is_tailscale_ip", false), "range",
	      j_str(o, "ip"));
}

int main(void)
{
	static const struct {
		const char *name;
		void (*fn)(const json_t *);
	} parts[] = { { "map_via", map },
		      { "unmap_via", unmap },
		      { "validate_via_prefix", validate },
		      { "via_target_allowed", target },
		      { "four_to_six", four_to_six },
		      { "ranges", range } };
	json_t *v = vec_load("via6.json");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const json_t *list = j_get(v, parts[i].name);
		for (size_t k = 0; k < j_len(list); k++)
			parts[i].fn(j_at(list, k));
	}
	j_free(v);
	printf("%d of %d checks failed\n", failed, checked);
	return failed || checked < 70;
}
