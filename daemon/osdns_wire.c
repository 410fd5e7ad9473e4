/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/osdns_wire.h"

#include "base/alloc.h"

#define MAGIC UINT32_C(0x6f736431) /* "osd1" */

enum { FLAG_SPLIT = 1, FLAG_BASE = 2, FLAG_BASE_FAILED = 4, FLAGS_ALL = 7 };

/* ---- frame -------------------------------------------------------------------------- */

int osdns_frame(struct span in, struct span *body)
{
	struct rd r = rd_init(in);
	uint32_t len = rd_be32(&r);
	if (!rd_ok(&r))
		return 0;
	if (len > OSDNS_BODY_MAX)
		return -ERR_TOOBIG;
	if (rd_left(&r) < len)
		return 0;
	*body = rd_take(&r, len);
	return 1;
}

static void add_be(struct buf *out, uint32_t v, size_t bytes)
{
	uint8_t b[4];
	for (size_t i = 0; i < bytes; i++)
		b[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	buf_add(out, b, bytes);
}

/* Where the length goes that end_frame knows. */
static size_t begin_frame(struct buf *out)
{
	size_t at = out->len;
	add_be(out, 0, 4);
	add_be(out, MAGIC, 4);
	return at;
}

static void end_frame(struct buf *out, size_t at)
{
	struct wr w;
	if (!buf_ok(out))
		return;
	w = wr_init(mspan_of(out->p + at, OSDNS_FRAME_HEAD));
	wr_be32(&w, (uint32_t)(out->len - at - OSDNS_FRAME_HEAD));
}

/* ---- configuration ------------------------------------------------------------------ */

static void add_short(struct buf *out, const char *s)
{
	size_t n = strlen(s); /* os_config.h takes no longer ones */
	add_be(out, (uint32_t)n, 1);
	buf_add(out, s, n);
}

static void add_names(struct buf *out, char *const *v, size_t n)
{
	add_be(out, (uint32_t)n, 2);
	for (size_t i = 0; i < n; i++)
		add_short(out, v[i]);
}

/* Others may stand in somebody's resolv.conf; nobody can be asked there. */
static bool server_ok(const struct dns_server *s)
{
	return ip_is_set(s->ip) && !ip_is_unspecified(s->ip) && !ip_is_multicast(s->ip);
}

static void add_servers(struct buf *out, const struct dns_os_config *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n_servers; i++)
		n += server_ok(&c->servers[i]);
	add_be(out, (uint32_t)n, 1);
	for (size_t i = 0; i < c->n_servers; i++) {
		if (!server_ok(&c->servers[i]))
			continue;
		add_be(out, c->servers[i].ip.fam, 1);
		buf_add(out, c->servers[i].ip.b, sizeof(c->servers[i].ip.b));
		add_short(out, c->servers[i].zone);
	}
}

static void add_config(struct buf *out, const struct dns_os_config *c)
{
	add_servers(out, c);
	add_names(out, c->search, c->n_search);
	add_names(out, c->match, c->n_match);
}

/* A text of at most size - 1 bytes and without NUL. */
static bool take_short(struct rd *r, char *out, size_t size)
{
	struct span s = rd_take(r, rd_u8(r));
	if (s.len >= size || (s.len && memchr(s.p, 0, s.len)))
		return false;
	memcpy(out, s.len ? s.p : (const uint8_t *)"", s.len);
	out[s.len] = '\0';
	return true;
}

static int take_server(struct rd *r, struct dns_os_config *out)
{
	static const uint8_t zero[12];
	struct dns_server s = { .ip.fam = rd_u8(r) };
	rd_copy(r, s.ip.b, sizeof(s.ip.b));
	bool zone = take_short(r, s.zone, sizeof(s.zone));
	if (!rd_ok(r))
		return -ERR_SHORT;
	bool v4 = s.ip.fam == IP_V4 && memcmp(s.ip.b + 4, zero, sizeof(zero)) == 0;
	if (!zone || !(v4 || s.ip.fam == IP_V6) || !server_ok(&s))
		return -ERR_RANGE;
	return dns_os_config_add_server(out, &s) ? 0 : -ERR_RANGE;
}

static int take_names(struct rd *r, struct dns_os_config *out,
		      bool (*add)(struct dns_os_config *c, const char *name))
{
	char name[256];
	uint16_t n = rd_be16(r);
	for (uint16_t i = 0; i < n; i++) {
		bool good = take_short(r, name, sizeof(name));
		if (!rd_ok(r))
			return -ERR_SHORT;
		if (!good || !add(out, name))
			return -ERR_RANGE;
	}
	return rd_ok(r) ? 0 : -ERR_SHORT;
}

static int take_config(struct rd *r, struct dns_os_config *out)
{
	uint8_t n = rd_u8(r);
	int rc = n > DNS_SERVERS_MAX ? -ERR_RANGE : 0;
	for (uint8_t i = 0; i < n && rc == 0; i++)
		rc = take_server(r, out);
	if (rc == 0)
		rc = take_names(r, out, dns_os_config_add_search);
	return rc ? rc : take_names(r, out, dns_os_config_add_match);
}

/* ---- request ------------------------------------------------------------------------ */

void osdns_request_build(const struct osdns_request *q, struct buf *out)
{
	size_t at = begin_frame(out);
	add_be(out, q->id, 4);
	add_be(out, (uint32_t)q->verb, 1);
	if (q->verb == OSDNS_SET)
		add_config(out, &q->config);
	end_frame(out, at);
}

int osdns_request_parse(struct span body, struct osdns_request *out)
{
	struct rd r = rd_init(body);
	uint32_t magic = rd_be32(&r);
	*out = (struct osdns_request){ .id = rd_be32(&r) };
	uint8_t verb = rd_u8(&r);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	if (magic != MAGIC)
		return -ERR_PROTO;
	if (verb != OSDNS_SET && verb != OSDNS_RECHECK)
		return -ERR_TYPE;
	out->verb = (enum osdns_verb)verb;
	int rc = verb == OSDNS_SET ? take_config(&r, &out->config) : 0;
	if (rc == 0 && !rd_done(&r))
		rc = -ERR_PROTO;
	return rc;
}

void osdns_request_fini(struct osdns_request *r)
{
	dns_os_config_fini(&r->config);
}

/* ---- status ------------------------------------------------------------------------- */

static void add_text(struct buf *out, const char *s)
{
	size_t n = strnlen(s, OSDNS_SAID_MAX - 1);
	add_be(out, (uint32_t)n, 2);
	buf_add(out, s, n);
}

void osdns_said_build(const struct osdns_said *s, struct buf *out)
{
	size_t at = begin_frame(out);
	add_be(out, s->done, 4);
	add_be(out, (uint32_t)s->mode, 1);
	add_be(out,
	       (s->split ? FLAG_SPLIT : 0) | (s->has_base ? FLAG_BASE : 0) |
		   (s->base_failed ? FLAG_BASE_FAILED : 0),
	       1);
	add_be(out, (uint32_t)-s->set_rc, 1);
	add_config(out, &s->base);
	add_text(out, s->trace);
	add_text(out, s->set_text);
	add_text(out, s->overwritten_by);
	add_text(out, s->warning);
	end_frame(out, at);
}

static void take_text(struct rd *r, char out[static OSDNS_SAID_MAX], bool lines)
{
	struct span s = rd_take(r, rd_be16(r));
	if (s.len >= OSDNS_SAID_MAX) {
		r->bad = true;
		return;
	}
	for (size_t i = 0; i < s.len; i++) {
		bool good = (s.p[i] >= 0x20 && s.p[i] < 0x7f) || (lines && s.p[i] == '\n');
		out[i] = good ? (char)s.p[i] : '?';
	}
	out[s.len] = '\0';
}

int osdns_said_parse(struct span body, struct osdns_said *out)
{
	struct rd r = rd_init(body);
	uint32_t magic = rd_be32(&r);
	*out = (struct osdns_said){ .done = rd_be32(&r) };
	uint8_t mode = rd_u8(&r), flags = rd_u8(&r), code = rd_u8(&r);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	if (magic != MAGIC)
		return -ERR_PROTO;
	if (mode >= DNS_OS_MODES || flags & ~FLAGS_ALL || code >= ERR_MAX)
		return -ERR_RANGE;
	out->mode = (enum dns_os_mode)mode;
	out->split = flags & FLAG_SPLIT;
	out->has_base = flags & FLAG_BASE;
	out->base_failed = flags & FLAG_BASE_FAILED;
	out->set_rc = -code;
	int rc = take_config(&r, &out->base);
	if (rc)
		return rc;
	take_text(&r, out->trace, true);
	take_text(&r, out->set_text, false);
	take_text(&r, out->overwritten_by, false);
	take_text(&r, out->warning, false);
	if (!rd_ok(&r))
		return -ERR_SHORT;
	return rd_done(&r) ? 0 : -ERR_PROTO;
}

void osdns_said_fini(struct osdns_said *s)
{
	dns_os_config_fini(&s->base);
}
