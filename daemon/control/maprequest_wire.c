/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/maprequest_wire.h"

#include "daemon/control/jd.h"

#include <string.h>

static void set_endpoints(json_t *o, const struct map_endpoint *v, size_t n)
{
	char text[EP_TEXT_MAX];
	if (n == 0)
		return;
	json_t *eps = j_array(), *types = j_array();
	for (size_t i = 0; i < n; i++) {
		j_add_str(eps, ep_encode(v[i].ep, text));
		j_add(types, j_from_int(v[i].type));
	}
	j_set(o, "Endpoints", eps);
	j_set(o, "EndpointTypes", types);
}

static void set_keys(json_t *o, const struct map_request *m)
{
	char text[KEY_TEXT_MAX];
	j_set_str(o, "NodeKey", node_key_encode(&m->node, text));
	j_set_str(o, "DiscoKey", disco_key_encode(&m->disco, text));
}

json_t *map_request_to_json(const struct map_request *m)
{
	json_t *o = j_object();
	j_set_int(o, "Version", m->version);
	if (m->zstd)
		j_set_str(o, "Compress", "zstd");
	if (m->keepalive)
		j_set_bool(o, "KeepAlive", true);
	set_keys(o, m);
	if (m->stream)
		j_set_bool(o, "Stream", true);
	j_set(o, "Hostinfo", m->hostinfo ? j_ref(m->hostinfo) : j_null());
	set_endpoints(o, m->endpoints, m->n_endpoints);
	if (m->tka_head && *m->tka_head)
		j_set_str(o, "TKAHead", m->tka_head);
	if (m->omit_peers)
		j_set_bool(o, "OmitPeers", true);
	if (m->n_debug_flags) {
		json_t *flags = j_array();
		for (size_t i = 0; i < m->n_debug_flags; i++)
			j_add_str(flags, m->debug_flags[i]);
		j_set(o, "DebugFlags", flags);
	}
	return o;
}

static void read_types(struct jd *d, struct map_endpoint *ep, size_t n)
{
	const json_t *types = jd_array(d, "EndpointTypes");
	for (size_t i = 0; types && i < n && i < j_len(types); i++) {
		int64_t t = j_integer(j_at(types, i));
		ep[i].type = t > 0 && t <= ENDPOINT_EXPLICIT ? (uint8_t)t : 0;
	}
}

int map_request_from_json(const json_t *v, struct map_request *out, struct map_endpoint *ep,
			  const char **why)
{
	struct arena a = { 0 };
	struct jd d = jd_init(v, &a);
	uint32_t n;
	memset(out, 0, sizeof(*out));
	if (!j_is_object(v))
		jd_fail(&d, -ERR_SYNTAX, "MapRequest");
	out->version = jd_int32(&d, "Version");
	out->zstd = strcmp(jd_str(&d, "Compress"), "zstd") == 0;
	out->keepalive = jd_bool(&d, "KeepAlive");
	out->stream = jd_bool(&d, "Stream");
	out->omit_peers = jd_bool(&d, "OmitPeers");
	jd_node_key(&d, "NodeKey", &out->node);
	jd_disco_key(&d, "DiscoKey", &out->disco);
	out->hostinfo = (json_t *)(uintptr_t)jd_object(&d, "Hostinfo");
	out->tka_head = jd_str(&d, "TKAHead");
	const struct ep *eps = jd_endpoints(&d, "Endpoints", MAPREQUEST_ENDPOINTS_MAX, &n);
	for (uint32_t i = 0; i < n; i++)
		ep[i] = (struct map_endpoint){ .ep = eps[i] };
	read_types(&d, ep, n);
	out->endpoints = ep;
	out->n_endpoints = n;
	*why = d.why;
	arena_fini(&a);
	return d.err;
}
