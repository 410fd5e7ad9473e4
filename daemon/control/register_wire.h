/* SPDX-License-Identifier: GPL-2.0-or-later */
/* register_wire.h: bodies of POST /machine/register (shared/spec/control.md 7). Pure. */
#ifndef DAEMON_CONTROL_REGISTER_WIRE_H
#define DAEMON_CONTROL_REGISTER_WIRE_H

#include "base/json.h"
#include "base/keys.h"

#define REGISTER_ANSWER_MAX (1u << 20)
#define REGISTER_ERROR_MAX 1024 /* of the server's Error text */
#define REGISTER_URL_MAX 2048

struct register_request {
	int version;
	struct node_key node;
	struct node_key old_node; /* zero if none */
	struct nl_key nl;	  /* zero if none */
	const char *auth_key;	  /* NULL or "": none; a tailnet-lock suffix is cut off */
	wall_t expiry;		  /* WALL_ZERO; in the past: logout */
	const char *followup;	  /* the AuthURL being waited on; NULL = "" */
	json_t *hostinfo;	  /* borrowed; NULL = null */
	bool ephemeral;
	struct span signature; /* NodeKeySignature; empty = null */
	wall_t timestamp;      /* WALL_ZERO: not written */
	const char *tailnet;   /* NULL or "": not written */
};

json_t *register_request_to_json(const struct register_request *r); /* new */
/* Server side: strict about keys and version; strings and hostinfo are borrowed from v. */
MUST_CHECK int register_request_from_json(const json_t *v, struct register_request *out,
					  const char **why);

struct register_answer {
	int64_t user_id;
	char *login_name;
	char *display_name;
	char *picture;
	bool node_key_expired;
	bool machine_authorized;
	char *auth_url; /* "" if none */
	char *error;	/* "" if none; the server's words: escape before showing */
	struct buf signature;
};
void register_answer_fini(struct register_answer *a);
/* 0, -ERR_SYNTAX, -ERR_TOOBIG. out needs no init; fini it after 0 only. */
MUST_CHECK int register_answer_parse(struct span body, struct register_answer *out);
json_t *register_answer_to_json(const struct register_answer *a); /* server side; new */

/* GET /key: 0 with *key, -ERR_SYNTAX, or -ERR_UNSUPPORTED (no Noise key: server too old). */
#define SERVER_KEY_MAX 65536
MUST_CHECK int server_key_parse(struct span body, struct machine_key *key);

/* Retry-After (shared/spec/control.md 7): ms to wait from the header's seconds (-1 absent). */
int64_t register_retry_after_ms(int64_t seconds, struct rng *rng);
/* Header value: integer seconds or an HTTP date; -1 if neither. */
int64_t retry_after_parse(struct span value, wall_t now);

#endif
