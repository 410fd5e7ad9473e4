/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The three loops of the control client on a virtual clock, against a scripted server. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/control/capver.h"
#include "daemon/control/ctl_core.h"
#include "daemon/control/map_wire.h"

#include <stdio.h>
#include <stdlib.h>

#define WALL0 INT64_C(1800000000)

struct world {
	struct ctl_core *c;
	mono_t now;
	struct rng_seeded rng;
	bool key_wanted;
	bool open[CTL_N_SLOTS];
	json_t *body[CTL_N_SLOTS]; /* of the last request in the slot */
	size_t n_requests[CTL_N_SLOTS];
	size_t n_fetches, n_drops, n_sends;
	char *sent_method, *sent_url;
	struct buf sent_body;
	bool sent_noise;
	/* what the owner was told */
	char *url, *error;
	enum ctl_error error_kind;
	size_t n_urls, n_logins, n_saves, n_maps, n_errors;
	struct persist saved;
	uint64_t ticket;
	bool answer_saves;
	int save_err;
	struct nm_change change;
	size_t n_peers;
	bool expired_peer;
	struct ctl_state state;
	struct ctl_ping ping;
	bool stop_in_netmap;
	int logout_done;
	char *logout_why;
};

static struct ctl_now at(const struct world *w)
{
	return (struct ctl_now){ w->now, { WALL0 + w->now.ns / NS_PER_S, 0 } };
}

/* ---- the shell ----------------------------------------------------------------------------------
 */

static void io_fetch_key(void *io)
{
	struct world *w = io;
	w->key_wanted = true;
	w->n_fetches++;
}

static void io_request(void *io, enum ctl_slot slot, const char *path, struct span body)
{
	struct world *w = io;
	assert_false(w->open[slot]);
	assert_string_equal(path, slot == CTL_SLOT_MAP || slot == CTL_SLOT_UPDATE
				      ? "/machine/map"
				      : "/machine/register");
	j_free(w->body[slot]);
	w->body[slot] = j_parse(body, 1u << 20, NULL);
	assert_non_null(w->body[slot]);
	w->open[slot] = true;
	w->n_requests[slot]++;
}

static void io_cancel(void *io, enum ctl_slot slot)
{
	((struct world *)io)->open[slot] = false;
}

static void io_drop(void *io)
{
	struct world *w = io;
	memset(w->open, 0, sizeof(w->open));
	w->key_wanted = false;
	w->n_drops++;
}

static void io_send(void *io, bool noise, const char *method, const char *url, struct span body)
{
	struct world *w = io;
	w->n_sends++;
	w->sent_noise = noise;
	str_set(&w->sent_method, method);
	str_set(&w->sent_url, url);
	buf_reset(&w->sent_body);
	buf_add_span(&w->sent_body, body);
}

static const struct ctl_io IO = { io_fetch_key, io_request, io_cancel, io_drop, io_send };

/* ---- the owner ---- */

static void on_netmap(void *arg, const struct netmap *nm, const struct nm_change *ch)
{
	struct world *w = arg;
	w->n_maps++;
	w->change = *ch;
	w->n_peers = nm->n_peers;
	w->expired_peer = nm->n_peers && nm_node_is_expired(nm->peers[0]);
	assert_ptr_equal(ctl_core_netmap(w->c), nm);
	if (w->stop_in_netmap)
		ctl_core_stop(w->c);
}

static void on_auth_url(void *arg, const char *url)
{
	struct world *w = arg;
	str_set(&w->url, url);
	w->n_urls++;
}

static void save_persist(void *arg, const struct persist *p, uint64_t ticket)
{
	struct world *w = arg;
	w->n_saves++;
	w->ticket = ticket;
	persist_copy(&w->saved, p);
	if (w->answer_saves)
		ctl_core_saved(w->c, at(w), ticket, w->save_err);
}

static void on_login(void *arg, const struct persist *p)
{
	struct world *w = arg;
	assert_true(persist_equal(p, &w->saved) || w->n_saves == 0);
	w->n_logins++;
}

static void on_error(void *arg, enum ctl_error kind, const char *text)
{
	struct world *w = arg;
	w->error_kind = kind;
	str_set(&w->error, text);
	w->n_errors++;
}

static void on_state(void *arg, const struct ctl_state *s)
{
	((struct world *)arg)->state = *s;
}

static bool on_ping(void *arg, const struct ctl_ping *p)
{
	((struct world *)arg)->ping = *p;
	return true;
}

static json_t *c2n_prefs(void *arg)
{
	json_t *v = j_object();
	(void)arg;
	j_set_str(v, "Hostname", "h");
	return v;
}

static const struct ctl_ops OPS = {
	.on_netmap = on_netmap,
	.on_auth_url = on_auth_url,
	.save_persist = save_persist,
	.on_login = on_login,
	.on_error = on_error,
	.on_state = on_state,
	.on_ping = on_ping,
	.c2n_prefs = c2n_prefs,
};

static const struct machine_key SERVER = { { 9 } };
static const char *const TAGS[] = { "tag:x" };

static struct world *world_new(const char *url, bool stored_key)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct machine_priv machine;
	struct persist p;
	struct disco_key disco = { { 5 } };
	struct hostinfo h = {
		.hostname = "node", .os = "linux", .request_tags = TAGS, .n_request_tags = 1
	};
	const char *why;
	rng_seeded_init(&w->rng, 4);
	buf_init(&w->sent_body, 1u << 20);
	persist_init(&w->saved);
	persist_init(&p);
	if (stored_key) {
		node_priv_generate(&p.node, &w->rng.rng);
		p.user.id = 1;
		str_set(&p.user.login, "alice");
		str_set(&p.user.display, "Alice");
		str_set(&p.node_id, "7");
		persist_copy(&w->saved, &p);
	}
	machine_priv_generate(&machine, &w->rng.rng);
	w->now = (mono_t){ 1000 * NS_PER_S };
	w->answer_saves = true;
	struct ctl_opts k = { .server_url = url,
			      .machine = &machine,
			      .persist = &p,
			      .hostinfo = &h,
			      .disco = &disco,
			      .rng = &w->rng.rng,
			      .ops = &OPS,
			      .arg = w };
	struct ctl_core_opts o = { .client = &k, .io = &IO, .io_arg = w };
	w->c = ctl_core_new(&o, &why);
	assert_non_null(w->c);
	persist_fini(&p);
	return w;
}

static void world_free(struct world *w)
{
	ctl_core_free(w->c);
	for (int i = 0; i < CTL_N_SLOTS; i++)
		j_free(w->body[i]);
	free(w->sent_method);
	free(w->sent_url);
	buf_fini(&w->sent_body);
	free(w->url);
	free(w->error);
	free(w->logout_why);
	persist_fini(&w->saved);
	free(w);
}

/* ---- the server ---- */

static void give_key(struct world *w)
{
	assert_true(w->key_wanted);
	w->key_wanted = false;
	ctl_core_on_key(w->c, at(w), 0, &SERVER, "");
}

static void answer(struct world *w, enum ctl_slot slot, int status, const char *body)
{
	assert_true(w->open[slot]);
	ctl_core_on_head(w->c, at(w), slot, status, span_str(""));
	ctl_core_on_data(w->c, at(w), slot, span_str(body));
	w->open[slot] = false;
	ctl_core_on_done(w->c, at(w), slot, 0, CTL_CONN_OK, "");
}

static void breaks(struct world *w, enum ctl_slot slot, enum ctl_conn_error why)
{
	assert_true(w->open[slot]);
	w->open[slot] = false;
	ctl_core_on_done(w->c, at(w), slot, -ERR_CLOSED, why, "broken");
}

#define OK_ANSWER                                                                                  \
	"{\"User\":{\"ID\":1},\"Login\":{\"LoginName\":\"alice\",\"DisplayName\":\"Alice\"},"      \
	"\"NodeKeyExpired\":false,\"MachineAuthorized\":true,\"AuthURL\":\"\",\"Error\":\"\"}"
#define URL_ANSWER(u) "{\"AuthURL\":\"" u "\",\"Error\":\"\"}"
#define NODE                                                                                       \
	"\"Node\":{\"ID\":7,\"StableID\":\"7\",\"Name\":\"node.x.\",\"User\":1,"                   \
	"\"Key\":\"nodekey:0101010101010101010101010101010101010101010101010101010101010101\"}"
#define PEER(id, key)                                                                              \
	"{\"ID\":" id ",\"Key\":\"nodekey:" key key key key key key key key "\",\"Name\":\"p\"}"

static void map_head(struct world *w, int status)
{
	assert_true(w->open[CTL_SLOT_MAP]);
	ctl_core_on_head(w->c, at(w), CTL_SLOT_MAP, status, span_str(""));
}

static void map_message(struct world *w, const char *json)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	assert_int_equal(map_frame_build(span_str(json), true, &b), 0);
	ctl_core_on_data(w->c, at(w), CTL_SLOT_MAP, buf_span(&b));
	buf_fini(&b);
}

/* Let the virtual time run; timers fire when due. */
static void pass_ms(struct world *w, int64_t ms)
{
	mono_t end = mono_add_ms(w->now, ms);
	for (;;) {
		mono_t next = ctl_core_deadline(w->c);
		if (!mono_due(next, end))
			break;
		if (mono_before(w->now, next))
			w->now = next;
		ctl_core_tick(w->c, at(w));
		/* a timer that stays due would be a busy loop */
		if (mono_due(ctl_core_deadline(w->c), w->now)) {
			ctl_core_tick(w->c, at(w));
			assert_false(mono_due(ctl_core_deadline(w->c), w->now));
		}
	}
	w->now = end;
}

static struct world *logged_in(void)
{
	struct world *w = world_new("http://203.0.113.1:8080", true);
	ctl_core_login(w->c, at(w), 0, NULL);
	pass_ms(w, 0);
	give_key(w);
	answer(w, CTL_SLOT_LOGIN, 200, OK_ANSWER);
	pass_ms(w, 0);
	return w;
}

static struct world *polling(void)
{
	struct world *w = logged_in();
	map_head(w, 200);
	map_message(w, "{" NODE ",\"Peers\":[" PEER("8", "a1a2a3a4") "]}");
	pass_ms(w, CTL_UPDATE_DELAY_MS);
	answer(w, CTL_SLOT_UPDATE, 200, "");
	return w;
}

static const char *str(const struct world *w, enum ctl_slot slot, const char *member)
{
	return j_str(w->body[slot], member);
}

/* ---- login ---- */

static void test_first_login_with_key(void **state)
{
	struct world *w = world_new("http://203.0.113.1:8080", false);
	struct node_key pub;
	char text[KEY_TEXT_MAX];
	(void)state;
	w->answer_saves = false;
	ctl_core_login(w->c, at(w), 0, "hskey-secret");
	pass_ms(w, 0);
	assert_int_equal(w->state.login, CTL_LOGIN_TRYING);
	give_key(w);
	assert_string_equal(j_str(j_get(w->body[CTL_SLOT_LOGIN], "Auth"), "AuthKey"),
			    "hskey-secret");
	assert_int_equal(j_int(w->body[CTL_SLOT_LOGIN], "Version", 0), CTL_CAPVER);
	/* tags come from the auth key; asking for them is refused */
	json_t *hi = j_get(w->body[CTL_SLOT_LOGIN], "Hostinfo");
	assert_string_equal(j_str(hi, "Hostname"), "node");
	assert_false(j_has(hi, "RequestTags"));
	char *first_key = xstrdup(str(w, CTL_SLOT_LOGIN, "NodeKey"));
	answer(w, CTL_SLOT_LOGIN, 200, OK_ANSWER);
	/* nothing is used before it is on disk */
	assert_int_equal(w->n_saves, 1);
	assert_int_equal(w->n_logins, 0);
	pass_ms(w, 60000);
	assert_int_equal(w->n_requests[CTL_SLOT_MAP], 0);
	node_priv_public(&w->saved.node, &pub);
	assert_string_equal(node_key_encode(&pub, text), first_key);
	assert_string_equal(w->saved.user.login, "alice");
	ctl_core_saved(w->c, at(w), w->ticket, 0);
	assert_int_equal(w->n_logins, 1);
	assert_int_equal(w->state.login, CTL_LOGIN_DONE);
	pass_ms(w, CTL_UPDATE_DELAY_MS);
	assert_true(w->open[CTL_SLOT_MAP] && w->open[CTL_SLOT_UPDATE]);
	assert_string_equal(str(w, CTL_SLOT_MAP, "NodeKey"), first_key);
	assert_true(j_bool(w->body[CTL_SLOT_MAP], "Stream", false));
	assert_false(j_has(w->body[CTL_SLOT_MAP], "OmitPeers"));
	assert_true(j_bool(w->body[CTL_SLOT_UPDATE], "OmitPeers", false));
	assert_true(j_has(j_get(w->body[CTL_SLOT_UPDATE], "Hostinfo"), "RequestTags"));
	free(first_key);
	world_free(w);
}

static void test_save_fails(void **state)
{
	struct world *w = world_new("http://203.0.113.1", false);
	(void)state;
	w->save_err = -ERR_IO;
	ctl_core_login(w->c, at(w), 0, "k");
	pass_ms(w, 0);
	give_key(w);
	char *key = xstrdup(str(w, CTL_SLOT_LOGIN, "NodeKey"));
	answer(w, CTL_SLOT_LOGIN, 200, OK_ANSWER);
	assert_int_equal(w->error_kind, CTL_ERR_SAVE);
	assert_int_equal(w->n_logins, 0);
	assert_int_equal(w->n_requests[CTL_SLOT_MAP], 0);
	/* and when the disk is well again the same key is registered */
	w->save_err = 0;
	pass_ms(w, 5000);
	assert_string_equal(str(w, CTL_SLOT_LOGIN, "NodeKey"), key);
	answer(w, CTL_SLOT_LOGIN, 200, OK_ANSWER);
	assert_int_equal(w->n_logins, 1);
	free(key);
	world_free(w);
}

static void test_restart_uses_stored_key(void **state)
{
	struct world *w = logged_in();
	struct node_key pub;
	char text[KEY_TEXT_MAX];
	(void)state;
	node_priv_public(&w->saved.node, &pub);
	assert_string_equal(str(w, CTL_SLOT_LOGIN, "NodeKey"), node_key_encode(&pub, text));
	assert_false(j_has(w->body[CTL_SLOT_LOGIN], "Auth"));
	assert_int_equal(w->n_saves, 0); /* nothing new to keep */
	assert_int_equal(w->n_logins, 1);
	world_free(w);
}

static void test_follow_up(void **state)
{
	struct world *w = world_new("https://hs.example.com", false);
	(void)state;
	ctl_core_login(w->c, at(w), CTL_LOGIN_INTERACTIVE, NULL);
	pass_ms(w, 0);
	give_key(w);
	char *key = xstrdup(str(w, CTL_SLOT_LOGIN, "NodeKey"));
	answer(w, CTL_SLOT_LOGIN, 200, URL_ANSWER("https://hs.example.com/a/1"));
	assert_string_equal(w->url, "https://hs.example.com/a/1");
	assert_int_equal(w->state.login, CTL_LOGIN_URL);
	/* the poll waits as long as the person needs, with the key that is on trial */
	assert_true(w->open[CTL_SLOT_LOGIN]);
	assert_string_equal(str(w, CTL_SLOT_LOGIN, "Followup"), "https://hs.example.com/a/1");
	assert_string_equal(str(w, CTL_SLOT_LOGIN, "NodeKey"), key);
	size_t polls = w->n_requests[CTL_SLOT_LOGIN];
	pass_ms(w, (CTL_FOLLOWUP_S - 1) * 1000);
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], polls);
	/* after long silence over a new connection, and nobody is bothered with it */
	size_t drops = w->n_drops;
	pass_ms(w, 5 * CTL_FOLLOWUP_S * 1000);
	assert_true(w->open[CTL_SLOT_LOGIN]);
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], polls + 5);
	assert_int_equal(w->n_drops, drops + 5);
	assert_int_equal(w->n_errors, 0);
	/* connection lost: sent again */
	breaks(w, CTL_SLOT_LOGIN, CTL_CONN_NETWORK);
	pass_ms(w, 1000);
	assert_string_equal(str(w, CTL_SLOT_LOGIN, "Followup"), "https://hs.example.com/a/1");
	/* the server started over */
	answer(w, CTL_SLOT_LOGIN, 200, URL_ANSWER("https://hs.example.com/a/2"));
	assert_string_equal(w->url, "https://hs.example.com/a/2");
	assert_string_equal(str(w, CTL_SLOT_LOGIN, "Followup"), "https://hs.example.com/a/2");
	/* the same one again is no progress: back off, tell nobody */
	size_t urls = w->n_urls, sent = w->n_requests[CTL_SLOT_LOGIN];
	answer(w, CTL_SLOT_LOGIN, 200, URL_ANSWER("https://hs.example.com/a/2"));
	assert_int_equal(w->n_urls, urls);
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], sent);
	pass_ms(w, 1000);
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], sent + 1);
	/* somebody asks for the page once more */
	ctl_core_login(w->c, at(w), CTL_LOGIN_INTERACTIVE, NULL);
	assert_int_equal(w->n_urls, urls + 1);
	answer(w, CTL_SLOT_LOGIN, 200, OK_ANSWER);
	assert_int_equal(w->n_logins, 1);
	assert_null(w->url);
	assert_null(ctl_core_auth_url(w->c));
	free(key);
	world_free(w);
}

static void test_login_page_must_be_https(void **state)
{
	struct world *w = world_new("https://hs.example.com", false);
	(void)state;
	ctl_core_login(w->c, at(w), 0, NULL);
	pass_ms(w, 0);
	give_key(w);
	answer(w, CTL_SLOT_LOGIN, 200, URL_ANSWER("http://hs.example.com/a/1"));
	assert_null(w->url);
	assert_int_equal(w->error_kind, CTL_ERR_REFUSED);
	world_free(w);
	w = world_new("http://127.0.0.1:8080", false);
	ctl_core_login(w->c, at(w), 0, NULL);
	pass_ms(w, 0);
	give_key(w);
	answer(w, CTL_SLOT_LOGIN, 200, URL_ANSWER("file:///etc/passwd"));
	assert_null(w->url);
	pass_ms(w, 1000);
	answer(w, CTL_SLOT_LOGIN, 200, URL_ANSWER("http://127.0.0.1:8080/a"));
	assert_string_equal(w->url, "http://127.0.0.1:8080/a");
	world_free(w);
}

static void test_key_rotation(void **state)
{
	struct world *w = world_new("http://203.0.113.1", true);
	struct node_key stored;
	char text[KEY_TEXT_MAX];
	(void)state;
	node_priv_public(&w->saved.node, &stored);
	ctl_core_login(w->c, at(w), 0, NULL);
	pass_ms(w, 0);
	give_key(w);
	answer(w, CTL_SLOT_LOGIN, 200, "{\"NodeKeyExpired\":true}");
	/* at once, with a new key and the expired one as the old */
	assert_true(w->open[CTL_SLOT_LOGIN]);
	node_key_encode(&stored, text);
	assert_string_not_equal(str(w, CTL_SLOT_LOGIN, "NodeKey"), text);
	assert_string_equal(str(w, CTL_SLOT_LOGIN, "OldNodeKey"), text);
	/* a new key that is expired as well makes no sense */
	size_t sent = w->n_requests[CTL_SLOT_LOGIN];
	answer(w, CTL_SLOT_LOGIN, 200, "{\"NodeKeyExpired\":true}");
	assert_int_equal(w->error_kind, CTL_ERR_REFUSED);
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], sent);
	pass_ms(w, 1000);
	answer(w, CTL_SLOT_LOGIN, 200, OK_ANSWER);
	assert_int_equal(w->n_saves, 1);
	node_priv_public(&w->saved.old_node, &stored);
	assert_string_equal(node_key_encode(&stored, text),
			    str(w, CTL_SLOT_MAP, "NodeKey") ? text : "");
	world_free(w);
}

static void test_forced_reauth(void **state)
{
	struct world *w = polling();
	char *old = xstrdup(str(w, CTL_SLOT_MAP, "NodeKey"));
	(void)state;
	ctl_core_login(w->c, at(w), CTL_LOGIN_REAUTH, "again");
	pass_ms(w, 0);
	assert_string_not_equal(str(w, CTL_SLOT_LOGIN, "NodeKey"), old);
	assert_string_equal(str(w, CTL_SLOT_LOGIN, "OldNodeKey"), old);
	assert_true(w->open[CTL_SLOT_MAP]); /* traffic goes on meanwhile */
	answer(w, CTL_SLOT_LOGIN, 200, OK_ANSWER);
	assert_string_not_equal(str(w, CTL_SLOT_MAP, "NodeKey"), old);
	assert_non_null(ctl_core_netmap(w->c)); /* until the new session has one */
	free(old);
	world_free(w);
}

static void test_refusal(void **state)
{
	struct world *w = world_new("http://203.0.113.1", false);
	(void)state;
	ctl_core_login(w->c, at(w), 0, "bad");
	pass_ms(w, 0);
	give_key(w);
	answer(w, CTL_SLOT_LOGIN, 200, "{\"Error\":\"authkey \\u001b[31mexpired\"}");
	assert_int_equal(w->error_kind, CTL_ERR_REFUSED);
	assert_non_null(strstr(w->error, "expired"));
	assert_null(strchr(w->error, 0x1b)); /* no escape sequences into a terminal */
	/* tried again, slower and slower, for ever */
	size_t first = w->n_requests[CTL_SLOT_LOGIN];
	for (int i = 0; i < 200; i++) {
		if (w->open[CTL_SLOT_LOGIN])
			answer(w, CTL_SLOT_LOGIN, 200, "{\"Error\":\"authkey expired\"}");
		pass_ms(w, 3000);
	}
	size_t n = w->n_requests[CTL_SLOT_LOGIN] - first;
	assert_in_range(n, 20, 70);
	world_free(w);
}

static void test_too_old(void **state)
{
	struct world *w = world_new("http://203.0.113.1", false);
	(void)state;
	ctl_core_login(w->c, at(w), 0, NULL);
	pass_ms(w, 0);
	give_key(w);
	answer(w, CTL_SLOT_LOGIN, 400, "unsupported client version: v1.2 (7)\n");
	assert_int_equal(w->error_kind, CTL_ERR_VERSION);
	pass_ms(w, 1000);
	breaks(w, CTL_SLOT_LOGIN, CTL_CONN_REFUSED);
	assert_int_equal(w->error_kind, CTL_ERR_VERSION);
	world_free(w);
}

/* Without answering, how long until the next registration goes out? */
static int64_t wait_for_register(struct world *w)
{
	mono_t from = w->now;
	while (!w->open[CTL_SLOT_LOGIN] && mono_diff_ns(w->now, from) < 7200 * NS_PER_S)
		pass_ms(w, 100);
	return mono_diff_ns(w->now, from) / NS_PER_MS;
}

static int64_t after_429(const char *retry_after)
{
	struct world *w = world_new("http://203.0.113.1", false);
	ctl_core_login(w->c, at(w), 0, NULL);
	pass_ms(w, 0);
	give_key(w);
	ctl_core_on_head(w->c, at(w), CTL_SLOT_LOGIN, 429, span_str(retry_after));
	w->open[CTL_SLOT_LOGIN] = false;
	ctl_core_on_done(w->c, at(w), CTL_SLOT_LOGIN, 0, CTL_CONN_OK, "");
	int64_t ms = wait_for_register(w);
	world_free(w);
	return ms;
}

static void test_retry_after(void **state)
{
	(void)state;
	assert_in_range(after_429("17"), 17000, 17100);
	assert_in_range(after_429("Fri, 15 Jan 2027 08:18:00 GMT"), 79000, 80100);
	assert_in_range(after_429("0"), 5000, 10100);
	assert_in_range(after_429(""), 5000, 10100);
	assert_in_range(after_429("99999999"), 5000, 10100);
	assert_in_range(after_429("soon"), 5000, 10100);
}

static void test_register_times_out(void **state)
{
	struct world *w = world_new("http://203.0.113.1", false);
	(void)state;
	ctl_core_login(w->c, at(w), 0, NULL);
	pass_ms(w, 0);
	give_key(w);
	pass_ms(w, (CTL_REGISTER_TIMEOUT_S + 1) * 1000);
	assert_int_equal(w->error_kind, CTL_ERR_NETWORK);
	assert_int_equal(w->n_drops, 1); /* it may have been half open */
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], 2);
	world_free(w);
}

static void test_key_fetch_fails(void **state)
{
	struct world *w = world_new("http://203.0.113.1", false);
	(void)state;
	ctl_core_login(w->c, at(w), 0, NULL);
	pass_ms(w, 0);
	w->key_wanted = false;
	ctl_core_on_key(w->c, at(w), -ERR_SYNTAX, &SERVER, "no control server here");
	assert_int_equal(w->error_kind, CTL_ERR_KEY);
	assert_string_equal(w->error, "no control server here");
	pass_ms(w, 1000);
	give_key(w);
	assert_true(w->open[CTL_SLOT_LOGIN]);
	world_free(w);
}

/* A server whose Noise key changed is found again without a restart. */
static void test_server_key_changed(void **state)
{
	struct world *w = polling();
	(void)state;
	assert_int_equal(w->n_fetches, 1);
	breaks(w, CTL_SLOT_MAP, CTL_CONN_NETWORK);
	for (int i = 0; i < 20 && w->n_fetches == 1; i++) {
		pass_ms(w, 2000);
		for (int s = 0; s < CTL_N_SLOTS; s++)
			if (w->open[s])
				breaks(w, (enum ctl_slot)s, CTL_CONN_NOISE);
	}
	assert_int_equal(w->n_fetches, 2);
	assert_int_equal(w->error_kind, CTL_ERR_NOISE);
	give_key(w);
	pass_ms(w, 5000);
	map_head(w, 200);
	map_message(w, "{" NODE "}");
	assert_int_equal(w->error_kind, CTL_ERR_CLEARED);
	world_free(w);
}

/* ---- map ---- */

static void test_maps(void **state)
{
	struct world *w = polling();
	(void)state;
	assert_int_equal(w->n_maps, 1);
	assert_true(w->change.full);
	assert_true(w->state.polling);
	assert_int_equal(w->n_peers, 1);
	map_message(w, "{\"KeepAlive\":true}");
	map_message(w, "{\"ControlTime\":\"2027-01-15T08:16:41Z\"}");
	assert_int_equal(w->n_maps, 1);
	map_message(w, "{\"PeersChangedPatch\":[{\"NodeID\":8,\"Online\":true}]}");
	assert_int_equal(w->n_maps, 2);
	assert_int_equal(w->change.mask, NM_CHANGED_PEERS);
	assert_int_equal(w->change.n_ids, 1);
	assert_int_equal(w->change.ids[0], 8);
	map_message(w, "{\"PeersRemoved\":[8]}");
	assert_int_equal(w->n_peers, 0);
	world_free(w);
}

static void test_first_map_is_remembered(void **state)
{
	struct world *w = logged_in();
	(void)state;
	map_head(w, 200);
	map_message(w, "{\"Node\":{\"ID\":12,\"StableID\":\"nXY\",\"User\":5},\"UserProfiles\":"
		       "[{\"ID\":5,\"LoginName\":\"bob\",\"DisplayName\":\"Bob\"}]}");
	assert_int_equal(w->n_saves, 1);
	assert_string_equal(w->saved.node_id, "nXY");
	assert_string_equal(w->saved.user.login, "bob");
	world_free(w);
}

static void test_watchdog(void **state)
{
	struct world *w = polling();
	(void)state;
	for (int i = 0; i < 10; i++) {
		pass_ms(w, 60000);
		map_message(w, "{\"KeepAlive\":true}");
		assert_int_equal(mono_diff_ns(at(w).mono, ctl_core_state(w->c).last_message), 0);
	}
	assert_true(w->state.polling);
	size_t drops = w->n_drops;
	pass_ms(w, 119000);
	assert_true(w->open[CTL_SLOT_MAP]);
	pass_ms(w, 2000);
	assert_int_equal(w->n_drops, drops + 1); /* it may be half open: all of it goes */
	assert_true(w->open[CTL_SLOT_MAP]);	 /* a new one */
	assert_false(w->state.polling);
	assert_non_null(ctl_core_netmap(w->c));
	/* a server that never answers the request at all */
	pass_ms(w, 125000);
	assert_int_equal(w->n_drops, drops + 2);
	world_free(w);
}

static void test_new_session_replaces_map(void **state)
{
	struct world *w = polling();
	const struct netmap *before = ctl_core_netmap(w->c);
	(void)state;
	breaks(w, CTL_SLOT_MAP, CTL_CONN_NETWORK);
	assert_ptr_equal(ctl_core_netmap(w->c), before); /* the data plane runs on it */
	pass_ms(w, 2000);
	map_head(w, 200);
	/* state starts empty: peers not named again are gone */
	map_message(w, "{" NODE "}");
	assert_true(w->change.full);
	assert_int_equal(w->n_peers, 0);
	world_free(w);
}

static void test_bad_message_ends_session(void **state)
{
	struct world *w = polling();
	(void)state;
	map_message(w, "{\"Peers\":[{\"ID\":\"x\"}]}");
	assert_false(w->open[CTL_SLOT_MAP]);
	assert_int_equal(w->error_kind, CTL_ERR_MAP);
	assert_int_equal(w->n_peers, 1); /* the last good map stays */
	pass_ms(w, 2000);
	map_head(w, 200);
	map_message(w, "{\"PeersRemoved\":[1]}"); /* a first message without Node */
	assert_false(w->open[CTL_SLOT_MAP]);
	world_free(w);
}

static void test_unknown_node_registers_again(void **state)
{
	struct world *w = logged_in();
	(void)state;
	for (int i = 0; i < CTL_UNKNOWN_NODE_MAX; i++) {
		assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], 1);
		pass_ms(w, 3000);
		if (w->open[CTL_SLOT_UPDATE]) {
			w->open[CTL_SLOT_UPDATE] = false;
			ctl_core_on_done(w->c, at(w), CTL_SLOT_UPDATE, -ERR_CLOSED,
					 CTL_CONN_NETWORK, "");
		}
		answer(w, CTL_SLOT_MAP, 404, "node not found\n");
	}
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], 2);
	assert_int_equal(w->error_kind, CTL_ERR_LOGGED_OUT);
	answer(w, CTL_SLOT_LOGIN, 200, URL_ANSWER("http://203.0.113.1:8080/a"));
	assert_int_equal(w->state.login, CTL_LOGIN_URL);
	world_free(w);
}

/* A deleted node's stream goes on in silence; its updates are refused. */
static void test_deleted_under_open_stream(void **state)
{
	struct world *w = polling();
	(void)state;
	ctl_core_check_login(w->c, at(w));
	for (int i = 0; i < 20 && w->n_requests[CTL_SLOT_LOGIN] == 1; i++) {
		pass_ms(w, 2000);
		map_message(w, "{\"KeepAlive\":true}");
		if (w->open[CTL_SLOT_UPDATE])
			answer(w, CTL_SLOT_UPDATE, 404, "node not found");
	}
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], 2);
	world_free(w);
}

static void test_server_trouble_is_waited_for(void **state)
{
	struct world *w = logged_in();
	(void)state;
	for (int i = 0; i < 30; i++) {
		pass_ms(w, 60000);
		if (w->open[CTL_SLOT_UPDATE])
			answer(w, CTL_SLOT_UPDATE, 500, "");
		answer(w, CTL_SLOT_MAP, 500, "oops");
	}
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], 1);
	assert_non_null(strstr(w->error, "500"));
	world_free(w);
}

/* However well each attempt starts, a server cannot make us hurry. */
static void test_flapping_server(void **state)
{
	struct world *w = logged_in();
	size_t before = w->n_requests[CTL_SLOT_MAP];
	mono_t end = mono_add_s(w->now, 60);
	(void)state;
	while (mono_before(w->now, end)) {
		if (w->open[CTL_SLOT_MAP]) {
			map_head(w, 200);
			map_message(w, "{" NODE "}");
			breaks(w, CTL_SLOT_MAP, CTL_CONN_NETWORK);
		}
		pass_ms(w, 50);
	}
	size_t n = w->n_requests[CTL_SLOT_MAP] - before;
	assert_in_range(n, 5, 63);
	world_free(w);
}

static void test_exit_is_not_obeyed(void **state)
{
	struct world *w = polling();
	(void)state;
	map_message(w, "{\"Debug\":{\"Exit\":3}}");
	assert_int_equal(w->error_kind, CTL_ERR_MAP);
	assert_false(w->open[CTL_SLOT_MAP]);
	pass_ms(w, 2000);
	assert_true(w->open[CTL_SLOT_MAP]);
	world_free(w);
}

static void test_sleep_is_bounded(void **state)
{
	struct world *w = polling();
	(void)state;
	map_message(w, "{\"Debug\":{\"SleepSeconds\":1e9}}");
	map_message(w, "{\"PeersRemoved\":[8]}");
	pass_ms(w, 299000);
	assert_int_equal(w->n_peers, 1);
	pass_ms(w, 2000);
	assert_int_equal(w->n_peers, 0);
	assert_true(w->open[CTL_SLOT_MAP]);
	/* and what comes meanwhile is held only up to a limit */
	map_message(w, "{\"Debug\":{\"SleepSeconds\":100}}");
	struct buf junk;
	buf_init(&junk, 8u << 20);
	buf_commit(&junk, buf_reserve(&junk, 2u << 20) ? 2u << 20 : 0);
	memset(junk.p, 0, junk.len);
	ctl_core_on_data(w->c, at(w), CTL_SLOT_MAP, buf_span(&junk));
	assert_false(w->open[CTL_SLOT_MAP]);
	buf_fini(&junk);
	world_free(w);
}

static void test_peer_expires_by_the_clock(void **state)
{
	struct world *w = polling();
	(void)state;
	/* 100 s from now */
	map_message(
	    w, "{\"PeersChangedPatch\":[{\"NodeID\":8,\"KeyExpiry\":\"2027-01-15T08:18:20Z\"}]}");
	size_t maps = w->n_maps;
	pass_ms(w, 5000);
	assert_false(w->expired_peer);
	int64_t left = INT64_C(1800001100) - at(w).wall.s;
	for (; left > 0; left -= 60) {
		pass_ms(w, 60000);
		map_message(w, "{\"KeepAlive\":true}");
	}
	pass_ms(w, 15000);
	assert_int_equal(w->n_maps, maps + 1);
	assert_true(w->expired_peer);
	/* an extended key brings it back */
	map_message(
	    w, "{\"PeersChangedPatch\":[{\"NodeID\":8,\"KeyExpiry\":\"2028-01-15T08:18:20Z\"}]}");
	assert_false(w->expired_peer);
	world_free(w);
}

static void test_stopped_inside_callback(void **state)
{
	struct world *w = logged_in();
	(void)state;
	map_head(w, 200);
	w->stop_in_netmap = true;
	size_t saves = w->n_saves;
	map_message(w, "{\"Node\":{\"ID\":12,\"StableID\":\"nXY\"}}");
	assert_int_equal(w->n_maps, 1);
	assert_int_equal(w->n_saves, saves);
	assert_true(mono_is_never(ctl_core_deadline(w->c)));
	world_free(w);
}

/* ---- updates ---- */

static struct map_endpoint endpoint(const char *text)
{
	struct map_endpoint e = { .type = 1 };
	assert_int_equal(ep_decode(span_str(text), &e.ep), 0);
	return e;
}

static void test_updates(void **state)
{
	struct world *w = polling();
	size_t n = w->n_requests[CTL_SLOT_UPDATE];
	struct map_endpoint two[] = { endpoint("192.0.2.1:1"), endpoint("192.0.2.2:2") };
	struct map_endpoint swapped[] = { two[1], two[0] };
	struct netinfo ni = { .working_udp = J_TRUE, .preferred_derp = 9 };
	static const struct netinfo_latency lat[] = { { 9, false, 0.5 } };
	(void)state;
	/* changes close together travel together */
	ctl_core_set_endpoints(w->c, at(w), two, 2);
	ctl_core_set_netinfo(w->c, at(w), &ni);
	assert_false(w->open[CTL_SLOT_UPDATE]);
	pass_ms(w, CTL_UPDATE_DELAY_MS);
	assert_int_equal(w->n_requests[CTL_SLOT_UPDATE], n + 1);
	assert_int_equal(j_len(j_get(w->body[CTL_SLOT_UPDATE], "Endpoints")), 2);
	json_t *net = j_get(j_get(w->body[CTL_SLOT_UPDATE], "Hostinfo"), "NetInfo");
	assert_int_equal(j_int(net, "PreferredDERP", 0), 9);
	assert_non_null(str(w, CTL_SLOT_UPDATE, "DiscoKey"));
	/* a change while one is in flight makes another round */
	ctl_core_set_tka_head(w->c, at(w), "HEAD");
	pass_ms(w, 1000);
	assert_int_equal(w->n_requests[CTL_SLOT_UPDATE], n + 1);
	answer(w, CTL_SLOT_UPDATE, 200, "");
	pass_ms(w, 1000);
	assert_int_equal(w->n_requests[CTL_SLOT_UPDATE], n + 2);
	assert_string_equal(str(w, CTL_SLOT_UPDATE, "TKAHead"), "HEAD");
	answer(w, CTL_SLOT_UPDATE, 200, "");
	/* what is no change sends nothing: other order, other latencies, own node echoed */
	ctl_core_set_endpoints(w->c, at(w), swapped, 2);
	ni.latencies = lat;
	ni.n_latencies = 1;
	ctl_core_set_netinfo(w->c, at(w), &ni);
	ctl_core_set_tka_head(w->c, at(w), "HEAD");
	map_message(w, "{" NODE "}");
	pass_ms(w, 5000);
	assert_int_equal(w->n_requests[CTL_SLOT_UPDATE], n + 2);
	world_free(w);
}

static void test_update_fails_and_is_retried(void **state)
{
	struct world *w = polling();
	struct map_endpoint one = endpoint("192.0.2.1:1");
	(void)state;
	ctl_core_set_endpoints(w->c, at(w), &one, 1);
	pass_ms(w, CTL_UPDATE_DELAY_MS);
	breaks(w, CTL_SLOT_UPDATE, CTL_CONN_NETWORK);
	pass_ms(w, 1000);
	assert_true(w->open[CTL_SLOT_UPDATE]);
	pass_ms(w, (CTL_UPDATE_TIMEOUT_S + 2) * 1000); /* never answered */
	assert_true(w->open[CTL_SLOT_UPDATE]);
	answer(w, CTL_SLOT_UPDATE, 200, "");
	size_t n = w->n_requests[CTL_SLOT_UPDATE];
	pass_ms(w, 5000);
	assert_int_equal(w->n_requests[CTL_SLOT_UPDATE], n);
	world_free(w);
}

/* ---- pause, link, logout ---- */

static void test_pause(void **state)
{
	struct world *w = polling();
	(void)state;
	ctl_core_pause(w->c, at(w), true);
	for (int i = 0; i < CTL_N_SLOTS; i++)
		assert_false(w->open[i]);
	assert_true(w->state.paused);
	size_t n = w->n_requests[CTL_SLOT_MAP];
	pass_ms(w, 600000);
	assert_int_equal(w->n_requests[CTL_SLOT_MAP], n);
	ctl_core_pause(w->c, at(w), false);
	pass_ms(w, 1000);
	assert_true(w->open[CTL_SLOT_MAP]);
	assert_int_equal(w->n_requests[CTL_SLOT_LOGIN], 1); /* still logged in */
	world_free(w);
}

static void test_link_change(void **state)
{
	struct world *w = logged_in();
	(void)state;
	for (int i = 0; i < 12; i++) {
		pass_ms(w, 20000);
		for (int s = 0; s < CTL_N_SLOTS; s++)
			if (w->open[s])
				breaks(w, (enum ctl_slot)s, CTL_CONN_NETWORK);
	}
	assert_false(w->open[CTL_SLOT_MAP]);
	pass_ms(w, 30000);
	if (w->open[CTL_SLOT_MAP])
		breaks(w, CTL_SLOT_MAP, CTL_CONN_NETWORK);
	ctl_core_link_change(w->c, at(w));
	pass_ms(w, 0);
	assert_true(w->open[CTL_SLOT_MAP]); /* at once, whatever the back-off was */
	world_free(w);
}

static void on_logout(void *arg, const char *why)
{
	struct world *w = arg;
	w->logout_done++;
	str_set(&w->logout_why, why);
}

static void test_logout(void **state)
{
	struct world *w = polling();
	(void)state;
	ctl_core_logout(w->c, at(w), on_logout, w);
	assert_string_equal(str(w, CTL_SLOT_LOGOUT, "Expiry"), "1970-01-01T00:02:03Z");
	assert_false(w->open[CTL_SLOT_MAP]);
	answer(w, CTL_SLOT_LOGOUT, 200, "{\"NodeKeyExpired\":true}");
	assert_int_equal(w->logout_done, 1);
	assert_null(w->logout_why);
	assert_true(node_priv_is_zero(&w->saved.node));
	assert_string_equal(w->saved.user.login, "");
	assert_null(ctl_core_netmap(w->c));
	pass_ms(w, 600000);
	assert_false(w->open[CTL_SLOT_MAP]);
	assert_int_equal(w->state.login, CTL_LOGIN_NONE);
	/* and in again, as a new node */
	ctl_core_login(w->c, at(w), 0, "k");
	pass_ms(w, 0);
	assert_true(w->open[CTL_SLOT_LOGIN]);
	world_free(w);
}

static void test_logout_fails(void **state)
{
	struct world *w = polling();
	(void)state;
	ctl_core_logout(w->c, at(w), on_logout, w);
	pass_ms(w, (CTL_LOGOUT_S + 1) * 1000);
	assert_int_equal(w->logout_done, 1);
	assert_non_null(w->logout_why);
	assert_false(node_priv_is_zero(&w->saved.node));
	assert_true(w->open[CTL_SLOT_MAP]); /* still logged in: goes on */
	ctl_core_logout(w->c, at(w), on_logout, w);
	answer(w, CTL_SLOT_LOGOUT, 200, "{\"Error\":\"no\"}");
	assert_string_equal(w->logout_why, "no");
	world_free(w);
}

static void test_logout_without_login(void **state)
{
	struct world *w = world_new("http://203.0.113.1", false);
	(void)state;
	ctl_core_logout(w->c, at(w), on_logout, w);
	assert_int_equal(w->logout_done, 0); /* not from inside the call */
	pass_ms(w, 0);
	assert_int_equal(w->logout_done, 1);
	assert_null(w->logout_why);
	world_free(w);
}

/* ---- requests of the server ---- */

static void ping(struct world *w, const char *url, const char *rest)
{
	char json[512];
	snprintf(json, sizeof(json), "{\"KeepAlive\":true,\"PingRequest\":{\"URL\":\"%s\"%s}}", url,
		 rest);
	map_message(w, json);
}

static void test_head_ping(void **state)
{
	struct world *w = polling();
	(void)state;
	ping(w, "http://203.0.113.1:8080/machine/ping-response?id=1", "");
	assert_int_equal(w->n_sends, 1);
	assert_string_equal(w->sent_method, "HEAD");
	assert_false(w->sent_noise);
	ping(w, "http://203.0.113.1:8080/machine/ping-response?id=1", ""); /* answered already */
	assert_int_equal(w->n_sends, 1);
	ping(w, "https://other.example.com/x?id=2", "");
	assert_int_equal(w->n_sends, 2);
	ping(w, "https://anything/machine/x?id=3", ",\"URLIsNoise\":true");
	assert_true(w->sent_noise);
	/* what is in the networks around us is none of the server's business */
	static const char *const bad[] = {
		"http://127.0.0.1/x",	   "http://localhost:631/",   "http://192.168.1.1/reboot",
		"http://10.0.0.1/",	   "http://169.254.169.254/", "http://[::1]/",
		"file:///etc/passwd",	   "gopher://203.0.113.1/",   "",
		"http://100.100.100.100/",
	};
	size_t n = w->n_sends;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ping(w, bad[i], "");
	assert_int_equal(w->n_sends, n);
	world_free(w);
}

static void c2n(struct world *w, const char *request)
{
	static int n;
	char b64[1024], url[64], rest[1200];
	base64_encode(span_str(request), b64);
	snprintf(url, sizeof(url), "https://unused/machine/c2n/%d", n++);
	snprintf(rest, sizeof(rest), ",\"Types\":\"c2n\",\"Payload\":\"%s\"", b64);
	char json[1600];
	snprintf(json, sizeof(json), "{\"PingRequest\":{\"URL\":\"%s\"%s}}", url, rest);
	map_message(w, json);
}

static void test_c2n(void **state)
{
	struct world *w = polling();
	(void)state;
	c2n(w, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
	assert_true(w->sent_noise);
	assert_string_equal(w->sent_method, "POST");
	const char *got = buf_cstr(&w->sent_body);
	assert_non_null(strstr(got, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(got, "\r\n\r\nhello"));
	c2n(w, "GET /debug/prefs HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(strstr(buf_cstr(&w->sent_body), "{\"Hostname\":\"h\"}"));
	c2n(w, "GET /debug/health HTTP/1.1\r\nHost: x\r\n\r\n"); /* nobody offers it here */
	assert_non_null(strstr(buf_cstr(&w->sent_body), "HTTP/1.1 400"));
	c2n(w, "POST /vip-services HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(strstr(buf_cstr(&w->sent_body), "HTTP/1.1 405"));
	c2n(w, "GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(strstr(buf_cstr(&w->sent_body), "unknown c2n path"));
	c2n(w, "garbage");
	assert_non_null(strstr(buf_cstr(&w->sent_body), "HTTP/1.1 400"));
	world_free(w);
}

static void test_peer_ping(void **state)
{
	struct world *w = polling();
	(void)state;
	ping(w, "https://example.com/p/1", ",\"Types\":\"disco,TSMP\",\"IP\":\"100.64.0.2\"");
	assert_true(w->ping.ticket != 0);
	json_t *pong = j_object();
	j_set_str(pong, "Type", "disco");
	ctl_core_ping_done(w->c, at(w), w->ping.ticket, pong);
	assert_int_equal(w->n_sends, 1);
	assert_string_equal(w->sent_url, "https://example.com/p/1");
	assert_string_equal(buf_cstr(&w->sent_body), "{\"Type\":\"disco\"}");
	/* the server cannot pile them up: only some are asked, and they are given up in time */
	uint64_t last = 0;
	for (int i = 0; i < 20; i++) {
		char url[64];
		snprintf(url, sizeof(url), "https://example.com/q/%d", i);
		ping(w, url, ",\"Types\":\"disco\",\"IP\":\"100.64.0.2\"");
		if (w->ping.ticket != last)
			last = w->ping.ticket;
	}
	uint64_t busy = w->ping.ticket;
	pass_ms(w, (CTL_PING_S + 1) * 1000);
	ctl_core_ping_done(w->c, at(w), busy, j_object());
	assert_int_equal(w->n_sends, 1);
	ping(w, "https://example.com/r", ",\"Types\":\"disco\",\"IP\":\"100.64.0.2\"");
	assert_int_equal(w->ping.ticket > busy, true);
	world_free(w);
}

static void test_bad_url(void **state)
{
	static const char *const bad[] = {
		"",	      "hs.example.com", "ftp://x",	"http://",
		"http://a:0", "http://a b",	"https://[::1", "http://u@h"
	};
	struct machine_priv m = { { 0 } };
	struct disco_key d = { { 1 } };
	struct persist p;
	struct hostinfo h = { 0 };
	(void)state;
	persist_init(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ctl_opts k = { .server_url = bad[i],
				      .machine = &m,
				      .persist = &p,
				      .hostinfo = &h,
				      .disco = &d,
				      .ops = &OPS };
		struct ctl_core_opts o = { .client = &k, .io = &IO };
		const char *why = NULL;
		assert_null(ctl_core_new(&o, &why));
		assert_non_null(why);
	}
	persist_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_login_with_key),
		cmocka_unit_test(test_save_fails),
		cmocka_unit_test(test_restart_uses_stored_key),
		cmocka_unit_test(test_follow_up),
		cmocka_unit_test(test_login_page_must_be_https),
		cmocka_unit_test(test_key_rotation),
		cmocka_unit_test(test_forced_reauth),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_too_old),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_register_times_out),
		cmocka_unit_test(test_key_fetch_fails),
		cmocka_unit_test(test_server_key_changed),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_first_map_is_remembered),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_new_session_replaces_map),
		cmocka_unit_test(test_bad_message_ends_session),
		cmocka_unit_test(test_unknown_node_registers_again),
		cmocka_unit_test(test_deleted_under_open_stream),
		cmocka_unit_test(test_server_trouble_is_waited_for),
		cmocka_unit_test(test_flapping_server),
		cmocka_unit_test(test_exit_is_not_obeyed),
		cmocka_unit_test(test_sleep_is_bounded),
		cmocka_unit_test(test_peer_expires_by_the_clock),
		cmocka_unit_test(test_stopped_inside_callback),
		cmocka_unit_test(test_updates),
		cmocka_unit_test(test_update_fails_and_is_retried),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_link_change),
		cmocka_unit_test(test_logout),
		cmocka_unit_test(test_logout_fails),
		cmocka_unit_test(test_logout_without_login),
		cmocka_unit_test(test_head_ping),
		cmocka_unit_test(test_c2n),
		cmocka_unit_test(test_peer_ping),
		cmocka_unit_test(test_bad_url),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
