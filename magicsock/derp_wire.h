/* SPDX-License-Identifier: GPL-2.0-or-later */
/* derp_wire.h: DERP frames, both directions, for the client and for the coordinator's relay. Pure.
 * Source: transport.md 8 and 16. A frame is type(1) length(4, big-endian) body. Unknown types MUST
 * be skipped by both sides; bodies may carry more than the fields known here. */
#ifndef MAGICSOCK_DERP_WIRE_H
#define MAGICSOCK_DERP_WIRE_H

#include "base/crypto/crypto.h"
#include "base/ip.h"

#define DERP_HEADER_LEN 5
#define DERP_KEY_LEN 32
#define DERP_FRAME_MAX (1u << 20) /* longer bodies end the connection */
#define DERP_PACKET_MAX 65536	  /* payload of one packet */
#define DERP_GREETING_MAX 1024	  /* body of ServerKey */
#define DERP_CLIENT_INFO_MIN 56	  /* key and nonce */
#define DERP_CLIENT_INFO_MAX (256u << 10)
#define DERP_PING_LEN 8
#define DERP_PING_MAX 1000 /* a server closes on longer ones */
#define DERP_INFO_JSON_MAX 256
/* room for one packet frame around a payload of n bytes */
#define DERP_SEND_LEN(n) (DERP_HEADER_LEN + DERP_KEY_LEN + (n))
/* room for a login frame around JSON of n bytes */
#define DERP_LOGIN_LEN(n) (DERP_HEADER_LEN + DERP_KEY_LEN + BOX_NONCE_LEN + BOX_OVERHEAD + (n))

enum derp_type {
	DERP_SERVER_KEY = 0x01,
	DERP_CLIENT_INFO = 0x02,
	DERP_SERVER_INFO = 0x03,
	DERP_SEND_PACKET = 0x04,
	DERP_RECV_PACKET = 0x05,
	DERP_KEEP_ALIVE = 0x06,
	DERP_NOTE_PREFERRED = 0x07,
	DERP_PEER_GONE = 0x08,
	DERP_PEER_PRESENT = 0x09,
	DERP_FORWARD_PACKET = 0x0a,
	DERP_WATCH_CONNS = 0x10,
	DERP_CLOSE_PEER = 0x11,
	DERP_PING = 0x12,
	DERP_PONG = 0x13,
	DERP_HEALTH = 0x14,
	DERP_RESTARTING = 0x15,
};

enum derp_gone { DERP_GONE_DISCONNECTED = 0, DERP_GONE_NOT_HERE = 1 };

/* ---- incremental reader ----------------------------------------------------------------- */

/* Bytes may be cut anywhere. Memory grows with what arrived, never with what a header claims. */
struct derp_reader {
	struct buf head; /* a partial frame */
	uint32_t keep;	 /* bodies are kept up to this length; may be changed between frames */
	uint32_t skip;	 /* bytes of a body that is not kept and has still to pass */
	bool whole;	 /* head holds the frame that was handed out last */
	int err;	 /* sticky */
};

struct derp_frame {
	uint8_t type;
	uint32_t len;	  /* of the body as declared */
	struct span body; /* borrowed until the next call; its first `keep` bytes if it is longer */
};

/* keep: see above; DERP_FRAME_MAX keeps all. */
void derp_reader_init(struct derp_reader *r, uint32_t keep);
void derp_reader_fini(struct derp_reader *r);
/* Take bytes from the front of *in until one frame is whole.
 * Returns 1 (*out is a frame; call again), 0 (*in is empty, more needed), -ERR_TOOBIG (declared
 * length above DERP_FRAME_MAX; sticky), -ERR_NOMEM (sticky). */
MUST_CHECK int derp_reader_next(struct derp_reader *r, struct span *in, struct derp_frame *out);

/* ---- frames: build ------------------------------------------------------------------------ */

void derp_frame_build(struct wr *w, enum derp_type type, struct span body);
void derp_server_key_build(struct wr *w, const struct node_key *server);
/* box: precomputed for (own private key, other's key) */
void derp_client_info_build(struct wr *w, const struct node_key *self, const struct box_key *box,
			    struct rng *rng, struct span json);
void derp_server_info_build(struct wr *w, const struct box_key *box, struct rng *rng,
			    struct span json);
void derp_send_build(struct wr *w, const struct node_key *dst, struct span payload);
void derp_recv_build(struct wr *w, const struct node_key *src, struct span payload);
void derp_keep_alive_build(struct wr *w);
void derp_note_preferred_build(struct wr *w, bool home);
void derp_peer_gone_build(struct wr *w, const struct node_key *peer, enum derp_gone reason);
void derp_ping_build(struct wr *w, const uint8_t data[static DERP_PING_LEN]);
void derp_pong_build(struct wr *w, const uint8_t data[static DERP_PING_LEN]);
void derp_health_build(struct wr *w, const char *problem); /* "" clears */
void derp_restarting_build(struct wr *w, uint32_t reconnect_in_ms, uint32_t try_for_ms);

/* ---- bodies: parse. 0 or an error; nothing is written on error ---------------------------- */

/* The greeting: -ERR_PROTO unless a ServerKey frame of 40..DERP_GREETING_MAX bytes with the magic.
 */
MUST_CHECK int derp_server_key_parse(const struct derp_frame *f, struct node_key *server);
/* The claimed key of a login; -ERR_SHORT, -ERR_TOOBIG, -ERR_PROTO (another type). */
MUST_CHECK int derp_client_info_key(const struct derp_frame *f, struct node_key *client);
/* SEND_PACKET and RECV_PACKET: key and payload (borrowed). -ERR_SHORT; -ERR_TOOBIG above
 * DERP_PACKET_MAX. */
MUST_CHECK int derp_packet_parse(const struct derp_frame *f, struct node_key *key,
				 struct span *payload);
/* -ERR_SHORT. A missing reason byte reads as 0. */
MUST_CHECK int derp_peer_gone_parse(const struct derp_frame *f, struct node_key *peer,
				    uint8_t *reason);
/* PING and PONG; -ERR_SHORT. */
MUST_CHECK int derp_ping_parse(const struct derp_frame *f, uint8_t data[static DERP_PING_LEN]);
/* Server side: exactly one byte, else -ERR_PROTO. */
MUST_CHECK int derp_note_preferred_parse(const struct derp_frame *f, bool *home);
MUST_CHECK int derp_restarting_parse(const struct derp_frame *f, uint32_t *reconnect_in_ms,
				     uint32_t *try_for_ms);
/* addr unset and flags 0 where absent */
MUST_CHECK int derp_peer_present_parse(const struct derp_frame *f, struct node_key *peer,
				       struct ep *addr, uint8_t *flags);

/* ---- login boxes ---------------------------------------------------------------------------- */

struct derp_client_info {
	int version;
	bool can_ack_pings;
	bool is_prober;
	bool has_mesh_key;
};

struct derp_server_info {
	int version;
	uint64_t rate;	/* TokenBucketBytesPerSecond, 0 = unlimited */
	uint64_t burst; /* TokenBucketBytesBurst */
};

/* The bytes official clients send: {"version":2,"CanAckPings":true} */
struct span derp_client_info_json(void);
/* rate 0: version alone */
void derp_server_info_json(struct wr *w, const struct derp_server_info *info);
/* Open and parse a login; box: (server private, client's key). Unknown fields are fine, "{}" is
 * fine. -ERR_SHORT, -ERR_TOOBIG, -ERR_AUTH, -ERR_SYNTAX (JSON, meshKey that is not hex),
 * -ERR_NOMEM. */
MUST_CHECK int derp_client_info_open(const struct derp_frame *f, const struct box_key *box,
				     struct derp_client_info *out);
/* box: (client private, server's key). Any failure ends the connection. */
MUST_CHECK int derp_server_info_open(const struct derp_frame *f, const struct box_key *box,
				     struct derp_server_info *out);

/* ---- HTTP and certificate names ---------------------------------------------------------------
 */

/* GET /derp with Upgrade. port 443 is left out of Host; ideal_node (may be NULL) names Nodes[0]
 * when another node is dialed. */
void derp_upgrade_request_build(struct wr *w, const char *host, uint16_t port,
				const char *ideal_node);
/* The server key in a meta certificate's common name, "derpkey" + 64 hex digits; -ERR_SYNTAX. */
MUST_CHECK int derp_meta_name_parse(struct span common_name, struct node_key *server);

#endif
