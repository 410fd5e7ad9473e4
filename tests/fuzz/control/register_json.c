/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies outside the map stream: register answers and requests, map requests, the key reply,
 * Retry-After, and a node's Hostinfo. */
#include "tests/fuzz/control/seeds.h"

#include "daemon/control/maprequest_wire.h"
#include "daemon/control/nm_node_json.h"
#include "daemon/control/register_wire.h"

static void answers(struct span in)
{
	struct register_answer a, again;
	struct machine_key k;
	if (register_answer_parse(in, &a) == 0) {
		must(strlen(a.error) <= REGISTER_ERROR_MAX, "bounded error");
		must(strlen(a.auth_url) <= REGISTER_URL_MAX, "bounded URL");
		json_t *v = register_answer_to_json(&a);
		char *text = j_dump(v);
		must(register_answer_parse(span_str(text), &again) == 0, "written, read again");
		must(strcmp(a.error, again.error) == 0 || strlen(a.error) == REGISTER_ERROR_MAX,
		     "the same error");
		must(a.node_key_expired == again.node_key_expired, "the same verdict");
		register_answer_fini(&again);
		free(text);
		j_free(v);
		register_answer_fini(&a);
	}
	if (server_key_parse(in, &k) == 0)
		must(!machine_key_is_zero(&k), "a key is no zero key");
	int64_t s = retry_after_parse(in, (wall_t){ 1800000000, 0 });
	must(s >= -1, "seconds or nothing");
}

static void requests(const json_t *v)
{
	struct register_request r;
	struct map_request m;
	struct map_endpoint eps[MAPREQUEST_ENDPOINTS_MAX];
	struct nm_node *n, *n2;
	const char *why;
	if (register_request_from_json(v, &r, &why) == 0)
		j_free(register_request_to_json(&r));
	if (map_request_from_json(v, &m, eps, &why) == 0) {
		must(m.n_endpoints <= MAPREQUEST_ENDPOINTS_MAX, "bounded endpoints");
		j_free(map_request_to_json(&m));
	}
	if (nm_node_from_json(v, &n, &why) == 0) {
		json_t *w = nm_node_to_json(n);
		must(nm_node_from_json(w, &n2, &why) == 0, "a node can be read back");
		must(nm_node_equal(n, n2), "as the same node");
		nm_node_unref(n2);
		j_free(w);
		nm_node_unref(n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	answers(span_of(p, len));
	json_t *v = j_parse(span_of(p, len), 1u << 20, NULL);
	if (v)
		requests(v);
	j_free(v);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char node[] =
	    "{\"ID\":2,\"StableID\":\"2\",\"Name\":\"a.b.\",\"User\":1,\"Addresses\":[\"100.64.0.2/"
	    "32\"],"
	    "\"AllowedIPs\":[],\"Endpoints\":[\"[2001:db8::1]:1\"],\"DERP\":\"127.3.3.40:17\","
	    "\"Hostinfo\":{\"OS\":\"linux\",\"Hostname\":\"h\",\"RoutableIPs\":[\"::/"
	    "0\"],\"Services\":"
	    "[{\"Proto\":\"peerapi4\",\"Port\":1}],\"sshHostKeys\":[\"k\"],\"ShareeNode\":true,"
	    "\"Location\":{\"Country\":\"x\"}},\"Tags\":[\"tag:x\"],\"CapMap\":{\"c\":null,\"d\":[{"
	    "}]},"
	    "\"Online\":null,\"KeyExpiry\":\"2026-01-01T00:00:00+01:00\"}";
	static const char date[] = "Thu, 01 Jan 2030 00:16:50 GMT";
	if (i < 2) {
		*out = i == 0 ? span_str(node) : span_str(date);
		return true;
	}
	if (i < 9)
		return seeds_text("control_json.json", "requests", "json", i - 2, out);
	return seeds_text("control_json.json", "replies", "json", i - 9, out);
}
