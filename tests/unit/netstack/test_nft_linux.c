/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our rules in nf_tables, beside those of others: what comes, what stays, what goes. */
#include "tests/unit/netstack/nft_fixture.h"

#include <time.h>

/* ---- what there is ---- */

static void off_is_nothing(void **state)
{
	(void)state;
	cfg.mode = RT_NETFILTER_OFF;
	apply();
	same_text(ruleset(), xstrdup(""));
	assert_true(intact());
	down();
	cleanup();
	same_text(ruleset(), xstrdup(""));
}

static void names_are_whole(void **state)
{
	(void)state;
	apply();
	ruleset_has("\"mesh0*\"", 0);
	ruleset_has("\"lo*\"", 0);
}

static void again_changes_nothing(void **state)
{
	(void)state;
	apply();
	char *with_handles = run("nft -s -a list ruleset");
	apply();
	same_text(run("nft -s -a list ruleset"), with_handles);
	assert_true(intact());
}

static void a_restart_makes_no_doubles(void **state)
{
	(void)state;
	apply();
	char *before = canonical();
	for (int i = 0; i < 3; i++) {
		crash();
		start();
		apply();
	}
	same_text(canonical(), before);
	down();
	same_text(ruleset(), xstrdup(""));
}

static void unknown_ports_have_no_rule(void **state)
{
	(void)state;
	cfg.port4 = cfg.port6 = 0;
	apply();
	ruleset_has("udp dport", 0);
	cfg.port6 = 7;
	apply();
	ruleset_has("udp dport 7 ", 2);
}

static void a_port_changes(void **state)
{
	(void)state;
	apply();
	ruleset_has("udp dport 41641 ", 2);
	cfg.port4 = 50000;
	apply();
	ruleset_has("udp dport 41641 ", 0);
	ruleset_has("udp dport 50000 ", 2);
	ruleset_has("udp dport 41642 ", 2);
}

static void options_change(void **state)
{
	(void)state;
	apply();
	char *first = canonical();
	ruleset_has("masquerade fully-random", 1);
	ruleset_has("ct state ! established,related,untracked", 0);
	cfg.snat = false;
	cfg.stateful = true;
	apply();
	ruleset_has("masquerade", 0);
	ruleset_has("ct state ! established,related,untracked", 1);
	cfg.no_guard = true;
	apply();
	ruleset_has("guard", 0);
	ruleset_has("daddr @self", 2);
	cfg.snat = true;
	cfg.stateful = cfg.no_guard = false;
	apply();
	same_text(canonical(), first);
}

static void other_numbers(void **state)
{
	struct router_params p = { 0x0000ff00, 0x00000800, 0x00000400, 52, 5200 };
	(void)state;
	nft_free(n);
	n = nft_new("a-name-of-15-ch", &p, &rep);
	apply();
	ruleset_has("meta mark & 0x0000ff00 == 0x00000400", 4);
	ruleset_has("0x00040000", 0);
	ruleset_has("oifname \"a-name-of-15-ch\"", 4);
}

/* ---- modes ---- */

static void each_mode_from_each(void **state)
{
	char *fresh[3];
	(void)state;
	for (int m = 0; m < 3; m++) {
		cfg.mode = (enum rt_netfilter)m;
		apply();
		fresh[m] = canonical();
		down();
	}
	assert_string_equal(fresh[RT_NETFILTER_OFF], "");
	for (int from = 0; from < 3; from++)
		for (int to = 0; to < 3; to++) {
			cfg.mode = (enum rt_netfilter)from;
			apply();
			cfg.mode = (enum rt_netfilter)to;
			apply();
			same_text(canonical(), xstrdup(fresh[to]));
			assert_true(intact());
		}
	for (int m = 0; m < 3; m++)
		free(fresh[m]);
}

static void nodivert_does_not_divert(void **state)
{
	(void)state;
	cfg.mode = RT_NETFILTER_NODIVERT;
	apply();
	ruleset_has("chain ts-input", 2);
	ruleset_has("chain ts-forward", 2);
	ruleset_has("jump", 0);
	ruleset_has("ct mark", 0);
	ruleset_has("meta mark set", 1);
	ruleset_has("masquerade", 1);
}

/* A plain node does not make the kernel track its connections. */
static void what_is_not_needed_is_not_tracked(void **state)
{
	(void)state;
	cfg.no_connmark = true;
	cfg.snat = false;
	apply();
	ruleset_has("ct ", 0);
	ruleset_has("masquerade", 0);
	ruleset_has("jump", 4);
	cfg.no_connmark = false;
	apply();
	ruleset_has("ct mark", 6);
	cfg.no_connmark = true;
	apply();
	ruleset_has("ct ", 0);
}

static void a_mode_after_a_crash(void **state)
{
	(void)state;
	apply();
	crash();
	start();
	cfg.mode = RT_NETFILTER_NODIVERT;
	apply();
	ruleset_has("jump", 0);
	crash();
	start();
	cfg.mode = RT_NETFILTER_OFF;
	apply();
	same_text(ruleset(), xstrdup(""));
}

/* ---- the guard ---- */

static void the_guard_changes_alone(void **state)
{
	(void)state;
	apply();
	char *before = run("nft -s -a -t list ruleset");
	guard_add("100.64.0.8/32");
	guard_add("100.99.0.0/24");
	apply();
	ruleset_has("100.64.0.7-100.64.0.8", 1);
	ruleset_has("100.99.0.0/24", 1);
	cfg.guard.n = 0;
	guard_add("100.64.0.8/32");
	guard_add("fd7a:115c:a1e0::9/128");
	apply();
	ruleset_has("100.64.0.7", 0);
	ruleset_has("elements = { 100.64.0.8 }", 1);
	ruleset_has("elements = { fd7a:115c:a1e0::9 }", 1);
	assert_true(intact());
	cfg.guard.n = 0;
	apply();
	assert_true(intact());
	same_text(run("nft -s -a -t list ruleset"), before);
}

static void guards_of_every_size(void **state)
{
	static const char *const v[] = { "100.64.0.0/10",      "100.64.0.7/32", "100.100.0.0/16",
					 "255.255.255.255/32", "0.0.0.0/32",	"::/0",
					 "fd7a::/16",	       "0.0.0.0/0",	"::1/128" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		guard_add(v[i]);
		apply();
		assert_true(intact());
		crash();
		start();
		apply();
		assert_true(intact());
	}
}

/* Intervals that meet, split and overlap: the kernel takes each step as a change of elements. */
static void guards_change_at_random(void **state)
{
	uint32_t x = 12345;
	(void)state;
	apply();
	char *rules = run("nft -s -a -t list ruleset");
	for (int i = 0; i < 300; i++) {
		cfg.guard.n = 0;
		for (int j = 0; j < 12; j++) {
			x = x * 1664525 + 1013904223;
			struct ip ip =
			    x & 1u << 30 ? ip_v4(100, 64, 0, x >> 24 & 31) : ev_ip("fd7a::");
			ip.b[ip.fam == IP_V4 ? 3 : 15] = x >> 24 & 31;
			struct prefix p = { ip, (uint8_t)(ip_bits(ip) - (x >> 20) % 4) };
			prefix_list_add(&cfg.guard, prefix_masked(p));
		}
		prefix_list_sort(&cfg.guard);
		apply();
		assert_true(intact());
	}
	same_text(run("nft -s -a -t list ruleset"), rules);
}

static double cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void ten_thousand_guarded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		struct ip ip = ip_v4(100, (uint8_t)(65 + i / 8192), (uint8_t)(i / 32 % 256),
				     (uint8_t)(i % 32 * 8));
		prefix_list_add(&cfg.guard, prefix_host(ip));
	}
	prefix_list_sort(&cfg.guard);
	double t = cpu_ms();
	apply();
	double all = cpu_ms() - t;
	guard_add("100.127.1.1/32");
	t = cpu_ms();
	apply();
	double one = cpu_ms() - t;
	printf("10,000 guarded: %.1f ms, one more: %.1f ms of CPU\n", all, one);
	assert_true(all < 2000); /* not something that grows with their square */
	ruleset_has("100.127.1.1", 1);
	assert_true(intact());
}

/* ---- others on the machine ---- */

static const char *const users_rules[] = {
	"iptables-nft -P INPUT DROP",
	"iptables-nft -A INPUT -i lo -j ACCEPT",
	"iptables-nft -A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT",
	"iptables-nft -P FORWARD DROP",
	"iptables-nft -N DOCKER-USER",
	"iptables-nft -A FORWARD -j DOCKER-USER",
	"iptables-nft -A DOCKER-USER -j RETURN",
	"iptables-nft -t nat -A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE",
	"ip6tables-nft -P INPUT DROP",
	"ip6tables-nft -A INPUT -i lo -j ACCEPT",
};

static void make_users_rules(void)
{
	for (size_t i = 0; i < ARRAY_LEN(users_rules); i++)
		do_run(users_rules[i]);
}

/* Every line of a is in b, in order. */
static void is_part_of(const char *a, const char *b)
{
	char *copy = xstrdup(a), *save;
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		const char *at = strstr(b, l);
		if (!at)
			printf("'%s' is not in, or out of order:\n%s\n", l, b);
		assert_non_null(at);
		b = at + strlen(l);
	}
	free(copy);
}

static void iptables_rules_stay(void **state)
{
	(void)state;
	make_users_rules();
	char *before = run("iptables-nft -S"), *before6 = run("ip6tables-nft -S");
	char *nat = run("iptables-nft -t nat -S"), *text = ruleset();
	apply();
	char *with = run("iptables-nft -S"), *with6 = run("ip6tables-nft -S");
	is_part_of(strstr(before, "-A"), with);
	is_part_of(strstr(before6, "-A"), with6);
	is_part_of("-A INPUT -j ts-input\n-A INPUT -i lo -j ACCEPT\n", with);
	is_part_of("-A FORWARD -j ts-forward\n-A FORWARD -j DOCKER-USER\n", with);
	is_part_of("-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT\n"
		   "-A ts-forward -o mesh0 -j ACCEPT\n"
		   "-A ts-input -s 100.64.0.1/32 -i lo -j ACCEPT\n-A ts-input -i mesh0 -j ACCEPT\n"
		   "-A ts-input -p udp -m udp --dport 41641 -j ACCEPT\n",
		   with);
	is_part_of("-A INPUT -j ts-input\n-A INPUT -i lo -j ACCEPT\n", with6);
	same_text(run("iptables-nft -t nat -S"), nat);
	down();
	same_text(run("iptables-nft -S"), before);
	same_text(run("ip6tables-nft -S"), before6);
	same_text(ruleset(), text);
	free(with);
	free(with6);
}

static void a_crash_is_cleaned_up(void **state)
{
	(void)state;
	for (int users = 0; users < 2; users++) {
		if (users)
			make_users_rules();
		char *before = ruleset();
		apply();
		crash();
		cleanup();
		cleanup();
		same_text(ruleset(), before);
		start();
	}
}

/* Who came while we were there keeps the tables and chains that we had made. */
static void tables_in_use_stay(void **state)
{
	(void)state;
	apply();
	do_run("iptables-nft -P FORWARD DROP");
	do_run("iptables-nft -A INPUT -p icmp -j ACCEPT");
	down();
	same_text(run("iptables-nft -S"),
		  xstrdup("-P INPUT ACCEPT\n-P FORWARD DROP\n"
			  "-P OUTPUT ACCEPT\n-A INPUT -p icmp -j ACCEPT\n"));
	ruleset_has("table ip6 filter", 0);
}

static void a_moved_jump_stays_where_it_is(void **state)
{
	(void)state;
	do_run("iptables-nft -N ts-input");
	do_run("iptables-nft -A INPUT -i lo -j ACCEPT");
	do_run("iptables-nft -A INPUT -j ts-input");
	do_run("iptables-nft -A INPUT -p icmp -j DROP");
	apply();
	char *s = run("iptables-nft -S INPUT");
	same_text(s, xstrdup("-P INPUT ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -j ts-input\n"
			     "-A INPUT -p icmp -j DROP\n"));
	assert_true(intact());
	down();
	same_text(run("iptables-nft -S INPUT"),
		  xstrdup("-P INPUT ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p icmp -j DROP\n"));
}

static void jumps_of_the_user_stay(void **state)
{
	static const char *const jump = "-A INPUT -i eth9 -j ts-input\n";
	(void)state;
	cfg.mode = RT_NETFILTER_NODIVERT;
	apply();
	do_run("iptables-nft -A INPUT -i eth9 -j ts-input");
	do_run("iptables-nft -A FORWARD -j ts-forward");
	cfg.port4 = 9;
	apply();
	assert_true(intact());
	char *with = run("iptables-nft -S");
	is_part_of(jump, with);
	is_part_of("-A FORWARD -j ts-forward\n", with);
	is_part_of("--dport 9 -j ACCEPT\n", with);
	free(with);
	down();
	/* What they lead to is empty, and they are the user's to remove. */
	same_text(run("iptables-nft -S"),
		  xstrdup("-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-N ts-forward\n"
			  "-N ts-input\n-A INPUT -i eth9 -j ts-input\n-A FORWARD -j ts-forward\n"));
	do_run("iptables-nft -D INPUT -i eth9 -j ts-input");
	cleanup();
	same_text(run("iptables-nft -S"),
		  xstrdup("-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n"));
}

/* A later run uses iptables: only what carries our mark goes. */
static void iptables_takes_over(void **state)
{
	(void)state;
	apply();
	crash();
	nft_hand_over(&rep);
	assert_string_equal(rep.first, "");
	same_text(ruleset(), xstrdup(""));
	do_run("iptables-nft -N ts-input");
	do_run("iptables-nft -A ts-input -i mesh0 -j ACCEPT");
	do_run("iptables-nft -A INPUT -p esp -j ACCEPT");
	do_run("iptables-nft -A INPUT -j ts-input");
	char *before = run("iptables-nft -S");
	nft_hand_over(&rep);
	assert_string_equal(rep.first, "");
	same_text(run("iptables-nft -S"), before);
	start();
}

static const char other_agent[] =
    "table ip filter {\n"
    " chain ts-input { ip saddr 100.64.0.0/10 counter drop; }\n"
    " chain ts-forward { meta mark set 1; }\n"
    " chain INPUT { type filter hook input priority 0; policy accept;\n"
    "  counter jump ts-input; tcp dport 22 accept; counter jump ts-input; }\n"
    " chain FORWARD { type filter hook forward priority 0; policy accept; jump ts-forward; }\n"
    "}\n"
    "table ip nat {\n"
    " chain ts-postrouting { meta mark 7 masquerade; }\n"
    " chain POSTROUTING { type nat hook postrouting priority 100; policy accept;\n"
    "  jump ts-postrouting; ip saddr 172.17.0.0/16 masquerade; }\n"
    "}\n"
    "table inet meshd {\n"
    " chain input { type filter hook input priority 5; policy drop; accept; }\n"
    " chain strange { drop; }\n"
    "}\n";

static void another_agents_names(void **state)
{
	(void)state;
	apply();
	char *ours = run("nft -s list table inet meshd");
	down();
	nft_feed(other_agent);
	apply();
	same_text(run("nft -s list table inet meshd"), ours);
	char *s = run("nft -s list table ip filter");
	assert_int_equal(count(s, "100.64.0.0/10"), 0);
	assert_int_equal(count(s, "meta mark set"), 0);
	assert_int_equal(count(s, "udp dport 41641"), 1);
	is_part_of("jump ts-input\ntcp dport 22 accept\n", s);
	free(s);
	crash();
	cleanup();
	same_text(ruleset(),
		  xstrdup("table ip filter {\n\tchain INPUT {\n"
			  "\t\ttype filter hook input priority filter; policy accept;\n"
			  "\t\ttcp dport 22 accept\n\t}\n\n\tchain FORWARD {\n"
			  "\t\ttype filter hook forward priority filter; policy accept;\n\t}\n}\n"
			  "table ip nat {\n\tchain POSTROUTING {\n"
			  "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
			  "\t\tip saddr 172.17.0.0/16 masquerade\n\t}\n}\n"));
}

/* With mode off another agent may be at work here. */
static void off_touches_nothing_of_others(void **state)
{
	(void)state;
	nft_feed(other_agent);
	do_run("nft delete table inet meshd");
	char *before = ruleset();
	cfg.mode = RT_NETFILTER_OFF;
	apply();
	same_text(ruleset(), before);
}

/* ---- what others take away ---- */

static void comes_back(const char *cmd)
{
	char *before = canonical();
	do_run(cmd);
	if (intact())
		printf("not noticed: %s\n", cmd);
	assert_false(intact());
	apply();
	if (!intact())
		printf("not put right: %s\n", cmd);
	assert_true(intact());
	same_text(canonical(), before);
}

static void what_is_taken_comes_back(void **state)
{
	(void)state;
	apply();
	assert_true(intact());
	comes_back("nft flush ruleset");
	comes_back("nft delete table inet meshd");
	comes_back("nft delete table ip6 filter");
	comes_back("nft flush chain inet meshd forward");
	comes_back("nft flush chain inet meshd forward; nft delete chain inet meshd forward");
	comes_back("nft add rule inet meshd input drop");
	comes_back("nft insert rule ip filter ts-input drop");
	comes_back("nft flush set inet meshd guard4");
	comes_back("nft add element inet meshd guard4 { 192.0.2.1 }");
	comes_back("nft delete element inet meshd guard6 { fd7a:115c:a1e0::/48 }");
	comes_back("nft add chain inet meshd input '{ policy drop; }'");
	comes_back("nft add table inet meshd '{ flags dormant; }'");
	comes_back("iptables-nft -F");
	comes_back("iptables-nft -D INPUT -j ts-input");
	comes_back("iptables-nft -F INPUT");
	comes_back("ip6tables-nft -D FORWARD -j ts-forward");
	comes_back("iptables-nft -F ts-forward");
}

static void what_others_add_is_theirs(void **state)
{
	(void)state;
	apply();
	do_run("iptables-nft -I INPUT -p tcp --dport 22 -j ACCEPT");
	do_run("iptables-nft -P FORWARD DROP");
	do_run("nft add table inet other; nft add chain inet other x");
	do_run("iptables-nft -Z");
	do_run("nft reset rules >/dev/null 2>&1 || nft reset counters");
	assert_true(intact());
}

/* What netfilter-persistent does: rules of ours come back as copies, old ones perhaps. */
static void a_dump_is_restored(void **state)
{
	(void)state;
	make_users_rules();
	char *before = run("iptables-nft -S");
	apply();
	char *dump = run("iptables-nft-save"), *with = run("iptables-nft -S");
	cfg.port4 = 50000;
	apply();
	FILE *f = popen("iptables-nft-restore", "w");
	fputs(dump, f);
	assert_int_equal(pclose(f), 0);
	assert_false(intact());
	apply();
	assert_true(intact());
	cfg.port4 = 41641;
	apply();
	same_text(run("iptables-nft -S"), with);
	down();
	same_text(run("iptables-nft -S"), before);
	free(dump);
}

/* While only peers come and go, what is missing is noticed all the same. */
static void a_guard_change_repairs(void **state)
{
	(void)state;
	apply();
	do_run("nft flush ruleset");
	guard_add("100.64.0.200/32");
	apply();
	ruleset_has("100.64.0.200", 1);
	ruleset_has("jump ts-input", 2);
	assert_true(intact());
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(off_is_nothing),
		T(names_are_whole),
		T(again_changes_nothing),
		T(a_restart_makes_no_doubles),
		T(unknown_ports_have_no_rule),
		T(a_port_changes),
		T(options_change),
		T(other_numbers),
		T(each_mode_from_each),
		T(nodivert_does_not_divert),
		T(what_is_not_needed_is_not_tracked),
		T(a_mode_after_a_crash),
		T(the_guard_changes_alone),
		T(guards_of_every_size),
		T(guards_change_at_random),
		T(ten_thousand_guarded),
		T(iptables_rules_stay),
		T(a_crash_is_cleaned_up),
		T(tables_in_use_stay),
		T(a_moved_jump_stays_where_it_is),
		T(jumps_of_the_user_stay),
		T(iptables_takes_over),
		T(another_agents_names),
		T(off_touches_nothing_of_others),
		T(what_is_taken_comes_back),
		T(what_others_add_is_theirs),
		T(a_dump_is_restored),
		T(a_guard_change_repairs),
	};
	netns_need_root();
	nft_need_tools();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
