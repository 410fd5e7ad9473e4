/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which peer --exit-node means. */
#include "base/alloc.h"
#include "cli/pref_args.h"
#include "cli/status_view.h"
#include "cli/text.h"

#include <stdlib.h>
#include <strings.h>

#define ANY "any"
#define LIST_MAX 16

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
static char *check_ip(const json_t *status, struct ip ip)
{
	char text[IP_TEXT_MAX];
	ip_encode(ip, text);
	if (!status_is(status, "Running"))
		return NULL;
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
	return NULL;
}

/* *peer: the one that the name means. */
static char *check_name(const json_t *status, const char *name, const json_t **peer)
{
	json_t *map = j_get(status, "Peer");
	size_t n = 0;
	for (void *it = j_is_object(map) ? j_iter(map) : NULL; it; it = j_iter_next(map, it)) {
		if (!peer_is_named(j_iter_value(it), status_suffix(status), name))
			continue;
		*peer = j_iter_value(it);
		n++;
	}
	if (n > 1)
		return refuse("ambiguous exit node name ", name, "");
	if (n == 0 || !*peer_first_ip(*peer))
		return refuse("invalid value ", name,
			      " for --exit-node; must be IP or peer hostname");
	if (!j_bool(*peer, "ExitNodeOption", false))
		return refuse("node ", name, " is not advertising an exit node");
	return NULL;
}

/* ---- an ordered list ---- */

static bool has(const json_t *list, const char *name)
{
	for (size_t i = 0; i < j_len(list); i++)
		if (strcasecmp(j_text(j_at(list, i)), name) == 0)
			return true;
	return false;
}

/* Names stay names: what they mean is looked up whenever the list is. Without a list of peers they
 * are taken as they are. */
static char *add_to_list(const json_t *status, const char *name, bool last, json_t *list)
{
	struct ip ip;
	const json_t *peer = NULL;
	char *problem = NULL;
	if (!*name)
		return xstrdup("the list of exit nodes has an empty name; say for example "
			       "--exit-node=fra,ams,any");
	if (has(list, name))
		return refuse("exit node ", name, " is in the list twice");
	if (j_len(list) == LIST_MAX)
		return xasprintf("more than %d exit nodes in the list", LIST_MAX);
	if (strcmp(name, ANY) == 0 && !last)
		return xstrdup("\"any\" must be the last in a list of exit nodes");
	if (ip_decode(span_str(name), &ip) == 0)
		problem = check_ip(status, ip);
	else if (strcmp(name, ANY) != 0 && status_is(status, "Running"))
		problem = check_name(status, name, &peer);
	if (!problem)
		j_add_str(list, name);
	return problem;
}

static char *apply_list(const json_t *status, const char *value, json_t *prefs)
{
	char *copy = xstrdup(value), *rest = copy, *problem = NULL;
	json_t *list = j_array();
	for (char *name; !problem && (name = strsep(&rest, ","));)
		problem = add_to_list(status, name, !rest, list);
	if (problem)
		j_free(list);
	else
		prefs_set(prefs, PF_EXIT_NODE_PRIORITY, list);
	free(copy);
	return problem;
}

/* ---- the flag ---- */

static bool is_list(const char *value)
{
	return strchr(value, ',') != NULL;
}

void exit_node_fields(const char *value, struct prefs_mask *mask)
{
	prefs_mask_add(mask, PF_EXIT_NODE_ID);
	prefs_mask_add(mask, PF_EXIT_NODE_IP);
	if (strncmp(value, "auto:", 5) == 0)
		prefs_mask_add(mask, PF_AUTO_EXIT_NODE);
	if (is_list(value))
		prefs_mask_add(mask, PF_EXIT_NODE_PRIORITY);
}

char *exit_node_apply(const json_t *status, const char *value, json_t *prefs)
{
	struct ip ip;
	const json_t *peer = NULL;
	char *problem;
	prefs_set(prefs, PF_EXIT_NODE_ID, j_string(""));
	prefs_set(prefs, PF_EXIT_NODE_IP, j_string(""));
	if (!*value)
		return NULL;
	if (is_list(value))
		return apply_list(status, value, prefs);
	if (strcmp(value, "auto:any") == 0) {
		prefs_set(prefs, PF_AUTO_EXIT_NODE, j_string(ANY));
		return NULL;
	}
	if (ip_decode(span_str(value), &ip) == 0) {
		char text[IP_TEXT_MAX];
		problem = check_ip(status, ip);
		if (!problem)
			prefs_set(prefs, PF_EXIT_NODE_IP, j_string(ip_encode(ip, text)));
		return problem;
	}
	problem = check_name(status, value, &peer);
	if (!problem)
		prefs_set(prefs, PF_EXIT_NODE_IP, j_string(peer_first_ip(peer)));
	return problem;
}
