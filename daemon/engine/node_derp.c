/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/node_derp.h"

#include "base/alloc.h"
#include "daemon/engine/engine.h"
#include "magicsock/udp_run.h"
#include "wg/messages.h"

#include <stdlib.h>

void derp_run_init(struct derp_run *r, struct engine *e)
{
	*r = (struct derp_run){ .engine = e };
	r->bytes = xcalloc(DERP_RUN_BYTES, 1);
}

void derp_run_fini(struct derp_run *r)
{
	free(r->bytes);
	r->bytes = NULL;
}

void derp_run_flush(struct derp_run *r, mono_t now, wall_t wall)
{
	if (r->n == 0)
		return;
	engine_input_derp_run(r->engine, now, wall, &r->src, span_of(r->bytes, r->len),
			      r->n > 1 ? r->segment : 0);
	r->n = r->len = 0;
}

static bool fits(const struct derp_run *r, const struct node_key *src, struct span datagram)
{
	return r->n > 0 && node_key_eq(&r->src, src) &&
	       udp_run_takes(IP_V6, r->len, (uint16_t)r->segment, r->n, datagram.len);
}

bool derp_run_add(struct derp_run *r, mono_t now, wall_t wall, int region,
		  const struct node_key *src, struct span datagram)
{
	bool data = wg_classify(datagram) == WG_KIND_TRANSPORT && datagram.len <= DERP_RUN_BYTES;
	if (!data || !fits(r, src, datagram)) {
		derp_run_flush(r, now, wall);
		if (!data || !engine_is_peer(r->engine, src))
			return engine_input_derp(r->engine, now, wall, region, src, datagram);
		r->src = *src;
		r->segment = datagram.len;
	}
	memcpy(r->bytes + r->len, datagram.p, datagram.len);
	r->len += datagram.len;
	r->n++;
	return true;
}
