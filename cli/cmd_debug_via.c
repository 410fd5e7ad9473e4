/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debug via: the arithmetic of 4via6 in both directions; nobody is asked. */
#include "base/alloc.h"
#include "base/via6.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdlib.h>

/* As Go reads a number: 12, 0x0c, 0b1100, 0o14, 014. */
static bool site_decode(const char *s, uint32_t *site)
{
	static const struct {
		const char *prefix;
		int base;
	} forms[] = { { "0x", 16 }, { "0X", 16 }, { "0b", 2 }, { "0B", 2 },
		      { "0o", 8 },  { "0O", 8 },  { "0", 8 } };
	int base = 10;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		size_t n = strlen(forms[i].prefix);
		if (strncmp(s, forms[i].prefix, n) != 0 || !s[n])
			continue;
		s += n;
		base = forms[i].base;
		break;
	}
	uint64_t v = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		const char *digits = "0123456789abcdef", c = *s >= 'A' && *s <= 'F' ? *s + 32 : *s;
		const char *at = strchr(digits, c);
		if (!at || at - digits >= base || v > UINT32_MAX)
			return false;
		v = v * (uint64_t)base + (uint64_t)(at - digits);
	}
	*site = (uint32_t)v;
	return v <= UINT32_MAX;
}

static int to_site(struct cli *c, const char *text)
{
	struct prefix p;
	char v4[PREFIX_TEXT_MAX];
	if (prefix_decode(span_str(text), &p))
		return cli_fail(c, "\"%s\" is not a valid CIDR prefix", text);
	if (p.ip.fam != IP_V6)
		return cli_fail(c, "with one argument, expect an IPv6 CIDR");
	if (!via6_is(p.ip))
		return cli_fail(c, "not a via route");
	if (p.bits < VIA6_BITS_MIN)
		return cli_fail(c, "short length, want /%d or more", VIA6_BITS_MIN);
	uint32_t site = via6_site(p.ip);
	struct prefix inner = { via6_unmap(p.ip), (uint8_t)(p.bits - VIA6_BITS_MIN) };
	fprintf(c->out, "site %" PRIu32 " (0x%" PRIx32 "), %s\n", site, site,
		prefix_encode(inner, v4));
	return CLI_OK;
}

static int to_route(struct cli *c, const char *site_text, const char *v4_text)
{
	struct prefix v4;
	uint32_t site;
	char via[PREFIX_TEXT_MAX];
	if (!site_decode(site_text, &site))
		return cli_fail(c, "invalid site-id \"%s\"; must be decimal or hex with 0x prefix",
				site_text);
	if (site > VIA6_SITE_MAX)
		return cli_fail(c, "site-id values over %d are currently reserved", VIA6_SITE_MAX);
	if (prefix_decode(span_str(v4_text), &v4))
		return cli_fail(c, "\"%s\" is not a valid CIDR prefix", v4_text);
	if (v4.ip.fam != IP_V4)
		return cli_fail(c, "want IPv4 CIDR with a site ID");
	fprintf(c->out, "%s\n", prefix_encode(via6_map(site, v4), via));
	return CLI_OK;
}

int cmd_debug_via(struct cli *c, int argc, char **argv)
{
	struct flag_set set = { .command = CLI_PROG " debug via",
				.summary = "Convert between site-specific IPv4 CIDRs and IPv6 "
					   "'via' routes",
				.args = "<site-id> <v4-cidr> | <v6-route>",
				.words = WORDS_ANY };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (argc == 1)
		return to_site(c, argv[0]);
	if (argc == 2)
		return to_route(c, argv[0], argv[1]);
	return cli_fail(c, "expect either <site-id> <v4-cidr> or <v6-route>");
}
