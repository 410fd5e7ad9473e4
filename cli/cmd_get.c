/* SPDX-License-Identifier: GPL-2.0-or-later */
/* get: the preferences by the names `set` gives them. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/print.h"
#include "cli/settings.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <stdlib.h>

struct get {
	struct cli *c;
	json_t *prefs, *status;
	bool json, set_flags;
	const char *name; /* NULL: all */
};

static bool wanted(const struct get *g, const struct setting *s)
{
	return (s->verbs & SETTING_SET) && (!g->name || strcmp(g->name, s->name) == 0);
}

/* New. */
static char *value(const struct get *g, const struct setting *s)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	setting_text(s, g->prefs, g->status, &b);
	char *v = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return v;
}

static void add_flag(struct buf *b, const struct setting *s, const char *v)
{
	buf_fmt(b, "%s--%s", b->len ? " " : "", s->name);
	if (setting_is_bool(s) && strcmp(v, "true") == 0)
		return;
	buf_add_str(b, "=");
	if (*v)
		text_shell_quote(b, v);
}

static void print_flags(const struct get *g)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < n_settings; i++) {
		if (!wanted(g, &settings[i]))
			continue;
		char *v = value(g, &settings[i]);
		add_flag(&b, &settings[i], v);
		free(v);
	}
	print_clean(g->c->out, buf_cstr(&b));
	fputc('\n', g->c->out);
	buf_fini(&b);
}

static bool is_bool_text(const char *v)
{
	return strcmp(v, "true") == 0 || strcmp(v, "false") == 0;
}

static void print_object(const struct get *g)
{
	json_t *o = j_object();
	for (size_t i = 0; i < n_settings; i++) {
		if (!wanted(g, &settings[i]))
			continue;
		char *v = value(g, &settings[i]);
		if (setting_is_bool(&settings[i]) && is_bool_text(v))
			j_set_bool(o, settings[i].name, strcmp(v, "true") == 0);
		else
			j_set_str(o, settings[i].name, v);
		free(v);
	}
	print_json(g->c->out, o, J_INDENT_2, true);
	j_free(o);
}

static void print_all(const struct get *g)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_add_str(&b, "NAME\tVALUE\n");
	for (size_t i = 0; i < n_settings; i++) {
		if (!wanted(g, &settings[i]))
			continue;
		char *v = value(g, &settings[i]);
		buf_fmt(&b, "%s\t", settings[i].name);
		text_clean(&b, v);
		buf_add_str(&b, "\n");
		free(v);
	}
	print_table(g->c->out, &b, 0, 2);
	buf_fini(&b);
}

static void print_one(const struct get *g)
{
	char *v = value(g, setting_find(g->name));
	print_clean(g->c->out, v);
	fputc('\n', g->c->out);
	free(v);
}

static int show(struct get *g)
{
	if (!(g->prefs = cli_get(g->c, LAPI "prefs")) ||
	    !(g->status = cli_status(g->c, true, false)))
		return CLI_FAIL;
	const struct setting *s = g->name ? setting_find(g->name) : NULL;
	if (g->name && (!s || !(s->verbs & SETTING_SET)))
		return cli_fail(g->c,
				"unknown setting \"%s\"; see \"" CLI_PROG
				" set --help\" for valid settings",
				g->name);
	if (g->json)
		print_object(g);
	else if (g->set_flags)
		print_flags(g);
	else if (g->name)
		print_one(g);
	else
		print_all(g);
	return CLI_OK;
}

int cmd_get(struct cli *c, int argc, char **argv)
{
	struct get g = { .c = c };
	struct flag flags[] = {
		FLAG(BOOL, "json", &g.json, "output in JSON format"),
		FLAG(BOOL, "set-flags", &g.set_flags, "output as flags for \"" CLI_PROG " set\""),
	};
	struct flag_set set = { .command = CLI_PROG " get",
				.summary = "Show current preference values",
				.args = "[flags] [<name>|all]",
				FLAGS(flags),
				.words = 1 };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	g.name = argc == 1 && strcmp(argv[0], "all") != 0 ? argv[0] : NULL;
	code = show(&g);
	j_free(g.prefs);
	j_free(g.status);
	return code;
}
