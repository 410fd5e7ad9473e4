/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/mapgen.h"

#include "daemon/coordinator/hostinfo.h"

#include <inttypes.h>
#include <stdio.h>

json_t *map_derp(const struct map_relay *relay)
{
	json_t *node = j_object(), *nodes = j_array(), *region = j_object();
	json_t *regions = j_object(), *map = j_object();
	char id[16];
	struct ip ip;

	snprintf(id, sizeof(id), "%d", MAP_REGION_ID);
	j_set_str(node, "Name", id);
	j_set_int(node, "RegionID", MAP_REGION_ID);
	j_set_str(node, "HostName", relay->host);
	if (relay->cert_name)
		j_set_str(node, "CertName", relay->cert_name);
	if (ip_decode(span_str(relay->host), &ip) == 0) {
		j_set_str(node, "IPv4", ip.fam == IP_V4 ? relay->host : "none");
		j_set_str(node, "IPv6", ip.fam == IP_V6 ? relay->host : "none");
	}
	j_set_int(node, "STUNPort", relay->stun_port);
	j_set_int(node, "DERPPort", relay->port);
	j_add(nodes, node);
	j_set_int(region, "RegionID", MAP_REGION_ID);
	j_set_str(region, "RegionCode", "mesh");
	j_set_str(region, "RegionName", "meshcoord");
	j_set(region, "Nodes", nodes);
	j_set(regions, id, region);
	j_set(map, "Regions", regions);
	j_set_bool(map, "omitDefaultRegions", true);
	return map;
}

json_t *map_user_profile(const struct registry *r, int64_t user)
{
	const struct user *u = registry_user(r, user);
	json_t *o = j_object();

	j_set_int(o, "ID", user);
	j_set_str(o, "LoginName", u ? u->name : "tagged-devices");
	j_set_str(o, "DisplayName", u ? u->name : "Tagged devices");
	return o;
}

static json_t *addresses(const struct node *n)
{
	struct prefixes p = { 0 };
	json_t *arr;

	prefixes_add(&p, prefix_host(n->v4));
	prefixes_add(&p, prefix_host(n->v6));
	arr = prefixes_json(&p);
	prefixes_fini(&p);
	return arr;
}

static json_t *allowed_ips(const struct node *n)
{
	json_t *arr = addresses(n);
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n->active.n; i++)
		j_add_str(arr, prefix_encode(n->active.v[i], text));
	return arr;
}

static void set_primary_routes(json_t *o, const struct node *n)
{
	json_t *arr = j_array();
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n->active.n; i++)
		if (!prefix_is_default(n->active.v[i]))
			j_add_str(arr, prefix_encode(n->active.v[i], text));
	if (j_len(arr))
		j_set(o, "PrimaryRoutes", arr);
	else
		j_free(arr);
}

static json_t *endpoints(const struct node *n)
{
	json_t *arr = j_array();
	char text[EP_TEXT_MAX];

	for (size_t i = 0; i < n->n_endpoints; i++)
		j_add_str(arr, ep_encode(n->endpoints[i], text));
	return arr;
}

static void set_identity(json_t *o, const struct node *n, const char *base_domain)
{
	char text[320], key[KEY_TEXT_MAX];

	j_set_int(o, "ID", n->id);
	snprintf(text, sizeof(text), "%" PRId64, n->id);
	j_set_str(o, "StableID", text);
	snprintf(text, sizeof(text), "%s.%s.", n->name, base_domain);
	j_set_str(o, "Name", text);
	j_set_int(o, "User", n->user);
	j_set_str(o, "Key", node_key_encode(&n->key, key));
	if (!wall_is_zero(n->expiry))
		j_set_time(o, "KeyExpiry", n->expiry);
	j_set_str(o, "Machine", machine_key_encode(&n->machine, key));
	if (!disco_key_is_zero(&n->disco))
		j_set_str(o, "DiscoKey", disco_key_encode(&n->disco, key));
}

static json_t *capabilities(const struct node *n)
{
	json_t *caps = j_object();

	for (size_t i = 0; i < n->caps.n; i++)
		j_set(caps, n->caps.v[i], j_array());
	return caps;
}

/* What self and peer entries have in common. */
static json_t *node_common(const struct node *n, const char *base_domain, wall_t now)
{
	json_t *o = j_object();

	set_identity(o, n, base_domain);
	j_set(o, "Addresses", addresses(n));
	j_set(o, "AllowedIPs", allowed_ips(n));
	if (n->n_endpoints)
		j_set(o, "Endpoints", endpoints(n));
	if (n->home_derp)
		j_set_int(o, "HomeDERP", n->home_derp);
	j_set_time(o, "Created", n->created);
	j_set_int(o, "Cap", n->cap);
	if (n->tags.n)
		j_set(o, "Tags", strv_json(&n->tags));
	set_primary_routes(o, n);
	j_set_bool(o, "MachineAuthorized", true);
	if (node_expired(n, now))
		j_set_bool(o, "Expired", true);
	return o;
}

json_t *map_self(const struct node *n, const char *base_domain, wall_t now)
{
	json_t *o = node_common(n, base_domain, now), *caps = capabilities(n);

	j_set(o, "Hostinfo", n->hostinfo ? j_ref(n->hostinfo) : j_object());
	j_set_bool(o, "Online", true);
	j_set(caps, "https://tailscale.com/cap/is-admin", j_array());
	j_set(caps, "https://tailscale.com/cap/file-sharing", j_array());
	j_set(o, "CapMap", caps);
	return o;
}

json_t *map_peer(const struct node *n, const char *base_domain, wall_t now)
{
	json_t *o = node_common(n, base_domain, now);

	j_set(o, "Hostinfo", hostinfo_for_peers(n->hostinfo));
	if (n->caps.n)
		j_set(o, "CapMap", capabilities(n));
	j_set_bool(o, "Online", node_online(n));
	if (!wall_is_zero(n->last_seen))
		j_set_time(o, "LastSeen", n->last_seen);
	return o;
}

json_t *map_patch(const struct node *n, unsigned what)
{
	json_t *o = j_object();
	char key[KEY_TEXT_MAX];

	j_set_int(o, "NodeID", n->id);
	if ((what & NODE_HOME) && n->home_derp)
		j_set_int(o, "DERPRegion", n->home_derp);
	if ((what & NODE_ENDPOINTS) && n->n_endpoints)
		j_set(o, "Endpoints", endpoints(n));
	if (what & NODE_KEY)
		j_set_str(o, "Key", node_key_encode(&n->key, key));
	if (what & NODE_DISCO)
		j_set_str(o, "DiscoKey", disco_key_encode(&n->disco, key));
	if (what & NODE_ONLINE) {
		j_set_bool(o, "Online", node_online(n));
		if (!wall_is_zero(n->last_seen))
			j_set_time(o, "LastSeen", n->last_seen);
	}
	if (what & NODE_EXPIRY)
		j_set_time(o, "KeyExpiry", n->expiry);
	return o;
}
