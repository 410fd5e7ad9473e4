/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/map_frame.h"

#include <zstd.h>

#define LEVEL 1

static int add_compressed(struct span json, struct buf *out)
{
	size_t room = ZSTD_compressBound(json.len), n;
	uint8_t *p = buf_reserve(out, room);

	if (!p)
		return -ERR_NOMEM;
	n = ZSTD_compress(p, room, json.p, json.len, LEVEL);
	if (ZSTD_isError(n))
		return -ERR_NOMEM;
	buf_commit(out, n);
	return 0;
}

int map_frame_build(struct span json, bool zstd, struct buf *out)
{
	const uint8_t zero[4] = { 0 };
	size_t start = out->len, len;
	struct wr w;
	int rc = 0;

	buf_add(out, zero, sizeof(zero));
	if (zstd)
		rc = add_compressed(json, out);
	else
		buf_add_span(out, json);
	if (rc < 0 || !buf_ok(out))
		return -ERR_NOMEM;
	len = out->len - start - sizeof(zero);
	if (len > MAP_FRAME_MAX)
		return -ERR_TOOBIG;
	w = wr_init(mspan_of(out->p + start, sizeof(zero)));
	wr_le32(&w, (uint32_t)len);
	return 0;
}
