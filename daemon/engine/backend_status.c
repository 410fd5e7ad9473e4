/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Status value of the LocalAPI (shared/spec/cli-localapi.md 4.1). */
#include "base/alloc.h"
#include "daemon/engine/backend_priv.h"
#include "daemon/engine/exit_node.h"
#include "netstack/outbound.h"

#include <inttypes.h>
#include <stdio.h>

#define DEPRECATED_CAPS "https://tailscale.com/cap/see-capmap-instead"

static json_t *ips_of(const struct nm_node *n)
{
	json_t *a = j_array();
	char text[IP_TEXT_MAX];
	for (size_t i = 0; i < n->n_addresses; i++)
		if (prefix_is_host(n->addresses[i]) && ip_is_tailnet(n->addresses[i].ip))
			j_add_str(a, ip_encode(n->addresses[i].ip, text));
	return a;
}

static json_t *prefixes_of(const struct prefix *p, size_t n)
{
	json_t *a = j_array();
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < n; i++)
		j_add_str(a, prefix_encode(p[i], text));
	return a;
}

static json_t *endpoints_of(const struct ep *eps, size_t n)
{
	json_t *a = j_array();
	char text[EP_TEXT_MAX];
	for (size_t i = 0; i < n; i++)
		j_add_str(a, ep_encode(eps[i], text));
	return a;
}

static void set_list(json_t *o, const char *name, json_t *list, bool omit_empty)
{
	if (j_len(list) > 0) {
		j_set(o, name, list);
		return;
	}
	j_free(list);
	if (!omit_empty)
		j_set_null(o, name);
}

static const char *region_code(const struct backend *b, int id)
{
	const struct derp_region *r =
	    id && b->nm && b->nm->derp ? derp_map_find(b->nm->derp, id) : NULL;
	return r && r->code ? r->code : "";
}

static bool peerapi_url(const struct nm_node *n, enum ip_family fam, char out[PEERAPI_URL_MAX])
{
	char text[EP_TEXT_MAX];
	struct ep at = { nm_node_address(n, fam),
			 nm_node_service_port(n, fam == IP_V4 ? NM_SERVICE_PEERAPI4
							      : NM_SERVICE_PEERAPI6) };
	if (!at.port || !ip_is_set(at.ip))
		return false;
	snprintf(out, PEERAPI_URL_MAX, "http://%s", ep_encode(at, text));
	return true;
}

bool backend_peerapi_url(const struct nm_node *self, const struct nm_node *peer,
			 char out[static PEERAPI_URL_MAX])
{
	if (ip_is_set(nm_node_address(self, IP_V4)) && peerapi_url(peer, IP_V4, out))
		return true;
	return ip_is_set(nm_node_address(self, IP_V6)) && peerapi_url(peer, IP_V6, out);
}

static json_t *peerapi_urls(const struct nm_node *n)
{
	json_t *a = j_array();
	char url[PEERAPI_URL_MAX];
	if (peerapi_url(n, IP_V4, url))
		j_add_str(a, url);
	if (peerapi_url(n, IP_V6, url))
		j_add_str(a, url);
	return a;
}

static void set_caps(json_t *o, const struct nm_node *n, bool self)
{
	if (n->n_caps == 0)
		return;
	json_t *map = j_object(), *names = j_array();
	if (self)
		j_add_str(names, DEPRECATED_CAPS);
	for (size_t i = 0; i < n->n_caps; i++) {
		json_t *raw = n->caps[i].raw
				  ? j_parse(span_str(n->caps[i].raw), strlen(n->caps[i].raw), NULL)
				  : NULL;
		j_add_str(names, n->caps[i].name);
		j_set(map, n->caps[i].name, raw ? raw : j_null());
	}
	j_set(o, "Capabilities", names);
	j_set(o, "CapMap", map);
}

static json_t *strings(const char *const *v, size_t n)
{
	json_t *a = j_array();
	for (size_t i = 0; i < n; i++)
		j_add_str(a, v[i]);
	return a;
}

/* What self and peers have in common, up to the addresses. */
static json_t *head_of(const struct nm_node *n)
{
	json_t *o = j_object();
	char key[KEY_TEXT_MAX];
	j_set_str(o, "ID", n->stable_id);
	j_set_int(o, "NodeID", n->id);
	j_set_str(o, "PublicKey", node_key_encode(&n->key, key));
	j_set_str(o, "HostName", n->hostname);
	j_set_str(o, "DNSName", n->name);
	j_set_str(o, "OS", n->os);
	j_set_int(o, "UserID", n->user);
	if (n->sharer)
		j_set_int(o, "AltSharerUserID", n->sharer);
	set_list(o, "TailscaleIPs", ips_of(n), false);
	set_list(o, "AllowedIPs", prefixes_of(n->allowed_ips, n->n_allowed_ips), true);
	set_list(o, "Tags", strings(n->tags, n->n_tags), true);
	set_list(o, "PrimaryRoutes", prefixes_of(n->primary_routes, n->n_primary_routes), true);
	return o;
}

struct live {
	const char *cur; /* "" or ip:port */
	const char *relay;
	uint64_t rx, tx;
	wall_t last_write, last_handshake;
	bool online, active, exit_node, in_magicsock, in_engine;
	int taildrop;
};

static void set_live(json_t *o, const struct nm_node *n, const struct live *v)
{
	j_set_str(o, "CurAddr", v->cur);
	j_set_str(o, "Relay", v->relay);
	j_set_str(o, "PeerRelay", "");
	j_set_int(o, "RxBytes", (int64_t)v->rx);
	j_set_int(o, "TxBytes", (int64_t)v->tx);
	j_set_time(o, "Created", n->created);
	j_set_time(o, "LastWrite", v->last_write);
	j_set_time(o, "LastSeen", v->online ? WALL_ZERO : n->last_seen);
	j_set_time(o, "LastHandshake", v->last_handshake);
	j_set_bool(o, "Online", v->online);
	j_set_bool(o, "ExitNode", v->exit_node);
	j_set_bool(o, "ExitNodeOption", exit_node_offers(n));
	j_set_bool(o, "Active", v->active);
	set_list(o, "PeerAPIURL", peerapi_urls(n), false);
	j_set_int(o, "TaildropTarget", v->taildrop);
	j_set_str(o, "NoFileSharingReason", "");
}

static void set_tail(json_t *o, const struct nm_node *n, const struct live *v, bool self)
{
	set_caps(o, n, self);
	set_list(o, "sshHostKeys", strings(n->ssh_host_keys, n->n_ssh_host_keys), true);
	if (n->flags & NM_SHAREE)
		j_set_bool(o, "ShareeNode", true);
	j_set_bool(o, "InNetworkMap", true);
	j_set_bool(o, "InMagicSock", v->in_magicsock);
	j_set_bool(o, "InEngine", v->in_engine);
	if (nm_node_is_expired(n))
		j_set_bool(o, "Expired", true);
	if (!wall_is_zero(n->key_expiry))
		j_set_time(o, "KeyExpiry", (wall_t){ n->key_expiry.s, 0 });
	json_t *loc = n->location[0] ? j_parse(span_str(n->location), NM_STRING_MAX, NULL) : NULL;
	if (loc)
		j_set(o, "Location", loc);
}

static json_t *self_without_map(const struct backend *b)
{
	struct hostinfo_text t;
	backend_hostinfo_read(&t, &b->prefs);
	struct nm_node n = {
		.stable_id = "", .name = "", .hostname = t.hostname, .os = "linux", .location = ""
	};
	if (backend_has_node_key(b))
		node_priv_public(&b->prefs.config.node, &n.key);
	struct live v = { .cur = "", .relay = "" };
	json_t *o = head_of(&n);
	j_set_null(o, "Addrs");
	set_live(o, &n, &v);
	set_tail(o, &n, &v, true);
	j_set_bool(o, "InNetworkMap", false);
	return o;
}

static json_t *self_status(const struct backend *b)
{
	if (!b->nm)
		return self_without_map(b);
	const struct nm_node *n = b->nm->self;
	struct node_status s;
	node_status(b->node, &s);
	struct live v = { .cur = "", .relay = region_code(b, s.home), .online = b->polling };
	json_t *o = head_of(n);
	size_t n_eps = 0;
	const struct endpoint *eps = node_endpoints(b->node, &n_eps);
	json_t *a = j_array();
	char text[EP_TEXT_MAX];
	for (size_t i = 0; i < n_eps; i++)
		j_add_str(a, ep_encode(eps[i].ep, text));
	set_list(o, "Addrs", a, false);
	set_live(o, n, &v);
	set_tail(o, n, &v, true);
	return o;
}

/* Why files can or cannot be sent there; the order is the chapter's. */
static int taildrop_target(const struct backend *b, const struct nm_node *n, bool online)
{
	if (b->state != IPN_RUNNING)
		return 3;
	if (!nm_node_cap(b->nm->self, "https://tailscale.com/cap/file-sharing"))
		return 4;
	if (!online)
		return 5;
	if (strcmp(n->os, "tvOS") == 0)
		return 7;
	if (n->user != b->nm->self->user)
		return 9;
	if (!nm_node_service_port(n, NM_SERVICE_PEERAPI4) &&
	    !nm_node_service_port(n, NM_SERVICE_PEERAPI6))
		return 8;
	return 1;
}

static json_t *peer_status(const struct backend *b, const struct nm_node *n)
{
	struct node_peer_status ps = { 0 };
	char cur[EP_TEXT_MAX] = "";
	bool known = node_peer_status(b->node, &n->key, &ps);
	if (ep_is_set(ps.cur))
		ep_encode(ps.cur, cur);
	bool online = n->online == J_TRUE;
	struct live v = {
		.cur = cur,
		.relay = region_code(b, n->home_derp),
		.rx = ps.rx_bytes,
		.tx = ps.tx_bytes,
		.last_write = ps.last_write,
		.last_handshake = ps.last_handshake,
		.online = online,
		.active = ps.active,
		.exit_node =
		    b->prefs.exit_node_id[0] && strcmp(b->prefs.exit_node_id, n->stable_id) == 0,
		.in_magicsock = known && !disco_key_is_zero(&n->disco),
		.in_engine = ps.in_engine,
		.taildrop = taildrop_target(b, n, online),
	};
	json_t *o = head_of(n);
	set_list(o, "Addrs", endpoints_of(n->endpoints, n->n_endpoints), false);
	set_live(o, n, &v);
	set_tail(o, n, &v, false);
	return o;
}

static json_t *user_json(const struct nm_user *u)
{
	json_t *o = j_object();
	j_set_int(o, "ID", u->id);
	j_set_str(o, "LoginName", u->login);
	j_set_str(o, "DisplayName", u->display);
	if (u->picture && u->picture[0])
		j_set_str(o, "ProfilePicURL", u->picture);
	json_t *groups = u->groups ? j_parse(span_str(u->groups), 1u << 16, NULL) : NULL;
	if (groups)
		j_set(o, "Groups", groups);
	return o;
}

static json_t *users_status(const struct backend *b, bool all)
{
	json_t *o = j_object();
	for (size_t i = 0; i < b->nm->n_users; i++) {
		const struct nm_user *u = &b->nm->users[i];
		char id[24];
		if (!all && u->id != b->nm->self->user)
			continue;
		snprintf(id, sizeof(id), "%" PRId64, u->id);
		j_set(o, id, user_json(u));
	}
	return o;
}

static json_t *tailnet_status(const struct backend *b, const char *suffix)
{
	json_t *o = j_object();
	j_set_str(o, "Name", b->nm->domain);
	j_set_str(o, "MagicDNSSuffix", suffix);
	j_set_bool(o, "MagicDNSEnabled", b->nm->dns.proxied);
	return o;
}

static void set_exit_node(json_t *o, const struct backend *b)
{
	if (!b->prefs.exit_node_id[0] || !b->nm)
		return;
	for (size_t i = 0; i < b->nm->n_peers; i++) {
		const struct nm_node *n = b->nm->peers[i];
		if (strcmp(n->stable_id, b->prefs.exit_node_id) != 0)
			continue;
		json_t *e = j_object();
		j_set_str(e, "ID", n->stable_id);
		j_set_bool(e, "Online", n->online == J_TRUE);
		j_set(e, "TailscaleIPs", prefixes_of(n->addresses, n->n_addresses));
		j_set(o, "ExitNodeStatus", e);
		return;
	}
}

static void set_dns_lists(json_t *o, const struct backend *b)
{
	json_t *certs = j_array(), *records = j_array();
	for (size_t i = 0; b->nm && i < b->nm->dns.n_cert_domains; i++)
		j_add_str(certs, b->nm->dns.cert_domains[i]);
	for (size_t i = 0; b->nm && i < b->nm->dns.n_records; i++) {
		json_t *r = j_object();
		j_set_str(r, "Name", b->nm->dns.records[i].name);
		if (b->nm->dns.records[i].type && b->nm->dns.records[i].type[0])
			j_set_str(r, "Type", b->nm->dns.records[i].type);
		j_set_str(r, "Value", b->nm->dns.records[i].value);
		j_add(records, r);
	}
	set_list(o, "CertDomains", certs, false);
	set_list(o, "ExtraRecords", records, false);
}

json_t *backend_status(struct backend *b, bool peers)
{
	json_t *o = j_object();
	char suffix[256] = "";
	j_set_str(o, "Version", MESH_VERSION);
	j_set_bool(o, "TUN", !b->no_tun);
	j_set_str(o, "BackendState", ipn_state_text(b->state));
	if (backend_has_node_key(b))
		j_set_bool(o, "HaveNodeKey", true);
	j_set_str(o, "AuthURL", b->auth_url ? b->auth_url : "");
	set_list(o, "TailscaleIPs", b->nm ? ips_of(b->nm->self) : j_array(), false);
	j_set(o, "Self", self_status(b));
	set_exit_node(o, b);
	j_set(o, "Health", backend_health_texts(b));
	if (b->nm)
		netmap_dns_suffix(b->nm, suffix, sizeof(suffix));
	j_set_str(o, "MagicDNSSuffix", suffix);
	j_set(o, "CurrentTailnet", b->nm ? tailnet_status(b, suffix) : j_null());
	set_dns_lists(o, b);
	if (!peers || !b->nm) {
		j_set_null(o, "Peer");
	} else {
		json_t *map = j_object();
		for (size_t i = 0; i < b->nm->n_peers; i++) {
			char key[KEY_TEXT_MAX];
			j_set(map, node_key_encode(&b->nm->peers[i]->key, key),
			      peer_status(b, b->nm->peers[i]));
		}
		j_set(o, "Peer", map);
	}
	if (b->nm)
		j_set(o, "User", users_status(b, peers));
	else
		j_set_null(o, "User");
	j_set_null(o, "ClientVersion");
	return o;
}

json_t *backend_user_profile(struct backend *b, int64_t id)
{
	const struct nm_user *u = b->nm ? netmap_user(b->nm, id) : NULL;
	return u ? user_json(u) : NULL;
}
