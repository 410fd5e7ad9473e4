/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kill -9 before each request of a router's life. What is left is enough for the next start, which
 * ends where one without the crash ends and never opens a guard that stood; and --cleanup leaves
 * the machine as it was before. */
#include "tests/unit/netstack/router_underlay.h"

#include <linux/if_tun.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static const struct router_params params = ROUTER_PARAMS_DEFAULT;
static const char *const addrs[] = { "100.64.0.1/32", "fd7a:115c:a1e0::1/128", NULL };
static const char *const other_addrs[] = { "100.64.0.9/32", "fd7a:115c:a1e0::1/128", NULL };
static const char *const plain_routes[] = { "100.64.0.2/32", "fd7a:115c:a1e0::/48", NULL };
static const char *const exit_routes[] = { "0.0.0.0/0", "::/0", "100.64.0.2/32", NULL };
static const char *const throws[] = { "127.0.0.0/8", "2001:db8:7::/64", NULL };

static struct tun card;
static struct nl_sock *nl;
static struct router_config plain, out;
static struct kernel before;

static int setup(void **state)
{
	(void)state;
	card = underlay_make(&nl);
	before = kernel_read();
	plain = kernel_config(false, other_addrs, plain_routes, NULL);
	out = kernel_config(true, addrs, exit_routes, throws);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tun_close(&card);
	nl_socket_free(nl);
	kernel_forget(&before);
	router_config_fini(&plain);
	router_config_fini(&out);
	return 0;
}

/* ---- a life, cut off ---- */

static int life_left; /* requests */

static int die(int type, int fam)
{
	(void)fam;
	bool reads = type == RTM_GETROUTE || type == RTM_GETRULE || type == RTM_GETADDR;
	if (!reads && life_left-- == 0)
		kill(getpid(), SIGKILL);
	return 0;
}

/* A step a send, so that it may end after each. */
static unsigned go(struct router *r, const struct router_config *c)
{
	struct router_report rep;
	router_want(r, c);
	while (router_work(r, 1, &rep))
		continue;
	return rep.failed;
}

static struct router *start(const struct router_config *c)
{
	struct router_report rep;
	struct router *r = router_new(KERNEL_TUN, &params, &rep);
	if (!r)
		_exit(1);
	router_up(r, &rep);
	if (rep.failed || go(r, c))
		_exit(1);
	return r;
}

static void live(bool persistent, bool keep_guard)
{
	struct router_report rep;
	struct tun t = netns_tun(KERNEL_TUN);
	if (ioctl(t.fd, TUNSETPERSIST, persistent))
		_exit(1);
	netmsg_set_fault(die);
	struct router *r = start(&out);
	if (go(r, &plain) || go(r, &out))
		_exit(1);
	router_down(r, keep_guard, &rep);
	_exit(rep.failed ? 1 : 0);
}

/* True if it was killed: before request n. */
static bool live_until(int n, bool persistent, bool keep_guard)
{
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		life_left = n;
		live(persistent, keep_guard);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

/* ---- and after ---- */

static void clean(void)
{
	struct router_report rep;
	router_linux_cleanup(KERNEL_TUN, &params, &rep);
	kernel_ok(&rep);
	kernel_assert_same(&before);
	assert_int_equal(if_nametoindex(KERNEL_TUN), 0);
}

/* A start that wants c ends as one does on a clean machine. */
static void start_anew(const struct router_config *c, const struct kernel *as)
{
	struct router_report rep;
	struct kernel told = { 0 };
	size_t rules = kernel_count("rule");
	struct nl_sock *ears = underlay_listen(&told);
	struct tun t = netns_tun(KERNEL_TUN);
	assert_int_equal(ioctl(t.fd, TUNSETPERSIST, 0), 0);
	struct router *r = start(c);
	underlay_events(ears);
	kernel_assert_same(as);
	assert_false(underlay_told(&told, "- rule"));
	size_t added = 0;
	for (size_t i = 0; i < told.n; i++) {
		added += strncmp(told.line[i], "+ rule", 6) == 0;
		if (c->guard)
			assert_null(strstr(told.line[i], "- route T52 unreachable"));
	}
	assert_int_equal(added, 8 - rules);
	router_down(r, false, &rep);
	kernel_ok(&rep);
	kernel_assert_same(&before);
	router_free(r);
	tun_close(&t);
	nl_socket_free(ears);
	kernel_forget(&told);
}

static struct kernel undisturbed(const struct router_config *c)
{
	struct router_report rep;
	struct tun t = netns_tun(KERNEL_TUN);
	struct router *r = start(c);
	struct kernel k = kernel_read();
	router_down(r, false, &rep);
	router_free(r);
	tun_close(&t);
	kernel_assert_same(&before);
	return k;
}

static void a_start_after_each_request(void **state)
{
	struct kernel as_out = undisturbed(&out), as_plain = undisturbed(&plain);
	int n = 0;
	(void)state;
	for (; live_until(n, false, n % 2); n++)
		start_anew(n % 3 ? &out : &plain, n % 3 ? &as_out : &as_plain);
	clean();
	printf("killed before each of %d requests\n", n);
	assert_in_range(n, 30, 80);
	kernel_forget(&as_out);
	kernel_forget(&as_plain);
}

static void a_start_on_an_interface_that_persists(void **state)
{
	struct kernel as_out = undisturbed(&out), as_plain = undisturbed(&plain);
	int n = 0;
	(void)state;
	for (; live_until(n, true, n % 2 == 0); n++)
		start_anew(n % 3 ? &plain : &out, n % 3 ? &as_plain : &as_out);
	clean();
	assert_in_range(n, 30, 80);
	kernel_forget(&as_out);
	kernel_forget(&as_plain);
}

static void a_cleanup_after_each_request(void **state)
{
	int n = 0;
	(void)state;
	for (; live_until(n, n % 2, n % 3 == 0); n++)
		clean();
	clean();
	assert_in_range(n, 30, 80);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_start_after_each_request),
		T(a_start_on_an_interface_that_persists),
		T(a_cleanup_after_each_request),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
