/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.h: the command line of meshcoord. An option that a verb does not take is an error that
 * names it, never ignored. */
#ifndef COORDINATOR_OPTIONS_H
#define COORDINATOR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_id {
	OPT_STATE,
	OPT_LISTEN,
	OPT_URL,
	OPT_STUN,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_BASE_DOMAIN,
	OPT_POLICY,
	OPT_DNS,
	OPT_VERBOSE,
	OPT_REUSABLE,
	OPT_EPHEMERAL,
	OPT_TAGS,
	OPT_EXPIRY,
	OPT_USER,
	OPT_JSON,
	OPT_COUNT
};

#define OPT_BIT(id) (1u << (id))
#define WORDS_MAX 8

struct options {
	const char *value[OPT_COUNT]; /* NULL: not given; "" for a flag that was */
	const char *words[WORDS_MAX]; /* what is no option, in order */
	size_t n_words;
	bool help;
};

/* Options and words in any order; "--" ends options. false with *why (static or borrowed from argv,
 * printed as "why: what"). */
bool options_parse(int argc, char **argv, struct options *out, const char **why, const char **what);
/* The first given option that is not in allowed; NULL if all are. */
const char *options_foreign(const struct options *o, unsigned allowed);
/* "90s", "15m", "24h", "7d", "0" into seconds; -1 if it is none. */
int64_t duration_seconds(const char *text);

#endif
