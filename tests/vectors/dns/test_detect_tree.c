/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolvconf_detect.json, `detect`: the tree of the reference, over a host that answers what it is
 * asked. */
#include "tests/lib/vec.h"

#include "dns/detect.h"
#include "dns/resolvconf.h"

#include <stdio.h>
#include <string.h>

static int failed, checked;

static void check(bool ok, const char *what, const json_t *o)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s: %s\n", j_str(o, "name"), what);
}

static enum dns_fact fact(bool b)
{
	return b ? DNS_YES : DNS_NO;
}

static enum dns_resolvconf style(const char *s)
{
	return strcmp(s, "") == 0	      ? DNS_RC_NONE
	       : strcmp(s, "debian") == 0     ? DNS_RC_DEBIAN
	       : strcmp(s, "openresolv") == 0 ? DNS_RC_OPENRESOLV
					      : DNS_RC_OTHER;
}

static void look_at_file(const json_t *o, struct dns_facts *f)
{
	const char *error = j_str(o, "read_error");
	/* The ping comes first: it may have written the file. */
	bool rewritten = f->resolved_ping == DNS_YES && j_str(o, "ping_rewrites_resolv_conf");
	const char *member = rewritten ? "ping_rewrites_resolv_conf" : "resolv_conf";
	struct dns_file_facts *file = &f->file;
	file->dir_writable = file->writable = true;
	file->error = error;
	file->state = error ? DNS_FILE_FAILED : j_str(o, member) ? DNS_FILE_READ : DNS_FILE_ABSENT;
	file->text = j_span(o, member);
	f->nsswitch = j_span(o, "nsswitch_conf");
	/* Of an agent that is gone, without a backup. */
	file->foreign = resolvconf_agent(file->text);
	if (file->foreign)
		file->text = (struct span){ 0 };
}

static void look_up(const json_t *o, enum dns_probe p, struct dns_facts *f)
{
	switch (p) {
	case DNS_PROBE_RESOLVED_PING:
		f->resolved_ping = fact(j_bool(o, "resolved_ping", false));
		break;
	case DNS_PROBE_RESOLVED_OWNED:
		f->resolved_owned = DNS_YES; /* the reference does not ask */
		break;
	case DNS_PROBE_FILES:
		look_at_file(o, f);
		break;
	case DNS_PROBE_RESOLVCONF:
		f->resolvconf = style(j_str(o, "resolvconf_style"));
		break;
	case DNS_PROBE_NM_PING:
		f->nm_ping = fact(j_bool(o, "nm_ping", false));
		break;
	case DNS_PROBE_NM_MODE:
		f->nm_mode_resolved = fact(j_bool(o, "nm_mode_is_systemd_resolved", false));
		break;
	case DNS_PROBE_NM_VERSION:
		f->nm_version = j_str(o, "nm_version");
		f->nm_version_known = fact(strcmp(f->nm_version, "error") != 0);
		break;
	default:
		break;
	}
}

static void one(const json_t *o)
{
	struct dns_facts f = { 0 };
	struct dns_found found;
	enum dns_probe p, asked[16];
	size_t n = 0;
	while ((p = dns_detect(&f, &found)) != DNS_PROBE_NONE && n < 16) {
		for (size_t i = 0; i < n; i++)
			check(asked[i] != p, "asked twice", o);
		asked[n++] = p;
		look_up(o, p, &f);
	}
	const char *mode = j_str(o, "mode");
	check(found.failed == (*mode == '\0'), "failed", o);
	/* Where the reference has no answer, the file is what is left. */
	check(strcmp(dns_os_mode_name(found.mode), *mode ? mode : "direct") == 0, "mode", o);
	bool wiring = strstr(found.warning, "NetworkManager hands DNS") != NULL;
	check(wiring == j_bool(o, "warn_resolved_nm_wiring", false), "warning about wiring", o);
	check(!found.failed || *found.warning, "a failure warns", o);
}

static void owner(const json_t *o)
{
	static const char *const names[] = { "", "systemd-resolved", "NetworkManager",
					     "resolvconf" };
	const char *member =
	    j_str(o, "ping_rewrites_resolv_conf") ? "ping_rewrites_resolv_conf" : "resolv_conf";
	check(strcmp(names[dns_owner_scan(j_span(o, member))], j_str(o, "owner")) == 0, "owner", o);
}

int main(void)
{
	const json_t *detect = j_get(vec_load("resolvconf_detect.json"), "detect");
	for (size_t i = 0; i < j_len(detect); i++) {
		one(j_at(detect, i));
		owner(j_at(detect, i));
	}
	printf("detect: %zu cases, %d checks, %d failed\n", j_len(detect), checked, failed);
	return failed || j_len(detect) == 0;
}
