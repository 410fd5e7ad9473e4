/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_osconfig.json, `resolved_sequences`: each call and argument, over a real bus. The loopback
 * interface (1) stands for the tunnel's. */
#include "tests/lib/fake_bus.h"
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "dns/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_bus fake;

/* Without the final dot. */
static char *name_of(const json_t *v)
{
	const char *s = j_text(v);
	size_t n = strlen(s);
	return xstrndup(s, n && s[n - 1] == '.' ? n - 1 : n);
}

static void config_of(const json_t *os, struct dns_os_config *c)
{
	const json_t *servers = j_get(os, "nameservers"), *search = j_get(os, "search_domains"),
		     *match = j_get(os, "match_domains");
	for (size_t i = 0; i < j_len(servers); i++) {
		struct dns_server s = { 0 };
		if (ip_decode(j_text_span(j_at(servers, i)), &s.ip) != 0)
			exit(1);
		dns_os_config_add_server(c, &s);
	}
	for (size_t i = 0; i < j_len(search) + j_len(match); i++) {
		bool is_search = i < j_len(search);
		char *name = name_of(is_search ? j_at(search, i) : j_at(match, i - j_len(search)));
		if (is_search)
			dns_os_config_add_search(c, name);
		else
			dns_os_config_add_match(c, name);
		free(name);
	}
}

static void put_list(const json_t *list, struct buf *out)
{
	buf_add_str(out, " [");
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *v = j_at(list, i);
		if (j_has(v, "domain"))
			buf_fmt(out, "%s(%s,%s)", i ? "," : "", j_str(v, "domain"),
				j_bool(v, "routing_only", false) ? "true" : "false");
		else
			buf_fmt(out, "%s(%d,%s)", i ? "," : "", (int)j_int(v, "family", 0),
				j_str(v, "address_hex"));
	}
	buf_add_str(out, "]");
}

static void put_call(const json_t *call, struct buf *out)
{
	const char *method = strrchr(j_str(call, "method"), '.') + 1;
	const json_t *args = j_get(call, "args"), *value = j_at(args, 1);
	buf_fmt(out, "%s ", method);
	if (j_len(args))
		buf_add_str(out, "1"); /* its interface is 7 */
	if (j_is_array(value))
		put_list(value, out);
	else if (j_is_string(value))
		buf_fmt(out, " %s", j_text(value));
	else if (j_is_bool(value))
		buf_fmt(out, " %s", j_truth(value) ? "true" : "false");
	buf_add_str(out, "\n");
}

/* The lines of fake_bus.h that make each call fail that failed there. */
static void put_script(const json_t *calls, struct buf *out)
{
	for (size_t i = 0; i < j_len(calls); i++) {
		const json_t *call = j_at(calls, i);
		const char *error = j_str(call, "returned_error");
		if (error)
			buf_fmt(out, "call %s 1 %s %s\n", strrchr(j_str(call, "method"), '.') + 1,
				strchr(error, ' ') ? "System.Error.E2BIG" : error, error);
	}
}

static char *text_of(struct buf *b)
{
	char *s = xstrndup(b->len ? (const char *)b->p : "", b->len);
	buf_fini(b);
	return s;
}

/* Once more if the machine was too busy to be done within the second there is. */
static int set(struct dns_os *m, const struct dns_os_config *c, const char *script)
{
	char text[DNS_OS_TEXT_MAX];
	int rc = -ERR_TIMEOUT;
	for (int i = 0; i < 10 && rc == -ERR_TIMEOUT; i++) {
		fake_peer_script(&fake, "");
		fake_calls_forget(&fake);
		fake_peer_script(&fake, script);
		rc = m->ops->set(m, c, text);
	}
	return rc;
}

static bool one(const json_t *o, const json_t *full)
{
	struct dns_os_env env = { .tun = "lo", .bus = fake.address };
	struct dns_os_config before = { 0 }, c = { 0 };
	struct buf want, script;
	buf_init(&want, 1 << 20);
	buf_init(&script, 1 << 20);
	bool cleared = strcmp(j_str(o, "name"), "cleared") == 0;
	config_of(full, &before);
	if (!cleared)
		config_of(full, &c);
	for (size_t i = 0; i < j_len(j_get(o, "calls")); i++)
		put_call(j_at(j_get(o, "calls"), i), &want);
	if (cleared)
		buf_add_str(&want, "RevertLink 1\n"); /* really sent, see the chapter */
	put_script(j_get(o, "calls"), &script);

	char *want_text = text_of(&want), *script_text = text_of(&script);
	struct dns_os *m = dns_os_resolved_new(&env);
	int rc = cleared ? set(m, &before, "") : 0;
	rc = rc ? rc : set(m, &c, script_text);
	char *got = fake_calls(&fake);
	bool same = rc == 0 && strcmp(got, want_text) == 0;
	if (!same)
		printf("%s: %d\n%s\nshould be\n%s\n", j_str(o, "name"), rc, got, want_text);
	m->ops->close(m);
	dns_os_config_fini(&before);
	dns_os_config_fini(&c);
	free(got);
	free(want_text);
	free(script_text);
	return same;
}

int main(void)
{
	const json_t *all = j_get(vec_load("dns_osconfig.json"), "resolved_sequences");
	size_t good = 0;
	if (!fake_bus_start(&fake))
		return 77;
	fake_peer_start(&fake, "org.freedesktop.resolve1");
	for (size_t i = 0; i < j_len(all); i++)
		good += one(j_at(all, i), j_get(j_at(all, 0), "os"));
	fake_bus_stop(&fake);
	printf("resolved_sequences: %zu cases, %zu failed\n", j_len(all), j_len(all) - good);
	return good != j_len(all) || good == 0;
}
