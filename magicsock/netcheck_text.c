/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/netcheck_text.h"

#include "base/alloc.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DURATION_MAX 32

/* As Go prints a duration that was rounded to 0.1 ms: "900µs", "20.1ms", "1.2345s". */
static const char *duration(int64_t ns, char out[static DURATION_MAX])
{
	int64_t tenths = (ns + NS_PER_MS / 20) / (NS_PER_MS / 10);
	int64_t whole, part;
	int digits;
	const char *unit;
	if (tenths < 10) {
		snprintf(out, DURATION_MAX, tenths ? "%" PRId64 "00µs" : "0s", tenths);
		return out;
	}
	if (tenths < 10000) {
		whole = tenths / 10, part = tenths % 10, digits = 1, unit = "ms";
	} else {
		whole = tenths / 10000, part = tenths % 10000, digits = 4, unit = "s";
	}
	while (digits > 0 && part % 10 == 0) {
		part /= 10;
		digits--;
	}
	if (digits)
		snprintf(out, DURATION_MAX, "%" PRId64 ".%0*" PRId64 "%s", whole, digits, part,
			 unit);
	else
		snprintf(out, DURATION_MAX, "%" PRId64 "%s", whole, unit);
	return out;
}

static const char *tri_text(enum nc_tri t)
{
	return t == NC_TRUE ? "true" : t == NC_FALSE ? "false" : "";
}

static void time_line(const struct nc_report *r, struct buf *out)
{
	char text[RFC3339_MAX];
	wall_encode(r->now, text);
	char *t = strchr(text, 'T');
	if (t)
		*t = ' ';
	buf_fmt(out, "\t* Time: %s\n", text);
}

static void family_lines(const struct nc_report *r, struct buf *out)
{
	char text[EP_TEXT_MAX];
	if (ep_is_set(r->global_v4))
		buf_fmt(out, "\t* IPv4: yes, %s\n", ep_encode(r->global_v4, text));
	else
		buf_add_str(out, "\t* IPv4: (no addr found)\n");
	if (ep_is_set(r->global_v6))
		buf_fmt(out, "\t* IPv6: yes, %s\n", ep_encode(r->global_v6, text));
	else if (r->ipv6_can_send)
		buf_add_str(out, "\t* IPv6: (no addr found)\n");
	else if (r->os_has_ipv6)
		buf_add_str(out, "\t* IPv6: no, but OS has support\n");
	else
		buf_add_str(out, "\t* IPv6: no, unavailable in OS\n");
}

static void portmap_line(const struct nc_report *r, bool checked, struct buf *out)
{
	const struct {
		enum nc_tri have;
		const char *name;
	} services[] = { { r->upnp, "UPnP" }, { r->pmp, "NAT-PMP" }, { r->pcp, "PCP" } };
	const char *comma = "";
	buf_add_str(out, "\t* PortMapping: ");
	if (!checked)
		buf_add_str(out, "not checked");
	for (size_t i = 0; checked && i < ARRAY_LEN(services); i++) {
		if (services[i].have != NC_TRUE)
			continue;
		buf_fmt(out, "%s%s", comma, services[i].name);
		comma = ", ";
	}
	buf_add_str(out, "\n");
}

struct line {
	const struct derp_region *region;
	int64_t ns; /* INT64_MAX = not measured */
};

static int by_latency(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return x->region->id < y->region->id ? -1 : 1;
}

static const char *printable(const char *s, struct log_esc_buf *esc)
{
	return log_esc(span_str(s ? s : ""), esc);
}

static void region_line(const struct line *l, struct buf *out)
{
	struct log_esc_buf code, name;
	char text[DURATION_MAX] = "";
	if (l->ns != INT64_MAX)
		duration(l->ns, text);
	/* seven characters; the micro sign is one of two bytes */
	int width = strstr(text, "µ") ? 8 : 7;
	buf_fmt(out, "\t\t- %3s: %-*s (%s)\n", printable(l->region->code, &code), width, text,
		printable(l->region->name, &name));
}

static void region_lines(const struct nc_report *r, const struct derp_map *map, struct buf *out)
{
	size_t n = map ? map->n_regions : 0;
	struct line *lines = xcalloc(n + 1, sizeof(*lines));
	for (size_t i = 0; i < n; i++) {
		const struct nc_region *e = nc_report_region(r, map->regions[i].id);
		lines[i] = (struct line){ &map->regions[i], e ? e->latency_ns : INT64_MAX };
	}
	qsort(lines, n, sizeof(*lines), by_latency);
	buf_add_str(out, "\t* DERP latency:\n");
	for (size_t i = 0; i < n; i++)
		region_line(&lines[i], out);
	free(lines);
}

void netcheck_report_text(const struct nc_report *r, const struct derp_map *map,
			  bool portmap_checked, struct buf *out)
{
	struct log_esc_buf esc;
	buf_add_str(out, "\nReport:\n");
	time_line(r, out);
	buf_fmt(out, "\t* UDP: %s\n", r->udp ? "true" : "false");
	family_lines(r, out);
	buf_fmt(out, "\t* MappingVariesByDestIP: %s\n", tri_text(r->mapping_varies));
	portmap_line(r, portmap_checked, out);
	if (r->captive_portal != NC_UNKNOWN)
		buf_fmt(out, "\t* CaptivePortal: %s\n", tri_text(r->captive_portal));
	if (!r->n_regions) {
		buf_add_str(out, "\t* Nearest DERP: unknown (no response to latency probes)\n");
		return;
	}
	const struct derp_region *home = derp_map_find(map, r->preferred_derp);
	buf_fmt(out, "\t* Nearest DERP: %s\n", home ? printable(home->name, &esc) : "[none]");
	region_lines(r, map, out);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void set_tri(json_t *o, const char *name, enum nc_tri v)
{
	if (v == NC_UNKNOWN)
		j_set_null(o, name);
	else
		j_set_bool(o, name, v == NC_TRUE);
}

enum which { ANY, V4, V6 };

static json_t *latencies(const struct nc_report *r, enum which which)
{
	json_t *o = j_object();
	for (size_t i = 0; i < r->n_regions; i++) {
		const struct nc_region *e = &r->regions[i];
		int64_t ns = which == ANY ? e->latency_ns : which == V4 ? e->v4_ns : e->v6_ns;
		char id[16];
		snprintf(id, sizeof(id), "%d", e->id);
		if (ns >= 0)
			j_set_int(o, id, ns);
	}
	return o;
}

static json_t *counters(const struct nc_global *list, size_t n)
{
	if (!n)
		return j_null();
	json_t *o = j_object();
	char text[EP_TEXT_MAX];
	for (size_t i = 0; i < n; i++)
		j_set_int(o, ep_encode(list[i].ep, text), list[i].count);
	return o;
}

json_t *netcheck_report_json(const struct nc_report *r)
{
	json_t *o = j_object();
	char text[EP_TEXT_MAX];
	j_set_time(o, "Now", r->now);
	j_set_bool(o, "UDP", r->udp);
	j_set_bool(o, "IPv6", r->ipv6);
	j_set_bool(o, "IPv4", r->ipv4);
	j_set_bool(o, "IPv6CanSend", r->ipv6_can_send);
	j_set_bool(o, "IPv4CanSend", r->ipv4_can_send);
	j_set_bool(o, "OSHasIPv6", r->os_has_ipv6);
	j_set_bool(o, "ICMPv4", r->icmpv4);
	set_tri(o, "MappingVariesByDestIP", r->mapping_varies);
	set_tri(o, "UPnP", r->upnp);
	set_tri(o, "PMP", r->pmp);
	set_tri(o, "PCP", r->pcp);
	j_set_int(o, "PreferredDERP", r->preferred_derp);
	j_set(o, "RegionLatency", latencies(r, ANY));
	j_set(o, "RegionV4Latency", latencies(r, V4));
	j_set(o, "RegionV6Latency", latencies(r, V6));
	j_set(o, "GlobalV4Counters", counters(r->global4, r->n_global4));
	j_set(o, "GlobalV6Counters", counters(r->global6, r->n_global6));
	j_set_str(o, "GlobalV4", ep_encode(r->global_v4, text));
	j_set_str(o, "GlobalV6", ep_encode(r->global_v6, text));
	set_tri(o, "CaptivePortal", r->captive_portal);
	return o;
}
