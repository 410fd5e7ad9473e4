/* SPDX-License-Identifier: GPL-2.0-or-later */
/* localapi_errors.json: what the reference answers on an empty daemon, as a table of requests. */
#include "tests/lib/vec.h"
#include "tests/unit/localapi/api_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

/* Bodies that are the backend's (its own tests have them) or Go's wording: status and type only. */
static const char *const body_elsewhere[] = {
	"GET /localapi/v0/status",	 "GET /localapi/v0/status?peers=false",
	"GET /localapi/v0/prefs",	 "PATCH /localapi/v0/prefs",
	"POST /localapi/v0/check-prefs", "GET /localapi/v0/profiles/current",
	"GET /localapi/v0/usermetrics",	 "GET /",
};

static bool compares_body(const json_t *test, int status)
{
	char key[256];
	snprintf(key, sizeof(key), "%s %s", j_str(test, "Method"), j_str(test, "URI"));
	/* Refusals by right, method or header are ours whatever the backend says. */
	if (status == 403 || status == 405)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(body_elsewhere); i++)
		if (strcmp(key, body_elsewhere[i]) == 0)
			return false;
	return true;
}

static void request_headers(const json_t *test, struct buf *out)
{
	json_t *h = j_get(test, "ReqHeaders");
	bool host = false;
	for (void *it = h ? j_iter(h) : NULL; it; it = j_iter_next(h, it)) {
		host = host || strcmp(j_iter_key(it), "Host") == 0;
		buf_fmt(out, "%s: %s\r\n", j_iter_key(it), j_text(j_iter_value(it)));
	}
	if (!host)
		buf_add_str(out, "Host: local-tailscaled.sock\r\n");
}

static bool header_is_ours(const char *name)
{
	/* We do not send the reference's version, and our capability is our own business. */
	return strcmp(name, "Tailscale-Version") == 0 || strcmp(name, "Tailscale-Cap") == 0;
}

static int check_headers(struct fixture *f, const json_t *test, const char *what)
{
	json_t *h = j_get(test, "Header");
	int bad = 0;
	for (void *it = j_iter(h); it; it = j_iter_next(h, it)) {
		char line[512];
		if (header_is_ours(j_iter_key(it)))
			continue;
		snprintf(line, sizeof(line), "\r\n%s: %s\r\n", j_iter_key(it),
			 j_text(j_iter_value(it)));
		if (fixture_has_header(f, line))
			continue;
		print_error("%s: no header %s\n", what, line + 2);
		bad++;
	}
	return bad;
}

/* The fake backend's answer where the case needs one. */
static void prepare(struct fixture *f, const json_t *test, int status)
{
	bool edit = strcmp(j_str(test, "Method"), "PATCH") == 0;
	f->b->refuse = edit && status == 400 ? "refused" : NULL;
}

static void finish_logout(struct fixture *f)
{
	if (f->b->logout_done)
		f->b->logout_done(f->b->logout_arg, NULL);
	f->b->logout_done = NULL;
}

/* Answers of a logout come later: the request is made by hand. */
static int ask(struct fixture *f, const json_t *test, const char *headers)
{
	const char *uri = j_str(test, "URI"), *method = j_str(test, "Method");
	if (strcmp(uri, "/localapi/v0/logout") != 0 || strcmp(method, "POST") != 0)
		return fixture_ask(f, method, uri, headers, j_str(test, "ReqBody"));
	int fd = fixture_connect(f);
	char *req = xasprintf(
	    "POST %s HTTP/1.1\r\n%sConnection: close\r\nContent-Length: 0\r\n\r\n", uri, headers);
	buf_reset(&f->got);
	fixture_send(f, fd, span_str(req));
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop, 1);
	finish_logout(f);
	fixture_wait(f, fd, NULL);
	close(fd);
	free(req);
	return atoi(buf_cstr(&f->got) + 9);
}

static int run_case(struct fixture *f, const json_t *test)
{
	struct buf headers;
	char what[300];
	int want = (int)j_int(test, "Status", 0), bad = 0;
	buf_init(&headers, 65536);
	request_headers(test, &headers);
	snprintf(what, sizeof(what), "%s %s", j_str(test, "Method"), j_str(test, "URI"));
	f->rights = (struct api_rights){ .read = j_bool(test, "PermitRead", false),
					 .write = j_bool(test, "PermitWrite", false),
					 .cert = j_bool(test, "PermitWrite", false) };
	prepare(f, test, want);
	int status = ask(f, test, buf_cstr(&headers));
	if (status != want) {
		print_error("%s: status %d, want %d\n", what, status, want);
		bad++;
	}
	bad += check_headers(f, test, what);
	if (compares_body(test, want) && strcmp(fixture_body(f), j_str(test, "Body")) != 0) {
		print_error("%s: body\n%s\nwant\n%s\n", what, fixture_body(f), j_str(test, "Body"));
		bad++;
	}
	buf_fini(&headers);
	return bad != 0;
}

static void test_table(void **state)
{
	(void)state;
	struct fixture f;
	json_t *cases = j_get(vec_load("localapi_errors.json"), "cases");
	int bad = 0;
	fixture_init(&f);
	for (size_t i = 0; i < j_len(cases); i++)
		bad += run_case(&f, j_at(cases, i));
	fixture_fini(&f);
	assert_true(j_len(cases) >= 70);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
