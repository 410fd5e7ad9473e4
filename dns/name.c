/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/name.h"

#include "base/alloc.h"

#define POINTER 0xc0

/* Labels as text: two different names must not have the same one. */
static bool label_ok(struct span label)
{
	for (size_t i = 0; i < label.len; i++)
		if (label.p[i] == '.' || label.p[i] == '\0')
			return false;
	return true;
}

int dns_name_unpack(struct span msg, struct rd *r, uint8_t out[static DNS_WIRE_NAME_MAX])
{
	struct rd in = *r, behind = *r;
	size_t start = msg.len - rd_left(r), len = 0, hops = 0;
	for (;;) {
		uint8_t n = rd_u8(&in);
		if (n >= POINTER) {
			size_t to = (size_t)(n - POINTER) << 8 | rd_u8(&in);
			/* Each jump leads to before the last one's target: there is no way round.
			 */
			if (!rd_ok(&in) || to >= start || ++hops > DNS_POINTERS_MAX)
				return -ERR_SYNTAX;
			if (hops == 1)
				behind = in;
			start = to;
			in = rd_init(span_from(msg, to));
			continue;
		}
		struct span label = rd_take(&in, n);
		if (!rd_ok(&in) || n > DNS_LABEL_MAX || len + 1 + n > DNS_WIRE_NAME_MAX ||
		    !label_ok(label))
			return -ERR_SYNTAX;
		out[len++] = n;
		if (n == 0)
			break;
		memcpy(out + len, label.p, n);
		len += n;
	}
	*r = hops ? behind : in;
	return (int)len;
}

size_t dns_name_text(const uint8_t *wire, size_t len, char out[static DNS_NAME_MAX + 1])
{
	if (len < 2) {
		out[0] = '\0';
		return 0;
	}
	memcpy(out, wire + 1, len - 1);
	for (size_t dot = wire[0]; dot + 2 < len; dot += wire[dot + 1] + (size_t)1)
		out[dot] = '.';
	return len - 2;
}

int dns_name_parse(struct span msg, struct rd *r, char out[static DNS_NAME_MAX + 1])
{
	uint8_t wire[DNS_WIRE_NAME_MAX];
	int len = dns_name_unpack(msg, r, wire);
	return len < 0 ? len : (int)dns_name_text(wire, (size_t)len, out);
}

void dns_name_skip(struct rd *r)
{
	for (;;) {
		uint8_t n = rd_u8(r);
		if (n > DNS_LABEL_MAX) {
			rd_skip(r, n >= POINTER ? 1 : SIZE_MAX);
			return;
		}
		if (n == 0)
			return;
		rd_skip(r, n);
	}
}

void dns_name_build(struct wr *w, const char *name)
{
	size_t n = strlen(name), label = 0;
	if (n > DNS_NAME_MAX - 1) {
		w->bad = true;
		return;
	}
	for (size_t i = 0; i <= n && n; i++, label++) {
		if (name[i] != '.' && name[i] != '\0')
			continue;
		w->bad |= label == 0 || label > DNS_LABEL_MAX;
		wr_u8(w, (uint8_t)label);
		wr_bytes(w, name + i - label, label);
		label = SIZE_MAX; /* the step makes it 0 */
	}
	wr_u8(w, 0);
}

/* ---- reverse names ---- */

static bool cut_suffix(struct span *name, const char *suffix)
{
	size_t n = strlen(suffix);
	if (name->len <= n || memcmp(name->p + name->len - n, suffix, n) != 0)
		return false;
	name->len -= n;
	return true;
}

static int reverse4_parse(struct span text, struct ip *out)
{
	struct ip back;
	int rc = ip_decode(text, &back);
	if (rc)
		return rc;
	if (back.fam != IP_V4)
		return -ERR_SYNTAX;
	*out = ip_v4(back.b[3], back.b[2], back.b[1], back.b[0]);
	return 0;
}

static int nibble(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#define NIBBLES 32

static int reverse6_parse(struct span text, struct ip *out)
{
	uint8_t b[16] = { 0 };
	if (text.len != 2 * NIBBLES - 1)
		return -ERR_SYNTAX;
	for (size_t i = 0; i < NIBBLES; i++) {
		int v = nibble(text.p[2 * i]);
		if (v < 0 || (i + 1 < NIBBLES && text.p[2 * i + 1] != '.'))
			return -ERR_SYNTAX;
		b[15 - i / 2] |= (uint8_t)(i % 2 ? v << 4 : v);
	}
	*out = (struct ip){ .fam = IP_V6 };
	memcpy(out->b, b, sizeof(b));
	return 0;
}

int dns_reverse_parse(const char *name, struct ip *out)
{
	struct span text = span_str(name);
	if (cut_suffix(&text, ".in-addr.arpa"))
		return reverse4_parse(text, out);
	if (cut_suffix(&text, ".ip6.arpa"))
		return reverse6_parse(text, out);
	return -ERR_SYNTAX;
}

const char *dns_reverse_name(struct ip ip, char out[static DNS_NAME_MAX + 1])
{
	struct wr w = wr_init(mspan_of(out, DNS_NAME_MAX + 1));
	if (ip.fam == IP_V4)
		wr_fmt(&w, "%u.%u.%u.%u.in-addr.arpa", ip.b[3], ip.b[2], ip.b[1], ip.b[0]);
	for (size_t i = 16; ip.fam == IP_V6 && i-- > 0;)
		wr_fmt(&w, "%x.%x.", ip.b[i] & 0xfu, ip.b[i] >> 4);
	if (ip.fam == IP_V6)
		wr_str(&w, "ip6.arpa");
	wr_u8(&w, '\0');
	return out;
}

#define CGNAT_FIRST 64 /* 100.64.0.0/10 */

const char *dns_tailnet_zone(unsigned i, char out[static DNS_TAILNET_ZONE_MAX])
{
	struct wr w = wr_init(mspan_of(out, DNS_TAILNET_ZONE_MAX));
	if (i == 0)
		wr_str(&w, "0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa");
	else
		wr_fmt(&w, "%u.100.in-addr.arpa", CGNAT_FIRST + i - 1);
	wr_u8(&w, '\0');
	return out;
}

bool dns_is_browse(const char *name)
{
	static const char *const first[] = { "b.", "db.", "r.", "dr.", "lb." };
	static const char then[] = "_dns-sd._udp.";
	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		size_t n = strlen(first[i]);
		if (strncmp(name, first[i], n) == 0 &&
		    strncmp(name + n, then, sizeof(then) - 1) == 0)
			return true;
	}
	return false;
}
