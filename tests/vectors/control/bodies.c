/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control_json.json: register and map request bodies equal the reference's text; answers parse;
 * control_headscale.json: what a real Headscale answered parses and its errors are surfaced. */
#include "tests/lib/cm.h"
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/control/early.h"
#include "daemon/control/hostinfo.h"
#include "daemon/control/map_session.h"
#include "daemon/control/maprequest_wire.h"
#include "daemon/control/register_wire.h"
#include "magicsock/endpoints.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *file, *headscale;

static int load(void **state)
{
	(void)state;
	file = vec_load("control_json.json");
	headscale = vec_load("control_headscale.json");
	return crypto_init();
}

static int unload(void **state)
{
	(void)state;
	j_free(file);
	j_free(headscale);
	return 0;
}

static const json_t *named(const char *list, const char *name)
{
	json_t *l = j_get(file, list);
	for (size_t i = 0; i < j_len(l); i++)
		if (strcmp(j_str(j_at(l, i), "name"), name) == 0)
			return j_at(l, i);
	fail_msg("no vector %s", name);
	return NULL;
}

/* The machine all recorded requests come from. */
static json_t *the_hostinfo(void)
{
	static const struct netinfo_latency lat[] = { { 999, false, 0.0123 } };
	static const struct netinfo net = {
		.mapping_varies_by_dest_ip = J_FALSE,
		.working_ipv6 = J_FALSE,
		.os_has_ipv6 = J_TRUE,
		.working_udp = J_TRUE,
		.upnp = J_FALSE,
		.pmp = J_FALSE,
		.pcp = J_FALSE,
		.preferred_derp = 999,
		.latencies = lat,
		.n_latencies = 1,
		.firewall_mode = "nft-default",
	};
	static const struct nm_service services[] = { { NM_SERVICE_PEERAPI4, 51000 },
						      { NM_SERVICE_PEERAPI6, 51001 },
						      { NM_SERVICE_PEERAPI_DNS, 1 } };
	static const char *const tags[] = { "tag:router" }, *const keys[] = { "ssh-ed25519 AAAA" };
	struct prefix routes[3];
	assert_int_equal(prefix_decode(span_str("0.0.0.0/0"), &routes[0]), 0);
	assert_int_equal(prefix_decode(span_str("198.51.100.0/24"), &routes[1]), 0);
	assert_int_equal(prefix_decode(span_str("::/0"), &routes[2]), 0);
	struct hostinfo h = {
		.ipn_version = "1.103.0",
		.backend_log_id =
		    "0002030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f60",
		.os = "linux",
		.os_version = "6.8.0",
		.distro = "debian",
		.distro_version = "12",
		.distro_codename = "bookworm",
		.hostname = "self",
		.machine = "x86_64",
		.go_arch = "amd64",
		.routable_ips = routes,
		.n_routable_ips = 3,
		.request_tags = tags,
		.n_request_tags = 1,
		.services = services,
		.n_services = 3,
		.netinfo = &net,
		.ssh_host_keys = keys,
		.n_ssh_host_keys = 1,
		.userspace = J_FALSE,
		.app_connector = J_FALSE,
	};
	return hostinfo_to_json(&h);
}

static struct register_request base_request(json_t *hostinfo)
{
	struct register_request r = { .version = 145, .hostinfo = hostinfo };
	assert_int_equal(node_key_decode(span_str("nodekey:d89e3bad79437dbed9f843418304f460ff05c7fe"
						  "81fe4a9577a804cb9367ff66"),
					 &r.node),
			 0);
	assert_int_equal(nl_key_decode(span_str("nlpub:00060708090a0b0c0d0e0f101112131415161718191a"
						"1b1c1d1e1f2021222364"),
				       &r.nl),
			 0);
	assert_int_equal(wall_decode(span_str("2026-01-02T03:04:05.6Z"), &r.timestamp), 0);
	return r;
}

/* The text, to the byte: same members, same order, same omissions. */
static void expect_text(const char *name, json_t *got)
{
	char *text = j_dump(got);
	assert_string_equal(text, j_str(named("requests", name), "json"));
	free(text);
	j_free(got);
}

static void test_register_requests(void **state)
{
	json_t *h = the_hostinfo();
	struct register_request r = base_request(h);
	static const uint8_t sig[] = { 0xa1, 0x01, 0x02 };
	char with_lock[256];
	(void)state;
	const char *key = "hskey-auth-0123456789ab-"
			  "0000000000000000000000000000000000000000000000000000000000000000";
	r.auth_key = key;
	expect_text("register with auth key", register_request_to_json(&r));
	snprintf(with_lock, sizeof(with_lock), "%s--TLAAAA-BBBB", key);
	r.auth_key = with_lock; /* the lock's part stays here */
	expect_text("register with auth key", register_request_to_json(&r));

	r = base_request(h);
	r.timestamp = WALL_ZERO;
	expect_text("register after restart, no auth", register_request_to_json(&r));

	r = base_request(h);
	r.followup = "https://headscale.example.com/register/"
		     "hskey-authreq-0123456789abcdef01234567";
	expect_text("register follow-up", register_request_to_json(&r));

	r = base_request(h);
	assert_int_equal(node_key_decode(span_str("nodekey:9cd88f8fa6b07818d4cd990dd4866adcf0cb9398"
						  "5cc002a8ed95f6ced4a0bb51"),
					 &r.old_node),
			 0);
	r.ephemeral = true;
	r.signature = span_of(sig, sizeof(sig));
	expect_text("register with rotation, signature, ephemeral", register_request_to_json(&r));

	r = base_request(h);
	r.expiry = (wall_t){ 123, 0 };
	expect_text("logout", register_request_to_json(&r));
	j_free(h);
}

static struct map_endpoint endpoint(const char *text, uint8_t type)
{
	struct map_endpoint e = { .type = type };
	assert_int_equal(ep_decode(span_str(text), &e.ep), 0);
	return e;
}

static void test_map_requests(void **state)
{
	json_t *h = the_hostinfo();
	struct register_request keys = base_request(h);
	struct map_request m = { .version = 145,
				 .zstd = true,
				 .keepalive = true,
				 .stream = true,
				 .node = keys.node,
				 .hostinfo = h };
	static const char *const flags[] = { "warn-ip-forwarding-off" };
	struct map_endpoint eps[3] = { endpoint("203.0.113.5:41641", ENDPOINT_STUN),
				       endpoint("192.168.1.5:41641", ENDPOINT_LOCAL),
				       endpoint("[2001:db8::5]:41641", ENDPOINT_LOCAL) };
	(void)state;
	assert_int_equal(disco_key_decode(span_str("discokey:89b0e983ccbf3804cdae3bab5409e49c72209b"
						   "0f9c0e6ab24caca35c5d3a346c"),
					  &m.disco),
			 0);
	m.endpoints = eps;
	m.n_endpoints = 3;
	expect_text("map stream", map_request_to_json(&m));
	m.stream = false;
	m.omit_peers = true;
	m.n_endpoints = 1;
	m.tka_head = "CCCC";
	m.debug_flags = flags;
	m.n_debug_flags = 1;
	expect_text("lite update", map_request_to_json(&m));
	j_free(h);
}

/* What our server side reads is what was written. */
static void test_requests_read_back(void **state)
{
	json_t *list = j_get(file, "requests");
	(void)state;
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *e = j_at(list, i);
		json_t *v = j_parse(j_span(e, "json"), 1u << 20, NULL);
		const char *why;
		struct register_request r;
		struct map_request m;
		struct map_endpoint eps[MAPREQUEST_ENDPOINTS_MAX];
		json_t *again;
		if (strcmp(j_str(e, "path"), "/machine/map") == 0) {
			assert_int_equal(map_request_from_json(v, &m, eps, &why), 0);
			again = map_request_to_json(&m);
			j_set(again, "DebugFlags", j_copy(j_get(v, "DebugFlags")));
			if (!j_get(v, "DebugFlags"))
				j_del(again, "DebugFlags");
		} else {
			assert_int_equal(register_request_from_json(v, &r, &why), 0);
			again = register_request_to_json(&r);
			j_set(again, "NodeKeySignature", j_copy(j_get(v, "NodeKeySignature")));
		}
		assert_true(j_equal(again, v));
		j_free(again);
		j_free(v);
	}
}

static struct register_answer answer(const char *name)
{
	struct register_answer a;
	assert_int_equal(register_answer_parse(j_span(named("replies", name), "json"), &a), 0);
	return a;
}

static void test_answers(void **state)
{
	(void)state;
	struct register_answer a = answer("success");
	assert_int_equal(a.user_id, 1);
	assert_string_equal(a.login_name, "alice@example.com");
	assert_string_equal(a.display_name, "Alice");
	assert_true(a.machine_authorized);
	assert_string_equal(a.auth_url, "");
	register_answer_fini(&a);
	a = answer("needs interactive login");
	assert_string_equal(
	    a.auth_url,
	    "https://headscale.example.com/register/hskey-authreq-0123456789abcdef01234567");
	register_answer_fini(&a);
	a = answer("node key expired");
	assert_true(a.node_key_expired);
	register_answer_fini(&a);
	a = answer("error");
	assert_string_equal(a.error, "authkey expired");
	register_answer_fini(&a);
	a = answer("signature to re-sign");
	assert_int_equal(a.signature.len, 3);
	register_answer_fini(&a);
}

static void test_key_reply(void **state)
{
	struct machine_key k;
	char text[KEY_TEXT_MAX];
	(void)state;
	assert_int_equal(server_key_parse(j_span(named("replies", "key reply"), "json"), &k), 0);
	assert_string_equal(
	    machine_key_encode(&k, text),
	    "mkey:79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a");
}

static void test_early_reply(void **state)
{
	struct chal_key zero = { { 0 } };
	struct buf out;
	(void)state;
	buf_init(&out, 4096);
	early_build(&zero, &out);
	struct span json = span_from(buf_span(&out), EARLY_HEADER_LEN);
	assert_true(span_eq(json, j_span(named("replies", "early payload"), "json")));
	buf_fini(&out);
}

/* ---- a real Headscale's answers ---- */

static void expect_register(const char *name, struct span body)
{
	struct register_answer a;
	assert_int_equal(register_answer_parse(body, &a), 0);
	struct {
		const char *step, *error;
	} errors[] = {
		{ "register a new node with an expired auth key", "authkey expired" },
		{ "register a new node with the used key", "authkey already used" },
		{ "extend own expiry", "extending key is not allowed" },
	};
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (strcmp(name, errors[i].step) == 0)
			assert_string_equal(a.error, errors[i].error);
	if (strstr(name, "expired beta registers"))
		assert_true(a.node_key_expired);
	register_answer_fini(&a);
}

static void apply_all(struct map_session **s, const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *m = j_at(list, i);
		struct map_result res;
		const char *why;
		char *text = j_dump(m);
		/* a DERPMap beside a Node begins a session */
		if (!*s || (j_get(m, "DERPMap") && j_get(m, "Node"))) {
			map_session_free(*s);
			*s = map_session_new();
		}
		assert_int_equal(
		    map_session_apply(*s, span_str(text), (wall_t){ 1794000000, 0 }, &res, &why),
		    0);
		if (j_get(m, "PingRequest"))
			assert_non_null(res.ping);
		free(text);
	}
}

static void test_headscale_answers(void **state)
{
	json_t *steps = j_get(headscale, "steps");
	struct map_session *s = NULL;
	size_t registers = 0, maps = 0;
	(void)state;
	for (size_t i = 0; i < j_len(steps); i++) {
		const json_t *got = j_get(j_at(steps, i), "got");
		const char *name = j_str(j_at(steps, i), "name");
		struct span body = j_span(got, "body");
		if (j_is_array(got)) {
			apply_all(&s, got);
			maps++;
		} else if (j_int(got, "status", 0) == 200 && body.len > 8 &&
			   memcmp(body.p, "{\"User\":", 8) == 0) {
			expect_register(name, body);
			registers++;
		}
	}
	assert_true(registers >= 15);
	assert_true(maps >= 10);
	map_session_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register_requests),  cmocka_unit_test(test_map_requests),
		cmocka_unit_test(test_requests_read_back), cmocka_unit_test(test_answers),
		cmocka_unit_test(test_key_reply),	   cmocka_unit_test(test_early_reply),
		cmocka_unit_test(test_headscale_answers),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
