/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/serve.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/fs.h"
#include "base/log.h"
#include "daemon/coordinator/admin.h"
#include "daemon/coordinator/admin_io.h"
#include "daemon/coordinator/http_front.h"
#include "daemon/coordinator/mapgen.h"
#include "daemon/coordinator/node_conn.h"
#include "daemon/coordinator/pings.h"
#include "daemon/coordinator/relay_io.h"
#include "daemon/coordinator/stun_io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define STATE_FILE "meshcoord.json"
#define CERT_FILE "relay.crt"
#define KEY_FILE "relay.key"

struct server {
	struct coord coord;
	int lock; /* the state folder, held as long as we run */
	struct conn_tls *tls;
	bool self_signed;
	struct listener *listener;
	struct stun_server *stun;
	struct admin_server *admin;
	struct loop_signal *term, *intr;
};

static char *in_dir(const struct coord_conf *conf, const char *name)
{
	return xasprintf("%s/%s", conf->state_dir, name);
}

bool url_split(const char *url, char **host, uint16_t *port)
{
	bool tls = strncmp(url, "https://", 8) == 0;
	const char *at = tls ? url + 8 : url + 7, *end;
	bool v6 = *at == '[';
	uint64_t p = tls ? 443 : 80;

	if (!tls && strncmp(url, "http://", 7) != 0)
		return false;
	at = tls ? url + 8 : url + 7;
	v6 = *at == '[';
	end = v6 ? strchr(at, ']') : at + strcspn(at, ":/");
	if (!end || end == at)
		return false;
	*host = xstrndup(at + v6, (size_t)(end - at) - v6);
	end += v6;
	if ((*end == ':' && u64_decode(span_str(end + 1), 65535, &p) < 0) ||
	    (*end && *end != ':') || !p || strpbrk(*host, "/?#@ ")) {
		free(*host);
		*host = NULL;
		return false;
	}
	*port = (uint16_t)p;
	return true;
}

/* ---- state ---- */

/* Before the state is read: a second server would write back what the first has changed since. */
static bool lock_state_dir(struct server *s)
{
	const char *dir = s->coord.conf->state_dir;

	if (fs_mkdir(dir, 0700) == 0)
		s->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0) {
		log_error("serve: %s: %s", dir, strerror(errno));
		return false;
	}
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	log_error("serve: %s: another meshcoord runs with this --state", dir);
	return false;
}

static bool load_state(struct server *s, const char *path)
{
	struct coord *c = &s->coord;
	struct j_error err = { "" };
	struct buf text;
	int rc;

	buf_init(&text, STATE_FILE_MAX);
	text.secret = true;
	rc = fs_read(path, &text);
	if (rc == 0)
		rc = coord_state_decode(&c->st, buf_span(&text), &err);
	buf_fini(&text);
	if (rc == 0 || rc == -ERR_NOENT)
		return true;
	log_error("serve: %s: %s; nothing was changed", path, *err.text ? err.text : err_text(rc));
	return false;
}

static void encode_state(void *arg, struct buf *out)
{
	struct coord *c = arg;

	coord_state_encode(&c->st, out);
}

/* A first write at start tells at once whether the folder can be written at all. */
static bool open_state(struct server *s)
{
	struct coord *c = &s->coord;
	char *path = in_dir(c->conf, STATE_FILE);
	struct buf text;
	bool ok = load_state(s, path);
	int rc = 0;

	if (ok) {
		buf_init(&text, STATE_FILE_MAX);
		text.secret = true;
		coord_state_encode(&c->st, &text);
		rc = fs_write_atomic(path, buf_span(&text), 0600);
		buf_fini(&text);
		if (rc < 0)
			log_error(
			    "serve: %s cannot be written: %s; give --state a folder of your own",
			    path, strerror(errno));
		else
			c->store = store_new(c->loop, path, encode_state, c);
	}
	free(path);
	return ok && rc == 0;
}

/* ---- policy ---- */

static bool check_policy(struct server *s, struct span text, const char *where)
{
	struct policy_error err;

	s->coord.policy = policy_parse(text, &err);
	if (!s->coord.policy)
		log_error("serve: %s: %s", where, err.text);
	return s->coord.policy != NULL;
}

static bool load_policy(struct server *s)
{
	struct coord *c = &s->coord;
	struct buf text;
	bool ok;
	int rc;

	if (!c->conf->policy_file)
		return !c->st.policy ||
		       check_policy(s, span_str(c->st.policy), "the stored policy");
	buf_init(&text, POLICY_TEXT_MAX);
	rc = fs_read(c->conf->policy_file, &text);
	ok = rc == 0 && check_policy(s, buf_span(&text), c->conf->policy_file);
	if (rc < 0)
		log_error("serve: %s: %s", c->conf->policy_file, err_text(rc));
	if (ok)
		str_set(&c->st.policy, buf_cstr(&text));
	buf_fini(&text);
	return ok;
}

/* ---- names ---- */

static bool check_dns(struct server *s, struct span text, const char *where)
{
	struct coord *c = &s->coord;
	struct j_error err = { "" };

	c->dns = dns_conf_parse(text, c->conf->base_domain, &err);
	if (!c->dns)
		log_error("serve: %s: %s", where, err.text);
	return c->dns != NULL;
}

static bool load_dns(struct server *s)
{
	struct coord *c = &s->coord;
	struct buf text;
	bool ok;
	int rc;

	if (!c->conf->dns_file)
		return check_dns(s, span_str(c->st.dns ? c->st.dns : ""),
				 "the stored DNS settings");
	buf_init(&text, DNS_CONF_MAX);
	rc = fs_read(c->conf->dns_file, &text);
	ok = rc == 0 && check_dns(s, buf_span(&text), c->conf->dns_file);
	if (rc < 0)
		log_error("serve: %s: %s", c->conf->dns_file, err_text(rc));
	if (ok)
		str_set(&c->st.dns, buf_cstr(&text));
	buf_fini(&text);
	return ok;
}

/* ---- TLS ---- */

/* The certificate is kept as long as it is for the right name: clients pin it. */
static bool make_cert(struct server *s, const char *cert, const char *key)
{
	struct coord *c = &s->coord;
	const char *why;

	if (c->st.cert_name && strcmp(c->st.cert_name, c->conf->host) == 0) {
		s->tls = conn_tls_load(cert, key, &why);
		if (s->tls)
			return true;
		log_warn("serve: %s: %s; a new one is made", cert, why);
	}
	if (conn_tls_make(c->conf->host, cert, key) < 0) {
		log_error("serve: cannot make a certificate in %s: %s", c->conf->state_dir,
			  strerror(errno));
		return false;
	}
	str_set(&c->st.cert_name, c->conf->host);
	store_touch(c->store);
	s->tls = conn_tls_load(cert, key, &why);
	if (!s->tls)
		log_error("serve: %s: %s", cert, why);
	return s->tls != NULL;
}

static bool open_tls(struct server *s)
{
	const struct coord_conf *conf = s->coord.conf;
	char *cert, *key;
	const char *why;
	bool ok;

	if (conf->tls_cert) {
		s->tls = conn_tls_load(conf->tls_cert, conf->tls_key, &why);
		if (!s->tls)
			log_error("serve: %s: %s", conf->tls_cert, why);
		return s->tls != NULL;
	}
	s->self_signed = true;
	cert = in_dir(conf, CERT_FILE);
	key = in_dir(conf, KEY_FILE);
	ok = make_cert(s, cert, key);
	free(cert);
	free(key);
	return ok;
}

/* ---- sockets ---- */

static json_t *derp_map(const struct server *s)
{
	const struct coord_conf *conf = s->coord.conf;
	struct map_relay relay = { conf->host, conf->port, -1, NULL };
	char pin[80] = "sha256-raw:";
	uint8_t hash[32];

	if (ep_is_set(conf->stun))
		relay.stun_port = conf->stun.port;
	if (s->self_signed) {
		conn_tls_sha256(s->tls, hash);
		hex_encode(span_of(hash, sizeof(hash)), pin + strlen(pin));
		relay.cert_name = pin;
	}
	return map_derp(&relay);
}

/* Only nodes of this network may use its relay. */
static bool admit(void *arg, const struct node_key *key)
{
	struct coord *c = arg;
	const struct node *n = registry_node_by_key(&c->st.reg, key);

	return n && !node_expired(n, wall_now());
}

static bool open_sockets(struct server *s)
{
	struct coord *c = &s->coord;
	char text[EP_TEXT_MAX], *path;
	int err;

	s->listener = listener_new(c->loop, c->conf->listen, s->tls, http_front_accept, c);
	if (!s->listener) {
		log_error("serve: cannot listen on %s: %s", ep_encode(c->conf->listen, text),
			  strerror(errno));
		return false;
	}
	if (ep_is_set(c->conf->stun)) {
		s->stun = stun_server_new(c->loop, c->conf->stun, &c->faults.no_stun);
		if (!s->stun) {
			log_error("serve: cannot listen on UDP %s: %s (--stun off does without)",
				  ep_encode(c->conf->stun, text), strerror(errno));
			return false;
		}
	}
	path = in_dir(c->conf, ADMIN_SOCKET);
	s->admin = admin_server_new(c, path, &err);
	if (!s->admin)
		log_error("serve: %s: %s", path,
			  err == -ERR_BUSY ? "another meshcoord runs with this --state"
					   : strerror(errno));
	free(path);
	return s->admin != NULL;
}

/* ---- run ---- */

static void on_signal(void *arg, int signum)
{
	struct coord *c = arg;

	log_info("serve: signal %d, stopping", signum);
	loop_stop(c->loop);
}

/* Keys of the whole network are in here: no core file, no debugger of the same user. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	/* each node holds two or three connections */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
}

static void server_init(struct server *s, const struct coord_conf *conf)
{
	struct coord *c = &s->coord;

	s->lock = -1;
	c->loop = loop_new();
	c->rng = rng_system();
	c->conf = conf;
	coord_state_init(&c->st, c->rng);
	logins_init(&c->logins);
	list_init(&c->fronts);
	list_init(&c->conns);
	list_init(&c->map_sessions);
	list_init(&c->reg_waits);
	list_init(&c->pings);
	store_wait_init(&c->told);
}

static bool server_start(struct server *s)
{
	struct coord *c = &s->coord;
	char text[EP_TEXT_MAX];

	if (!lock_state_dir(s) || !open_state(s) || !load_policy(s) || !load_dns(s) ||
	    !open_tls(s))
		return false;
	c->derp_map = derp_map(s);
	c->relay = relay_server_new(c->loop, &c->st.derp_key, c->rng, admit, c);
	coord_start(c);
	if (!open_sockets(s))
		return false;
	s->term = loop_signal_new(c->loop, SIGTERM, on_signal, c);
	s->intr = loop_signal_new(c->loop, SIGINT, on_signal, c);
	log_info("serve: ready at %s, listening on %s", c->conf->url,
		 ep_encode(listener_addr(s->listener), text));
	return true;
}

static void server_stop(struct server *s)
{
	struct coord *c = &s->coord;

	loop_signal_free(s->term);
	loop_signal_free(s->intr);
	pings_stop(c);
	if (c->store)
		store_drain(c->store); /* answers who waits for the disk */
	admin_server_free(s->admin);
	stun_server_free(s->stun);
	listener_free(s->listener);
	http_fronts_close(c);
	node_conns_close(c);
	coord_stop(c);
	relay_server_free(c->relay);
	store_free(c->store);
	if (s->lock >= 0)
		close(s->lock);
	conn_tls_free(s->tls);
	policy_free(c->policy);
	logins_fini(&c->logins);
	j_free(c->derp_map);
	j_free(c->dns);
	j_free(c->dns_override);
	j_free(c->filter_override);
	coord_state_fini(&c->st);
	loop_free(c->loop);
}

int serve(struct coord_conf *conf)
{
	struct server s = { 0 };
	bool ok;

	harden();
	if (crypto_init() < 0) {
		log_error("serve: the cryptographic library does not start");
		return 1;
	}
	server_init(&s, conf);
	ok = server_start(&s);
	if (ok)
		loop_run(s.coord.loop);
	server_stop(&s);
	return ok ? 0 : 1;
}
