/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/nm_node.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* ---- packing ----------------------------------------------------------------------------
 * The same walk runs twice: with base NULL it only adds up the size, then it copies. */

struct pack {
	uint8_t *base;
	size_t len;
};

static const void *pack_bytes(struct pack *k, const void *src, size_t n, size_t align)
{
	k->len = (k->len + align - 1) / align * align;
	void *at = k->base ? k->base + k->len : NULL;
	k->len += n;
	if (at && n)
		memcpy(at, src, n);
	return at;
}

static const char *pack_string(struct pack *k, const char *s)
{
	size_t n = s ? strnlen(s, NM_STRING_MAX) : 0;
	const void *at = pack_bytes(k, s, n, 1);
	k->len++; /* the block is zeroed: a NUL is there */
	return at;
}

static const char *const *pack_strings(struct pack *k, const char *const *v, size_t n)
{
	const char **at =
	    (const char **)(uintptr_t)pack_bytes(k, v, n * sizeof(*v), sizeof(void *));
	for (size_t i = 0; i < n; i++) {
		const char *s = pack_string(k, v[i]);
		if (at)
			at[i] = s;
	}
	return at;
}

static const struct nm_cap *pack_caps(struct pack *k, const struct nm_cap *v, size_t n)
{
	struct nm_cap *at =
	    (struct nm_cap *)(uintptr_t)pack_bytes(k, v, n * sizeof(*v), sizeof(void *));
	for (size_t i = 0; i < n; i++) {
		const char *name = pack_string(k, v[i].name);
		size_t raw_len = v[i].raw ? strlen(v[i].raw) + 1 : 0;
		const char *raw = pack_bytes(k, v[i].raw, raw_len, 1);
		if (at)
			at[i] = (struct nm_cap){ name, raw_len ? raw : NULL };
	}
	return at;
}

#define PACK_LIST(field)                                                                           \
	pack_bytes(k, s->field, s->n_##field * sizeof(*s->field), _Alignof(__typeof__(*s->field)))

/* Everything behind the struct itself; out is where its pointers go (any struct while measuring).
 */
static void pack_node(struct pack *k, const struct nm_node *s, struct nm_node *out)
{
	out->tags = pack_strings(k, s->tags, s->n_tags);
	out->ssh_host_keys = pack_strings(k, s->ssh_host_keys, s->n_ssh_host_keys);
	out->caps = pack_caps(k, s->caps, s->n_caps);
	out->endpoints = PACK_LIST(endpoints);
	out->services = PACK_LIST(services);
	out->addresses = PACK_LIST(addresses);
	out->allowed_ips = PACK_LIST(allowed_ips);
	out->primary_routes = PACK_LIST(primary_routes);
	out->routable_ips = PACK_LIST(routable_ips);
	out->key_signature = PACK_LIST(key_signature);
	out->stable_id = pack_string(k, s->stable_id);
	out->name = pack_string(k, s->name);
	out->hostname = pack_string(k, s->hostname);
	out->os = pack_string(k, s->os);
	out->location = pack_string(k, s->location);
	out->exit_dns = pack_string(k, s->exit_dns);
}

struct nm_node *nm_node_new(const struct nm_node *spec)
{
	struct nm_node head = *spec;
	struct pack k = { .base = NULL, .len = sizeof(head) };
	pack_node(&k, spec, &head);
	if (k.len > UINT32_MAX)
		return NULL;
	uint8_t *block = try_calloc(1, k.len);
	if (!block)
		return NULL;
	head.size = (uint32_t)k.len;
	head.refs = 1;
	k = (struct pack){ .base = block, .len = sizeof(head) };
	pack_node(&k, spec, &head);
	memcpy(block, &head, sizeof(head));
	return (struct nm_node *)(void *)block;
}

struct nm_node *nm_node_ref(const struct nm_node *n)
{
	struct nm_node *m = (struct nm_node *)(uintptr_t)n;
	m->refs++;
	return m;
}

void nm_node_unref(const struct nm_node *n)
{
	struct nm_node *m = (struct nm_node *)(uintptr_t)n;
	if (m && --m->refs == 0)
		free(m);
}

/* ---- comparing ---------------------------------------------------------------------------- */

static bool same_lists(const struct nm_node *a, const struct nm_node *b)
{
	return a->n_addresses == b->n_addresses && a->n_allowed_ips == b->n_allowed_ips &&
	       a->n_primary_routes == b->n_primary_routes &&
	       a->n_routable_ips == b->n_routable_ips && a->n_endpoints == b->n_endpoints &&
	       a->n_tags == b->n_tags && a->n_ssh_host_keys == b->n_ssh_host_keys &&
	       a->n_caps == b->n_caps && a->n_services == b->n_services &&
	       a->n_key_signature == b->n_key_signature;
}

static bool same_scalars(const struct nm_node *a, const struct nm_node *b)
{
	return a->id == b->id && a->user == b->user && a->sharer == b->sharer &&
	       node_key_eq(&a->key, &b->key) && machine_key_eq(&a->machine, &b->machine) &&
	       disco_key_eq(&a->disco, &b->disco) && a->key_expiry.s == b->key_expiry.s &&
	       a->key_expiry.ns == b->key_expiry.ns && a->created.s == b->created.s &&
	       a->created.ns == b->created.ns && a->last_seen.s == b->last_seen.s &&
	       a->last_seen.ns == b->last_seen.ns && a->home_derp == b->home_derp &&
	       a->cap == b->cap && a->flags == b->flags && a->online == b->online &&
	       a->hostinfo_derp == b->hostinfo_derp && ip_eq(a->masq_v4, b->masq_v4) &&
	       ip_eq(a->masq_v6, b->masq_v6);
}

static bool same_texts(const char *const *a, const char *const *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool same_caps(const struct nm_node *a, const struct nm_node *b)
{
	for (size_t i = 0; i < a->n_caps; i++)
		if (strcmp(a->caps[i].name, b->caps[i].name) != 0 ||
		    str_cmp(a->caps[i].raw, b->caps[i].raw) != 0)
			return false;
	return true;
}

static bool same_strings(const struct nm_node *a, const struct nm_node *b)
{
	return strcmp(a->stable_id, b->stable_id) == 0 && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->hostname, b->hostname) == 0 && strcmp(a->os, b->os) == 0 &&
	       strcmp(a->location, b->location) == 0 && strcmp(a->exit_dns, b->exit_dns) == 0 &&
	       same_texts(a->tags, b->tags, a->n_tags) &&
	       same_texts(a->ssh_host_keys, b->ssh_host_keys, a->n_ssh_host_keys);
}

static bool same_prefixes(const struct prefix *a, const struct prefix *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!prefix_eq(a[i], b[i]))
			return false;
	return true;
}

static bool same_endpoints(const struct nm_node *a, const struct nm_node *b)
{
	for (size_t i = 0; i < a->n_endpoints; i++)
		if (!ep_eq(a->endpoints[i], b->endpoints[i]))
			return false;
	for (size_t i = 0; i < a->n_services; i++)
		if (a->services[i].proto != b->services[i].proto ||
		    a->services[i].port != b->services[i].port)
			return false;
	return true;
}

bool nm_node_equal(const struct nm_node *a, const struct nm_node *b)
{
	return same_scalars(a, b) && same_lists(a, b) && same_strings(a, b) && same_caps(a, b) &&
	       same_prefixes(a->addresses, b->addresses, a->n_addresses) &&
	       same_prefixes(a->allowed_ips, b->allowed_ips, a->n_allowed_ips) &&
	       same_prefixes(a->primary_routes, b->primary_routes, a->n_primary_routes) &&
	       same_prefixes(a->routable_ips, b->routable_ips, a->n_routable_ips) &&
	       same_endpoints(a, b) &&
	       span_eq(span_of(a->key_signature, a->n_key_signature),
		       span_of(b->key_signature, b->n_key_signature));
}

/* ---- questions ---------------------------------------------------------------------------- */

const struct nm_cap *nm_node_cap(const struct nm_node *n, const char *name)
{
	size_t lo = 0, hi = n->n_caps;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(name, n->caps[mid].name);
		if (c == 0)
			return &n->caps[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

bool nm_node_has_address(const struct nm_node *n, struct ip ip)
{
	for (size_t i = 0; i < n->n_addresses; i++)
		if (prefix_is_host(n->addresses[i]) && ip_eq(n->addresses[i].ip, ip))
			return true;
	return false;
}

uint16_t nm_node_service_port(const struct nm_node *n, enum nm_service_proto proto)
{
	for (size_t i = 0; i < n->n_services; i++)
		if (n->services[i].proto == proto)
			return n->services[i].port;
	return 0;
}

struct ip nm_node_address(const struct nm_node *n, enum ip_family fam)
{
	for (size_t i = 0; i < n->n_addresses; i++)
		if (n->addresses[i].ip.fam == fam)
			return n->addresses[i].ip;
	return (struct ip){ .fam = IP_NONE };
}

/* The points of small order of Curve25519 and their non-canonical forms (top bit is ignored). A
 * list and not a multiplication: 10,000 peers have to be checked when a map comes. */
bool nm_key_is_low_order(const uint8_t key[static 32])
{
	static const uint8_t points[][32] = {
		{ 0 },
		{ 1 },
		{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
		  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
		  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
		{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
		  0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
		  0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
		{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
		{ 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
		{ 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	};
	for (size_t i = 0; i < ARRAY_LEN(points); i++)
		if (memcmp(key, points[i], 31) == 0 && (key[31] & 0x7f) == points[i][31])
			return true;
	return false;
}
