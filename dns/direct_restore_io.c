/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direct_restore_io.c: resolv.conf given back. */
#include "dns/direct_file_priv.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <errno.h>
#include <stdlib.h>

static void drop_temps(const struct direct_file *f)
{
	static const char *const names[] = { FILE_NAME, BACKUP, JOURNAL };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = xasprintf("%s/%s", f->etc, names[i]);
		fs_drop_temps(path);
		free(path);
	}
}

static int backup_from_journal(struct direct_file *f, const struct dns_journal *j)
{
	if (j->was != DNS_WAS_LINK)
		return etc_recreate(&f->dir, BACKUP, j->text, j->perm, j->uid, j->gid);
	char *target = xstrndup((const char *)j->text.p, j->text.len);
	int rc = etc_recreate_link(&f->dir, BACKUP, target);
	free(target);
	return rc;
}

static int give_back_in_place(struct direct_file *f, const struct direct_view *v)
{
	struct dns_journal j = v->journal;
	struct etc_entry backup;
	int rc = etc_look(&f->dir, BACKUP, IN_PLACE_MAX, &backup);
	if (rc == 0 && (backup.kind != ETC_FILE || backup.too_long)) {
		errno = EFBIG;
		rc = -1;
	}
	if (!direct_has_journal(v)) {
		direct_journal_of(&backup, &j);
		j.mode = DNS_OS_DIRECT;
	}
	j.in_place = j.restoring = true;
	if (rc == 0)
		rc = direct_write_journal(f, &j);
	if (rc == 0)
		rc = etc_write_in_place(&f->dir, FILE_NAME, buf_span(&backup.text), backup.perm);
	if (rc == 0)
		rc = etc_remove(&f->dir, BACKUP);
	etc_entry_fini(&backup);
	return rc;
}

static int give_back(struct direct_file *f, const struct direct_view *v)
{
	if (!f->in_place && !v->journal.in_place) {
		if (etc_rename_if(&f->dir, BACKUP, FILE_NAME, &v->file) == 0)
			return 0;
		if (!direct_is_mounted_errno(errno))
			return -1;
		f->in_place = true;
	}
	return give_back_in_place(f, v);
}

/* There was no file. Where ours is a mount it cannot go; an empty one is next to that. */
static int take_away(struct direct_file *f, char said[static DNS_OS_TEXT_MAX])
{
	int rc = etc_remove(&f->dir, FILE_NAME);
	if (rc != 0 && direct_is_mounted_errno(errno))
		rc = etc_write_in_place(&f->dir, FILE_NAME, span_of("", 0), 0644);
	return rc == 0 ? 0 : direct_failed(f, "remove our", FILE_NAME, said);
}

static int restore_ours(struct direct_file *f, struct direct_view *v,
			char said[static DNS_OS_TEXT_MAX])
{
	bool edited = v->ours && !v->untouched, holds = direct_journal_holds(v);
	if (edited) {
		int rc = direct_put_aside(f, v, said);
		if (rc)
			return rc;
	}
	if (holds && v->journal.was == DNS_WAS_NOTHING)
		return take_away(f, said);
	if (!direct_has_backup(v)) {
		if (!direct_has_journal(v) || !v->journal.has_text) {
			direct_say(said, "what was in %s/%s before meshd is lost: write it anew",
				   f->etc, FILE_NAME);
			return take_away(f, said);
		}
		if (backup_from_journal(f, &v->journal) != 0)
			return direct_failed(f, "write", BACKUP, said);
	}
	return give_back(f, v) == 0 ? 0 : direct_failed(f, "put back", FILE_NAME, said);
}

/* In place, a kill may leave what was before in front of the rest of ours. */
static bool half_given_back(const struct direct_view *v)
{
	struct span now = buf_span(&v->file.text), want = buf_span(&v->backup.text);
	return v->journal.in_place && v->journal.restoring && v->file.kind == ETC_FILE &&
	       v->backup.kind == ETC_FILE && now.len >= want.len &&
	       span_eq(span_of(now.p, want.len), want);
}

static bool same_file(const struct etc_entry *a, const struct etc_entry *b)
{
	return a->kind == b->kind && !a->too_long && !b->too_long &&
	       span_eq(buf_span(&a->text), buf_span(&b->text));
}

static int forget(struct direct_file *f, char said[static DNS_OS_TEXT_MAX])
{
	if (etc_remove(&f->dir, BACKUP) != 0)
		return direct_failed(f, "remove", BACKUP, said);
	etc_step(&f->dir, "backup removed");
	return etc_remove(&f->dir, JOURNAL) == 0 ? 0 : direct_failed(f, "remove", JOURNAL, said);
}

static int restore(struct direct_file *f, struct direct_view *v, enum direct_end *end,
		   char said[static DNS_OS_TEXT_MAX])
{
	bool traces = v->backup.kind != ETC_ABSENT || v->journal_text.len != 0;
	bool absent = v->file.kind == ETC_ABSENT;
	int rc = 0;
	*end = DIRECT_NOTHING;
	if (!v->ours && !traces)
		return 0;
	if (v->file.kind == ETC_ODD) { /* when that is gone, what was before is wanted */
		*end = DIRECT_LEFT;
		return 0;
	}
	if (v->ours || (absent && (direct_has_journal(v) || direct_has_backup(v)))) {
		rc = restore_ours(f, v, said);
		*end = DIRECT_RESTORED;
	} else if (half_given_back(v)) {
		rc = give_back_in_place(f, v) == 0 ? 0
						   : direct_failed(f, "put back", FILE_NAME, said);
		*end = DIRECT_RESTORED;
	} else if (direct_is_ours(&v->backup)) {
		*end = DIRECT_RESTORED; /* they had changed places already */
	} else if (!absent && !same_file(&v->file, &v->backup)) {
		*end = DIRECT_LEFT;
	}
	if (rc)
		return rc;
	etc_step(&f->dir, "given back");
	return forget(f, said);
}

static int look_and_restore(struct direct_file *f, enum direct_end *end,
			    char said[static DNS_OS_TEXT_MAX])
{
	struct direct_view v;
	said[0] = '\0';
	*end = DIRECT_NOTHING;
	int rc = direct_look(f, &v);
	rc = rc ? direct_failed(f, "read", FILE_NAME, said) : restore(f, &v, end, said);
	if (rc == 0)
		drop_temps(f);
	direct_view_fini(&v);
	return rc;
}

int direct_file_restore(struct direct_file *f, enum direct_end *end,
			char said[static DNS_OS_TEXT_MAX])
{
	int rc = -ERR_AGAIN;
	for (int i = 0; i < TRIES && rc == -ERR_AGAIN; i++)
		rc = look_and_restore(f, end, said);
	return rc;
}
