/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direct_file_io.h: resolv.conf taken and given back (shared/spec/dns.md 5.7), such that a kill or
 * a power loss after any step leaves what the next direct_file_restore puts right, and no file of
 * somebody else is ever overwritten. Blocks.
 *
 * Three names in /etc: the file, the backup, the journal (journal.h). In this order they change:
 *   taken:  journal, backup (another name of the same file, or the link itself), file
 *   given:  file (the backup gets its name back), journal
 * Where the file is a mount of its own (containers), nothing can be renamed over it: the backup is
 * a copy, and the file is written in place. */
#ifndef DNS_DIRECT_FILE_IO_H
#define DNS_DIRECT_FILE_IO_H

#include "dns/etc_dir_io.h"
#include "dns/os.h"
#include "dns/resolvconf.h"

struct direct_file {
	struct etc_dir dir;
	const char *etc; /* for texts; borrowed */
	bool in_place;	 /* a rename was refused */
};

/* 0, -ERR_NOENT, -ERR_PERM, -ERR_IO. */
MUST_CHECK int direct_file_open(struct direct_file *f, const char *etc);
void direct_file_close(struct direct_file *f);

/* said: for a person, "" if nothing; also with 0. */
int direct_file_put(struct direct_file *f, struct span text, char said[static DNS_OS_TEXT_MAX]);

enum direct_end {
	DIRECT_NOTHING,	 /* there was nothing of ours */
	DIRECT_RESTORED, /* as it was before */
	DIRECT_LEFT,	 /* somebody else's file is there; only what was ours went away */
};
/* Looks at the disk alone, not at what this process knows. */
int direct_file_restore(struct direct_file *f, enum direct_end *end,
			char said[static DNS_OS_TEXT_MAX]);

/* What the host would use without us: the file itself, or what is behind it if it is ours or of
 * another agent. Empty if there is none, RESOLVCONF_MAX of a longer one. 0, -ERR_IO. */
int direct_file_base(struct direct_file *f, struct buf *out);
/* Is it a file with exactly this text? */
bool direct_file_is(struct direct_file *f, struct span text);
/* The beginning of what is there now; empty if nothing. */
void direct_file_now(struct direct_file *f, struct buf *out);

#endif
