/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/derpmap.h"

#include "base/alloc.h"

#include <stdlib.h>

#define PIN_PREFIX "sha256-raw:"

static void node_fini(struct derp_node *n)
{
	free(n->name);
	free(n->host);
	free(n->cert_name);
	free(n->ipv4);
	free(n->ipv6);
	free(n->stun_test_ip);
}

static void region_fini(struct derp_region *r)
{
	for (size_t i = 0; i < r->n_nodes; i++)
		node_fini(&r->nodes[i]);
	free(r->nodes);
	free(r->code);
	free(r->name);
}

struct derp_map *derp_map_new(void)
{
	return xcalloc(1, sizeof(struct derp_map));
}

void derp_map_free(struct derp_map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_regions; i++)
		region_fini(&m->regions[i]);
	free(m->regions);
	free(m);
}

/* Index of the first region whose id is not below. */
static size_t place_of(const struct derp_map *m, int id)
{
	size_t lo = 0, hi = m->n_regions;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (m->regions[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct derp_region *derp_map_find(const struct derp_map *m, int id)
{
	if (!m)
		return NULL;
	size_t i = place_of(m, id);
	return i < m->n_regions && m->regions[i].id == id ? &m->regions[i] : NULL;
}

struct derp_region *derp_map_add(struct derp_map *m, int id)
{
	struct derp_region *r = derp_map_find(m, id);
	if (r) {
		region_fini(r);
	} else {
		size_t i = place_of(m, id);
		m->regions = xrealloc(m->regions, m->n_regions + 1, sizeof(*m->regions));
		r = &m->regions[i];
		memmove(r + 1, r, (m->n_regions - i) * sizeof(*r));
		m->n_regions++;
	}
	*r = (struct derp_region){ .id = id };
	return r;
}

void derp_map_remove(struct derp_map *m, int id)
{
	struct derp_region *r = derp_map_find(m, id);
	if (!r)
		return;
	region_fini(r);
	m->n_regions--;
	memmove(r, r + 1, (m->n_regions - (size_t)(r - m->regions)) * sizeof(*r));
}

struct derp_node *derp_region_add_node(struct derp_region *r)
{
	r->nodes = xrealloc(r->nodes, r->n_nodes + 1, sizeof(*r->nodes));
	struct derp_node *n = &r->nodes[r->n_nodes++];
	memset(n, 0, sizeof(*n));
	return n;
}

static void copy_node(struct derp_node *to, const struct derp_node *from)
{
	struct derp_node n = *from;
	n.name = n.host = n.cert_name = n.ipv4 = n.ipv6 = n.stun_test_ip = NULL;
	str_set(&n.name, from->name);
	str_set(&n.host, from->host);
	str_set(&n.cert_name, from->cert_name);
	str_set(&n.ipv4, from->ipv4);
	str_set(&n.ipv6, from->ipv6);
	str_set(&n.stun_test_ip, from->stun_test_ip);
	*to = n;
}

static void copy_region(struct derp_region *to, const struct derp_region *from)
{
	*to = *from;
	to->code = to->name = NULL;
	to->nodes = NULL;
	to->n_nodes = 0;
	str_set(&to->code, from->code);
	str_set(&to->name, from->name);
	for (size_t i = 0; i < from->n_nodes; i++)
		copy_node(derp_region_add_node(to), &from->nodes[i]);
}

struct derp_map *derp_map_copy(const struct derp_map *m)
{
	struct derp_map *c = derp_map_new();
	c->omit_default_regions = m->omit_default_regions;
	for (size_t i = 0; i < m->n_regions; i++)
		copy_region(derp_map_add(c, m->regions[i].id), &m->regions[i]);
	return c;
}

static bool same(const char *a, const char *b)
{
	return str_cmp(a, b) == 0;
}

static bool node_equal(const struct derp_node *a, const struct derp_node *b)
{
	return same(a->name, b->name) && same(a->host, b->host) &&
	       same(a->cert_name, b->cert_name) && same(a->ipv4, b->ipv4) &&
	       same(a->ipv6, b->ipv6) && same(a->stun_test_ip, b->stun_test_ip) &&
	       a->stun_port == b->stun_port && a->derp_port == b->derp_port &&
	       a->stun_only == b->stun_only && a->insecure == b->insecure &&
	       a->can_port80 == b->can_port80;
}

bool derp_region_equal(const struct derp_region *a, const struct derp_region *b)
{
	if (a->id != b->id || a->n_nodes != b->n_nodes || !same(a->code, b->code) ||
	    !same(a->name, b->name) || a->latitude != b->latitude || a->longitude != b->longitude ||
	    a->avoid != b->avoid || a->no_measure_no_home != b->no_measure_no_home)
		return false;
	for (size_t i = 0; i < a->n_nodes; i++)
		if (!node_equal(&a->nodes[i], &b->nodes[i]))
			return false;
	return true;
}

bool derp_map_equal(const struct derp_map *a, const struct derp_map *b)
{
	if (a->n_regions != b->n_regions || a->omit_default_regions != b->omit_default_regions)
		return false;
	for (size_t i = 0; i < a->n_regions; i++)
		if (a->regions[i].score != b->regions[i].score ||
		    !derp_region_equal(&a->regions[i], &b->regions[i]))
			return false;
	return true;
}

bool derp_region_dialable(const struct derp_region *r)
{
	for (size_t i = 0; i < r->n_nodes; i++)
		if (!r->nodes[i].stun_only)
			return true;
	return false;
}

static bool is_loopback(const char *text)
{
	struct ip ip;
	return text && ip_decode(span_str(text), &ip) == 0 && ip_is_loopback(ip);
}

bool derp_map_has_local(const struct derp_map *m)
{
	for (size_t i = 0; m && i < m->n_regions; i++)
		for (size_t k = 0; k < m->regions[i].n_nodes; k++) {
			const struct derp_node *n = &m->regions[i].nodes[k];
			if (!n->stun_only &&
			    (is_loopback(n->ipv4) || is_loopback(n->ipv6) || is_loopback(n->host)))
				return true;
		}
	return false;
}

/* ---- what "unset" means ------------------------------------------------------------------- */

static uint16_t port_or(int raw, uint16_t unset)
{
	if (raw == 0)
		return unset;
	return raw > 0 && raw <= UINT16_MAX ? (uint16_t)raw : 0;
}

uint16_t derp_node_port(const struct derp_node *n)
{
	return port_or(n->derp_port, 443);
}

uint16_t derp_node_stun_port(const struct derp_node *n)
{
	return port_or(n->stun_port, 3478);
}

enum derp_addr derp_node_addr(const struct derp_node *n, enum ip_family fam, struct ip *out)
{
	const char *text = fam == IP_V4 ? n->ipv4 : n->ipv6;
	if (!text || !*text)
		return DERP_ADDR_DNS;
	struct ip ip;
	if (ip_decode(span_str(text), &ip) || ip.fam != fam)
		return DERP_ADDR_OFF;
	*out = ip;
	return DERP_ADDR_LITERAL;
}

enum derp_addr derp_node_stun_addr(const struct derp_node *n, enum ip_family fam, struct ip *out)
{
	struct ip ip;
	if (!n->stun_test_ip || !*n->stun_test_ip)
		return derp_node_addr(n, fam, out);
	if (ip_decode(span_str(n->stun_test_ip), &ip) || ip.fam != fam)
		return DERP_ADDR_OFF;
	*out = ip;
	return DERP_ADDR_LITERAL;
}

static bool lower_hex(const char *s)
{
	for (; *s; s++)
		if (!(*s >= '0' && *s <= '9') && !(*s >= 'a' && *s <= 'f'))
			return false;
	return true;
}

enum derp_tls derp_node_tls(const struct derp_node *n, uint8_t pin[static 32])
{
	const char *name = n->cert_name;
	size_t skip = sizeof(PIN_PREFIX) - 1;
	if (n->insecure)
		return DERP_TLS_NONE;
	if (!name || !*name)
		return DERP_TLS_HOST;
	if (strncmp(name, PIN_PREFIX, skip) != 0)
		return same(name, n->host) ? DERP_TLS_HOST : DERP_TLS_CERT_NAME;
	if (!lower_hex(name + skip) || hex_decode(span_str(name + skip), pin, 32))
		return DERP_TLS_BAD;
	return DERP_TLS_PIN;
}
