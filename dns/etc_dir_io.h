/* SPDX-License-Identifier: GPL-2.0-or-later */
/* etc_dir_io.h: files of one directory by name: looked at without following a link, replaced whole.
 * Functions return 0, or -1 with errno. Block. */
#ifndef DNS_ETC_DIR_IO_H
#define DNS_ETC_DIR_IO_H

#include "base/bytes.h"

#include <sys/types.h>

struct etc_dir {
	int fd;
	/* Tests stop the process here: after each step that is seen on the disk. NULL: nothing. */
	void (*step)(const char *what);
	bool label_failed; /* SELinux: a file of ours could not get the label of the one before */
};

void etc_step(const struct etc_dir *d, const char *what);

enum etc_kind { ETC_ABSENT, ETC_FILE, ETC_LINK, ETC_ODD };

/* What is there under a name. */
struct etc_entry {
	enum etc_kind kind;
	unsigned perm, uid, gid;
	bool too_long;	 /* text is its beginning only */
	struct buf text; /* of the file, or where the link points to */
};
/* A file that cannot be read is an error; out is new, also after one. */
int etc_look(const struct etc_dir *d, const char *name, size_t max, struct etc_entry *out);
void etc_entry_fini(struct etc_entry *e);
/* The beginning of a file, links followed. -1, ENOENT: there is none. */
int etc_read(const struct etc_dir *d, const char *name, size_t max, struct buf *out);

/* All ends on the disk. */
int etc_replace(struct etc_dir *d, const char *name, struct span text, unsigned perm);
/* Only what is as it was looked at is replaced: if somebody was faster, all stays as he left it,
 * and it is EAGAIN. The label of what was there (links followed) is copied. */
int etc_replace_if(struct etc_dir *d, const char *name, struct span text, unsigned perm,
		   const struct etc_entry *seen);
/* The same with owner and group, as far as we may. */
int etc_recreate(struct etc_dir *d, const char *name, struct span text, unsigned perm, unsigned uid,
		 unsigned gid);
int etc_recreate_link(struct etc_dir *d, const char *name, const char *target);
/* Write in the file that is there. A kill leaves the new text before what was longer of the old. */
int etc_write_in_place(struct etc_dir *d, const char *name, struct span text, unsigned perm);
/* Another name for a file or link, in place of what has it now; moved there if it cannot have two.
 */
int etc_link(struct etc_dir *d, const char *name, const char *new_name);
int etc_rename(struct etc_dir *d, const char *name, const char *new_name);
/* As etc_replace_if: seen is what was under new_name. */
int etc_rename_if(struct etc_dir *d, const char *name, const char *new_name,
		  const struct etc_entry *seen);
int etc_remove(struct etc_dir *d, const char *name); /* 0 also if there was none */

#endif
