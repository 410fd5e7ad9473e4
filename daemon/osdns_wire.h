/* SPDX-License-Identifier: GPL-2.0-or-later */
/* osdns_wire.h: what the daemon and the helper for the system's resolver say to each other, over a
 * stream. Pure. Both sides trust no byte of the other. Integers are big-endian; a message is its
 * length u32, that many bytes, and has no byte too many.
 *
 *   request:        magic u32, id u32, verb u8; for OSDNS_SET a configuration
 *   status:         magic u32, done u32, mode u8, flags u8, code u8, a configuration (base), four
 *                   texts: trace, what is wrong with the last set, who overwrites, warning
 *   configuration:  n u8 servers, n u16 names to search, n u16 names to match
 *   server:         family u8 (of enum ip_family), address 16, zone
 *   name, zone:     length u8, bytes
 *   text:           length u16, bytes
 *
 * done: id of the last request that has ended, 0 none. code: of err.h, 0 done. */
#ifndef DAEMON_OSDNS_WIRE_H
#define DAEMON_OSDNS_WIRE_H

#include "base/bytes.h"
#include "dns/os_config.h"

#define OSDNS_BODY_MAX (1024 + DNS_SERVERS_MAX * 64 + DNS_OS_NAMES_MAX * 256 + 4 * 4096)
/* Of one text of a status, with NUL. */
#define OSDNS_SAID_MAX 2048

enum osdns_verb { OSDNS_SET = 1, OSDNS_RECHECK = 2 };

struct osdns_request {
	uint32_t id;
	enum osdns_verb verb;
	struct dns_os_config config; /* OSDNS_SET only */
};

struct osdns_said {
	uint32_t done;
	enum dns_os_mode mode;
	bool split, has_base, base_failed;
	int set_rc;
	struct dns_os_config base;
	char trace[OSDNS_SAID_MAX], set_text[OSDNS_SAID_MAX], overwritten_by[OSDNS_SAID_MAX],
	    warning[OSDNS_SAID_MAX];
};

/* The first message in `in` without its length: 1; 0: more bytes are needed; -ERR_TOOBIG. */
MUST_CHECK int osdns_frame(struct span in, struct span *body);
#define OSDNS_FRAME_HEAD 4

/* Append a whole message. */
void osdns_request_build(const struct osdns_request *r, struct buf *out);
void osdns_said_build(const struct osdns_said *s, struct buf *out);

/* The body of one. out: zeroed or fini'd before, also to be ended by fini after an error. 0,
 * -ERR_SHORT, -ERR_PROTO (not one of these messages), -ERR_TYPE (verb), -ERR_RANGE (a field). Signs
 * of texts that do not print become '?'. */
MUST_CHECK int osdns_request_parse(struct span body, struct osdns_request *out);
MUST_CHECK int osdns_said_parse(struct span body, struct osdns_said *out);
void osdns_request_fini(struct osdns_request *r);
void osdns_said_fini(struct osdns_said *s);

#endif
