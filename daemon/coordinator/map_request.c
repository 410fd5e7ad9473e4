/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/map_request.h"

#define BODY_MAX (1u << 20)

static void take_endpoints(struct map_request *q, const json_t *arr)
{
	for (size_t i = 0; j_is_array(arr) && i < j_len(arr) && q->n_endpoints < NODE_ENDPOINTS_MAX;
	     i++) {
		struct ep e;

		if (ep_decode(j_text_span(j_at(arr, i)), &e) == 0 && e.port)
			q->endpoints[q->n_endpoints++] = e;
	}
}

int map_request_parse(struct span body, struct map_request *q)
{
	*q = (struct map_request){ 0 };
	q->doc = j_parse(body, BODY_MAX, NULL);
	if (!j_is_object(q->doc))
		return -ERR_SYNTAX;
	q->version = (int)j_int(q->doc, "Version", 0);
	q->zstd = span_eq_str(j_span(q->doc, "Compress"), "zstd");
	q->stream = j_bool(q->doc, "Stream", false);
	q->omit_peers = j_bool(q->doc, "OmitPeers", false);
	q->read_only = j_bool(q->doc, "ReadOnly", false);
	q->hostinfo = j_get(q->doc, "Hostinfo");
	take_endpoints(q, j_get(q->doc, "Endpoints"));
	if (node_key_decode(j_span(q->doc, "NodeKey"), &q->key) < 0)
		return -ERR_RANGE;
	if (j_get(q->doc, "DiscoKey") &&
	    disco_key_decode(j_span(q->doc, "DiscoKey"), &q->disco) < 0)
		return -ERR_RANGE;
	return 0;
}

void map_request_fini(struct map_request *q)
{
	j_free(q->doc);
	q->doc = NULL;
}
