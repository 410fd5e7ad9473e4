/* SPDX-License-Identifier: GPL-2.0-or-later */
/* maprequest_wire.h: body of POST /machine/map (shared/spec/control.md 8). Pure. */
#ifndef DAEMON_CONTROL_MAPREQUEST_WIRE_H
#define DAEMON_CONTROL_MAPREQUEST_WIRE_H

#include "base/ip.h"
#include "base/json.h"
#include "base/keys.h"
#include "magicsock/endpoints.h"

#define MAPREQUEST_MAX (1u << 20)
#define MAPREQUEST_ENDPOINTS_MAX 256

struct map_endpoint {
	struct ep ep;
	uint8_t type; /* enum endpoint_type of magicsock/endpoints.h */
};

struct map_request {
	int version;
	bool zstd;
	bool keepalive;
	bool stream;
	bool omit_peers;
	struct node_key node;
	struct disco_key disco; /* must be real in every request */
	json_t *hostinfo;	/* borrowed; NULL = null */
	const struct map_endpoint *endpoints;
	size_t n_endpoints;
	const char *tka_head; /* NULL or "": not written */
	const char *const *debug_flags;
	size_t n_debug_flags;
};

json_t *map_request_to_json(const struct map_request *m); /* new */
/* Server side. endpoints are written to ep (room for MAPREQUEST_ENDPOINTS_MAX); the rest is
 * borrowed. */
MUST_CHECK int map_request_from_json(const json_t *v, struct map_request *out,
				     struct map_endpoint *ep, const char **why);

#endif
