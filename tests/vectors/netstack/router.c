/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netfilter.json: rules, table 52 and addresses after each configuration, as ip(8) prints them. Two
 * things differ on purpose: with an exit node ours also has the leak guard, and clean-up after a
 * crash leaves nothing. */
#include "tests/lib/vec.h"
#include "tests/unit/netstack/router_kernel.h"

#define TUN "tailscale0"
#define LINES_MAX 64

static int checked;

struct lines {
	char v[LINES_MAX][200];
	size_t n;
};

static void cut(char *line, const char *word)
{
	char *at = strstr(line, word);
	if (at)
		memmove(at, at + strlen(word), strlen(at + strlen(word)) + 1);
}

/* Blanks at the end go; so does what depends on whether the TUN has a reader, and on the moment. */
static void tidy(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	cut(line, " linkdown");
	cut(line, " tentative");
	for (size_t n = strlen(line); n && line[n - 1] == ' '; n--)
		line[n - 1] = '\0';
}

static struct lines run(const char *cmd)
{
	struct lines l = { .n = 0 };
	FILE *f = popen(cmd, "re");
	assert_non_null(f);
	while (l.n < LINES_MAX && fgets(l.v[l.n], sizeof(l.v[l.n]), f))
		tidy(l.v[l.n++]);
	pclose(f);
	return l;
}

/* "3: tailscale0    inet 100.64.0.1/32 scope global tailscale0\       valid_lft ..." without the
 * number, the lifetimes and the link-local address */
static struct lines addresses(void)
{
	struct lines all = run("ip -o addr show dev " TUN), l = { .n = 0 };
	for (size_t i = 0; i < all.n; i++) {
		char *family = strstr(all.v[i], "inet");
		if (!family || strstr(family, "scope link"))
			continue;
		family[strcspn(family, "\\")] = '\0';
		snprintf(l.v[l.n], sizeof(l.v[l.n]), TUN " %.180s", family);
		tidy(l.v[l.n++]);
	}
	return l;
}

/* Takes the guard out; true if it was there. */
static bool take_guard(struct lines *l)
{
	size_t n = 0;
	bool found = false;
	for (size_t i = 0; i < l->n; i++) {
		bool guard = strncmp(l->v[i], "unreachable default", 19) == 0 &&
			     strstr(l->v[i], "metric 4294967295");
		found |= guard;
		if (!guard && n != i)
			memcpy(l->v[n], l->v[i], sizeof(l->v[n]));
		n += !guard;
	}
	l->n = n;
	return found;
}

static void check(const char *step, const char *what, const struct lines *got, const json_t *want)
{
	bool same = got->n == j_len(want);
	for (size_t i = 0; same && i < got->n; i++) {
		char line[200];
		snprintf(line, sizeof(line), "%s", j_text(j_at(want, i)));
		tidy(line);
		same = strcmp(line, got->v[i]) == 0;
	}
	checked++;
	if (same)
		return;
	printf("%s: %s: found\n", step, what);
	for (size_t i = 0; i < got->n; i++)
		printf("  %s\n", got->v[i]);
	for (size_t i = 0; i < j_len(want); i++)
		printf("wanted %s\n", j_text(j_at(want, i)));
	fail();
}

static void read_list(struct prefix_list *out, const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++)
		prefix_list_add(out, pk_prefix(j_text(j_at(list, i))));
	prefix_list_sort(out);
}

static struct router_config read_config(const json_t *o)
{
	struct router_config c = { .mtu = 1280 };
	read_list(&c.addrs, j_get(o, "LocalAddrs"));
	read_list(&c.routes, j_get(o, "Routes"));
	read_list(&c.throws, j_get(o, "LocalRoutes"));
	c.guard = prefix_list_has(&c.routes, pk_prefix("0.0.0.0/0"));
	return c;
}

static void check_step(const json_t *step, const json_t *as, bool guard)
{
	const char *name = j_str(step, "name");
	struct lines rule4 = run("ip rule"), rule6 = run("ip -6 rule"), addr = addresses();
	struct lines t4 = run("ip route show table 52 2>/dev/null");
	struct lines t6 = run("ip -6 route show table 52 2>/dev/null");
	assert_int_equal(take_guard(&t4), guard);
	assert_int_equal(take_guard(&t6), guard);
	check(name, "ip rule", &rule4, j_get(as, "ip_rule"));
	check(name, "ip -6 rule", &rule6, j_get(as, "ip6_rule"));
	check(name, "table 52", &t4, j_get(as, "table52"));
	check(name, "table 52, IPv6", &t6, j_get(as, "table52_v6"));
	check(name, "addresses", &addr, j_get(as, "addr"));
}

static void play(const json_t *steps)
{
	static const struct router_params params = ROUTER_PARAMS_DEFAULT;
	struct router_report rep;
	bool guard = false;
	netns_fresh();
	struct tun tun = netns_tun(TUN);
	struct router *r = router_new(TUN, &params, &rep);
	const json_t *empty = j_at(steps, j_len(steps) - 1); /* after an orderly close */
	assert_non_null(r);
	router_up(r, &rep);
	kernel_ok(&rep);
	for (size_t i = 0; i < j_len(steps); i++) {
		const json_t *step = j_at(steps, i), *config = j_get(step, "config");
		bool crash = strcmp(j_str(step, "name"), "clean-up after crash") == 0;
		if (j_is_object(config)) {
			struct router_config c = read_config(config);
			guard = c.guard;
			router_apply(r, &c, &rep);
			kernel_ok(&rep);
			router_config_fini(&c);
		}
		if (crash)
			router_linux_cleanup(TUN, &params, &rep);
		if (step == empty)
			router_down(r, false, &rep);
		kernel_ok(&rep);
		check_step(step, crash ? empty : step, guard);
	}
	router_free(r);
	tun_close(&tun);
}

static void as_the_reference_with_iptables(void **state)
{
	(void)state;
	play(j_get(vec_load("netfilter.json"), "iptables"));
}

static void as_the_reference_with_nftables(void **state)
{
	(void)state;
	play(j_get(vec_load("netfilter.json"), "nftables"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_reference_with_iptables),
		cmocka_unit_test(as_the_reference_with_nftables),
	};
	vec_load("netfilter.json");
	netns_need_root();
	if (run("ip -V").n == 0) {
		printf("needs ip(8)\n");
		return 77;
	}
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	printf("%d lists compared\n", checked);
	return rc;
}
