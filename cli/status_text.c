/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/status_text.h"

#include "base/alloc.h"
#include "cli/status_view.h"
#include "cli/table.h"
#include "cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (256u << 20)
#define LOCATION_SUFFIX "mullvad.ts.net."

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = j_str(o, name);
	return s ? s : "";
}

/* ---- cells of a row ---- */

static void add_name(const json_t *peer, const char *suffix, struct buf *out)
{
	if (!*peer_dns_name(peer)) {
		buf_add_str(out, "(\"");
		text_host_label(out, text_of(peer, "HostName"));
		buf_add_str(out, "\")");
		return;
	}
	struct span s = peer_short_name(peer, suffix);
	char *name = xstrndup((const char *)s.p, s.len);
	struct buf unicode;
	buf_init(&unicode, 1024);
	text_clean(out, name);
	if (strncmp(name, "xn-", 3) == 0 && text_from_punycode(&unicode, name)) {
		buf_add_str(out, " (");
		text_clean(out, buf_cstr(&unicode));
		buf_add_str(out, ")");
	}
	buf_fini(&unicode);
	free(name);
}

/* The login up to its "@"; whole if it has none. */
static void add_owner(const json_t *status, const json_t *peer, struct buf *out)
{
	char key[24];
	int64_t id = j_int(peer, "AltSharerUserID", 0);
	if (!id)
		id = j_int(peer, "UserID", 0);
	snprintf(key, sizeof(key), "%" PRId64, id);
	const char *login = j_str(j_get(j_get(status, "User"), key), "LoginName");
	if (!id) {
		buf_add_str(out, "-");
	} else if (!login) {
		buf_fmt(out, "userid:%s", key);
	} else {
		const char *at = strchr(login, '@');
		char *short_form = at ? xstrndup(login, (size_t)(at - login) + 1) : xstrdup(login);
		text_clean(out, short_form);
		free(short_form);
	}
}

static void add_offline(const json_t *peer, wall_t now, struct buf *out)
{
	if (j_bool(peer, "Online", false))
		return;
	buf_add_str(out, "; offline");
	peer_last_seen(peer, now, out);
}

static void add_idle(const json_t *peer, bool traffic, wall_t now, struct buf *out)
{
	if (j_bool(peer, "ExitNode", false)) {
		buf_add_str(out, "idle; exit node");
		add_offline(peer, now, out);
	} else if (j_bool(peer, "ExitNodeOption", false)) {
		buf_add_str(out, "idle; offers exit node");
		add_offline(peer, now, out);
	} else if (traffic) {
		buf_add_str(out, "idle");
		add_offline(peer, now, out);
	} else if (!j_bool(peer, "Online", false)) {
		buf_add_str(out, "offline");
		peer_last_seen(peer, now, out);
	} else {
		buf_add_str(out, "-");
	}
}

static void add_path(const json_t *peer, struct buf *out)
{
	const char *relay = text_of(peer, "Relay"), *addr = text_of(peer, "CurAddr");
	const char *peer_relay = text_of(peer, "PeerRelay");
	if (*addr) {
		buf_add_str(out, "direct ");
		text_clean(out, addr);
	} else if (*peer_relay) {
		buf_add_str(out, "peer-relay ");
		text_clean(out, peer_relay);
	} else if (*relay) {
		buf_add_str(out, "relay ");
		text_quote(out, relay);
	}
}

static void add_active(const json_t *peer, wall_t now, struct buf *out)
{
	buf_add_str(out, "active; ");
	if (j_bool(peer, "ExitNode", false))
		buf_add_str(out, "exit node; ");
	else if (j_bool(peer, "ExitNodeOption", false))
		buf_add_str(out, "offers exit node; ");
	add_path(peer, out);
	add_offline(peer, now, out);
}

static void add_state(const json_t *peer, wall_t now, struct buf *out)
{
	int64_t tx = j_int(peer, "TxBytes", 0), rx = j_int(peer, "RxBytes", 0);
	bool traffic = tx || rx;
	if (j_bool(peer, "Active", false))
		add_active(peer, now, out);
	else
		add_idle(peer, traffic, now, out);
	if (traffic)
		buf_fmt(out, ", tx %" PRId64 " rx %" PRId64, tx, rx);
}

static void add_row(const json_t *status, const json_t *peer, wall_t now, struct buf *out)
{
	text_clean(out, peer_first_ip(peer));
	buf_add_str(out, "\t");
	add_name(peer, status_suffix(status), out);
	buf_add_str(out, "\t");
	add_owner(status, peer, out);
	buf_add_str(out, "\t");
	text_clean(out, text_of(peer, "OS"));
	buf_add_str(out, "\t");
	add_state(peer, now, out);
	buf_add_str(out, "\t\n");
}

/* ---- the table ---- */

/* The thousands of a provider's exit nodes would bury one's own machines. */
static bool is_location_exit(const json_t *peer)
{
	const char *name = peer_dns_name(peer);
	size_t n = strlen(name), m = strlen(LOCATION_SUFFIX);
	return j_bool(peer, "ExitNodeOption", false) && !j_bool(peer, "ExitNode", false) && n > m &&
	       strcmp(name + n - m, LOCATION_SUFFIX) == 0;
}

static bool add_peers(const json_t *status, const struct status_view_opts *o, struct buf *cells)
{
	size_t n;
	bool hidden = false;
	json_t **peers = status_sorted_peers(status, &n);
	for (size_t i = 0; i < n; i++) {
		if (j_bool(peers[i], "ShareeNode", false))
			continue;
		if (is_location_exit(peers[i]))
			hidden = true;
		else if (!o->active || j_bool(peers[i], "Active", false))
			add_row(status, peers[i], o->now, cells);
	}
	free(peers);
	return hidden;
}

static void add_funnel(const json_t *config, struct buf *out)
{
	json_t *funnel = j_get(config, "AllowFunnel");
	bool any = false;
	for (void *it = j_is_object(funnel) ? j_iter(funnel) : NULL; it;
	     it = j_iter_next(funnel, it)) {
		const char *host = j_iter_key(it);
		size_t n = strcspn(host, ":");
		if (!j_truth(j_iter_value(it)))
			continue;
		if (!any)
			buf_add_str(out, "\n# Funnel on:\n");
		any = true;
		char *name = xstrndup(host, strcmp(host + n, ":443") == 0 ? n : strlen(host));
		buf_add_str(out, "#     - https://");
		text_clean(out, name);
		buf_add_str(out, "\n");
		free(name);
	}
	if (any)
		buf_add_str(out, "\n");
}

void status_health_text(const json_t *status, struct buf *out)
{
	json_t *health = j_get(status, "Health");
	if (!j_len(health))
		return;
	buf_add_str(out, "# Health check:\n");
	for (size_t i = 0; i < j_len(health); i++) {
		const char *s = j_text(j_at(health, i));
		buf_add_str(out, "#     - ");
		text_clean(out, s ? s : "");
		buf_add_str(out, "\n");
	}
}

void status_text(const json_t *status, const json_t *serve_config, const struct status_view_opts *o,
		 struct buf *out)
{
	struct buf cells;
	bool hidden = false;
	buf_init(&cells, TEXT_MAX);
	if (o->header) {
		buf_add_str(&cells, "IP\tHostname\tOwner\tOS\tStatus\t\n");
		buf_add_str(&cells, "--\t--------\t-----\t--\t------\t\n");
	}
	if (o->self)
		add_row(status, j_get(status, "Self"), o->now, &cells);
	if (o->peers)
		hidden = add_peers(status, o, &cells);
	if (hidden)
		buf_add_str(
		    &cells,
		    "\n# To see the full list of exit nodes, including location-based exit nodes, "
		    "run `meshctl exit-node list`\t\n");
	table_format(buf_span(&cells), 0, 2, out);
	buf_fini(&cells);
	if (j_len(j_get(status, "Health"))) {
		buf_add_str(out, "\n");
		status_health_text(status, out);
	}
	add_funnel(serve_config, out);
}
