/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_curl_easy.c: the options that every transfer of ours gets. */
#include "base/net_curl.h"
#include "base/net_priv.h"
#include "base/sockaddr.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

enum { SHARED_UNACKED_MS = 4000, SHARED_IDLE_S = 10 };

/* Sockets are ours to open: close-on-exec, and marked before the connect. */
static curl_socket_t open_unmarked(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);

	(void)arg;
	(void)purpose;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	curl_socket_t fd = open_unmarked(arg, purpose, a);

	if (fd != CURL_SOCKET_BAD)
		net_mark_to(arg, fd, sockaddr_to_ep(&a->addr).ip);
	return fd;
}

void curl_easy_unmarked(CURL *e)
{
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_unmarked);
}

static int set_limit(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	unsigned ms = SHARED_UNACKED_MS;

	(void)arg;
	(void)purpose;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

void curl_easy_shared(CURL *e)
{
	curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, set_limit);
	curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)SHARED_IDLE_S);
}

static void set_trust(struct net *n, CURL *e)
{
	net_find_ca(n);
	/* NULL takes the library's built-in place away */
	curl_easy_setopt(e, CURLOPT_CAINFO, n->ca_file);
	curl_easy_setopt(e, CURLOPT_CAPATH, n->ca_file ? NULL : n->ca_path);
	curl_easy_setopt(e, CURLOPT_PROXY_CAINFO, n->ca_file);
	curl_easy_setopt(e, CURLOPT_PROXY_CAPATH, n->ca_file ? NULL : n->ca_path);
	/* a cached store would keep a whole bundle, 2 MB, for a day */
	curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_ENABLE_ALPN, 0L);
}

CURL *curl_easy_ours(struct net *n, const char *proxy)
{
	CURL *e = curl_easy_init();

	if (!e)
		return NULL;
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, n);
	curl_easy_setopt(e, CURLOPT_PROXY, proxy ? proxy : "");
	curl_easy_setopt(e, CURLOPT_NOPROXY, ""); /* decided by us, see net_proxy_for */
	set_trust(n, e);
	return e;
}

static uint16_t url_port(CURLU *u, bool is_proxy)
{
	char *text = NULL, *scheme = NULL;
	uint64_t port = 0;

	if (curl_url_get(u, CURLUPART_PORT, &text, 0) == CURLUE_OK)
		port = u64_decode(span_str(text), UINT16_MAX, &port) == 0 ? port : 0;
	else if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK)
		/* 1080 is what libcurl takes for a proxy that names no port */
		port = strcmp(scheme, "https") == 0 ? 443 : is_proxy ? 1080 : 80;
	curl_free(text);
	curl_free(scheme);
	return (uint16_t)port;
}

static void unbracket(char *host)
{
	size_t len = strlen(host);

	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		memmove(host, host + 1, len - 2);
		host[len - 2] = '\0';
	}
}

char *curl_url_host(const char *url, bool is_proxy, uint16_t *port)
{
	unsigned flags = is_proxy ? CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME : 0;
	CURLU *u = curl_url();
	char *host = NULL;

	if (u && curl_url_set(u, CURLUPART_URL, url, flags) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		unbracket(host);
		*port = url_port(u, is_proxy);
	}
	curl_url_cleanup(u);
	return host;
}

struct curl_slist *curl_resolve_entry(const char *name, uint16_t port, const struct ip *addrs,
				      size_t n)
{
	struct curl_slist *list;
	char ip[IP_TEXT_MAX];
	struct buf b;

	buf_init(&b, 4096);
	/* "+": an ordinary entry that ages, not one for ever */
	buf_fmt(&b, "+%s:%u:", name, port);
	for (size_t i = 0; i < n; i++)
		buf_fmt(&b, addrs[i].fam == IP_V6 ? "%s[%s]" : "%s%s", i ? "," : "",
			ip_encode(addrs[i], ip));
	list = buf_ok(&b) ? curl_slist_append(NULL, buf_cstr(&b)) : NULL;
	buf_fini(&b);
	return list;
}

int curl_err(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -ERR_NOENT;
	case CURLE_OPERATION_TIMEDOUT:
		return -ERR_TIMEOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return -ERR_AUTH;
	case CURLE_FILESIZE_EXCEEDED:
		return -ERR_TOOBIG;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -ERR_SYNTAX;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_WEIRD_SERVER_REPLY:
		return -ERR_PROTO;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return -ERR_CLOSED;
	default:
		return -ERR_IO;
	}
}
