/* SPDX-License-Identifier: GPL-2.0-or-later */
/* localapi_client.h: blocking HTTP/1.1 over the daemon's Unix socket, one connection a request.
 * Errors are texts fit for the user (new, free()), worded as shared/spec/cli-localapi.md 1 says. */
#ifndef CLI_LOCALAPI_CLIENT_H
#define CLI_LOCALAPI_CLIENT_H

#include "base/json.h"
#include "cli/cli.h"

#define LAPI "/localapi/v0/"
#define LAPI_ANSWER_MAX (256u << 20)

struct lapi_call {
	const char *method;
	const char *uri;    /* path and query, encoded */
	const json_t *body; /* borrowed; NULL: none */
	const char *header; /* one further "Name: value", or NULL */
	int ok;		    /* the one status that is success; 0: 200 */
	int64_t timeout_ms; /* of the whole call; 0: none. */
	bool diagnose;	    /* no connection: say that the daemon does not run */
};

/* What went wrong, besides its text. */
enum lapi_fault { LAPI_NONE, LAPI_NO_DAEMON, LAPI_TIMEOUT, LAPI_STATUS, LAPI_BROKEN };

struct lapi_error {
	enum lapi_fault fault;
	int status; /* with LAPI_STATUS */
	char *text; /* new, or NULL; the caller frees or hands to cli_fail_why */
};

/* 0 and the body in out (caller's, initialised), or -1 and *e filled. */
MUST_CHECK int lapi_do(struct cli *c, const struct lapi_call *call, struct buf *out,
		       struct lapi_error *e);
/* GET that answers JSON: new tree, or NULL and *why new. */
json_t *lapi_get(struct cli *c, const char *uri, char **why);
/* JSON in, JSON or nothing out (result may be NULL). 0, or -1 and *why new. */
MUST_CHECK int lapi_send(struct cli *c, const char *method, const char *uri, const json_t *body,
			 int ok, json_t **result, char **why);
/* Any call that answers JSON (result NULL: the body is not looked at). 0, or -1 and *why new. */
MUST_CHECK int lapi_call_json(struct cli *c, const struct lapi_call *call, json_t **result,
			      char **why);
/* GET status, with the diagnosis of verbs that cannot do without the daemon. */
json_t *lapi_status(struct cli *c, bool peers, bool diagnose, char **why);

/* ---- endless answers, line by line --------------------------------------------------------- */
struct lapi_stream;
/* Returns when the head has come (so we are subscribed), or NULL and *why new. */
struct lapi_stream *lapi_stream_open(struct cli *c, const char *uri, char **why);
void lapi_stream_free(struct lapi_stream *s);
/* Next line as JSON, new. NULL: *e filled (LAPI_TIMEOUT at the deadline, LAPI_BROKEN at the end).
 * deadline is of mono_now(); MONO_NEVER waits for ever. */
json_t *lapi_stream_next(struct lapi_stream *s, mono_t deadline, struct lapi_error *e);

/* Query text: letters, digits, "-_.~" stay, blank becomes '+'. Appends to out. */
void lapi_escape(struct buf *out, const char *s);

#endif
