/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direct_view_io.c: what stands under the three names, and what that means. */
#include "dns/direct_file_priv.h"

#include <errno.h>

void direct_view_fini(struct direct_view *v)
{
	etc_entry_fini(&v->file);
	etc_entry_fini(&v->backup);
	buf_fini(&v->journal_text);
}

bool direct_has_journal(const struct direct_view *v)
{
	return v->journal.mode == DNS_OS_DIRECT;
}

bool direct_is_ours(const struct etc_entry *e)
{
	return e->kind == ETC_FILE && resolvconf_is_ours(buf_span(&e->text));
}

/* In place, a kill may leave our text before the rest of the one that was there. */
static bool begins_with_ours(const struct direct_view *v)
{
	const struct dns_journal *j = &v->journal;
	struct span text = buf_span(&v->file.text);
	if (!j->in_place || text.len < j->wrote.len)
		return false;
	return dns_journal_wrote(j, span_of(text.p, j->wrote.len));
}

int direct_look(const struct direct_file *f, struct direct_view *v)
{
	*v = (struct direct_view){ 0 };
	buf_init(&v->journal_text, DNS_JOURNAL_MAX + 1);
	int rc = etc_look(&f->dir, FILE_NAME, IN_PLACE_MAX, &v->file);
	if (rc == 0) /* or errno would be of the second */
		rc = etc_look(&f->dir, BACKUP, IN_PLACE_MAX, &v->backup);
	if (rc == 0 && etc_read(&f->dir, JOURNAL, DNS_JOURNAL_MAX + 1, &v->journal_text) == 0 &&
	    dns_journal_parse(buf_span(&v->journal_text), &v->journal) != 0)
		v->journal = (struct dns_journal){ 0 };
	v->ours = direct_is_ours(&v->file);
	v->untouched = v->ours && (!direct_has_journal(v) ||
				   dns_journal_wrote(&v->journal, buf_span(&v->file.text)) ||
				   begins_with_ours(v));
	return rc;
}

bool direct_journal_holds(const struct direct_view *v)
{
	return direct_has_journal(v) && (!v->ours || v->untouched);
}

bool direct_has_backup(const struct direct_view *v)
{
	return v->backup.kind == ETC_LINK ||
	       (v->backup.kind == ETC_FILE && !direct_is_ours(&v->backup));
}

bool direct_is_there(const struct direct_file *f, const char *name)
{
	struct etc_entry e;
	bool yes = etc_look(&f->dir, name, 0, &e) != 0 || e.kind != ETC_ABSENT;
	etc_entry_fini(&e);
	return yes;
}

/* ---- what the host would read ---- */

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
	struct direct_view v;
	int rc = direct_look(f, &v) == 0 ? 0 : -ERR_IO;
	if (rc == 0 && !v.ours && v.file.kind != ETC_ABSENT) {
		direct_view_fini(&v);
		return 0;
	}
	buf_reset(out);
	if (rc == 0 && !(direct_journal_holds(&v) && v.journal.was == DNS_WAS_NOTHING)) {
		if (direct_has_backup(&v))
			rc = read_into(f, BACKUP, out);
		else if (v.journal.has_text && v.journal.was == DNS_WAS_FILE)
			buf_add_span(out, v.journal.text);
	}
	direct_view_fini(&v);
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
