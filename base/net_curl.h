/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_curl.h: one libcurl multi handle driven by the loop, and the options that every transfer of
 * ours gets. For the door files stream.c and httpc.c only.
 *
 * Each stream has a pump of its own: libcurl counts a finished CONNECT_ONLY transfer's connection
 * as idle, and the next transfer in the same multi handle closes such connections when they are
 * older than 118 s or have something to read. It also keeps look-ups of different streams apart. */
#ifndef BASE_NET_CURL_H
#define BASE_NET_CURL_H

#include "base/net.h"

#include <curl/curl.h>

struct curl_pump;

/* A transfer ended. Called from the loop, outside of libcurl: everything may be called, also
 * curl_pump_free. */
typedef void curl_pump_fn(void *arg, CURL *easy, CURLcode code);

/* NULL if libcurl refuses. Returns new. */
struct curl_pump *curl_pump_new(struct loop *l, curl_pump_fn *fn, void *arg);
/* Every easy handle must have been removed. NULL is fine. */
void curl_pump_free(struct curl_pump *p);
CURLM *curl_pump_multi(struct curl_pump *p);

/* A new easy handle with our rules: HTTP/1.1, no ALPN, no redirects, http and https only, no
 * signals, our trust store, marked sockets, this proxy (NULL = none). NULL when memory is out. */
CURL *curl_easy_ours(struct net *n, const char *proxy);
/* Take the mark away. */
void curl_easy_unmarked(CURL *e);
/* For connections that many requests share: it breaks when the other side is gone for some seconds,
 * where the kernel would try for a quarter of an hour; and it does not stay idle for long. */
void curl_easy_shared(CURL *e);
/* Host (without brackets) and port of a URL; for a proxy the scheme may be missing. Returns new
 * (curl_free), NULL if the URL does not parse. */
char *curl_url_host(const char *url, bool is_proxy, uint16_t *port);
/* "+name:port:addr,[addr]" for CURLOPT_RESOLVE. */
struct curl_slist *curl_resolve_entry(const char *name, uint16_t port, const struct ip *addrs,
				      size_t n);
/* -ERR_* of a failed transfer */
int curl_err(CURLcode code);

#endif
