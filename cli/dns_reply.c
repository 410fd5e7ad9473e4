/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/dns_reply.h"

#include "base/alloc.h"

#include <stdio.h>

#define HEADER_LEN 12
#define NAME_WIRE_MAX 255
#define POINTERS_MAX 10
#define BODY_MAX (1u << 20) /* of one record, as text */

enum {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
};

struct coded {
	unsigned code;
	const char *text;
};

static const char *code_text(const struct coded *table, size_t n, unsigned code,
			     char out[static DNS_CODE_TEXT_MAX])
{
	for (size_t i = 0; i < n; i++)
		if (table[i].code == code)
			return table[i].text;
	snprintf(out, DNS_CODE_TEXT_MAX, "%u", code);
	return out;
}

static const char *type_text(unsigned type, char out[static DNS_CODE_TEXT_MAX])
{
	static const struct coded types[] = {
		{ TYPE_A, "TypeA" },	   { TYPE_NS, "TypeNS" },   { TYPE_CNAME, "TypeCNAME" },
		{ TYPE_SOA, "TypeSOA" },   { 11, "TypeWKS" },	    { TYPE_PTR, "TypePTR" },
		{ 13, "TypeHINFO" },	   { 14, "TypeMINFO" },	    { TYPE_MX, "TypeMX" },
		{ TYPE_TXT, "TypeTXT" },   { TYPE_AAAA, "TypeAAAA" }, { TYPE_SRV, "TypeSRV" },
		{ 41, "TypeOPT" },	   { 252, "TypeAXFR" },	    { 255, "TypeALL" },
	};
	return code_text(types, ARRAY_LEN(types), type, out);
}

static const char *class_text(unsigned class, char out[static DNS_CODE_TEXT_MAX])
{
	static const struct coded classes[] = { { 1, "ClassINET" },
						{ 2, "ClassCSNET" },
						{ 3, "ClassCHAOS" },
						{ 4, "ClassHESIOD" },
						{ 255, "ClassANY" } };
	return code_text(classes, ARRAY_LEN(classes), class, out);
}

const char *dns_rcode_text(uint8_t rcode, char out[static DNS_CODE_TEXT_MAX])
{
	static const struct coded codes[] = {
		{ 0, "RCodeSuccess" },	 { 1, "RCodeFormatError" },    { 2, "RCodeServerFailure" },
		{ 3, "RCodeNameError" }, { 4, "RCodeNotImplemented" }, { 5, "RCodeRefused" }
	};
	return code_text(codes, ARRAY_LEN(codes), rcode, out);
}

/* ---- names ------------------------------------------------------------------------------------ */

static bool plain(uint8_t c)
{
	return c > ' ' && c < 0x7f;
}

static void add_label(struct buf *out, struct span label)
{
	for (size_t i = 0; i < label.len; i++) {
		if (label.p[i] == '.' || label.p[i] == '\\')
			buf_fmt(out, "\\%c", label.p[i]);
		else if (plain(label.p[i]))
			buf_add(out, &label.p[i], 1);
		else
			buf_fmt(out, "\\%03u", label.p[i]);
	}
	buf_add_str(out, ".");
}

/* A name at r, which may go on further in front (RFC 1035 4.1.4): each pointer leads to before the
 * place where the piece it ends began, so there is an end. */
static bool add_name(struct span msg, struct rd *r, struct buf *out)
{
	size_t wire = 0, start = msg.len - rd_left(r);
	struct rd at = *r;
	bool jumped = false;

	for (int pointers = 0; rd_ok(&at);) {
		uint8_t n = rd_u8(&at);
		if (n >= 0xc0) {
			size_t to = (n & 0x3fu) << 8 | rd_u8(&at);
			if (!rd_ok(&at) || to >= start || ++pointers > POINTERS_MAX)
				return false;
			if (!jumped)
				*r = at;
			jumped = true;
			start = to;
			at = rd_init(msg);
			rd_skip(&at, to);
			continue;
		}
		wire += n + 1u;
		if (n > 63 || wire > NAME_WIRE_MAX || !rd_ok(&at))
			return false;
		if (n == 0) {
			if (wire == 1)
				buf_add_str(out, ".");
			if (!jumped)
				*r = at;
			return true;
		}
		add_label(out, rd_take(&at, n));
	}
	return false;
}

/* ---- bodies ----------------------------------------------------------------------------------- */

struct record {
	struct span msg; /* whole, for names */
	struct rd data;	 /* of this record: from the message's start to its end, cursor at its body */
	unsigned type;
	struct span bytes;
};

static bool body_ip(struct record *r, struct buf *out)
{
	char text[IP_TEXT_MAX];
	if (r->bytes.len != (r->type == TYPE_A ? 4u : 16u))
		return false;
	buf_add_str(out, ip_encode(ip_from_bytes(r->bytes), text));
	return true;
}

static bool body_name(struct record *r, struct buf *out)
{
	return add_name(r->msg, &r->data, out);
}

static bool body_mx(struct record *r, struct buf *out)
{
	unsigned priority = rd_be16(&r->data);
	if (!add_name(r->msg, &r->data, out))
		return false;
	buf_fmt(out, " (Priority=%u)", priority);
	return true;
}

static bool body_srv(struct record *r, struct buf *out)
{
	unsigned priority = rd_be16(&r->data), weight = rd_be16(&r->data),
		 port = rd_be16(&r->data);
	buf_add_str(out, "Target=");
	if (!add_name(r->msg, &r->data, out))
		return false;
	buf_fmt(out, ", Port=%u, Priority=%u, Weight=%u", port, priority, weight);
	return true;
}

static bool body_soa(struct record *r, struct buf *out)
{
	static const char *const fields[] = { "Serial", "Refresh", "Retry", "Expire", "MinTTL" };
	buf_add_str(out, "dnsmessage.SOAResource{NS: dnsmessage.MustNewName(\"");
	if (!add_name(r->msg, &r->data, out))
		return false;
	buf_add_str(out, "\"), MBox: dnsmessage.MustNewName(\"");
	if (!add_name(r->msg, &r->data, out))
		return false;
	buf_add_str(out, "\")");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_fmt(out, ", %s: %u", fields[i], rd_be32(&r->data));
	buf_add_str(out, "}");
	return rd_ok(&r->data);
}

static void add_quoted(struct buf *out, struct span s)
{
	buf_add_str(out, "\"");
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_fmt(out, "\\%c", s.p[i]);
		else if (plain(s.p[i]) || s.p[i] == ' ')
			buf_add(out, &s.p[i], 1);
		else
			buf_fmt(out, "\\x%02x", s.p[i]);
	}
	buf_add_str(out, "\"");
}

static bool body_txt(struct record *r, struct buf *out)
{
	struct rd at = rd_init(r->bytes);
	buf_add_str(out, "[");
	for (bool first = true; rd_left(&at); first = false) {
		uint8_t n = rd_u8(&at);
		struct span s = rd_take(&at, n);
		buf_add_str(out, first ? "" : " ");
		add_quoted(out, s);
	}
	buf_add_str(out, "]");
	return rd_ok(&at);
}

/* RFC 3597 */
static bool body_unknown(struct record *r, struct buf *out)
{
	buf_fmt(out, "\\# %zu", r->bytes.len);
	for (size_t i = 0; i < r->bytes.len; i++)
		buf_fmt(out, "%s%02x", i ? "" : " ", r->bytes.p[i]);
	return true;
}

static bool add_body(struct record *r, struct buf *out)
{
	static const struct {
		unsigned type;
		bool (*add)(struct record *r, struct buf *out);
	} known[] = { { TYPE_A, body_ip },    { TYPE_AAAA, body_ip }, { TYPE_NS, body_name },
		      { TYPE_CNAME, body_name }, { TYPE_PTR, body_name }, { TYPE_MX, body_mx },
		      { TYPE_SRV, body_srv },  { TYPE_SOA, body_soa }, { TYPE_TXT, body_txt } };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].type == r->type)
			return known[i].add(r, out);
	return body_unknown(r, out);
}

/* ---- records ---------------------------------------------------------------------------------- */

/* text: borrowed, and empty afterwards */
static void set_text(json_t *o, const char *name, struct buf *text)
{
	j_set_str(o, name, buf_cstr(text));
	buf_reset(text);
}

/* NULL: it cannot be read. */
static json_t *answer(struct span msg, struct rd *r, struct buf *text)
{
	char code[DNS_CODE_TEXT_MAX];
	json_t *o = j_object();
	struct record rec = { .msg = msg };
	bool ok = add_name(msg, r, text);
	set_text(o, "Name", text);
	rec.type = rd_be16(r);
	unsigned class = rd_be16(r);
	j_set_int(o, "TTL", rd_be32(r));
	j_set_str(o, "Class", class_text(class, code));
	j_set_str(o, "Type", type_text(rec.type, code));
	size_t len = rd_be16(r), at = msg.len - rd_left(r);
	rec.bytes = rd_take(r, len);
	if (ok && rd_ok(r)) {
		rec.msg = span_of(msg.p, at + len);
		rec.data = rd_init(rec.msg);
		rd_skip(&rec.data, at);
		ok = add_body(&rec, text) && buf_ok(text);
		set_text(o, "Body", text);
		if (ok)
			return o;
	}
	j_free(o);
	return NULL;
}

static bool skip_questions(struct span msg, struct rd *r, unsigned n, struct buf *text)
{
	while (n-- && rd_left(r)) {
		if (!add_name(msg, r, text))
			return false;
		rd_skip(r, 4);
		buf_reset(text);
	}
	return rd_ok(r);
}

static json_t *answers(struct span msg, struct rd *r, unsigned n, struct buf *text)
{
	json_t *list = j_array(), *one = NULL;
	if (n > DNS_REPLY_ANSWERS_MAX)
		n = DNS_REPLY_ANSWERS_MAX;
	for (; n && (one = answer(msg, r, text)); n--)
		j_add(list, one);
	if (n == 0)
		return list;
	j_free(list);
	return NULL;
}

int dns_reply_parse(struct span msg, struct dns_reply *out)
{
	struct rd r = rd_init(msg);
	rd_skip(&r, 2); /* id */
	uint16_t flags = rd_be16(&r);
	unsigned n_questions = rd_be16(&r), n_answers = rd_be16(&r);
	rd_skip(&r, 4);
	*out = (struct dns_reply){ .rcode = flags & 0x0f };
	if (!rd_ok(&r))
		return -ERR_SHORT;
	if (out->rcode)
		return 0;
	struct buf text;
	buf_init(&text, BODY_MAX);
	if (skip_questions(msg, &r, n_questions, &text))
		out->answers = answers(msg, &r, n_answers, &text);
	buf_fini(&text);
	return out->answers ? 0 : -ERR_SYNTAX;
}
