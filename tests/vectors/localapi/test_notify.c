/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state_file.json, `notify`: the texts of bus messages, byte for byte. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "daemon/localapi/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

/* Which members each message has; all values come from the recorded text. */
static const struct {
	const char *name;
	enum notify_field field;
	const char *member;
} members[] = {
	{ "browse to url", NF_BROWSE_TO_URL, "BrowseToURL" },
	{ "engine", NF_ENGINE, "Engine" },
	{ "error", NF_ERR_MESSAGE, "ErrMessage" },
	{ "health", NF_HEALTH, "Health" },
	{ "healthy", NF_HEALTH, "Health" },
	{ "initial state", NF_SESSION_ID, "SessionID" },
	{ "initial state", NF_STATE, "State" },
	{ "initial state+prefs", NF_SESSION_ID, "SessionID" },
	{ "initial state+prefs", NF_STATE, "State" },
	{ "initial state+prefs", NF_PREFS, "Prefs" },
	{ "login finished", NF_LOGIN_FINISHED, "LoginFinished" },
	{ "peers removed", NF_PEERS_REMOVED, "PeersRemoved" },
	{ "state", NF_STATE, "State" },
};

/* The recorded text with our version in it and a newline. */
static char *expected(const char *theirs)
{
	const char *version = "\"Version\":\"1.103.0\"";
	assert_int_equal(strncmp(theirs + 1, version, strlen(version)), 0);
	return xasprintf("{\"Version\":\"%s\"%s\n", MESH_VERSION, theirs + 1 + strlen(version));
}

static void check(const char *name, const char *theirs)
{
	json_t *v = j_parse(span_str(theirs), 1u << 20, NULL);
	struct notify n = { .field = { NULL } };
	struct buf b;
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcmp(members[i].name, name) == 0)
			notify_set(&n, members[i].field, j_copy(j_get(v, members[i].member)));
	notify_write(&n, &b);
	char *want = expected(theirs);
	assert_string_equal(buf_cstr(&b), want);
	notify_fini(&n);
	buf_fini(&b);
	j_free(v);
	free(want);
}

static void test_texts(void **state)
{
	(void)state;
	json_t *texts = j_get(vec_load("state_file.json"), "notify");
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		assert_non_null(j_str(texts, members[i].name));
		check(members[i].name, j_str(texts, members[i].name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
