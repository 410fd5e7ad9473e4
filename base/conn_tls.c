/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_tls.c: TLS of accepted connections over non-blocking sockets. */
#include "base/conn_priv.h"
#include "base/openssl.h"

#include <limits.h>
#include <stdlib.h>

struct conn_tls {
	SSL_CTX *ctx;
	unsigned refs; /* the owner and each session */
	uint8_t sha256[32];
};

/* ---- certificate and settings ------------------------------------------------------------ */

/* HTTP/2 cannot switch protocols: /ts2021 and /derp need HTTP/1.1 whatever the client would like.
 */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		       const unsigned char *in, unsigned in_len, void *arg)
{
	static const char http11[] = "http/1.1";
	struct rd r = rd_init(span_of(in, in_len));

	(void)ssl;
	(void)arg;
	while (rd_left(&r) > 0) {
		struct span name = rd_take(&r, rd_u8(&r));

		if (rd_ok(&r) && span_eq_str(name, http11)) {
			*out = name.p;
			*out_len = (unsigned char)name.len;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *server_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
				     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
	return ctx;
}

static const char *load_files(struct conn_tls *t, const char *cert_file, const char *key_file)
{
	unsigned len = 0;

	t->ctx = server_ctx();
	if (!t->ctx)
		return "TLS library failed";
	if (SSL_CTX_use_certificate_chain_file(t->ctx, cert_file) != 1)
		return "cannot load the certificate file";
	if (SSL_CTX_use_PrivateKey_file(t->ctx, key_file, SSL_FILETYPE_PEM) != 1)
		return "cannot load the key file, or it does not fit the certificate";
	if (X509_digest(SSL_CTX_get0_certificate(t->ctx), EVP_sha256(), t->sha256, &len) != 1)
		return "TLS library failed";
	return NULL;
}

struct conn_tls *conn_tls_load(const char *cert_file, const char *key_file, const char **why)
{
	struct conn_tls *t = xcalloc(1, sizeof(*t));

	t->refs = 1;
	*why = load_files(t, cert_file, key_file);
	if (*why) {
		ERR_clear_error();
		conn_tls_free(t);
		return NULL;
	}
	return t;
}

struct conn_tls *conn_tls_ref(struct conn_tls *t)
{
	t->refs++;
	return t;
}

void conn_tls_free(struct conn_tls *t)
{
	if (!t || --t->refs > 0)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

void conn_tls_sha256(const struct conn_tls *t, uint8_t out[static 32])
{
	memcpy(out, t->sha256, 32);
}

/* ---- sessions ------------------------------------------------------------------------------ */

struct tls_session {
	SSL *ssl;
	struct conn_tls *tls;
};

struct tls_session *tls_session_new(struct conn_tls *t, int fd)
{
	struct tls_session *s = xcalloc(1, sizeof(*s));

	s->ssl = SSL_new(t->ctx);
	if (!s->ssl || SSL_set_fd(s->ssl, fd) != 1) {
		SSL_free(s->ssl);
		free(s);
		return NULL;
	}
	s->tls = conn_tls_ref(t);
	SSL_set_accept_state(s->ssl);
	return s;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	SSL_free(s->ssl);
	conn_tls_free(s->tls);
	free(s);
}

static int result(struct tls_session *s, int rc)
{
	int err = SSL_get_error(s->ssl, rc);

	ERR_clear_error(); /* the queue is the thread's, not the connection's */
	switch (err) {
	case SSL_ERROR_NONE:
		return rc;
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_END;
	default:
		return TLS_BROKEN;
	}
}

int tls_session_accept(struct tls_session *s)
{
	return result(s, SSL_do_handshake(s->ssl));
}

int tls_session_read(struct tls_session *s, struct mspan room)
{
	return result(s, SSL_read(s->ssl, room.p, room.len > INT_MAX ? INT_MAX : (int)room.len));
}

int tls_session_write(struct tls_session *s, struct span data)
{
	return result(s, SSL_write(s->ssl, data.p, data.len > INT_MAX ? INT_MAX : (int)data.len));
}

void tls_session_shutdown(struct tls_session *s)
{
	SSL_shutdown(s->ssl);
	ERR_clear_error();
}
