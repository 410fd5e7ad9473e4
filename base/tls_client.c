/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/tls_client.h"
#include "base/log.h"
#include "base/openssl.h"

#include <sodium.h>

#define READ_AHEAD (64u << 10) /* held while bytes wait in it, no longer */

bool tls_client_curl_checks_chain(enum stream_verify v)
{
	return v == STREAM_VERIFY || v == STREAM_VERIFY_NAME;
}

bool tls_client_curl_checks_name(enum stream_verify v)
{
	return v == STREAM_VERIFY;
}

/* ---- the certificate with this hash ---------------------------------------------------- */

/* A relay appends a certificate "derpkey<hex>" that carries its key; it is no part of the chain. */
static bool is_meta_cert(X509 *x)
{
	static const char prefix[] = "derpkey";
	char cn[128];
	int n = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));

	return n > 0 && strncmp(cn, prefix, sizeof(prefix) - 1) == 0;
}

static int count_certs(STACK_OF(X509) * sent)
{
	int n = 0;

	for (int i = 0; i < sk_X509_num(sent); i++)
		n += !is_meta_cert(sk_X509_value(sent, i));
	return n;
}

static bool is_literal(const char *host)
{
	struct ip ip;

	return ip_decode(span_str(host), &ip) == 0;
}

static bool name_matches(X509 *leaf, const char *host)
{
	/* no SNI with a literal, hence nothing to match */
	return is_literal(host) ||
	       X509_check_host(leaf, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

static bool hash_matches(X509 *leaf, const uint8_t want[static 32])
{
	uint8_t got[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	return X509_digest(leaf, EVP_sha256(), got, &len) == 1 && len == 32 &&
	       sodium_memcmp(got, want, 32) == 0;
}

/* transport.md 8, CertName "sha256-raw:": exactly one certificate besides a meta one, this hash,
 * valid for the SNI name and today; no chain. */
static const char *pin_refusal(const struct tls_client *t, X509_STORE_CTX *sctx)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(sctx);

	if (!leaf || count_certs(X509_STORE_CTX_get0_untrusted(sctx)) != 1)
		return "not exactly one certificate";
	if (!hash_matches(leaf, t->sha256))
		return "certificate is not the pinned one";
	if (!name_matches(leaf, t->host))
		return "pinned certificate is for another name";
	if (X509_cmp_current_time(X509_get0_notBefore(leaf)) >= 0 ||
	    X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0)
		return "pinned certificate is outside its dates";
	return NULL;
}

static int verify_pin(X509_STORE_CTX *sctx, void *arg)
{
	struct tls_client *t = arg;

	t->why = pin_refusal(t, sctx);
	X509_STORE_CTX_set_error(sctx, t->why ? X509_V_ERR_APPLICATION_VERIFICATION : X509_V_OK);
	return t->why == NULL;
}

/* ---- check, say so, go on -------------------------------------------------------------- */

static int verify_and_log(X509_STORE_CTX *sctx, void *arg)
{
	struct tls_client *t = arg;

	if (X509_verify_cert(sctx) != 1) {
		int err = X509_STORE_CTX_get_error(sctx);

		t->distrusted = true;
		LOG_LIMITED(
		    600, LOG_WARN,
		    "stream: %s: certificate not trusted (%s); going on, the protocol inside "
		    "authenticates the server",
		    t->host, X509_verify_cert_error_string(err));
		X509_STORE_CTX_set_error(sctx, X509_V_OK);
	}
	return 1;
}

/* ---- setup ------------------------------------------------------------------------------ */

static bool expect_name(SSL_CTX *ctx, const char *name)
{
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ctx);

	if (is_literal(name))
		return X509_VERIFY_PARAM_set1_ip_asc(p, name) == 1;
	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
					       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_VERIFY_PARAM_set1_host(p, name, 0) == 1;
}

/* Without roots the check fails, and is logged: a bad SSL_CERT_FILE must not cut the control link.
 */
static void load_roots(const struct tls_client *t, SSL_CTX *ctx)
{
	if (SSL_CTX_load_verify_locations(ctx, t->ca_file, t->ca_file ? NULL : t->ca_path) != 1)
		ERR_clear_error();
}

int tls_client_setup(struct tls_client *t, void *ssl_ctx)
{
	SSL_CTX *ctx = ssl_ctx;
	bool ok = true;

	/* A write that could not finish is repeated from our queue, which may have moved. */
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	/* A record's head and body, and records that wait, in one read of the socket. */
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	switch (t->verify) {
	case STREAM_VERIFY:
	case STREAM_VERIFY_NONE:
		break;
	case STREAM_VERIFY_LOG:
		load_roots(t, ctx);
		ok = expect_name(ctx, t->host);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_cert_verify_callback(ctx, verify_and_log, t);
		break;
	case STREAM_VERIFY_NAME:
		ok = expect_name(ctx, t->cert_name);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		break;
	case STREAM_VERIFY_SHA256:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_cert_verify_callback(ctx, verify_pin, t);
		break;
	}
	return ok ? 0 : -ERR_NOMEM;
}
