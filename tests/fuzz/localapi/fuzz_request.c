/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any request through router and handlers, over a fake HTTP server and a fake backend. Input: the
 * first byte gives rights and the backend's mood, then "METHOD target", header lines, a blank line,
 * a body. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/localapi/fake_backend.h"

#include "base/httpd.h"
#include "base/log.h"
#include "base/loop.h"
#include "daemon/localapi/server.h"

#define WORDS_MAX 32
#define STREAMS_MAX 64

/* ---- the HTTP server's side ---- */

struct word {
	char *name, *value;
};

struct httpd_stream {
	void (*on_close)(void *arg);
	void *arg;
	bool ended;
};

struct httpd_req {
	char *method, *path;
	struct word query[WORDS_MAX], header[WORDS_MAX];
	size_t n_query, n_header;
	struct span body;
	void (*abort)(void *arg);
	void *abort_arg;
	unsigned answers;
};

static httpd_fn *handler;
static void *handler_arg;
static struct httpd_stream streams[STREAMS_MAX];
static size_t n_streams;

struct httpd *httpd_new(struct loop *l, int fd, const struct httpd_opts *o, httpd_fn *fn, void *arg)
{
	(void)l;
	(void)fd;
	(void)o;
	handler = fn;
	handler_arg = arg;
	return (struct httpd *)(void *)&handler;
}
void httpd_free(struct httpd *h)
{
	(void)h;
}
const char *httpd_method(const struct httpd_req *r)
{
	return r->method;
}
const char *httpd_path(const struct httpd_req *r)
{
	return r->path;
}
static const char *find(const struct word *w, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(w[i].name, name) == 0)
			return w[i].value;
	return NULL;
}
const char *httpd_query(const struct httpd_req *r, const char *name)
{
	return find(r->query, r->n_query, name);
}
const char *httpd_header(const struct httpd_req *r, const char *name)
{
	return find(r->header, r->n_header, name);
}
struct span httpd_body(const struct httpd_req *r)
{
	return r->body;
}
bool httpd_peer(const struct httpd_req *r, uid_t *uid, gid_t *gid, pid_t *pid)
{
	(void)r;
	*uid = *gid = 0;
	*pid = 0;
	return false;
}
void httpd_on_abort(struct httpd_req *r, void (*fn)(void *arg), void *arg)
{
	r->abort = fn;
	r->abort_arg = arg;
}
void httpd_add_header(struct httpd_req *r, const char *name, const char *value)
{
	(void)r;
	if (strpbrk(name, "\r\n") || strpbrk(value, "\r\n"))
		abort(); /* a header that splits the answer */
}
void httpd_reply(struct httpd_req *r, int status, const char *type, struct span body)
{
	(void)type;
	(void)body;
	if (status < 200 || status > 599 || r->answers++)
		abort();
	r->abort = NULL;
}
struct httpd_stream *httpd_stream_start(struct httpd_req *r, int status, const char *type,
					void (*on_close)(void *arg), void *arg)
{
	httpd_reply(r, status, type, span_of("", 0));
	streams[n_streams] = (struct httpd_stream){ on_close, arg, false };
	return &streams[n_streams++];
}
int httpd_stream_send(struct httpd_stream *s, struct span data, size_t max)
{
	if (s->ended || data.len == 0 || data.p[data.len - 1] != '\n')
		abort(); /* lines, and none behind the end */
	return data.len > max ? -ERR_FULL : 0;
}
size_t httpd_stream_queued(const struct httpd_stream *s)
{
	(void)s;
	return 0;
}
void httpd_stream_end(struct httpd_stream *s)
{
	s->ended = true;
}

/* ---- taking the input apart ---- */

static int hex(char c)
{
	const char *digits = "0123456789abcdef";
	const char *p = c ? strchr(digits, c | 0x20) : NULL;
	return p ? (int)(p - digits) : -1;
}

static void decode(char *s)
{
	char *to = s;
	for (; *s; s++) {
		if (*s == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
			*to++ = (char)(hex(s[1]) << 4 | hex(s[2]));
			s += 2;
		} else {
			*to++ = *s == '+' ? ' ' : *s;
		}
	}
	*to = '\0';
}

static void add(struct word *w, size_t *n, char *text, char between)
{
	char *at = strchr(text, between);
	if (*n == WORDS_MAX)
		return;
	if (at)
		*at++ = '\0';
	while (at && *at == ' ')
		at++;
	w[(*n)++] = (struct word){ text, at ? at : text + strlen(text) };
}

static void parse_target(struct httpd_req *r, char *target)
{
	char *query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	for (char *w; query && (w = strsep(&query, "&"));)
		add(r->query, &r->n_query, w, '=');
	for (size_t i = 0; i < r->n_query; i++)
		decode(r->query[i].value);
	decode(target);
	r->path = target;
}

/* text is changed and must outlive r. */
static void parse(struct httpd_req *r, char *text, size_t len)
{
	char *end = memmem(text, len, "\n\n", 2);
	*r = (struct httpd_req){ .body = span_of("", 0) };
	if (end) {
		r->body = span_of(end + 2, len - (size_t)(end + 2 - text));
		*end = '\0';
	}
	char *line = strsep(&text, "\n");
	char *target = strchr(line, ' ');
	if (target)
		*target++ = '\0';
	r->method = line;
	parse_target(r, target ? target : line + strlen(line));
	for (char *h; text && (h = strsep(&text, "\n"));)
		add(r->header, &r->n_header, h, ':');
}

/* ---- the target ---- */

static struct api_rights rights;

static void give_rights(void *arg, const struct httpd_req *r, struct api_rights *out)
{
	(void)arg;
	(void)r;
	*out = rights;
}

/* Everything that may be pending ends, one way or the other. */
static void settle(struct backend *b, struct httpd_req *r, struct loop *l)
{
	b->notify(b->notify_arg, 0x1ff, "text");
	loop_turn(l, 0);
	if (b->logout_done)
		b->logout_done(b->logout_arg, b->refuse);
	b->logout_done = NULL;
	if (r->abort)
		r->abort(r->abort_arg);
	for (size_t i = 0; i < n_streams; i++)
		if (!streams[i].ended)
			streams[i].on_close(streams[i].arg);
	n_streams = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len == 0 || len > 65536)
		return 0;
	log_set_level(LOG_ERROR);
	struct loop *l = loop_new();
	struct backend *b = fake_backend_new();
	struct api *a = api_new(l, -1, b);
	struct httpd_req r;
	char *text = malloc(len);
	if (!text)
		abort();
	memcpy(text, p + 1, len - 1);
	text[len - 1] = '\0';
	rights = (struct api_rights){ p[0] & 1, p[0] & 2, p[0] & 4 };
	b->refuse = p[0] & 8 ? "refused" : NULL;
	if (p[0] & 16) {
		b->self = j_object();
		b->netmap = j_object();
		b->whois = j_object();
	}
	api_set_rights(a, give_rights, NULL);
	parse(&r, text, len - 1);
	handler(handler_arg, &r);
	settle(b, &r, l);
	api_free(a);
	fake_backend_free(b);
	loop_free(l);
	free(text);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		"\x1fGET /localapi/v0/status?peers=false\nHost: local-tailscaled.sock\n\n",
		("\x1fPATCH /localapi/v0/prefs\nHost: "
		 "local-tailscaled.sock\n\n{\"Hostname\":\"x\",\"HostnameSet\":true}"),
		"\x17POST /localapi/v0/check-prefs\n\n{\"AdvertiseRoutes\":[\"10.0.0.1/8\"]}",
		"\x17POST /localapi/v0/start\n\n{\"AuthKey\":\"k\",\"UpdatePrefs\":{}}",
		"\x17POST /localapi/v0/logout\nX-Tailscale-Reason: bWFpbnQ=\n\n",
		"\x17GET /localapi/v0/watch-ipn-bus?mask=45062\n\n",
		"\x17GET /localapi/v0/watch-ipn-bus?mask=259\n\n",
		"\x17POST /localapi/v0/ping?ip=100.64.0.9&type=disco&size=1200\n\n",
		"\x17GET /localapi/v0/whois?addr=%5Bfd7a::1%5D:22&proto=tcp\n\n",
		"\x17POST /localapi/v0/debug?action=netcheck\n\n",
		"\x17POST /localapi/v0/debug?action=restun\n\n",
		"\x17PUT /localapi/v0/profiles/\n\n",
		"\x1fPOST /localapi/v0/profiles/..%2fx\n\n",
		"\x17POST /localapi/v0/serve-config\nIf-Match: bogus\n\n{\"TCP\":{}}",
		"\x17POST /localapi/v0/bugreport?note=a%0ab\n\n",
		"\x17GET /localapi/v0/dns-query?name=x&type=%1b%5b2J\n\n",
		"\x17GET /localapi/v0/peer-by-id?id=99999999999999999999\n\n",
		"\x00GET /localapi/v0/metrics\nOrigin: http://evil\n\n",
		"\x17POST /localapi/v0/dial\nUpgrade: ts-dial\n\n",
	};
	if (i >= ARRAY_LEN(seeds))
		return false;
	/* One seed starts with a NUL: its length is not strlen's. */
	*out = span_of(seeds[i], 1 + strlen(seeds[i] + 1));
	return true;
}
