/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/flags.h"

#include "base/alloc.h"

#include <stdlib.h>

struct flag *flags_find(struct flag_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->flags[i].name, name) == 0)
			return set->flags[i].same_as ? flags_find(set, set->flags[i].same_as)
						     : &set->flags[i];
	return NULL;
}

bool flags_given(struct flag_set *set, const char *name)
{
	const struct flag *f = flags_find(set, name);
	return f && f->given;
}

bool flags_any_given(const struct flag_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->flags[i].given)
			return true;
	return false;
}

/* ---- values ------------------------------------------------------------------------------ */

static int int_decode(const char *s, int64_t *out)
{
	bool negative = *s == '-';
	uint64_t n;
	int rc = u64_decode(span_str(s + (*s == '-' || *s == '+')), INT64_MAX, &n);
	if (rc)
		return rc;
	*out = negative ? -(int64_t)n : (int64_t)n;
	return 0;
}

/* NULL, or what is wrong (new). */
static char *store(struct flag *f, const char *text)
{
	int rc = 0;
	char *problem = NULL;
	switch (f->kind) {
	case FLAG_BOOL:
		rc = bool_decode(span_str(text), f->value);
		break;
	case FLAG_STRING:
		*(const char **)f->value = text;
		break;
	case FLAG_WORD:
		problem = f->check(text);
		if (!problem)
			*(const char **)f->value = text;
		return problem;
	case FLAG_INT:
		rc = int_decode(text, f->value);
		break;
	case FLAG_DURATION:
		rc = duration_decode(text, f->value);
		break;
	}
	if (rc == 0)
		return NULL;
	return xstrdup(rc == -ERR_RANGE ? "value out of range" : "parse error");
}

/* ---- usage --------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct flag *const *)a)->name, (*(struct flag *const *)b)->name);
}

static void print_flag(const struct flag *f, FILE *err)
{
	if (f->kind == FLAG_BOOL || f->kind == FLAG_WORD)
		fprintf(err, "  --%s, --%s=false\n", f->name, f->name);
	else
		fprintf(err, "  --%s %s\n", f->name,
			f->kind == FLAG_INT	   ? "int"
			: f->kind == FLAG_DURATION ? "duration"
						   : "value");
	fprintf(err, "    \t%s", f->help);
	if (f->shown)
		fprintf(err, " (default %s)", f->shown);
	fputc('\n', err);
}

static void print_flags(const struct flag_set *set, FILE *err)
{
	const struct flag **sorted = xcalloc(set->n, sizeof(struct flag *));
	for (size_t i = 0; i < set->n; i++)
		sorted[i] = &set->flags[i];
	qsort(sorted, set->n, sizeof(*sorted), by_name);
	fprintf(err, "\nFLAGS\n");
	for (size_t i = 0; i < set->n; i++)
		if (sorted[i]->help)
			print_flag(sorted[i], err);
	free(sorted);
}

void flags_usage(const struct flag_set *set, FILE *err)
{
	if (set->summary)
		fprintf(err, "%s\n\n", set->summary);
	fprintf(err, "USAGE\n  %s%s%s\n", set->command, *set->args ? " " : "", set->args);
	if (set->text)
		fprintf(err, "\n%s\n", set->text);
	if (set->n)
		print_flags(set, err);
}

/* ---- parsing -------------------------------------------------------------------------------- */

/* One flag of the command line taken apart. */
struct word {
	char name[64];
	const char *value; /* NULL: no '=' */
};

static bool split(const char *arg, struct word *w)
{
	arg += arg[1] == '-' ? 2 : 1;
	const char *eq = strchr(arg, '=');
	size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
	if (n == 0 || n >= sizeof(w->name) || arg[0] == '-')
		return false;
	memcpy(w->name, arg, n);
	w->name[n] = '\0';
	w->value = eq ? eq + 1 : NULL;
	return true;
}

static enum flags_result bad(const struct flag_set *set, FILE *err)
{
	flags_usage(set, err);
	return FLAGS_BAD;
}

/* The value of f: behind '=', implied for a bool, or the next word. NULL: there is none. */
static const char *value_of(const struct flag *f, const struct word *w, int *argc, char ***argv)
{
	if (w->value)
		return w->value;
	if (f->kind == FLAG_BOOL || f->kind == FLAG_WORD)
		return "true";
	if (*argc == 0)
		return NULL;
	(*argc)--;
	return *(*argv)++;
}

static enum flags_result assign(struct flag_set *set, struct flag *f, const struct word *w,
				const char *value, FILE *err)
{
	if (f->given) {
		fprintf(err, "invalid value \"%s\" for flag -%s: flag provided multiple times\n",
			value, w->name);
		return bad(set, err);
	}
	char *problem = store(f, value);
	if (problem && f->kind == FLAG_BOOL)
		fprintf(err, "invalid boolean value \"%s\" for -%s: %s\n", value, w->name, problem);
	else if (problem)
		fprintf(err, "invalid value \"%s\" for flag -%s: %s\n", value, w->name, problem);
	free(problem);
	if (problem)
		return bad(set, err);
	f->given = true;
	return FLAGS_OK;
}

static enum flags_result parse_one(struct flag_set *set, const char *arg, int *argc, char ***argv,
				   FILE *err)
{
	struct word w;
	if (!split(arg, &w)) {
		fprintf(err, "bad flag syntax: %s\n", arg);
		return bad(set, err);
	}
	struct flag *f = flags_find(set, w.name);
	if (!f && (strcmp(w.name, "help") == 0 || strcmp(w.name, "h") == 0)) {
		flags_usage(set, err);
		return FLAGS_HELP;
	}
	if (!f) {
		fprintf(err, "flag provided but not defined: -%s\n", w.name);
		return bad(set, err);
	}
	const char *value = value_of(f, &w, argc, argv);
	if (!value) {
		fprintf(err, "flag needs an argument: -%s\n", w.name);
		return bad(set, err);
	}
	return assign(set, f, &w, value, err);
}

enum flags_result flags_parse(struct flag_set *set, int *argc, char ***argv, FILE *err)
{
	while (*argc > 0) {
		const char *arg = **argv;
		if (arg[0] != '-' || arg[1] == '\0')
			return FLAGS_OK;
		(*argc)--;
		(*argv)++;
		if (strcmp(arg, "--") == 0)
			return FLAGS_OK;
		enum flags_result rc = parse_one(set, arg, argc, argv, err);
		if (rc != FLAGS_OK)
			return rc;
	}
	return FLAGS_OK;
}
