/* SPDX-License-Identifier: GPL-2.0-or-later */
/* noise_wire.h: the ts2021 Noise transport, both ends: Noise_IK_25519_ChaChaPoly_BLAKE2s handshake
 * in the frames of shared/spec/control.md 4, then a byte stream cut into sealed records. Pure: no
 * I/O, clock or log. Lengths, version and the nonce counter are big-endian. */
#ifndef DAEMON_CONTROL_NOISE_WIRE_H
#define DAEMON_CONTROL_NOISE_WIRE_H

#include "base/crypto/noise.h"

#define TS_INIT_LEN 101
#define TS_RESP_LEN 51
#define TS_HEADER_LEN 3 /* type, length */
#define TS_FRAME_MAX 4096
#define TS_CIPHER_MAX (TS_FRAME_MAX - TS_HEADER_LEN)
#define TS_PLAIN_MAX (TS_CIPHER_MAX - TAG_LEN)
#define TS_ERROR_TEXT_MAX 128

enum ts_frame_type {
	TS_FRAME_INIT = 1,
	TS_FRAME_RESP = 2,
	TS_FRAME_ERROR = 3,
	TS_FRAME_RECORD = 4,
};

/* One direction's key and next counter. */
struct ts_cipher {
	uint8_t key[32];
	uint64_t counter;
};

struct ts_tx {
	struct ts_cipher c;
};

/* The reader: any chunking of the wire bytes in, records out. */
struct ts_rx {
	struct ts_cipher c;
	uint8_t frame[TS_FRAME_MAX]; /* a record that has not come whole */
	size_t have;
	uint8_t plain[TS_PLAIN_MAX];
	int failed; /* sticky error code */
};

/* Client's half-done handshake; secret until finished or wiped. */
struct ts_client {
	struct noise_sym sym;
	struct machine_priv machine;
	struct machine_priv ephemeral;
};

/* Begin: writes the initiation. -ERR_AUTH if the server's key is a low-order point. */
MUST_CHECK int ts_client_start(struct ts_client *c, uint16_t version,
			       const struct machine_priv *machine, const struct machine_key *server,
			       struct rng *rng, uint8_t out[static TS_INIT_LEN]);
/* Feed what followed the 101 head. On 0 the transport is ready, *used bytes were the response (the
 * rest are records) and c is wiped. -ERR_AGAIN: the response is not whole yet, nothing was used.
 * -ERR_PERM: the server sent an error frame; text holds it, printable and cut (unauthenticated: for
 * the log only). -ERR_PROTO, -ERR_AUTH: refuse the connection. text is "" otherwise. */
MUST_CHECK int ts_client_finish(struct ts_client *c, struct span in, size_t *used, struct ts_tx *tx,
				struct ts_rx *rx, char text[static TS_ERROR_TEXT_MAX]);
void ts_client_wipe(struct ts_client *c);

/* Server: one call. init is the decoded header value, untrusted, any length.
 * 0: *version, *client and the transport are set and out holds the response.
 * -ERR_PROTO: *refusal is the text for an error frame (static); -ERR_AUTH: close without a word. */
MUST_CHECK int ts_server_accept(const struct machine_priv *server, struct span init,
				struct rng *rng, uint8_t out[static TS_RESP_LEN], uint16_t *version,
				struct machine_key *client, struct ts_tx *tx, struct ts_rx *rx,
				const char **refusal);
/* An error frame with that text (cut at TS_ERROR_TEXT_MAX). */
void ts_error_frame(const char *text, struct buf *out);

/* Bytes that sealing `plain` bytes takes on the wire. */
size_t ts_sealed_len(size_t plain);
/* Append plain, cut into records of at most TS_PLAIN_MAX, to out. An empty span makes no record.
 * -ERR_NOMEM or -ERR_TOOBIG (out's ceiling), -ERR_STATE (counter used up): the connection is over.
 */
MUST_CHECK int ts_seal(struct ts_tx *tx, struct span plain, struct buf *out);
/* Take the next record out of *in (advanced past what was used). 1: *plain is its text (may be
 * empty; valid until the next call); 0: more bytes needed, all of *in is kept; negative: final for
 * the connection (-ERR_PROTO, -ERR_AUTH). */
MUST_CHECK int ts_open(struct ts_rx *rx, struct span *in, struct span *plain);

void ts_tx_wipe(struct ts_tx *tx);
void ts_rx_wipe(struct ts_rx *rx);

#endif
