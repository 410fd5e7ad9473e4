/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direct_file_priv.h: what the parts of direct_file_io.h share. An int is 0, or -1 with errno; of
 * those that take said 0 or -ERR_*, and their text is added to what is said already. Block. */
#ifndef DNS_DIRECT_FILE_PRIV_H
#define DNS_DIRECT_FILE_PRIV_H

#include "dns/direct_file_io.h"
#include "dns/journal.h"

#define FILE_NAME RESOLVCONF_NAME
#define BACKUP RESOLVCONF_BACKUP
#define JOURNAL RESOLVCONF_JOURNAL
/* Somebody else wrote the file between our look at it and our own write. */
#define TRIES 5
/* Longer ones are given back by their name only. */
#define IN_PLACE_MAX (1u << 21)

/* ---- direct_view_io.c ---- */

/* What stands under the three names. */
struct direct_view {
	struct etc_entry file, backup;
	struct buf journal_text;
	struct dns_journal journal; /* mode DNS_OS_NONE: none that can be believed */
	bool ours;		    /* our file: it has our marker */
	bool untouched;		    /* and is as we wrote it, as far as is known */
};

/* v is new, also after an error. */
int direct_look(const struct direct_file *f, struct direct_view *v);
void direct_view_fini(struct direct_view *v);
bool direct_is_ours(const struct etc_entry *e);
bool direct_has_journal(const struct direct_view *v);
/* The journal speaks of the file that is there, or there is none to speak of. */
bool direct_journal_holds(const struct direct_view *v);
/* A backup that is our own text is none. */
bool direct_has_backup(const struct direct_view *v);
/* True also if it cannot be said. */
bool direct_is_there(const struct direct_file *f, const char *name);

/* ---- direct_file_io.c ---- */

/* Of a rename: the file is a mount of its own. */
bool direct_is_mounted_errno(int e);
__attribute__((format(printf, 2, 3))) void direct_say(char said[static DNS_OS_TEXT_MAX],
						      const char *fmt, ...);
/* Says what could not be done, why (errno), and what to do about it. Returns errno as -ERR_*. */
int direct_failed(const struct direct_file *f, const char *what, const char *name,
		  char said[static DNS_OS_TEXT_MAX]);
int direct_write_journal(struct direct_file *f, const struct dns_journal *j);
/* What is there now becomes what was there before; the text is borrowed. */
void direct_journal_of(const struct etc_entry *was, struct dns_journal *j);
/* Somebody changed our file and left the marker in it: his text gets a name of its own. */
int direct_put_aside(struct direct_file *f, struct direct_view *v,
		     char said[static DNS_OS_TEXT_MAX]);

#endif
