/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The implementations for a CPU that we are not built for: known by name, never usable, so never
 * called. */
#include "base/crypto/aead_impl.h"

#if !defined(__x86_64__)
static bool never(void)
{
	return false;
}

const struct aead_impl aead_avx512 = { "avx512", never, NULL, NULL };
const struct aead_impl aead_avx2 = { "avx2", never, NULL, NULL };
#endif
