/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flags.h: command lines as Go's flag package reads them: -x and --x alike, --x=v and --x v, bools
 * only with '=', parsing stops at the first other word or behind "--", a flag given twice is an
 * error. Texts: shared/spec/cli-localapi.md 10.1. Pure but for what it prints. */
#ifndef CLI_FLAGS_H
#define CLI_FLAGS_H

#include "base/bytes.h"

#include <limits.h>
#include <stdio.h>

/* FLAG_WORD: a bool that may say more: "true" without '=', else any text that its check takes. */
enum flag_kind { FLAG_BOOL, FLAG_STRING, FLAG_INT, FLAG_DURATION, FLAG_WORD };

/* Where a value goes. Bool: bool; string, word: const char * (borrowed from argv); int: int64_t;
 * duration: int64_t nanoseconds. The caller stores the defaults before parsing. */
struct flag {
	const char *name;
	enum flag_kind kind;
	void *value;
	const char *help;		  /* NULL: hidden */
	const char *shown;		  /* default as the usage shows it; NULL: none */
	char *(*check)(const char *text); /* word: NULL, or what may be said instead (new) */
	const char *same_as; /* this is another spelling of that flag, which has the value */
	bool given;
};

/* Entries of a flag table: kind BOOL, STRING, INT or DURATION. */
#define FLAG(k, n, v, h)                                                                           \
	{                                                                                          \
		.name = n, .kind = FLAG_##k, .value = v, .help = h                                 \
	}
#define FLAG_SHOWN(k, n, v, s, h)                                                                  \
	{                                                                                          \
		.name = n, .kind = FLAG_##k, .value = v, .shown = s, .help = h                     \
	}
/* The table in its set. */
#define FLAGS(table) .flags = table, .n = ARRAY_LEN(table)

#define WORDS_ANY INT_MAX

struct flag_set {
	const char *command; /* "meshctl up" */
	const char *summary; /* first line of the usage */
	const char *args;    /* what follows the name: "[flags] <hostname-or-IP>" */
	const char *text;    /* longer explanation, or NULL */
	struct flag *flags;
	size_t n;
	int words;	      /* how many may follow the flags */
	const char *too_many; /* what to say when there are more; NULL: that, and which */
};

enum flags_result { FLAGS_OK, FLAGS_HELP, FLAGS_BAD };

/* Takes the flags off the front of argv (argc and argv are moved past them). FLAGS_HELP and
 * FLAGS_BAD have printed to err; the exit codes are 0 and 2. */
enum flags_result flags_parse(struct flag_set *set, int *argc, char ***argv, FILE *err);
/* Exit code after a result that is not FLAGS_OK. */
static inline int flags_exit(enum flags_result r)
{
	return r == FLAGS_HELP ? 0 : 2;
}
/* The flag of that name, other spellings resolved, or NULL. */
struct flag *flags_find(struct flag_set *set, const char *name);
bool flags_given(struct flag_set *set, const char *name);
bool flags_any_given(const struct flag_set *set);
void flags_usage(const struct flag_set *set, FILE *err);

/* "1h30m", "500ms", "-2s", "0"; a number without unit is refused. 0, -ERR_SYNTAX, -ERR_RANGE. */
MUST_CHECK int duration_decode(const char *text, int64_t *ns);
/* As Go prints it: "0s", "45ms", "1.5s", "1m0s". out holds DURATION_MAX. */
#define DURATION_MAX 40
const char *duration_encode(int64_t ns, char out[static DURATION_MAX]);

#endif
