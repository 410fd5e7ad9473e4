/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/nm_node_json.h"

#include "base/alloc.h"
#include "daemon/control/jd.h"

#include <stdlib.h>
#include <string.h>

#define LEGACY_DERP "127.3.3.40:"

static const struct {
	const char *name;
	enum nm_service_proto proto;
} SERVICE_NAMES[] = {
	{ "tcp", NM_SERVICE_TCP },
	{ "udp", NM_SERVICE_UDP },
	{ "peerapi4", NM_SERVICE_PEERAPI4 },
	{ "peerapi6", NM_SERVICE_PEERAPI6 },
	{ "peerapi-dns-proxy", NM_SERVICE_PEERAPI_DNS },
};

/* ---- capabilities -------------------------------------------------------------------------- */

static int by_cap_name(const void *a, const void *b)
{
	return strcmp(((const struct nm_cap *)a)->name, ((const struct nm_cap *)b)->name);
}

/* The values of one capability as text in the arena; NULL for null and []. */
static const char *cap_raw(struct jd *d, const json_t *values)
{
	if (j_is_nil(values) || j_len(values) == 0)
		return NULL;
	char *text = j_dump(values);
	size_t len = strlen(text) + 1;
	char *out = arena_alloc(d->arena, len, 1);
	memcpy(out, text, len);
	free(text);
	return out;
}

static uint32_t unique_caps(struct nm_cap *v, uint32_t n)
{
	uint32_t kept = 0;
	qsort(v, n, sizeof(*v), by_cap_name);
	for (uint32_t i = 0; i < n; i++) {
		if (kept == 0 || strcmp(v[kept - 1].name, v[i].name) != 0)
			v[kept++] = v[i];
		else if (!v[kept - 1].raw)
			v[kept - 1] = v[i];
	}
	return kept;
}

/* CapMap, and the deprecated name list merged into it. */
static const struct nm_cap *read_caps(struct jd *d, const char *const *names, uint32_t n_names,
				      uint32_t *n)
{
	json_t *map = (json_t *)(uintptr_t)jd_object(d, "CapMap");
	size_t room = (map ? j_len(map) : 0) + n_names;
	*n = 0;
	if (room > NM_CAPS_MAX) {
		jd_fail(d, -ERR_TOOBIG, "CapMap");
		return NULL;
	}
	struct nm_cap *out = arena_alloc(d->arena, room, sizeof(*out));
	for (void *it = j_iter(map); it && !d->err; it = j_iter_next(map, it)) {
		json_t *values = j_iter_value(it);
		if (!j_is_nil(values) && !j_is_array(values))
			jd_fail(d, -ERR_SYNTAX, "CapMap");
		else
			out[(*n)++] = (struct nm_cap){ j_iter_key(it), cap_raw(d, values) };
	}
	for (uint32_t i = 0; i < n_names; i++)
		out[(*n)++] = (struct nm_cap){ names[i], NULL };
	*n = unique_caps(out, *n);
	return out;
}

/* ---- reading --------------------------------------------------------------------------------- */

static uint8_t service_proto(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(SERVICE_NAMES); i++)
		if (strcmp(name, SERVICE_NAMES[i].name) == 0)
			return (uint8_t)SERVICE_NAMES[i].proto;
	return NM_SERVICE_OTHER;
}

/* Services beyond the maximum and those of unknown kind are left out. */
static const struct nm_service *read_services(struct jd *d, uint32_t *n)
{
	const json_t *arr = jd_array(d, "Services");
	size_t len = arr ? j_len(arr) : 0;
	size_t room = len < NM_SERVICES_MAX ? len : NM_SERVICES_MAX;
	struct nm_service *out = arena_alloc(d->arena, room, sizeof(*out));
	*n = 0;
	for (size_t i = 0; i < len && *n < room; i++) {
		struct jd s = jd_init(j_at(arr, i), NULL);
		struct nm_service svc = { .proto = service_proto(jd_str(&s, "Proto")),
					  .port = jd_u16(&s, "Port") };
		if (s.err)
			jd_fail(d, s.err, "Services");
		if (svc.proto != NM_SERVICE_OTHER)
			out[(*n)++] = svc;
	}
	return out;
}

static const char *raw_text(struct jd *d, const json_t *v)
{
	const char *s = v ? cap_raw(d, v) : NULL;
	return s ? s : "";
}

static void read_hostinfo(struct jd *node, struct nm_node *n)
{
	const json_t *obj = jd_object(node, "Hostinfo");
	struct jd d = jd_init(obj, node->arena);
	struct jd net = jd_init(jd_object(&d, "NetInfo"), NULL);
	if (!obj)
		n->flags |= NM_HOSTINFO_NULL;
	n->hostname = jd_str(&d, "Hostname");
	n->os = jd_str(&d, "OS");
	n->location = raw_text(&d, jd_object(&d, "Location"));
	n->hostinfo_derp = jd_int32(&net, "PreferredDERP");
	n->routable_ips = jd_prefixes(&d, "RoutableIPs", NM_PREFIXES_MAX, &n->n_routable_ips);
	n->services = read_services(&d, &n->n_services);
	n->ssh_host_keys = jd_strings(&d, "sshHostKeys", NM_SSH_KEYS_MAX, &n->n_ssh_host_keys);
	if (jd_bool(&d, "ShareeNode"))
		n->flags |= NM_SHAREE;
	if (jd_bool(&d, "ShieldsUp"))
		n->flags |= NM_SHIELDS_UP;
	if (d.err || net.err)
		jd_fail(node, d.err ? d.err : net.err, "Hostinfo");
}

/* HomeDERP, or the legacy "127.3.3.40:<region>" */
static int32_t read_home(struct jd *d)
{
	int32_t home = jd_int32(d, "HomeDERP");
	struct span legacy = span_str(jd_str(d, "DERP"));
	uint64_t region;
	if (home || legacy.len <= strlen(LEGACY_DERP) ||
	    !span_eq_str(span_of(legacy.p, strlen(LEGACY_DERP)), LEGACY_DERP))
		return home;
	if (u64_decode(span_from(legacy, strlen(LEGACY_DERP)), INT32_MAX, &region))
		return 0;
	return (int32_t)region;
}

static void read_flags(struct jd *d, struct nm_node *n)
{
	static const struct {
		const char *name;
		uint16_t flag;
	} flags[] = {
		{ "MachineAuthorized", NM_MACHINE_AUTHORIZED },
		{ "Expired", NM_EXPIRED },
		{ "UnsignedPeerAPIOnly", NM_UNSIGNED_PEERAPI_ONLY },
		{ "IsWireGuardOnly", NM_WIREGUARD_ONLY },
		{ "IsJailed", NM_JAILED },
	};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (jd_bool(d, flags[i].name))
			n->flags |= flags[i].flag;
}

/* null is "as the addresses", [] is none; an unsigned peer gets no routes. */
static void read_addresses(struct jd *d, struct nm_node *n)
{
	n->addresses = jd_prefixes(d, "Addresses", NM_PREFIXES_MAX, &n->n_addresses);
	n->allowed_ips = jd_prefixes(d, "AllowedIPs", NM_PREFIXES_MAX, &n->n_allowed_ips);
	n->primary_routes = jd_prefixes(d, "PrimaryRoutes", NM_PREFIXES_MAX, &n->n_primary_routes);
	if (!j_get(d->obj, "AllowedIPs") || n->flags & NM_UNSIGNED_PEERAPI_ONLY) {
		n->allowed_ips = n->addresses;
		n->n_allowed_ips = n->n_addresses;
	}
}

static void read_identity(struct jd *d, struct nm_node *n)
{
	n->id = jd_int(d, "ID");
	n->user = jd_int(d, "User");
	n->sharer = jd_int(d, "Sharer");
	n->stable_id = jd_str(d, "StableID");
	n->name = jd_str(d, "Name");
	jd_node_key(d, "Key", &n->key);
	jd_machine_key(d, "Machine", &n->machine);
	jd_disco_key(d, "DiscoKey", &n->disco);
	n->key_signature = jd_base64(d, "KeySignature", &n->n_key_signature);
	n->key_expiry = jd_time(d, "KeyExpiry");
	n->created = jd_time(d, "Created");
	n->last_seen = jd_time(d, "LastSeen");
	n->online = (uint8_t)jd_tri(d, "Online");
}

static void read_node(struct jd *d, struct nm_node *n)
{
	uint32_t n_names;
	read_identity(d, n);
	read_flags(d, n);
	read_addresses(d, n);
	read_hostinfo(d, n);
	n->home_derp = read_home(d);
	n->cap = jd_int32(d, "Cap");
	n->endpoints = jd_endpoints(d, "Endpoints", NM_ENDPOINTS_MAX, &n->n_endpoints);
	n->tags = jd_strings(d, "Tags", NM_TAGS_MAX, &n->n_tags);
	n->masq_v4 = jd_ip(d, "SelfNodeV4MasqAddrForThisPeer");
	n->masq_v6 = jd_ip(d, "SelfNodeV6MasqAddrForThisPeer");
	n->exit_dns = raw_text(d, jd_array(d, "ExitNodeDNSResolvers"));
	const char **names = jd_strings(d, "Capabilities", NM_CAPS_MAX, &n_names);
	n->caps = read_caps(d, names, n_names, &n->n_caps);
}

int nm_node_from_json(const json_t *v, struct nm_node **out, const char **why)
{
	struct arena a = { 0 };
	struct jd d = jd_init(v, &a);
	struct nm_node spec = { 0 };
	if (j_is_nil(v))
		jd_fail(&d, -ERR_SYNTAX, "Node");
	read_node(&d, &spec);
	int err = d.err;
	*why = d.why;
	if (!err) {
		*out = nm_node_new(&spec);
		err = *out ? 0 : -ERR_NOMEM;
	}
	arena_fini(&a);
	return err;
}

/* ---- patches -----------------------------------------------------------------------------------
 */

int nm_patch_from_json(const json_t *v, struct nm_patch *out, const char **why)
{
	struct jd d = jd_init(v, NULL);
	*out = (struct nm_patch){ .id = jd_int(&d, "NodeID") };
	out->home_derp = jd_int32(&d, "DERPRegion");
	out->cap = jd_int32(&d, "Cap");
	out->caps = (json_t *)(uintptr_t)jd_object(&d, "CapMap");
	out->endpoints = (json_t *)(uintptr_t)jd_array(&d, "Endpoints");
	jd_node_key(&d, "Key", &out->key);
	jd_disco_key(&d, "DiscoKey", &out->disco);
	out->online = jd_bool(&d, "Online");
	out->last_seen = jd_time(&d, "LastSeen");
	out->key_expiry = jd_time(&d, "KeyExpiry");
	out->signature = j_get(v, "KeySignature");
	out->has = (out->home_derp ? NM_PATCH_DERP : 0) | (out->cap ? NM_PATCH_CAP : 0) |
		   (out->caps ? NM_PATCH_CAPMAP : 0) | (out->endpoints ? NM_PATCH_ENDPOINTS : 0) |
		   (j_get(v, "Key") ? NM_PATCH_KEY : 0) |
		   (out->signature ? NM_PATCH_SIGNATURE : 0) |
		   (j_get(v, "DiscoKey") ? NM_PATCH_DISCO : 0) |
		   (j_get(v, "Online") ? NM_PATCH_ONLINE : 0) |
		   (j_get(v, "LastSeen") ? NM_PATCH_LAST_SEEN : 0) |
		   (j_get(v, "KeyExpiry") ? NM_PATCH_EXPIRY : 0);
	*why = d.why;
	return d.err;
}

static void patch_scalars(struct nm_node *n, const struct nm_patch *p)
{
	if (p->has & NM_PATCH_DERP)
		n->home_derp = p->home_derp;
	if (p->has & NM_PATCH_CAP)
		n->cap = p->cap;
	if (p->has & NM_PATCH_KEY)
		n->key = p->key;
	if (p->has & NM_PATCH_DISCO)
		n->disco = p->disco;
	if (p->has & NM_PATCH_ONLINE)
		n->online = p->online ? J_TRUE : J_FALSE;
	if (p->has & NM_PATCH_LAST_SEEN)
		n->last_seen = p->last_seen;
	if (p->has & NM_PATCH_EXPIRY) {
		n->key_expiry = p->key_expiry;
		n->flags &= (uint16_t)~NM_EXPIRED_HERE;
	}
}

struct nm_node *nm_patch_apply(const struct nm_node *old, const struct nm_patch *p)
{
	struct arena a = { 0 };
	struct nm_node spec = *old;
	struct nm_node *out = NULL;
	json_t *obj = j_object();
	patch_scalars(&spec, p);
	/* The list readers want named members. */
	if (p->caps)
		j_set(obj, "CapMap", j_ref(p->caps));
	if (p->endpoints)
		j_set(obj, "Endpoints", j_ref(p->endpoints));
	if (p->signature)
		j_set(obj, "KeySignature", j_ref(p->signature));
	struct jd d = jd_init(obj, &a);
	if (p->has & NM_PATCH_CAPMAP)
		spec.caps = read_caps(&d, NULL, 0, &spec.n_caps);
	if (p->has & NM_PATCH_ENDPOINTS)
		spec.endpoints = jd_endpoints(&d, "Endpoints", NM_ENDPOINTS_MAX, &spec.n_endpoints);
	if (p->has & NM_PATCH_SIGNATURE)
		spec.key_signature = jd_base64(&d, "KeySignature", &spec.n_key_signature);
	if (!d.err)
		out = nm_node_new(&spec);
	j_free(obj);
	arena_fini(&a);
	return out;
}

/* ---- writing ---- */

static json_t *prefixes_to_json(const struct prefix *v, size_t n)
{
	char text[PREFIX_TEXT_MAX];
	json_t *arr = j_array();
	for (size_t i = 0; i < n; i++)
		j_add_str(arr, prefix_encode(v[i], text));
	return arr;
}

static json_t *strings_to_json(const char *const *v, size_t n)
{
	json_t *arr = j_array();
	for (size_t i = 0; i < n; i++)
		j_add_str(arr, v[i]);
	return arr;
}

static json_t *caps_to_json(const struct nm_node *n)
{
	json_t *map = j_object();
	for (size_t i = 0; i < n->n_caps; i++) {
		const char *raw = n->caps[i].raw;
		json_t *values = raw ? j_parse(span_str(raw), SIZE_MAX, NULL) : NULL;
		j_set(map, n->caps[i].name, values ? values : j_array());
	}
	return map;
}

static const char *service_name(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_LEN(SERVICE_NAMES); i++)
		if (SERVICE_NAMES[i].proto == proto)
			return SERVICE_NAMES[i].name;
	return "";
}

static void set_text(json_t *obj, const char *name, const char *s)
{
	if (*s)
		j_set_str(obj, name, s);
}

static json_t *services_to_json(const struct nm_node *n)
{
	json_t *arr = j_array();
	for (size_t i = 0; i < n->n_services; i++) {
		json_t *s = j_object();
		j_set_str(s, "Proto", service_name(n->services[i].proto));
		j_set_int(s, "Port", n->services[i].port);
		j_add(arr, s);
	}
	return arr;
}

static json_t *hostinfo_part(const struct nm_node *n)
{
	json_t *h = j_object();
	set_text(h, "OS", n->os);
	set_text(h, "Hostname", n->hostname);
	if (n->flags & NM_SHIELDS_UP)
		j_set_bool(h, "ShieldsUp", true);
	if (n->flags & NM_SHAREE)
		j_set_bool(h, "ShareeNode", true);
	if (n->n_routable_ips)
		j_set(h, "RoutableIPs", prefixes_to_json(n->routable_ips, n->n_routable_ips));
	if (n->n_services)
		j_set(h, "Services", services_to_json(n));
	if (n->hostinfo_derp) {
		json_t *net = j_object();
		j_set_int(net, "PreferredDERP", n->hostinfo_derp);
		j_set(h, "NetInfo", net);
	}
	if (n->n_ssh_host_keys)
		j_set(h, "sshHostKeys", strings_to_json(n->ssh_host_keys, n->n_ssh_host_keys));
	if (*n->location)
		j_set(h, "Location", j_parse(span_str(n->location), SIZE_MAX, NULL));
	return h;
}

static void write_keys(json_t *o, const struct nm_node *n)
{
	char text[KEY_TEXT_MAX];
	j_set_str(o, "Key", node_key_encode(&n->key, text));
	if (!wall_is_zero(n->key_expiry))
		j_set_time(o, "KeyExpiry", n->key_expiry);
	if (n->n_key_signature)
		j_set_base64(o, "KeySignature", span_of(n->key_signature, n->n_key_signature));
	if (!machine_key_is_zero(&n->machine))
		j_set_str(o, "Machine", machine_key_encode(&n->machine, text));
	if (!disco_key_is_zero(&n->disco))
		j_set_str(o, "DiscoKey", disco_key_encode(&n->disco, text));
}

static void write_lists(json_t *o, const struct nm_node *n)
{
	char text[EP_TEXT_MAX];
	json_t *eps = j_array();
	j_set(o, "Addresses", prefixes_to_json(n->addresses, n->n_addresses));
	j_set(o, "AllowedIPs", prefixes_to_json(n->allowed_ips, n->n_allowed_ips));
	for (size_t i = 0; i < n->n_endpoints; i++)
		j_add_str(eps, ep_encode(n->endpoints[i], text));
	if (n->n_endpoints)
		j_set(o, "Endpoints", j_ref(eps));
	j_free(eps);
}

static void write_flags(json_t *o, const struct nm_node *n)
{
	if (n->flags & NM_MACHINE_AUTHORIZED)
		j_set_bool(o, "MachineAuthorized", true);
	if (n->n_caps)
		j_set(o, "CapMap", caps_to_json(n));
	if (n->flags & NM_UNSIGNED_PEERAPI_ONLY)
		j_set_bool(o, "UnsignedPeerAPIOnly", true);
	if (n->flags & NM_EXPIRED)
		j_set_bool(o, "Expired", true);
	if (n->flags & NM_WIREGUARD_ONLY)
		j_set_bool(o, "IsWireGuardOnly", true);
	if (n->flags & NM_JAILED)
		j_set_bool(o, "IsJailed", true);
}

static void write_masq(json_t *o, const struct nm_node *n)
{
	char text[IP_TEXT_MAX];
	if (ip_is_set(n->masq_v4))
		j_set_str(o, "SelfNodeV4MasqAddrForThisPeer", ip_encode(n->masq_v4, text));
	if (ip_is_set(n->masq_v6))
		j_set_str(o, "SelfNodeV6MasqAddrForThisPeer", ip_encode(n->masq_v6, text));
	if (*n->exit_dns)
		j_set(o, "ExitNodeDNSResolvers", j_parse(span_str(n->exit_dns), SIZE_MAX, NULL));
}

json_t *nm_node_to_json(const struct nm_node *n)
{
	json_t *o = j_object();
	j_set_int(o, "ID", n->id);
	j_set_str(o, "StableID", n->stable_id);
	j_set_str(o, "Name", n->name);
	j_set_int(o, "User", n->user);
	if (n->sharer)
		j_set_int(o, "Sharer", n->sharer);
	write_keys(o, n);
	write_lists(o, n);
	if (n->home_derp)
		j_set_int(o, "HomeDERP", n->home_derp);
	if (!(n->flags & NM_HOSTINFO_NULL))
		j_set(o, "Hostinfo", hostinfo_part(n));
	if (!wall_is_zero(n->created))
		j_set_time(o, "Created", n->created);
	if (n->cap)
		j_set_int(o, "Cap", n->cap);
	if (n->n_tags)
		j_set(o, "Tags", strings_to_json(n->tags, n->n_tags));
	if (n->n_primary_routes)
		j_set(o, "PrimaryRoutes", prefixes_to_json(n->primary_routes, n->n_primary_routes));
	if (!wall_is_zero(n->last_seen))
		j_set_time(o, "LastSeen", n->last_seen);
	j_set_tri(o, "Online", (enum j_tri)n->online);
	write_flags(o, n);
	write_masq(o, n);
	return o;
}
