/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crypto/aead_group.h"

static bool all_alike(const struct aead_pkt *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (v[i].len != v[0].len)
			return false;
	return true;
}

/* By insertion: a batch from one split is in order but for its last. */
static void put_in_order(struct aead_pkt **v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct aead_pkt *p = v[i];
		size_t k = i;
		for (; k > 0 && v[k - 1]->len < p->len; k--)
			v[k] = v[k - 1];
		v[k] = p;
	}
}

void aead_by_length(const uint8_t key[static 32], struct aead_pkt *v, size_t n, size_t size,
		    aead_group_fn fn)
{
	struct aead_pkt *order[AEAD_BATCH_MAX];
	while (n) {
		size_t k = n < AEAD_BATCH_MAX ? n : AEAD_BATCH_MAX;
		for (size_t i = 0; i < k; i++)
			order[i] = &v[i];
		if (k > size && !all_alike(v, k))
			put_in_order(order, k);
		fn(key, order, k);
		v += k;
		n -= k;
	}
}

void aead_put_tag(const struct aead_pkt *p, uint64_t lo, uint64_t hi)
{
	struct wr w = wr_init(mspan_of(p->p + p->len, 16));
	wr_le64(&w, lo);
	wr_le64(&w, hi);
}

bool aead_tag_matches(const struct aead_pkt *p, uint64_t lo, uint64_t hi)
{
	struct rd r = rd_init(span_of(p->p + p->len, 16));
	uint64_t a = rd_le64(&r), b = rd_le64(&r);
	return ((a ^ lo) | (b ^ hi)) == 0;
}
