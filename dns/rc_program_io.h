/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rc_program_io.h: what the two kinds of resolvconf(8) have in common: a program that is given a
 * record of ours by name, and lists those of others. Blocks. Thread: the helper's loop. */
#ifndef DNS_RC_PROGRAM_IO_H
#define DNS_RC_PROGRAM_IO_H

#include "dns/etc_watch_io.h"
#include "dns/os.h"
#include "dns/resolvconf.h"

#include <limits.h>

/* False: there is none, or it is systemd's, which is another thing by that name. */
bool rc_find(const struct dns_os_env *e, char path[static PATH_MAX]);

struct rc_call {
	const char *const *argv; /* argv[0]: the absolute path */
	struct span input;
	struct buf *output; /* lines are added; NULL: not wanted */
	const char *dir;    /* NULL: anywhere */
};
/* 0; else text says what the program said. */
int rc_run(const struct rc_call *c, char text[static DNS_OS_TEXT_MAX]);

/* Calls fn for each word that may be the name of a record and is not `ours`. */
void rc_each_name(struct span list, const char *ours, void (*fn)(void *arg, const char *name),
		  void *arg);
/* What all records of others say together, as the host's own. */
void rc_base_of(const struct dns_os_env *e, struct span records, struct resolvconf *out);

/* ---- one way of os.h, over such a program ---- */

struct rc_manager {
	struct dns_os os; /* first */
	struct dns_os_ops ops;
	const struct dns_os_env *env;
	const struct rc_kind *kind;
	char program[PATH_MAX];
	struct dns_os_config want;
	bool set;
	struct etc_watch records;
};

struct rc_kind {
	enum dns_os_mode mode;
	char *(*records_dir)(const struct dns_os_env *e); /* new */
	bool (*has_record)(const struct dns_os_env *e);
	bool (*has_traces)(const struct dns_os_env *e); /* the record, or what goes with it */
	/* Those of others. out: zeroed. 0 or -ERR_*. */
	int (*read_base)(struct rc_manager *m, struct resolvconf *out);
	/* 0, or -ERR_* and why. */
	int (*add)(struct rc_manager *m, struct span record, char text[static DNS_OS_TEXT_MAX]);
	int (*remove)(const struct dns_os_env *e, const char *program,
		      char text[static DNS_OS_TEXT_MAX]);
};
/* kind: borrowed. New; NULL: there is no such program. */
struct dns_os *rc_manager_new(const struct dns_os_env *e, const struct rc_kind *kind);

#endif
