/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crypto/aead_batch.h"

#include "base/alloc.h"
#include "base/crypto/aead_impl.h"

/* Fastest first; sodium is always usable. */
static const struct aead_impl *const impls[] = {
	&aead_avx512, &aead_avx2, &aead_openssl, &aead_sodium,
#ifdef MESH_BENCH_NO_CRYPTO
	&aead_none, /* behind sodium: never chosen unless asked for */
#endif
};

const struct aead_impl *aead_impl_at(size_t i)
{
	return i < ARRAY_LEN(impls) ? impls[i] : NULL;
}

static const struct aead_impl *chosen = &aead_sodium;

/* What does not protect cannot agree with what does. */
static bool trusted(const struct aead_impl *impl)
{
	return !aead_batch_protects(impl->name) || aead_selfcheck(impl);
}

static int choose_best(void)
{
	for (size_t i = 0; i < ARRAY_LEN(impls); i++) {
		if (!impls[i]->usable() || !aead_selfcheck(impls[i]))
			continue;
		chosen = impls[i];
		return 0;
	}
	return -ERR_AUTH;
}

int aead_batch_init(const char *name)
{
	if (!name)
		return choose_best();
	for (size_t i = 0; i < ARRAY_LEN(impls); i++) {
		if (strcmp(impls[i]->name, name) != 0)
			continue;
		if (!impls[i]->usable())
			return -ERR_UNSUPPORTED;
		if (!trusted(impls[i]))
			return -ERR_AUTH;
		chosen = impls[i];
		return 0;
	}
	return -ERR_NOENT;
}

const char *aead_batch_usable(size_t i)
{
	for (size_t k = 0; k < ARRAY_LEN(impls); k++)
		if (impls[k]->usable() && i-- == 0)
			return impls[k]->name;
	return NULL;
}

bool aead_batch_protects(const char *name)
{
#ifdef MESH_BENCH_NO_CRYPTO
	return strcmp(name, aead_none.name) != 0;
#else
	(void)name;
	return true;
#endif
}

const char *aead_batch_name(void)
{
	return chosen->name;
}

void aead_batch_seal(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	chosen->seal(key, v, n);
}

void aead_batch_open(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	chosen->open(key, v, n);
}
