/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include "daemon/coordinator/policy_text.h"

static struct registry reg;
static struct rng_seeded rng;

static int setup(void **state)
{
	(void)state;
	rng_seeded_init(&rng, 7);
	registry_init(&reg, &rng.rng);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	registry_fini(&reg);
	return 0;
}

static struct policy *parse(const char *text)
{
	struct policy_error err;
	struct policy *p = policy_parse(span_str(text), &err);

	if (!p)
		fail_msg("%s", err.text);
	return p;
}

static void what_is_refused_and_where(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *says;
	} cases[] = {
		{ "", 0, "not JSON" },
		{ "[]", 1, "must be an object" },
		{ "{\"acls\": 5}", 1, "acls: must be a list" },
		{ "{\n\"ssh\": []}", 2, "ssh: not supported here" },
		{ "{\n\"nodeAttrs\": []}", 2, "nodeAttrs" },
		{ "{\"acls\": "
		  "[\n{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:*\"]},\n{\"action\":"
		  "\"deny\",\"src\":[\"*\"],\"dst\":[\"*:*\"]}]}",
		  3, "acls[1].action: must be \"accept\"" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[],\"dst\":[\"*:*\"]}]}", 1,
		  "acls[0].src: must not be empty" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[\"*\"]}]}", 1,
		  "acls[0].dst: must be a list" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*\"]}]}", 1,
		  "acls[0].dst[0]: \"*\": a destination is target:ports" },
		{ "{\"acls\": "
		  "[{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\n\"*:22\",\n\"*:99999\"]}]}",
		  3, "acls[0].dst[1]: \"99999\": ports are" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:90-80\"]}]}", 1,
		  "ends before it begins" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:\"]}]}", 1,
		  "no ports" },
		{ "{\"acls\": "
		  "[{\"action\":\"accept\",\"proto\":\"tpc\",\"src\":[\"*\"],\"dst\":[\"*:*\"]}]}",
		  1, "acls[0].proto: \"tpc\": not a protocol" },
		{ "{\"acls\": "
		  "[{\"action\":\"accept\",\"proto\":\"icmp\",\"src\":[\"*\"],\"dst\":[\"*:22\"]}]"
		  "}",
		  1, "has no ports" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[\"group:x\"],\"dst\":[\"*:*\"]}]}",
		  1, "acls[0].src[0]: \"group:x\": this group is not defined" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[\"laptop\"],\"dst\":[\"*:*\"]}]}", 1,
		  "acls[0].src[0]: \"laptop\"" },
		{ "{\"acls\": "
		  "[{\"action\":\"accept\",\"src\":[\"10.0.0.1/8\"],\"dst\":[\"*:*\"]}]}",
		  1, "bits set behind" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[\"tag:9\"],\"dst\":[\"*:*\"]}]}", 1,
		  "not a tag name" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[\"a b@\"],\"dst\":[\"*:*\"]}]}", 1,
		  "not a user name" },
		{ "{\"acls\": "
		  "[{\"action\":\"accept\",\"src\":[\"autogroup:self\"],\"dst\":[\"*:*\"]}]}",
		  1, "can only be a destination" },
		{ "{\"acls\": "
		  "[{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"autogroup:internet:*\"]}]}",
		  1, "autogroup is not supported" },
		{ "{\"acls\": [{\"action\":\"accept\",\"src\":[5],\"dst\":[\"*:*\"]}]}", 1,
		  "acls[0].src[0]: must be a string" },
		{ "{\"acls\": "
		  "[{\"action\":\"accept\",\"users\":[\"*\"],\"src\":[\"*\"],\"dst\":[\"*:*\"]}]}",
		  1, "acls[0].users: not supported" },
		{ "{\"grants\": [{\"src\":[\"*\"],\"dst\":[\"*\"]}]}", 1,
		  "grants[0]: grants nothing" },
		{ "{\"grants\": [{\"src\":[\"*\"],\"dst\":[\"*\"],\"ip\":[\"tcp:x\"]}]}", 1,
		  "grants[0].ip[0]" },
		{ "{\"grants\": "
		  "[{\"src\":[\"*\"],\"dst\":[\"*\"],\"ip\":[\"*\"],\"via\":[\"tag:r\"]}]}",
		  1, "grants[0].via: not supported" },
		{ "{\"groups\": {\"ops\":[]}}", 1, "groups.ops: a group is called" },
		{ "{\"groups\": {\"group:ops\":[\"tag:x\"]}}", 1,
		  "groups.group:ops[0]: \"tag:x\": members of a group" },
		{ "{\"hosts\": {\"x\":\"*\"}}", 1, "hosts.x: \"*\": a host is" },
		{ "{\"tagOwners\": {\"web\":[]}}", 1, "tagOwners.web: not a tag name" },
		{ "{\"autoApprovers\": {\"routes\":{\"x\":[]}}}", 1,
		  "autoApprovers.routes.x: not a prefix" },
		{ "{\"autoApprovers\": {\"exit\":[]}}", 1, "autoApprovers.exit: not supported" },
		{ "{\n/* never ends", 2, "line 2: a comment or string" },
		{ "{\n\n\"acls", 3, "line 3: a comment or string" },
		{ "{\"acls\": []} x", 0, "not JSON" },
	};
	struct policy_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(policy_parse(span_str(cases[i].text), &err));
		if (err.line != cases[i].line || !strstr(err.text, cases[i].says))
			fail_msg("%s\ngave line %u: %s", cases[i].text, err.line, err.text);
	}
}

static void people_may_write_comments_and_commas(void **state)
{
	struct buf out;
	unsigned line;

	(void)state;
	buf_init(&out, 1000);
	assert_int_equal(
	    policy_text_clean(span_str("{ // a\n\"x\": [1, /* b, */ 2, ],\n}"), &out, &line), 0);
	assert_string_equal(buf_cstr(&out), "{     \n\"x\": [1,          2  ] \n}");
	assert_int_equal(policy_text_clean(span_str("\"a // b /* , ] \\\" c\""), &out, &line), 0);
	assert_string_equal(buf_cstr(&out), "\"a // b /* , ] \\\" c\"");
	buf_fini(&out);
	policy_free(parse(
	    "{\"acls\": [{\"action\":\"accept\",\"src\":[\"*\",],\"dst\":[\"*:*\"]},], // end\n}"));
	policy_free(parse("{}"));
}

static void lines_are_those_of_the_value(void **state)
{
	static const char text[] = "{\"a\": {\"x\": [1,\n 2,\n {\"y\":\n 5}]},\n \"b\": \"]}\"}";
	const struct text_step y[] = { { "a", 0 }, { "x", 0 }, { NULL, 2 }, { "y", 0 } };
	const struct text_step b[] = { { "b", 0 } }, none[] = { { "a", 0 }, { "nope", 0 } };

	(void)state;
	assert_int_equal(policy_text_line(span_str(text), y, 4), 4);
	assert_int_equal(policy_text_line(span_str(text), y, 3), 3);
	assert_int_equal(policy_text_line(span_str(text), b, 1), 5);
	assert_int_equal(policy_text_line(span_str(text), none, 2), 1);
	assert_int_equal(policy_text_line(span_str(""), b, 1), 1);
}

static void expect_filter(const struct policy *p, const struct node *n, const char *want)
{
	json_t *got = policy_filter(p, &reg, n), *w = json(want);
	char *text = j_dump(got);

	if (!j_equal(got, w))
		fail_msg("%s: %s\nwanted %s", n->name, text, want);
	free(text);
	j_free(got);
	j_free(w);
}

static void rules_are_compiled_for_each_node(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", ""), *b = join(&reg, 2, "bob", "b", "");
	struct node *w = join(&reg, 3, "alice", "w", "tag:web");
	struct policy *p =
	    parse("{\"groups\":{\"group:g\":[\"bob@\"]},\"acls\":["
		  "{\"action\":\"accept\",\"src\":[\"alice@\"],\"dst\":[\"bob@x.y:22,80-90\"]},"
		  "{\"action\":\"accept\",\"proto\":\"icmp\",\"src\":[\"group:g\"],\"dst\":[\"tag:"
		  "web:*\"]}]}");

	(void)state;
	expect_filter(p, a, "[]");
	expect_filter(p, b,
		      "[{\"SrcIPs\":[\"100.64.0.1\",\"fd7a:115c:a1e0::1\"],\"DstPorts\":["
		      "{\"IP\":\"100.64.0.2\",\"Ports\":{\"First\":22,\"Last\":22}},"
		      "{\"IP\":\"fd7a:115c:a1e0::2\",\"Ports\":{\"First\":22,\"Last\":22}},"
		      "{\"IP\":\"100.64.0.2\",\"Ports\":{\"First\":80,\"Last\":90}},"
		      "{\"IP\":\"fd7a:115c:a1e0::2\",\"Ports\":{\"First\":80,\"Last\":90}}]}]");
	expect_filter(p, w,
		      "[{\"SrcIPs\":[\"100.64.0.2\",\"fd7a:115c:a1e0::2\"],\"DstPorts\":["
		      "{\"IP\":\"100.64.0.3\",\"Ports\":{\"First\":0,\"Last\":65535}},"
		      "{\"IP\":\"fd7a:115c:a1e0::3\",\"Ports\":{\"First\":0,\"Last\":65535}}],"
		      "\"IPProto\":[1,58]}]");
	assert_true(policy_visible(p, &reg, a, b));
	assert_true(policy_visible(p, &reg, w, b));
	assert_false(policy_visible(p, &reg, a, w)); /* alice's, but tagged: not alice any more */
	assert_true(policy_visible(NULL, &reg, a, w));
	policy_free(p);
}

static void subnets_belong_to_their_router(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", ""), *r = join(&reg, 2, "bob", "r", "");
	struct policy *p =
	    parse("{\"hosts\":{\"lan\":\"10.33.0.0/16\"},\"grants\":["
		  "{\"src\":[\"alice@\"],\"dst\":[\"lan\"],\"ip\":[\"udp:53\",\"tcp:53\"]}]}");

	(void)state;
	registry_online(&reg, r, true, NOW);
	assert_false(policy_visible(p, &reg, a, r));
	expect_filter(p, r, "[]");
	announce(&reg, r, "10.33.0.0/16", true);
	assert_true(policy_visible(p, &reg, a, r));
	expect_filter(
	    p, r,
	    "[{\"SrcIPs\":[\"100.64.0.1\",\"fd7a:115c:a1e0::1\"],\"DstPorts\":"
	    "[{\"IP\":\"10.33.0.0/16\",\"Ports\":{\"First\":53,\"Last\":53}}],\"IPProto\":[17]},"
	    "{\"SrcIPs\":[\"100.64.0.1\",\"fd7a:115c:a1e0::1\"],\"DstPorts\":"
	    "[{\"IP\":\"10.33.0.0/16\",\"Ports\":{\"First\":53,\"Last\":53}}],\"IPProto\":[6]}]");
	expect_filter(p, a, "[]");
	policy_free(p);
}

static void self_is_the_same_user(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", ""), *b = join(&reg, 2, "bob", "b", "");
	struct node *w = join(&reg, 3, "alice", "w", "tag:web"),
		    *c = join(&reg, 4, "alice", "c", "");
	struct policy *p = parse("{\"acls\":[{\"action\":\"accept\",\"src\":[\"autogroup:member\"],"
				 "\"dst\":[\"autogroup:self:*\"]}]}");

	(void)state;
	assert_true(policy_visible(p, &reg, a, c));
	assert_false(policy_visible(p, &reg, a, b));
	assert_false(policy_visible(p, &reg, a, w));
	expect_filter(p, w, "[]");
	expect_filter(p, b,
		      "[{\"SrcIPs\":[\"100.64.0.2\",\"fd7a:115c:a1e0::2\"],\"DstPorts\":["
		      "{\"IP\":\"100.64.0.2\",\"Ports\":{\"First\":0,\"Last\":65535}},"
		      "{\"IP\":\"fd7a:115c:a1e0::2\",\"Ports\":{\"First\":0,\"Last\":65535}}]}]");
	policy_free(p);
}

static struct prefix px(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_decode(span_str(text), &p), 0);
	return p;
}

static void routes_approve_themselves(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", ""), *w = join(&reg, 2, "bob", "w", "tag:r");
	struct policy *p = parse("{\"autoApprovers\":{\"routes\":{\"10.0.0.0/"
				 "8\":[\"tag:r\"]},\"exitNode\":[\"alice@\"]}}");

	(void)state;
	assert_true(policy_auto_approves(p, &reg, w, px("10.5.0.0/16")));
	assert_true(policy_auto_approves(p, &reg, w, px("10.0.0.0/8")));
	assert_false(policy_auto_approves(p, &reg, w, px("10.0.0.0/7")));
	assert_false(policy_auto_approves(p, &reg, w, px("192.168.0.0/16")));
	assert_false(policy_auto_approves(p, &reg, a, px("10.5.0.0/16")));
	assert_true(policy_auto_approves(p, &reg, a, px("0.0.0.0/0")));
	assert_false(policy_auto_approves(p, &reg, w, px("::/0")));
	policy_free(p);
}

static void tags_have_owners(void **state)
{
	struct user *alice = registry_user_add(&reg, "alice", NOW),
		    *bob = registry_user_add(&reg, "bob", NOW);
	struct policy *p = parse("{\"groups\":{\"group:g\":[\"bob@\"]},\"tagOwners\":{\"tag:a\":["
				 "\"alice@\"],\"tag:g\":[\"group:g\"]}}");

	(void)state;
	assert_true(policy_may_tag(p, alice, "tag:a"));
	assert_false(policy_may_tag(p, alice, "tag:g"));
	assert_true(policy_may_tag(p, bob, "tag:g"));
	assert_false(policy_may_tag(p, bob, "tag:none"));
	assert_false(policy_may_tag(NULL, alice, "tag:a"));
	policy_free(p);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_refused_and_where),	   T(people_may_write_comments_and_commas),
		T(lines_are_those_of_the_value),   T(rules_are_compiled_for_each_node),
		T(subnets_belong_to_their_router), T(self_is_the_same_user),
		T(routes_approve_themselves),	   T(tags_have_owners),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
