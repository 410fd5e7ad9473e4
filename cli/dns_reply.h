/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_reply.h: the bytes of a DNS answer, as `dns query` shows them. They come from anybody: names
 * and texts are printable ASCII afterwards (\DDD, \xNN). Pure. */
#ifndef CLI_DNS_REPLY_H
#define CLI_DNS_REPLY_H

#include "base/json.h"

#define DNS_REPLY_ANSWERS_MAX 4096

struct dns_reply {
	uint8_t rcode;
	json_t *answers; /* new: array of {Name,TTL,Class,Type,Body}; NULL: rcode is an error */
};

/* 0; -ERR_SHORT: no header, -ERR_SYNTAX: questions or answers cannot be read. What stands behind the
 * answers is not looked at. */
MUST_CHECK int dns_reply_parse(struct span msg, struct dns_reply *out);
/* "RCodeSuccess", ..., or the number. */
#define DNS_CODE_TEXT_MAX 24
const char *dns_rcode_text(uint8_t rcode, char out[static DNS_CODE_TEXT_MAX]);

#endif
