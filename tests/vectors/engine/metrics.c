/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user metrics: names, comments and order of metrics.txt, whose numbers are made up. */
#include "tests/vectors/engine/real_backend.h"

#include "daemon/dataplane/worker_priv.h"

/* The text file as it is; exits like vec_load when there are no vectors. */
static char *recorded(void)
{
	const char *dir = getenv("MESH_VECTORS");
	char path[512];
	vec_load("localapi_status.json"); /* says it loudly if the folder is absent */
	snprintf(path, sizeof(path), "%s/metrics.txt", dir ? dir : "../shared/vectors");
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	char *text = xcalloc(1, 1 << 16);
	assert_true(fread(text, 1, (1 << 16) - 1, in) > 0);
	fclose(in);
	return text;
}

/* The line without its value: what must be the same. */
static size_t shape_len(const char *line, size_t len)
{
	if (len > 0 && line[0] == '#')
		return len;
	while (len > 0 && line[len - 1] != ' ')
		len--;
	return len;
}

/* Samples that depend on what happened: reasons not seen yet, services nobody serves. */
static bool may_lack(const char *line)
{
	return strstr(line, "reason=\"") || strstr(line, "service=\"");
}

static void same_shape(void **state)
{
	struct fixture *f = *state;
	struct buf out;
	char *want = recorded(), *rest = want;
	buf_init(&out, 1 << 16);
	traffic_judged_in(FLT_DROP_ACL, 1);
	traffic_judged_in(FLT_DROP_TOO_SHORT, 1);
	traffic_judged_out(FLT_DROP_NO_FILTER, 1);
	backend_usermetrics(f->b, &out);
	const char *ours = buf_cstr(&out);
	for (char *line; (line = strsep(&rest, "\n"));) {
		size_t len = strlen(line), n = strcspn(ours, "\n");
		size_t shape = shape_len(line, len);
		if (shape == shape_len(ours, n) && memcmp(line, ours, shape) == 0)
			ours += n + (ours[n] == '\n');
		else if (!may_lack(line) || strstr(line, "reason=\"acl\""))
			fail_msg("want %s, have %.*s", line, (int)n, ours);
	}
	assert_string_equal(ours, "");
	buf_fini(&out);
	free(want);
}

static uint64_t value_of(const char *text, const char *sample)
{
	const char *at = strstr(text, sample);
	assert_non_null(at);
	return strtoull(at + strlen(sample), NULL, 10);
}

static void values_are_what_was_counted(void **state)
{
	struct fixture *f = *state;
	struct buf out;
	struct dp_traffic t;
	give_map(f);
	static const char *const routes[] = { "10.9.0.0/16", "10.8.0.0/16", "0.0.0.0/0" };
	struct prefix *v = xcalloc(3, sizeof(*v));
	for (int i = 0; i < 3; i++)
		assert_int_equal(prefix_decode(span_str(routes[i]), &v[i]), 0);
	f->b->prefs.advertise_routes.v = v;
	f->b->prefs.advertise_routes.n = 3;
	traffic_in(DP_RELAY, 3, 300);
	traffic_out(DP_DIRECT6, 5, 500);
	traffic_send_failed(1);
	traffic_judged_in(FLT_DROP_WITHDRAWN, 2);
	traffic_judged_in(FLT_DROP_FOREIGN_ERROR, 3);
	traffic_judged_out(FLT_DROP_MULTICAST, 4);
	dp_traffic_get(&t);
	buf_init(&out, 1 << 16);
	backend_usermetrics(f->b, &out);
	const char *text = buf_cstr(&out);
	assert_int_equal(value_of(text, "\ntailscaled_advertised_routes "), 2);
	assert_int_equal(value_of(text, "\ntailscaled_approved_routes "), 1);
	assert_int_equal(value_of(text, "_inbound_packets_total{path=\"derp\"} "),
			 t.in_packets[DP_RELAY]);
	assert_int_equal(value_of(text, "_inbound_bytes_total{path=\"derp\"} "),
			 t.in_bytes[DP_RELAY]);
	assert_int_equal(value_of(text, "_outbound_packets_total{path=\"direct_ipv6\"} "),
			 t.out_packets[DP_DIRECT6]);
	assert_int_equal(value_of(text, "_outbound_dropped_packets_total{reason=\"error\"} "),
			 t.out_drop[DP_DROP_ERROR]);
	assert_int_equal(value_of(text, "_inbound_dropped_packets_total{reason=\"withdrawn\"} "),
			 2);
	assert_int_equal(
	    value_of(text, "_inbound_dropped_packets_total{reason=\"foreign_icmp_error\"} "), 3);
	assert_int_equal(value_of(text, "_outbound_dropped_packets_total{reason=\"multicast\"} "),
			 4);
	assert_true(t.out_drop[DP_DROP_ERROR] > 0 && t.in_packets[DP_RELAY] >= 3);
	buf_fini(&out);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(same_shape), T(values_are_what_was_counted) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
