/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direct_put_io.c: resolv.conf taken, or ours written anew. */
#include "dns/direct_file_priv.h"

#include <errno.h>

static int write_file(struct direct_file *f, struct span text, const struct etc_entry *seen)
{
	if (!f->in_place) {
		if (etc_replace_if(&f->dir, FILE_NAME, text, 0644, seen) == 0)
			return 0;
		if (!direct_is_mounted_errno(errno))
			return -1;
		f->in_place = true;
	}
	return etc_write_in_place(&f->dir, FILE_NAME, text, 0644);
}

static int copy_to_backup(struct direct_file *f, const struct etc_entry *file)
{
	if (file->too_long) {
		errno = EFBIG;
		return -1;
	}
	return etc_recreate(&f->dir, BACKUP, buf_span(&file->text), file->perm, file->uid,
			    file->gid);
}

/* Another name for a file or link that is not ours; where it is a mount, a copy. */
static int back_up(struct direct_file *f, const struct etc_entry *file, struct dns_journal *j)
{
	if (file->kind == ETC_ABSENT)
		return etc_remove(&f->dir, BACKUP);
	if (!f->in_place) {
		if (etc_link(&f->dir, FILE_NAME, BACKUP) == 0)
			return 0;
		if (!direct_is_mounted_errno(errno))
			return -1;
		f->in_place = j->in_place = true;
		if (direct_write_journal(f, j) != 0)
			return -1;
	}
	return copy_to_backup(f, file);
}

/* Make it as if nothing had begun; where that fails, the journal stays for who comes next. */
static void undo(struct direct_file *f, const struct etc_entry *was)
{
	if (was->kind != ETC_ABSENT && !direct_is_there(f, FILE_NAME) &&
	    etc_rename(&f->dir, BACKUP, FILE_NAME) != 0)
		return;
	if (f->in_place && was->kind == ETC_FILE && !was->too_long &&
	    etc_write_in_place(&f->dir, FILE_NAME, buf_span(&was->text), was->perm) != 0)
		return;
	if (etc_remove(&f->dir, BACKUP) == 0)
		etc_remove(&f->dir, JOURNAL);
}

static int take(struct direct_file *f, const struct direct_view *v, struct span text,
		char said[static DNS_OS_TEXT_MAX])
{
	struct dns_journal j = { .mode = DNS_OS_DIRECT, .wrote = dns_wrote_of(text) };
	f->in_place = j.in_place = f->in_place && v->file.kind == ETC_FILE;
	direct_journal_of(&v->file, &j);
	if (direct_write_journal(f, &j) != 0) {
		int rc = direct_failed(f, "write", JOURNAL, said);
		etc_remove(&f->dir, JOURNAL); /* of a file that is no more */
		return rc;
	}
	if (back_up(f, &v->file, &j) != 0) {
		int rc = direct_failed(f, "keep a copy of", FILE_NAME, said);
		undo(f, &v->file);
		return rc;
	}
	etc_step(&f->dir, "backup");
	static const struct etc_entry nothing = { .kind = ETC_ABSENT };
	if (write_file(f, text, direct_is_there(f, FILE_NAME) ? &v->file : &nothing) != 0) {
		int rc = direct_failed(f, "write", FILE_NAME, said);
		undo(f, &v->file);
		return rc;
	}
	return 0;
}

/* Our own file with another text; what was before stays what it is. */
static int rewrite(struct direct_file *f, const struct direct_view *v, struct span text,
		   char said[static DNS_OS_TEXT_MAX])
{
	struct dns_journal j = v->journal;
	if (!direct_has_journal(v)) {
		direct_journal_of(&v->backup, &j);
		j.mode = DNS_OS_DIRECT;
	}
	f->in_place |= j.in_place;
	j.in_place = f->in_place;
	j.restoring = false;
	j.or = v->ours ? dns_wrote_of(buf_span(&v->file.text)) : (struct dns_wrote){ 0 };
	j.wrote = dns_wrote_of(text);
	if (direct_write_journal(f, &j) != 0)
		return direct_failed(f, "write", JOURNAL, said);
	if (write_file(f, text, &v->file) != 0)
		return direct_failed(f, "write", FILE_NAME, said);
	return 0;
}

static int put(struct direct_file *f, struct direct_view *v, struct span text,
	       char said[static DNS_OS_TEXT_MAX])
{
	bool gone = v->file.kind == ETC_ABSENT && direct_has_journal(v);
	if (v->file.kind == ETC_ODD) {
		direct_say(said,
			   "%s/%s is neither a file nor a link; remove it and meshd will write one",
			   f->etc, FILE_NAME);
		return -ERR_STATE;
	}
	if (v->ours && !v->untouched) {
		int rc = direct_put_aside(f, v, said);
		if (rc)
			return rc;
	}
	return v->ours || gone ? rewrite(f, v, text, said) : take(f, v, text, said);
}

static int look_and_put(struct direct_file *f, struct span text, char said[static DNS_OS_TEXT_MAX])
{
	struct direct_view v;
	said[0] = '\0';
	int rc = direct_look(f, &v) == 0 ? put(f, &v, text, said)
					 : direct_failed(f, "read", FILE_NAME, said);
	direct_view_fini(&v);
	return rc;
}

int direct_file_put(struct direct_file *f, struct span text, char said[static DNS_OS_TEXT_MAX])
{
	int rc = -ERR_AGAIN;
	for (int i = 0; i < TRIES && rc == -ERR_AGAIN; i++)
		rc = look_and_put(f, text, said);
	return rc;
}
