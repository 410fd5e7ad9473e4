/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flood_messages.h: datagrams that a stranger may send to a node's port. */
#ifndef TESTS_LOAD_FLOOD_MESSAGES_H
#define TESTS_LOAD_FLOOD_MESSAGES_H

#include "base/keys.h"

#define FLOOD_DATAGRAM_MAX 1400

enum flood_kind {
	FLOOD_INITIATION,    /* whole, valid mac1, from a key that nobody knows; mac2 is zero */
	FLOOD_FORGED_COOKIE, /* the same with a made-up mac2 */
	FLOOD_BAD_MAC1,	     /* the same with a made-up mac1 */
	FLOOD_RESPONSE,	     /* valid mac1, random receiver */
	FLOOD_COOKIE,	     /* random receiver */
	FLOOD_TRANSPORT,     /* random receiver, 32 to 1312 bytes */
	FLOOD_DISCO,	     /* a head and noise */
	FLOOD_STUN,	     /* a binding response that nobody asked for */
	FLOOD_JUNK,	     /* noise of any length */
	FLOOD_KINDS
};

/* A public key from the command line: base64, or nodekey: and hexadecimal digits. Returns 0 or
 * -ERR_TYPE. */
MUST_CHECK int flood_key_decode(struct span text, struct node_key *out);
/* Its name on the command line. */
const char *flood_kind_name(enum flood_kind k);
/* Write one such datagram for the node with this key; returns its length, 0 if the key is unusable.
 */
size_t flood_message(enum flood_kind k, const struct node_key *to,
		     uint8_t out[static FLOOD_DATAGRAM_MAX]);

#endif
