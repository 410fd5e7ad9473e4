/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.h: what we change in the system's resolver, written down before it is changed, so that
 * whoever comes next can put it back. The text of one small file; everything in it is checked when
 * it is read back, and a journal that was cut or edited is none. Pure.
 *
 *   meshd dns journal 1
 *   mode direct
 *   phase set
 *   way rename
 *   was file 644 0 0
 *   text 42
 *   (that many bytes)
 *   wrote 210 (hex of the BLAKE2s of our file)
 *   or 190 (the same of our file before that, if there was one)
 *   end (hex of the BLAKE2s of all before this line) */
#ifndef DNS_JOURNAL_H
#define DNS_JOURNAL_H

#include "dns/os_config.h"

#include <limits.h>

/* Longer files are kept by the backup alone. */
#define DNS_JOURNAL_TEXT_MAX 16384
#define DNS_JOURNAL_MAX (DNS_JOURNAL_TEXT_MAX + PATH_MAX + 1024)

enum dns_was {
	DNS_WAS_NOTHING, /* no file was there */
	DNS_WAS_FILE,
	DNS_WAS_LINK, /* text is where it points to */
};

struct dns_journal {
	enum dns_os_mode mode;
	/* The rest: DNS_OS_DIRECT only. */
	bool in_place;	/* no rename over the file: it is written anew each time */
	bool restoring; /* what was before is being put back */
	enum dns_was was;
	unsigned perm, uid, gid; /* of the file */
	bool has_text;		 /* false: it was too long for here */
	struct span text;	 /* borrowed */
	/* Our file is one of these: the new one may not have got there. */
	struct dns_wrote {
		size_t len; /* 0: none */
		uint8_t hash[32];
	} wrote, or ;
};

struct dns_wrote dns_wrote_of(struct span text);
/* Did we write that? */
bool dns_journal_wrote(const struct dns_journal *j, struct span text);

void dns_journal_build(const struct dns_journal *j, struct buf *out);
/* 0, -ERR_SYNTAX, -ERR_TYPE: of another version. text is borrowed from the input. */
MUST_CHECK int dns_journal_parse(struct span in, struct dns_journal *out);

#endif
