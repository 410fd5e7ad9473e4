/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/expiry.h"

int64_t expiry_clock_offset(wall_t control, wall_t now)
{
	if (wall_is_zero(control))
		return 0;
	/* Both are decoded RFC 3339 times (years 1 to 9999), so the difference cannot overflow. */
	int64_t diff = control.s - now.s;
	return diff > EXPIRY_SLACK_S || diff < -EXPIRY_SLACK_S ? diff : 0;
}

bool expiry_peer(const struct nm_node *peer, wall_t now, int64_t offset_s)
{
	int64_t corrected = now.s + offset_s;
	if (wall_is_zero(peer->key_expiry) || corrected < EXPIRY_EPOCH_S)
		return false;
	return peer->key_expiry.s <= corrected;
}

bool expiry_self(const struct nm_node *self, wall_t now)
{
	if (self->flags & NM_EXPIRED)
		return true;
	return !wall_is_zero(self->key_expiry) && self->key_expiry.s <= now.s;
}
