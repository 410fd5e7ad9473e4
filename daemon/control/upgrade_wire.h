/* SPDX-License-Identifier: GPL-2.0-or-later */
/* upgrade_wire.h: the HTTP/1.1 exchange that turns a connection into ts2021, both ends
 * (shared/spec/control.md 3). Pure. */
#ifndef DAEMON_CONTROL_UPGRADE_WIRE_H
#define DAEMON_CONTROL_UPGRADE_WIRE_H

#include "base/http1.h"
#include "daemon/control/noise_wire.h"

#define TS_UPGRADE "tailscale-control-protocol"

/* host may be an IPv6 literal without brackets; the port is always written. */
void upgrade_request_build(const char *host, uint16_t port, const uint8_t init[static TS_INIT_LEN],
			   struct buf *out);
/* 0: *used bytes were the head, the rest is Noise. -ERR_AGAIN: more needed. -ERR_PROTO or
 * -ERR_TOOBIG with text for people (status seen, what was missing). */
MUST_CHECK int upgrade_response_parse(struct span in, size_t *used, char text[static 128]);

/* Server: check a parsed POST /ts2021. 0 with the initiation's bytes (any length up to TS_INIT_LEN:
 * ts_server_accept judges them), or the HTTP status to answer with and its text (static). */
MUST_CHECK int upgrade_request_check(const struct http1_head *head,
				     uint8_t init[static TS_INIT_LEN], size_t *init_len,
				     const char **text);
/* The 101 head; the Noise response follows it. */
void upgrade_response_build(struct buf *out);

#endif
