/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person or a script may type: prefixes, tags, names, durations, flags, and text to print.
 */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "base/ip.h"
#include "base/mono.h"
#include "cli/accept_routes.h"
#include "cli/flags.h"
#include "cli/pref_args.h"
#include "cli/settings.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/validate.h"

#include <stdlib.h>

#define ARGS_MAX 64

/* Accepted routes are prefixes without host bits, sorted, each once; both default routes or none.
 */
static void check_routes(const char *s)
{
	json_t *routes = NULL;
	struct prefix before = { .bits = 0 };
	char *problem = validate_routes(s, false, &routes);
	size_t defaults = 0;
	if (problem && routes)
		abort();
	for (size_t i = 0; i < j_len(routes); i++) {
		struct prefix p;
		if (prefix_decode(span_str(j_text(j_at(routes, i))), &p) ||
		    !prefix_eq(p, prefix_masked(p)))
			abort();
		if (i && (p.bits < before.bits || prefix_eq(p, before)))
			abort();
		defaults += prefix_is_default(p);
		before = p;
	}
	if (defaults == 1)
		abort();
	free(problem);
	j_free(routes);
}

static void check_tags(const char *s)
{
	json_t *tags = NULL;
	char *problem = validate_tags(s, &tags);
	for (size_t i = 0; i < j_len(tags); i++)
		if (strncmp(j_text(j_at(tags, i)), "tag:", 4) != 0)
			abort();
	free(problem);
	j_free(tags);
	free(validate_hostname(s));
	int mode;
	free(validate_netfilter_mode(s, &mode));
}

/* What passes says of itself what was typed, or a bool. */
static void check_accepted(const char *s)
{
	struct buf again;
	char *problem = accept_routes_check(s);
	json_t *p = prefs_default();
	buf_init(&again, 1u << 20);
	if (!problem) {
		accept_routes_apply(s, p);
		accept_routes_text(p, &again);
		char *second = accept_routes_check(buf_cstr(&again));
		if (second || !again.len)
			abort();
	}
	buf_fini(&again);
	free(problem);
	j_free(p);
}

/* While there are no peers to compare with, a list is taken as it is, or refused whole. */
static void check_exit_nodes(const char *s)
{
	json_t *p = prefs_default(), *status = j_object();
	char *problem = exit_node_apply(status, s, p);
	size_t n = j_len(prefs_get(p, PF_EXIT_NODE_PRIORITY));
	if (n > 16 || (problem && n) || (!problem && strchr(s, ',') && n < 2))
		abort();
	free(problem);
	j_free(p);
	j_free(status);
}

static void check_duration(const char *s)
{
	int64_t ns, again;
	char text[DURATION_MAX];
	if (duration_decode(s, &ns) == 0 &&
	    (duration_decode(duration_encode(ns, text), &again) || again != ns))
		abort();
}

static void check_text(const char *s)
{
	struct buf b;
	buf_init(&b, 16u << 20);
	text_clean(&b, s);
	for (const char *p = buf_cstr(&b); *p; p++)
		if ((uint8_t)*p < ' ' || *p == 0x7f)
			abort();
	char *again = text_clean_new(buf_cstr(&b));
	if (strcmp(again, buf_cstr(&b)) != 0)
		abort();
	free(again);
	buf_reset(&b);
	text_shell_quote(&b, s);
	text_quote(&b, s);
	text_host_label(&b, s);
	(void)text_from_punycode(&b, s);
	buf_reset(&b);
	table_format(span_str(s), 2, 2, &b);
	buf_fini(&b);
}

static void check_flags(char *s)
{
	struct setting_values v;
	struct flag flags[48];
	char *argv[ARGS_MAX], **rest = argv, *err = NULL;
	size_t n;
	int argc = 0;
	setting_defaults(&v);
	struct flag_set set = { .command = "x",
				.args = "",
				.flags = flags,
				.n = setting_flags(SETTING_UP, &v, flags) };
	for (char *w; s && argc < ARGS_MAX && (w = strsep(&s, "\n"));)
		argv[argc++] = w;
	FILE *f = open_memstream(&err, &n);
	enum flags_result r = flags_parse(&set, &argc, &rest, f);
	fclose(f);
	if ((r == FLAGS_OK) != (n == 0))
		abort(); /* silent when it worked, and only then */
	(void)setting_refused(&set, &v);
	free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len > 65536)
		return 0;
	char *s = malloc(len + 1);
	if (!s)
		abort();
	if (len)
		memcpy(s, p, len);
	s[len] = '\0';
	check_routes(s);
	check_tags(s);
	check_accepted(s);
	check_exit_nodes(s);
	check_duration(s);
	check_text(s);
	check_flags(s);
	free(s);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		"192.168.0.0/16,10.0.0.0/8,192.168.0.0/16,fd00::/8",
		"0.0.0.0/0,::/0,10.1.0.0/16",
		"10.0.0.1/8",
		"server,tag:web,tag:1a",
		"a-b.example",
		"1h30m2.25s",
		"-500ms",
		("--login-server=https://"
		 "hs.example.com\n--accept-routes\n--hostname\nx\n--ssh=false\nrest"),
		"--nope\n--accept-dns=maybe",
		"xn--mnchen-3ya.example",
		"\x1b[31m\xe2\x80\xae\xff\tcell\t\nx\ty\t\n",
		"it's $(here)",
		"auto",
		"fra,ams,any",
		"100.64.0.0/10,fd7a:115c:a1e0:b1a:0:7:a01:100/120",
	};
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_str(seeds[i]);
	return true;
}
