/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of a whole backend: what a map, the preferences and the system's side lead to. The helper
 * process is played here. */
#include "base/net_priv.h"
#include "daemon/engine/backend_dns_priv.h"
#include "tests/vectors/engine/real_backend.h"

/* ---- the system's side ---- */

struct osdns {
	const struct osdns_ops *ops;
	void *arg;
};

static struct osdns fake;
static struct osdns_status sys;
static struct dns_os_config told; /* by the last osdns_set */
static unsigned n_set;
static bool freed;

struct osdns *osdns_new(struct loop *l, int fd, const struct osdns_ops *ops, void *arg)
{
	(void)l, (void)fd;
	fake = (struct osdns){ ops, arg };
	freed = false;
	return &fake;
}

void osdns_free(struct osdns *o, int timeout_ms)
{
	(void)o, (void)timeout_ms;
	freed = true;
}

const struct osdns_status *osdns_status(const struct osdns *o)
{
	(void)o;
	return &sys;
}

void osdns_set(struct osdns *o, const struct dns_os_config *c)
{
	(void)o;
	dns_os_config_copy(&told, c);
	n_set++;
}

void osdns_recheck(struct osdns *o)
{
	(void)o;
}

static void system_is(enum dns_os_mode mode, bool split, const char *server)
{
	dns_os_config_fini(&sys.base);
	sys = (struct osdns_status){ .known = true,
				     .mode = mode,
				     .split = split,
				     .has_base = server != NULL,
				     .trace = "",
				     .set_text = "",
				     .overwritten_by = "",
				     .warning = "" };
	struct dns_server s = { 0 };
	if (server && ip_decode(span_str(server), &s.ip) == 0) {
		assert_true(dns_os_config_add_server(&sys.base, &s));
		assert_true(dns_os_config_add_search(&sys.base, "lan"));
	}
	if (fake.ops && !freed)
		fake.ops->on_change(fake.arg);
}

/* ---- the map ---- */

static void tell_as(struct fixture *f, const char *message, bool full)
{
	struct map_result res;
	const char *why = "";
	if (map_session_apply(f->b->cached, span_str(message), wall_now(), &res, &why) != 0)
		fail_msg("%s", why);
	res.change.full |= full;
	backend_apply(f->b, &res.change);
	loop_turn(f->loop, 0);
}

static void tell(struct fixture *f, const char *message)
{
	tell_as(f, message, false);
}

#define PEER_TWO(members)                                                                          \
	"{\"PeersChanged\":[{\"ID\":2,\"StableID\":\"n2\",\"User\":1,\"Key\":\"" A_NODE_KEY(       \
	    "02") "\",\"DiscoKey\":\"discokey:" A_HEX "\",\"HomeDERP\":1,\"Cap\":100,"             \
		  "\"MachineAuthorized\":true," members "}]}"
#define TWO_IS "\"Name\":\"two.tail.example.com.\",\"Addresses\":[\"100.64.0.2/32\"],"
#define MAGIC                                                                                      \
	"{\"DNSConfig\":{\"Domains\":[\"tail.example.com\"],\"Proxied\":true,"                     \
	"\"Routes\":{\"corp.example\":[{\"Addr\":\"10.1.0.2\"}]}}}"

static void set_prefs(struct fixture *f, const char *masked)
{
	char *why = NULL;
	json_t *m = j_parse(span_str(masked), 4096, NULL), *after = NULL;
	if (backend_edit_prefs(f->b, m, &after, &why))
		fail_msg("%s", why);
	j_free(m);
	j_free(after);
	for (int i = 0; i < 3; i++) /* the state first, then names */
		loop_turn(f->loop, 0);
}

static int setup(void **state)
{
	fake.ops = NULL;
	system_is(DNS_OS_DIRECT, false, "192.168.1.1");
	n_set = 0;
	dns_os_config_fini(&told);
	fixture_setup(state);
	struct fixture *f = *state;
	loop_turn(f->loop, 0);
	assert_int_equal(n_set, 0); /* nothing is touched before there is a map */
	give_map(f);
	backend_apply(f->b, NULL);
	tell(f, MAGIC);
	return 0;
}

static int teardown(void **state)
{
	fixture_teardown(state);
	assert_true(freed);
	dns_os_config_fini(&told);
	dns_os_config_fini(&sys.base);
	return 0;
}

static const char *root_upstream(const struct fixture *f)
{
	const struct dns_upstreams *u = dns_forward_route(f->b->dns->forward, "example.org");
	return u && u->n ? u->v[0].addr : "";
}

static bool sick(struct fixture *f, const char *code)
{
	json_t *h = backend_health(f->b);
	bool has = j_get(j_get(h, "Warnings"), code) != NULL;
	j_free(h);
	return has;
}

static void assert_services(void)
{
	assert_int_equal(told.n_servers, 2);
	assert_true(ip_eq(told.servers[0].ip, ip_v4(100, 100, 100, 100)));
}

/* ---- */

static void primary(void **state)
{
	struct fixture *f = *state;
	assert_services();
	assert_int_equal(told.n_match, 0);
	assert_int_equal(told.n_search, 2);
	assert_string_equal(told.search[0], "tail.example.com");
	assert_string_equal(told.search[1], "lan");
	assert_string_equal(root_upstream(f), "192.168.1.1");
	const struct dns_upstreams *u = dns_forward_route(f->b->dns->forward, "x.corp.example");
	assert_string_equal(u->v[0].addr, "10.1.0.2");
	assert_string_equal(f->net->dns_servers, "192.168.1.1:53");
	unsigned before = n_set;
	tell(f, MAGIC);
	backend_apply(f->b, NULL);
	loop_turn(f->loop, 0);
	assert_int_equal(n_set, before); /* the same is not told twice */
}

/* Another network: its name servers are used, and our own look-ups follow. */
static void base_changes(void **state)
{
	struct fixture *f = *state;
	system_is(DNS_OS_DIRECT, false, "10.0.0.1");
	loop_turn(f->loop, 0);
	assert_string_equal(root_upstream(f), "10.0.0.1");
	assert_string_equal(f->net->dns_servers, "10.0.0.1:53");
}

static void base_fails(void **state)
{
	struct fixture *f = *state;
	unsigned before = n_set;
	sys.base_failed = true;
	fake.ops->on_change(fake.arg);
	loop_turn(f->loop, 0);
	assert_int_equal(n_set, before);
	assert_services();
	assert_string_equal(root_upstream(f), "192.168.1.1");
	assert_string_equal(f->net->dns_servers, "192.168.1.1:53");
	assert_true(sick(f, "dns-read-os-config-failed"));
	sys.base_failed = false;
	fake.ops->on_change(fake.arg);
	loop_turn(f->loop, 0);
	assert_false(sick(f, "dns-read-os-config-failed"));
}

/* The look-ups that find control must never end at our own resolver. */
static void never_ourselves(void **state)
{
	struct fixture *f = *state;
	system_is(DNS_OS_DIRECT, false, "100.100.100.100");
	loop_turn(f->loop, 0);
	assert_string_equal(f->net->dns_servers, "");
	assert_string_equal(root_upstream(f), "");
	tell(f, "{\"DNSConfig\":{\"Domains\":[\"tail.example.com\"],\"Proxied\":true,"
		"\"FallbackResolvers\":[{\"Addr\":\"100.64.0.9\"},{\"Addr\":\"https://x.example\"},"
		"{\"Addr\":\"9.9.9.9\"}]}}");
	assert_string_equal(f->net->dns_servers, "9.9.9.9:53");
}

static void split(void **state)
{
	struct fixture *f = *state;
	system_is(DNS_OS_RESOLVED, true, NULL);
	loop_turn(f->loop, 0);
	assert_services();
	assert_int_equal(told.n_match, 67);
	assert_string_equal(root_upstream(f), "");
	assert_non_null(f->net->dns_servers); /* whoever they are */
	assert_null(strstr(f->net->dns_servers, "100.100.100.100"));
}

static void not_accepted(void **state)
{
	struct fixture *f = *state;
	set_prefs(f, "{\"CorpDNS\":false,\"CorpDNSSet\":true}");
	assert_true(dns_os_config_is_empty(&told));
	assert_null(f->net->dns_servers);
	assert_non_null(f->b->dns->table); /* who asks us is answered */
	assert_string_equal(root_upstream(f), "");
	set_prefs(f, "{\"CorpDNS\":true,\"CorpDNSSet\":true}");
	assert_services();
}

static void stopped(void **state)
{
	struct fixture *f = *state;
	f->b->prefs.has_config = true;
	node_priv_generate(&f->b->prefs.config.node, rng_system());
	set_prefs(f, "{\"WantRunning\":false,\"WantRunningSet\":true}");
	assert_int_equal(f->b->state, IPN_STOPPED);
	assert_true(dns_os_config_is_empty(&told));
	assert_null(f->net->dns_servers);
	assert_null(f->b->dns->table);
	assert_null(backend_dns_forward(f->b));
}

static void expired(void **state)
{
	struct fixture *f = *state;
	tell(f, "{\"KeyExpiry\":\"x\"}"); /* unknown members do not matter */
	assert_services();
	struct nm_node self = *f->b->nm->self;
	self.flags |= NM_EXPIRED;
	const struct nm_node *was = f->b->nm->self, *now = nm_node_new(&self);
	((struct netmap *)(uintptr_t)f->b->nm)->self = now;
	backend_step(f->b);
	loop_turn(f->loop, 0);
	loop_turn(f->loop, 0);
	assert_int_equal(f->b->state, IPN_NEEDS_LOGIN);
	assert_true(dns_os_config_is_empty(&told));
	((struct netmap *)(uintptr_t)f->b->nm)->self = was;
	nm_node_unref(now);
}

/* The table is made anew for what it shows, and for nothing else. */
static void table_only_if_it_changes(void **state)
{
	struct fixture *f = *state;
	struct backend_dns *d = f->b->dns;
	const struct dns_local *table = d->table;
	assert_non_null(table);
	assert_int_equal(d->n_marks, 3);
	tell(f, PEER_TWO(TWO_IS "\"AllowedIPs\":[\"100.64.0.2/32\"],"
				"\"Endpoints\":[\"192.0.2.7:41641\"]"));
	tell(f, "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":true}]}");
	assert_ptr_equal(d->table, table);
	tell(f, PEER_TWO("\"Name\":\"zwei.tail.example.com.\",\"Addresses\":[\"100.64.0.2/32\"],"
			 "\"AllowedIPs\":[\"100.64.0.2/32\"]"));
	assert_ptr_not_equal(d->table, table);
	table = d->table;
	tell(f, "{\"PeersRemoved\":[3]}");
	assert_ptr_not_equal(d->table, table);
	assert_int_equal(d->n_marks, 2);
}

/* Records that came with a whole new map, all nodes of which are as they were. */
static void table_has_the_records_of_a_new_map(void **state)
{
	struct fixture *f = *state;
	const struct dns_local *table = f->b->dns->table;
	tell_as(f, MAGIC, true);
	assert_ptr_equal(f->b->dns->table, table);
	tell_as(f,
		"{\"DNSConfig\":{\"Domains\":[\"tail.example.com\"],\"Proxied\":true,"
		"\"ExtraRecords\":[{\"Name\":\"x.tail.example.com\",\"Value\":\"100.64.0.9\"}],"
		"\"Routes\":{\"corp.example\":[{\"Addr\":\"10.1.0.2\"}]}}}",
		true);
	assert_ptr_not_equal(f->b->dns->table, table);
}

#define EXIT_ALLOWED "\"AllowedIPs\":[\"100.64.0.2/32\",\"0.0.0.0/0\",\"::/0\"],"
#define PEERAPI "\"Hostinfo\":{\"Services\":[{\"Proto\":\"peerapi4\",\"Port\":4711}]}"

static void exit_node(void **state)
{
	struct fixture *f = *state;
	set_prefs(f, "{\"ExitNodeID\":\"n2\",\"ExitNodeIDSet\":true}");
	tell(f, PEER_TWO(TWO_IS EXIT_ALLOWED "\"Hostinfo\":{}"));
	assert_string_equal(root_upstream(f), "192.168.1.1"); /* it does not resolve for others */
	tell(f, PEER_TWO(TWO_IS EXIT_ALLOWED PEERAPI));
	assert_string_equal(root_upstream(f), "http://100.64.0.2:4711/dns-query");
	assert_services();
	assert_string_equal(f->net->dns_servers, "192.168.1.1:53");
	set_prefs(f, "{\"ExitNodeID\":\"\",\"ExitNodeIDSet\":true}");
	assert_string_equal(root_upstream(f), "192.168.1.1");
}

/* The coordination server's name lies in the zone that it made ours. */
static void control_below_suffix(void **state)
{
	struct fixture *f = *state;
	system_is(DNS_OS_NM, true, "192.168.1.1");
	set_prefs(f, "{\"ControlURL\":\"https://Control.tail.example.com\",\"ControlURLSet\":true}");
	backend_dns_refresh(f->b, NULL);
	loop_turn(f->loop, 0);
	assert_int_equal(f->b->dns->n_outside, 1);
	const struct dns_upstreams *u =
	    dns_forward_route(f->b->dns->forward, "control.tail.example.com");
	assert_string_equal(u->v[0].addr, "192.168.1.1");
	assert_null(dns_forward_route(f->b->dns->forward, "other.tail.example.com"));
}

static void warnings(void **state)
{
	struct fixture *f = *state;
	assert_false(sick(f, "dns-set-os-config-failed"));
	sys.set_rc = -ERR_IO;
	sys.set_text = "the file cannot be written";
	sys.overwritten_by = "dhclient writes /etc/resolv.conf, too";
	assert_true(sick(f, "dns-set-os-config-failed"));
	assert_true(sick(f, "resolv-conf-overwritten"));
	sys.set_rc = 0;
	sys.overwritten_by = "";
	sys.warning = "wired wrongly";
	assert_true(sick(f, "dns-manager"));
	assert_false(sick(f, "dns-set-os-config-failed"));
	set_prefs(f, "{\"CorpDNS\":false,\"CorpDNSSet\":true}");
	assert_false(sick(f, "dns-manager"));
}

/* ---- questions of people ---- */

struct answer {
	unsigned calls;
	json_t *reply;
};

static void on_answer(void *arg, const json_t *reply)
{
	struct answer *a = arg;
	a->calls++;
	a->reply = j_copy(reply);
}

static void run(struct fixture *f, struct answer *a, const char *name, const char *type)
{
	char *why = NULL;
	*a = (struct answer){ 0 };
	assert_non_null(backend_dns_query(f->b, name, type, on_answer, a, &why));
	assert_int_equal(a->calls, 0);
	mono_t give_up = mono_add_s(mono_now(), 60);
	while (!a->calls && !mono_due(give_up, mono_now()))
		loop_turn(f->loop, 100);
	assert_int_equal(a->calls, 1);
	assert_non_null(a->reply);
}

static void queries(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	char *why = NULL;
	run(f, &a, "two", "a");
	assert_true(j_bool(a.reply, "Local", false));
	assert_int_equal(j_len(j_get(a.reply, "Resolvers")), 1);
	assert_true(strlen(j_str(a.reply, "Bytes")) > 40);
	j_free(a.reply);
	/* Nobody is there to ask: an answer that says so. */
	system_is(DNS_OS_DIRECT, false, "100.100.100.100");
	loop_turn(f->loop, 0);
	run(f, &a, "example.org", "TXT");
	assert_false(j_bool(a.reply, "Local", true));
	assert_int_equal(j_len(j_get(a.reply, "Resolvers")), 0);
	j_free(a.reply);
	assert_null(backend_dns_query(f->b, "a..b", "A", on_answer, &a, &why));
	free(why);
	assert_null(backend_dns_query(f->b, "a", "AXFR", on_answer, &a, &why));
	free(why);
	a = (struct answer){ 0 };
	backend_dns_query_cancel(backend_dns_query(f->b, "two", "A", on_answer, &a, &why));
	backend_dns_query_cancel(backend_dns_query(f->b, "x.corp.example", "A", on_answer, &a, &why));
	for (int i = 0; i < 5; i++)
		loop_turn(f->loop, 5);
	assert_int_equal(a.calls, 0);
}

static void views(void **state)
{
	struct fixture *f = *state;
	char *why = NULL;
	json_t *o = backend_dns_osconfig(f->b, &why);
	assert_string_equal(j_text(j_at(j_get(o, "Nameservers"), 0)), "192.168.1.1");
	j_free(o);
	o = backend_dns_debug(f->b);
	assert_string_equal(j_str(o, "Mode"), "direct");
	assert_int_equal(j_int(o, "Nodes", 0), 3);
	assert_int_equal(j_len(j_get(o, "LocalZones")), 66);
	assert_string_equal(j_str(j_at(j_get(o, "Routes"), 0), "Suffix"), ".");
	j_free(o);
	system_is(DNS_OS_RESOLVED, true, NULL);
	assert_null(backend_dns_osconfig(f->b, &why));
	assert_string_equal(why, "getting OS base config is not supported");
	free(why);
}

/* Addresses at which control proved who it is are in the state, for the next run. */
static void good_addresses_are_kept(void **state)
{
	struct fixture *f = *state;
	net_note_good(f->net, "control.example.org", ip_v4(192, 0, 2, 1));
	struct backend_dns *d = f->b->dns;
	assert_true(loop_timer_armed(&d->keep));
	d->keep.fn(&d->keep, mono_now());
	struct span kept = state_get(state_file_store(f->b->file), "_meshd-last-addresses");
	assert_int_equal(kept.len, strlen("control.example.org 192.0.2.1\n"));
	assert_memory_equal(kept.p, "control.example.org 192.0.2.1\n", kept.len);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(primary),	 T(base_changes),
		T(base_fails),	 T(never_ourselves),
		T(split),	 T(not_accepted),
		T(stopped),	 T(expired),
		T(exit_node),	 T(table_only_if_it_changes),
		T(table_has_the_records_of_a_new_map),
		T(warnings),	 T(control_below_suffix),
		T(queries),	 T(views),
		T(good_addresses_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
