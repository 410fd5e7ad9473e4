/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/up_wait.h"

#include "base/alloc.h"
#include "cli/print.h"
#include "cli/text.h"

#include <stdlib.h>

enum { STATE_NEEDS_MACHINE_AUTH = 3, STATE_RUNNING = 6 };

/* {"AuthURL","BackendState"} with tabs; the last block, Running, is indented by two. */
static void print_block(struct up_wait *w, const char *url, const char *state, enum j_style style)
{
	json_t *o = j_object();
	if (url)
		j_set_str(o, "AuthURL", url);
	j_set_str(o, "BackendState", state);
	print_json(w->c->out, o, style, true);
	fflush(w->c->out);
	j_free(o);
}

static void ask_to_visit(struct up_wait *w, const char *what, const char *url)
{
	fprintf(w->c->err, "\n%s\n\n\t", what);
	print_clean(w->c->err, url);
	fprintf(w->c->err, "\n\n");
	fflush(w->c->err);
	w->said = true;
}

static void on_needs_approval(struct up_wait *w)
{
	char *url = xasprintf("%s/admin", w->control_url);
	if (w->json)
		print_block(w, NULL, "NeedsMachineAuth", J_INDENT_TAB);
	else
		ask_to_visit(w, "To approve your machine, visit (as admin):", url);
	free(url);
}

static bool url_is_news(const struct up_wait *w, const char *url)
{
	if (!*url || w->quiet_url || str_cmp(url, w->shown_url) == 0)
		return false;
	return !(w->force_reauth && str_cmp(url, w->old_url) == 0);
}

static void on_url(struct up_wait *w, const char *url)
{
	if (!url_is_news(w, url))
		return;
	str_set(&w->shown_url, url);
	if (w->json)
		print_block(w, url, "NeedsLogin", J_INDENT_TAB);
	else
		ask_to_visit(w, "To authenticate, visit:", url);
}

static void on_self(struct up_wait *w, const json_t *self)
{
	const char *key = j_str(self, "Key");
	if (key && str_cmp(key, w->old_key) != 0)
		w->new_key = true;
}

static void on_message(struct up_wait *w, const json_t *m)
{
	int64_t state = j_int(m, "State", -1);
	const char *url = j_str(m, "BrowseToURL");
	if (state == STATE_NEEDS_MACHINE_AUTH)
		on_needs_approval(w);
	if (state == STATE_RUNNING)
		w->running = true;
	if (j_get(m, "SelfChange"))
		on_self(w, j_get(m, "SelfChange"));
	if (url)
		on_url(w, url);
}

static int stream_ended(struct up_wait *w, struct lapi_error *e)
{
	bool timeout = e->fault == LAPI_TIMEOUT;
	if (!timeout)
		return cli_fail_why(w->c, e->text);
	free(e->text);
	return cli_fail(
	    w->c,
	    "timeout waiting for Tailscale service to enter a Running state; check health with "
	    "\"" CLI_PROG " status\"");
}

static int backend_error(struct up_wait *w, const char *message)
{
	fprintf(w->c->err, "backend error: ");
	print_clean(w->c->err, message);
	fputc('\n', w->c->err);
	return CLI_FAIL;
}

static int read_until_running(struct up_wait *w, struct lapi_stream *bus)
{
	while (!w->running || (w->force_reauth && !w->new_key)) {
		struct lapi_error e;
		json_t *m = lapi_stream_next(bus, w->deadline, &e);
		if (!m)
			return stream_ended(w, &e);
		const char *message = j_str(m, "ErrMessage");
		int rc = message ? backend_error(w, message) : CLI_OK;
		on_message(w, m);
		j_free(m);
		if (rc)
			return rc;
	}
	return CLI_OK;
}

int up_wait_running(struct up_wait *w, struct lapi_stream *bus)
{
	int rc = read_until_running(w, bus);
	free(w->shown_url);
	if (rc == CLI_OK && w->json)
		print_block(w, NULL, "Running", J_INDENT_2);
	else if (rc == CLI_OK && w->said)
		fprintf(w->c->err, "Success.\n");
	return rc;
}
