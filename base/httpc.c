/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/httpc.h"
#include "base/net_curl.h"
#include "base/net_priv.h"
#include "base/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum {
	HEADERS_MAX = 65536,
	DEFAULT_TIMEOUT_MS = 30000,
	IDLE_CONNECTIONS = 4,
	HOST_CONNECTIONS = 16, /* to one host at a time; more requests wait */
};

struct httpc_req {
	struct net *net;
	struct curl_pump *pump;
	httpc_fn *fn;
	void *arg;
	bool over; /* fn is being called */

	char *proxy;
	char *name; /* what is looked up: the host or the proxy's */
	uint16_t port;
	struct resolve_req *resolve;
	CURL *easy;
	bool added; /* the multi handle has easy */
	bool public_only;
	struct curl_slist *headers;
	struct curl_slist *resolve_list;
	struct loop_timer timeout;
	struct loop_defer fail;
	int fail_err;

	struct buf body;
	size_t header_bytes;
	bool too_big;
	int64_t retry_after_s;
	char text[CURL_ERROR_SIZE];
};

/* ---- end ------------------------------------------------------------------------------- */

static void release(struct httpc_req *r)
{
	loop_timer_cancel(&r->timeout);
	loop_defer_cancel(&r->fail);
	resolve_cancel(r->resolve);
	if (r->added)
		curl_multi_remove_handle(curl_pump_multi(r->pump), r->easy);
	curl_easy_cleanup(r->easy);
	curl_slist_free_all(r->headers);
	curl_slist_free_all(r->resolve_list);
	curl_free(r->name);
	free(r->proxy);
	buf_fini(&r->body);
	free(r);
}

static void answer(struct httpc_req *r, const struct httpc_answer *a)
{
	r->over = true;
	r->fn(r->arg, a);
	release(r);
}

static void fail(struct httpc_req *r, int err, const char *text)
{
	answer(r, &(struct httpc_answer){
			  .err = err, .text = text, .content_type = "", .retry_after_s = -1 });
}

void httpc_cancel(struct httpc_req *r)
{
	if (r && !r->over)
		release(r);
}

/* fn never runs inside httpc_start. */
static void fail_later(struct httpc_req *r, int err, const char *text)
{
	r->fail_err = err;
	snprintf(r->text, sizeof(r->text), "%s", text);
	loop_defer_arm(&r->fail);
}

static void on_fail(struct loop_defer *d)
{
	struct httpc_req *r = d->arg;

	fail(r, r->fail_err, r->text);
}

static void on_timeout(struct loop_timer *t, mono_t now)
{
	(void)now;
	fail(t->arg, -ERR_TIMEOUT, "no answer in time");
}

static void on_done(void *arg, CURL *easy, CURLcode code)
{
	struct httpc_req *r = NULL;
	char *type = NULL;
	long status = 0;

	(void)arg;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&r);
	if (r->too_big || !buf_ok(&r->body)) {
		fail(r, -ERR_TOOBIG, "answer too large");
		return;
	}
	if (code != CURLE_OK) {
		fail(r, curl_err(code), r->text[0] ? r->text : curl_easy_strerror(code));
		return;
	}
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
	answer(r, &(struct httpc_answer){ .status = (int)status,
					  .body = buf_span(&r->body),
					  .text = "",
					  .content_type = type ? type : "",
					  .retry_after_s = r->retry_after_s });
}

/* ---- what comes in --------------------------------------------------------------------- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct httpc_req *r = arg;

	buf_add(&r->body, p, size * n);
	return buf_ok(&r->body) ? size * n : 0;
}

/* Seconds, or an HTTP date. */
static int64_t parse_retry_after(struct span v)
{
	char text[64];
	uint64_t s;
	time_t at;

	while (v.len > 0 && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = span_from(v, 1);
	while (v.len > 0 && strchr(" \t\r\n", v.p[v.len - 1]))
		v.len--;
	if (u64_decode(v, INT32_MAX, &s) == 0)
		return (int64_t)s;
	if (v.len == 0 || v.len >= sizeof(text))
		return -1;
	memcpy(text, v.p, v.len);
	text[v.len] = '\0';
	at = curl_getdate(text, NULL);
	if (at < 0)
		return -1;
	return at > wall_now().s ? at - wall_now().s : 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char name[] = "retry-after:";
	struct httpc_req *r = arg;
	size_t len = size * n;

	r->header_bytes += len;
	if (r->header_bytes > HEADERS_MAX) {
		r->too_big = true;
		return 0;
	}
	if (len > sizeof(name) - 1 && strncasecmp(p, name, sizeof(name) - 1) == 0)
		r->retry_after_s = parse_retry_after(span_from(span_of(p, len), sizeof(name) - 1));
	return len;
}

/* ---- start ------------------------------------------------------------------------------ */

/* Connections live in a pump, and keep the mark they were opened with. */
static struct curl_pump *pump_for(struct net *n, bool no_mark)
{
	struct curl_pump **p = no_mark ? &n->http_unmarked : &n->http;

	if (*p)
		return *p;
	*p = curl_pump_new(n->loop, on_done, n);
	if (!*p)
		return NULL;
	curl_multi_setopt(curl_pump_multi(*p), CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
	curl_multi_setopt(curl_pump_multi(*p), CURLMOPT_MAX_HOST_CONNECTIONS,
			  (long)HOST_CONNECTIONS);
	return *p;
}

static int set_method(struct httpc_req *r, const struct httpc_opts *o)
{
	if (strcmp(o->method, "GET") == 0) {
		curl_easy_setopt(r->easy, CURLOPT_HTTPGET, 1L);
	} else if (strcmp(o->method, "HEAD") == 0) {
		curl_easy_setopt(r->easy, CURLOPT_NOBODY, 1L);
	} else if (strcmp(o->method, "POST") == 0) {
		curl_easy_setopt(r->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body.len);
		curl_easy_setopt(r->easy, CURLOPT_COPYPOSTFIELDS,
				 o->body.p ? (const char *)o->body.p : "");
	} else {
		return -ERR_UNSUPPORTED;
	}
	return 0;
}

static void set_headers(struct httpc_req *r, const struct httpc_opts *o)
{
	char *type = xasprintf("Content-Type:%s%s", o->content_type ? " " : "",
			       o->content_type ? o->content_type : "");
	char *accept = xasprintf("Accept: %s", o->accept ? o->accept : "*/*");

	r->headers = curl_slist_append(NULL, type);
	r->headers = curl_slist_append(r->headers, accept);
	/* an answer to "Expect: 100-continue" costs a second with servers that ignore it */
	r->headers = curl_slist_append(r->headers, "Expect:");
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
	free(type);
	free(accept);
}

static void set_transfer(struct httpc_req *r, const struct httpc_opts *o)
{
	CURL *e = r->easy;

	curl_easy_setopt(e, CURLOPT_URL, o->url);
	curl_easy_setopt(e, CURLOPT_PRIVATE, r);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->text);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)o->max_body);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, o->verify_none ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, o->verify_none ? 0L : 2L);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, o->keep_alive ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, o->keep_alive ? 0L : 1L);
	if (o->tls13)
		curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	if (o->http2) {
		curl_easy_setopt(e, CURLOPT_SSL_ENABLE_ALPN, 1L);
		curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
		curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
	}
	if (o->keep_alive)
		curl_easy_shared(e);
	if (o->no_mark)
		curl_easy_unmarked(e);
}

static void start_transfer(struct httpc_req *r, const struct ip *addrs, size_t n)
{
	if (n > 0) {
		r->resolve_list = curl_resolve_entry(r->name, r->port, addrs, n);
		curl_easy_setopt(r->easy, CURLOPT_RESOLVE, r->resolve_list);
	}
	r->added = curl_multi_add_handle(curl_pump_multi(r->pump), r->easy) == CURLM_OK;
	if (!r->added)
		fail_later(r, -ERR_NOMEM, "libcurl cannot start");
}

static void refuse_private(struct httpc_req *r)
{
	fail_later(r, -ERR_PERM, "the host is not on the internet");
}

static bool all_public(const struct ip *addrs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!ip_is_public(addrs[i]))
			return false;
	return true;
}

static void on_resolved(void *arg, int err, const struct ip *addrs, size_t n)
{
	struct httpc_req *r = arg;

	r->resolve = NULL;
	if (err == 0) {
		if (r->public_only && !all_public(addrs, n))
			refuse_private(r);
		else
			start_transfer(r, addrs, n);
		return;
	}
	snprintf(r->text, sizeof(r->text), "look-up of %s: %s", r->name, err_text(err));
	fail(r, err, r->text);
}

/* The host of the URL, or of the proxy for it, into r->name. */
static int find_host(struct httpc_req *r, const char *url, bool no_proxy)
{
	bool tls = strncasecmp(url, "https://", 8) == 0;
	const char *proxy;

	if (!tls && strncasecmp(url, "http://", 7) != 0)
		return -ERR_SYNTAX;
	r->name = curl_url_host(url, false, &r->port);
	if (!r->name || !net_host_ok(r->name))
		return -ERR_SYNTAX;
	proxy = no_proxy ? NULL : net_proxy_for(tls, r->name);
	if (!proxy)
		return 0;
	r->proxy = xstrdup(proxy);
	curl_free(r->name);
	r->name = curl_url_host(proxy, true, &r->port);
	return r->name ? 0 : -ERR_SYNTAX;
}

static void start(struct httpc_req *r, const struct httpc_opts *o)
{
	struct ip literal;

	if (find_host(r, o->url, o->no_proxy) < 0) {
		fail_later(r, -ERR_SYNTAX, "bad URL");
		return;
	}
	r->pump = pump_for(r->net, o->no_mark);
	r->easy = r->pump ? curl_easy_ours(r->net, r->proxy) : NULL;
	if (!r->easy) {
		fail_later(r, -ERR_NOMEM, "libcurl cannot start");
		return;
	}
	if (set_method(r, o) < 0) {
		fail_later(r, -ERR_UNSUPPORTED, "bad method");
		return;
	}
	set_headers(r, o);
	set_transfer(r, o);
	r->public_only = o->public_only && !r->proxy;
	if (ip_decode(span_str(r->name), &literal) == 0 && r->public_only && !ip_is_public(literal))
		refuse_private(r);
	else if (ip_decode(span_str(r->name), &literal) == 0)
		start_transfer(r, NULL, 0);
	else if (o->n_addrs > 0 && !r->proxy)
		start_transfer(r, o->addrs, o->n_addrs < RESOLVE_MAX ? o->n_addrs : RESOLVE_MAX);
	else
		r->resolve = resolve_start(r->net, r->name, on_resolved, r);
}

struct httpc_req *httpc_start(struct net *n, const struct httpc_opts *o, httpc_fn *fn, void *arg)
{
	struct httpc_req *r = xcalloc(1, sizeof(*r));

	r->net = n;
	r->fn = fn;
	r->arg = arg;
	r->retry_after_s = -1;
	buf_init(&r->body, o->max_body);
	loop_timer_init(n->loop, &r->timeout, on_timeout, r);
	loop_defer_init(n->loop, &r->fail, on_fail, r);
	loop_timer_arm_ms(&r->timeout, o->timeout_ms > 0 ? o->timeout_ms : DEFAULT_TIMEOUT_MS);
	start(r, o);
	return r;
}
