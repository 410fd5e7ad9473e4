/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of backend states (shared/spec/cli-localapi.md 5), over a made-up node. */
#include "base/alloc.h"
#include "daemon/engine/backend_priv.h"
#include "tests/lib/cm.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the made-up rest of the backend: the linker takes these, not the real ones ----------------
 */

struct fake {
	struct backend b;
	bool live, guards;
	unsigned downs, applies, states_told;
	char said[256];
	struct netmap nm;
};

static struct fake *f;

bool node_is_live(const struct node *n)
{
	(void)n;
	return f->live;
}

void node_down(struct node *n, bool keep_guard)
{
	(void)n;
	f->guards = keep_guard;
	f->downs++;
}

void backend_apply(struct backend *b, const struct nm_change *ch)
{
	assert_ptr_equal(b->nm, &f->nm);
	assert_null(ch);
	f->applies++;
}

void backend_notify(struct backend *b, unsigned what, const char *text)
{
	(void)b;
	(void)text;
	f->states_told += what == NOTIFY_STATE;
}

bool backend_has_node_key(const struct backend *b)
{
	return b->prefs.has_config && !node_priv_is_zero(&b->prefs.config.node);
}

const char *ipn_state_text(enum ipn_state s)
{
	(void)s;
	return "a state";
}

static void say(const char *text)
{
	snprintf(f->said, sizeof(f->said), "%s", text);
}

/* ---- set-up -------------------------------------------------------------------------------------
 */

static const struct nm_node *self_node(unsigned flags, wall_t expiry)
{
	struct prefix addrs[] = { prefix_host(ip_v4(100, 64, 0, 1)) };
	struct nm_node n = {
		.id = 1,
		.stable_id = "s",
		.name = "me.",
		.hostname = "me",
		.os = "linux",
		.location = "",
		.exit_dns = "",
		.key = { { 1 } },
		.key_expiry = expiry,
		.flags = (uint16_t)flags,
		.addresses = addrs,
		.n_addresses = 1,
	};
	return nm_node_new(&n);
}

static void give_map(unsigned flags, wall_t expiry)
{
	netmap_init(&f->nm);
	f->nm.self = self_node(flags, expiry);
	f->b.nm = &f->nm;
}

static int setup(void **state)
{
	f = xcalloc(1, sizeof(*f));
	prefs_init(&f->b.prefs);
	/* Only whether there is one matters here. */
	f->b.profiles = (struct profiles *)(void *)f;
	f->b.say = say;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	if (f->b.nm)
		netmap_fini(&f->nm);
	prefs_fini(&f->b.prefs);
	free(f->b.auth_url);
	free(f->b.said);
	free(*state);
	return 0;
}

static void give_key(void)
{
	f->b.prefs.has_config = true;
	f->b.prefs.config.node.b[0] = 1;
}

/* From `was`, what comes next. */
static void expect(enum ipn_state was, enum ipn_state next)
{
	f->b.state = was;
	backend_run_state(&f->b);
	assert_int_equal(f->b.state, next);
}

#define WHEN_FAR ((wall_t){ INT64_C(4000000000), 0 })

/* ---- rows of the table ---- */

static void no_store_no_state(void **state)
{
	(void)state;
	f->b.profiles = NULL;
	f->b.prefs.want_running = true;
	give_key();
	give_map(NM_MACHINE_AUTHORIZED, WALL_ZERO);
	expect(IPN_NO_STATE, IPN_NO_STATE);
	expect(IPN_RUNNING, IPN_NO_STATE);
	assert_int_equal(f->downs, 1);
}

static void a_fresh_node_needs_login(void **state)
{
	(void)state;
	f->b.prefs.logged_out = true;
	expect(IPN_NO_STATE, IPN_NEEDS_LOGIN);
	assert_string_equal(f->said, "Stopped; run 'meshctl up' to log in");
	assert_int_equal(f->states_told, 1);
	assert_int_equal(f->downs, 1);
}

static void a_key_and_no_wish_is_stopped(void **state)
{
	(void)state;
	f->b.prefs.want_running = f->b.prefs.logged_out = false;
	give_key();
	for (int was = IPN_NO_STATE; was <= IPN_RUNNING; was++)
		expect((enum ipn_state)was, IPN_STOPPED);
	f->b.login_running = true;
	expect(IPN_NEEDS_LOGIN, IPN_NEEDS_LOGIN); /* `up` is on its way */
}

static void stopped_goes_through_starting(void **state)
{
	(void)state;
	give_key();
	f->b.prefs.want_running = true;
	f->b.prefs.logged_out = false;
	expect(IPN_STOPPED, IPN_STARTING);
	assert_int_equal(f->applies, 0); /* there is no map to apply yet */
}

static void a_url_waits_for_a_person(void **state)
{
	(void)state;
	f->b.prefs.want_running = true;
	f->b.prefs.logged_out = false;
	f->b.auth_url = xstrdup("https://hs.example.com/register/abc");
	f->b.login_running = true;
	expect(IPN_STARTING, IPN_NEEDS_LOGIN);
	assert_string_equal(f->said, "Needs login: https://hs.example.com/register/abc");
}

/* The page comes when the state is there already; and nothing is said twice. */
static void a_late_url_is_said(void **state)
{
	(void)state;
	f->b.prefs.logged_out = true;
	expect(IPN_NO_STATE, IPN_NEEDS_LOGIN);
	assert_string_equal(f->said, "Stopped; run 'meshctl up' to log in");
	f->b.auth_url = xstrdup("https://hs.example.com/register/abc");
	expect(IPN_NEEDS_LOGIN, IPN_NEEDS_LOGIN);
	assert_string_equal(f->said, "Needs login: https://hs.example.com/register/abc");
	f->said[0] = '\0';
	expect(IPN_NEEDS_LOGIN, IPN_NEEDS_LOGIN);
	assert_string_equal(f->said, "");
}

static void a_map_and_no_wish_is_stopped(void **state)
{
	(void)state;
	f->b.prefs.logged_out = false;
	f->b.prefs.want_running = false;
	give_map(NM_MACHINE_AUTHORIZED, WALL_ZERO);
	expect(IPN_RUNNING, IPN_STOPPED);
	assert_int_equal(f->downs, 1);
}

static void wishing(void)
{
	give_key();
	f->b.prefs.want_running = true;
	f->b.prefs.logged_out = false;
}

static void an_expired_key_needs_login(void **state)
{
	(void)state;
	wishing();
	give_map(NM_MACHINE_AUTHORIZED, (wall_t){ 1000, 0 });
	expect(IPN_RUNNING, IPN_NEEDS_LOGIN);
}

static void a_key_that_lives_goes_on(void **state)
{
	(void)state;
	wishing();
	give_map(NM_MACHINE_AUTHORIZED, WHEN_FAR);
	expect(IPN_RUNNING, IPN_RUNNING);
	assert_int_equal(f->states_told, 0);
}

static void an_unapproved_machine_waits(void **state)
{
	(void)state;
	wishing();
	give_map(0, WALL_ZERO);
	expect(IPN_STARTING, IPN_NEEDS_MACHINE_AUTH);
	assert_int_equal(f->applies, 1);
}

static void approval_starts_it(void **state)
{
	(void)state;
	wishing();
	give_map(NM_MACHINE_AUTHORIZED, WALL_ZERO);
	expect(IPN_NEEDS_MACHINE_AUTH, IPN_STARTING);
	assert_int_equal(f->applies, 1);
}

static void starting_runs_once_something_lives(void **state)
{
	(void)state;
	wishing();
	give_map(NM_MACHINE_AUTHORIZED, WALL_ZERO);
	expect(IPN_STARTING, IPN_STARTING);
	assert_int_equal(f->states_told, 0);
	f->live = true;
	f->b.auth_url = xstrdup("https://old.example.com");
	expect(IPN_STARTING, IPN_RUNNING);
	assert_null(f->b.auth_url);
	assert_string_equal(f->said, "Connected; ; 100.64.0.1 ");
	f->live = false;
	expect(IPN_RUNNING, IPN_RUNNING); /* and stays so */
}

/* Both steps in one turn: each is told. */
static void a_live_node_starts_and_runs_in_one_turn(void **state)
{
	(void)state;
	wishing();
	give_map(NM_MACHINE_AUTHORIZED, WALL_ZERO);
	f->live = true;
	expect(IPN_NEEDS_LOGIN, IPN_RUNNING);
	assert_int_equal(f->states_told, 2);
	assert_int_equal(f->applies, 1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_store_no_state),
		T(a_fresh_node_needs_login),
		T(a_key_and_no_wish_is_stopped),
		T(stopped_goes_through_starting),
		T(a_url_waits_for_a_person),
		T(a_late_url_is_said),
		T(a_map_and_no_wish_is_stopped),
		T(an_expired_key_needs_login),
		T(a_key_that_lives_goes_on),
		T(an_unapproved_machine_waits),
		T(approval_starts_it),
		T(starting_runs_once_something_lives),
		T(a_live_node_starts_and_runs_in_one_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
