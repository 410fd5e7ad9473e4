/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_client.h: how a TLS client of ours checks the server, beyond what libcurl offers. Works on
 * the SSL_CTX that libcurl made; for stream.c only. */
#ifndef BASE_TLS_CLIENT_H
#define BASE_TLS_CLIENT_H

#include "base/stream.h"

struct tls_client {
	enum stream_verify verify;
	const char *host; /* SNI or literal; borrowed for the life of the SSL_CTX, as the rest */
	const char *cert_name; /* STREAM_VERIFY_NAME */
	uint8_t sha256[32];    /* STREAM_VERIFY_SHA256 */
	const char *ca_file;   /* roots of STREAM_VERIFY_LOG; libcurl loads those of the others */
	const char *ca_path;
	const char *why; /* set when our own check refused, static text; else NULL */
	bool distrusted; /* STREAM_VERIFY_LOG: the check failed, the connection goes on */
};

/* ssl_ctx: an SSL_CTX before its first use. 0 or -ERR_NOMEM. */
MUST_CHECK int tls_client_setup(struct tls_client *t, void *ssl_ctx);
/* Whether libcurl shall verify the chain and the name itself. */
bool tls_client_curl_checks_chain(enum stream_verify v);
bool tls_client_curl_checks_name(enum stream_verify v);

#endif
