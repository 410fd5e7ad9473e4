/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which peer --exit-node means. */
#include "base/alloc.h"
#include "cli/pref_args.h"
#include "cli/status_view.h"
#include "cli/text.h"

#include <stdlib.h>

static char *refuse(const char *before, const char *value, const char *after)
{
	struct buf b;
	buf_init(&b, 65536);
	buf_add_str(&b, before);
	text_quote(&b, value);
	buf_add_str(&b, after);
	char *s = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

static const json_t *find_ip(const json_t *status, struct ip ip)
{
	json_t *map = j_get(status, "Peer");
	for (void *it = j_is_object(map) ? j_iter(map) : NULL; it; it = j_iter_next(map, it))
		if (peer_has_ip(j_iter_value(it), ip))
			return j_iter_value(it);
	return NULL;
}

/* While not running there is no list of peers to check against. */
static char *apply_ip(const json_t *status, struct ip ip, json_t *prefs)
{
	char text[IP_TEXT_MAX];
	ip_encode(ip, text);
	if (status_is(status, "Running")) {
		const json_t *peer = find_ip(status, ip);
		if (peer_has_ip(j_get(status, "Self"), ip))
			return xasprintf(
			    "cannot use %s as an exit node as it is a local IP address to this "
			    "machine; did you mean --advertise-exit-node?",
			    text);
		if (!peer)
			return xasprintf("no node found in netmap with IP %s", text);
		if (!j_bool(peer, "ExitNodeOption", false))
			return xasprintf("node %s is not advertising an exit node", text);
	}
	prefs_set(prefs, PF_EXIT_NODE_IP, j_string(text));
	return NULL;
}

static char *apply_name(const json_t *status, const char *name, json_t *prefs)
{
	json_t *map = j_get(status, "Peer");
	const json_t *match = NULL;
	size_t n = 0;
	for (void *it = j_is_object(map) ? j_iter(map) : NULL; it; it = j_iter_next(map, it)) {
		if (!peer_is_named(j_iter_value(it), status_suffix(status), name))
			continue;
		match = j_iter_value(it);
		n++;
	}
	if (n > 1)
		return refuse("ambiguous exit node name ", name, "");
	if (n == 0 || !*peer_first_ip(match))
		return refuse("invalid value ", name,
			      " for --exit-node; must be IP or peer hostname");
	if (!j_bool(match, "ExitNodeOption", false))
		return refuse("node ", name, " is not advertising an exit node");
	prefs_set(prefs, PF_EXIT_NODE_IP, j_string(peer_first_ip(match)));
	return NULL;
}

char *exit_node_apply(const json_t *status, const char *value, json_t *prefs)
{
	struct ip ip;
	prefs_set(prefs, PF_EXIT_NODE_ID, j_string(""));
	prefs_set(prefs, PF_EXIT_NODE_IP, j_string(""));
	if (!*value)
		return NULL;
	if (strcmp(value, "auto:any") == 0) {
		prefs_set(prefs, PF_AUTO_EXIT_NODE, j_string("any"));
		return NULL;
	}
	if (ip_decode(span_str(value), &ip) == 0)
		return apply_ip(status, ip, prefs);
	return apply_name(status, value, prefs);
}
