/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/upgrade_wire.h"

#include <stdio.h>

#define HANDSHAKE_HEADER "X-Tailscale-Handshake"

void upgrade_request_build(const char *host, uint16_t port, const uint8_t init[static TS_INIT_LEN],
			   struct buf *out)
{
	char b64[4 * ((TS_INIT_LEN + 2) / 3) + 1];
	bool v6 = strchr(host, ':') != NULL;
	base64_encode(span_of(init, TS_INIT_LEN), b64);
	buf_fmt(out,
		"POST /ts2021 HTTP/1.1\r\nHost: %s%s%s:%u\r\nUser-Agent: meshd/%s\r\n"
		"Content-Length: 0\r\nConnection: upgrade\r\nUpgrade: %s\r\n%s: %s\r\n\r\n",
		v6 ? "[" : "", host, v6 ? "]" : "", port, MESH_VERSION, TS_UPGRADE,
		HANDSHAKE_HEADER, b64);
}

int upgrade_response_parse(struct span in, size_t *used, char text[static 128])
{
	struct http1_head h;
	text[0] = 0;
	int err = http1_parse(in, false, &h);
	if (err == -ERR_AGAIN)
		return err;
	if (err) {
		snprintf(text, 128, "the answer is not HTTP");
		return err == -ERR_TOOBIG ? err : -ERR_PROTO;
	}
	if (h.status != 101) {
		snprintf(text, 128, "HTTP status %d instead of 101", h.status);
		return -ERR_PROTO;
	}
	if (!span_eq_str(http1_find(&h, "Upgrade"), TS_UPGRADE)) {
		snprintf(text, 128, "HTTP 101 without the Upgrade header asked for");
		return -ERR_PROTO;
	}
	*used = h.len;
	return 0;
}

int upgrade_request_check(const struct http1_head *head, uint8_t init[static TS_INIT_LEN],
			  size_t *init_len, const char **text)
{
	struct span b64 = http1_find(head, HANDSHAKE_HEADER);
	*text = "";
	if (!span_eq_nocase(http1_find(head, "Upgrade"), TS_UPGRADE)) {
		*text = "missing or unknown Upgrade header";
		return 400;
	}
	if (!b64.p) {
		*text = "missing " HANDSHAKE_HEADER " header";
		return 400;
	}
	*init_len = TS_INIT_LEN;
	if (base64_decode(b64, init, init_len)) {
		*text = "bad " HANDSHAKE_HEADER " header";
		return 400;
	}
	return 0;
}

void upgrade_response_build(struct buf *out)
{
	buf_fmt(out,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\nConnection: upgrade\r\n\r\n",
		TS_UPGRADE);
}
