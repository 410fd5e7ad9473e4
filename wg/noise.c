/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/noise.h"

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

void wg_identity_set(struct wg_identity *id, const struct node_priv *priv)
{
	id->priv = *priv;
	node_priv_public(priv, &id->pub);
}

void wg_identity_wipe(struct wg_identity *id)
{
	wipe(id, sizeof(*id));
}

void wg_pending_wipe(struct wg_pending *p)
{
	wipe(p, sizeof(*p));
}

int wg_noise_static_shared(uint8_t ss[static 32], const struct wg_identity *self,
			   const struct node_key *peer)
{
	return x25519(ss, self->priv.b, peer->b);
}

static void begin(struct noise_sym *s, const struct node_key *responder)
{
	noise_sym_init(s, span_str(construction));
	noise_mix_hash(s, span_str(identifier));
	noise_mix_hash(s, span_of(responder->b, 32));
}

static void mix_ephemeral(struct noise_sym *s, const uint8_t e[static 32])
{
	noise_mix_chain(s, span_of(e, 32));
	noise_mix_hash(s, span_of(e, 32));
}

/* ck = KDF1(ck, DH): the response mixes its two without taking a key */
static int mix_dh_chain(struct noise_sym *s, const uint8_t priv[static 32],
			const uint8_t pub[static 32])
{
	uint8_t shared[32];
	int rc = x25519(shared, priv, pub);
	if (rc == 0)
		noise_mix_chain(s, span_of(shared, 32));
	wipe(shared, sizeof(shared));
	return rc;
}

int wg_noise_create_initiation(struct wg_pending *p, const struct wg_identity *self,
			       const struct node_key *peer, const uint8_t ss[static 32],
			       const uint8_t stamp[static WG_TAI64N_LEN], struct rng *rng,
			       struct wg_initiation *msg)
{
	struct node_key e;
	node_priv_generate(&p->ephemeral, rng);
	node_priv_public(&p->ephemeral, &e);
	memset(msg, 0, sizeof(*msg));
	wg_put_le32(msg->type, WG_KIND_INITIATION);
	wg_put_le32(msg->sender, p->index);
	memcpy(msg->ephemeral, e.b, 32);

	begin(&p->sym, peer);
	mix_ephemeral(&p->sym, e.b);
	if (noise_mix_dh(&p->sym, p->ephemeral.b, peer->b))
		return -ERR_AUTH;
	noise_encrypt(&p->sym, msg->enc_static, span_of(self->pub.b, 32));
	noise_mix_key(&p->sym, span_of(ss, 32));
	noise_encrypt(&p->sym, msg->enc_timestamp, span_of(stamp, WG_TAI64N_LEN));
	return 0;
}

int wg_noise_read_static(struct wg_received *r, const struct wg_identity *self,
			 const struct wg_initiation *msg, struct node_key *peer)
{
	begin(&r->sym, &self->pub);
	mix_ephemeral(&r->sym, msg->ephemeral);
	if (noise_mix_dh(&r->sym, self->priv.b, msg->ephemeral))
		return -ERR_AUTH;
	if (noise_decrypt(&r->sym, peer->b, span_of(msg->enc_static, sizeof(msg->enc_static))))
		return -ERR_AUTH;
	memcpy(r->ephemeral.b, msg->ephemeral, 32);
	r->sender = wg_le32(msg->sender);
	return 0;
}

int wg_noise_read_stamp(struct wg_received *r, const uint8_t ss[static 32],
			const struct wg_initiation *msg, uint8_t stamp[static WG_TAI64N_LEN])
{
	noise_mix_key(&r->sym, span_of(ss, 32));
	return noise_decrypt(&r->sym, stamp,
			     span_of(msg->enc_timestamp, sizeof(msg->enc_timestamp)));
}

/* Everything of the response after its ephemeral key was put in place. */
static int answer(struct wg_received *r, const struct node_key *peer, const struct node_priv *e,
		  const uint8_t psk[static 32], struct wg_response *msg)
{
	mix_ephemeral(&r->sym, msg->ephemeral);
	if (mix_dh_chain(&r->sym, e->b, r->ephemeral.b) || mix_dh_chain(&r->sym, e->b, peer->b))
		return -ERR_AUTH;
	noise_mix_psk(&r->sym, psk);
	noise_encrypt(&r->sym, msg->enc_empty, span_of(NULL, 0));
	return 0;
}

int wg_noise_create_response(struct wg_received *r, const struct node_key *peer,
			     const uint8_t psk[static 32], uint32_t sender, struct rng *rng,
			     struct wg_response *msg, struct wg_keys *keys)
{
	struct node_priv ephemeral;
	struct node_key e;
	node_priv_generate(&ephemeral, rng);
	node_priv_public(&ephemeral, &e);
	memset(msg, 0, sizeof(*msg));
	wg_put_le32(msg->type, WG_KIND_RESPONSE);
	wg_put_le32(msg->sender, sender);
	wg_put_le32(msg->receiver, r->sender);
	memcpy(msg->ephemeral, e.b, 32);
	int rc = answer(r, peer, &ephemeral, psk, msg);
	if (rc == 0)
		noise_split(&r->sym, keys->recv, keys->send);
	noise_wipe(&r->sym);
	node_priv_wipe(&ephemeral);
	return rc;
}

static int check_answer(struct noise_sym *s, const struct wg_pending *p,
			const struct wg_identity *self, const uint8_t psk[static 32],
			const struct wg_response *msg)
{
	uint8_t empty[1]; /* nothing is written; never NULL */
	mix_ephemeral(s, msg->ephemeral);
	if (mix_dh_chain(s, p->ephemeral.b, msg->ephemeral) ||
	    mix_dh_chain(s, self->priv.b, msg->ephemeral))
		return -ERR_AUTH;
	noise_mix_psk(s, psk);
	return noise_decrypt(s, empty, span_of(msg->enc_empty, sizeof(msg->enc_empty)));
}

int wg_noise_consume_response(const struct wg_pending *p, const struct wg_identity *self,
			      const uint8_t psk[static 32], const struct wg_response *msg,
			      struct wg_keys *keys)
{
	struct noise_sym s = p->sym;
	int rc = check_answer(&s, p, self, psk, msg);
	if (rc == 0)
		noise_split(&s, keys->send, keys->recv);
	noise_wipe(&s);
	return rc;
}
