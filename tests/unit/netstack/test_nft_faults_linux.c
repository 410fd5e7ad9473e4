/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nftables back end where things go wrong: kernels that cannot do it all, refusals in the
 * middle, others who change rules at the same moment, no rights; and being told of changes. What
 * goes to the kernel is tampered with on its way, so that the kernel itself refuses. */
#include "tests/unit/netstack/nft_fixture.h"

#include "netstack/nft_msg_linux.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NO_FAMILY 99
#define NO_SUBSYSTEM 200

/* ---- on the way to the kernel ---- */

static struct tamper {
	const char *expression; /* not known to this kernel */
	const char *expression2;
	bool no_inet, no_ip6, no_sets, no_nf_tables;
	int refuse_message;	 /* this one of the first batch, from 1 */
	int races;		 /* batches before which somebody else changes something */
	const char *after_batch; /* what somebody does right behind the first one */
	int batches;		 /* seen */
} tamper;

static uint16_t type_of(const struct nlmsghdr *h)
{
	return h->nlmsg_type & 0xff;
}

static void spoil_expression(uint8_t *buf, size_t len, const char *name)
{
	uint8_t attr[32] = { (uint8_t)(strlen(name) + 5), 0, NFTA_EXPR_NAME, 0 };
	memcpy(attr + 4, name, strlen(name));
	for (size_t i = 0; i + attr[0] <= len; i++)
		if (memcmp(buf + i, attr, attr[0]) == 0)
			buf[i + 4] = 'Z';
}

static void spoil_set(struct nlmsghdr *h)
{
	struct nlattr *a;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) == NFTA_SET_KEY_LEN)
			memset(mnl_attr_get_payload(a), 0, 4);
	}
}

static void spoil_message(struct nlmsghdr *h, int i)
{
	struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	bool new_table = type_of(h) == NFT_MSG_NEWTABLE;
	if (tamper.no_inet && new_table && g->nfgen_family == NFPROTO_INET)
		g->nfgen_family = NO_FAMILY;
	if (tamper.no_ip6 && new_table && g->nfgen_family == NFPROTO_IPV6)
		g->nfgen_family = NO_FAMILY;
	if (tamper.no_sets && type_of(h) == NFT_MSG_NEWSET)
		spoil_set(h);
	if (tamper.batches == 1 && tamper.refuse_message == i)
		g->nfgen_family = NO_FAMILY;
}

static void spoil_batch(uint8_t *buf, size_t len)
{
	int i = 0;
	tamper.batches++;
	if (tamper.expression)
		spoil_expression(buf, len, tamper.expression);
	if (tamper.expression2)
		spoil_expression(buf, len, tamper.expression2);
	for (size_t at = 0; at < len; i++) {
		struct nlmsghdr *h = (void *)(buf + at);
		at += MNL_ALIGN(h->nlmsg_len);
		if (h->nlmsg_type >= NLMSG_MIN_TYPE && h->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES)
			spoil_message(h, i);
	}
	if (tamper.races-- > 0) {
		char *cmd = xasprintf("nft add table ip other%d", tamper.batches);
		do_run(cmd);
		free(cmd);
	}
}

/* Stands before that of libmnl. */
ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	uint8_t *copy = xcalloc(1, len);
	memcpy(copy, buf, len);
	struct nlmsghdr *h = (void *)copy;
	if (tamper.no_nf_tables)
		h->nlmsg_type = NO_SUBSYSTEM << 8;
	else if (h->nlmsg_type == NFNL_MSG_BATCH_BEGIN)
		spoil_batch(copy, len);
	else if (tamper.batches > 0 && tamper.after_batch) {
		do_run(tamper.after_batch);
		tamper.after_batch = NULL;
	}
	ssize_t sent = send(mnl_socket_get_fd(nl), copy, len, 0);
	free(copy);
	return sent;
}

static int setup_untampered(void **state)
{
	tamper = (struct tamper){ 0 };
	return setup(state);
}

/* ---- kernels that cannot do it all ---- */

static void loses(size_t i, const char *what)
{
	const char *lost = nft_lost(n, i);
	if (!what) {
		assert_null(lost);
		return;
	}
	assert_non_null(lost);
	assert_non_null(strstr(lost, what));
}

static void without_masquerade(void **state)
{
	(void)state;
	tamper.expression = "masq";
	apply();
	loses(0, "not masqueraded");
	assert_non_null(strstr(nft_lost(n, 0), "modprobe nft_masq"));
	loses(1, NULL);
	ruleset_has("masquerade", 0);
	ruleset_has("table inet meshd", 1);
	ruleset_has("jump ts-input", 2);
	assert_true(intact());
	/* Where it is not wanted it is no loss; once the kernel has it, it is used. */
	cfg.snat = false;
	apply();
	loses(0, NULL);
	tamper.expression = NULL;
	cfg.snat = true;
	apply();
	loses(0, NULL);
	ruleset_has("masquerade", 1);
}

static void without_conntrack(void **state)
{
	(void)state;
	tamper.expression = "ct";
	cfg.stateful = true;
	apply();
	loses(0, "stateful filtering is off");
	loses(1, "reverse-path");
	loses(2, NULL);
	ruleset_has("ct ", 0);
	ruleset_has("masquerade", 1);
	ruleset_has("saddr @guard", 4);
}

static void without_sets(void **state)
{
	(void)state;
	tamper.no_sets = true;
	apply();
	loses(0, "forged tailnet addresses");
	loses(1, NULL);
	ruleset_has("@", 0);
	ruleset_has("interval", 0);
	guard_add("100.64.0.77/32");
	apply();
	assert_true(intact());
	ruleset_has("100.64.0.77", 0);
}

/* The same for packets, in two tables. */
static void without_inet(void **state)
{
	(void)state;
	tamper.no_inet = true;
	apply();
	loses(0, NULL);
	ruleset_has("table inet", 0);
	ruleset_has("table ip meshd", 1);
	ruleset_has("table ip6 meshd", 1);
	ruleset_has("masquerade", 2);
	ruleset_has("nfproto", 0);
	ruleset_has("ip saddr @guard4", 2);
	ruleset_has("ip6 saddr @guard6", 2);
	guard_add("100.64.0.77/32");
	guard_add("fd7a::/16");
	apply();
	ruleset_has("100.64.0.77", 1);
	ruleset_has("fd7a::/16", 1);
	assert_true(intact());
	/* A later start with a better kernel leaves none of them. */
	tamper.no_inet = false;
	cfg.port4 = 1;
	apply();
	ruleset_has("table ip meshd", 0);
	ruleset_has("table ip6 meshd", 0);
	ruleset_has("table inet meshd", 1);
	down();
	same_text(ruleset(), xstrdup(""));
}

static void without_ipv6(void **state)
{
	(void)state;
	tamper.no_inet = tamper.no_ip6 = true;
	apply();
	loses(0, NULL);
	ruleset_has("ip6", 0);
	ruleset_has("table ip meshd", 1);
	ruleset_has("jump ts-input", 1);
	ruleset_has("masquerade", 1);
	assert_true(intact());
	guard_add("fd7a::/16");
	apply();
	assert_true(intact());
	down();
	same_text(ruleset(), xstrdup(""));
}

static void with_next_to_nothing(void **state)
{
	(void)state;
	tamper = (struct tamper){
		.expression = "masq", .expression2 = "ct", .no_inet = true, .no_sets = true
	};
	cfg.stateful = true;
	apply();
	loses(0, "forged");
	loses(1, "stateful");
	loses(2, "reverse-path");
	loses(3, "traffic is not masqueraded");
	loses(4, "IPv6 traffic is not masqueraded");
	loses(5, NULL);
	ruleset_has("meta mark set", 2);
	ruleset_has("jump ts-forward", 2);
	assert_true(intact());
}

static void without_nf_tables(void **state)
{
	(void)state;
	tamper.no_nf_tables = true;
	assert_null(nft_new(TUN, &params, &rep));
	assert_non_null(strstr(rep.first, "modprobe nf_tables"));
	cleanup();
}

/* ---- refusals ---- */

static void a_refusal_changes_nothing(int rc, const char *why, char *before)
{
	assert_int_equal(rc, nft_apply(n, &cfg, &rep));
	assert_int_equal(rep.failed, 1);
	if (!strstr(rep.first, why))
		printf("%s\n", rep.first);
	assert_non_null(strstr(rep.first, why));
	same_text(ruleset(), before);
}

static void refused_for_a_base_part(void **state)
{
	(void)state;
	apply();
	cfg.port4 = 9;
	tamper.expression = "immediate";
	a_refusal_changes_nothing(-ERR_UNSUPPORTED, "nft list ruleset", ruleset());
	tamper.expression = NULL;
	apply();
	ruleset_has("udp dport 9 ", 2);
}

/* Whichever message the kernel refuses: the old rules, or the new ones but for a part. */
static void refused_at_any_message(void **state)
{
	int applied = 0, refused = 0;
	(void)state;
	cfg.stateful = true;
	for (int i = 1; i < 200; i++) {
		tamper = (struct tamper){ 0 };
		cfg.port4 = 1;
		apply();
		char *before = ruleset();
		tamper = (struct tamper){ .refuse_message = i };
		cfg.port4 = 2;
		int rc = nft_apply(n, &cfg, &rep);
		char *after = ruleset();
		bool all = tamper.batches == 1 && rc == 0; /* i is past the last */
		if (rc == 0)
			assert_true(intact());
		else
			assert_string_equal(after, before);
		assert_true((count(after, "udp dport 2 ") > 0) == (rc == 0));
		applied += rc == 0;
		refused += rc != 0;
		free(before);
		free(after);
		if (all)
			break;
	}
	assert_in_range(applied, 10, 100);
	assert_in_range(refused, 10, 100);
}

/* Somebody else holds a table of our name, and will not give it. */
static struct nft_sock own_table_elsewhere(void)
{
	struct nft_sock s;
	struct nft_batch b;
	uint32_t gen;
	assert_int_equal(nft_sock_open(&s), 0);
	assert_int_equal(nft_generation(&s, &gen), 0);
	nft_batch_init(&b, &s, gen);
	struct nlmsghdr *h = nft_batch_add(&b, &s, NFT_MSG_NEWTABLE, NFPROTO_INET, NLM_F_CREATE,
					   (struct nft_step){ 0 });
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, "meshd");
	mnl_attr_put_u32(h, NFTA_TABLE_FLAGS, htonl(2 /* NFT_TABLE_F_OWNER */));
	assert_int_equal(nft_batch_commit(&b, &s).err, 0);
	nft_batch_fini(&b);
	return s;
}

static void a_table_that_is_not_given(void **state)
{
	(void)state;
	apply();
	do_run("nft delete table inet meshd");
	struct nft_sock other = own_table_elsewhere();
	a_refusal_changes_nothing(-ERR_PERM, "another program owns it", ruleset());
	ruleset_has("jump ts-input", 2);
	nft_sock_close(&other); /* and its table goes */
	apply();
	assert_true(intact());
}

static void chains_of_another_kind(void **state)
{
	(void)state;
	nft_feed(
	    "table ip filter { chain ts-forward { type filter hook forward priority 0; }; }\n");
	a_refusal_changes_nothing(-ERR_UNSUPPORTED, "chains of another kind", ruleset());
	do_run("nft flush ruleset");
	apply();
}

static void bad_names(void **state)
{
	static const char *const bad[] = { "", "sixteen-chars-xy", "a/b", ".." };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_null(nft_new(bad[i], &params, &rep));
		assert_int_equal(rep.failed, 1);
	}
	nft_free(NULL);
	nft_monitor_free(NULL);
}

/* ---- rights ---- */

static int child_without_rights(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };
	static const char why[] = "meshd needs CAP_NET_ADMIN";
	if (setresuid(65534, 65534, 65534) || syscall(SYS_capset, &h, d))
		return 1;
	if (nft_new(TUN, &params, &rep) || !strstr(rep.first, why))
		return 2;
	if (nft_apply(n, &cfg, &rep) != -ERR_PERM || !strstr(rep.first, why))
		return 3;
	nft_cleanup(&rep);
	return strstr(rep.first, why) ? 0 : 4;
}

static void without_rights(void **state)
{
	int status;
	(void)state;
	pid_t pid = fork();
	if (pid == 0)
		_exit(child_without_rights());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	same_text(ruleset(), xstrdup(""));
}

/* ---- at the same moment ---- */

static void somebody_comes_between(void **state)
{
	(void)state;
	tamper.races = 3;
	apply();
	assert_int_equal(tamper.batches, 4);
	ruleset_has("table ip other", 3);
	assert_true(intact());
}

static void somebody_comes_between_all_the_time(void **state)
{
	(void)state;
	tamper.races = 1000;
	assert_int_equal(nft_apply(n, &cfg, &rep), -ERR_AGAIN);
	assert_non_null(strstr(rep.first, "nft monitor"));
	ruleset_has("meshd", 0);
	tamper.races = 0;
	apply();
}

/* What is there right after a change is not taken for ours without looking. */
static void somebody_comes_right_behind(void **state)
{
	(void)state;
	tamper.after_batch = "nft add rule inet meshd input drop";
	apply();
	assert_false(intact());
	apply();
	assert_true(intact());
}

/* ---- being told ---- */

static struct loop *loop;
static struct nft_monitor *monitor;
static int told;

static void on_changed(void *arg)
{
	(void)arg;
	told++;
}

static int setup_monitor(void **state)
{
	setup_untampered(state);
	loop = loop_new();
	told = 0;
	monitor = nft_monitor_new(loop, n, on_changed, NULL);
	assert_non_null(monitor);
	return 0;
}

static int teardown_monitor(void **state)
{
	nft_monitor_free(monitor);
	loop_free(loop);
	return teardown(state);
}

static void wait_told(const char *cmd)
{
	told = 0;
	do_run(cmd);
	while (told == 0)
		loop_turn(loop, 1000);
}

static void turn_for_ms(int ms)
{
	mono_t until = mono_add_ms(loop_now(loop), ms);
	while (mono_before(loop_now(loop), until))
		loop_turn(loop, 20);
}

static void told_of_what_is_taken(void **state)
{
	static const char *const cmds[] = {
		"nft flush ruleset",
		"nft delete table inet meshd",
		"iptables-nft -D INPUT -j ts-input",
		"ip6tables-nft -F",
		"nft flush set inet meshd guard4",
		"nft insert rule ip filter ts-input drop",
	};
	(void)state;
	apply();
	for (size_t i = 0; i < ARRAY_LEN(cmds); i++) {
		wait_told(cmds[i]);
		assert_int_equal(told, 1);
		assert_false(intact());
		apply();
		assert_true(intact());
	}
}

static void not_told_of_what_is_no_news(void **state)
{
	(void)state;
	apply();
	cfg.port4 = 7;
	apply();
	guard_add("100.64.0.99/32");
	apply();
	do_run("nft add table inet other");
	do_run("iptables-nft -A INPUT -p icmp -j ACCEPT");
	do_run("iptables-nft -P FORWARD DROP");
	do_run("iptables-nft -N DOCKER");
	do_run("iptables-nft -A DOCKER -j RETURN");
	do_run("iptables-nft -F DOCKER");
	do_run("nft delete table inet other");
	turn_for_ms(300);
	assert_int_equal(told, 0);
	assert_true(intact());
	wait_told("nft flush ruleset");
}

/* More at once than a socket takes: something of ours may have been among it. */
static void told_when_messages_are_lost(void **state)
{
	(void)state;
	apply();
	FILE *f = popen("nft -f -", "w");
	fputs("table inet other {\n set s { type ipv4_addr; elements = {\n", f);
	for (int i = 0; i < 60000; i++)
		fprintf(f, "10.%d.%d.%d,\n", i >> 16, i >> 8 & 255, i & 255);
	fputs("}; }; }\n", f);
	assert_int_equal(pclose(f), 0);
	while (told == 0)
		loop_turn(loop, 1000);
	assert_true(intact());
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_untampered, teardown)
#define M(name) cmocka_unit_test_setup_teardown(name, setup_monitor, teardown_monitor)
	const struct CMUnitTest tests[] = {
		T(without_masquerade),
		T(without_conntrack),
		T(without_sets),
		T(without_inet),
		T(without_ipv6),
		T(with_next_to_nothing),
		T(without_nf_tables),
		T(refused_for_a_base_part),
		T(refused_at_any_message),
		T(a_table_that_is_not_given),
		T(chains_of_another_kind),
		T(bad_names),
		T(without_rights),
		T(somebody_comes_between),
		T(somebody_comes_between_all_the_time),
		T(somebody_comes_right_behind),
		M(told_of_what_is_taken),
		M(not_told_of_what_is_no_news),
		M(told_when_messages_are_lost),
	};
	netns_need_root();
	nft_need_tools();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
