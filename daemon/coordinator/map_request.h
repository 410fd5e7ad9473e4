/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_request.h: the body of POST /machine/map. Pure. Members: shared/spec/control.md 8. */
#ifndef COORDINATOR_MAP_REQUEST_H
#define COORDINATOR_MAP_REQUEST_H

#include "daemon/coordinator/registry.h"

struct map_request {
	json_t *doc; /* owner of hostinfo */
	int version;
	bool zstd;
	bool stream;
	bool omit_peers;
	bool read_only;
	struct node_key key;
	struct disco_key disco; /* zero if absent */
	json_t *hostinfo;	/* borrowed; may be NULL */
	struct ep endpoints[NODE_ENDPOINTS_MAX];
	size_t n_endpoints;
};

/* 0, -ERR_SYNTAX (no JSON object), -ERR_RANGE (node or disco key does not parse). Endpoints that do
 * not parse are skipped. Finish q in any case. */
MUST_CHECK int map_request_parse(struct span body, struct map_request *q);
void map_request_fini(struct map_request *q);

#endif
