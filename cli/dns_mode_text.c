/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/dns_mode_text.h"

#include "base/alloc.h"
#include "cli/dns_text.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>

#define SUFFIX_WIDTH 30

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = j_str(o, name);
	return s ? s : "";
}

static void add_clean_list(struct buf *out, const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		buf_add_str(out, i ? ", " : "");
		dns_resolver_text(out, j_at(list, i));
	}
}

/* ---- mode ------------------------------------------------------------------------------------- */

static void add_mode(const struct dns_mode_view *v, struct buf *out)
{
	const json_t *trace = j_get(v->dns, "Trace");
	buf_add_str(out, "The system is told by: ");
	text_clean(out, *text_of(v->dns, "Mode") ? text_of(v->dns, "Mode") : "unknown yet");
	buf_add_str(out, v->all || !j_len(trace) ? "\n"
						 : " (why: meshctl dns status --all)\n");
	for (size_t i = 0; v->all && i < j_len(trace); i++) {
		buf_add_str(out, "  - ");
		text_clean(out, j_text(j_at(trace, i)) ? j_text(j_at(trace, i)) : "");
		buf_add_str(out, "\n");
	}
}

static void add_installed(const struct dns_mode_view *v, struct buf *out)
{
	const json_t *o = j_get(v->dns, "Installed"), *servers = j_get(o, "Nameservers");
	const json_t *search = j_get(o, "SearchDomains"), *match = j_get(o, "MatchDomains");
	bool can = strcmp(text_of(v->dns, "Mode"), "noop") != 0;
	if (!can || (!j_len(servers) && !j_len(search))) {
		buf_fmt(out, "Installed: nothing, the system resolves as it does without %s\n",
			can ? "us" : "us: it cannot be told");
		return;
	}
	buf_add_str(out, "Installed: ");
	add_clean_list(out, servers);
	if (!j_len(servers))
		buf_add_str(out, "search domains alone");
	else if (j_len(match))
		buf_fmt(out, " for %zu suffixes", j_len(match));
	else
		buf_add_str(out, " for all names");
	if (j_len(search)) {
		buf_add_str(out, "; search ");
		add_clean_list(out, search);
	}
	buf_add_str(out, "\n");
}

static void add_base(const struct dns_mode_view *v, struct buf *out)
{
	const json_t *o = j_get(v->dns, "Base");
	if (!o)
		return;
	buf_add_str(out, "Before us: ");
	if (j_len(j_get(o, "Nameservers")))
		add_clean_list(out, j_get(o, "Nameservers"));
	else
		buf_add_str(out, "no servers");
	buf_add_str(out, "\n");
}

static void add_probe(const struct dns_mode_view *v, struct buf *out)
{
	if (v->probe != DNS_PROBE_NONE)
		buf_fmt(out, "%s: %s\n", v->service,
			v->probe == DNS_PROBE_ANSWERS
			    ? "answers"
			    : "does not answer from here; is there a rule or route for it of somebody "
			      "else? See: meshctl debug routes");
}

/* The daemon asks for its own name as any program would. */
static void add_verify(const struct dns_mode_view *v, struct buf *out)
{
	const json_t *o = j_get(v->dns, "Verify");
	const char *state = text_of(o, "State");
	bool good = strcmp(state, "good") == 0;
	if (!good && strcmp(state, "bad") != 0)
		return;
	buf_fmt(out, "The system's resolver %s names of this network",
		good ? "finds" : "does not find");
	if (*text_of(o, "Server")) {
		buf_add_str(out, " (asked at ");
		text_clean(out, text_of(o, "Server"));
		buf_add_str(out, ")");
	}
	buf_add_str(out, "\n");
}

/* ---- who answers ------------------------------------------------------------------------------ */

static bool is_reverse(const char *suffix)
{
	size_t n = strlen(suffix);
	return n >= 5 && strcmp(suffix + n - 5, ".arpa") == 0;
}

static void add_suffix(struct buf *out, const char *suffix)
{
	char *clean = text_clean_new(suffix);
	buf_fmt(out, "  - %-*s -> ", SUFFIX_WIDTH, clean);
	free(clean);
}

/* Returns how many zones of addresses there are: 65 lines that say the same. */
static size_t add_zones(const struct dns_mode_view *v, struct buf *out)
{
	const json_t *zones = j_get(v->dns, "LocalZones");
	size_t reverse = 0;
	for (size_t i = 0; i < j_len(zones); i++) {
		const char *zone = j_text(j_at(zones, i));
		if (!zone)
			continue;
		if (is_reverse(zone)) {
			reverse++;
			continue;
		}
		add_suffix(out, zone);
		buf_add_str(out, "this node\n");
	}
	return reverse;
}

/* Returns whom the root goes to. */
static const json_t *add_routes(const struct dns_mode_view *v, struct buf *out)
{
	const json_t *routes = j_get(v->dns, "Routes"), *root = NULL;
	for (size_t i = 0; i < j_len(routes); i++) {
		const json_t *r = j_at(routes, i), *to = j_get(r, "Resolvers");
		if (strcmp(text_of(r, "Suffix"), ".") == 0) {
			root = to;
		} else if (j_len(to)) {
			add_suffix(out, text_of(r, "Suffix"));
			add_clean_list(out, to);
			buf_add_str(out, "\n");
		}
	}
	return root;
}

/* Names in our own zone that others answer: the control server, relays. */
static void add_outside(const struct dns_mode_view *v, struct buf *out)
{
	const json_t *names = j_get(v->dns, "AskedOutside");
	for (size_t i = 0; i < j_len(names); i++) {
		add_suffix(out, j_text(j_at(names, i)) ? j_text(j_at(names, i)) : "");
		buf_add_str(out, "as everything else\n");
	}
}

static void add_rest(const struct dns_mode_view *v, const json_t *root, struct buf *out)
{
	const json_t *installed = j_get(v->dns, "Installed");
	bool primary = j_len(j_get(installed, "Nameservers")) &&
		       !j_len(j_get(installed, "MatchDomains"));
	add_suffix(out, "everything else");
	if (j_len(root))
		add_clean_list(out, root);
	else
		buf_add_str(out, primary ? "nobody" : "servers of this system");
	buf_add_str(out, "\n");
}

static void add_who(const struct dns_mode_view *v, struct buf *out)
{
	buf_add_str(out, "\nWho answers what:\n");
	size_t reverse = add_zones(v, out);
	add_outside(v, out);
	if (reverse) {
		char title[48];
		snprintf(title, sizeof(title), "%zu zones of addresses", reverse);
		add_suffix(out, title);
		buf_add_str(out, "this node\n");
	}
	add_rest(v, add_routes(v, out), out);
	buf_fmt(out, "This node knows %lld machines and %lld records by itself.\n",
		(long long)j_int(v->dns, "Nodes", 0), (long long)j_int(v->dns, "Records", 0));
}

/* ---- what is wrong ---------------------------------------------------------------------------- */

static void add_problems(const struct dns_mode_view *v, struct buf *out)
{
	static const struct {
		const char *member, *title;
	} problems[] = { { "Error", "The system could not be told" },
			 { "OverwrittenBy", "Somebody else writes the configuration" },
			 { "Warning", "Warning" },
			 { "Trouble", "Questions are not answered" } };
	const json_t *verify = j_get(v->dns, "Verify");
	bool any = false;
	for (size_t i = 0; i < ARRAY_LEN(problems); i++) {
		const char *text = text_of(v->dns, problems[i].member);
		if (!*text)
			continue;
		buf_fmt(out, "%s# %s: ", any ? "" : "\n", problems[i].title);
		text_clean(out, text);
		buf_add_str(out, "\n");
		any = true;
	}
	if (strcmp(text_of(verify, "State"), "bad") == 0 && *text_of(verify, "Text")) {
		buf_add_str(out, any ? "# " : "\n# ");
		text_clean(out, text_of(verify, "Text"));
		buf_add_str(out, "\n");
	}
}

void dns_mode_text(const struct dns_mode_view *v, struct buf *out)
{
	add_mode(v, out);
	add_installed(v, out);
	add_base(v, out);
	add_probe(v, out);
	add_verify(v, out);
	add_who(v, out);
	add_problems(v, out);
}
