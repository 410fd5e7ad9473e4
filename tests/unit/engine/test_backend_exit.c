/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit node of a whole backend: what people choose, what the map says of it, and what the
 * preferences and the engine then have. */
#include "daemon/engine/exit_node.h"
#include "tests/vectors/engine/real_backend.h"

#define OFFERS "\"AllowedIPs\":[\"100.64.0.2/32\",\"0.0.0.0/0\",\"::/0\"]"

static int setup(void **state)
{
	fixture_setup(state);
	give_map(*state);
	backend_apply(((struct fixture *)*state)->b, NULL);
	return 0;
}

static char *try_change(struct fixture *f, const char *masked)
{
	char *why = NULL;
	json_t *m = j_parse(span_str(masked), 4096, NULL), *after = NULL;
	assert_non_null(m);
	int rc = backend_edit_prefs(f->b, m, &after, &why);
	assert_int_equal(rc != 0, why != NULL);
	j_free(m);
	j_free(after);
	return why;
}

static void change(struct fixture *f, const char *masked)
{
	char *why = try_change(f, masked);
	if (why)
		fail_msg("%s", why);
}

/* Peer 2 as the server tells of it now. */
static void tell(struct fixture *f, const char *members)
{
	struct map_result res;
	const char *why = "";
	char *text = xasprintf(
	    "{\"PeersChanged\":[{\"ID\":2,\"StableID\":\"n2\",\"Name\":\"two.tail.example.com.\","
	    "\"User\":1,\"Key\":\"" A_NODE_KEY(
		"02") "\",\"DiscoKey\":\"discokey:" A_HEX "\","
		      "\"Addresses\":[\"100.64.0.2/32\"],\"HomeDERP\":1,\"MachineAuthorized\":true,"
		      "\"Hostinfo\":{\"OS\":\"linux\"},%s}]}",
	    members);
	if (map_session_apply(f->b->cached, span_str(text), wall_now(), &res, &why) != 0)
		fail_msg("%s", why);
	backend_apply(f->b, &res.change);
	free(text);
}

static void expect(struct fixture *f, const char *id, enum exit_why why)
{
	assert_string_equal(f->b->prefs.exit_node_id, id);
	assert_int_equal(backend_exit_choice(f->b)->why, why);
	assert_true(backend_exit_choice(f->b)->wanted);
}

static void by_address(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"ExitNodeIP\":\"100.64.0.2\",\"ExitNodeIPSet\":true}");
	expect(f, "n2", EXIT_NOT_OFFERING);
	assert_false(ip_is_set(f->b->prefs.exit_node_ip));
	tell(f, OFFERS);
	expect(f, "n2", EXIT_IN_USE);
}

/* An address that nobody has yet stays one until a peer has it. */
static void by_address_of_a_later_peer(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"ExitNodeIP\":\"100.64.0.9\",\"ExitNodeIPSet\":true}");
	expect(f, "", EXIT_UNKNOWN);
	tell(f, "\"AllowedIPs\":[],\"Addresses\":[\"100.64.0.9/32\"]");
	expect(f, "n2", EXIT_NOT_OFFERING);
	assert_false(ip_is_set(f->b->prefs.exit_node_ip));
}

static void of_a_list(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"ExitNodePriority\":[\"two\",\"three\"],\"ExitNodePrioritySet\":true,"
		  "\"ExitNodeIDSet\":true,\"ExitNodeIPSet\":true}");
	expect(f, "auto:any", EXIT_NONE_USABLE);
	tell(f, OFFERS);
	expect(f, "n2", EXIT_IN_USE);
	tell(f, "\"AllowedIPs\":[\"100.64.0.2/32\"]");
	expect(f, "auto:any", EXIT_NONE_USABLE);
	/* Another choice by a client that does not know the list ends it. */
	change(f, "{\"ExitNodeIDSet\":true,\"ExitNodeIPSet\":true}");
	assert_string_equal(f->b->prefs.exit_node_id, "");
	assert_int_equal(f->b->prefs.exit_node_priority.n, 0);
	assert_false(backend_exit_choice(f->b)->wanted);
}

static void automatic(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"AutoExitNode\":\"any\",\"AutoExitNodeSet\":true}");
	expect(f, "auto:any", EXIT_NONE_USABLE);
	tell(f, OFFERS);
	expect(f, "n2", EXIT_IN_USE);
	/* The map of the last run does not know who is online; the server's does. */
	tell(f, OFFERS ",\"Online\":false");
	expect(f, "n2", EXIT_IN_USE);
}

static void forgotten_with_the_map(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"AutoExitNode\":\"any\",\"AutoExitNodeSet\":true}");
	tell(f, OFFERS);
	backend_exit_forget(f->b);
	expect(f, "n2", EXIT_UNKNOWN);
	assert_null(backend_exit_choice(f->b)->node);
}

/* The server says that our own key has expired. */
static void expire_self(struct fixture *f)
{
	struct map_result res;
	const char *why = "";
	char *text = xasprintf("{\"Node\":{\"ID\":1,\"StableID\":\"n1\",\"User\":1,"
			       "\"Name\":\"one.tail.example.com.\",\"Key\":\"" A_NODE_KEY(
				   "01") "\",\"Addresses\":[\"100.64.0.1/32\"],"
					 "\"KeyExpiry\":\"2001-01-01T00:00:00Z\","
					 "\"MachineAuthorized\":true}}");
	if (map_session_apply(f->b->cached, span_str(text), wall_now(), &res, &why) != 0)
		fail_msg("%s", why);
	free(text);
	backend_run_state(f->b);
	assert_int_equal(f->b->state, IPN_NEEDS_LOGIN);
	assert_false(node_is_up(f->b->node));
}

static bool says_dropped(struct fixture *f)
{
	json_t *texts = backend_health_texts(f->b);
	bool said = false;
	for (size_t i = 0; i < j_len(texts); i++)
		said |=
		    strstr(j_text(j_at(texts, i)), "Traffic to the Internet is dropped") != NULL;
	j_free(texts);
	return said;
}

/* Its guard comes and goes, and status tells; but what needs a login stays down. */
static void a_choice_while_logged_out(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"ExitNodeIP\":\"100.64.0.2\",\"ExitNodeIPSet\":true}");
	tell(f, OFFERS);
	assert_true(node_is_up(f->b->node));
	expire_self(f);
	assert_true(says_dropped(f));
	change(f, "{\"ExitNodeIDSet\":true,\"ExitNodeIPSet\":true}");
	assert_int_equal(f->b->state, IPN_NEEDS_LOGIN);
	assert_false(node_is_up(f->b->node));
	assert_false(says_dropped(f));
}

static void use_and_advertise_exclude_each_other(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"ExitNodePriority\":[\"any\"],\"ExitNodePrioritySet\":true}");
	char *why = try_change(f, "{\"AdvertiseRoutes\":[\"0.0.0.0/0\",\"::/0\"],"
				  "\"AdvertiseRoutesSet\":true}");
	assert_string_equal(why,
			    "Cannot advertise an exit node and use an exit node at the same time.");
	free(why);
}

static void switched(struct fixture *f, bool on)
{
	json_t *prefs = NULL;
	char *why = NULL;
	assert_int_equal(backend_use_exit_node(f->b, on, &prefs, &why), 0);
	assert_non_null(prefs);
	j_free(prefs);
}

static void off_and_on_again(void **state)
{
	struct fixture *f = *state;
	json_t *prefs = NULL;
	char *why = NULL;
	assert_int_equal(backend_use_exit_node(f->b, true, &prefs, &why), -ERR_NOENT);
	free(why);
	switched(f, false); /* it is off: nothing to do */
	assert_string_equal(f->b->prefs.internal_exit_node_prior, "");
	change(f, "{\"ExitNodeID\":\"n2\",\"ExitNodeIDSet\":true}");
	switched(f, false);
	assert_false(prefs_wants_exit_node(&f->b->prefs));
	assert_string_equal(f->b->prefs.internal_exit_node_prior, "n2");
	switched(f, true);
	assert_string_equal(f->b->prefs.exit_node_id, "n2");
	change(f, "{\"AutoExitNode\":\"any\",\"AutoExitNodeSet\":true}");
	switched(f, false);
	assert_false(prefs_wants_exit_node(&f->b->prefs));
	switched(f, true);
	assert_string_equal(f->b->prefs.auto_exit_node, "any");
	change(f, "{\"ExitNodePriority\":[\"two\",\"any\"],\"ExitNodePrioritySet\":true,"
		  "\"ExitNodeIDSet\":true}");
	switched(f, false);
	assert_false(prefs_wants_exit_node(&f->b->prefs));
	switched(f, true);
	assert_int_equal(f->b->prefs.exit_node_priority.n, 2);
	assert_string_equal(f->b->prefs.exit_node_priority.v[0], "two");
	assert_string_equal(f->b->prefs.auto_exit_node, "");
}

static void suggestion(void **state)
{
	struct fixture *f = *state;
	char *why = NULL;
	assert_null(backend_suggest_exit_node(f->b, &why)); /* no relay is near */
	assert_string_equal(why, "no preferred DERP, try again later");
	free(why);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(by_address),
		TEST(by_address_of_a_later_peer),
		TEST(of_a_list),
		TEST(automatic),
		TEST(forgotten_with_the_map),
		TEST(a_choice_while_logged_out),
		TEST(use_and_advertise_exclude_each_other),
		TEST(off_and_on_again),
		TEST(suggestion),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
