/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What health says of routes and exit nodes: the cause, and what to type. */
#include "daemon/engine/exit_node.h"
#include "tests/vectors/engine/real_backend.h"

struct found {
	const char *code;
	char text[600];
	unsigned n;
};

static int setup(void **state)
{
	fixture_setup(state);
	give_map(*state);
	backend_apply(((struct fixture *)*state)->b, NULL);
	return 0;
}

static void on_item(void *arg, const struct backend_item *i)
{
	struct found *f = arg;
	assert_true(*i->title && *i->severity && *i->text);
	if (strcmp(i->code, f->code) != 0)
		return;
	f->n++;
	snprintf(f->text, sizeof(f->text), "%s", i->text);
}

static struct found look(struct fixture *f, const char *code)
{
	struct found found = { .code = code };
	backend_route_items(f->b, on_item, &found);
	assert_true(found.n <= 1);
	return found;
}

static void expect(struct fixture *f, const char *code, const char *const *parts)
{
	struct found found = look(f, code);
	if (!parts) {
		assert_int_equal(found.n, 0);
		return;
	}
	assert_int_equal(found.n, 1);
	for (; *parts; parts++)
		if (!strstr(found.text, *parts))
			fail_msg("\"%s\" is not in: %s", *parts, found.text);
}
#define EXPECT(f, code, ...) expect(f, code, (const char *const[]){ __VA_ARGS__, NULL })
#define EXPECT_NOT(f, code) expect(f, code, NULL)

static void change(struct fixture *f, const char *masked)
{
	char *why = NULL;
	json_t *m = j_parse(span_str(masked), 4096, NULL), *after = NULL;
	assert_non_null(m);
	if (backend_edit_prefs(f->b, m, &after, &why))
		fail_msg("%s", why);
	j_free(m);
	j_free(after);
}

static void nothing_without_a_map(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"AdvertiseRoutes\":[\"10.8.0.0/16\"],\"AdvertiseRoutesSet\":true,"
		  "\"AutoExitNode\":\"any\",\"AutoExitNodeSet\":true}");
	f->b->nm = NULL;
	EXPECT_NOT(f, "routes-not-approved");
	EXPECT_NOT(f, "exit-node");
}

/* 10.9.0.0/16 is the one that the map approves. */
static void approval(void **state)
{
	struct fixture *f = *state;
	EXPECT_NOT(f, "routes-not-approved");
	change(f, "{\"AdvertiseRoutes\":[\"10.9.0.0/16\"],\"AdvertiseRoutesSet\":true}");
	EXPECT_NOT(f, "routes-not-approved");
	change(f, "{\"AdvertiseRoutes\":[\"10.8.0.0/16\",\"10.9.0.0/16\"],"
		  "\"AdvertiseRoutesSet\":true}");
	EXPECT(f, "routes-not-approved", "Advertised routes are not approved yet: 10.8.0.0/16. ",
	       "headscale nodes approve-routes --identifier 1 --routes 10.8.0.0/16,10.9.0.0/16",
	       "meshcoord node approve-routes 1 10.8.0.0/16,10.9.0.0/16");
	change(f, "{\"AdvertiseRoutes\":[\"0.0.0.0/0\",\"::/0\"],\"AdvertiseRoutesSet\":true}");
	EXPECT(f, "routes-not-approved", "not approved yet: exit node. ", "0.0.0.0/0,::/0");
}

static void long_lists(void **state)
{
	struct fixture *f = *state;
	struct buf edit;
	buf_init(&edit, 1u << 20);
	buf_add_str(&edit, "{\"AdvertiseRoutesSet\":true,\"AdvertiseRoutes\":[");
	for (int i = 0; i < 200; i++)
		buf_fmt(&edit, "%s\"10.200.%d.0/24\"", i ? "," : "", i);
	buf_add_str(&edit, "]}");
	json_t *m = j_parse(buf_span(&edit), 1u << 20, NULL), *after = NULL;
	char *why = NULL;
	assert_int_equal(backend_edit_prefs(f->b, m, &after, &why), 0);
	EXPECT(f, "routes-not-approved", "10.200.3.0/24 and 196 more. ", "--routes ROUTE,...");
	j_free(m);
	j_free(after);
	buf_fini(&edit);
}

static void accepting(void **state)
{
	struct fixture *f = *state;
	EXPECT(f, "accept-routes-off",
	       "Some peers are advertising routes but --accept-routes is false",
	       "meshctl set --accept-routes");
	change(f, "{\"RouteAll\":true,\"RouteAllSet\":true}");
	EXPECT_NOT(f, "accept-routes-off");
}

static void exit_node_states(void **state)
{
	struct fixture *f = *state;
	EXPECT_NOT(f, "exit-node");
	EXPECT_NOT(f, "exit-node-dns");
	change(f, "{\"ExitNodeID\":\"n2\",\"ExitNodeIDSet\":true}");
	EXPECT(f, "exit-node", "two.tail.example.com.", "is not approved",
	       "headscale nodes approve-routes --identifier 2 --routes 0.0.0.0/0,::/0",
	       "meshcoord node approve-routes 2 0.0.0.0/0", "meshctl set --exit-node=");
	EXPECT(f, "exit-node-dns", "DNS does not go through the exit node");
	change(f, "{\"ExitNodeID\":\"n3\",\"ExitNodeIDSet\":true}");
	EXPECT(f, "exit-node", "The key of the exit node three.tail.example.com. has expired",
	       "Traffic to the Internet is dropped", "meshctl exit-node list");
	change(f, "{\"ExitNodeIP\":\"100.64.0.77\",\"ExitNodeIPSet\":true,\"ExitNodeIDSet\":true}");
	EXPECT(f, "exit-node", "The exit node 100.64.0.77 is not in this network");
	EXPECT_NOT(f, "exit-node-dns");
	change(f, "{\"ExitNodePriority\":[\"two\",\"three\"],\"ExitNodePrioritySet\":true,"
		  "\"ExitNodeIPSet\":true}");
	EXPECT(f, "exit-node", "None of the exit nodes can be used now. Traffic");
	change(f, "{\"ExitNodeIDSet\":true}");
	EXPECT_NOT(f, "exit-node");
}

/* A name that a stranger chose draws nothing on a terminal. */
static void hostile_names(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"ExitNodeID\":\"\\u001b[2J\",\"ExitNodeIDSet\":true}");
	struct found found = look(f, "exit-node");
	assert_int_equal(found.n, 1);
	assert_null(strchr(found.text, 0x1b));
}

static void in_the_list_of_health(void **state)
{
	struct fixture *f = *state;
	change(f, "{\"ExitNodeID\":\"gone\",\"ExitNodeIDSet\":true}");
	json_t *texts = backend_health_texts(f->b);
	bool said = false;
	for (size_t i = 0; i < j_len(texts); i++)
		said |= strstr(j_text(j_at(texts, i)), "The exit node gone is not in") != NULL;
	assert_true(said);
	j_free(texts);
	json_t *health = backend_health(f->b);
	assert_true(j_has(j_get(health, "Warnings"), "exit-node"));
	j_free(health);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_without_a_map),
		TEST(approval),
		TEST(long_lists),
		TEST(accepting),
		TEST(exit_node_states),
		TEST(hostile_names),
		TEST(in_the_list_of_health),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
