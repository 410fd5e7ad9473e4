/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS over HTTPS (RFC 8484) as peers speak it, without the S: the tunnel is the privacy. */
#include "daemon/peerapi/rules.h"

#include "base/alloc.h"
#include "base/json.h"

#include <stdio.h>
#include <strings.h>

#define NAME_MAX_LEN 255
#define LABEL_MAX 63
#define RECORDS_MAX 1000 /* of an answer: those behind are not shown */

enum { TYPE_A = 1, TYPE_TXT = 16, TYPE_AAAA = 28, CLASS_IN = 1 };

/* ---- the request ---- */

static const char *of_post(const struct peerapi_doh_in *in, struct span *out)
{
	if (!in->content_type || strcmp(in->content_type, "application/dns-message") != 0)
		return "unexpected Content-Type";
	if (in->body.len > PEERAPI_DOH_BODY_MAX)
		return "query too large";
	*out = in->body;
	return NULL;
}

static const char *of_get(const struct peerapi_doh_in *in, struct mspan room, struct span *out)
{
	size_t len = room.len;
	if (!in->dns || !*in->dns)
		return "missing \u2018dns\u2019 parameter; try '?dns=' (DoH standard) or use "
		       "'?q=<name>' for JSON debug mode";
	if (base64url_decode(span_str(in->dns), room.p, &len) != 0)
		return "invalid 'dns' base64 encoding";
	*out = span_of(room.p, len);
	return NULL;
}

const char *peerapi_doh_query(const struct peerapi_doh_in *in, struct mspan room, struct span *out)
{
	if (strcmp(in->method, "POST") == 0)
		return of_post(in, out);
	if (strcmp(in->method, "GET") == 0)
		return of_get(in, room, out);
	return "bad HTTP method";
}

/* ---- for people ---- */

static int type_of(const char *text)
{
	static const struct {
		const char *name;
		int type;
	} types[] = { { "", TYPE_A }, { "a", TYPE_A }, { "aaaa", TYPE_AAAA }, { "txt", TYPE_TXT } };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcasecmp(types[i].name, text) == 0)
			return types[i].type;
	return 0;
}

static bool add_name(struct wr *w, const char *name)
{
	size_t start = wr_len(w);
	while (*name) {
		size_t len = strcspn(name, ".");
		if (len == 0 || len > LABEL_MAX)
			return false;
		wr_u8(w, (uint8_t)len);
		wr_bytes(w, name, len);
		name += len + (name[len] == '.');
	}
	wr_u8(w, 0);
	return wr_ok(w) && wr_len(w) - start <= NAME_MAX_LEN;
}

size_t peerapi_pretty_query(const char *name, const char *type, struct mspan room)
{
	struct wr w = wr_init(room);
	int t = type_of(type);
	wr_be16(&w, 1);	     /* id */
	wr_be16(&w, 0x0100); /* recursion desired */
	wr_be16(&w, 1);
	wr_zero(&w, 6);
	if (!t || !*name || !add_name(&w, name))
		return 0;
	wr_be16(&w, (uint16_t)t);
	wr_be16(&w, CLASS_IN);
	return wr_ok(&w) ? wr_len(&w) : 0;
}

static void skip_name(struct rd *r)
{
	while (rd_left(r)) {
		uint8_t len = rd_u8(r);
		if (len == 0)
			return;
		if (len > LABEL_MAX) { /* a pointer ends the name; it is not followed */
			rd_skip(r, 1);
			return;
		}
		rd_skip(r, len);
	}
	rd_skip(r, 1); /* no end: bad */
}

static void add_texts(json_t *list, struct span data)
{
	struct rd r = rd_init(data);
	while (rd_left(&r)) {
		struct span text = rd_take(&r, rd_u8(&r));
		if (rd_ok(&r))
			j_add(list, j_string_span(text));
	}
}

static void add_record(json_t *list, uint16_t type, struct span data)
{
	char ip[IP_TEXT_MAX];
	if (type == TYPE_TXT)
		add_texts(list, data);
	else if ((type == TYPE_A && data.len == 4) || (type == TYPE_AAAA && data.len == 16))
		j_add_str(list, ip_encode(ip_from_bytes(data), ip));
}

static bool add_answers(json_t *list, struct rd *r, unsigned n)
{
	for (unsigned i = 0; i < n && i < RECORDS_MAX; i++) {
		skip_name(r);
		uint16_t type = rd_be16(r), class = rd_be16(r);
		rd_skip(r, 4);
		struct span data = rd_take(r, rd_be16(r));
		if (!rd_ok(r))
			return false;
		if (class == CLASS_IN)
			add_record(list, type, data);
	}
	return true;
}

static json_t *error_of(const char *text)
{
	json_t *o = j_object();
	j_set_str(o, "Error", text);
	return o;
}

static json_t *error_of_code(unsigned code)
{
	static const char *const names[] = { "Success",	  "FormatError",    "ServerFailure",
					     "NameError", "NotImplemented", "Refused" };
	char text[48];
	if (code < ARRAY_LEN(names))
		snprintf(text, sizeof(text), "DNS RCode = RCode%s", names[code]);
	else
		snprintf(text, sizeof(text), "DNS RCode = %u", code);
	return error_of(text);
}

static json_t *pretty(struct span reply)
{
	struct rd r = rd_init(reply);
	rd_skip(&r, 2);
	unsigned code = rd_be16(&r) & 0x0f, n_questions = rd_be16(&r), n_answers = rd_be16(&r);
	rd_skip(&r, 4);
	if (!rd_ok(&r))
		return error_of("the reply does not parse");
	if (code)
		return error_of_code(code);
	for (unsigned i = 0; i < n_questions && rd_ok(&r); i++) {
		skip_name(&r);
		rd_skip(&r, 4);
	}
	json_t *list = j_array();
	if (rd_ok(&r) && add_answers(list, &r, n_answers))
		return list;
	j_free(list);
	return error_of("the reply does not parse");
}

void peerapi_pretty_reply(struct span reply, struct buf *out)
{
	json_t *v = pretty(reply);
	j_write(v, J_COMPACT, true, out);
	buf_add_str(out, "\n");
	j_free(v);
}
