/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of the control server to this node, server URLs, and JSON scanning: always one whole
 * HTTP answer, and the scanner agrees with the parser about what JSON is. */
#include "tests/fuzz/control/seeds.h"

#include "base/http1.h"
#include "daemon/control/c2n.h"
#include "daemon/control/dial.h"
#include "daemon/control/json_scan.h"

static json_t *some_json(void *arg)
{
	(void)arg;
	return j_object();
}

static void answer(struct span in)
{
	const struct c2n_sources src = { .prefs = some_json, .health = some_json };
	struct http1_head h;
	struct buf out;
	buf_init(&out, C2N_ANSWER_MAX + 4096);
	c2n_answer(in, &src, &out);
	must(buf_ok(&out), "an answer fits");
	must(http1_parse(buf_span(&out), false, &h) == 0, "and is HTTP");
	uint64_t n;
	must(u64_decode(http1_find(&h, "Content-Length"), UINT32_MAX, &n) == 0, "with a length");
	must(n == out.len - h.len, "that is right");
	buf_fini(&out);
}

static void scan(struct span in)
{
	json_t *v = j_parse(in, 1u << 20, NULL);
	int err = json_check(in);
	/* jansson also refuses numbers above 2^63 and NUL in names, and takes a bare NUL for an end
	 */
	bool nul = in.len && memchr(in.p, 0, in.len);
	must(!v || nul || err == 0, "what parses passes the check");
	struct json_scan s;
	struct span key, value;
	size_t n = 0;
	if (err == 0 && json_scan_start(&s, in, '{') == 0)
		while (json_scan_next(&s, &key, &value)) {
			must(json_check(value) == 0, "members are JSON");
			n++;
		}
	must(!j_is_object(v) || nul || n >= j_len(v), "none is lost");
	j_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct dial_target t;
	char *text = xstrndup((const char *)p, len);
	answer(span_of(p, len));
	scan(span_of(p, len));
	if (dial_target_parse(text, &t) == 0) {
		must(t.host[0] != 0 && t.port != 0, "a target has a host and a port");
		must(!strpbrk(t.authority, " \r\n\t/@"), "nothing that leaks into a header");
	}
	free(text);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"GET /debug/prefs?x=1 HTTP/1.0\r\n\r\n",
		"https://[2001:db8::1]:8443/path",
		"http://hs.example.com:8080",
		"{\"a\":[1,2,{\"b\":\"\\u00e9\\n\"}],\"c\":null,\"c\":-1.5e+3}",
	};
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_str(seeds[i]);
	return true;
}
