/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filter rules as JSON text: what is taken can be compiled, decides a few packets as the slow
 * filter does, and gives or refuses capabilities without a crash. */
#include "tests/fuzz/netstack/seeds.h"

#include "netstack/filter_caps.h"
#include "netstack/filter_parse.h"
#include "tests/fuzz/netstack/slow_filter.h"

#define TEXT_MAX (1u << 16)

static void must(bool good)
{
	if (!good)
		abort();
}

static void ask(const struct flt *f, struct slow *slow, struct ip src, struct ip dst)
{
	static const uint8_t protos[] = { 6, 17, 1, 58, 132, 47 };
	static const uint16_t ports[] = { 0, 22, 53, 80, 443, 65535 };
	for (size_t i = 0; i < sizeof(protos) * 6; i++) {
		struct pkt p = { .version = src.fam, .proto = protos[i % 6], .len = 100, .l4 = 40 };
		struct flt_flows *none = flt_flows_new(1);
		p.src.ip = src;
		p.dst.ip = dst;
		if (p.proto != 47 && p.proto != 1 && p.proto != 58)
			p.dst.port = ports[i / 6];
		if (p.proto == 6)
			p.tcp_flags = 2;
		if (p.proto == (src.fam == IP_V4 ? 1 : 58))
			p.icmp_type = 200;
		must(flt_in(f, none, &p, 100) == slow_verdict_in(slow, &p, 100));
		flt_flows_free(none);
	}
}

static void compile(const struct flt_rules *rules)
{
	static struct slow slow;
	struct prefix all[2] = { { { .fam = IP_V4 }, 0 }, { { .fam = IP_V6 }, 0 } };
	struct ranges local = { 0 };
	ranges_add_prefix(&local, all[0]);
	ranges_add_prefix(&local, all[1]);
	ranges_sort(&local);
	struct flt *f = flt_new(rules, &local, NULL, 0);
	slow = (struct slow){ .rules = rules, .local = all, .n_local = 2 };
	must(f);
	ask(f, &slow, ip_v4(100, 64, 0, 2), ip_v4(100, 64, 0, 1));
	ask(f, &slow, ip_v4(10, 0, 0, 1), ip_v4(10, 0, 0, 9));
	struct ip a6 = { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, [15] = 2 } };
	struct ip b6 = { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, [15] = 1 } };
	ask(f, &slow, a6, b6);
	flt_free(f);
	ranges_fini(&local);
}

static void grants(const json_t *v)
{
	struct flt_caps *c = flt_caps_new();
	if (flt_caps_add(c, v) == 0) {
		json_t *got = flt_caps_find(c, ip_v4(100, 64, 0, 2), ip_v4(100, 64, 0, 1));
		must(!got || (j_is_object(got) && j_len(got) > 0));
		j_free(got);
	}
	flt_caps_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *b, size_t len)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	json_t *v = j_parse(span_of(b, len), TEXT_MAX, NULL);
	if (!v)
		return 0;
	int rc = flt_rules_parse(v, &rules, &err);
	must((rc == 0) || (rules.n == 0 && err.text[0]));
	if (rc == 0)
		compile(&rules);
	grants(v);
	flt_rules_fini(&rules);
	j_free(v);
	return 0;
}

/* ---- seeds ---- */

static void add_text(struct seeds *s, const json_t *v)
{
	char *text = j_dump(v);
	if (s->n < SEEDS_MAX)
		seeds_add(s, text, strlen(text));
	free(text);
}

static const struct seeds *texts(void)
{
	static const char built_in[] =
	    "[{\"SrcIPs\":[\"*\",\"cap:a\",\"10.0.0.1-10.0.0.9\"],\"IPProto\":[6,17],\"DstPorts\":"
	    "[{\"IP\":\"100.64.0.0/10\",\"Ports\":{\"First\":1,\"Last\":99}}]},{\"SrcIPs\":[\"*\"],"
	    "\"CapGrant\":[{\"Dsts\":[\"100.64.0.1/"
	    "32\"],\"Caps\":[\"a\"],\"CapMap\":{\"b\":[1]}}]}]";
	static struct seeds s;
	if (s.n)
		return &s;
	seeds_add(&s, built_in, sizeof(built_in) - 1);
	if (!seeds_have_vectors())
		return &s;
	json_t *f = vec_load("packetfilter.json");
	for (size_t i = 0; i < j_len(j_get(f, "cases")); i++)
		add_text(&s, j_get(j_at(j_get(f, "cases"), i), "rules"));
	add_text(&s, j_get(j_get(f, "caps"), "rules"));
	j_free(f);
	return &s;
}

bool fuzz_seed(size_t i, struct span *out)
{
	const struct seeds *s = texts();
	if (i >= s->n)
		return false;
	*out = s->v[i];
	return true;
}
