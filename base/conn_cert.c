/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_cert.c: make a self-signed server certificate. */
#include "base/conn.h"
#include "base/fs.h"
#include "base/openssl.h"

enum { YEARS = 10, SERIAL_BITS = 127, CN_MAX = 64 };

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX v3;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx_nodb(&v3);
	X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
	ok = e && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

/* The name goes in as a value, not as configuration text: it may hold commas. */
static bool add_san(X509 *x, const char *name)
{
	struct ip ip;
	int type = ip_decode(span_str(name), &ip) == 0 ? GEN_IPADD : GEN_DNS;
	GENERAL_NAME *g = a2i_GENERAL_NAME(NULL, NULL, NULL, type, name, 0);
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	bool ok = g && all && sk_GENERAL_NAME_push(all, g) > 0;

	if (!ok)
		GENERAL_NAME_free(g);
	ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0) == 1;
	sk_GENERAL_NAME_pop_free(all, GENERAL_NAME_free);
	return ok;
}

static bool set_random_serial(X509 *x)
{
	BIGNUM *bn = BN_new();
	bool ok = bn && BN_rand(bn, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));

	BN_free(bn);
	return ok;
}

static bool set_names(X509 *x, const char *name)
{
	X509_NAME *n = X509_get_subject_name(x);
	/* longer names stand in the SAN alone */
	const char *cn = strlen(name) <= CN_MAX ? name : "meshcoord";

	return X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1,
					  0) == 1 &&
	       X509_set_issuer_name(x, n) == 1;
}

static X509 *make_cert(EVP_PKEY *key, const char *name)
{
	X509 *x = X509_new();
	/* a day of grace for clocks that are behind */
	bool ok = x && X509_set_version(x, X509_VERSION_3) == 1 && set_random_serial(x) &&
		  X509_gmtime_adj(X509_getm_notBefore(x), -86400) &&
		  X509_time_adj_ex(X509_getm_notAfter(x), YEARS * 365 + YEARS / 4, 0, NULL) &&
		  set_names(x, name) && X509_set_pubkey(x, key) == 1 && add_san(x, name) &&
		  add_extension(x, NID_basic_constraints, "critical,CA:TRUE") &&
		  add_extension(x, NID_ext_key_usage, "serverAuth") &&
		  add_extension(x, NID_subject_key_identifier, "hash") &&
		  X509_sign(x, key, EVP_sha256()) > 0;

	if (!ok) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static int write_bio(const char *path, BIO *b, mode_t mode)
{
	char *p;
	long len = BIO_get_mem_data(b, &p);

	return fs_write_atomic(path, span_of(p, (size_t)len), mode);
}

static int write_cert(const char *path, X509 *x)
{
	BIO *b = BIO_new(BIO_s_mem());
	int rc = b && PEM_write_bio_X509(b, x) == 1 ? write_bio(path, b, 0644) : -ERR_IO;

	BIO_free(b);
	return rc;
}

static int write_key(const char *path, EVP_PKEY *key)
{
	BIO *b = BIO_new(BIO_s_secmem());
	int rc = b && PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) == 1
		     ? write_bio(path, b, 0600)
		     : -ERR_IO;

	BIO_free(b);
	return rc;
}

int conn_tls_make(const char *name, const char *cert_file, const char *key_file)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key ? make_cert(key, name) : NULL;
	int rc = -ERR_IO;

	if (x && write_key(key_file, key) == 0 && write_cert(cert_file, x) == 0)
		rc = 0;
	X509_free(x);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return rc;
}
