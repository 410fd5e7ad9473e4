/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/derp_wire.h"

/* A buffer larger than this is given back once it is empty. */
#define READER_IDLE_MAX 4096

void derp_reader_init(struct derp_reader *r, uint32_t keep)
{
	*r = (struct derp_reader){ .keep = keep };
	buf_init(&r->head, DERP_HEADER_LEN + DERP_FRAME_MAX);
}

void derp_reader_fini(struct derp_reader *r)
{
	buf_fini(&r->head);
}

static struct span take(struct span *in, size_t n)
{
	if (n > in->len)
		n = in->len;
	struct span s = span_of(in->p, n);
	*in = span_from(*in, n);
	return s;
}

/* The frame handed out by the call before lay in the buffer; now it may go. */
static void forget(struct derp_reader *r)
{
	if (!r->whole)
		return;
	r->whole = false;
	if (r->head.cap > READER_IDLE_MAX) {
		buf_fini(&r->head);
		buf_init(&r->head, DERP_HEADER_LEN + DERP_FRAME_MAX);
	} else {
		buf_reset(&r->head);
	}
}

static int fail(struct derp_reader *r, int err)
{
	r->err = err;
	return -err;
}

static bool read_head(struct span s, struct derp_frame *out)
{
	struct rd r = rd_init(s);
	out->type = rd_u8(&r);
	out->len = rd_be32(&r);
	return rd_ok(&r);
}

/* Fill the buffer up to n bytes. */
static bool fill(struct derp_reader *r, struct span *in, size_t n)
{
	if (r->head.len < n)
		buf_add_span(&r->head, take(in, n - r->head.len));
	return r->head.len >= n;
}

static uint32_t kept(const struct derp_reader *r, const struct derp_frame *f)
{
	return f->len < r->keep ? f->len : r->keep;
}

/* The whole frame lies in the input: no copy. */
static bool read_in_place(struct derp_reader *r, struct span *in, struct derp_frame *out)
{
	if (r->head.len > 0 || !read_head(*in, out) || out->len > DERP_FRAME_MAX ||
	    in->len - DERP_HEADER_LEN < out->len)
		return false;
	take(in, DERP_HEADER_LEN);
	struct span body = take(in, out->len);
	out->body = span_of(body.p, kept(r, out));
	return true;
}

int derp_reader_next(struct derp_reader *r, struct span *in, struct derp_frame *out)
{
	if (r->err)
		return -r->err;
	forget(r);
	r->skip -= (uint32_t)take(in, r->skip).len;
	if (r->skip)
		return 0;
	if (read_in_place(r, in, out))
		return 1;
	if (!fill(r, in, DERP_HEADER_LEN))
		return buf_ok(&r->head) ? 0 : fail(r, ERR_NOMEM);
	read_head(buf_span(&r->head), out);
	if (out->len > DERP_FRAME_MAX)
		return fail(r, ERR_TOOBIG);
	uint32_t keep = kept(r, out);
	if (!fill(r, in, DERP_HEADER_LEN + keep))
		return buf_ok(&r->head) ? 0 : fail(r, ERR_NOMEM);
	out->body = span_from(buf_span(&r->head), DERP_HEADER_LEN);
	r->skip = out->len - keep;
	r->whole = true;
	return 1;
}
