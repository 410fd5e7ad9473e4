/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ChaCha20-Poly1305 through libcrypto, packet by packet: the best where vectors are narrow, and for
 * long packets anywhere. */
#include "base/crypto/aead_impl.h"

#include "base/crypto/crypto.h"
#include "base/openssl.h"

#include <pthread.h>
#include <stdlib.h>

/* One context per thread, made at its first batch and freed with the thread. */
static pthread_key_t slot;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool have_slot;

static void free_context(void *ctx)
{
	EVP_CIPHER_CTX_free(ctx);
}

static void make_slot(void)
{
	have_slot = pthread_key_create(&slot, free_context) == 0;
}

static EVP_CIPHER_CTX *make_context(void)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (ctx && EVP_CipherInit_ex(ctx, EVP_chacha20_poly1305(), NULL, NULL, NULL, 1) == 1 &&
	    pthread_setspecific(slot, ctx) == 0)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

/* This thread's context; NULL when memory is out. */
static EVP_CIPHER_CTX *context(void)
{
	pthread_once(&once, make_slot);
	if (!have_slot)
		return NULL;
	EVP_CIPHER_CTX *ctx = pthread_getspecific(slot);
	return ctx ? ctx : make_context();
}

static bool usable(void)
{
	return context() != NULL;
}

static void make_nonce(uint8_t nonce[static 12], uint64_t counter)
{
	struct wr w = wr_init(mspan_of(nonce, 12));
	wr_zero(&w, 4);
	wr_le64(&w, counter);
}

static bool set_key(EVP_CIPHER_CTX *ctx, const uint8_t key[static 32])
{
	return EVP_CipherInit_ex(ctx, NULL, NULL, key, NULL, 1) == 1;
}

static void forget_key(EVP_CIPHER_CTX *ctx)
{
	static const uint8_t zero[32];
	if (!set_key(ctx, zero))
		abort();
}

static bool seal_one(EVP_CIPHER_CTX *ctx, struct aead_pkt *p)
{
	uint8_t nonce[12];
	int len;
	make_nonce(nonce, p->counter);
	return EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_EncryptUpdate(ctx, p->p, &len, p->p, (int)p->len) == 1 &&
	       EVP_EncryptFinal_ex(ctx, p->p + p->len, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, p->p + p->len) == 1;
}

static bool open_one(EVP_CIPHER_CTX *ctx, struct aead_pkt *p)
{
	uint8_t nonce[12];
	int len;
	make_nonce(nonce, p->counter);
	return EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, p->p + p->len) == 1 &&
	       EVP_DecryptUpdate(ctx, p->p, &len, p->p, (int)p->len) == 1 &&
	       EVP_DecryptFinal_ex(ctx, p->p + p->len, &len) == 1;
}

/* Sealing cannot fail once the key is set; if it did, what lies in the buffer must not be sent. */
static void seal(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	EVP_CIPHER_CTX *ctx = context();
	if (!ctx || !set_key(ctx, key)) {
		aead_sodium.seal(key, v, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!seal_one(ctx, &v[i]))
			abort();
	forget_key(ctx);
}

static void open_(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	EVP_CIPHER_CTX *ctx = context();
	if (!ctx || !set_key(ctx, key)) {
		aead_sodium.open(key, v, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		v[i].ok = open_one(ctx, &v[i]);
		if (!v[i].ok)
			wipe(v[i].p, v[i].len);
	}
	forget_key(ctx);
}

const struct aead_impl aead_openssl = { "openssl", usable, seal, open_ };
