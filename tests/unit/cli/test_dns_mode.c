/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people read about how their machine resolves names, and the question to the service address. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "cli/dns_mode_text.h"
#include "cli/dns_probe_client.h"
#include "cli/dns_text.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static json_t *json(const char *text)
{
	json_t *v = j_parse(span_str(text), 65536, NULL);

	assert_non_null(v);
	return v;
}

static char *text_of(const char *given, bool all, enum dns_probe probe)
{
	json_t *dns = json(given);
	const struct dns_mode_view v = { dns, probe, "100.100.100.100", all };
	struct buf b;

	buf_init(&b, 1u << 20);
	dns_mode_text(&v, &b);
	char *text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	j_free(dns);
	return text;
}

static void has(const char *given, bool all, enum dns_probe probe, const char *part)
{
	char *text = text_of(given, all, probe);

	if (!strstr(text, part))
		fail_msg("no \"%s\" in:\n%s", part, text);
	free(text);
}

#define SPLIT                                                                                      \
	"{\"Mode\":\"systemd-resolved\",\"Trace\":[\"resolv.conf says systemd-resolved\","         \
	"\"it answers\"],\"Installed\":{\"Nameservers\":[\"100.100.100.100\"],\"SearchDomains\":"  \
	"[\"t.example\"],\"MatchDomains\":[\"corp.example\",\"t.example\"]},\"Routes\":[{"         \
	"\"Suffix\":\"corp.example\",\"Resolvers\":[{\"Addr\":\"10.1.0.2\"},{\"Addr\":"            \
	"\"10.1.0.3\"}]}],\"LocalZones\":[\"t.example\",\"64.100.in-addr.arpa\",\"0.e.1.a.c.5.1.1" \
	".a.7.d.f.ip6.arpa\"],\"Nodes\":3,\"Records\":1}"

static void a_machine_that_asks_us_some_names(void **state)
{
	char *text = text_of(SPLIT, false, DNS_PROBE_ANSWERS);

	(void)state;
	assert_string_equal(
	    text,
	    "The system is told by: systemd-resolved (why: meshctl dns status --all)\n"
	    "Installed: 100.100.100.100 for 2 suffixes; search t.example\n"
	    "100.100.100.100: answers\n"
	    "\nWho answers what:\n"
	    "  - t.example                      -> this node\n"
	    "  - 2 zones of addresses           -> this node\n"
	    "  - corp.example                   -> 10.1.0.2, 10.1.0.3\n"
	    "  - everything else                -> servers of this system\n"
	    "This node knows 3 machines and 1 records by itself.\n");
	free(text);
	has(SPLIT, true, DNS_PROBE_NONE,
	    "systemd-resolved\n  - resolv.conf says systemd-resolved\n  - it answers\n");
	has("{\"Mode\":\"noop\",\"Installed\":{\"Nameservers\":[\"1.2.3.4\"]}}", true, DNS_PROBE_NONE,
	    "Installed: nothing, the system resolves as it does without us: it cannot be told\n");
	has(SPLIT, false, DNS_PROBE_SILENT, "100.100.100.100: does not answer from here");
}

static void a_machine_that_asks_us_everything(void **state)
{
	static const char view[] =
	    "{\"Mode\":\"direct\",\"Installed\":{\"Nameservers\":[\"100.100.100.100\","
	    "\"fd7a:115c:a1e0::53\"]},\"Base\":{\"Nameservers\":[\"192.168.1.1\"]},\"Routes\":[{"
	    "\"Suffix\":\".\",\"Resolvers\":[{\"Addr\":\"192.168.1.1\"}]}]}";

	(void)state;
	has(view, false, DNS_PROBE_NONE, "100.100.100.100, fd7a:115c:a1e0::53 for all names\n");
	has(view, false, DNS_PROBE_NONE, "Before us: 192.168.1.1\n");
	has(view, false, DNS_PROBE_NONE, "everything else                -> 192.168.1.1\n");
	has("{\"Installed\":{\"Nameservers\":[\"1.2.3.4\"]}}", false, DNS_PROBE_NONE, "-> nobody");
}

static void what_is_wrong_is_said_last(void **state)
{
	(void)state;
	has("{}", false, DNS_PROBE_NONE, "The system is told by: unknown yet\n");
	has("{}", false, DNS_PROBE_NONE, "Installed: nothing");
	has("{\"Error\":\"no\\u001b\",\"Trouble\":\"silent\"}", false, DNS_PROBE_NONE,
	    "\n# The system could not be told: no\\x1b\n# Questions are not answered: silent\n");
	has("{\"Verify\":{\"State\":\"bad\",\"Server\":\"127.0.0.53:53\",\"Text\":\"why\"}}", false,
	    DNS_PROBE_NONE,
	    "The system's resolver does not find names of this network (asked at 127.0.0.53:53)\n");
	has("{\"Verify\":{\"State\":\"bad\",\"Text\":\"why\"}}", false, DNS_PROBE_NONE, "\n# why\n");
	has("{\"Verify\":{\"State\":\"good\",\"Text\":\"x\"}}", false, DNS_PROBE_NONE,
	    "The system's resolver finds names of this network\n");
	has("{\"AskedOutside\":[\"hs.t.example\"]}", false, DNS_PROBE_NONE,
	    "  - hs.t.example                   -> as everything else\n");
	has("{\"OverwrittenBy\":\"dhclient\"}", false, DNS_PROBE_NONE,
	    "# Somebody else writes the configuration: dhclient\n");
}

static void search_domains_are_shown_in_order_of_their_letters(void **state)
{
	json_t *status = json("{\"CurrentTailnet\":{}}"), *prefs = json("{}"),
	       *config = json("{\"Domains\":[\"m.example\",\"c.example\"]}");
	const struct dns_view v = { .status = status, .prefs = prefs, .config = config };
	json_t *o = dns_status_json(&v);
	struct buf b;

	(void)state;
	assert_string_equal(j_text(j_at(j_get(o, "SearchDomains"), 0)), "c.example");
	buf_init(&b, 1u << 20);
	dns_status_text(&v, &b);
	assert_non_null(strstr(buf_cstr(&b), "Search Domains:\n  - c.example\n  - m.example\n"));
	buf_fini(&b);
	j_free(o);
	j_free(status);
	j_free(prefs);
	j_free(config);
}

/* ---- the question ---- */

struct server {
	int fd;
	pthread_t thread;
	unsigned lies; /* replies that do not count come first */
	bool answers;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t msg[512];
	ssize_t n = recvfrom(s->fd, msg, sizeof(msg), 0, (struct sockaddr *)&from, &len);

	if (n < 12)
		return NULL;
	for (unsigned i = 0; i < s->lies; i++) {
		msg[1] ^= 1; /* id */
		msg[2] |= 0x80;
		sendto(s->fd, msg, (size_t)n, 0, (struct sockaddr *)&from, len);
		msg[1] ^= 1;
		msg[2] &= 0x7f; /* the query itself */
		sendto(s->fd, msg, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
	msg[2] |= 0x80;
	if (s->answers)
		sendto(s->fd, msg, (size_t)n, 0, (struct sockaddr *)&from, len);
	return NULL;
}

/* Port 53 of an address of our own loopback; false: it cannot be had here. */
static bool server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(53) };

	a.sin_addr.s_addr = htonl(0x7f353501 + (uint32_t)(getpid() & 0xff));
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(s->fd);
		return false;
	}
	return pthread_create(&s->thread, NULL, serve, s) == 0;
}

static bool probe(struct server *s, int timeout_ms)
{
	struct ip ip = ip_v4(127, 53, 53, (uint8_t)(1 + (getpid() & 0xff)));
	bool ok;

	if (!server_start(s)) {
		print_message("skipped: port 53 cannot be had\n");
		skip();
	}
	ok = dns_probe(ip, "self.t.example.", timeout_ms);
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	return ok;
}

static void only_an_answer_to_our_question_counts(void **state)
{
	struct server good = { .lies = 2, .answers = true }, liar = { .lies = 2 }, silent = { 0 };

	(void)state;
	assert_true(probe(&good, 30000));
	assert_false(probe(&liar, 300));
	assert_false(probe(&silent, 300));
	assert_false(dns_probe(ip_v4(127, 53, 53, 254), "a..b", 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_that_asks_us_some_names),
		cmocka_unit_test(a_machine_that_asks_us_everything),
		cmocka_unit_test(what_is_wrong_is_said_last),
		cmocka_unit_test(search_domains_are_shown_in_order_of_their_letters),
		cmocka_unit_test(only_an_answer_to_our_question_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
