/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hands_wire.h: what the daemon and its helper say to each other. Pure. Both sides trust no byte of
 * the other: the helper because the daemon parses what strangers send, the daemon because it can.
 * Integers are big-endian; a message is one packet of the socket and has no byte too many.
 *
 *   request  magic u32, id u32, verb u8; for HANDS_FW_APPLY then tun 16 (NUL-padded),
 *            mark mask u32, subnet mark u32, mode u8, flags u8, port4 u16, port6 u16,
 *            n_self u16, n_guard u16, that many prefixes: family u8 (4, 6), bits u8, address 16
 *   reply    magic u32, id u32, code u8 (of err.h, 0: done), text (the rest) */
#ifndef DAEMON_HANDS_WIRE_H
#define DAEMON_HANDS_WIRE_H

#include "daemon/hands.h"
#include "netstack/iptables.h"

enum hands_verb { HANDS_FW_APPLY = 1, HANDS_FW_DOWN = 2, HANDS_FW_CHECK = 3 };

#define HANDS_SELF_MAX 256
/* One more a family than iptables.h lists one by one says all there is to say. */
#define HANDS_GUARD_MAX (2 * (IPT_GUARD_MAX + 1))
#define HANDS_REQUEST_MAX (64 + 18 * (HANDS_SELF_MAX + HANDS_GUARD_MAX))
#define HANDS_REPLY_MAX (16 + HANDS_TEXT_MAX)

struct hands_request {
	uint32_t id;
	enum hands_verb verb;
	/* HANDS_FW_APPLY only: */
	char tun[IPT_IFNAME_MAX + 1];
	struct router_params params; /* fwmark_mask, fwmark_subnet */
	struct fw_config cfg;
};
void hands_request_fini(struct hands_request *r);

/* Bytes written to out, or -ERR_RANGE for what the other side would refuse. */
int hands_request_build(const struct hands_request *r, struct mspan out);
/* Everything is checked, as if from an enemy: the interface's name is ipt_ifname_ok, marks lie in
 * their mask, addresses are single, guarded prefixes are masked, sorted and not everything. *out
 * is new, also to be ended by fini after an error. 0, -ERR_SHORT, -ERR_PROTO (not one of these
 * messages), -ERR_TYPE (verb), -ERR_RANGE (a field). out->id is set whenever there is one. */
MUST_CHECK int hands_request_parse(struct span msg, struct hands_request *out);

struct hands_reply {
	uint32_t id;
	int rc;
	char text[HANDS_TEXT_MAX]; /* printable ASCII */
};
size_t hands_reply_build(const struct hands_reply *r, struct mspan out);
/* 0, -ERR_SHORT, -ERR_PROTO. Signs that do not print become '?'. */
MUST_CHECK int hands_reply_parse(struct span msg, struct hands_reply *out);

#endif
