/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/local.h"

#include "base/via6.h"
#include "dns/local_table.h"
#include "dns/name.h"
#include "dns/via_name.h"

#define TTL_POSITIVE 5
#define TTL_NEGATIVE 10 /* and all times of the SOA */
#define ECHOED (DNS_OPCODE | DNS_TC | DNS_RD | DNS_AD | DNS_CD)

static const char service_name[] = "magicdns.localhost-tailscale-daemon";

/* One question being answered. */
struct asked {
	const struct dns_local *l; /* NULL: knows nothing */
	const struct dns_query *q;
	wall_t now;
	struct wr w;
};

/* ---- the shapes of answers (dns.md 3.4) ---- */

static void put_head(struct asked *a, uint8_t rcode, uint16_t n_answers, uint16_t n_authority)
{
	const struct dns_query *q = a->q;
	wr_be16(&a->w, q->id);
	wr_be16(&a->w, (uint16_t)(DNS_QR | DNS_AA | (q->flags & ECHOED) | dns_ra_of(q) | rcode));
	wr_be16(&a->w, 1);
	wr_be16(&a->w, n_answers);
	wr_be16(&a->w, n_authority);
	wr_be16(&a->w, 0);
	wr_bytes(&a->w, q->question, q->question_len);
}

/* Owner is the name as its sender spelled it: some look for that. */
static void put_answer(struct asked *a, uint16_t type)
{
	wr_bytes(&a->w, a->q->question, a->q->question_len - 4u);
	wr_be16(&a->w, type);
	wr_be16(&a->w, DNS_IN);
	wr_be32(&a->w, TTL_POSITIVE);
}

static enum dns_local_verdict answer_empty(struct asked *a, uint8_t rcode)
{
	put_head(a, rcode, 0, 0);
	return DNS_LOCAL_ANSWER;
}

static enum dns_local_verdict answer_ip(struct asked *a, struct ip ip)
{
	put_head(a, DNS_NOERROR, 1, 0);
	put_answer(a, ip.fam == IP_V4 ? DNS_A : DNS_AAAA);
	wr_be16(&a->w, (uint16_t)ip_len(ip));
	wr_bytes(&a->w, ip.b, ip_len(ip));
	return DNS_LOCAL_ANSWER;
}

static enum dns_local_verdict answer_ptr(struct asked *a, const char *name)
{
	put_head(a, DNS_NOERROR, 1, 0);
	put_answer(a, DNS_PTR);
	uint8_t *len = wr_reserve(&a->w, 2);
	size_t before = wr_len(&a->w);
	dns_name_build(&a->w, name);
	struct wr at = wr_init(mspan_of(len, len ? 2 : 0));
	wr_be16(&at, (uint16_t)(wr_len(&a->w) - before));
	return DNS_LOCAL_ANSWER;
}

/* zone: text in lower case */
static enum dns_local_verdict answer_soa(struct asked *a, uint8_t rcode, const char *zone)
{
	uint8_t mem[DNS_WIRE_NAME_MAX];
	struct wr name = wr_init(mspan_of(mem, sizeof(mem)));
	dns_name_build(&name, zone);
	put_head(a, rcode, 0, 1);
	wr_span(&a->w, wr_span_of(&name));
	wr_be16(&a->w, DNS_SOA);
	wr_be16(&a->w, DNS_IN);
	wr_be32(&a->w, TTL_NEGATIVE);
	wr_be16(&a->w, (uint16_t)(2 * wr_len(&name) + 5 * 4));
	wr_span(&a->w, wr_span_of(&name));
	wr_span(&a->w, wr_span_of(&name));
	wr_be32(&a->w, (uint32_t)a->now.s);
	for (int i = 0; i < 4; i++)
		wr_be32(&a->w, TTL_NEGATIVE);
	return DNS_LOCAL_ANSWER;
}

/* ---- zones ---- */

/* What is behind the first label; end, where the NUL is, behind the last. */
static const char *parent_of(const char *name, const char *end)
{
	const char *dot = memchr(name, '.', (size_t)(end - name));
	return dot ? dot + 1 : end;
}

/* The first local zone in byte order that contains the name, as the end of q's own text; NULL:
 * none. */
static const char *zone_of(const struct asked *a)
{
	const struct dns_entry *first = NULL;
	const char *name = a->q->name, *zone = NULL, *end = name + a->q->name_len;
	for (size_t labels = a->q->labels;; labels--, name = parent_of(name, end)) {
		const struct dns_entry *e = NULL;
		if (dns_label_set_has(&a->l->zone_labels, labels))
			e = dns_table_find(a->l, dns_key_of(a->l, name, (size_t)(end - name)),
					   DNS_KIND_ZONE);
		if (e && (!first || e < first)) {
			first = e;
			zone = name;
		}
		if (labels == 0)
			return zone;
	}
}

static bool is_outside(const struct asked *a)
{
	return dns_table_find(a->l, dns_key_of(a->l, a->q->name, a->q->name_len),
			      DNS_KIND_OUTSIDE) != NULL;
}

static enum dns_local_verdict answer_unknown(struct asked *a)
{
	const char *zone = a->l ? zone_of(a) : NULL;
	if (!zone || is_outside(a))
		return DNS_LOCAL_FORWARD;
	return answer_soa(a, DNS_NXDOMAIN, zone);
}

/* ---- names ---- */

static bool name_is(const struct dns_query *q, const char *name, size_t len)
{
	return q->name_len == len && memcmp(q->name, name, len) == 0;
}

static bool is_onion(const struct dns_query *q)
{
	static const char tld[] = ".onion";
	size_t n = sizeof(tld) - 1;
	return q->name_len > n && memcmp(q->name + q->name_len - n, tld, n) == 0;
}

static bool service_of(const struct dns_query *q, struct ip *out)
{
	if (!name_is(q, service_name, sizeof(service_name) - 1))
		return false;
	*out = q->type == DNS_A ? IP_SERVICE4 : IP_SERVICE6;
	return q->type == DNS_A || q->type == DNS_AAAA;
}

static const struct dns_entry *find_node(const struct dns_local *l, const char *name, size_t len,
					 size_t labels, unsigned kinds)
{
	const struct dns_entry *e = dns_table_find(l, dns_key_of(l, name, len), kinds);
	return e || labels != 1 ? e : dns_table_find_short(l, name, len);
}

/* The nearest node above the name that answers for what is below it. */
static const struct dns_entry *find_parent(const struct dns_local *l, const struct dns_query *q)
{
	const char *name = q->name, *end = name + q->name_len;
	for (size_t labels = q->labels; labels > 1;) {
		name = parent_of(name, end);
		if (!dns_label_set_has(&l->parent_labels, --labels))
			continue;
		const struct dns_entry *e =
		    find_node(l, name, (size_t)(end - name), labels, DNS_KIND_NODE);
		if (e && e->flags & DNS_ENTRY_PARENT)
			return e;
	}
	return NULL;
}

static const struct dns_entry *find_host(const struct dns_local *l, const struct dns_query *q)
{
	if (!l || q->labels == 0)
		return NULL;
	const struct dns_entry *e = find_node(l, q->name, q->name_len, q->labels, DNS_KIND_HOST);
	return e ? e : find_parent(l, q);
}

/* At most one address is told; ANY is answered with the first. */
static struct ip address_of(const struct dns_entry *e, uint16_t type)
{
	bool show4 = e->flags & DNS_ENTRY_SHOW4, show6 = e->flags & DNS_ENTRY_SHOW6;
	bool first6 = show6 && (!show4 || e->flags & DNS_ENTRY_FIRST6);
	if (show6 && (type == DNS_AAAA || (type == DNS_ANY && first6)))
		return ip_from_bytes(span_of(e->v6, sizeof(e->v6)));
	if (show4 && type != DNS_AAAA)
		return ip_from_bytes(span_of(e->v4, sizeof(e->v4)));
	return (struct ip){ 0 };
}

static enum dns_local_verdict answer_host(struct asked *a, const struct dns_entry *e)
{
	switch (a->q->type) {
	case DNS_A:
	case DNS_AAAA:
	case DNS_ANY:
		break;
	case DNS_NS:
	case DNS_SOA:
	case DNS_AXFR:
	case DNS_HINFO:
		return answer_empty(a, DNS_NOTIMP);
	default:
		return answer_empty(a, DNS_NOERROR);
	}
	struct ip ip = address_of(e, a->q->type);
	if (ip_is_set(ip))
		return answer_ip(a, ip);
	const char *zone = zone_of(a);
	return zone ? answer_soa(a, DNS_NOERROR, zone) : answer_empty(a, DNS_NOERROR);
}

static bool wants_address(const struct dns_query *q)
{
	return q->type == DNS_A || q->type == DNS_AAAA || q->type == DNS_ANY;
}

/* dns.md 3.3, in its order */
static enum dns_local_verdict answer_name(struct asked *a)
{
	struct ip ip;
	if (is_onion(a->q))
		return answer_empty(a, DNS_NXDOMAIN);
	if (service_of(a->q, &ip))
		return answer_ip(a, ip);
	if (wants_address(a->q) && dns_via_decode(span_of(a->q->name, a->q->name_len), &ip))
		return a->q->type == DNS_A ? answer_empty(a, DNS_NOERROR) : answer_ip(a, ip);
	const struct dns_entry *e = find_host(a->l, a->q);
	return e ? answer_host(a, e) : answer_unknown(a);
}

/* ---- addresses ---- */

/* Tailnet IPv4 addresses were once mapped to IPv6 by a fixed rule: such an address means its twin.
 */
static bool four_to_six_of(struct ip ip, struct ip *v4)
{
	if (ip.fam != IP_V6)
		return false;
	*v4 = ip_v4(100, ip.b[13], ip.b[14], ip.b[15]);
	struct ip twin = via6_four_to_six(ip_v4(100, 64, 0, 1));
	return memcmp(ip.b, twin.b, 13) == 0;
}

static enum dns_local_verdict answer_entry_name(struct asked *a, const struct dns_entry *e)
{
	char name[DNS_NAME_MAX + 1];
	dns_entry_name(a->l, e, name);
	return answer_ptr(a, name);
}

/* dns.md 3.6 */
static enum dns_local_verdict answer_reverse(struct asked *a)
{
	struct ip ip, v4;
	const struct dns_entry *e = NULL;
	if (dns_is_browse(a->q->name) || dns_reverse_parse(a->q->name, &ip))
		return DNS_LOCAL_FORWARD;
	if (ip_is_service(ip))
		return answer_ptr(a, service_name);
	if (a->l && four_to_six_of(ip, &v4))
		e = dns_table_find_addr(a->l, v4);
	if (a->l && !e)
		e = dns_table_find_addr(a->l, ip);
	return e ? answer_entry_name(a, e) : answer_unknown(a);
}

/* ---- */

static enum dns_local_verdict answer(struct asked *a)
{
	if (a->q->class != DNS_IN && a->q->class != DNS_CLASS_ANY)
		return answer_empty(a, DNS_REFUSED);
	return a->q->type == DNS_PTR ? answer_reverse(a) : answer_name(a);
}

enum dns_local_verdict dns_local_answer(const struct dns_local *l, wall_t now, struct span msg,
					bool udp, struct mspan out, size_t *len,
					struct dns_query *q)
{
	struct asked a = { l, q, now, wr_init(out) };
	int rc = dns_query_parse(msg, q);
	if (rc == -ERR_SYNTAX || rc == -ERR_UNSUPPORTED) {
		uint8_t rcode = rc == -ERR_SYNTAX ? DNS_FORMERR : DNS_NOTIMP;
		*len = dns_error_build(q, DNS_AA | dns_ra_of(q), rcode, out);
		return DNS_LOCAL_ANSWER;
	}
	if (rc)
		return DNS_LOCAL_DROP;
	enum dns_local_verdict v = answer(&a);
	*len = wr_span_of(&a.w).len;
	if (v == DNS_LOCAL_ANSWER && udp)
		*len = dns_reply_fit(q, mspan_of(out.p, *len));
	return v;
}
