/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_bytes.h: queries and the like by hand. Tests only. */
#ifndef TESTS_UNIT_DNS_DNS_BYTES_H
#define TESTS_UNIT_DNS_DNS_BYTES_H

#include "tests/lib/cm.h"

#include "dns/name.h"

struct bytes {
	uint8_t b[2048];
	size_t n;
};

static inline struct span bytes_span(const struct bytes *m)
{
	return span_of(m->b, m->n);
}

static inline void bytes_add(struct bytes *m, const void *p, size_t n)
{
	assert_true(n <= sizeof(m->b) - m->n);
	memcpy(m->b + m->n, p, n);
	m->n += n;
}

static inline void bytes_be16(struct bytes *m, unsigned v)
{
	bytes_add(m, (uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2);
}

static inline void bytes_name(struct bytes *m, const char *name)
{
	struct wr w = wr_init(mspan_of(m->b + m->n, sizeof(m->b) - m->n));
	dns_name_build(&w, name);
	assert_true(wr_ok(&w));
	m->n += wr_len(&w);
}

/* id, flags, and the four counts */
static inline struct bytes bytes_header(unsigned flags, unsigned qd, unsigned an, unsigned ns,
					unsigned ar)
{
	struct bytes m = { .n = 0 };
	unsigned v[] = { 0xabcd, flags, qd, an, ns, ar };
	for (size_t i = 0; i < 6; i++)
		bytes_be16(&m, v[i]);
	return m;
}

static inline void bytes_question(struct bytes *m, const char *name, unsigned type)
{
	bytes_name(m, name);
	bytes_be16(m, type);
	bytes_be16(m, DNS_IN);
}

static inline struct bytes bytes_query(const char *name, unsigned type)
{
	struct bytes m = bytes_header(DNS_RD, 1, 0, 0, 0);
	bytes_question(&m, name, type);
	return m;
}

/* One more additional record: an OPT with that many bytes of options. */
static inline void bytes_opt(struct bytes *m, unsigned size, unsigned version, unsigned n_options)
{
	static const uint8_t zeros[1024];
	bytes_add(m, zeros, 1);
	bytes_be16(m, DNS_OPT);
	bytes_be16(m, size);
	bytes_be16(m, version);
	bytes_be16(m, 0);
	bytes_be16(m, n_options);
	bytes_add(m, zeros, n_options);
	m->b[11]++;
}

#endif
