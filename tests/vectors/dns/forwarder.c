/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_routes.json: which upstreams a name is sent to and when, the table of DNS over HTTPS, and one
 * question against scripted upstreams, on a clock of its own; dns_hostile.json: what counts as the
 * answer. Where shared/spec/dns.md asks for better than the reference, better is expected:
 *
 *   a suffix in upper case matches; HTTPS is asked only for port 53 (4.2)
 *   a reply with another id, question or without QR is waited past, until 9.5 s (4.3)
 *   what is too long for a client is cut, not only marked (3.4) */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "dns/name.h"
#include "dns/race.h"
#include "dns/route.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, checked;

static void check(bool ok, const char *name, const char *what)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s: %s\n", name, what);
}

/* ---- upstreams ------------------------------------------------------------------------------ */

/* "a,b" as a list; lives until the next call. */
static struct dns_upstreams list_of(const char *text)
{
	static char copy[1024], *at, *save;
	static struct dns_upstream v[32];
	struct dns_upstreams ups = { v, 0 };

	snprintf(copy, sizeof(copy), "%s", text);
	for (at = strtok_r(copy, ",", &save); at; at = strtok_r(NULL, ",", &save))
		v[ups.n++].addr = at;
	return ups;
}

static bool same_target(const struct dns_target *t, const struct dns_target *want, int64_t delay)
{
	return t->kind == want->kind && ep_eq(t->ep, want->ep) && t->delay_ms == delay &&
	       str_cmp(t->url, want->url) == 0;
}

/* The reference also lists what can never be asked; we count it. */
static void check_schedule(const char *resolvers, const json_t *want)
{
	bool odd_port = strcmp(resolvers, "1.1.1.1:5353") == 0;
	struct dns_upstreams ups = list_of(resolvers);
	struct dns_target got[DNS_GROUP_MAX];
	size_t bad, bad_wanted = 0, n = dns_schedule(&ups, got, &bad), k = 0;

	for (size_t i = odd_port ? 1 : 0; i < j_len(want); i++) {
		const json_t *w = j_at(want, i);
		struct dns_target t = { 0 };

		dns_upstream_parse(j_str(w, "Addr"), &t);
		if (t.kind == DNS_UP_BAD)
			bad_wanted++;
		else
			check(k < n && same_target(&got[k], &t,
						   odd_port ? 0 : j_int(w, "DelayMs", -1)),
			      resolvers, j_str(w, "Addr"));
		k += t.kind != DNS_UP_BAD;
		dns_target_fini(&t);
	}
	check(k == n && bad == bad_wanted, resolvers, "how many");
	for (size_t i = 0; i < n; i++)
		dns_target_fini(&got[i]);
}

static char *name_of(const char *dotted)
{
	char *s = xstrdup(dotted);
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		s[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 0x20 : s[i]);
	if (len && s[len - 1] == '.')
		s[len - 1] = '\0';
	return s;
}

static void check_set(const json_t *set)
{
	bool upper = strcmp(j_str(set, "name"), "upper_case_route") == 0;
	json_t *routes = j_get(set, "routes"), *queries = j_get(set, "queries");
	struct dns_route v[16];
	size_t n = 0;

	for (void *it = j_iter(routes); it; it = j_iter_next(routes, it), n++) {
		v[n].suffix = name_of(j_iter_key(it));
		v[n].to = (void *)(uintptr_t)j_text(j_iter_value(it));
	}
	dns_routes_sort(v, n);
	for (size_t i = 0; i < j_len(queries); i++) {
		const json_t *q = j_at(queries, i);
		char *name = name_of(j_str(q, "name"));
		const struct dns_route *r = dns_route_find(v, n, name);
		const char *result = j_str(q, "result");

		check(dns_is_browse(name) == (str_cmp(result, "NXDOMAIN") == 0), name, "browse");
		if (upper)
			check(r && strcmp(r->to, "10.1.0.3") == 0, name, "case of a suffix");
		else
			check_schedule(r ? r->to : "", j_get(q, "upstreams"));
		free(name);
	}
	while (n > 0)
		free(v[--n].suffix);
}

/* ---- DNS over HTTPS -------------------------------------------------------------------------- */

static void check_dial(const char *url, const json_t *want)
{
	struct ip got[DNS_DOH_ADDRS_MAX], ip;
	size_t n = dns_doh_addrs(url, got);

	check(n == j_len(want), url, "addresses");
	for (size_t i = 0; i < n && i < j_len(want); i++)
		check(ip_decode(j_text_span(j_at(want, i)), &ip) == 0 && ip_eq(ip, got[i]), url,
		      j_text(j_at(want, i)));
}

static void check_from_ip(const json_t *c)
{
	char url[DNS_DOH_URL_MAX] = "";
	const char *text = j_str(c, "ip");
	bool only = false, known;
	struct ip ip;

	if (ip_decode(span_str(text), &ip) < 0)
		exit(1);
	known = dns_doh_from_ip(ip, url, &only);
	check(known == j_bool(c, "known", !known), text, "known");
	check(strcmp(url, j_str(c, "url")) == 0, text, "url");
	check(only == j_bool(c, "url_doh_only", !only), text, "HTTPS only");
	check(dns_ip_is_doh_only(ip) ==
		  (j_bool(c, "never_hand_to_os", false) || j_bool(c, "url_doh_only", false)),
	      text, "may be given to the system");
}

/* ---- hostile replies -------------------------------------------------------------------------- */

static const char *verdict_text(enum dns_reply_verdict v)
{
	return v == DNS_REPLY_ACCEPT ? "accept" : v == DNS_REPLY_IGNORE ? "ignore" : "soft-fail";
}

static void check_hostile(const json_t *c)
{
	size_t n_query, n_reply, pad = (size_t)j_int(c, "reply_pad_zero_to", 0);
	uint8_t *query = vec_hex(c, "query", &n_query), *reply = vec_hex(c, "reply", &n_reply);
	bool connected = strcmp(j_str(c, "from"), "server") == 0;
	uint8_t *whole = xcalloc(1, pad > n_reply ? pad : n_reply + 1);
	struct dns_query q;

	memcpy(whole, reply, n_reply);
	check(dns_query_parse(span_of(query, n_query), &q) == 0, j_str(c, "name"), "query");
	/* datagrams of others never come through a connected socket */
	if (connected)
		check(strcmp(verdict_text(dns_reply_check(
				 &q, q.id, span_of(whole, pad > n_reply ? pad : n_reply))),
			     j_str(c, "verdict")) == 0,
		      j_str(c, "name"), j_str(c, "verdict"));
	free(whole);
	free(query);
	free(reply);
}

/* ---- one question against scripted upstreams ---------------------------------------------------- */

enum { SENT_ID = 0x2b5f, BIG_MAX = 8192 };

/* What an upstream does on one way; NULL: silence, empty: the connection is closed. */
struct script {
	const char *udp, *tcp;
};

static const struct {
	const char *text;
	struct script s;
} scripts[] = {
	{ "udp NOERROR 1 A; tcp same", { "A", "A" } },
	{ "NXDOMAIN", { "3", "3" } },
	{ "NOTIMP", { "4", "4" } },
	{ "SERVFAIL on udp and tcp", { "2", "2" } },
	{ "REFUSED on udp and tcp", { "5", "5" } },
	{ "udp TC=1 empty; tcp 1 A", { "T", "A" } },
	{ "udp reply with id+1; tcp closed", { "I", "" } },
	{ "udp reply with id+1; tcp 1 A", { "I", "A" } },
	{ "udp silent; tcp 1 A", { NULL, "A" } },
	{ "udp reply for another question name, same id", { "Q", "" } },
	{ "udp reply of >=600 bytes, TC=0", { "838", "838" } },
	{ "udp reply of >=1500 bytes, TC=0", { "1642", "1642" } },
	{ "udp reply of >=5000 bytes, TC=0", { "5126", "5126" } },
	{ "udp reply of 5 bytes; tcp closed", { "S", "" } },
	{ "udp echo of the query (QR=0); tcp closed", { "E", "" } },
};

struct coming {
	bool due;
	mono_t at;
	const char *what;
};

struct play {
	struct race race;
	struct dns_query q;
	struct script up[2];
	struct coming coming[2][2]; /* by lane and way */
	bool seen[2][2];
	uint8_t kept[BIG_MAX], won[BIG_MAX];
	size_t n_kept, n_won;
};

static struct script script_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		if (strcmp(scripts[i].text, text) == 0)
			return scripts[i].s;
	printf("no such script: %s\n", text);
	exit(1);
}

static size_t reply_of(const struct play *p, const char *what, uint8_t out[static BIG_MAX])
{
	static const uint8_t a[] = { 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };
	struct wr w = wr_init(mspan_of(out, BIG_MAX));
	bool big = strlen(what) > 1;
	unsigned flags = 0x8180 | (*what == 'T' ? DNS_TC : 0);

	if (*what == 'S')
		return 5; /* whatever stands there */
	if (!big && *what >= '2' && *what <= '5')
		flags |= (unsigned)(*what - '0');
	wr_be16(&w, SENT_ID + (*what == 'I'));
	wr_be16(&w, *what == 'E' ? DNS_RD : (uint16_t)flags);
	wr_be16(&w, 1);
	wr_be16(&w, big || strchr("AIQT", *what) != NULL);
	wr_be32(&w, 0);
	wr_bytes(&w, p->q.question, p->q.question_len);
	if (*what == 'Q')
		out[DNS_HEADER_LEN + 1] ^= 0x01;
	if (big || strchr("AIQ", *what))
		wr_bytes(&w, a, sizeof(a));
	if (big)
		wr_zero(&w, strtoul(what, NULL, 10) - wr_len(&w));
	return wr_len(&w);
}

/* What is received: a datagram is cut as our sockets cut it. */
static size_t received(const struct play *p, const char *what, enum race_via via,
		       uint8_t out[static BIG_MAX])
{
	size_t n = reply_of(p, what, out);

	if (via != RACE_UDP || n <= DNS_UDP_MAX)
		return n;
	out[2] |= DNS_TC >> 8;
	return DNS_UDP_MAX;
}

static void begin(struct play *p, mono_t now, const struct race_step *s)
{
	const char *what = s->via == RACE_UDP ? p->up[s->lane].udp : p->up[s->lane].tcp;

	p->seen[s->lane][s->via] = true;
	p->coming[s->lane][s->via] = (struct coming){ what != NULL, mono_add_ms(now, 1), what };
}

static void deliver(struct play *p, mono_t now, size_t lane, enum race_via via)
{
	uint8_t got[BIG_MAX] = { 0 };
	struct coming *c = &p->coming[lane][via];
	enum dns_reply_verdict v;
	size_t n;

	c->due = false;
	if (*c->what == '\0') {
		race_on_error(&p->race, now, lane, via);
		return;
	}
	n = received(p, c->what, via, got);
	v = dns_reply_check(&p->q, SENT_ID, span_of(got, n));
	switch (race_on_reply(&p->race, now, lane, via, v, got[2] & (DNS_TC >> 8))) {
	case RACE_WIN:
		memcpy(p->won, got, p->n_won = n);
		break;
	case RACE_KEEP:
		memcpy(p->kept, got, p->n_kept = n);
		break;
	default:
		break;
	}
}

/* Returns when it was over. */
static mono_t play(struct play *p)
{
	mono_t now = mono_add_s(MONO_ZERO, 1000);
	struct race_step s;

	for (;;) {
		mono_t next;

		while (race_next(&p->race, now, &s)) {
			if (s.act == RACE_START)
				begin(p, now, &s);
			else
				p->coming[s.lane][s.via].due = false;
		}
		if (p->race.state != RACE_RUNNING)
			return now;
		next = race_deadline(&p->race);
		for (size_t i = 0; i < 4; i++)
			if (p->coming[i / 2][i % 2].due)
				next = mono_min(next, p->coming[i / 2][i % 2].at);
		now = mono_max(now, next);
		for (size_t i = 0; i < 4; i++)
			if (p->coming[i / 2][i % 2].due && mono_due(p->coming[i / 2][i % 2].at, now))
				deliver(p, now, i / 2, i % 2);
	}
}

static size_t to_client(struct play *p, bool udp, uint8_t out[static BIG_MAX])
{
	size_t n = p->n_won;

	if (p->race.state == RACE_WON) {
		memcpy(out, p->won, n);
	} else if (race_gives_kept(&p->race)) {
		memcpy(out, p->kept, n = p->n_kept);
	} else {
		return dns_error_build(&p->q, DNS_AA, DNS_SERVFAIL, mspan_of(out, BIG_MAX));
	}
	dns_reply_restore(&p->q, mspan_of(out, n));
	return udp ? dns_reply_fit(&p->q, mspan_of(out, n)) : n;
}

static void check_seen(const struct play *p, const json_t *want, const char *name)
{
	bool seen[2][2] = { 0 };
	char text[32];

	for (int i = 0; i < 4 && j_is_array(want); i++) {
		snprintf(text, sizeof(text), "u%d %s", i / 2, i % 2 ? "tcp" : "udp");
		for (size_t k = 0; k < j_len(want); k++)
			seen[i / 2][i % 2] |= strcmp(text, j_text(j_at(want, k))) == 0;
	}
	if (j_is_array(want))
		check(memcmp(seen, p->seen, sizeof(seen)) == 0, name, "transports");
}

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static void check_answer(const json_t *c, const uint8_t *got, size_t n)
{
	static const char *const cut[] = { "big_600_no_edns", "big_1500_edns_1232",
					   "big_5000_edns_8192", NULL };
	const json_t *want = j_get(c, "client");
	const char *name = j_str(c, "name");
	bool two = j_len(j_get(c, "upstreams")) > 1;
	size_t n_want;
	uint8_t *hex;

	check((got[3] & 0x0f) == j_int(want, "rcode", -1), name, "rcode");
	check(!!(got[2] & (DNS_TC >> 8)) == j_bool(want, "tc", false), name, "TC");
	if (!is_one_of(name, cut))
		check(n == (size_t)j_int(want, "len", 0), name, "length");
	if (two || !j_has(want, "hex"))
		return;
	hex = vec_hex(want, "hex", &n_want);
	check(n == n_want && memcmp(got, hex, n) == 0, name, "bytes");
	free(hex);
}

/* Replies the reference takes for failures, or for answers, are nothing to us. */
static void check_waited(const struct play *p, const uint8_t *got, int64_t ms, const char *name)
{
	check(p->race.state == RACE_LOST && ms == RACE_LIMIT_MS, name, "waits to the end");
	check((got[3] & 0x0f) == DNS_SERVFAIL, name, "SERVFAIL");
	check(p->seen[0][RACE_TCP], name, "TCP was tried");
}

static void check_forward(const json_t *c)
{
	static const char *const waits[] = { "wrong_id_no_tcp", "wrong_question_accepted",
					     "short_reply", "qr_clear_reply", NULL };
	static const char *const late[] = { "wrong_id_tcp_ok", NULL };
	bool udp = strcmp(j_str(c, "client_family"), "udp") == 0;
	const json_t *ups = j_get(c, "upstreams");
	const char *name = j_str(c, "name");
	mono_t begun = mono_add_s(MONO_ZERO, 1000);
	uint8_t out[BIG_MAX];
	struct play p = { 0 };
	size_t n;
	uint8_t *query = vec_hex(c, "query", &n);
	int64_t ms;

	check(dns_query_parse(span_of(query, n), &p.q) == 0, name, "query");
	race_init(&p.race, begun, &(struct race_opts){ .udp_client = udp, .tcp = true });
	for (size_t i = 0; i < j_len(ups); i++) {
		p.up[i] = script_of(j_text(j_at(ups, i)));
		race_add(&p.race, DNS_UP_PLAIN, 0, true);
	}
	ms = mono_diff_ns(play(&p), begun) / NS_PER_MS;
	n = to_client(&p, udp, out);
	if (is_one_of(name, waits)) {
		check_waited(&p, out, ms, name);
	} else {
		int64_t want = j_int(c, "elapsed_ms_approx", 0);

		if (is_one_of(name, late))
			want = RACE_TCP_MS;
		check(ms >= want && ms <= want + 150, name, "time");
		check_answer(c, out, n);
		check_seen(&p, j_get(c, "transports_seen"), name);
	}
	free(query);
}

int main(void)
{
	const json_t *v = vec_load("dns_routes.json"), *hostile = vec_load("dns_hostile.json"), *l;

	l = j_get(v, "schedule");
	for (size_t i = 0; i < j_len(l); i++)
		check_schedule(j_str(j_at(l, i), "resolvers"), j_get(j_at(l, i), "schedule"));
	l = j_get(v, "sets");
	for (size_t i = 0; i < j_len(l); i++)
		check_set(j_at(l, i));
	l = j_get(v, "doh_table");
	for (size_t i = 0; i < j_len(l); i++)
		check_dial(j_str(j_at(l, i), "url"), j_get(j_at(l, i), "ips"));
	l = j_get(v, "doh_dynamic");
	for (size_t i = 0; i < j_len(l); i++)
		check_dial(j_str(j_at(l, i), "url"), j_get(j_at(l, i), "dial_ips"));
	l = j_get(v, "doh_from_ip");
	for (size_t i = 0; i < j_len(l); i++)
		check_from_ip(j_at(l, i));
	l = j_get(hostile, "cases");
	for (size_t i = 0; i < j_len(l); i++)
		check_hostile(j_at(l, i));
	l = j_get(v, "forward");
	for (size_t i = 0; i < j_len(l); i++)
		check_forward(j_at(l, i));
	printf("dns_routes.json, dns_hostile.json: %d checked, %d wrong\n", checked, failed);
	return failed || checked < 200;
}
