/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/derp_session.h"

#include "base/alloc.h"
#include "base/http1.h"

#include <stdlib.h>

#define OUTPUT_MAX (256u << 10)
/* Beyond this many waiting bytes pings are not answered: a relay cannot make us hoard pongs. */
#define OUTPUT_PONG_MAX (16u << 10)
#define LOGIN_KEEP DERP_FRAME_MAX
#define STEADY_KEEP (DERP_KEY_LEN + DERP_PACKET_MAX)

struct bucket {
	double rate; /* bytes a second, 0 = no limit */
	double burst;
	double tokens;
	mono_t at;
};

struct derp_session {
	enum derp_state state;
	const char *error;
	struct node_priv priv;
	struct node_key self;
	struct box_key box;
	bool home;
	struct derp_reader reader;
	struct buf head; /* of the HTTP answer */
	struct buf out;
	struct bucket bucket;
	mono_t last_frame;
	mono_t login_deadline; /* MONO_NEVER once up */
	mono_t probe_deadline;
	uint8_t probe[DERP_PING_LEN];
	struct rng *rng;
	const struct derp_session_ops *ops;
	void *arg;
};

static int fail(struct derp_session *s, int err, const char *why)
{
	s->state = DERP_FAILED;
	s->error = why;
	return -err;
}

/* Room for a frame of n bytes at the end of the output, as a writer; commit() makes it count. */
static struct wr reserve(struct derp_session *s, size_t n)
{
	uint8_t *p = s->out.len + n <= OUTPUT_MAX ? buf_reserve(&s->out, n) : NULL;
	return wr_init(mspan_of(p, p ? n : 0));
}

static void commit(struct derp_session *s, const struct wr *w)
{
	if (wr_ok(w))
		buf_commit(&s->out, wr_len(w));
}

struct derp_session *derp_session_new(mono_t now, const struct node_priv *priv, const char *host,
				      uint16_t port, const char *ideal_node, bool home,
				      struct rng *rng, const struct derp_session_ops *ops,
				      void *arg)
{
	struct derp_session *s = xcalloc(1, sizeof(*s));
	s->error = "";
	s->priv = *priv;
	node_priv_public(priv, &s->self);
	s->home = home;
	s->rng = rng;
	s->ops = ops;
	s->arg = arg;
	s->login_deadline = mono_add_s(now, DERP_LOGIN_TIMEOUT_S);
	s->probe_deadline = MONO_NEVER;
	derp_reader_init(&s->reader, LOGIN_KEEP);
	buf_init(&s->head, HTTP1_HEAD_MAX);
	buf_init(&s->out, OUTPUT_MAX);
	struct wr w = reserve(s, 1024);
	derp_upgrade_request_build(&w, host, port, ideal_node);
	commit(s, &w);
	if (!wr_ok(&w))
		fail(s, ERR_TOOBIG, "name of the relay is too long");
	return s;
}

void derp_session_free(struct derp_session *s)
{
	if (!s)
		return;
	derp_reader_fini(&s->reader);
	buf_fini(&s->head);
	buf_fini(&s->out);
	wipe(&s->box, sizeof(s->box));
	node_priv_wipe(&s->priv);
	free(s);
}

void derp_session_close(struct derp_session *s)
{
	fail(s, ERR_CLOSED, "closed");
}

/* ---- rate limit set by the server ----------------------------------------------------------- */

static void bucket_set(struct bucket *b, mono_t now, const struct derp_server_info *info)
{
	b->rate = (double)info->rate;
	b->burst = (double)(info->burst ? info->burst : info->rate);
	b->tokens = b->burst;
	b->at = now;
}

static bool bucket_take(struct bucket *b, mono_t now, size_t n)
{
	if (b->rate == 0)
		return true;
	double elapsed = (double)mono_diff_ns(now, b->at) / (double)NS_PER_S;
	b->at = now;
	b->tokens += elapsed * b->rate;
	if (b->tokens > b->burst)
		b->tokens = b->burst;
	if (b->tokens < (double)n)
		return false;
	b->tokens -= (double)n;
	return true;
}

/* ---- frames --------------------------------------------------------------------------------- */

static void put_note_preferred(struct derp_session *s)
{
	struct wr w = reserve(s, DERP_HEADER_LEN + 1);
	derp_note_preferred_build(&w, s->home);
	commit(s, &w);
}

static int on_greeting(struct derp_session *s, const struct derp_frame *f)
{
	struct node_key server;
	if (derp_server_key_parse(f, &server))
		return fail(s, ERR_PROTO, "the relay's greeting is not DERP");
	if (box_precompute(&s->box, s->priv.b, server.b))
		return fail(s, ERR_AUTH, "the relay's key is not valid");
	struct span json = derp_client_info_json();
	struct wr w = reserve(s, DERP_LOGIN_LEN(json.len));
	derp_client_info_build(&w, &s->self, &s->box, s->rng, json);
	commit(s, &w);
	if (s->home)
		put_note_preferred(s);
	s->state = DERP_LOGIN;
	return 0;
}

static int on_server_info(struct derp_session *s, mono_t now, const struct derp_frame *f)
{
	struct derp_server_info info;
	if (derp_server_info_open(f, &s->box, &info))
		return fail(s, ERR_PROTO, "the relay's login answer is not valid");
	bucket_set(&s->bucket, now, &info);
	if (s->state == DERP_UP)
		return 0;
	s->state = DERP_UP;
	s->login_deadline = MONO_NEVER;
	s->reader.keep = STEADY_KEEP;
	s->ops->on_up(s->arg);
	return 0;
}

static void on_packet(struct derp_session *s, const struct derp_frame *f)
{
	struct node_key src;
	struct span payload;
	if (derp_packet_parse(f, &src, &payload) == 0)
		s->ops->on_packet(s->arg, &src, payload);
}

static void on_peer_gone(struct derp_session *s, const struct derp_frame *f)
{
	struct node_key peer;
	uint8_t reason;
	if (derp_peer_gone_parse(f, &peer, &reason) == 0)
		s->ops->on_peer_gone(s->arg, &peer, reason);
}

static void on_ping(struct derp_session *s, const struct derp_frame *f)
{
	uint8_t data[DERP_PING_LEN];
	if (s->out.len > OUTPUT_PONG_MAX || derp_ping_parse(f, data))
		return;
	struct wr w = reserve(s, DERP_HEADER_LEN + DERP_PING_LEN);
	derp_pong_build(&w, data);
	commit(s, &w);
}

static void on_pong(struct derp_session *s, const struct derp_frame *f)
{
	uint8_t data[DERP_PING_LEN];
	if (derp_ping_parse(f, data) == 0 && memcmp(data, s->probe, DERP_PING_LEN) == 0)
		s->probe_deadline = MONO_NEVER;
}

static int on_frame(struct derp_session *s, mono_t now, const struct derp_frame *f)
{
	s->last_frame = now;
	if (s->state == DERP_GREETING)
		return on_greeting(s, f);
	switch (f->type) {
	case DERP_SERVER_INFO:
		return on_server_info(s, now, f);
	case DERP_RECV_PACKET:
		on_packet(s, f);
		break;
	case DERP_PEER_GONE:
		on_peer_gone(s, f);
		break;
	case DERP_PING:
		on_ping(s, f);
		break;
	case DERP_PONG:
		on_pong(s, f);
		break;
	case DERP_HEALTH:
		s->ops->on_health(s->arg, f->body);
		break;
	default: /* keep-alive, a late ServerKey (fast start), mesh, unknown: nothing to do */
		break;
	}
	return 0;
}

/* ---- input ------------------------------------------------------------------------------------
 */

/* The answer to our upgrade. *bytes becomes what lies behind it. 0 while it is not complete. */
static int on_upgrade(struct derp_session *s, struct span *bytes)
{
	size_t before = s->head.len;
	size_t n = HTTP1_HEAD_MAX - before < bytes->len ? HTTP1_HEAD_MAX - before : bytes->len;
	buf_add(&s->head, bytes->p, n);
	struct http1_head head;
	int rc = buf_ok(&s->head) ? http1_parse(buf_span(&s->head), false, &head) : -ERR_NOMEM;
	if (rc == -ERR_AGAIN && s->head.len < HTTP1_HEAD_MAX) {
		*bytes = span_from(*bytes, n);
		return 0;
	}
	if (rc)
		return fail(s, ERR_PROTO, "the relay's HTTP answer is not valid");
	if (head.status != 101)
		return fail(s, ERR_PROTO, "the relay refused the DERP upgrade");
	*bytes = span_from(*bytes, head.len - before);
	buf_fini(&s->head);
	buf_init(&s->head, HTTP1_HEAD_MAX);
	s->state = DERP_GREETING;
	return 0;
}

int derp_session_input(struct derp_session *s, mono_t now, struct span bytes)
{
	if (s->state == DERP_UPGRADE) {
		int rc = on_upgrade(s, &bytes);
		if (rc || s->state == DERP_UPGRADE)
			return rc;
	}
	while (s->state != DERP_FAILED) {
		struct derp_frame f;
		int rc = derp_reader_next(&s->reader, &bytes, &f);
		if (rc == 0)
			return 0;
		if (rc < 0)
			return fail(s, -rc, "the relay sent a frame that is too long");
		rc = on_frame(s, now, &f);
		if (rc)
			return rc;
	}
	return -ERR_CLOSED;
}

/* ---- output -----------------------------------------------------------------------------------
 */

struct buf *derp_session_output(struct derp_session *s)
{
	return &s->out;
}

static bool logged_in(const struct derp_session *s)
{
	return s->state == DERP_LOGIN || s->state == DERP_UP;
}

int derp_session_send(struct derp_session *s, mono_t now, const struct node_key *dst,
		      struct span payload)
{
	if (!logged_in(s))
		return -ERR_STATE;
	if (payload.len > DERP_PACKET_MAX)
		return -ERR_TOOBIG;
	size_t n = DERP_SEND_LEN(payload.len);
	if (!bucket_take(&s->bucket, now, n))
		return -ERR_FULL;
	struct wr w = reserve(s, n);
	derp_send_build(&w, dst, payload);
	commit(s, &w);
	return wr_ok(&w) ? 0 : -ERR_FULL;
}

void derp_session_set_home(struct derp_session *s, bool home)
{
	if (s->home == home)
		return;
	s->home = home;
	if (logged_in(s))
		put_note_preferred(s);
}

void derp_session_probe(struct derp_session *s, mono_t now)
{
	if (!logged_in(s) || !mono_is_never(s->probe_deadline))
		return;
	rng_fill(s->rng, s->probe, sizeof(s->probe));
	struct wr w = reserve(s, DERP_HEADER_LEN + DERP_PING_LEN);
	derp_ping_build(&w, s->probe);
	commit(s, &w);
	s->probe_deadline = mono_add_s(now, DERP_PING_TIMEOUT_S);
}

/* ---- time ---------------------------------------------------------------------------------------
 */

static mono_t read_deadline(const struct derp_session *s)
{
	return s->state == DERP_UP ? mono_add_s(s->last_frame, DERP_READ_TIMEOUT_S) : MONO_NEVER;
}

mono_t derp_session_deadline(const struct derp_session *s)
{
	if (s->state == DERP_FAILED)
		return MONO_NEVER;
	return mono_min(mono_min(s->login_deadline, s->probe_deadline), read_deadline(s));
}

int derp_session_tick(struct derp_session *s, mono_t now)
{
	if (s->state == DERP_FAILED)
		return -ERR_CLOSED;
	if (mono_due(s->login_deadline, now))
		return fail(s, ERR_TIMEOUT, "the relay did not complete the login in time");
	if (mono_due(s->probe_deadline, now))
		return fail(s, ERR_TIMEOUT, "the relay did not answer after a link change");
	if (mono_due(read_deadline(s), now))
		return fail(s, ERR_TIMEOUT, "nothing heard from the relay for two minutes");
	return 0;
}

enum derp_state derp_session_state(const struct derp_session *s)
{
	return s->state;
}

mono_t derp_session_last_frame(const struct derp_session *s)
{
	return s->last_frame;
}

const char *derp_session_error(const struct derp_session *s)
{
	return s->error;
}
