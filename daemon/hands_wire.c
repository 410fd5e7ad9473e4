/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hands_wire.h"

#define MAGIC UINT32_C(0x68616e31) /* "han1" */

enum { FLAG_SNAT = 1, FLAG_STATEFUL = 2, FLAG_NO_GUARD = 4, FLAG_NO_CONNMARK = 8, FLAGS_ALL = 15 };

void hands_request_fini(struct hands_request *r)
{
	fw_config_fini(&r->cfg);
}

/* ---- what may be asked ---- */

static bool prefix_ok(struct prefix p)
{
	return (p.ip.fam == IP_V4 || p.ip.fam == IP_V6) && p.bits > 0 && p.bits <= ip_bits(p.ip) &&
	       prefix_eq(p, prefix_masked(p));
}

static bool self_ok(const struct prefix_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!prefix_ok(l->v[i]) || !prefix_is_host(l->v[i]))
			return false;
	return l->n <= HANDS_SELF_MAX;
}

static bool guard_ok(const struct prefix_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!prefix_ok(l->v[i]) || (i && prefix_cmp(l->v[i - 1], l->v[i]) >= 0))
			return false;
	return l->n <= HANDS_GUARD_MAX;
}

static bool marks_ok(const struct router_params *p)
{
	return p->fwmark_subnet != 0 && (p->fwmark_subnet & ~p->fwmark_mask) == 0;
}

static bool apply_ok(const struct hands_request *r)
{
	bool mode = r->cfg.mode == RT_NETFILTER_NODIVERT || r->cfg.mode == RT_NETFILTER_ON;
	return mode && ipt_ifname_ok(r->tun) && marks_ok(&r->params) && self_ok(&r->cfg.self) &&
	       guard_ok(&r->cfg.guard);
}

/* ---- request ---- */

static void put_prefixes(struct wr *w, const struct prefix_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		wr_u8(w, l->v[i].ip.fam);
		wr_u8(w, l->v[i].bits);
		wr_bytes(w, l->v[i].ip.b, sizeof(l->v[i].ip.b));
	}
}

static void put_apply(struct wr *w, const struct hands_request *r)
{
	const struct fw_config *c = &r->cfg;
	wr_bytes(w, r->tun, sizeof(r->tun));
	wr_be32(w, r->params.fwmark_mask);
	wr_be32(w, r->params.fwmark_subnet);
	wr_u8(w, (uint8_t)c->mode);
	wr_u8(w, (uint8_t)((c->snat ? FLAG_SNAT : 0) | (c->stateful ? FLAG_STATEFUL : 0) |
			   (c->no_guard ? FLAG_NO_GUARD : 0) |
			   (c->no_connmark ? FLAG_NO_CONNMARK : 0)));
	wr_be16(w, c->port4);
	wr_be16(w, c->port6);
	wr_be16(w, (uint16_t)c->self.n);
	wr_be16(w, (uint16_t)c->guard.n);
	put_prefixes(w, &c->self);
	put_prefixes(w, &c->guard);
}

int hands_request_build(const struct hands_request *r, struct mspan out)
{
	struct wr w = wr_init(out);
	if (r->verb == HANDS_FW_APPLY && !apply_ok(r))
		return -ERR_RANGE;
	wr_be32(&w, MAGIC);
	wr_be32(&w, r->id);
	wr_u8(&w, (uint8_t)r->verb);
	if (r->verb == HANDS_FW_APPLY)
		put_apply(&w, r);
	return wr_ok(&w) ? (int)wr_len(&w) : -ERR_RANGE;
}

/* One list of n; false where a byte is set that has no meaning. */
static bool take_prefixes(struct rd *r, size_t n, struct prefix_list *out)
{
	static const uint8_t zero[12];
	for (size_t i = 0; i < n && rd_ok(r); i++) {
		struct prefix p = { 0 };
		p.ip.fam = rd_u8(r);
		p.bits = rd_u8(r);
		rd_copy(r, p.ip.b, sizeof(p.ip.b));
		if (!rd_ok(r) || !prefix_ok(p) ||
		    (p.ip.fam == IP_V4 && memcmp(p.ip.b + 4, zero, sizeof(zero)) != 0))
			return false;
		prefix_list_add(out, p);
	}
	return rd_ok(r);
}

/* The name fills its field up with NULs and ends in one. */
static bool take_tun(struct rd *r, char tun[static IPT_IFNAME_MAX + 1])
{
	rd_copy(r, tun, IPT_IFNAME_MAX + 1);
	for (size_t i = 1; i <= IPT_IFNAME_MAX; i++)
		if (tun[i] && !tun[i - 1])
			return false;
	return tun[IPT_IFNAME_MAX] == '\0';
}

static int take_apply(struct rd *r, struct hands_request *out)
{
	struct fw_config *c = &out->cfg;
	bool tun = take_tun(r, out->tun);
	out->params.fwmark_mask = rd_be32(r);
	out->params.fwmark_subnet = rd_be32(r);
	c->mode = rd_u8(r);
	uint8_t flags = rd_u8(r);
	c->snat = flags & FLAG_SNAT;
	c->stateful = flags & FLAG_STATEFUL;
	c->no_guard = flags & FLAG_NO_GUARD;
	c->no_connmark = flags & FLAG_NO_CONNMARK;
	c->port4 = rd_be16(r);
	c->port6 = rd_be16(r);
	uint16_t n_self = rd_be16(r), n_guard = rd_be16(r);
	if (!rd_ok(r))
		return -ERR_SHORT;
	if (!tun || flags & ~FLAGS_ALL || n_self > HANDS_SELF_MAX || n_guard > HANDS_GUARD_MAX)
		return -ERR_RANGE;
	if (!take_prefixes(r, n_self, &c->self) || !take_prefixes(r, n_guard, &c->guard))
		return rd_ok(r) ? -ERR_RANGE : -ERR_SHORT;
	return apply_ok(out) ? 0 : -ERR_RANGE;
}

int hands_request_parse(struct span msg, struct hands_request *out)
{
	struct rd r = rd_init(msg);
	uint32_t magic = rd_be32(&r);
	*out = (struct hands_request){ .id = rd_be32(&r) };
	uint8_t verb = rd_u8(&r);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	if (magic != MAGIC)
		return -ERR_PROTO;
	if (verb < HANDS_FW_APPLY || verb > HANDS_FW_CHECK)
		return -ERR_TYPE;
	out->verb = verb;
	int rc = verb == HANDS_FW_APPLY ? take_apply(&r, out) : 0;
	if (rc == 0 && !rd_done(&r))
		rc = -ERR_PROTO;
	return rc;
}

/* ---- reply ---- */

size_t hands_reply_build(const struct hands_reply *r, struct mspan out)
{
	struct wr w = wr_init(out);
	wr_be32(&w, MAGIC);
	wr_be32(&w, r->id);
	wr_u8(&w, (uint8_t)-r->rc);
	wr_str(&w, r->text);
	return wr_len(&w);
}

int hands_reply_parse(struct span msg, struct hands_reply *out)
{
	struct rd r = rd_init(msg);
	uint32_t magic = rd_be32(&r);
	*out = (struct hands_reply){ .id = rd_be32(&r) };
	uint8_t code = rd_u8(&r);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	struct span text = rd_rest(&r);
	if (magic != MAGIC || code >= ERR_MAX || text.len >= sizeof(out->text))
		return -ERR_PROTO;
	out->rc = -code;
	for (size_t i = 0; i < text.len; i++)
		out->text[i] = text.p[i] >= 0x20 && text.p[i] < 0x7f ? (char)text.p[i] : '?';
	return 0;
}
