/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detect.h: how does this host resolve, and by which way is its resolver to be told
 * (shared/spec/dns.md 5.3). Pure: a tree over facts that somebody else looks up (detect_io.h). A
 * fact is asked for only when the tree needs it, so that nothing is started or run in vain. */
#ifndef DNS_DETECT_H
#define DNS_DETECT_H

#include "base/bytes.h"
#include "dns/os.h"

#define DNS_TRACE_MAX 1024

enum dns_fact { DNS_UNASKED, DNS_NO, DNS_YES };

enum dns_resolvconf {
	DNS_RC_UNASKED,
	DNS_RC_NONE, /* no such program */
	DNS_RC_DEBIAN,
	DNS_RC_OPENRESOLV,
	DNS_RC_RESOLVECTL, /* systemd's: another name of resolvectl */
	DNS_RC_OTHER,
};

/* What was found in resolv.conf. If the file is ours, or of an agent that is gone, text and the
 * owner in it are those of the backup: what the host would use. */
struct dns_file_facts {
	enum { DNS_FILE_UNASKED, DNS_FILE_READ, DNS_FILE_ABSENT, DNS_FILE_FAILED } state;
	struct span text;
	const char *error;   /* DNS_FILE_FAILED: why */
	bool ours;	     /* the file itself, not the backup */
	const char *foreign; /* name of another agent whose marker is in the file, NULL */
	bool foreign_alive;
	bool mounted;	   /* the file is a mount of its own: no rename over it */
	bool dir_writable; /* a file may be made beside it */
	bool writable;	   /* it may be written in place */
	bool nixos;
};

/* A zeroed struct: nothing is known. Strings and spans are borrowed. */
struct dns_facts {
	const char *no_bus; /* D-Bus cannot be spoken: why. The D-Bus facts are then not asked for */
	enum dns_fact resolved_ping;
	enum dns_fact resolved_owned; /* somebody has the name on the bus */
	struct dns_file_facts file;
	struct span nsswitch; /* with file */
	enum dns_resolvconf resolvconf;
	enum dns_fact nm_ping;
	enum dns_fact nm_mode_resolved;
	enum dns_fact nm_version_known; /* DNS_NO: asked, unreadable */
	const char *nm_version;
};

enum dns_probe {
	DNS_PROBE_NONE,
	DNS_PROBE_RESOLVED_PING, /* before DNS_PROBE_FILES: it may start it, and it writes the file */
	DNS_PROBE_RESOLVED_OWNED,
	DNS_PROBE_FILES,
	DNS_PROBE_RESOLVCONF,
	DNS_PROBE_NM_PING,
	DNS_PROBE_NM_MODE,
	DNS_PROBE_NM_VERSION,
};

struct dns_found {
	enum dns_os_mode mode;
	bool failed;	    /* the tree itself had no answer; mode is what is best then */
	bool in_place;	    /* DNS_OS_DIRECT: write in place, do not rename */
	bool also_resolved; /* DNS_OS_DIRECT: some programs ask systemd-resolved all the same; tell it,
			       too, and do not mind if it refuses */
	char warning[DNS_OS_TEXT_MAX]; /* one line for a person, "" */
	char trace[DNS_TRACE_MAX];     /* one line a step, for a person */
};

/* Returns the fact to look up next, or DNS_PROBE_NONE: out is the answer. */
enum dns_probe dns_detect(const struct dns_facts *f, struct dns_found *out);

enum dns_owner { DNS_OWNER_NONE, DNS_OWNER_RESOLVED, DNS_OWNER_NM, DNS_OWNER_RESOLVCONF };
/* Who says in the comments at the top that the file is his. */
enum dns_owner dns_owner_scan(struct span resolv_conf);

#endif
