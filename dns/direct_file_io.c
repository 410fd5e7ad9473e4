/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/direct_file_io.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "dns/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_NAME RESOLVCONF_NAME
#define BACKUP RESOLVCONF_BACKUP
#define JOURNAL RESOLVCONF_JOURNAL
#define EDITED "resolv.meshd-edited-%u.conf"
#define EDITED_MAX 9u
/* Somebody else wrote the file between our look at it and our own write. */
#define TRIES 5
/* Longer ones are given back by their name only. */
#define IN_PLACE_MAX (1u << 21)

static void step(const struct direct_file *f, const char *what)
{
	if (f->dir.step)
		f->dir.step(what);
}

/* ---- texts for people ----------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(char said[static DNS_OS_TEXT_MAX],
						      const char *fmt, ...)
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

/* errno as a code, and what to do about it. */
static int failed(const struct direct_file *f, const char *what, const char *name,
		  char said[static DNS_OS_TEXT_MAX])
{
	int e = errno;
	const char *advice = "";
	if (e == EAGAIN) {
		say(said, "%s/%s is written by others all the time", f->etc, name);
		return -ERR_AGAIN;
	}
	if (e == EROFS)
		advice = "; make it writable, or type: meshctl set --accept-dns=false";
	else if (e == EPERM)
		advice = "; if it was made immutable, type: chattr -i";
	else if (e == ENOSPC || e == EDQUOT)
		advice = "; make room on that file system";
	say(said, "cannot %s %s/%s: %s%s%s%s", what, f->etc, name, strerror(e), advice,
	    e == EPERM ? " " : "", e == EPERM ? "/etc/" FILE_NAME : "");
	return e == EROFS || e == EPERM || e == EACCES ? -ERR_PERM : -ERR_IO;
}

/* ---- what is there -------------------------------------------------------------------- */

struct view {
	struct etc_entry file, backup;
	struct buf journal_text;
	struct dns_journal journal; /* mode DNS_OS_NONE: none that can be believed */
	bool ours;		    /* our file: it has our marker */
	bool untouched;		    /* and is as we wrote it, as far as is known */
};

static void view_fini(struct view *v)
{
	etc_entry_fini(&v->file);
	etc_entry_fini(&v->backup);
	buf_fini(&v->journal_text);
}

static bool has_journal(const struct view *v)
{
	return v->journal.mode == DNS_OS_DIRECT;
}

static bool is_file_ours(const struct etc_entry *e)
{
	return e->kind == ETC_FILE && resolvconf_is_ours(buf_span(&e->text));
}

/* In place, a kill may leave our text before the rest of the one that was there. */
static bool begins_with_ours(const struct view *v)
{
	const struct dns_journal *j = &v->journal;
	struct span text = buf_span(&v->file.text);
	if (!j->in_place || text.len < j->wrote.len)
		return false;
	return dns_journal_wrote(j, span_of(text.p, j->wrote.len));
}

static int look(const struct direct_file *f, struct view *v)
{
	*v = (struct view){ 0 };
	buf_init(&v->journal_text, DNS_JOURNAL_MAX + 1);
	int rc = etc_look(&f->dir, FILE_NAME, IN_PLACE_MAX, &v->file);
	if (rc == 0) /* or errno would be of the second */
		rc = etc_look(&f->dir, BACKUP, IN_PLACE_MAX, &v->backup);
	if (rc == 0 && etc_read(&f->dir, JOURNAL, DNS_JOURNAL_MAX + 1, &v->journal_text) == 0 &&
	    dns_journal_parse(buf_span(&v->journal_text), &v->journal) != 0)
		v->journal = (struct dns_journal){ 0 };
	v->ours = is_file_ours(&v->file);
	v->untouched = v->ours && (!has_journal(v) ||
				   dns_journal_wrote(&v->journal, buf_span(&v->file.text)) ||
				   begins_with_ours(v));
	return rc;
}

/* ---- journal -------------------------------------------------------------------------- */

static int write_journal(struct direct_file *f, const struct dns_journal *j)
{
	struct buf text;
	buf_init(&text, DNS_JOURNAL_MAX);
	dns_journal_build(j, &text);
	int rc = etc_replace(&f->dir, JOURNAL, buf_span(&text), 0600);
	buf_fini(&text);
	if (rc == 0)
		step(f, "journal");
	return rc;
}

/* What is there now becomes what was there before. */
static void journal_of(const struct etc_entry *was, struct dns_journal *j)
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

/* ---- taking --------------------------------------------------------------------------- */

static bool is_mounted_errno(int e)
{
	return e == EBUSY || e == EXDEV;
}

static int write_file(struct direct_file *f, struct span text, const struct etc_entry *seen)
{
	if (!f->in_place) {
		if (etc_replace_if(&f->dir, FILE_NAME, text, 0644, seen) == 0)
			return 0;
		if (!is_mounted_errno(errno))
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
		if (!is_mounted_errno(errno))
			return -1;
		f->in_place = j->in_place = true;
		if (write_journal(f, j) != 0)
			return -1;
	}
	return copy_to_backup(f, file);
}

static bool is_there(const struct direct_file *f, const char *name)
{
	struct etc_entry e;
	bool yes = etc_look(&f->dir, name, 0, &e) != 0 || e.kind != ETC_ABSENT;
	etc_entry_fini(&e);
	return yes;
}

/* Make it as if nothing had begun; where that fails, the journal stays for who comes next. */
static void undo(struct direct_file *f, const struct etc_entry *was)
{
	if (was->kind != ETC_ABSENT && !is_there(f, FILE_NAME) &&
	    etc_rename(&f->dir, BACKUP, FILE_NAME) != 0)
		return;
	if (f->in_place && was->kind == ETC_FILE && !was->too_long &&
	    etc_write_in_place(&f->dir, FILE_NAME, buf_span(&was->text), was->perm) != 0)
		return;
	if (etc_remove(&f->dir, BACKUP) == 0)
		etc_remove(&f->dir, JOURNAL);
}

static int take(struct direct_file *f, const struct view *v, struct span text,
		char said[static DNS_OS_TEXT_MAX])
{
	struct dns_journal j = { .mode = DNS_OS_DIRECT, .wrote = dns_wrote_of(text) };
	f->in_place = j.in_place = f->in_place && v->file.kind == ETC_FILE;
	journal_of(&v->file, &j);
	if (write_journal(f, &j) != 0) {
		int rc = failed(f, "write", JOURNAL, said);
		etc_remove(&f->dir, JOURNAL); /* of a file that is no more */
		return rc;
	}
	if (back_up(f, &v->file, &j) != 0) {
		int rc = failed(f, "keep a copy of", FILE_NAME, said);
		undo(f, &v->file);
		return rc;
	}
	step(f, "backup");
	static const struct etc_entry nothing = { .kind = ETC_ABSENT };
	if (write_file(f, text, is_there(f, FILE_NAME) ? &v->file : &nothing) != 0) {
		int rc = failed(f, "write", FILE_NAME, said);
		undo(f, &v->file);
		return rc;
	}
	return 0;
}

/* Our own file with another text; what was before stays what it is. */
static int rewrite(struct direct_file *f, const struct view *v, struct span text,
		   char said[static DNS_OS_TEXT_MAX])
{
	struct dns_journal j = v->journal;
	if (!has_journal(v)) {
		journal_of(&v->backup, &j);
		j.mode = DNS_OS_DIRECT;
	}
	f->in_place |= j.in_place;
	j.in_place = f->in_place;
	j.restoring = false;
	j.or = v->ours ? dns_wrote_of(buf_span(&v->file.text)) : (struct dns_wrote){ 0 };
	j.wrote = dns_wrote_of(text);
	if (write_journal(f, &j) != 0)
		return failed(f, "write", JOURNAL, said);
	if (write_file(f, text, &v->file) != 0)
		return failed(f, "write", FILE_NAME, said);
	return 0;
}

/* Somebody changed our file and left the marker in it: his text is not lost. */
static int put_aside(struct direct_file *f, struct view *v, char said[static DNS_OS_TEXT_MAX])
{
	char name[NAME_MAX] = "";
	int rc = -1;
	for (unsigned i = 1; i <= EDITED_MAX && rc != 0; i++) {
		snprintf(name, sizeof(name), EDITED, i);
		errno = EEXIST;
		if (!is_there(f, name))
			rc = etc_recreate(&f->dir, name, buf_span(&v->file.text), v->file.perm,
					  v->file.uid, v->file.gid);
	}
	if (rc != 0)
		return failed(f, "keep the edited", FILE_NAME, said);
	say(said, "%s/" FILE_NAME " was edited while it was ours; the edited one is %s/%s now",
	    f->etc, f->etc, name);
	v->untouched = true;
	return 0;
}

static int put(struct direct_file *f, struct view *v, struct span text,
	       char said[static DNS_OS_TEXT_MAX])
{
	bool gone = v->file.kind == ETC_ABSENT && has_journal(v);
	if (v->file.kind == ETC_ODD) {
		say(said,
		    "%s/" FILE_NAME " is neither a file nor a link; remove it and meshd will "
		    "write one",
		    f->etc);
		return -ERR_STATE;
	}
	if (v->ours && !v->untouched) {
		int rc = put_aside(f, v, said);
		if (rc)
			return rc;
	}
	return v->ours || gone ? rewrite(f, v, text, said) : take(f, v, text, said);
}

static int look_and_put(struct direct_file *f, struct span text, char said[static DNS_OS_TEXT_MAX])
{
	struct view v;
	said[0] = '\0';
	int rc = look(f, &v) == 0 ? put(f, &v, text, said) : failed(f, "read", FILE_NAME, said);
	view_fini(&v);
	return rc;
}

int direct_file_put(struct direct_file *f, struct span text, char said[static DNS_OS_TEXT_MAX])
{
	int rc = -ERR_AGAIN;
	for (int i = 0; i < TRIES && rc == -ERR_AGAIN; i++)
		rc = look_and_put(f, text, said);
	return rc;
}

/* ---- giving back ---------------------------------------------------------------------- */

static void drop_temps(const struct direct_file *f)
{
	static const char *const names[] = { FILE_NAME, BACKUP, JOURNAL };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = xasprintf("%s/%s", f->etc, names[i]);
		fs_drop_temps(path);
		free(path);
	}
}

/* The journal speaks of the file that is there, or there is none to speak of. */
static bool journal_holds(const struct view *v)
{
	return has_journal(v) && (!v->ours || v->untouched);
}

/* A backup that is our own text is none. */
static bool has_backup(const struct view *v)
{
	return v->backup.kind == ETC_LINK ||
	       (v->backup.kind == ETC_FILE && !is_file_ours(&v->backup));
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

static int give_back_in_place(struct direct_file *f, const struct view *v)
{
	struct dns_journal j = v->journal;
	struct etc_entry backup;
	int rc = etc_look(&f->dir, BACKUP, IN_PLACE_MAX, &backup);
	if (rc == 0 && (backup.kind != ETC_FILE || backup.too_long)) {
		errno = EFBIG;
		rc = -1;
	}
	if (!has_journal(v)) {
		journal_of(&backup, &j);
		j.mode = DNS_OS_DIRECT;
	}
	j.in_place = j.restoring = true;
	if (rc == 0)
		rc = write_journal(f, &j);
	if (rc == 0)
		rc = etc_write_in_place(&f->dir, FILE_NAME, buf_span(&backup.text), backup.perm);
	if (rc == 0)
		rc = etc_remove(&f->dir, BACKUP);
	etc_entry_fini(&backup);
	return rc;
}

static int give_back(struct direct_file *f, const struct view *v)
{
	if (!f->in_place && !v->journal.in_place) {
		if (etc_rename_if(&f->dir, BACKUP, FILE_NAME, &v->file) == 0)
			return 0;
		if (!is_mounted_errno(errno))
			return -1;
		f->in_place = true;
	}
	return give_back_in_place(f, v);
}

/* There was no file. Where ours is a mount it cannot go; an empty one is next to that. */
static int take_away(struct direct_file *f, char said[static DNS_OS_TEXT_MAX])
{
	int rc = etc_remove(&f->dir, FILE_NAME);
	if (rc != 0 && is_mounted_errno(errno))
		rc = etc_write_in_place(&f->dir, FILE_NAME, span_of("", 0), 0644);
	return rc == 0 ? 0 : failed(f, "remove our", FILE_NAME, said);
}

static int restore_ours(struct direct_file *f, struct view *v, char said[static DNS_OS_TEXT_MAX])
{
	bool edited = v->ours && !v->untouched, holds = journal_holds(v);
	if (edited) {
		int rc = put_aside(f, v, said);
		if (rc)
			return rc;
	}
	if (holds && v->journal.was == DNS_WAS_NOTHING)
		return take_away(f, said);
	if (!has_backup(v)) {
		if (!has_journal(v) || !v->journal.has_text) {
			say(said,
			    "what was in %s/" FILE_NAME " before meshd is lost: write it anew",
			    f->etc);
			return take_away(f, said);
		}
		if (backup_from_journal(f, &v->journal) != 0)
			return failed(f, "write", BACKUP, said);
	}
	return give_back(f, v) == 0 ? 0 : failed(f, "put back", FILE_NAME, said);
}

/* In place, a kill may leave what was before in front of the rest of ours. */
static bool half_given_back(const struct view *v)
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
		return failed(f, "remove", BACKUP, said);
	step(f, "backup removed");
	return etc_remove(&f->dir, JOURNAL) == 0 ? 0 : failed(f, "remove", JOURNAL, said);
}

static int restore(struct direct_file *f, struct view *v, enum direct_end *end,
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
	if (v->ours || (absent && (has_journal(v) || has_backup(v)))) {
		rc = restore_ours(f, v, said);
		*end = DIRECT_RESTORED;
	} else if (half_given_back(v)) {
		rc = give_back_in_place(f, v) == 0 ? 0 : failed(f, "put back", FILE_NAME, said);
		*end = DIRECT_RESTORED;
	} else if (is_file_ours(&v->backup)) {
		*end = DIRECT_RESTORED; /* they had changed places already */
	} else if (!absent && !same_file(&v->file, &v->backup)) {
		*end = DIRECT_LEFT;
	}
	if (rc)
		return rc;
	step(f, "given back");
	return forget(f, said);
}

static int look_and_restore(struct direct_file *f, enum direct_end *end,
			    char said[static DNS_OS_TEXT_MAX])
{
	struct view v;
	said[0] = '\0';
	*end = DIRECT_NOTHING;
	int rc = look(f, &v);
	rc = rc ? failed(f, "read", FILE_NAME, said) : restore(f, &v, end, said);
	if (rc == 0)
		drop_temps(f);
	view_fini(&v);
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

/* ---- reading -------------------------------------------------------------------------- */

/* Whole lines of its beginning: whoever keeps more there keeps it for himself. */
static int read_into(const struct direct_file *f, const char *name, struct buf *out)
{
	if (etc_read(&f->dir, name, RESOLVCONF_MAX, out) != 0) {
		buf_reset(out);
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -ERR_IO;
	}
	bool cut = out->len == RESOLVCONF_MAX;
	while (cut && out->len && out->p[out->len - 1] != '\n')
		out->len--;
	return 0;
}

static int read_behind_ours(struct direct_file *f, struct buf *out)
{
	struct view v;
	int rc = look(f, &v) == 0 ? 0 : -ERR_IO;
	if (rc == 0 && !v.ours && v.file.kind != ETC_ABSENT) {
		view_fini(&v);
		return 0;
	}
	buf_reset(out);
	if (rc == 0 && !(journal_holds(&v) && v.journal.was == DNS_WAS_NOTHING)) {
		if (has_backup(&v))
			rc = read_into(f, BACKUP, out);
		else if (v.journal.has_text && v.journal.was == DNS_WAS_FILE)
			buf_add_span(out, v.journal.text);
	}
	view_fini(&v);
	return rc;
}

/* An agent that left its file behind left its backup, too. */
static void read_behind_agent(struct direct_file *f, struct buf *out)
{
	struct buf theirs;
	buf_init(&theirs, out->max);
	if (etc_read(&f->dir, RESOLVCONF_TAILSCALE_BACKUP, RESOLVCONF_MAX, &theirs) == 0) {
		buf_reset(out);
		buf_add_span(out, buf_span(&theirs));
	}
	buf_fini(&theirs);
}

int direct_file_base(struct direct_file *f, struct buf *out)
{
	int rc = read_into(f, FILE_NAME, out);
	bool gone = rc == 0 && out->len == 0;
	if (rc == 0 && (gone || resolvconf_is_ours(buf_span(out))))
		rc = read_behind_ours(f, out);
	if (rc == 0 && resolvconf_agent(buf_span(out)))
		read_behind_agent(f, out);
	return rc;
}

bool direct_file_is(struct direct_file *f, struct span text)
{
	struct etc_entry e;
	bool same = etc_look(&f->dir, FILE_NAME, text.len + 1, &e) == 0 && e.kind == ETC_FILE &&
		    span_eq(buf_span(&e.text), text);
	etc_entry_fini(&e);
	return same;
}

void direct_file_now(struct direct_file *f, struct buf *out)
{
	if (etc_read(&f->dir, FILE_NAME, out->max, out) != 0)
		buf_reset(out);
}

/* ---- life ----------------------------------------------------------------------------- */

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
