/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve.c: requests and their channel. A channel is one c-ares instance with one set of name
 * servers; when those change, a new channel is made and the old one ends with its last look-up. */
#include "base/resolve.h"
#include "base/log.h"
#include "base/net_priv.h"
#include "base/sockaddr.h"

#include <ares.h>

#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* 0.8 s, 1.6 s, 3.2 s: an answer within the ten seconds a connection may take. Where an address is
 * known that worked, no more than PATIENCE_MS of them are spent on asking. */
enum {
	MAX_IN_FLIGHT = 64,
	QUERY_TIMEOUT_MS = 800,
	QUERY_TRIES = 3,
	PATIENCE_MS = 3000,
	SERVERS_MAX = 16,
	SERVER_TEXT_MAX = 96,
};

struct channel {
	struct list link;
	struct net *net;
	ares_channel ares;
	struct list watches;
	struct loop_timer timer;
	struct loop_defer reap;
	struct link_local {
		struct ip ip;
		unsigned scope;
	} link_local[SERVERS_MAX]; /* servers for which c-ares has no place for the interface */
	size_t n_link_local;
	unsigned n_queries;
	bool retired;
	bool no_servers;
};

struct watch {
	struct list link;
	struct loop_fd fd;
	struct channel *ch;
};

struct resolver {
	struct net *net;
	struct channel *current; /* NULL until the next look-up */
	struct list channels;	 /* the current one and those that end */
	struct list requests;	 /* every one that lives */
	struct timespec conf_time;
	ino_t conf_ino;
	unsigned in_flight;
};

struct resolve_req {
	struct list link;
	struct resolver *resolver;
	struct channel *ch; /* while c-ares has it */
	struct loop_defer done;
	struct loop_timer patience; /* then what worked before is used */
	const char *name;	    /* in the same allocation */
	bool settled;		    /* err and addrs stand, whatever c-ares says later */
	resolve_fn *fn; /* NULL once cancelled or called */
	void *arg;
	int err;
	struct ip addrs[RESOLVE_MAX];
	size_t n;
};

/* ---- sockets: close-on-exec, marked unless the server is on loopback --------------------- */

static ares_socket_t sock_open(int family, int type, int protocol, void *arg)
{
	(void)arg;
	return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int sock_close(ares_socket_t s, void *arg)
{
	(void)arg;
	return close(s);
}

static unsigned scope_of(const struct channel *ch, struct ip ip)
{
	for (size_t i = 0; i < ch->n_link_local; i++)
		if (ip_eq(ch->link_local[i].ip, ip))
			return ch->link_local[i].scope;
	return 0;
}

static int sock_connect(ares_socket_t s, const struct sockaddr *sa, ares_socklen_t len, void *arg)
{
	struct channel *ch = arg;
	struct ip to = sockaddr_to_ep(sa).ip;
	struct sockaddr_in6 scoped;

	net_mark_to(ch->net, s, to);
	if (sa->sa_family != AF_INET6 || len != sizeof(scoped) || !scope_of(ch, to))
		return connect(s, sa, len);
	memcpy(&scoped, sa, sizeof(scoped));
	scoped.sin6_scope_id = scope_of(ch, to);
	return connect(s, (const struct sockaddr *)&scoped, sizeof(scoped));
}

static ares_ssize_t sock_recv(ares_socket_t s, void *p, size_t len, int flags,
			      struct sockaddr *from, ares_socklen_t *from_len, void *arg)
{
	(void)arg;
	return recvfrom(s, p, len, flags, from, from_len);
}

static ares_ssize_t sock_send(ares_socket_t s, const struct iovec *iov, int n, void *arg)
{
	(void)arg;
	return writev(s, iov, n);
}

static const struct ares_socket_functions socket_functions = { sock_open, sock_close, sock_connect,
							       sock_recv, sock_send };

/* ---- a channel on the loop --------------------------------------------------------------- */

static void arm_timer(struct channel *ch)
{
	struct timeval tv;

	if (!ares_timeout(ch->ares, NULL, &tv))
		loop_timer_cancel(&ch->timer);
	else
		loop_timer_arm_ms(&ch->timer, tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct channel *ch = t->arg;

	(void)now;
	ares_process_fd(ch->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm_timer(ch);
}

static void on_socket(struct loop_fd *fd, int events)
{
	struct watch *w = fd->arg;
	struct channel *ch = w->ch;
	int s = fd->fd;

	/* may free w */
	ares_process_fd(ch->ares, events & LOOP_READ ? s : ARES_SOCKET_BAD,
			events & LOOP_WRITE ? s : ARES_SOCKET_BAD);
	arm_timer(ch);
}

static struct watch *watch_find(struct channel *ch, int fd)
{
	LIST_EACH (it, &ch->watches) {
		struct watch *w = LIST_ENTRY(it, struct watch, link);

		if (w->fd.fd == fd)
			return w;
	}
	return NULL;
}

static void on_sock_state(void *arg, ares_socket_t s, int readable, int writable)
{
	struct channel *ch = arg;
	struct watch *w = watch_find(ch, s);
	int events = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);

	if (!events) {
		if (w) {
			loop_fd_stop(&w->fd);
			list_remove(&w->link);
			free(w);
		}
		return;
	}
	if (!w) {
		w = xcalloc(1, sizeof(*w));
		w->ch = ch;
		list_init(&w->link);
		list_push_back(&ch->watches, &w->link);
	}
	if (loop_fd_start(net_loop(ch->net), &w->fd, s, events, on_socket, w) < 0)
		log_warn("resolve: cannot watch a socket"); /* its queries run into their timeout */
	w->fd.fd = s;
}

static void channel_free(struct channel *ch)
{
	ares_destroy(ch->ares); /* ends what is pending */
	loop_timer_cancel(&ch->timer);
	loop_defer_cancel(&ch->reap);
	list_remove(&ch->link);
	free(ch);
}

static void on_reap(struct loop_defer *d)
{
	channel_free(d->arg);
}

/* ---- whom to ask ------------------------------------------------------------------------- */

/* 100.100.100.100 and fd7a:115c:a1e0::53: this node itself, or another agent of its kind. What we
 * look up is needed before these can answer. */
static bool is_service(const struct ares_addr_port_node *s)
{
	return ip_is_service(ip_from_bytes(span_of(&s->addr, s->family == AF_INET ? 4 : 16)));
}

static int use_system_servers(struct channel *ch)
{
	struct ares_addr_port_node *all = NULL, keep[SERVERS_MAX];
	size_t n = 0;
	int rc = ares_get_servers_ports(ch->ares, &all);

	for (const struct ares_addr_port_node *s = all; rc == ARES_SUCCESS && s; s = s->next) {
		if (n == SERVERS_MAX || is_service(s))
			continue;
		keep[n] = *s;
		keep[n].next = NULL;
		if (n > 0)
			keep[n - 1].next = &keep[n];
		n++;
	}
	if (rc == ARES_SUCCESS)
		rc = ares_set_servers_ports(ch->ares, n ? keep : NULL);
	ares_free_data(all);
	return rc;
}

/* "[fe80::1%eth0]:53" without its interface, which is noted; false: there is no such interface. */
static bool without_scope(struct channel *ch, struct span text, char out[static SERVER_TEXT_MAX])
{
	char name[IF_NAMESIZE];
	const uint8_t *at = memchr(text.p, '%', text.len);
	const uint8_t *end = memchr(text.p, ']', text.len);
	struct ip ip;

	if (!at || !end || at > end || text.len >= SERVER_TEXT_MAX) {
		snprintf(out, SERVER_TEXT_MAX, "%.*s", (int)text.len, (const char *)text.p);
		return text.len < SERVER_TEXT_MAX;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(end - at - 1), (const char *)at + 1);
	snprintf(out, SERVER_TEXT_MAX, "%.*s%.*s", (int)(at - text.p), (const char *)text.p,
		 (int)(text.p + text.len - end), (const char *)end);
	if (ip_decode(span_of(text.p + 1, (size_t)(at - text.p) - 1), &ip) != 0 ||
	    ch->n_link_local == SERVERS_MAX || !if_nametoindex(name))
		return false;
	ch->link_local[ch->n_link_local++] = (struct link_local){ ip, if_nametoindex(name) };
	return true;
}

static int use_servers(struct channel *ch, const char *list)
{
	struct span rest = span_str(list);
	struct buf csv;
	int rc;

	buf_init(&csv, SERVERS_MAX * SERVER_TEXT_MAX);
	while (rest.len) {
		char one[SERVER_TEXT_MAX];
		const uint8_t *comma = memchr(rest.p, ',', rest.len);
		size_t n = comma ? (size_t)(comma - rest.p) : rest.len;

		if (without_scope(ch, span_of(rest.p, n), one))
			buf_fmt(&csv, "%s%s", csv.len ? "," : "", one);
		rest = span_from(rest, n + (comma != NULL));
	}
	rc = csv.len ? ares_set_servers_ports_csv(ch->ares, buf_cstr(&csv))
		     : ares_set_servers_ports(ch->ares, NULL);
	buf_fini(&csv);
	return rc;
}

/* lookups: f for files, b for name servers. */
static int ares_start(struct channel *ch, const char *lookups)
{
	struct ares_options o = { .flags = ARES_FLAG_NOSEARCH,
				  .timeout = QUERY_TIMEOUT_MS,
				  .tries = QUERY_TRIES,
				  .lookups = (char *)(uintptr_t)lookups,
				  .sock_state_cb = on_sock_state,
				  .sock_state_cb_data = ch };
	int rc = ares_init_options(&ch->ares, &o,
				   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
				       ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);

	if (rc == ARES_SUCCESS)
		ares_set_socket_functions(ch->ares, &socket_functions, ch);
	return rc;
}

/* Without a server to ask there are still files; c-ares must not try, and forgets memory if it
 * does. */
static int use_no_servers(struct channel *ch)
{
	ares_destroy(ch->ares);
	ch->ares = NULL;
	ch->no_servers = true;
	return ares_start(ch, "f");
}

static bool has_servers(const struct channel *ch)
{
	struct ares_addr_port_node *all = NULL;
	bool some = ares_get_servers_ports(ch->ares, &all) == ARES_SUCCESS && all;

	ares_free_data(all);
	return some;
}

static struct channel *channel_new(struct net *n)
{
	struct channel *ch = xcalloc(1, sizeof(*ch));
	int rc;

	ch->net = n;
	list_init(&ch->link);
	list_init(&ch->watches);
	loop_timer_init(n->loop, &ch->timer, on_timer, ch);
	loop_defer_init(n->loop, &ch->reap, on_reap, ch);
	rc = ares_start(ch, "fb");
	if (rc == ARES_SUCCESS)
		rc = n->dns_servers ? use_servers(ch, n->dns_servers) : use_system_servers(ch);
	if (rc == ARES_SUCCESS && !has_servers(ch))
		rc = use_no_servers(ch);
	if (rc != ARES_SUCCESS) {
		if (ch->ares)
			ares_destroy(ch->ares);
		free(ch);
		return NULL;
	}
	return ch;
}

/* c-ares must not be destroyed inside its own callback. */
static void channel_release(struct channel *ch)
{
	if (--ch->n_queries == 0 && ch->retired)
		loop_defer_arm(&ch->reap);
}

/* ---- the resolver ------------------------------------------------------------------------ */

static struct resolver *resolver_of(struct net *n)
{
	if (!n->resolver) {
		n->resolver = xcalloc(1, sizeof(*n->resolver));
		n->resolver->net = n;
		list_init(&n->resolver->channels);
		list_init(&n->resolver->requests);
		ares_library_init(ARES_LIB_INIT_ALL);
	}
	return n->resolver;
}

void resolver_refresh(struct resolver *r)
{
	struct channel *ch = r->current;

	r->current = NULL;
	if (!ch)
		return;
	ch->retired = true;
	if (ch->n_queries == 0)
		loop_defer_arm(&ch->reap);
}

static void refresh_if_conf_changed(struct resolver *r)
{
	struct stat st;

	if (r->net->dns_servers || stat("/etc/resolv.conf", &st) < 0)
		return;
	if (st.st_ino == r->conf_ino && st.st_mtim.tv_sec == r->conf_time.tv_sec &&
	    st.st_mtim.tv_nsec == r->conf_time.tv_nsec)
		return;
	r->conf_ino = st.st_ino;
	r->conf_time = st.st_mtim;
	resolver_refresh(r);
}

static struct channel *channel_now(struct resolver *r)
{
	refresh_if_conf_changed(r);
	if (!r->current) {
		r->current = channel_new(r->net);
		if (r->current)
			list_push_back(&r->channels, &r->current->link);
	}
	return r->current;
}

static void req_free(struct resolve_req *r)
{
	list_remove(&r->link);
	loop_defer_cancel(&r->done);
	loop_timer_cancel(&r->patience);
	free(r);
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	/* every request is cancelled by now; those c-ares still has end with their channel */
	LIST_EACH (it, &r->requests) {
		struct resolve_req *q = LIST_ENTRY(it, struct resolve_req, link);

		resolve_cancel(q);
	}
	LIST_EACH (it, &r->channels)
		channel_free(LIST_ENTRY(it, struct channel, link));
	ares_library_cleanup();
	free(r);
}

/* ---- requests ---------------------------------------------------------------------------- */

static void on_done(struct loop_defer *d)
{
	struct resolve_req *r = d->arg;
	resolve_fn *fn = r->fn;
	bool over = !r->ch; /* else it is freed when c-ares gives it back */

	r->fn = NULL;
	list_remove(&r->link);
	fn(r->arg, r->err, r->addrs, r->n);
	if (over)
		req_free(r);
}

/* Those of a host that once proved who it is, last: a name server may lie, or know only addresses
 * that do not answer. */
static void add_good(struct resolve_req *r)
{
	const struct good_host *h = good_addrs_find(&r->resolver->net->good, r->name);

	for (size_t i = 0; h && i < h->n && r->n < RESOLVE_MAX; i++) {
		size_t k = 0;

		while (k < r->n && !ip_eq(r->addrs[k], h->addrs[i]))
			k++;
		if (k == r->n)
			r->addrs[r->n++] = h->addrs[i];
	}
}

static void finish_later(struct resolve_req *r, int err)
{
	r->settled = true;
	if (err)
		r->n = 0;
	add_good(r);
	r->err = r->n ? 0 : err;
	loop_timer_cancel(&r->patience);
	loop_defer_arm(&r->done);
}

static void on_patience(struct loop_timer *t, mono_t now)
{
	struct resolve_req *r = t->arg;

	(void)now;
	finish_later(r, -ERR_TIMEOUT);
}

static void take_addresses(struct resolve_req *r, const struct ares_addrinfo *ai)
{
	for (const struct ares_addrinfo_node *n = ai->nodes; n && r->n < RESOLVE_MAX;
	     n = n->ai_next) {
		struct ip ip = sockaddr_to_ep(n->ai_addr).ip;

		if (ip_is_set(ip))
			r->addrs[r->n++] = ip;
	}
}

static int err_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME:
		return -ERR_NOENT;
	case ARES_ETIMEOUT:
		return -ERR_TIMEOUT;
	default:
		return -ERR_IO;
	}
}

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct resolve_req *r = arg;
	struct channel *ch = r->ch;
	int err = err_of(status);

	(void)timeouts;
	if (ch->no_servers && err == -ERR_NOENT)
		err = -ERR_IO; /* nobody knows whether it is there */
	if (ai && r->fn && !r->settled)
		take_addresses(r, ai);
	ares_freeaddrinfo(ai);
	r->ch = NULL;
	r->resolver->in_flight--;
	if (!r->fn)
		req_free(r);
	else if (!r->settled)
		finish_later(r, status == ARES_SUCCESS && r->n == 0 ? -ERR_NOENT : err);
	if (status != ARES_EDESTRUCTION)
		channel_release(ch);
}

/* Addresses that need no query. */
static bool answer_here(struct resolve_req *r, const char *name)
{
	static const struct ip v6_loopback = { IP_V6, { [15] = 1 } };
	size_t len = strlen(name);

	if (ip_decode(span_str(name), &r->addrs[0]) == 0) {
		r->n = 1;
		return true;
	}
	if (strcasecmp(name, "localhost") == 0 ||
	    (len > 10 && strcasecmp(name + len - 10, ".localhost") == 0)) {
		r->addrs[0] = ip_v4(127, 0, 0, 1);
		r->addrs[1] = v6_loopback;
		r->n = 2;
		return true;
	}
	return false;
}

static void query(struct resolve_req *r, const char *name)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct channel *ch = channel_now(r->resolver);

	if (!ch) {
		finish_later(r, -ERR_IO);
		return;
	}
	r->ch = ch;
	r->resolver->in_flight++;
	ch->n_queries++;
	if (good_addrs_find(&ch->net->good, name))
		loop_timer_arm_ms(&r->patience, PATIENCE_MS);
	ares_getaddrinfo(ch->ares, name, NULL, &hints, on_addrinfo, r);
	arm_timer(ch);
}

struct resolve_req *resolve_start(struct net *n, const char *name, resolve_fn *fn, void *arg)
{
	struct resolver *rs = resolver_of(n);
	size_t len = strlen(name);
	struct resolve_req *r = xcalloc(1, sizeof(*r) + len + 1);

	memcpy(r + 1, name, len);
	r->name = (const char *)(r + 1);
	r->resolver = rs;
	r->fn = fn;
	r->arg = arg;
	list_init(&r->link);
	list_push_back(&rs->requests, &r->link);
	loop_defer_init(n->loop, &r->done, on_done, r);
	loop_timer_init(n->loop, &r->patience, on_patience, r);
	if (answer_here(r, name))
		finish_later(r, 0);
	else if (!net_host_ok(name))
		finish_later(r, -ERR_NOENT);
	else if (rs->in_flight >= MAX_IN_FLIGHT)
		finish_later(r, -ERR_BUSY);
	else
		query(r, name);
	return r;
}

void resolve_cancel(struct resolve_req *r)
{
	if (!r)
		return;
	r->fn = NULL;
	loop_defer_cancel(&r->done);
	loop_timer_cancel(&r->patience);
	if (!r->ch)
		req_free(r); /* else when c-ares gives it back */
}
