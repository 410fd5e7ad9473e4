/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/noise_wire.h"

#include <stdio.h>

#define STATIC_LEN (32 + TAG_LEN)
#define INIT_PAYLOAD (TS_INIT_LEN - 2 - TS_HEADER_LEN)
#define RESP_PAYLOAD (TS_RESP_LEN - TS_HEADER_LEN)

static const char PROTOCOL[] = "Noise_IK_25519_ChaChaPoly_BLAKE2s";

/* ---- handshake ------------------------------------------------------------------------ */

/* h <- name, prologue, server static: the same on both ends. */
static void begin(struct noise_sym *s, uint16_t version, const struct machine_key *server)
{
	char prologue[48];
	noise_sym_init(s, span_str(PROTOCOL));
	int n = snprintf(prologue, sizeof(prologue), "Tailscale Control Protocol v%u", version);
	noise_mix_hash(s, span_of(prologue, (size_t)n));
	noise_mix_hash(s, span_of(server->b, 32));
}

static void split(struct noise_sym *s, struct ts_tx *tx, struct ts_rx *rx, bool client)
{
	memset(tx, 0, sizeof(*tx));
	memset(rx, 0, sizeof(*rx));
	if (client)
		noise_split(s, tx->c.key, rx->c.key);
	else
		noise_split(s, rx->c.key, tx->c.key);
}

void ts_client_wipe(struct ts_client *c)
{
	wipe(c, sizeof(*c));
}

int ts_client_start(struct ts_client *c, uint16_t version, const struct machine_priv *machine,
		    const struct machine_key *server, struct rng *rng,
		    uint8_t out[static TS_INIT_LEN])
{
	struct machine_key self, eph;
	struct wr w = wr_init(mspan_of(out, TS_INIT_LEN));

	c->machine = *machine;
	machine_priv_generate(&c->ephemeral, rng);
	machine_priv_public(machine, &self);
	machine_priv_public(&c->ephemeral, &eph);
	begin(&c->sym, version, server);

	wr_be16(&w, version);
	wr_u8(&w, TS_FRAME_INIT);
	wr_be16(&w, INIT_PAYLOAD);
	wr_bytes(&w, eph.b, 32);
	noise_mix_hash(&c->sym, span_of(eph.b, 32));
	int err = noise_mix_dh(&c->sym, c->ephemeral.b, server->b); /* es */
	if (err)
		goto fail;
	noise_encrypt(&c->sym, wr_reserve(&w, STATIC_LEN), span_of(self.b, 32));
	err = noise_mix_dh(&c->sym, machine->b, server->b); /* ss */
	if (err)
		goto fail;
	noise_encrypt(&c->sym, wr_reserve(&w, TAG_LEN), span_of(NULL, 0));
	return 0;
fail:
	ts_client_wipe(c);
	return err;
}

/* The text of an error frame, printable; whole or not. */
static void copy_error(struct span in, char text[static TS_ERROR_TEXT_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < in.len && n + 1 < TS_ERROR_TEXT_MAX; i++)
		text[n++] = in.p[i] >= 0x20 && in.p[i] < 0x7f ? (char)in.p[i] : '?';
	text[n] = 0;
}

/* Frame header of the server's first answer: 0 with the whole payload, or a verdict. */
static int answer_frame(struct span in, struct span *payload, char text[static TS_ERROR_TEXT_MAX])
{
	if (in.len < TS_HEADER_LEN)
		return -ERR_AGAIN;
	struct rd r = rd_init(in);
	uint8_t type = rd_u8(&r);
	uint16_t len = rd_be16(&r);
	if (type == TS_FRAME_ERROR) {
		/* A long text needs not be awaited: what is printed is cut anyway. */
		if (rd_left(&r) < len && rd_left(&r) < TS_ERROR_TEXT_MAX)
			return -ERR_AGAIN;
		copy_error(rd_take(&r, rd_left(&r) < len ? rd_left(&r) : len), text);
		return -ERR_PERM;
	}
	if (type != TS_FRAME_RESP || len != RESP_PAYLOAD)
		return -ERR_PROTO;
	if (rd_left(&r) < len)
		return -ERR_AGAIN;
	*payload = rd_take(&r, len);
	return 0;
}

int ts_client_finish(struct ts_client *c, struct span in, size_t *used, struct ts_tx *tx,
		     struct ts_rx *rx, char text[static TS_ERROR_TEXT_MAX])
{
	struct span payload = span_of(NULL, 0);
	uint8_t none[1];
	text[0] = 0;
	int err = answer_frame(in, &payload, text);
	if (err == -ERR_AGAIN)
		return err;
	if (err)
		goto out;
	noise_mix_hash(&c->sym, span_of(payload.p, 32));
	err = noise_mix_dh(&c->sym, c->ephemeral.b, payload.p); /* ee */
	if (!err)
		err = noise_mix_dh(&c->sym, c->machine.b, payload.p); /* se */
	if (!err)
		err = noise_decrypt(&c->sym, none, span_from(payload, 32));
	if (!err) {
		split(&c->sym, tx, rx, true);
		*used = TS_RESP_LEN;
	}
out:
	ts_client_wipe(c);
	return err;
}

/* The outer form of an initiation, before any key is touched. */
static const char *init_refusal(struct span init)
{
	struct rd r = rd_init(init);
	rd_be16(&r);
	uint8_t type = rd_u8(&r);
	uint16_t len = rd_be16(&r);
	if (init.len != TS_INIT_LEN)
		return "wrong handshake initiation size";
	if (type != TS_FRAME_INIT)
		return "unexpected handshake message type";
	if (len != INIT_PAYLOAD)
		return "wrong handshake initiation length";
	return NULL;
}

/* e, es, s, ss of the initiation, after its header. */
static int server_read(struct noise_sym *s, const struct machine_priv *server, struct rd *r,
		       struct span *eph, struct machine_key *client)
{
	uint8_t none[1];
	*eph = rd_take(r, 32);
	noise_mix_hash(s, *eph);
	int err = noise_mix_dh(s, server->b, eph->p);
	if (!err)
		err = noise_decrypt(s, client->b, rd_take(r, STATIC_LEN));
	if (!err)
		err = noise_mix_dh(s, server->b, client->b);
	if (!err)
		err = noise_decrypt(s, none, rd_take(r, TAG_LEN));
	return err;
}

/* e, ee, se of the response. */
static int server_write(struct noise_sym *s, struct span client_eph,
			const struct machine_key *client, struct rng *rng,
			uint8_t out[static TS_RESP_LEN])
{
	struct machine_priv eph;
	struct machine_key pub;
	struct wr w = wr_init(mspan_of(out, TS_RESP_LEN));

	machine_priv_generate(&eph, rng);
	machine_priv_public(&eph, &pub);
	wr_u8(&w, TS_FRAME_RESP);
	wr_be16(&w, RESP_PAYLOAD);
	wr_bytes(&w, pub.b, 32);
	noise_mix_hash(s, span_of(pub.b, 32));
	int err = noise_mix_dh(s, eph.b, client_eph.p);
	if (!err)
		err = noise_mix_dh(s, eph.b, client->b);
	if (!err)
		noise_encrypt(s, wr_reserve(&w, TAG_LEN), span_of(NULL, 0));
	machine_priv_wipe(&eph);
	return err;
}

int ts_server_accept(const struct machine_priv *server, struct span init, struct rng *rng,
		     uint8_t out[static TS_RESP_LEN], uint16_t *version, struct machine_key *client,
		     struct ts_tx *tx, struct ts_rx *rx, const char **refusal)
{
	struct noise_sym s;
	struct machine_key self;
	struct span eph;

	*refusal = init_refusal(init);
	if (*refusal)
		return -ERR_PROTO;
	struct rd r = rd_init(init);
	*version = rd_be16(&r);
	rd_skip(&r, TS_HEADER_LEN);
	machine_priv_public(server, &self);
	begin(&s, *version, &self);
	int err = server_read(&s, server, &r, &eph, client);
	if (!err)
		err = server_write(&s, eph, client, rng, out);
	if (!err)
		split(&s, tx, rx, false);
	noise_wipe(&s);
	return err;
}

void ts_error_frame(const char *text, struct buf *out)
{
	size_t n = strnlen(text, TS_ERROR_TEXT_MAX);
	uint8_t head[TS_HEADER_LEN];
	struct wr w = wr_init(mspan_of(head, sizeof(head)));
	wr_u8(&w, TS_FRAME_ERROR);
	wr_be16(&w, (uint16_t)n);
	buf_add_span(out, wr_span_of(&w));
	buf_add(out, text, n);
}

/* ---- records --------------------------------------------------------------------------- */

/* Big-endian counter behind four zero bytes; Noise itself would have it little-endian. */
static bool next_nonce(struct ts_cipher *c, uint8_t nonce[static 12])
{
	if (c->counter == UINT64_MAX)
		return false;
	struct wr w = wr_init(mspan_of(nonce, 12));
	wr_be32(&w, 0);
	wr_be64(&w, c->counter++);
	return true;
}

size_t ts_sealed_len(size_t plain)
{
	size_t records = (plain + TS_PLAIN_MAX - 1) / TS_PLAIN_MAX;
	return plain + records * (TS_HEADER_LEN + TAG_LEN);
}

static int seal_record(struct ts_tx *tx, struct span part, struct buf *out)
{
	uint8_t nonce[12];
	size_t len = TS_HEADER_LEN + part.len + TAG_LEN;
	uint8_t *p = buf_reserve(out, len);
	if (!p)
		return -ERR_TOOBIG;
	if (!next_nonce(&tx->c, nonce))
		return -ERR_STATE;
	struct wr w = wr_init(mspan_of(p, len));
	wr_u8(&w, TS_FRAME_RECORD);
	wr_be16(&w, (uint16_t)(part.len + TAG_LEN));
	aead_seal(wr_reserve(&w, part.len + TAG_LEN), tx->c.key, nonce, part, span_of(NULL, 0));
	buf_commit(out, len);
	return 0;
}

int ts_seal(struct ts_tx *tx, struct span plain, struct buf *out)
{
	while (plain.len) {
		size_t n = plain.len < TS_PLAIN_MAX ? plain.len : TS_PLAIN_MAX;
		int err = seal_record(tx, span_of(plain.p, n), out);
		if (err)
			return err;
		plain = span_from(plain, n);
	}
	return 0;
}

/* Move bytes from *in until the frame holds `want`; false: more needed. */
static bool fill(struct ts_rx *rx, struct span *in, size_t want)
{
	size_t n = want - rx->have;
	if (n > in->len)
		n = in->len;
	if (n)
		memcpy(rx->frame + rx->have, in->p, n);
	rx->have += n;
	*in = span_from(*in, n);
	return rx->have == want;
}

/* 1: a whole record is in rx->frame. */
static int read_frame(struct ts_rx *rx, struct span *in, struct span *cipher)
{
	if (rx->have < TS_HEADER_LEN && !fill(rx, in, TS_HEADER_LEN))
		return 0;
	struct rd r = rd_init(span_of(rx->frame, TS_HEADER_LEN));
	uint8_t type = rd_u8(&r);
	size_t len = rd_be16(&r);
	if (type != TS_FRAME_RECORD || len > TS_CIPHER_MAX || len < TAG_LEN)
		return -ERR_PROTO;
	if (!fill(rx, in, TS_HEADER_LEN + len))
		return 0;
	*cipher = span_of(rx->frame + TS_HEADER_LEN, len);
	rx->have = 0;
	return 1;
}

int ts_open(struct ts_rx *rx, struct span *in, struct span *plain)
{
	struct span cipher;
	uint8_t nonce[12];
	int err = rx->failed ? rx->failed : read_frame(rx, in, &cipher);
	if (err == 0)
		return 0;
	if (err == 1 && !next_nonce(&rx->c, nonce))
		err = -ERR_STATE;
	if (err == 1 && aead_open(rx->plain, rx->c.key, nonce, cipher, span_of(NULL, 0)))
		err = -ERR_AUTH;
	if (err < 0) {
		rx->failed = err;
		return err;
	}
	*plain = span_of(rx->plain, cipher.len - TAG_LEN);
	return 1;
}

void ts_tx_wipe(struct ts_tx *tx)
{
	wipe(tx, sizeof(*tx));
}

void ts_rx_wipe(struct ts_rx *rx)
{
	wipe(rx, sizeof(*rx));
}
