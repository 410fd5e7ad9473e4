/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peerapi_ports.json and peerapi_requests.json: ports, refusals, the page, DNS over HTTP. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "daemon/peerapi/rules.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, checked;

static void check(bool ok, const char *what, const char *name)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s: %s\n", what, name);
}

static struct ip ip_of(const char *text)
{
	struct ip ip = { 0 };
	if (!text || ip_decode(span_str(text), &ip))
		exit(1);
	return ip;
}

static void ports(const json_t *file)
{
	const json_t *cases = j_get(file, "cases");
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i), *want = j_get(c, "ports_by_try");
		const char *addr = j_str(c, "addr");
		check(j_len(want) == PEERAPI_TRIES, "tries", addr);
		for (unsigned t = 0; t < j_len(want); t++)
			check(peerapi_port_of(ip_of(addr), t) == j_integer(j_at(want, t)), "port",
			      addr);
	}
}

static void doh(const json_t *file)
{
	const json_t *cases = j_get(file, "doh");
	uint8_t *body = xcalloc(1, PEERAPI_DOH_BODY_MAX + 1), room[512];
	for (size_t i = 0; i < j_len(cases); i++) {
		const json_t *c = j_at(cases, i);
		const char *name = j_str(c, "name"), *error = j_str(c, "error");
		const char *dns = strstr(j_str(c, "url"), "?dns=");
		size_t len, n = (size_t)j_int(c, "body_len", 0);
		uint8_t *query = vec_hex(c, "query_hex", &len);
		if (n == len)
			memcpy(body, query, len);
		struct peerapi_doh_in in = { j_str(c, "method"), j_str(c, "content_type"),
					     dns ? dns + strlen("?dns=") : NULL, span_of(body, n) };
		struct span got = { 0 };
		const char *why = peerapi_doh_query(&in, mspan_of(room, sizeof(room)), &got);
		check(strcmp(why ? why : "", error) == 0, "error", name);
		check(why || span_eq(got, span_of(query, len)), "query", name);
		free(query);
	}
	free(body);
}

static const char *header(const json_t *c, const char *name)
{
	return j_str(j_get(c, "headers"), name);
}

static bool is_masqueraded(const char *name)
{
	return strncmp(name, "masq", 4) == 0;
}

static void request(const json_t *c, const char *name)
{
	struct ip own[2] = { ip_of("100.150.151.151"), ip_of("fd7a:115c:a1e0::151") };
	struct ip masq = ip_of("100.99.99.99");
	bool m = is_masqueraded(name);
	struct peerapi_head h = {
		.method = j_str(c, "method"),
		.path = j_str(c, "path"),
		.host = j_str(c, "host"),
		.origin = header(c, "Origin"),
		.referer = header(c, "Referer"),
		.accept_encoding = header(c, "Accept-Encoding"),
		.accept_language = header(c, "Accept-Language"),
		.user_agent = header(c, "User-Agent"),
	};
	struct peerapi_refusal r = peerapi_check(&h, m ? &masq : own, m ? 1 : 2, true);
	const char *body = j_str(c, "body");
	int status = (int)j_int(c, "status", 0);
	check(peerapi_is_browser(&h) == j_bool(c, "security_headers", false), "browser", name);
	if (status == 200) {
		struct buf page;
		buf_init(&page, 4096);
		peerapi_greeting("Some <One>", ip_of("100.150.151.152"), "some-peer",
				 strstr(body, "owner") != NULL, &page);
		check(r.status == 0, "taken", name);
		check(strcmp(buf_cstr(&page), body) == 0, "page", name);
		buf_fini(&page);
	} else if (strcmp(h.path, "/dns-query") == 0) {
		check(r.status == 0, "taken", name); /* what comes then is the server's */
	} else {
		check(r.status == status, "status", name);
		check(r.text && strcmp(r.text, body) == 0, "text", name);
	}
}

/* Funnel is not offered: nobody holds a capability for it, whatever the policy says. */
static bool needs_funnel(const char *name)
{
	return strncmp(name, "ingress", 7) == 0 && strcmp(name, "ingress denied") != 0;
}

int main(void)
{
	json_t *file = vec_load("peerapi_requests.json");
	const json_t *cases = j_get(file, "requests");
	for (size_t i = 0; i < j_len(cases); i++) {
		const char *name = j_str(j_at(cases, i), "name");
		if (!needs_funnel(name))
			request(j_at(cases, i), name);
	}
	doh(file);
	ports(vec_load("peerapi_ports.json"));
	printf("%d checks, %d failed\n", checked, failed);
	return failed || checked < 150 ? 1 : 0;
}
