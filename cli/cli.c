/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cli.h"

#include "base/alloc.h"
#include "cli/flags.h"
#include "cli/verbs.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

static const struct cli_verb verbs[] = {
	{ "up", "Connect to Tailscale, logging in if needed", cmd_up },
	{ "down", "Disconnect from Tailscale", cmd_down },
	{ "set", "Change specified preferences", cmd_set },
	{ "get", "Show current preference values", cmd_get },
	{ "login", "Log in to a Tailscale account", cmd_login },
	{ "logout", "Disconnect from Tailscale and expire current node key", cmd_logout },
	{ "switch", "Switch to a different Tailscale account", cmd_switch },
	{ "netcheck", "Print an analysis of local network conditions", cmd_netcheck },
	{ "ip", "Show Tailscale IP addresses", cmd_ip },
	{ "dns", "Diagnose the internal DNS forwarder", cmd_dns },
	{ "status", "Show state of meshd and its connections", cmd_status },
	{ "metrics", "Show Tailscale metrics", cmd_metrics },
	{ "ping", "Ping a host at the Tailscale layer, see how it routed", cmd_ping },
	{ "version", "Print the version", cmd_version },
	{ "bugreport", "Print a shareable identifier to help diagnose issues", cmd_bugreport },
	{ "exit-node", "Show machines on your tailnet configured as exit nodes", cmd_exit_node },
	{ "whois", "Show the machine and user associated with a Tailscale IP (v4 or v6)",
	  cmd_whois },
	{ "whoami", "Show the machine and user identity of the current machine", cmd_whoami },
	{ "wait", "Wait for Tailscale interface/IPs to be ready for binding", cmd_wait },
	{ "debug", NULL, cmd_debug }, /* not in the list of commands */
};

int cli_fail(struct cli *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vfprintf(c->err, fmt, ap);
	va_end(ap);
	fputc('\n', c->err);
	return CLI_FAIL;
}

int cli_fail_why(struct cli *c, char *why)
{
	cli_fail(c, "%s", why ? why : "out of memory");
	free(why);
	return CLI_FAIL;
}

void cli_sleep_ms(const struct cli *c, int64_t ms)
{
	int64_t ns = ms * NS_PER_MS / (int64_t)c->hurry;
	struct timespec t = { .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };
	nanosleep(&t, NULL);
}

/* ---- dispatch ---------------------------------------------------------------------------------
 */

static const struct cli_verb *find(const struct cli_verb *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

static void list_verbs(const struct cli_verb *list, size_t n, struct buf *out)
{
	size_t width = 0;
	for (size_t i = 0; i < n; i++)
		if (list[i].summary && strlen(list[i].name) > width)
			width = strlen(list[i].name);
	buf_add_str(out, "SUBCOMMANDS");
	for (size_t i = 0; i < n; i++)
		if (list[i].summary)
			buf_fmt(out, "\n  %-*s%s", (int)width + 2, list[i].name, list[i].summary);
}

static void names(const struct cli_verb *list, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_fmt(out, "%s%s", i ? ", " : "", list[i].name);
}

static bool wants_help(int argc, char **argv)
{
	static const char *const words[] = { "-h", "--h", "-help", "--help" };
	for (size_t i = 0; argc > 0 && i < ARRAY_LEN(words); i++)
		if (strcmp(argv[0], words[i]) == 0)
			return true;
	return false;
}

static int group_usage(struct cli *c, const char *group, const char *summary,
		       const struct cli_verb *subs, size_t n)
{
	struct buf b;
	buf_init(&b, 65536);
	list_verbs(subs, n, &b);
	char *command = xasprintf(CLI_PROG " %s", group);
	const struct flag_set set = { .command = command,
				      .summary = summary,
				      .args = "<subcommand> [command flags]",
				      .text = buf_cstr(&b) };
	flags_usage(&set, c->err);
	free(command);
	buf_fini(&b);
	return CLI_OK;
}

int cli_run_group(struct cli *c, const char *group, const char *summary,
		  const struct cli_verb *subs, size_t n, int argc, char **argv)
{
	if (wants_help(argc, argv))
		return group_usage(c, group, summary, subs, n);
	if (argc == 0) {
		struct buf b;
		buf_init(&b, 65536);
		names(subs, n, &b);
		cli_fail(c, CLI_PROG " %s: missing subcommand: %s", group, buf_cstr(&b));
		buf_fini(&b);
		return CLI_FAIL;
	}
	const struct cli_verb *v = find(subs, n, argv[0]);
	if (!v)
		return cli_fail(c, CLI_PROG " %s: unknown subcommand: %s", group, argv[0]);
	return v->run(c, argc - 1, argv + 1);
}

static void root_text(struct buf *out)
{
	buf_add_str(out, "For help on subcommands, add --help after: \"" CLI_PROG
			 " status --help\".\n\n");
	list_verbs(verbs, ARRAY_LEN(verbs), out);
}

int cli_run(struct cli *c, int argc, char **argv)
{
	struct buf text;
	buf_init(&text, 65536);
	root_text(&text);
	struct flag flags[] = {
		{ .name = "socket",
		  .kind = FLAG_STRING,
		  .value = &c->socket,
		  .help = "path to meshd socket",
		  .shown = CLI_SOCKET_DEFAULT },
	};
	struct flag_set set = { .command = CLI_PROG,
				.summary = "Join a mesh network and reach its machines.",
				.args = "[flags] <subcommand> [command flags]",
				.text = buf_cstr(&text),
				.flags = flags,
				.n = ARRAY_LEN(flags) };
	c->argc = argc - 1;
	c->argv = argv + 1;
	argc--;
	argv++;
	int rc = CLI_OK;
	bool alone = argc == 1;
	if (alone && (strcmp(argv[0], "-V") == 0 || strcmp(argv[0], "--version") == 0)) {
		rc = cmd_version(c, 0, NULL);
		goto out;
	}
	enum flags_result parsed = flags_parse(&set, &argc, &argv, c->err);
	if (parsed != FLAGS_OK) {
		rc = parsed == FLAGS_HELP ? CLI_OK : CLI_USAGE;
	} else if (argc == 0 || (alone && strcmp(argv[0], "help") == 0)) {
		flags_usage(&set, c->err);
	} else {
		const struct cli_verb *v = find(verbs, ARRAY_LEN(verbs), argv[0]);
		rc = v ? v->run(c, argc - 1, argv + 1)
		       : cli_fail(c, CLI_PROG ": unknown subcommand: %s", argv[0]);
	}
out:
	buf_fini(&text);
	fflush(c->out);
	return rc;
}
