/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direct_file_io.c: what taking and giving back have in common. */
#include "dns/direct_file_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define EDITED "resolv.meshd-edited-%u.conf"
#define EDITED_MAX 9u

int direct_file_open(struct direct_file *f, const char *etc)
{
	*f = (struct direct_file){ .etc = etc };
	f->dir.fd = open(etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir.fd >= 0)
		return 0;
	return errno == ENOENT ? -ERR_NOENT : errno == EACCES ? -ERR_PERM : -ERR_IO;
}

void direct_file_close(struct direct_file *f)
{
	if (f->dir.fd >= 0)
		close(f->dir.fd);
	f->dir.fd = -1;
}

bool direct_is_mounted_errno(int e)
{
	return e == EBUSY || e == EXDEV;
}

/* ---- texts for people ---- */

void direct_say(char said[static DNS_OS_TEXT_MAX], const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list ap;
	va_start(ap, fmt);
	if (n && n + 2 < DNS_OS_TEXT_MAX)
		n += (size_t)snprintf(said + n, DNS_OS_TEXT_MAX - n, "; ");
	if (n < DNS_OS_TEXT_MAX)
		vsnprintf(said + n, DNS_OS_TEXT_MAX - n, fmt, ap);
	va_end(ap);
}

int direct_failed(const struct direct_file *f, const char *what, const char *name,
		  char said[static DNS_OS_TEXT_MAX])
{
	int e = errno;
	const char *advice = "";
	if (e == EAGAIN) {
		direct_say(said, "%s/%s is written by others all the time", f->etc, name);
		return -ERR_AGAIN;
	}
	if (e == EROFS)
		advice = "; make it writable, or type: meshctl set --accept-dns=false";
	else if (e == EPERM)
		advice = "; if it was made immutable, type: chattr -i";
	else if (e == ENOSPC || e == EDQUOT)
		advice = "; make room on that file system";
	direct_say(said, "cannot %s %s/%s: %s%s%s%s", what, f->etc, name, strerror(e), advice,
		   e == EPERM ? " " : "", e == EPERM ? "/etc/" FILE_NAME : "");
	return e == EROFS || e == EPERM || e == EACCES ? -ERR_PERM : -ERR_IO;
}

/* ---- what is kept ---- */

int direct_write_journal(struct direct_file *f, const struct dns_journal *j)
{
	struct buf text;
	buf_init(&text, DNS_JOURNAL_MAX);
	dns_journal_build(j, &text);
	int rc = etc_replace(&f->dir, JOURNAL, buf_span(&text), 0600);
	buf_fini(&text);
	if (rc == 0)
		etc_step(&f->dir, "journal");
	return rc;
}

void direct_journal_of(const struct etc_entry *was, struct dns_journal *j)
{
	j->was = was->kind == ETC_LINK	 ? DNS_WAS_LINK
		 : was->kind == ETC_FILE ? DNS_WAS_FILE
					 : DNS_WAS_NOTHING;
	j->perm = was->perm;
	j->uid = was->uid;
	j->gid = was->gid;
	j->has_text =
	    was->kind != ETC_ABSENT && !was->too_long && was->text.len <= DNS_JOURNAL_TEXT_MAX;
	j->text = j->has_text ? buf_span(&was->text) : span_of(NULL, 0);
}

int direct_put_aside(struct direct_file *f, struct direct_view *v,
		     char said[static DNS_OS_TEXT_MAX])
{
	char name[NAME_MAX] = "";
	int rc = -1;
	for (unsigned i = 1; i <= EDITED_MAX && rc != 0; i++) {
		snprintf(name, sizeof(name), EDITED, i);
		errno = EEXIST;
		if (!direct_is_there(f, name))
			rc = etc_recreate(&f->dir, name, buf_span(&v->file.text), v->file.perm,
					  v->file.uid, v->file.gid);
	}
	if (rc != 0)
		return direct_failed(f, "keep the edited", FILE_NAME, said);
	direct_say(said,
		   "%s/" FILE_NAME " was edited while it was ours; the edited one is %s/%s now",
		   f->etc, f->etc, name);
	v->untouched = true;
	return 0;
}
