/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hands_firewall.h"

#include <string.h>

#define DIRS "/usr/sbin:/sbin:/usr/bin:/bin"
#define PROGRAM_MS 10000
/* All programs of one request together, in time limits of one. */
#define REQUEST_LIMITS 3
/* Somebody else may change the rules between our look and our change: then once more. */
#define ATTEMPTS 2

#define UNREADABLE "rules cannot be read"

static const char *const command[2] = { "iptables", "ip6tables" };
static const enum ip_family family[2] = { IP_V4, IP_V6 };

/* One request under way. */
struct task {
	struct hands_fw *f;
	mono_t until;
	int rc; /* of the first failure */
	struct wr text;
};

/* ---- words ---- */

static void task_init(struct task *t, struct hands_fw *f, char text[static HANDS_TEXT_MAX])
{
	*t = (struct task){ .f = f };
	t->until = mono_add_ms(mono_now(), (int64_t)REQUEST_LIMITS * f->program_ms);
	t->text = wr_init(mspan_of(text, HANDS_TEXT_MAX - 1));
}

static int task_end(struct task *t)
{
	*t->text.p = '\0'; /* the byte kept for it */
	return t->rc;
}

/* A text that does not fit ends with the last remark that did. */
static void remark(struct task *t, size_t fam, const char *what, const char *why)
{
	wr_fmt(&t->text, "%s%s %s%s%s", wr_len(&t->text) ? "; " : "", command[fam], what,
	       *why ? ": " : "", why);
}

static void failed(struct task *t, int rc, size_t fam, const char *what, const char *why)
{
	if (!t->rc)
		t->rc = rc;
	if (rc == -ERR_TIMEOUT && !*why)
		why = "did not end in time; does another program hold its lock?";
	remark(t, fam, what, why);
}

/* Nothing more can succeed: the program hangs, or the daemon died. */
static bool hopeless(const struct task *t)
{
	return t->rc == -ERR_TIMEOUT || t->rc == -ERR_CLOSED;
}

/* ---- programs ---- */

static int run(struct task *t, struct run *r, char said[static RUN_SAID_MAX])
{
	mono_t now = mono_now();
	said[0] = '\0';
	if (t->f->gone && t->f->gone(t->f->gone_arg))
		return -ERR_CLOSED;
	if (mono_due(t->until, now))
		return -ERR_TIMEOUT;
	r->until = mono_min(t->until, mono_add_ms(now, t->f->program_ms));
	return run_program(r, said);
}

static void on_line(void *arg, struct span line)
{
	ipt_seen_line(arg, line);
}

static int look(struct task *t, size_t fam, struct ipt_seen *seen, char said[static RUN_SAID_MAX])
{
	char *const argv[] = { t->f->family[fam].save, NULL };
	struct run r = { .argv = argv, .line = on_line, .arg = seen };
	ipt_seen_init(seen);
	return run(t, &r, said);
}

/* The whole picture, or a failure. */
static bool must_look(struct task *t, size_t fam, struct ipt_seen *seen)
{
	char said[RUN_SAID_MAX];
	int rc = look(t, fam, seen, said);
	if (rc)
		failed(t, rc, fam, UNREADABLE, said);
	return rc == 0;
}

static int restore(struct task *t, size_t fam, struct span text, char said[static RUN_SAID_MAX])
{
	char *const argv[] = { t->f->family[fam].restore, (char *)(uintptr_t) "--noflush",
			       (char *)(uintptr_t) "--wait", (char *)(uintptr_t) "5", NULL };
	struct run r = { .argv = argv, .input = text };
	return run(t, &r, said);
}

/* Does this system have the table at all? */
static bool has_table(struct task *t, size_t fam, enum ipt_table table)
{
	char text[32], said[RUN_SAID_MAX];
	struct wr w = wr_init(mspan_of(text, sizeof(text)));
	wr_fmt(&w, "*%s\nCOMMIT\n", ipt_table_name(table));
	return restore(t, fam, wr_span_of(&w), said) == 0;
}

/* ---- apply ---- */

/* IPv6 is used as far as it is there; without IPv4's filter there is no firewall. */
static void table_missing(struct task *t, const struct ipt_want *w, size_t fam,
			  enum ipt_table table)
{
	bool v4 = family[fam] == IP_V4;
	if (v4 && table == IPT_FILTER)
		failed(t, -ERR_UNSUPPORTED, fam, "has no table filter here",
		       "the kernel lacks it, or this is iptables-legacy, which needs root and "
		       "CAP_NET_RAW");
	else if (v4 || (table == IPT_NAT && w->cfg->snat))
		remark(t, fam, "has no table", ipt_table_name(table));
}

/* 0, also when the system has no such table (*missing); or the failure, said. */
static int apply_table(struct task *t, const struct ipt_want *w, size_t fam, enum ipt_table table,
		       struct buf *text, bool *missing, char said[static RUN_SAID_MAX])
{
	*missing = false;
	said[0] = '\0';
	if (!buf_ok(text))
		return -ERR_TOOBIG;
	if (text->len == 0)
		return 0;
	int rc = restore(t, fam, buf_span(text), said);
	if (rc == -ERR_IO && !has_table(t, fam, table)) {
		*missing = true;
		table_missing(t, w, fam, table);
		rc = 0;
	}
	return rc;
}

struct applying {
	struct buf text[IPT_TABLES];
	bool missing[IPT_TABLES];
};

static int compare(struct task *t, const struct ipt_want *w, size_t fam, bool last,
		   const struct applying *a)
{
	for (enum ipt_table i = 0; i < IPT_TABLES; i++) {
		if (a->missing[i] || ipt_applied(w, i, buf_span(&a->text[i]), &t->f->after[fam]))
			continue;
		if (!last)
			return -ERR_AGAIN;
		failed(t, -ERR_IO, fam, ipt_table_name(i), "rules vanish as they are made");
	}
	return 0;
}

/* One family from what is there to what shall be. -ERR_AGAIN: not so, and nothing was said yet;
 * not for the last attempt, which goes on behind a table that fails. */
static int apply_once(struct task *t, const struct ipt_want *w, size_t fam, bool last,
		      struct applying *a)
{
	struct ipt_seen seen;
	int first = 0;
	if (!must_look(t, fam, &seen))
		return t->rc;
	for (enum ipt_table i = 0; i < IPT_TABLES; i++) {
		char said[RUN_SAID_MAX];
		buf_reset(&a->text[i]);
		ipt_apply_text(w, family[fam], i, &seen, &a->text[i]);
		int rc = apply_table(t, w, fam, i, &a->text[i], &a->missing[i], said);
		if (rc == -ERR_IO && !last)
			return -ERR_AGAIN;
		if (rc)
			failed(t, rc, fam, ipt_table_name(i), said);
		if (hopeless(t))
			return rc;
		first = first ? first : rc;
	}
	if (first || !must_look(t, fam, &t->f->after[fam]))
		return t->rc;
	return compare(t, w, fam, last, a);
}

static void apply_family(struct task *t, const struct ipt_want *w, size_t fam)
{
	struct applying a = { 0 };
	for (size_t i = 0; i < IPT_TABLES; i++)
		buf_init(&a.text[i], IPT_TEXT_MAX);
	for (int i = 1; i <= ATTEMPTS; i++) {
		struct wr before = t->text;
		if (apply_once(t, w, fam, i == ATTEMPTS, &a) != -ERR_AGAIN)
			break;
		t->text = before;
	}
	for (size_t i = 0; i < IPT_TABLES; i++)
		buf_fini(&a.text[i]);
	if (ipt_guard_widened(w->cfg, family[fam]))
		remark(t, fam, "guards the tailnet's whole range", "too many addresses to list");
}

int hands_firewall_do_apply(struct hands_fw *f, const struct ipt_want *want,
			    char text[static HANDS_TEXT_MAX])
{
	struct ipt_want w = *want;
	struct task t;
	task_init(&t, f, text);
	w.remove_jumps = f->may_have_jumps;
	for (size_t fam = 0; fam < ARRAY_LEN(family) && !hopeless(&t); fam++)
		if (f->family[fam].found)
			apply_family(&t, &w, fam);
	f->applied = t.rc == 0;
	if (f->applied || w.cfg->mode == RT_NETFILTER_ON)
		f->may_have_jumps = w.cfg->mode == RT_NETFILTER_ON;
	return task_end(&t);
}

/* ---- down, check ---- */

static bool any_ours(const struct ipt_seen *seen)
{
	for (enum ipt_table i = 0; i < IPT_TABLES; i++)
		if (ipt_seen_any(seen, i))
			return true;
	return false;
}

static void down_table(struct task *t, size_t fam, enum ipt_table table,
		       const struct ipt_seen *seen)
{
	char said[RUN_SAID_MAX] = "";
	struct buf text;
	buf_init(&text, IPT_TEXT_MAX);
	ipt_down_text(table, seen, &text);
	int rc = buf_ok(&text) ? 0 : -ERR_TOOBIG;
	if (!rc && text.len)
		rc = restore(t, fam, buf_span(&text), said);
	if (rc)
		failed(t, rc, fam, ipt_table_name(table), said);
	buf_fini(&text);
}

static void down_family(struct task *t, size_t fam)
{
	char said[RUN_SAID_MAX];
	struct ipt_seen seen;
	int rc = look(t, fam, &seen, said);
	/* It stops at nftables rules of others that it cannot print. Then we have not used it. */
	if (rc == -ERR_IO && !any_ours(&seen))
		return;
	if (rc)
		failed(t, rc, fam, UNREADABLE, said);
	for (int i = IPT_TABLES - 1; i >= 0 && !hopeless(t); i--)
		down_table(t, fam, (enum ipt_table)i, &seen);
}

int hands_firewall_do_down(struct hands_fw *f, char text[static HANDS_TEXT_MAX])
{
	struct task t;
	task_init(&t, f, text);
	for (size_t fam = 0; fam < ARRAY_LEN(family) && !hopeless(&t); fam++)
		if (f->family[fam].found)
			down_family(&t, fam);
	f->applied = false;
	if (!t.rc)
		f->may_have_jumps = false;
	return task_end(&t);
}

int hands_firewall_do_check(struct hands_fw *f, char text[static HANDS_TEXT_MAX])
{
	char tables[64];
	struct ipt_seen now;
	struct task t;
	task_init(&t, f, text);
	if (!f->applied)
		t.rc = -ERR_STATE;
	for (size_t fam = 0; fam < ARRAY_LEN(family) && f->applied && !hopeless(&t); fam++)
		if (f->family[fam].found && must_look(&t, fam, &now) &&
		    ipt_seen_differs(&f->after[fam], &now, tables, sizeof(tables)))
			failed(&t, -ERR_NOENT, fam, "rules were removed or changed", tables);
	return task_end(&t);
}

/* ---- start ---- */

static bool find(const char *dirs, const char *name, const char *what, char out[static PATH_MAX])
{
	char full[32];
	struct wr w = wr_init(mspan_of(full, sizeof(full)));
	wr_fmt(&w, "%s-%s", name, what);
	wr_u8(&w, '\0');
	return run_find(dirs, full, out);
}

bool hands_firewall_find(struct hands_fw *f, const struct hands_opts *o)
{
	const char *dirs = o->path ? o->path : DIRS;
	*f = (struct hands_fw){ .program_ms = o->program_ms ? o->program_ms : PROGRAM_MS,
				.may_have_jumps = true };
	for (size_t i = 0; i < ARRAY_LEN(command); i++) {
		struct ipt_programs *p = &f->family[i];
		p->found = find(dirs, command[i], "save", p->save) &&
			   find(dirs, command[i], "restore", p->restore);
	}
	return f->family[0].found;
}
