/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include "base/alloc.h"
#include "daemon/coordinator/registry_file.h"

static struct rng_seeded rng;

static void fill(struct coord_state *s)
{
	struct registry *r = &s->reg;
	char text[AUTH_KEY_TEXT_MAX];
	struct ep e = { ip_v4(192, 0, 2, 1), 41641 };
	struct node *a, *w;
	struct auth_key *k;

	rng_seeded_init(&rng, 11);
	coord_state_init(s, &rng.rng);
	a = join(r, 1, "alice", "laptop", "");
	w = join(r, 2, "bob", "web", "tag:web,tag:x");
	registry_report(r, a, &(struct node_report){ .endpoints = &e, .n_endpoints = 1 });
	announce(r, w, "10.1.0.0/16,::/0", true);
	w->ephemeral = true;
	a->expiry = (wall_t){ NOW.s + 5, 0 };
	a->last_seen = NOW;
	assert_int_equal(registry_rename(r, a, "boss"), 0);
	k = auth_key_create(r, &rng.rng, text);
	k->user = a->user;
	k->used = true;
	k->reusable = true;
	strv_add(&k->tags, "tag:web");
	str_set(&s->policy, "{\"acls\": [],} // \xc3\xa4");
	str_set(&s->cert_name, "10.0.0.1");
	str_set(&s->dns, "{\"Proxied\": false}");
	registry_remove(r, join(r, 3, "alice", "gone", ""));
}

static void what_is_written_reads_back_the_same(void **state)
{
	struct coord_state s, t;
	struct buf one, two;
	struct j_error err;
	const struct node *n;

	(void)state;
	fill(&s);
	coord_state_init(&t, &rng.rng);
	buf_init(&one, 1 << 20);
	buf_init(&two, 1 << 20);
	coord_state_encode(&s, &one);
	assert_int_equal(coord_state_decode(&t, buf_span(&one), &err), 0);
	coord_state_encode(&t, &two);
	assert_string_equal(buf_cstr(&one), buf_cstr(&two));
	n = registry_node(&t.reg, 2);
	assert_non_null(n);
	assert_int_equal(n->user, USER_TAGGED);
	assert_true(prefixes_equal(&n->announced, &n->approved));
	assert_false(disco_key_is_zero(&n->disco)); /* peers stay known over a restart */
	assert_string_equal(t.dns, "{\"Proxied\": false}");
	assert_int_equal(t.reg.next_node, 4);	    /* the removed one's id is spent */
	assert_memory_equal(&s.noise_key, &t.noise_key, sizeof(s.noise_key));
	coord_state_fini(&s);
	coord_state_fini(&t);
	buf_fini(&one);
	buf_fini(&two);
}

static int decode(const char *text)
{
	struct coord_state s;
	struct j_error err = { "" };
	int rc;

	coord_state_init(&s, &rng.rng);
	rc = coord_state_decode(&s, span_str(text), &err);
	assert_true(rc == 0 || *err.text);
	coord_state_fini(&s);
	return rc;
}

/* A file that is not whole or not ours is refused, never taken for an empty one. */
static void broken_files_are_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} edits[] = {
		{ "\"version\": 1", "\"version\": 2" },
		{ "\"noise_key\": \"privkey:", "\"noise_key\": \"privkey" },
		{ "\"auth_hash_key\": \"", "\"auth_hash_key\": \"zz" },
		{ "\"v4\": \"100.64.0.2\"", "\"v4\": \"100.64.0.1\"" },
		{ "\"v4\": \"100.64.0.2\"", "\"v4\": \"::1\"" },
		{ "\"name\": \"web\"", "\"name\": \"boss\"" },
		{ "\"name\": \"web\"", "\"name\": \"../x\"" },
		{ "\"id\": 2", "\"id\": 1" },
		{ "\"id\": 2", "\"id\": -2" },
		{ "\"machine\": \"mkey:", "\"machine\": \"mkey" },
		{ "\"hash\": \"", "\"hash\": \"x" },
		{ "\"name\": \"alice\"", "\"name\": \"a b\"" },
	};
	struct coord_state s;
	struct buf text;
	const char *whole;

	(void)state;
	fill(&s);
	buf_init(&text, 1 << 20);
	coord_state_encode(&s, &text);
	whole = buf_cstr(&text);
	assert_int_equal(decode(whole), 0);
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		const char *at = strstr(whole, "\"nodes\"");
		char *edited;

		/* ids and names occur in several lists: prefer the nodes' */
		at = strstr(at, edits[i].from) ? strstr(at, edits[i].from)
					       : strstr(whole, edits[i].from);
		if (!at)
			fail_msg("%s is not in %s", edits[i].from, whole);
		edited = xasprintf("%.*s%s%s", (int)(at - whole), whole, edits[i].to,
				   at + strlen(edits[i].from));
		if (decode(edited) == 0)
			fail_msg("accepted: %s", edits[i].to);
		free(edited);
	}
	for (size_t n = 0; n + 2 < text.len; n += 97) {
		char *cut = xstrndup(whole, n);

		assert_true(decode(cut) < 0);
		free(cut);
	}
	coord_state_fini(&s);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back_the_same),
		cmocka_unit_test(broken_files_are_refused),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
