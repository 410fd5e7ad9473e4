/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/options.h"

#include "base/bytes.h"

static const struct {
	const char *name;
	bool flag;
} table[OPT_COUNT] = {
	[OPT_STATE] = { "state", false },
	[OPT_LISTEN] = { "listen", false },
	[OPT_URL] = { "url", false },
	[OPT_STUN] = { "stun", false },
	[OPT_TLS_CERT] = { "tls-cert", false },
	[OPT_TLS_KEY] = { "tls-key", false },
	[OPT_BASE_DOMAIN] = { "base-domain", false },
	[OPT_POLICY] = { "policy", false },
	[OPT_DNS] = { "dns", false },
	[OPT_VERBOSE] = { "verbose", true },
	[OPT_REUSABLE] = { "reusable", true },
	[OPT_EPHEMERAL] = { "ephemeral", true },
	[OPT_TAGS] = { "tags", false },
	[OPT_EXPIRY] = { "expiry", false },
	[OPT_USER] = { "user", false },
	[OPT_JSON] = { "json", true },
};

static int find(const char *name, size_t len)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return i;
	return -1;
}

/* One "--name", "--name=value" or "--name value"; returns how many arguments it took, 0 on error.
 */
static int take_option(char **argv, int left, struct options *out, const char **why)
{
	const char *name = argv[0] + 2, *eq = strchr(name, '=');
	int id = find(name, eq ? (size_t)(eq - name) : strlen(name));

	if (id < 0) {
		*why = "unknown option";
		return 0;
	}
	if (table[id].flag) {
		*why = "takes no value";
		out->value[id] = "";
		return eq ? 0 : 1;
	}
	*why = "needs a value";
	out->value[id] = eq ? eq + 1 : left > 1 ? argv[1] : NULL;
	if (!out->value[id])
		return 0;
	return eq ? 1 : 2;
}

bool options_parse(int argc, char **argv, struct options *out, const char **why, const char **what)
{
	bool words_only = false;

	*out = (struct options){ 0 };
	for (int i = 1; i < argc;) {
		int used = 1;

		*what = argv[i];
		*why = "too many arguments";
		if (!words_only && strcmp(argv[i], "--") == 0) {
			words_only = true;
		} else if (!words_only &&
			   (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
			out->help = true;
		} else if (!words_only && strncmp(argv[i], "--", 2) == 0) {
			used = take_option(argv + i, argc - i, out, why);
			if (!used)
				return false;
		} else if (out->n_words < WORDS_MAX) {
			out->words[out->n_words++] = argv[i];
		} else {
			return false;
		}
		i += used;
	}
	return true;
}

const char *options_foreign(const struct options *o, unsigned allowed)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (o->value[i] && !(allowed & OPT_BIT(i)))
			return table[i].name;
	return NULL;
}

int64_t duration_seconds(const char *text)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	size_t n = strlen(text);
	uint64_t v;

	if (strcmp(text, "0") == 0)
		return 0;
	for (size_t i = 0; n > 1 && i < sizeof(units) / sizeof(units[0]); i++)
		if (text[n - 1] == units[i].unit &&
		    u64_decode(span_of(text, n - 1), 1000000, &v) == 0)
			return (int64_t)v * units[i].seconds;
	return -1;
}
