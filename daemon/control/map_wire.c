/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/map_wire.h"

#include "base/alloc.h"

#include <zstd.h>

#include <stdlib.h>

#define LEN_SIZE 4
#define KEEPALIVE_MAX 256	 /* a keep-alive is some 30 bytes */
#define BUFFER_KEEP (256 * 1024) /* what may stay allocated between messages */

struct map_reader {
	bool zstd;
	int failed;
	uint8_t head[LEN_SIZE];
	size_t n_head;
	size_t want; /* bytes of the frame being read */
	struct buf frame;
	struct buf text;
	bool spent; /* frame was handed out: start over */
	ZSTD_DCtx *dctx;
	uint8_t last[KEEPALIVE_MAX]; /* the last keep-alive's frame */
	size_t n_last;
};

struct map_reader *map_reader_new(bool zstd)
{
	struct map_reader *m = xcalloc(1, sizeof(*m));
	m->zstd = zstd;
	buf_init(&m->frame, MAP_FRAME_MAX);
	buf_init(&m->text, MAP_TEXT_MAX);
	if (!zstd)
		return m;
	m->dctx = ZSTD_createDCtx();
	if (m->dctx)
		ZSTD_DCtx_setParameter(m->dctx, ZSTD_d_windowLogMax, MAP_WINDOW_LOG_MAX);
	else {
		map_reader_free(m);
		return NULL;
	}
	return m;
}

void map_reader_free(struct map_reader *m)
{
	if (!m)
		return;
	ZSTD_freeDCtx(m->dctx);
	buf_fini(&m->frame);
	buf_fini(&m->text);
	free(m);
}

/* ---- decompression ------------------------------------------------------------------------------
 */

/* The size is told and within the cap: straight into the buffer, without a window of its own. */
static int decompress_known(struct map_reader *m, struct span in, size_t size)
{
	uint8_t *out = buf_reserve(&m->text, size ? size : 1);
	if (!out)
		return -ERR_NOMEM;
	size_t n = ZSTD_decompressDCtx(m->dctx, out, size, in.p, in.len);
	if (ZSTD_isError(n) || n != size)
		return -ERR_PROTO;
	buf_commit(&m->text, n);
	return 0;
}

static int decompress_stream(struct map_reader *m, struct span in)
{
	ZSTD_inBuffer src = { in.p, in.len, 0 };
	size_t left = 1;
	ZSTD_DCtx_reset(m->dctx, ZSTD_reset_session_only);
	while (left) {
		size_t step = ZSTD_DStreamOutSize();
		uint8_t *out = buf_reserve(&m->text, step);
		if (!out)
			return -ERR_TOOBIG;
		ZSTD_outBuffer dst = { out, step, 0 };
		left = ZSTD_decompressStream(m->dctx, &dst, &src);
		/* all input taken, nothing came out and more is wanted: cut short */
		if (ZSTD_isError(left) || (left && src.pos == src.size && dst.pos == 0))
			return -ERR_PROTO;
		buf_commit(&m->text, dst.pos);
	}
	return 0;
}

static int decompress(struct map_reader *m, struct span in)
{
	unsigned long long size = ZSTD_getFrameContentSize(in.p, in.len);
	buf_reset(&m->text);
	if (size == ZSTD_CONTENTSIZE_ERROR)
		return -ERR_PROTO;
	/* One frame and nothing behind it: zstd itself would join several. */
	size_t frame = ZSTD_findFrameCompressedSize(in.p, in.len);
	if (ZSTD_isError(frame) || frame != in.len)
		return -ERR_PROTO;
	if (size == ZSTD_CONTENTSIZE_UNKNOWN)
		return decompress_stream(m, in);
	if (size > MAP_TEXT_MAX)
		return -ERR_TOOBIG;
	return decompress_known(m, in, (size_t)size);
}

/* ---- framing ---- */

/* 1: the frame is whole. The buffer grows with the bytes that come, not with the length claimed. */
static int read_frame(struct map_reader *m, struct span *in)
{
	while (m->n_head < LEN_SIZE && in->len) {
		m->head[m->n_head++] = in->p[0];
		*in = span_from(*in, 1);
	}
	if (m->n_head < LEN_SIZE)
		return 0;
	struct rd r = rd_init(span_of(m->head, LEN_SIZE));
	m->want = rd_le32(&r);
	if (m->want == 0)
		return -ERR_PROTO;
	if (m->want > MAP_FRAME_MAX)
		return -ERR_TOOBIG;
	size_t n = m->want - m->frame.len;
	if (n > in->len)
		n = in->len;
	buf_add(&m->frame, in->p, n);
	*in = span_from(*in, n);
	if (!buf_ok(&m->frame))
		return -ERR_NOMEM;
	return m->frame.len == m->want;
}

int map_reader_next(struct map_reader *m, struct span *in, struct span *text, bool *same)
{
	if (m->failed)
		return m->failed;
	if (m->spent) {
		m->spent = false;
		m->n_head = 0;
		buf_reset(&m->frame);
	}
	int err = read_frame(m, in);
	if (err == 0)
		return 0;
	struct span frame = buf_span(&m->frame);
	*same = err == 1 && m->n_last && span_eq(frame, span_of(m->last, m->n_last));
	if (*same) {
		*text = span_str("{\"KeepAlive\":true}");
	} else if (err == 1 && m->zstd) {
		int bad = decompress(m, frame);
		err = bad ? bad : 1;
		*text = buf_span(&m->text);
	} else {
		*text = frame;
	}
	if (err < 0) {
		m->failed = err;
		return err;
	}
	m->spent = true;
	return 1;
}

void map_reader_mark_keepalive(struct map_reader *m)
{
	if (m->frame.len > sizeof(m->last))
		return;
	memcpy(m->last, m->frame.p, m->frame.len);
	m->n_last = m->frame.len;
}

static void shrink(struct buf *b)
{
	size_t max = b->max;
	if (b->cap <= BUFFER_KEEP)
		return;
	buf_fini(b);
	buf_init(b, max);
}

void map_reader_shrink(struct map_reader *m)
{
	if (!m->spent)
		return;
	m->spent = false;
	m->n_head = 0;
	buf_reset(&m->frame);
	shrink(&m->frame);
	shrink(&m->text);
}

int map_frame_build(struct span json, bool zstd, struct buf *out)
{
	uint8_t head[LEN_SIZE];
	size_t room = zstd ? ZSTD_compressBound(json.len) : json.len;
	struct wr w = wr_init(mspan_of(head, sizeof(head)));
	size_t at = out->len;
	if (!buf_reserve(out, LEN_SIZE + room))
		return -ERR_TOOBIG;
	buf_commit(out, LEN_SIZE);
	uint8_t *p = buf_reserve(out, room);
	size_t n = room;
	if (zstd)
		n = ZSTD_compress(p, room, json.p, json.len, 1);
	else
		memcpy(p, json.p, json.len);
	if (zstd && ZSTD_isError(n)) {
		out->len = at;
		return -ERR_NOMEM;
	}
	buf_commit(out, n);
	wr_le32(&w, (uint32_t)n);
	memcpy(out->p + at, head, LEN_SIZE);
	return 0;
}
