/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rights.h: what the owner of a connection may do, by the uid behind the socket. Pure.
 * Rules: shared/spec/cli-localapi.md 2. */
#ifndef DAEMON_LOCALAPI_RIGHTS_H
#define DAEMON_LOCALAPI_RIGHTS_H

#include <stdbool.h>

struct api_rights {
	bool read;
	bool write;
	bool cert; /* the certificate endpoints only */
};

/* A uid that may be unknown. */
struct api_uid {
	bool known;
	unsigned uid;
};

struct api_rights api_rights_of(struct api_uid peer, unsigned daemon_uid, struct api_uid oper,
				struct api_uid cert);

#endif
