/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/early.h"

#include "base/json.h"

#include <string.h>

#define MAGIC_LEN 5
static const uint8_t MAGIC[MAGIC_LEN] = { 0xff, 0xff, 0xff, 'T', 'S' };

void early_init(struct early_reader *e)
{
	memset(e, 0, sizeof(*e));
	buf_init(&e->json, EARLY_MAX);
}

void early_fini(struct early_reader *e)
{
	buf_fini(&e->json);
}

/* Lenient: the challenge is unused, so what cannot be read counts as none. */
static void read_challenge(struct early_reader *e)
{
	json_t *v = j_parse(buf_span(&e->json), EARLY_MAX, NULL);
	const char *text = j_str(v, "nodeKeyChallenge");
	if (!text || chal_key_decode(span_str(text), &e->challenge))
		memset(&e->challenge, 0, sizeof(e->challenge));
	j_free(v);
}

static int read_head(struct early_reader *e, struct span *in)
{
	size_t n = EARLY_HEADER_LEN - e->n_head;
	if (n > in->len)
		n = in->len;
	if (n)
		memcpy(e->head + e->n_head, in->p, n);
	e->n_head += n;
	*in = span_from(*in, n);
	if (e->n_head < EARLY_HEADER_LEN)
		return 0;
	if (memcmp(e->head, MAGIC, MAGIC_LEN) != 0) {
		e->done = true;
		return 1;
	}
	struct rd r = rd_init(span_of(e->head, EARLY_HEADER_LEN));
	rd_skip(&r, MAGIC_LEN);
	e->present = true;
	e->left = rd_be32(&r);
	return e->left > EARLY_MAX ? -ERR_TOOBIG : 0;
}

int early_feed(struct early_reader *e, struct span *in)
{
	if (e->done)
		return 1;
	if (!e->present) {
		int got = read_head(e, in);
		if (got || !e->present)
			return got;
	}
	size_t n = e->left < in->len ? e->left : in->len;
	buf_add(&e->json, in->p, n);
	e->left -= n;
	*in = span_from(*in, n);
	if (e->left)
		return 0;
	read_challenge(e);
	buf_reset(&e->json);
	e->done = true;
	return 1;
}

void early_build(const struct chal_key *challenge, struct buf *out)
{
	char text[KEY_TEXT_MAX];
	char json[KEY_TEXT_MAX + 32];
	uint8_t head[EARLY_HEADER_LEN];
	struct wr body = wr_init(mspan_of(json, sizeof(json)));
	wr_fmt(&body, "{\"nodeKeyChallenge\":\"%s\"}", chal_key_encode(challenge, text));
	struct wr w = wr_init(mspan_of(head, sizeof(head)));
	wr_bytes(&w, MAGIC, MAGIC_LEN);
	wr_be32(&w, (uint32_t)wr_len(&body));
	buf_add_span(out, wr_span_of(&w));
	buf_add_span(out, wr_span_of(&body));
}
