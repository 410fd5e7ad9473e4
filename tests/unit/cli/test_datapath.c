/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debug datapath: the question, and the answer as text and as JSON. */
#include "tests/vectors/cli/fake_daemon.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static const char whole[] =
    "{\"AEAD\":{\"Used\":\"avx2\",\"Usable\":[\"avx2\",\"sodium\"]},\"Workers\":2,"
    "\"TUN\":{\"Name\":\"mesh0\",\"Steps\":[{\"Step\":\"vnet\",\"Active\":true},"
    "{\"Step\":\"tun-gro-tcp\",\"Active\":false,\"Why\":\"no kernel support\"}]},"
    "\"UDP\":[{\"Family\":\"IPv4\",\"Port\":41641,\"ReceiveBuffer\":7340032,"
    "\"SendBuffer\":212992,\"WantedBuffer\":7340032,\"QueueDrops\":7,"
    "\"Steps\":[{\"Step\":\"udp-gso\",\"Active\":false,\"Why\":\"refused by the device\"}]}],"
    "\"Counters\":{\"dataplane_rx_drop_auth\":3}}";

static const char whole_text[] = "aead: avx2 (usable: avx2, sodium)\n"
				 "workers: 2\n"
				 "tun mesh0\n"
				 "  vnet         on\n"
				 "  tun-gro-tcp  no kernel support\n"
				 "udp IPv4 port 41641\n"
				 "  udp-gso         refused by the device\n"
				 "  receive buffer  7168 of 7168 KiB\n"
				 "  send buffer     208 of 7168 KiB\n"
				 "  queue drops     7\n"
				 "counters\n"
				 "  dataplane_rx_drop_auth  3\n";

struct scene {
	int status;
	const char *body;
};

static struct fake_answer answer(void *arg, const struct fake_request *r)
{
	const struct scene *s = arg;
	bool asked = strcmp(r->method, "POST") == 0 &&
		     strcmp(r->uri, "/localapi/v0/debug?action=datapath") == 0;
	return (struct fake_answer){ .status = asked ? s->status : 404,
				     .body = strdup(asked ? s->body : "not asked") };
}

static struct fake_run run(struct scene *s, const char *words)
{
	struct fake_daemon d;
	struct cli c = { .in = stdin, .user = "", .ssh_client = "", .hurry = 100 };
	json_t *args = j_parse(span_str(words), 1000, NULL);
	fake_start(&d, answer, s);
	struct fake_run r = fake_cli(&d, &c, args);
	fake_stop(&d);
	j_free(args);
	return r;
}

static void expect(struct scene *s, const char *words, int code, const char *out)
{
	struct fake_run r = run(s, words);
	assert_int_equal(r.code, code);
	assert_string_equal(r.out, out);
	free(r.out);
	free(r.err);
}

static void as_text(void **state)
{
	struct scene s = { 200, whole };
	(void)state;
	expect(&s, "[\"debug\",\"datapath\"]", 0, whole_text);
}

static void as_json(void **state)
{
	struct scene s = { 200, whole };
	(void)state;
	struct fake_run r = run(&s, "[\"debug\",\"datapath\",\"--json\"]");
	json_t *got = j_parse(span_str(r.out), 1 << 16, NULL),
	       *want = j_parse(span_str(whole), sizeof(whole), NULL);
	assert_int_equal(r.code, 0);
	assert_true(j_equal(got, want));
	j_free(got);
	j_free(want);
	free(r.out);
	free(r.err);
}

/* A daemon of another version, or something else that answers there. */
static void strange_answers(void **state)
{
	struct scene s = { 200, "{}" };
	(void)state;
	expect(&s, "[\"debug\",\"datapath\"]", 0, "aead: ?\nworkers: 0\n");
	s.body = "{\"AEAD\":{\"Used\":\"\\u001b[2J\",\"Usable\":[1]},\"UDP\":[4],\"Counters\":[]}";
	expect(&s, "[\"debug\",\"datapath\"]", 0,
	       "aead: \\x1b[2J (usable: ?)\nworkers: 0\nudp ? port 0\n"
	       "  receive buffer  0 of 0 KiB\n  send buffer     0 of 0 KiB\n"
	       "  queue drops     0\n");
	s = (struct scene){ 400, "unknown action \"datapath\"" };
	expect(&s, "[\"debug\",\"datapath\"]", 1, "");
	expect(&s, "[\"debug\",\"datapath\",\"--nope\"]", 2, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_text), cmocka_unit_test(as_json),
					    cmocka_unit_test(strange_answers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
