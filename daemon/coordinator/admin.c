/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/admin.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void call_end(struct admin_call *call, json_t *reply)
{
	call->reply(call->arg, reply);
	store_cancel(&call->sync);
	j_free(call->result);
	j_free(call->args);
	free(call);
}

void admin_ok(struct admin_call *call, json_t *taken)
{
	json_t *reply = j_object();

	j_set(reply, "result", taken ? taken : j_object());
	call_end(call, reply);
}

static void on_stored(struct store_wait *w, int err)
{
	struct admin_call *call = w->arg;
	json_t *result = call->result;

	call->result = NULL;
	if (err == 0) {
		admin_ok(call, result);
		return;
	}
	j_free(result);
	admin_fail(call, "done, but the state could not be written: %s", err_text(err));
}

void admin_ok_stored(struct admin_call *call, json_t *taken)
{
	call->result = taken ? taken : j_object();
	store_touch(call->coord->store);
	store_sync(call->coord->store, &call->sync, on_stored, call);
}

void admin_fail(struct admin_call *call, const char *fmt, ...)
{
	json_t *reply = j_object();
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	j_set_str(reply, "error", text);
	call_end(call, reply);
}

const char *admin_str(const struct admin_call *call, const char *name)
{
	const char *s = j_str(call->args, name);

	return s ? s : "";
}

struct node *admin_node(struct admin_call *call)
{
	const char *text = admin_str(call, "node");
	struct node *n = registry_node_by_text(&call->coord->st.reg, text);

	if (!n)
		admin_fail(call, "no node \"%.64s\"; see: meshcoord node list", text);
	return n;
}

static admin_fn *find(const struct admin_verb *verbs, const char *name)
{
	for (; verbs->name; verbs++)
		if (strcmp(verbs->name, name) == 0)
			return verbs->fn;
	return NULL;
}

void admin_start(struct coord *c, struct span line, void (*reply)(void *arg, json_t *reply),
		 void *arg)
{
	const struct admin_verb *tables[] = { admin_key_verbs, admin_node_verbs,
					      admin_debug_verbs, admin_dns_verbs };
	struct admin_call *call = xcalloc(1, sizeof(*call));
	struct j_error err = { "" };
	admin_fn *fn = NULL;

	call->coord = c;
	call->reply = reply;
	call->arg = arg;
	store_wait_init(&call->sync);
	call->args = j_parse(line, ADMIN_LINE_MAX, &err);
	if (!j_is_object(call->args)) {
		admin_fail(call, "not a JSON object: %s", err.text);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(tables) && !fn; i++)
		fn = find(tables[i], admin_str(call, "verb"));
	if (fn)
		fn(call);
	else
		admin_fail(call, "unknown verb \"%.64s\"", admin_str(call, "verb"));
}
