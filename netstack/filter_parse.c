/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/filter_parse.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

#define CAP_PREFIX "cap:"

/* ---- one source or destination text ---- */

static bool has_byte(struct span s, char c)
{
	return s.len && memchr(s.p, c, s.len);
}

static struct span before(struct span s, char c)
{
	const uint8_t *at = memchr(s.p, c, s.len);
	return span_of(s.p, (size_t)(at - s.p));
}

/* An IPv4-mapped text names an IPv6 address here. It never matches, since no packet that is let in
 * has one; as IPv4 it would let in others than its writer meant. */
static struct ip keep_mapped(struct span text, struct ip ip)
{
	struct ip out = { .fam = IP_V6 };
	if (ip.fam != IP_V4 || !has_byte(text, ':'))
		return ip;
	ip_to_16(ip, out.b);
	return out;
}

/* Address with an optional zone, which says nothing about packets. */
static int parse_addr(struct span text, struct ip *out)
{
	struct ip ip;
	if (has_byte(text, '%') && has_byte(text, ':')) {
		struct span addr = before(text, '%');
		if (addr.len + 1 == text.len)
			return -ERR_SYNTAX;
		text = addr;
	}
	if (ip_decode(text, &ip))
		return -ERR_SYNTAX;
	*out = keep_mapped(text, ip);
	return 0;
}

static int parse_cidr(struct span text, struct ip_range *out)
{
	struct prefix p;
	if (prefix_decode(text, &p))
		return -ERR_SYNTAX;
	struct ip ip = keep_mapped(text, p.ip);
	if (ip.fam != p.ip.fam)
		p.bits = (uint8_t)(p.bits + 96);
	p.ip = ip;
	if (!prefix_eq(prefix_masked(p), p))
		return -ERR_SYNTAX;
	*out = range_of_prefix(p);
	return 0;
}

static int parse_range(struct span text, struct ip_range *out)
{
	struct span a = before(text, '-');
	struct span b = span_from(text, a.len + 1);
	struct ip_range r;
	if (has_byte(text, '%'))
		return -ERR_SYNTAX;
	if (parse_addr(a, &r.first) || parse_addr(b, &r.last))
		return -ERR_SYNTAX;
	if (r.first.fam != r.last.fam || ip_cmp(r.first, r.last) > 0)
		return -ERR_SYNTAX;
	*out = r;
	return 0;
}

int flt_ipset_parse(struct span text, struct ip_range out[static 2], size_t *n)
{
	*n = 1;
	if (span_eq_str(text, "*")) {
		out[0] = range_of_prefix((struct prefix){ { .fam = IP_V4 }, 0 });
		out[1] = range_of_prefix((struct prefix){ { .fam = IP_V6 }, 0 });
		*n = 2;
		return 0;
	}
	if (has_byte(text, '/'))
		return parse_cidr(text, &out[0]);
	if (has_byte(text, '-'))
		return parse_range(text, &out[0]);
	int rc = parse_addr(text, &out[0].first);
	out[0].last = out[0].first;
	return rc;
}

/* ---- one rule ---- */

struct parse {
	struct flt_parse_error *err;
	size_t rule;	/* number of the rule at hand */
	size_t entries; /* of all rules so far */
};

static int refuse(struct parse *ps, int rc, const char *what)
{
	snprintf(ps->err->text, sizeof(ps->err->text), "rule %zu: %s", ps->rule, what);
	return rc;
}

static void note(struct parse *ps, const char *what, size_t place)
{
	if (!ps->err->text[0])
		snprintf(ps->err->text, sizeof(ps->err->text),
			 "rule %zu: %s %zu left out: no address, prefix or range", ps->rule, what,
			 place);
}

/* A JSON array of n entries; absent is an empty one. */
static int array_len(struct parse *ps, const json_t *rule, const char *name, size_t *n)
{
	const json_t *a = j_get(rule, name);
	*n = 0;
	if (!a)
		return 0;
	if (!j_is_array(a))
		return refuse(ps, -ERR_SYNTAX, "a list is of another type");
	*n = j_len(a);
	ps->entries += *n;
	if (ps->entries > FLT_ENTRIES_MAX)
		return refuse(ps, -ERR_TOOBIG, "too many entries");
	return 0;
}

static bool is_cap(struct span text)
{
	size_t n = sizeof(CAP_PREFIX) - 1;
	return text.len >= n && memcmp(text.p, CAP_PREFIX, n) == 0;
}

static void add_src(struct parse *ps, struct flt_rule *r, struct span text, size_t place)
{
	size_t n;
	if (is_cap(text)) {
		struct span name = span_from(text, sizeof(CAP_PREFIX) - 1);
		r->src_caps[r->n_src_caps++] = xstrndup((const char *)name.p, name.len);
	} else if (flt_ipset_parse(text, &r->srcs[r->n_srcs], &n) == 0) {
		r->n_srcs += n;
	} else {
		note(ps, "source", place);
	}
}

static int parse_srcs(struct parse *ps, const json_t *obj, struct flt_rule *r)
{
	size_t n;
	const json_t *a = j_get(obj, "SrcIPs");
	int rc = array_len(ps, obj, "SrcIPs", &n);
	if (rc)
		return rc;
	r->srcs = try_calloc(2 * n + 1, sizeof(*r->srcs));
	r->src_caps = try_calloc(n + 1, sizeof(*r->src_caps));
	if (!r->srcs || !r->src_caps)
		return refuse(ps, -ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (!j_is_string(j_at(a, i)))
			return refuse(ps, -ERR_SYNTAX, "a source is not a text");
		add_src(ps, r, j_text_span(j_at(a, i)), i);
	}
	return 0;
}

static int parse_port(struct parse *ps, const json_t *ports, const char *name, uint16_t *out)
{
	const json_t *v = j_get(ports, name);
	int64_t port = v ? j_integer(v) : 0;
	if ((v && !j_is_int(v)) || port < 0 || port > UINT16_MAX)
		return refuse(ps, -ERR_SYNTAX, "a port is not a number from 0 to 65535");
	*out = (uint16_t)port;
	return 0;
}

static int parse_ports(struct parse *ps, const json_t *dst, struct flt_dst *out)
{
	const json_t *ports = j_get(dst, "Ports");
	if (ports && !j_is_object(ports))
		return refuse(ps, -ERR_SYNTAX, "Ports is of another type");
	int rc = parse_port(ps, ports, "First", &out->first);
	return rc ? rc : parse_port(ps, ports, "Last", &out->last);
}

static int parse_dst(struct parse *ps, const json_t *obj, struct flt_rule *r, size_t place)
{
	struct ip_range nets[2];
	struct flt_dst d;
	size_t n;
	if (!j_is_object(obj) || !j_is_string(j_get(obj, "IP")))
		return refuse(ps, -ERR_SYNTAX, "a destination has no IP text");
	if (j_get(obj, "Bits"))
		return refuse(ps, -ERR_UNSUPPORTED, "Bits is not supported");
	int rc = parse_ports(ps, obj, &d);
	if (rc)
		return rc;
	if (flt_ipset_parse(j_span(obj, "IP"), nets, &n)) {
		note(ps, "destination", place);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		d.net = nets[i];
		r->dsts[r->n_dsts++] = d;
	}
	return 0;
}

static int parse_dsts(struct parse *ps, const json_t *obj, struct flt_rule *r)
{
	size_t n;
	const json_t *a = j_get(obj, "DstPorts");
	int rc = array_len(ps, obj, "DstPorts", &n);
	if (rc)
		return rc;
	r->dsts = try_calloc(2 * n + 1, sizeof(*r->dsts));
	if (!r->dsts)
		return refuse(ps, -ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = parse_dst(ps, j_at(a, i), r, i);
	return rc;
}

static int parse_protos(struct parse *ps, const json_t *obj, struct flt_rule *r)
{
	static const uint8_t usual[] = { IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP,
					 IP_PROTO_ICMP6 };
	size_t n;
	const json_t *a = j_get(obj, "IPProto");
	int rc = array_len(ps, obj, "IPProto", &n);
	if (rc)
		return rc;
	for (size_t i = 0; n == 0 && i < sizeof(usual); i++)
		flt_protos_add(&r->protos, usual[i]);
	for (size_t i = 0; i < n; i++) {
		if (!j_is_int(j_at(a, i)))
			return refuse(ps, -ERR_SYNTAX, "a protocol is not a number");
		int64_t proto = j_integer(j_at(a, i));
		if (proto >= 0 && proto <= UINT8_MAX)
			flt_protos_add(&r->protos, (uint8_t)proto);
	}
	return 0;
}

static int parse_rule(struct parse *ps, const json_t *obj, struct flt_rule *r)
{
	size_t n_bits;
	if (!j_is_object(obj))
		return refuse(ps, -ERR_SYNTAX, "not an object");
	int rc = array_len(ps, obj, "SrcBits", &n_bits);
	if (rc == 0 && n_bits)
		rc = refuse(ps, -ERR_UNSUPPORTED, "SrcBits is not supported");
	if (rc == 0)
		rc = parse_srcs(ps, obj, r);
	if (rc == 0)
		rc = parse_dsts(ps, obj, r);
	if (rc == 0)
		rc = parse_protos(ps, obj, r);
	return rc;
}

/* ---- the set ---- */

static struct flt_rule *new_rule(struct flt_rules *rules)
{
	if (rules->n == rules->cap) {
		size_t cap = rules->cap ? rules->cap * 2 : 8;
		struct flt_rule *v = try_realloc(rules->v, cap, sizeof(*v));
		if (!v)
			return NULL;
		rules->v = v;
		rules->cap = cap;
	}
	struct flt_rule *r = &rules->v[rules->n++];
	*r = (struct flt_rule){ 0 };
	return r;
}

static size_t count_entries(const struct flt_rules *rules)
{
	size_t n = 0;
	for (size_t i = 0; i < rules->n; i++)
		n += rules->v[i].n_srcs + rules->v[i].n_src_caps + rules->v[i].n_dsts;
	return n;
}

static int parse_all(struct parse *ps, const json_t *array, struct flt_rules *out)
{
	if (j_is_nil(array))
		return 0;
	if (!j_is_array(array))
		return refuse(ps, -ERR_SYNTAX, "the rules are not a list");
	if (j_len(array) > FLT_RULES_MAX - out->n)
		return refuse(ps, -ERR_TOOBIG, "too many rules");
	for (size_t i = 0; i < j_len(array); i++) {
		ps->rule = i;
		struct flt_rule *r = new_rule(out);
		int rc =
		    r ? parse_rule(ps, j_at(array, i), r) : refuse(ps, -ERR_NOMEM, "out of memory");
		if (rc)
			return rc;
	}
	return 0;
}

int flt_rules_parse(const json_t *array, struct flt_rules *out, struct flt_parse_error *err)
{
	struct parse ps = { .err = err, .entries = count_entries(out) };
	err->text[0] = 0;
	int rc = parse_all(&ps, array, out);
	if (rc)
		flt_rules_fini(out);
	return rc;
}
