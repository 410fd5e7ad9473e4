/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which exit node is used: tables of situations, and long random histories. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "daemon/engine/exit_node.h"
#include "magicsock/derpmap.h"

#include <stdio.h>
#include <stdlib.h>

#define N_PEERS 6
#define SUGGEST "suggest-exit-node"

static const struct prefix defaults[] = { { { .fam = IP_V4 }, 0 }, { { .fam = IP_V6 }, 0 } };
static const struct nm_cap suggest_cap = { SUGGEST, NULL };
static const struct nm_cap steering_cap = { "traffic-steering", NULL };

/* A map of six peers that all offer and are online: ids 10 to 15. */
struct scene {
	struct nm_node self, peer[N_PEERS];
	const struct nm_node *peers[N_PEERS];
	struct prefix address[N_PEERS];
	char id[N_PEERS][8];
	struct netmap nm;
	struct prefs prefs;
	struct rng_seeded rng;
	struct exit_memory m;
	struct exit_in in;
	struct exit_choice c;
};

static const char *const fqdns[N_PEERS] = { "fra.tail.example.com.", "ams.tail.example.com.",
					    "par.tail.example.com.", "lon.tail.example.com.",
					    "waw.tail.example.com.", "Rom.tail.example.com." };

static void make_peer(struct scene *s, size_t i)
{
	snprintf(s->id[i], sizeof(s->id[i]), "n%zu", 10 + i);
	s->address[i] = prefix_host(ip_v4(100, 64, 0, (uint8_t)(10 + i)));
	s->peer[i] = (struct nm_node){
		.id = 10 + (int64_t)i,
		.stable_id = s->id[i],
		.name = fqdns[i],
		.location = "",
		.online = J_TRUE,
		.home_derp = 1,
		.addresses = &s->address[i],
		.n_addresses = 1,
		.allowed_ips = defaults,
		.n_allowed_ips = 2,
	};
	s->peers[i] = &s->peer[i];
}

static int setup(void **state)
{
	struct scene *s = xcalloc(1, sizeof(*s));
	s->self = (struct nm_node){ .id = 1, .name = "self.tail.example.com.", .stable_id = "n1" };
	s->nm = (struct netmap){ .self = &s->self, .peers = s->peers, .n_peers = N_PEERS };
	nm_addresses_init(&s->nm.by_address);
	for (size_t i = 0; i < N_PEERS; i++) {
		make_peer(s, i);
		nm_addresses_add(&s->nm.by_address, &s->peer[i]);
	}
	prefs_init(&s->prefs);
	rng_seeded_init(&s->rng, 7);
	s->in = (struct exit_in){ .prefs = &s->prefs,
				  .nm = &s->nm,
				  .home = 1,
				  .now = { 1000 * NS_PER_S },
				  .rng = &s->rng.rng };
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	nm_addresses_fini(&s->nm.by_address);
	prefs_fini(&s->prefs);
	free(s);
	return 0;
}

/* ---- helpers ---- */

static void set_list(struct scene *s, const char *list)
{
	char *why, *copy = xstrdup(list), *rest = copy;
	json_t *edit = j_object(), *names_json = j_array();
	for (char *name; (name = strsep(&rest, ","));)
		j_add_str(names_json, name);
	j_set(edit, "ExitNodePriority", names_json);
	j_set_bool(edit, "ExitNodePrioritySet", true);
	assert_int_equal(prefs_edit(&s->prefs, edit, NULL, &why), 0);
	j_free(edit);
	free(copy);
}

static int64_t choose(struct scene *s)
{
	exit_node_choose(&s->in, &s->m, &s->c);
	return s->c.node ? s->c.node->id : 0;
}

static void pass(struct scene *s, int64_t seconds)
{
	s->in.now = mono_add_s(s->in.now, seconds);
}

static void set_online(struct scene *s, size_t i, bool online)
{
	s->peer[i].online = online ? J_TRUE : J_FALSE;
}

static void mark(struct scene *s, size_t i)
{
	s->peer[i].caps = &suggest_cap;
	s->peer[i].n_caps = 1;
}

/* ---- one by name ---- */

static void none_is_wanted(void **state)
{
	struct scene *s = *state;
	s->m.chosen = 12;
	s->m.n = 1;
	assert_int_equal(choose(s), 0);
	assert_false(s->c.wanted);
	assert_int_equal(s->c.why, EXIT_OFF);
	assert_true(mono_is_never(s->c.deadline));
	assert_int_equal(s->m.chosen, 0);
	assert_int_equal(s->m.n, 0);
}

/* The one that was named is used whatever its state, so that traffic goes there or nowhere. */
static void one_is_named(void **state)
{
	struct scene *s = *state;
	str_set(&s->prefs.exit_node_id, "n11");
	static const struct prefix one[] = { { { .fam = IP_V4 }, 0 } };
	struct nm_node good = s->peer[1], v4_only = good, expired = good, offline = good,
		       never = good;
	v4_only.allowed_ips = one;
	v4_only.n_allowed_ips = 1;
	expired.flags = NM_EXPIRED_HERE;
	offline.online = J_FALSE;
	never.home_derp = 0;
	const struct {
		const struct nm_node *n;
		enum exit_why why;
	} cases[] = { { &good, EXIT_IN_USE },
		      { &v4_only, EXIT_NOT_OFFERING },
		      { &expired, EXIT_EXPIRED },
		      { &offline, EXIT_OFFLINE },
		      { &never, EXIT_OFFLINE } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->peer[1] = *cases[i].n;
		assert_int_equal(choose(s), 11);
		assert_true(s->c.wanted);
		assert_int_equal(s->c.why, cases[i].why);
	}
	s->peer[1] = good;
	exit_memory_silent(&s->m, 11, true, s->in.now);
	assert_int_equal(choose(s), 11);
	assert_int_equal(s->c.why, EXIT_SILENT);
}

static void unknown_is_a_black_hole(void **state)
{
	struct scene *s = *state;
	static const char *const ids[] = { "gone", "auto:any", "n1" };
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		str_set(&s->prefs.exit_node_id, ids[i]);
		assert_int_equal(choose(s), 0);
		assert_true(s->c.wanted);
		assert_int_equal(s->c.why, EXIT_UNKNOWN);
	}
	str_set(&s->prefs.exit_node_id, "n11");
	s->in.nm = NULL;
	assert_int_equal(choose(s), 0);
	assert_true(s->c.wanted);
	assert_int_equal(s->c.why, EXIT_UNKNOWN);
}

static void an_address_wins(void **state)
{
	struct scene *s = *state;
	str_set(&s->prefs.exit_node_id, "n11");
	s->prefs.exit_node_ip = ip_v4(100, 64, 0, 13);
	assert_int_equal(choose(s), 13);
	s->prefs.exit_node_ip = ip_v4(100, 64, 0, 99);
	assert_int_equal(choose(s), 0);
	assert_int_equal(s->c.why, EXIT_UNKNOWN);
}

static void names(void **state)
{
	struct scene *s = *state;
	static const struct {
		const char *name;
		int64_t id;
	} cases[] = {
		{ "fra", 10 },
		{ "FRA", 10 },
		{ "rom", 15 },
		{ "ams.tail.example.com", 11 },
		{ "ams.tail.example.com.", 11 },
		{ "n12", 12 },
		{ "100.64.0.13", 13 },
		{ "fra.tail", 0 },
		{ "fra.tail.example.org", 0 },
		{ "tail.example.com", 0 },
		{ "fr", 0 },
		{ "", 0 },
		{ "100.64.0.1", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct nm_node *n = exit_node_find(&s->nm, cases[i].name);
		assert_int_equal(n ? n->id : 0, cases[i].id);
	}
	s->peer[1].name = "fra.tail.example.com.";
	assert_null(exit_node_find(&s->nm, "fra"));
}

/* ---- lists ---- */

static void the_first_of_a_list(void **state)
{
	struct scene *s = *state;
	set_list(s, "nosuch,ams,100.64.0.12,any");
	assert_int_equal(choose(s), 11);
	assert_int_equal(s->c.why, EXIT_IN_USE);
	set_online(s, 1, false);
	assert_int_equal(choose(s), 12);
	s->peer[2].n_allowed_ips = 0;
	assert_int_not_equal(choose(s), 0);
	assert_int_not_equal(s->c.node->id, 11);
	assert_int_not_equal(s->c.node->id, 12);
}

static void back_only_when_settled(void **state)
{
	struct scene *s = *state;
	set_list(s, "fra,ams");
	assert_int_equal(choose(s), 10);
	set_online(s, 0, false);
	assert_int_equal(choose(s), 11); /* at once */
	pass(s, 5);
	set_online(s, 0, true);
	assert_int_equal(choose(s), 11);
	assert_int_equal(mono_diff_ns(s->c.deadline, s->in.now), EXIT_SETTLE_S * NS_PER_S);
	pass(s, EXIT_SETTLE_S - 1);
	assert_int_equal(choose(s), 11);
	set_online(s, 0, false);
	assert_int_equal(choose(s), 11); /* the 30 s begin anew */
	set_online(s, 0, true);
	assert_int_equal(choose(s), 11);
	pass(s, 1);
	assert_int_equal(choose(s), 11);
	pass(s, EXIT_SETTLE_S - 1);
	assert_int_equal(choose(s), 10);
	assert_true(mono_is_never(s->c.deadline));
	assert_int_equal(s->m.n, 0);
}

/* One that has only just come back is better than none. */
static void unsettled_rather_than_none(void **state)
{
	struct scene *s = *state;
	set_list(s, "fra,ams");
	choose(s);
	set_online(s, 0, false);
	assert_int_equal(choose(s), 11);
	set_online(s, 0, true);
	assert_int_equal(choose(s), 11);
	set_online(s, 1, false);
	assert_int_equal(choose(s), 10);
	set_online(s, 1, true);
	assert_int_equal(choose(s), 10); /* and stays: it is the first */
}

static void nothing_usable_is_a_black_hole(void **state)
{
	struct scene *s = *state;
	set_list(s, "fra,ams");
	set_online(s, 0, false);
	s->peer[1].flags = NM_EXPIRED;
	assert_int_equal(choose(s), 0);
	assert_true(s->c.wanted);
	assert_int_equal(s->c.why, EXIT_NONE_USABLE);
	set_online(s, 0, true);
	assert_int_equal(choose(s), 10); /* nothing to wait for */
}

static void one_that_does_not_answer(void **state)
{
	struct scene *s = *state;
	set_list(s, "fra,ams");
	assert_int_equal(choose(s), 10);
	exit_memory_silent(&s->m, 10, true, s->in.now);
	assert_int_equal(choose(s), 11);
	assert_true(exit_record_wants_probe(&s->m.v[0], s->in.now));
	exit_memory_silent(&s->m, 11, true, s->in.now);
	assert_int_equal(choose(s), 10); /* the first of those, rather than none */
	assert_int_equal(s->c.why, EXIT_SILENT);
	exit_memory_silent(&s->m, 11, false, s->in.now);
	assert_int_equal(choose(s), 11);
	assert_int_equal(s->c.why, EXIT_IN_USE);
	exit_memory_silent(&s->m, 10, false, s->in.now);
	pass(s, EXIT_SETTLE_S);
	assert_int_equal(choose(s), 10);
}

static void the_last_choice_is_kept_over_a_restart(void **state)
{
	struct scene *s = *state;
	set_list(s, "any");
	str_set(&s->prefs.exit_node_id, "n14");
	s->m.home = s->in.home;
	assert_int_equal(choose(s), 14);
}

/* ---- any ---- */

static void marked_peers_alone_if_there_are_any(void **state)
{
	struct scene *s = *state;
	str_set(&s->prefs.auto_exit_node, "any");
	mark(s, 3);
	assert_int_equal(choose(s), 13);
	set_online(s, 3, false);
	assert_int_equal(choose(s), 0);
	assert_int_equal(s->c.why, EXIT_NONE_USABLE);
	assert_true(s->c.wanted);
	s->peer[3].n_caps = 0;
	assert_int_not_equal(choose(s), 0);
}

static void any_stays_while_it_is_good(void **state)
{
	struct scene *s = *state;
	struct nc_report *r = nc_report_new();
	str_set(&s->prefs.auto_exit_node, "any");
	for (size_t i = 0; i < N_PEERS; i++)
		s->peer[i].home_derp = (int32_t)(1 + i % 3);
	nc_report_add_latency(r, 1, IP_V4, 30 * NS_PER_MS);
	nc_report_add_latency(r, 2, IP_V4, 10 * NS_PER_MS);
	nc_report_add_latency(r, 3, IP_V4, 20 * NS_PER_MS);
	s->in.report = r;
	int64_t first = choose(s);
	assert_true(first == 11 || first == 14);
	nc_report_add_latency(r, 3, IP_V4, 5 * NS_PER_MS);
	assert_int_equal(choose(s), first);
	s->in.home = 3; /* we are somewhere else */
	int64_t second = choose(s);
	assert_true(second == 12 || second == 15);
	exit_memory_silent(&s->m, second, true, s->in.now);
	assert_int_equal(choose(s), second == 12 ? 15 : 12);
	nc_report_free(r);
}

/* ---- suggestions ---- */

static int64_t suggest(struct scene *s, int64_t prev)
{
	const struct nm_node *n;
	assert_int_equal(exit_node_suggest(&s->in, prev, &n), 0);
	return n ? n->id : 0;
}

static void suggestions_need_a_home_and_a_mark(void **state)
{
	struct scene *s = *state;
	const struct nm_node *n;
	assert_int_equal(suggest(s, 0), 0);
	mark(s, 2);
	assert_int_equal(suggest(s, 0), 12);
	s->in.home = 0;
	assert_int_equal(exit_node_suggest(&s->in, 0, &n), -ERR_STATE);
	s->in.home = 1;
	set_online(s, 2, false);
	assert_int_equal(suggest(s, 0), 0);
	s->in.nm = NULL;
	assert_int_equal(exit_node_suggest(&s->in, 0, &n), -ERR_STATE);
}

static void the_last_suggestion_among_equals(void **state)
{
	struct scene *s = *state;
	for (size_t i = 0; i < N_PEERS; i++)
		mark(s, i);
	for (int64_t prev = 10; prev < 10 + N_PEERS; prev++)
		assert_int_equal(suggest(s, prev), prev);
	rng_seeded_init(&s->rng, 3);
	int64_t a = suggest(s, 0);
	rng_seeded_init(&s->rng, 3);
	assert_int_equal(suggest(s, 0), a);
}

static void nearest_by_distance(void **state)
{
	struct scene *s = *state;
	struct derp_map *dm = derp_map_new();
	struct derp_region *home = derp_map_add(dm, 1);
	home->latitude = 52.5; /* Berlin */
	home->longitude = 13.4;
	s->nm.derp = dm;
	static const char *const where[N_PEERS] = {
		"{\"Latitude\":50.1,\"Longitude\":8.7,\"Priority\":9}",	  /* 420 km */
		"{\"Latitude\":52.4,\"Longitude\":13.1,\"Priority\":50}", /* 23 km */
		"{\"Latitude\":52.5,\"Longitude\":13.4,\"Priority\":60}", /* here */
		"{\"Latitude\":52.6,\"Longitude\":13.5,\"Priority\":60}", /* 13 km */
		"{\"Latitude\":-33.9,\"Longitude\":151.2,\"Priority\":99}", "not json",
	};
	for (size_t i = 0; i < N_PEERS; i++) {
		mark(s, i);
		s->peer[i].home_derp = 0;
		s->peer[i].flags = NM_WIREGUARD_ONLY;
		s->peer[i].location = where[i];
	}
	for (int i = 0; i < 20; i++) {
		int64_t id = suggest(s, 0);
		assert_true(id == 12 || id == 13);
	}
	assert_int_equal(suggest(s, 13), 13);
	assert_int_equal(suggest(s, 11), suggest(s, 11) == 12 ? 12 : 13);
	s->peer[2].n_allowed_ips = s->peer[3].n_allowed_ips = 0;
	assert_int_equal(suggest(s, 0), 11);
	/* A peer with a relay is nearer than all that have none. */
	s->peer[0].home_derp = 1;
	assert_int_equal(suggest(s, 0), 10);
	/* Steered by the server: the highest score, wherever it is. */
	s->self.caps = &steering_cap;
	s->self.n_caps = 1;
	s->in.home = 0;
	assert_int_equal(suggest(s, 0), 14);
	derp_map_free(dm);
}

/* ---- who answers ---- */

static void silence(void **state)
{
	struct exit_watch w = { 0 };
	mono_t t = { 100 * NS_PER_S };
	bool heard;
	(void)state;
	assert_false(exit_watch_look(&w, 7, 100, 100, false, t, &heard));
	assert_false(heard);
	/* idle: silence is no sign */
	t = mono_add_s(t, 600);
	assert_false(exit_watch_look(&w, 7, 100, 100, false, t, &heard));
	/* something is sent, nothing comes */
	assert_false(exit_watch_look(&w, 7, 100, 200, false, t, &heard));
	t = mono_add_s(t, EXIT_SILENCE_S - 1);
	assert_false(exit_watch_look(&w, 7, 100, 300, false, t, &heard));
	t = mono_add_s(t, 1);
	assert_true(exit_watch_look(&w, 7, 100, 300, false, t, &heard));
	assert_true(exit_watch_look(&w, 7, 100, 300, false, t, &heard));
	/* an answer ends it, another peer too */
	assert_false(exit_watch_look(&w, 7, 101, 400, false, t, &heard));
	assert_true(heard);
	assert_false(exit_watch_look(&w, 8, 5, 5, true, t, &heard));
	assert_false(heard);
	t = mono_add_s(t, EXIT_SILENCE_S);
	assert_true(exit_watch_look(&w, 8, 5, 5, true, t, &heard));
}

static void memory_is_bounded(void **state)
{
	struct exit_memory m = { 0 };
	(void)state;
	for (int64_t id = 1; id <= 3 * EXIT_MEMORY_MAX; id++)
		exit_memory_silent(&m, id, true, MONO_ZERO);
	assert_int_equal(m.n, EXIT_MEMORY_MAX);
	assert_true(exit_memory_is_silent(&m, 3 * EXIT_MEMORY_MAX));
	assert_false(exit_memory_is_silent(&m, 1));
	exit_memory_silent(&m, 1, false, MONO_ZERO);
	assert_int_equal(m.n, EXIT_MEMORY_MAX);
}

/* ---- histories ---- */

static void happen(struct scene *s, struct rng *r)
{
	size_t i = rng_below(r, N_PEERS);
	switch (rng_below(r, 6)) {
	case 0:
		set_online(s, i, rng_below(r, 2));
		break;
	case 1:
		s->peer[i].n_allowed_ips = rng_below(r, 3);
		break;
	case 2:
		s->peer[i].flags ^= NM_EXPIRED;
		break;
	case 3:
		exit_memory_silent(&s->m, s->peer[i].id, rng_below(r, 2), s->in.now);
		break;
	case 4:
		s->in.home = (int)rng_below(r, 3);
		break;
	default:
		pass(s, rng_below(r, 20));
	}
}

static bool is_good(const struct scene *s, const struct nm_node *n)
{
	return n->online != J_FALSE && n->n_allowed_ips == 2 && !n->flags &&
	       !exit_memory_is_silent(&s->m, n->id);
}

static size_t place_in_list(const struct scene *s, const struct nm_node *n)
{
	for (size_t i = 0; n && i < N_PEERS; i++)
		if (n == &s->peer[i])
			return i;
	return N_PEERS;
}

/* Whatever happens: while one is wanted none is never the answer to good ones, and nobody who just
 * failed is gone back to before it was good for a while. */
static void long_histories(void **state)
{
	struct scene *s = *state;
	struct rng_seeded r;
	rng_seeded_init(&r, 20);
	set_list(s, "fra,ams,par,lon,waw,rom");
	mono_t good_since[N_PEERS] = { 0 };
	bool was_good[N_PEERS];
	memset(was_good, 1, sizeof(was_good));
	const struct nm_node *before = NULL;
	size_t changes = 0, holes = 0;
	for (int step = 0; step < 20000; step++) {
		happen(s, &r.rng);
		choose(s);
		assert_true(s->c.wanted);
		size_t n_good = 0;
		bool before_good = before && is_good(s, before);
		for (size_t i = 0; i < N_PEERS; i++) {
			bool good = is_good(s, &s->peer[i]);
			n_good += good;
			if (good && !was_good[i])
				good_since[i] = s->in.now;
			was_good[i] = good;
		}
		if (n_good)
			assert_true(s->c.node && is_good(s, s->c.node) && s->c.why == EXIT_IN_USE);
		else
			assert_true(s->c.why == EXIT_SILENT || s->c.why == EXIT_NONE_USABLE);
		assert_int_equal(s->c.why == EXIT_NONE_USABLE, s->c.node == NULL);
		if (before_good && s->c.node != before) {
			size_t to = place_in_list(s, s->c.node);
			assert_true(to < place_in_list(s, before));
			assert_true(mono_due(mono_add_s(good_since[to], EXIT_SETTLE_S), s->in.now));
		}
		changes += s->c.node != before;
		holes += !s->c.node;
		before = s->c.node;
	}
	assert_true(changes > 100 && holes > 10);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(none_is_wanted),
		TEST(one_is_named),
		TEST(unknown_is_a_black_hole),
		TEST(an_address_wins),
		TEST(names),
		TEST(the_first_of_a_list),
		TEST(back_only_when_settled),
		TEST(unsettled_rather_than_none),
		TEST(nothing_usable_is_a_black_hole),
		TEST(one_that_does_not_answer),
		TEST(the_last_choice_is_kept_over_a_restart),
		TEST(marked_peers_alone_if_there_are_any),
		TEST(any_stays_while_it_is_good),
		TEST(suggestions_need_a_home_and_a_mark),
		TEST(the_last_suggestion_among_equals),
		TEST(nearest_by_distance),
		TEST(silence),
		TEST(memory_is_bounded),
		TEST(long_histories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
