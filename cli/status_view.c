/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/status_view.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

bool status_is(const json_t *status, const char *backend_state)
{
	return str_cmp(j_str(status, "BackendState"), backend_state) == 0;
}

bool status_usable(const json_t *status, char **why)
{
	const char *state = j_str(status, "BackendState");
	const char *url = j_str(status, "AuthURL");
	if (status_is(status, "Running") || status_is(status, "Starting"))
		return true;
	if (status_is(status, "Stopped"))
		*why = xstrdup("Tailscale is stopped.");
	else if (status_is(status, "NeedsLogin") && url && *url)
		*why = xasprintf("Logged out.\nLog in at: %s", url);
	else if (status_is(status, "NeedsLogin"))
		*why = xstrdup("Logged out.");
	else if (status_is(status, "NeedsMachineAuth"))
		*why = xstrdup("Machine is not yet approved by tailnet admin.");
	else
		*why = xasprintf("unexpected state: %s", state ? state : "");
	return false;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = j_str(o, name);
	return s ? s : "";
}

const char *peer_dns_name(const json_t *peer)
{
	return text_of(peer, "DNSName");
}

const char *peer_first_ip(const json_t *peer)
{
	const char *s = j_text(j_at(j_get(peer, "TailscaleIPs"), 0));
	return s ? s : "";
}

const char *status_suffix(const json_t *status)
{
	return text_of(status, "MagicDNSSuffix");
}

static int by_name(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int c = strcmp(peer_dns_name(x), peer_dns_name(y));
	if (!c)
		c = strcmp(text_of(x, "HostName"), text_of(y, "HostName"));
	if (!c)
		c = strcmp(peer_first_ip(x), peer_first_ip(y));
	return c ? c : strcmp(text_of(x, "PublicKey"), text_of(y, "PublicKey"));
}

json_t **status_sorted_peers(const json_t *status, size_t *n)
{
	json_t *map = j_get(status, "Peer");
	size_t room = j_len(map);
	json_t **peers = xcalloc(room ? room : 1, sizeof(json_t *));
	*n = 0;
	for (void *it = j_is_object(map) ? j_iter(map) : NULL; it; it = j_iter_next(map, it))
		if (j_is_object(j_iter_value(it)))
			peers[(*n)++] = j_iter_value(it);
	qsort(peers, *n, sizeof(*peers), by_name);
	return peers;
}

static struct span without_dot(const char *name)
{
	struct span s = span_str(name);
	if (s.len && s.p[s.len - 1] == '.')
		s.len--;
	return s;
}

struct span peer_short_name(const json_t *peer, const char *suffix)
{
	struct span name = without_dot(peer_dns_name(peer));
	size_t n = strlen(suffix);
	if (n && name.len > n + 1 && span_eq_str(span_from(name, name.len - n), suffix) &&
	    name.p[name.len - n - 1] == '.')
		name.len -= n + 1;
	return name;
}

static bool same_name(struct span a, struct span b)
{
	return a.len && a.len == b.len &&
	       strncasecmp((const char *)a.p, (const char *)b.p, a.len) == 0;
}

bool peer_is_named(const json_t *peer, const char *suffix, const char *name)
{
	struct span want = without_dot(name);
	return same_name(without_dot(peer_dns_name(peer)), want) ||
	       same_name(peer_short_name(peer, suffix), want);
}

bool peer_has_ip(const json_t *peer, struct ip ip)
{
	json_t *ips = j_get(peer, "TailscaleIPs");
	for (size_t i = 0; i < j_len(ips); i++) {
		struct ip have;
		const char *s = j_text(j_at(ips, i));
		if (s && ip_decode(span_str(s), &have) == 0 && ip_eq(have, ip))
			return true;
	}
	return false;
}

void peer_last_seen(const json_t *peer, wall_t now, struct buf *out)
{
	wall_t seen = j_time(peer, "LastSeen");
	if (wall_is_zero(seen))
		return;
	int64_t minutes = (now.s - seen.s) / 60;
	if (minutes < 60)
		buf_fmt(out, ", last seen %" PRId64 "m ago", minutes < 1 ? 1 : minutes);
	else if (minutes < 24 * 60)
		buf_fmt(out, ", last seen %" PRId64 "h ago", minutes / 60);
	else
		buf_fmt(out, ", last seen %" PRId64 "d ago", minutes / (24 * 60));
}

const char *status_ip_of_id(const json_t *status, const char *stable_id)
{
	json_t *map = j_get(status, "Peer");
	for (void *it = j_is_object(map) ? j_iter(map) : NULL; it; it = j_iter_next(map, it))
		if (strcmp(text_of(j_iter_value(it), "ID"), stable_id) == 0)
			return peer_first_ip(j_iter_value(it));
	return NULL;
}
