/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of peers and what resolvers answer to them. The first byte: bit 0 may resolve, bit 1 has
 * an own address, bit 2: the rest is a DNS reply for a person. Else the rest is lines: method,
 * path, Host, Origin, Referer, Accept-Encoding, Accept-Language, User-Agent, Content-Type, dns, q,
 * t; what comes behind is the body. A line "-" is no such header. */
#include "tests/fuzz/fuzz.h"

#include "daemon/peerapi/rules.h"

#include <stdlib.h>

enum {
	METHOD,
	PATH,
	HOST,
	ORIGIN,
	REFERER,
	ENCODING,
	LANGUAGE,
	AGENT,
	TYPE,
	DNS,
	NAME,
	QTYPE,
	LINES
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* A line as a string in room, NUL inside cuts it. */
static const char *line(struct span *in, char *room, size_t max)
{
	const uint8_t *end = in->len ? memchr(in->p, '\n', in->len) : NULL;
	size_t len = end ? (size_t)(end - in->p) : in->len, n = len < max ? len : max - 1;
	if (n)
		memcpy(room, in->p, n);
	room[n] = '\0';
	*in = span_from(*in, len + 1);
	return strcmp(room, "-") == 0 ? NULL : room;
}

static void reply(struct span in)
{
	struct buf out;
	buf_init(&out, 1 << 20);
	peerapi_pretty_reply(in, &out);
	must(buf_ok(&out) && out.len > 1 && out.p[out.len - 1] == '\n');
	buf_fini(&out);
}

static void page(const char *owner, const char *name)
{
	struct buf out;
	buf_init(&out, 1 << 16);
	peerapi_greeting(owner, ip_v4(100, 64, 0, 2), name, true, &out);
	for (const char *p = buf_cstr(&out); (p = strchr(p, '<')); p++)
		must(strchr("hbm/p", p[1]) != NULL); /* the tags are ours */
	buf_fini(&out);
}

static void doh(const char *const *l, struct span body)
{
	uint8_t room[512];
	struct span out = { 0 };
	struct peerapi_doh_in in = { l[METHOD] ? l[METHOD] : "GET", l[TYPE], l[DNS], body };
	if (!peerapi_doh_query(&in, mspan_of(room, sizeof(room)), &out))
		must(out.len <= PEERAPI_DOH_BODY_MAX &&
		     (out.p == body.p || out.len <= sizeof(room)));
	size_t n = peerapi_pretty_query(l[NAME] ? l[NAME] : "", l[QTYPE] ? l[QTYPE] : "",
					mspan_of(room, sizeof(room)));
	must(n <= 12 + 255 + 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static char room[LINES][600];
	const char *l[LINES];
	const struct ip own[] = { ip_v4(100, 64, 0, 1), { IP_V6, { 0xfd, [15] = 1 } } };
	if (len == 0)
		return 0;
	struct span rest = span_of(p + 1, len - 1);
	if (p[0] & 4) {
		reply(rest);
		return 0;
	}
	for (size_t i = 0; i < LINES; i++)
		l[i] = line(&rest, room[i], sizeof(room[i]));
	struct peerapi_head h = { l[METHOD] ? l[METHOD] : "",
				  l[PATH] ? l[PATH] : "",
				  l[HOST],
				  l[ORIGIN],
				  l[REFERER],
				  l[ENCODING],
				  l[LANGUAGE],
				  l[AGENT],
				  l[TYPE] };
	peerapi_is_browser(&h);
	struct peerapi_refusal r = peerapi_check(&h, own, p[0] & 2 ? 2 : 0, p[0] & 1);
	must((r.status == 0) == (r.text == NULL));
	/* Whatever it says, this gets nowhere. */
	must(r.status || (!h.origin && h.host && !(h.referer && *h.referer)));
	must(r.status || p[0] & 2 || strcmp(h.host, "peer") == 0);
	must(r.status || p[0] & 1 || peerapi_path_of(h.path) == PEERAPI_ROOT);
	doh(l, rest);
	page(h.host ? h.host : "", h.path);
	return 0;
}

#define REPLY                                                                                      \
	"\4\0\1\x81\x80\0\1\0\2\0\0\0\0\1a\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2\7"        \
	"\xc0\x0c\0\x10\0\1\0\0\0\1\0\3\2xy"

bool fuzz_seed(size_t i, struct span *out)
{
	static const struct {
		const char *p;
		size_t len;
	} seeds[] = {
#define S(s) { s, sizeof(s) - 1 }
		S("\3GET\n/\n100.64.0.1:1\n-\n-\ngzip, deflate\n-\nMozilla/5.0 x\n-\n-\n-\n-\n"),
		S("\3GET\n/"
		  "dns-query\npeer\n-\n-\n-\nde\n-\n-\nAAEBAAABAAAAAAAAAWEAAAEAAQ\na.b\naaaa\n"),
		S("\3POST\n/dns-query\n[fd00::1]:9\n-\n\n-\n-\n-\napplication/"
		  "dns-message\n-\n-\n-\n\0\1\1"),
		S("\1PUT\n/v0/put/x\nevil:1\nhttp://x\nhttp://y\n-\n-\na b c d\n-\n-\n<b>\ntxt\n"),
		S(REPLY),
	};
	if (i >= sizeof(seeds) / sizeof(*seeds))
		return false;
	*out = span_of(seeds[i].p, seeds[i].len);
	return true;
}
