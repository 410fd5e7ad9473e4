/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/msg.h"

bool dp_msg_put(struct ring *r, const struct dp_msg *m, struct span bytes, bool *wake)
{
	if (bytes.len > UINT16_MAX)
		return false;
	struct dp_msg head = *m;
	head.len = (uint16_t)bytes.len;
	uint8_t *p = ring_reserve(r, sizeof(head) + bytes.len);
	if (!p)
		return false;
	memcpy(p, &head, sizeof(head));
	if (bytes.len)
		memcpy(p + sizeof(head), bytes.p, bytes.len);
	bool was_empty = false;
	ring_commit(r, sizeof(head) + bytes.len, &was_empty);
	*wake |= was_empty;
	return true;
}

bool dp_msg_peek(struct ring *r, struct dp_msg *m, struct mspan *bytes)
{
	struct mspan rec = ring_peek(r);
	if (rec.len < sizeof(*m))
		return false;
	memcpy(m, rec.p, sizeof(*m));
	*bytes = mspan_of(rec.p + sizeof(*m), rec.len - sizeof(*m));
	return true;
}
