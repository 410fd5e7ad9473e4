/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream.c: life of a stream: look up, connect, end. Bytes are in stream_io.c. */
#include "base/stream_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_TIMEOUT_MS = 10000 };

/* What libcurl is told to connect to; CURLOPT_RESOLVE gives it the addresses, so that it never
 * looks a name up by itself, and literals, dial plans and names all go one way. */
static const char dial_name[] = "dial.invalid";

/* ---- end ------------------------------------------------------------------------------- */

static void release(struct stream *s)
{
	loop_timer_cancel(&s->timeout);
	loop_timer_cancel(&s->rest);
	loop_defer_cancel(&s->later);
	resolve_cancel(s->resolve);
	s->resolve = NULL;
	loop_fd_stop(&s->fd);
	if (s->easy) {
		curl_multi_remove_handle(curl_pump_multi(s->pump), s->easy);
		curl_easy_cleanup(s->easy);
		s->easy = NULL;
	}
	curl_pump_free(s->pump);
	s->pump = NULL;
	curl_slist_free_all(s->resolve_list);
	curl_slist_free_all(s->connect_to);
	s->resolve_list = s->connect_to = NULL;
	outq_fini(&s->out);
}

static void free_memory(struct stream *s)
{
	free(s->host);
	free(s->cert_name);
	free(s->proxy);
	curl_free(s->proxy_host);
	free(s);
}

void stream_free(struct stream *s)
{
	if (!s || s->freed)
		return;
	release(s);
	s->state = STREAM_CLOSED;
	s->freed = true;
	if (s->busy == 0)
		free_memory(s);
}

void stream_enter(struct stream *s)
{
	s->busy++;
}

bool stream_leave(struct stream *s)
{
	if (--s->busy == 0 && s->freed) {
		free_memory(s);
		return false;
	}
	return !s->freed;
}

void stream_finish(struct stream *s, int err, const char *text)
{
	if (text != s->text)
		snprintf(s->text, sizeof(s->text), "%s", text);
	release(s);
	s->state = STREAM_CLOSED;
	stream_enter(s);
	s->ops.on_close(s->arg, err, s->text);
	stream_leave(s);
}

/* on_close never comes from inside stream_open. */
static void fail_later(struct stream *s, int err, const char *text)
{
	s->fail_err = err;
	snprintf(s->text, sizeof(s->text), "%s", text);
	loop_defer_arm(&s->later);
}

static void on_later(struct loop_defer *d)
{
	struct stream *s = d->arg;

	if (s->fail_err)
		stream_finish(s, s->fail_err, s->text);
	else
		stream_io_later(s);
}

static void on_timeout(struct loop_timer *t, mono_t now)
{
	(void)now;
	stream_finish(t->arg, -ERR_TIMEOUT, "no connection in time");
}

/* ---- connect --------------------------------------------------------------------------- */

/* libcurl knows only the made-up name; people know the real one. */
static void name_host(const struct stream *s, const char *text, char *out, size_t room)
{
	const char *at = strstr(text, dial_name);

	if (at)
		snprintf(out, room, "%.*s%s%s", (int)(at - text), text, s->host, at + strlen(dial_name));
	else
		snprintf(out, room, "%s", text);
}

static void on_connected(void *arg, CURL *easy, CURLcode code)
{
	struct stream *s = arg;

	(void)easy;
	if (code == CURLE_OK) {
		loop_timer_cancel(&s->timeout);
		stream_io_start(s);
	} else if (s->tls.why) {
		stream_finish(s, -ERR_AUTH, s->tls.why);
	} else {
		char text[sizeof(s->text) + 300];
		name_host(s, s->text[0] ? s->text : curl_easy_strerror(code), text, sizeof(text));
		stream_finish(s, curl_err(code), text);
	}
}

static CURLcode on_ssl_ctx(CURL *easy, void *ctx, void *arg)
{
	(void)easy;
	return tls_client_setup(arg, ctx) < 0 ? CURLE_OUT_OF_MEMORY : CURLE_OK;
}

/* A proxy answers with a head and perhaps a page: not for stdout. */
static size_t swallow(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

static void set_url(struct stream *s)
{
	bool v6 = strchr(s->host, ':') != NULL;
	char *url = xasprintf("%s://%s%s%s:%u/", s->is_tls ? "https" : "http", v6 ? "[" : "",
			      s->host, v6 ? "]" : "", s->port);

	curl_easy_setopt(s->easy, CURLOPT_URL, url);
	free(url);
}

static void set_tls(struct stream *s)
{
	enum stream_verify v = s->tls.verify;

	s->tls.ca_file = s->net->ca_file; /* found by curl_easy_ours */
	s->tls.ca_path = s->net->ca_path;
	curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYPEER,
			 tls_client_curl_checks_chain(v) ? 1L : 0L);
	curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYHOST, tls_client_curl_checks_name(v) ? 2L : 0L);
	curl_easy_setopt(s->easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
	curl_easy_setopt(s->easy, CURLOPT_SSL_CTX_DATA, &s->tls);
}

/* Where to: our addresses, or the proxy's. A proxy that is a literal needs none. */
static void set_addresses(struct stream *s, const struct ip *addrs, size_t n)
{
	char to[64];

	if (s->proxy) {
		if (n > 0)
			s->resolve_list =
			    curl_resolve_entry(s->proxy_host, s->proxy_port, addrs, n);
	} else {
		snprintf(to, sizeof(to), "::%s:%u", dial_name, s->port);
		s->connect_to = curl_slist_append(NULL, to);
		s->resolve_list = curl_resolve_entry(dial_name, s->port, addrs, n);
		curl_easy_setopt(s->easy, CURLOPT_CONNECT_TO, s->connect_to);
	}
	curl_easy_setopt(s->easy, CURLOPT_RESOLVE, s->resolve_list);
}

static void start_connect(struct stream *s, const struct ip *addrs, size_t n)
{
	s->pump = curl_pump_new(s->net->loop, on_connected, s);
	s->easy = s->pump ? curl_easy_ours(s->net, s->proxy) : NULL;
	if (!s->easy) {
		fail_later(s, -ERR_NOMEM, "libcurl cannot start");
		return;
	}
	set_url(s);
	set_tls(s);
	set_addresses(s, addrs, n);
	curl_easy_setopt(s->easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(s->easy, CURLOPT_HTTPPROXYTUNNEL,
			 1L); /* else "connected" means to the proxy */
	curl_easy_setopt(s->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)s->timeout_ms);
	curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, s->text);
	if (curl_multi_add_handle(curl_pump_multi(s->pump), s->easy) != CURLM_OK)
		fail_later(s, -ERR_NOMEM, "libcurl cannot start");
}

static void on_resolved(void *arg, int err, const struct ip *addrs, size_t n)
{
	struct stream *s = arg;
	char text[320];

	s->resolve = NULL;
	if (err == 0) {
		start_connect(s, addrs, n);
		return;
	}
	snprintf(text, sizeof(text), "look-up of %s: %s", s->proxy ? s->proxy_host : s->host,
		 err_text(err));
	stream_finish(s, err, text);
}

static void start_proxy(struct stream *s)
{
	struct ip literal;

	s->proxy_host = curl_url_host(s->proxy, true, &s->proxy_port);
	if (!s->proxy_host)
		fail_later(s, -ERR_SYNTAX, "the proxy in the environment is no URL");
	else if (ip_decode(span_str(s->proxy_host), &literal) == 0)
		start_connect(s, NULL, 0);
	else
		s->resolve = resolve_start(s->net, s->proxy_host, on_resolved, s);
}

static void start(struct stream *s, const struct stream_opts *o)
{
	const char *proxy = o->no_proxy ? NULL : net_proxy_for(o->tls, o->host);

	if (!net_host_ok(o->host)) {
		fail_later(s, -ERR_SYNTAX, "not a host name");
	} else if (proxy) {
		s->proxy = xstrdup(proxy);
		start_proxy(s);
	} else if (o->n_addrs > 0) {
		start_connect(s, o->addrs, o->n_addrs < RESOLVE_MAX ? o->n_addrs : RESOLVE_MAX);
	} else {
		s->resolve = resolve_start(s->net, s->host, on_resolved, s);
	}
}

struct stream *stream_open(struct net *net, const struct stream_opts *o,
			   const struct stream_ops *ops, void *arg)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->net = net;
	s->ops = *ops;
	s->arg = arg;
	s->host = xstrdup(o->host);
	s->port = o->port;
	s->is_tls = o->tls;
	s->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : DEFAULT_TIMEOUT_MS;
	s->out.max = STREAM_QUEUE_MAX;
	str_set(&s->cert_name, o->cert_name);
	s->tls =
	    (struct tls_client){ .verify = o->verify, .host = s->host, .cert_name = s->cert_name };
	memcpy(s->tls.sha256, o->cert_sha256, sizeof(s->tls.sha256));
	loop_timer_init(net->loop, &s->timeout, on_timeout, s);
	loop_timer_init(net->loop, &s->rest, stream_io_on_rest, s);
	loop_defer_init(net->loop, &s->later, on_later, s);
	loop_timer_arm_ms(&s->timeout, s->timeout_ms);
	start(s, o);
	return s;
}

void stream_set_queue_max(struct stream *s, size_t bytes)
{
	s->out.max = bytes < STREAM_QUEUE_MAX ? bytes : STREAM_QUEUE_MAX;
}

void stream_set_gather_us(struct stream *s, unsigned us)
{
	s->gather_ns = (int64_t)us * 1000;
}

size_t stream_queued(const struct stream *s)
{
	return outq_pending(&s->out).len;
}

struct ep stream_local(const struct stream *s)
{
	return s->local;
}

struct ep stream_remote(const struct stream *s)
{
	return s->remote;
}

void stream_proved(struct stream *s)
{
	if (!s->proxy)
		net_note_good(s->net, s->host, s->remote.ip);
}
