/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole backend, as the daemon has it, that never meets a server: what people may do in an
 * order nobody planned. */
#include "tests/vectors/engine/real_backend.h"

/* Nothing listens here, and nothing is sent elsewhere. */
#define NO_SERVER "http://127.0.0.1:9"

static void change(struct fixture *f, const char *masked)
{
	char *why = NULL;
	json_t *m = j_parse(span_str(masked), 4096, NULL), *after = NULL;
	if (backend_edit_prefs(f->b, m, &after, &why))
		fail_msg("%s", why);
	j_free(m);
	j_free(after);
}

static int start(struct fixture *f, const char *options)
{
	char *why = NULL;
	json_t *o = j_parse(span_str(options), 4096, NULL);
	int rc = backend_start(f->b, o, &why);
	assert_true(!rc == !why);
	free(why);
	j_free(o);
	return rc;
}

static void give_login(struct fixture *f)
{
	f->b->prefs.has_config = true;
	node_priv_generate(&f->b->prefs.config.node, rng_system());
	assert_int_equal(
	    start(f, "{\"UpdatePrefs\":{\"ControlURL\":\"" NO_SERVER "\",\"WantRunning\":true}}"),
	    0);
}

static void refused_server_changes_nothing(void **state)
{
	struct fixture *f = *state;
	give_login(f);
	struct ctl *ctl = f->b->ctl;
	assert_int_equal(start(f, "{\"UpdatePrefs\":{\"ControlURL\":\"ftp://example.com\"}}"),
			 -ERR_RANGE);
	assert_ptr_equal(f->b->ctl, ctl);
	assert_string_equal(f->b->prefs.control_url, NO_SERVER);
	assert_true(f->b->prefs.want_running);
}

/* As if the state file said so: no control client can be made. */
static void use_stored_url(struct fixture *f, const char *url)
{
	str_set(&f->b->prefs.control_url, url);
	backend_ctl_stop(f->b);
	backend_ctl_start(f->b);
}

static void refused_server_then_up(void **state)
{
	struct fixture *f = *state;
	give_login(f);
	use_stored_url(f, "ftp://example.com");
	f->b->prefs.want_running = false;
	assert_null(f->b->ctl);
	change(f, "{\"WantRunning\":true,\"WantRunningSet\":true}");
	backend_login_interactive(f->b);
	json_t *health = backend_health_texts(f->b);
	assert_int_equal(j_len(health), 1);
	assert_non_null(strstr(j_text(j_at(health, 0)), "not http://host"));
	j_free(health);
}

static void error_goes_with_the_server(void **state)
{
	struct fixture *f = *state;
	give_login(f);
	use_stored_url(f, "ftp://example.com");
	assert_string_not_equal(f->b->login_error, "");
	assert_int_equal(start(f, "{\"UpdatePrefs\":{\"ControlURL\":\"" NO_SERVER "\"}}"), 0);
	assert_string_equal(f->b->login_error, "");
}

static void auth_key_is_not_kept(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(
	    start(f, "{\"AuthKey\":\"secret\",\"UpdatePrefs\":{\"ControlURL\":\"" NO_SERVER "\"}}"),
	    0);
	backend_login_interactive(f->b);
	assert_string_equal(f->b->authkey, "secret");
	assert_true(loop_timer_armed(&f->b->authkey_timer));
	backend_forget_authkey(&f->b->authkey_timer, mono_now());
	assert_null(f->b->authkey);
}

struct answer {
	unsigned calls;
	char why[128];
};

static void on_logout(void *arg, const char *why)
{
	struct answer *a = arg;
	a->calls++;
	snprintf(a->why, sizeof(a->why), "%s", why ? why : "");
}

static void wait_for(struct fixture *f, const struct answer *a)
{
	mono_t give_up = mono_add_s(mono_now(), 60);
	while (!a->calls && !mono_due(give_up, mono_now()))
		loop_turn(f->loop, 100);
	assert_int_equal(a->calls, 1);
}

static void logout_ends_with_its_client(void **state)
{
	struct fixture *f = *state;
	struct answer first = { 0 }, second = { 0 }, third = { 0 };
	give_login(f);
	backend_logout(f->b, on_logout, &first);
	backend_logout(f->b, on_logout, &second);
	assert_int_equal(first.calls, 0);
	assert_int_equal(start(f, "{}"), 0);
	assert_int_equal(first.calls, 1);
	assert_string_equal(first.why, "the logout was interrupted");
	wait_for(f, &second);
	assert_string_equal(second.why, "a logout is under way");
	/* and the next is a logout again, not "nothing to do" */
	backend_logout(f->b, on_logout, &third);
	wait_for(f, &third);
	assert_string_not_equal(third.why, "");
	assert_true(backend_has_node_key(f->b));
}

static void logout_without_login(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	backend_logout(f->b, on_logout, &a);
	assert_int_equal(a.calls, 0);
	wait_for(f, &a);
	assert_string_equal(a.why, "");
}

static void who_this_is(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(strspn(backend_log_id(f->b), "0123456789abcdef"), 64);
	json_t *dir = backend_debug(f->b, "statedir");
	assert_string_equal(j_text(dir), "");
	j_free(dir);
}

/* A stored login, no kept map, and nobody at the server's address. */
static void silence_has_a_reason(void **state)
{
	struct fixture *f = *state;
	mono_t give_up = mono_add_s(mono_now(), 60);
	give_login(f);
	while (!f->b->control_error[0] && !mono_due(give_up, mono_now()))
		loop_turn(f->loop, 100);
	json_t *health = backend_health_texts(f->b);
	const char *text = j_text(j_at(health, 0));
	assert_non_null(text);
	assert_non_null(strstr(text, "has not answered yet. Last error: "));
	j_free(health);
	assert_int_equal(start(f, "{}"), 0);
	assert_string_equal(f->b->control_error, "");
}

/* A kept map at the start of the daemon: the delays of the health list begin then. */
static void health_is_patient_after_a_start(void **state)
{
	struct fixture *f = *state;
	give_map(f);
	json_t *health = backend_health_texts(f->b);
	for (size_t i = 0; i < j_len(health); i++) {
		assert_null(strstr(j_text(j_at(health, i)), "Unable to connect"));
		assert_null(strstr(j_text(j_at(health, i)), "any relay server"));
	}
	j_free(health);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		T(refused_server_changes_nothing),
		T(refused_server_then_up),
		T(error_goes_with_the_server),
		T(auth_key_is_not_kept),
		T(logout_ends_with_its_client),
		T(logout_without_login),
		T(who_this_is),
		T(silence_has_a_reason),
		T(health_is_patient_after_a_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
