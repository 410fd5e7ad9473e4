/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/checksum_priv.h"

#include <stdbool.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The last bytes, less than one vector. */
ALWAYS_INLINE uint64_t tail(bool copy, uint8_t *out, const uint8_t *p, size_t n)
{
	uint64_t acc = 0;
	while (n >= 4) {
		uint32_t word;
		memcpy(&word, p, sizeof(word));
		if (copy) {
			memcpy(out, &word, sizeof(word));
			out += sizeof(word);
		}
		acc += word;
		p += sizeof(word);
		n -= sizeof(word);
	}
	uint32_t word = 0;
	memcpy(&word, p, n);
	if (copy)
		memcpy(out, &word, n);
	return acc + word;
}

/* One vector at once. 64-bit lanes that take 32-bit words hold the carries of 16 GiB. */
#define WORDS(name, size)                                                                          \
	typedef uint64_t name##_lanes __attribute__((vector_size(size)));                          \
	ALWAYS_INLINE uint64_t name(bool copy, uint8_t *out, const uint8_t *p, size_t n)           \
	{                                                                                          \
		name##_lanes even = { 0 }, odd = { 0 }, v;                                         \
		for (; n >= sizeof(v); n -= sizeof(v), p += sizeof(v)) {                           \
			memcpy(&v, p, sizeof(v));                                                  \
			if (copy) {                                                                \
				memcpy(out, &v, sizeof(v));                                        \
				out += sizeof(v);                                                  \
			}                                                                          \
			even += v & UINT32_MAX;                                                    \
			odd += v >> 32;                                                            \
		}                                                                                  \
		even += odd;                                                                       \
		uint64_t acc = tail(copy, out, p, n);                                              \
		for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)                              \
			acc += even[i];                                                            \
		return acc;                                                                        \
	}

/* What each machine has: SSE2, NEON, or two general registers. */
WORDS(words16, 16)

uint64_t csum_words_portable(uint8_t *out, const uint8_t *p, size_t n)
{
	return out ? words16(true, out, p, n) : words16(false, NULL, p, n);
}

#ifdef __x86_64__
WORDS(words32, 32)

__attribute__((target("avx2"))) uint64_t csum_words_avx2(uint8_t *out, const uint8_t *p, size_t n)
{
	return out ? words32(true, out, p, n) : words32(false, NULL, p, n);
}
#endif
