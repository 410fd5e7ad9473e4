/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/netcheck_text.h"

#include "base/alloc.h"
#include "cli/flags.h"
#include "cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define REGIONS_MAX 1024
#define NS_PER_100US 100000

struct region {
	int64_t id;
	int64_t latency; /* ns; 0: not measured */
	const char *code, *name;
};

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = j_str(o, name);
	return s ? s : "";
}

static const char *tri_text(const json_t *o, const char *name)
{
	enum j_tri t = j_tri(o, name);
	return t == J_TRUE ? "true" : t == J_FALSE ? "false" : "";
}

/* ---- regions ---- */

static int by_latency(const void *a, const void *b)
{
	const struct region *x = a, *y = b;
	if ((x->latency == 0) != (y->latency == 0))
		return x->latency == 0 ? 1 : -1;
	if (x->latency != y->latency)
		return x->latency < y->latency ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static size_t regions_of(const json_t *report, const json_t *derp_map, struct region *r)
{
	json_t *regions = j_get(derp_map, "Regions"), *latency = j_get(report, "RegionLatency");
	size_t n = 0;
	for (void *it = j_is_object(regions) ? j_iter(regions) : NULL; it && n < REGIONS_MAX;
	     it = j_iter_next(regions, it)) {
		const json_t *v = j_iter_value(it);
		r[n++] =
		    (struct region){ j_int(v, "RegionID", 0), j_int(latency, j_iter_key(it), 0),
				     text_of(v, "RegionCode"), text_of(v, "RegionName") };
	}
	qsort(r, n, sizeof(*r), by_latency);
	return n;
}

static void add_nearest(const json_t *report, const json_t *derp_map, struct buf *out)
{
	char key[24];
	int64_t id = j_int(report, "PreferredDERP", 0);
	snprintf(key, sizeof(key), "%" PRId64, id);
	const json_t *region = j_get(j_get(derp_map, "Regions"), key);
	buf_add_str(out, "\t* Nearest DERP: ");
	if (id)
		text_clean(out, text_of(region, "RegionName"));
	else
		buf_add_str(out, "unknown (no response to latency probes)");
	buf_add_str(out, "\n");
}

/* The micro sign has two bytes and one column. */
static void add_padded(const char *text, size_t width, struct buf *out)
{
	size_t columns = 0;
	for (const char *p = text; *p; p++)
		columns += (*p & 0xc0) != 0x80;
	buf_add_str(out, text);
	for (; columns < width; columns++)
		buf_add_str(out, " ");
}

static void add_region(const struct region *r, struct buf *out)
{
	char took[DURATION_MAX];
	int64_t rounded = (r->latency + NS_PER_100US / 2) / NS_PER_100US * NS_PER_100US;
	char *code = text_clean_new(r->code);
	buf_fmt(out, "\t\t- %3s: ", code);
	add_padded(r->latency ? duration_encode(rounded, took) : "", 7, out);
	buf_add_str(out, " (");
	text_clean(out, r->name);
	buf_add_str(out, ")\n");
	free(code);
}

static void add_regions(const json_t *report, const json_t *derp_map, struct buf *out)
{
	struct region *r = xcalloc(REGIONS_MAX, sizeof(*r));
	size_t n = regions_of(report, derp_map, r);
	add_nearest(report, derp_map, out);
	buf_add_str(out, "\t* DERP latency:\n");
	for (size_t i = 0; i < n; i++)
		add_region(&r[i], out);
	free(r);
}

/* ---- the rest ---- */

static void add_time(const json_t *report, struct buf *out)
{
	char *now = xstrdup(text_of(report, "Now"));
	char *t = strchr(now, 'T');
	if (t)
		*t = ' ';
	buf_add_str(out, "\t* Time: ");
	text_clean(out, now);
	buf_add_str(out, "\n");
	free(now);
}

static void add_ipv4(const json_t *report, struct buf *out)
{
	const char *addr = text_of(report, "GlobalV4");
	buf_add_str(out, "\t* IPv4: ");
	buf_add_str(out, *addr ? "yes, " : "(no addr found)");
	text_clean(out, addr);
	buf_add_str(out, "\n");
}

static void add_ipv6(const json_t *report, struct buf *out)
{
	const char *addr = text_of(report, "GlobalV6");
	buf_add_str(out, "\t* IPv6: ");
	if (*addr)
		buf_add_str(out, "yes, ");
	else if (j_bool(report, "IPv6", false))
		buf_add_str(out, "(no addr found)");
	else if (j_bool(report, "OSHasIPv6", false))
		buf_add_str(out, "no, but OS has support");
	else
		buf_add_str(out, "no, unavailable in OS");
	text_clean(out, addr);
	buf_add_str(out, "\n");
}

static void add_port_mapping(const json_t *report, struct buf *out)
{
	static const struct {
		const char *field, *name;
	} kinds[] = { { "UPnP", "UPnP" }, { "PMP", "NAT-PMP" }, { "PCP", "PCP" } };
	bool checked = false, any = false;
	buf_add_str(out, "\t* PortMapping: ");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		enum j_tri t = j_tri(report, kinds[i].field);
		checked = checked || t != J_UNSET;
		if (t != J_TRUE)
			continue;
		buf_fmt(out, "%s%s", any ? ", " : "", kinds[i].name);
		any = true;
	}
	buf_add_str(out, checked ? "\n" : "not checked\n");
}

void netcheck_text(const json_t *report, const json_t *derp_map, struct buf *out)
{
	buf_add_str(out, "\nReport:\n");
	add_time(report, out);
	buf_fmt(out, "\t* UDP: %s\n", j_bool(report, "UDP", false) ? "true" : "false");
	add_ipv4(report, out);
	add_ipv6(report, out);
	buf_fmt(out, "\t* MappingVariesByDestIP: %s\n", tri_text(report, "MappingVariesByDestIP"));
	add_port_mapping(report, out);
	if (j_tri(report, "CaptivePortal") != J_UNSET)
		buf_fmt(out, "\t* CaptivePortal: %s\n", tri_text(report, "CaptivePortal"));
	add_regions(report, derp_map, out);
}
