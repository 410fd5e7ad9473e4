/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/localapi/rights.h"

static bool same(struct api_uid a, struct api_uid b)
{
	return a.known && b.known && a.uid == b.uid;
}

struct api_rights api_rights_of(struct api_uid peer, unsigned daemon_uid, struct api_uid oper,
				struct api_uid cert)
{
	struct api_rights r = { .read = true };
	if (!peer.known)
		return r;
	/* A daemon that runs as root gets no second owner from this rule: uid 0 is in the first. */
	r.write = peer.uid == 0 || peer.uid == daemon_uid || same(peer, oper);
	r.cert = r.write || same(peer, cert);
	return r;
}
