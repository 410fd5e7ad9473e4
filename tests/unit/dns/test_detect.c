/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tree adds to the reference's: who is dead, what cannot be written, whose file it is. */
#include "tests/lib/cm.h"

#include "dns/detect.h"

#include <string.h>

static const char stub[] = "# by systemd-resolved\nnameserver 127.0.0.53\n";
static const char uplink[] = "# by systemd-resolved\nnameserver 192.0.2.1\n";

static struct dns_facts facts_of(const char *text)
{
	struct dns_facts f = { .resolved_ping = DNS_NO };
	f.file.state = DNS_FILE_READ;
	f.file.text = span_str(text);
	f.file.dir_writable = f.file.writable = true;
	f.nm_ping = DNS_NO;
	return f;
}

static struct dns_found found_of(const struct dns_facts *f)
{
	struct dns_found found;
	assert_int_equal(dns_detect(f, &found), DNS_PROBE_NONE);
	return found;
}

static void nothing_is_asked_in_vain(void **state)
{
	(void)state;
	struct dns_facts f = { 0 };
	struct dns_found found;
	assert_int_equal(dns_detect(&f, &found), DNS_PROBE_RESOLVED_PING);
	f.no_bus = "no such library";
	assert_int_equal(dns_detect(&f, &found), DNS_PROBE_FILES);
	f = facts_of(stub);
	assert_int_equal(dns_detect(&f, &found), DNS_PROBE_RESOLVED_OWNED);
	f.nm_ping = DNS_UNASKED;
	assert_int_equal(dns_detect(&f, &found), DNS_PROBE_NM_PING);
	f = facts_of("# resolvconf\n");
	assert_int_equal(dns_detect(&f, &found), DNS_PROBE_RESOLVCONF);
}

static void dead_resolved_is_not_chosen(void **state)
{
	(void)state;
	struct dns_facts f = facts_of(stub);
	f.resolved_owned = DNS_NO;
	struct dns_found found = found_of(&f);
	assert_int_equal(found.mode, DNS_OS_DIRECT);
	assert_false(found.failed);
	assert_non_null(strstr(found.warning, "does not run"));
	f.resolved_owned = DNS_YES; /* slow is not dead */
	assert_int_equal(found_of(&f).mode, DNS_OS_RESOLVED);
}

static void without_d_bus_the_file_is_left(void **state)
{
	(void)state;
	struct dns_facts f = facts_of(stub);
	f.no_bus = "libsystemd.so.0 is missing";
	struct dns_found found = found_of(&f);
	assert_int_equal(found.mode, DNS_OS_DIRECT);
	assert_non_null(strstr(found.warning, "libsystemd.so.0 is missing"));
	assert_non_null(strstr(found.trace, "D-Bus: no (libsystemd.so.0 is missing)\n"));
	assert_non_null(strstr(found.trace, "so: direct\n"));
}

static void bypassed_resolved_is_told_too(void **state)
{
	(void)state;
	struct dns_facts f = facts_of(uplink);
	f.resolved_ping = DNS_YES;
	struct dns_found found = found_of(&f);
	assert_int_equal(found.mode, DNS_OS_DIRECT);
	assert_true(found.also_resolved);
	f.resolved_ping = DNS_NO;
	assert_false(found_of(&f).also_resolved);
	/* What we ask would come back to us. */
	f = facts_of("# NetworkManager\nnameserver 127.0.0.53\n");
	f.resolved_ping = f.nm_ping = f.nm_version_known = DNS_YES;
	f.nm_version = "1.42.4";
	f.nm_mode_resolved = DNS_NO;
	found = found_of(&f);
	assert_int_equal(found.mode, DNS_OS_DIRECT);
	assert_false(found.also_resolved);
}

static void what_cannot_be_renamed_is_written_in_place(void **state)
{
	(void)state;
	struct dns_facts f = facts_of("nameserver 192.0.2.1\n");
	assert_false(found_of(&f).in_place);
	f.file.mounted = true;
	assert_true(found_of(&f).in_place);
	f.file.mounted = false;
	f.file.dir_writable = false;
	assert_true(found_of(&f).in_place);
	f.file.writable = false;
	struct dns_found found = found_of(&f);
	assert_int_equal(found.mode, DNS_OS_NONE);
	assert_non_null(strstr(found.warning, "cannot be written"));
	f.file.dir_writable = true; /* it is replaced */
	assert_int_equal(found_of(&f).mode, DNS_OS_DIRECT);
	assert_false(found_of(&f).in_place);
	/* resolvconf cannot replace it, either */
	f = facts_of("# resolvconf\nnameserver 192.0.2.1\n");
	f.file.mounted = true;
	assert_int_equal(found_of(&f).mode, DNS_OS_DIRECT);
}

static void a_failure_falls_back_to_what_can_be_written(void **state)
{
	(void)state;
	struct dns_facts f = facts_of("");
	f.file.state = DNS_FILE_FAILED;
	f.file.error = "not permitted";
	struct dns_found found = found_of(&f);
	assert_true(found.failed);
	assert_int_equal(found.mode, DNS_OS_DIRECT);
	assert_non_null(strstr(found.warning, "not permitted"));
	f.file.dir_writable = f.file.writable = false;
	assert_int_equal(found_of(&f).mode, DNS_OS_NONE);
}

static void another_agent(void **state)
{
	(void)state;
	struct dns_facts f = facts_of("nameserver 192.0.2.1\n");
	f.file.foreign = "tailscale";
	f.file.foreign_alive = true;
	struct dns_found found = found_of(&f);
	assert_int_equal(found.mode, DNS_OS_NONE);
	assert_non_null(strstr(found.warning, "stop tailscale"));
	f.file.foreign_alive = false;
	found = found_of(&f);
	assert_int_equal(found.mode, DNS_OS_DIRECT);
	assert_string_equal(found.warning, "");
}

static void resolvectl_by_another_name(void **state)
{
	(void)state;
	struct dns_facts f = facts_of("# resolvconf\n");
	f.resolvconf = DNS_RC_RESOLVECTL;
	f.resolved_ping = DNS_YES;
	assert_int_equal(found_of(&f).mode, DNS_OS_RESOLVED);
}

static enum dns_os_mode with_version(const char *version)
{
	struct dns_facts f = facts_of(stub);
	f.resolved_ping = f.nm_ping = f.nm_mode_resolved = f.nm_version_known = DNS_YES;
	f.nm_version = version;
	return found_of(&f).mode;
}

static void versions_are_numbers(void **state)
{
	(void)state;
	static const char *const told[] = { "1.26.0",	     "1.26.5",	  "1.26",
					    "1.26.3-1.fc33", "01.026.02", "1.26.4.7" };
	static const char *const others[] = {
		"1.25.99", "1.26.6", "1.26.10", "1.26.5.1", "1.3",
		"2.26.1",  "",	     "x",	"1..26",    "99999999999999999999.1"
	};
	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		assert_int_equal(with_version(told[i]), DNS_OS_NM);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(with_version(others[i]), DNS_OS_RESOLVED);
}

static bool nss(const char *text)
{
	struct dns_facts f = facts_of(uplink);
	f.resolved_ping = DNS_YES;
	f.nsswitch = span_str(text);
	return found_of(&f).mode == DNS_OS_RESOLVED;
}

static void nsswitch(void **state)
{
	(void)state;
	assert_true(nss("passwd: files\nhosts:\tfiles resolve [!UNAVAIL=return] dns"));
	assert_true(nss("hosts:resolve\n"));
	assert_false(nss("hosts: files dns resolve\n"));
	assert_false(nss("hosts: files # resolve\n"));
	assert_false(nss("#hosts: resolve\n"));
	assert_false(nss("hosts6: resolve\n"));
	assert_false(nss("hosts:"));
	assert_false(nss(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_asked_in_vain),
		cmocka_unit_test(dead_resolved_is_not_chosen),
		cmocka_unit_test(without_d_bus_the_file_is_left),
		cmocka_unit_test(bypassed_resolved_is_told_too),
		cmocka_unit_test(what_cannot_be_renamed_is_written_in_place),
		cmocka_unit_test(a_failure_falls_back_to_what_can_be_written),
		cmocka_unit_test(another_agent),
		cmocka_unit_test(resolvectl_by_another_name),
		cmocka_unit_test(versions_are_numbers),
		cmocka_unit_test(nsswitch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
