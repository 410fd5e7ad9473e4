/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/detect.h"

#include "dns/resolvconf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define VERSION_FIELDS 4

struct walk {
	const struct dns_facts *f;
	struct dns_found *out;
	size_t n_trace;
};

__attribute__((format(printf, 2, 3))) static void step(struct walk *w, const char *fmt, ...)
{
	va_list ap;
	char *at = w->out->trace + w->n_trace;
	size_t room = sizeof(w->out->trace) - w->n_trace;
	va_start(ap, fmt);
	int n = vsnprintf(at, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 2 > room) {
		at[0] = '\0';
		return;
	}
	at[n] = '\n';
	at[n + 1] = '\0';
	w->n_trace += (size_t)n + 1;
}

__attribute__((format(printf, 2, 3))) static void warn(struct walk *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(w->out->warning, sizeof(w->out->warning), fmt, ap);
	va_end(ap);
	step(w, "warning: %s", w->out->warning);
}

static const char *yes_no(enum dns_fact f)
{
	return f == DNS_YES ? "yes" : "no";
}

/* ---- what files say ----------------------------------------------------------------- */

/* The next line that has its newline, without it; false when there is none. */
static bool next_whole_line(struct span *text, struct span *line)
{
	const uint8_t *nl = text->len ? memchr(text->p, '\n', text->len) : NULL;
	if (!nl)
		return false;
	*line = span_of(text->p, (size_t)(nl - text->p));
	*text = span_from(*text, line->len + 1);
	return true;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word; empty at the end. */
static struct span next_word(struct span *s)
{
	size_t n = 0;
	while (s->len && is_blank(s->p[0]))
		*s = span_from(*s, 1);
	while (n < s->len && !is_blank(s->p[n]))
		n++;
	struct span word = span_of(s->p, n);
	*s = span_from(*s, n);
	return word;
}

static bool has(struct span line, const char *word)
{
	return memmem(line.p, line.len, word, strlen(word)) != NULL;
}

enum dns_owner dns_owner_scan(struct span text)
{
	enum dns_owner owner = DNS_OWNER_NONE;
	for (struct span line; next_whole_line(&text, &line);) {
		struct span rest = line, word = next_word(&rest);
		if (word.len == 0)
			continue;
		if (word.p[0] != '#')
			break;
		if (has(line, "systemd-resolved"))
			owner = DNS_OWNER_RESOLVED;
		else if (has(line, "NetworkManager"))
			owner = DNS_OWNER_NM;
		else if (has(line, "resolvconf"))
			owner = DNS_OWNER_RESOLVCONF;
	}
	return owner;
}

/* Does getaddrinfo() ask systemd-resolved before it reads resolv.conf? */
static bool nss_asks_resolved(struct span text)
{
	static const char key[] = "hosts:";
	while (text.len) {
		const uint8_t *nl = memchr(text.p, '\n', text.len);
		struct span line = span_of(text.p, nl ? (size_t)(nl - text.p) : text.len);
		text = span_from(text, line.len + (nl != NULL));
		if (line.len < sizeof(key) - 1 || memcmp(line.p, key, sizeof(key) - 1) != 0)
			continue;
		line = span_from(line, sizeof(key) - 1);
		for (struct span m; (m = next_word(&line)).len && m.p[0] != '#';) {
			if (span_eq_str(m, "resolve"))
				return true;
			if (span_eq_str(m, "dns"))
				return false;
		}
	}
	return false;
}

/* Is its stub the only server there is? */
static bool file_asks_resolved(struct span text)
{
	static const struct ip stub = { IP_V4, { 127, 0, 0, 53 } };
	struct resolvconf r = { 0 };
	bool yes = resolvconf_parse(text, &r) == 0 && r.config.n_servers > 0;
	for (size_t i = 0; i < r.config.n_servers; i++)
		yes &= ip_eq(r.config.servers[i].ip, stub) && !*r.config.servers[i].zone;
	resolvconf_fini(&r);
	return yes;
}

static bool uses_resolved(struct walk *w)
{
	bool file = file_asks_resolved(w->f->file.text);
	bool nss = !file && nss_asks_resolved(w->f->nsswitch);
	step(w, "programs here ask systemd-resolved: %s",
	     file  ? "yes, resolv.conf has its address alone"
	     : nss ? "yes, nsswitch.conf has resolve before dns"
		   : "no");
	return file || nss;
}

/* ---- versions ------------------------------------------------------------------------ */

/* Numbers between dots; -1, 0, 1 as in strcmp. */
static int version_cmp(const char *a, const char *b)
{
	for (int field = 0; field < VERSION_FIELDS; field++) {
		unsigned n[2] = { 0, 0 };
		const char **s[2] = { &a, &b };
		for (int i = 0; i < 2; i++) {
			for (; **s[i] >= '0' && **s[i] <= '9'; (*s[i])++)
				n[i] = n[i] > 99999 ? n[i] : n[i] * 10 + (unsigned)(**s[i] - '0');
			*s[i] += strcspn(*s[i], ".");
			*s[i] += **s[i] == '.';
		}
		if (n[0] != n[1])
			return n[0] < n[1] ? -1 : 1;
	}
	return 0;
}

/* The versions that undo what others tell systemd-resolved about an interface. */
static bool nm_must_be_told(const char *version)
{
	return version_cmp(version, "1.26.0") >= 0 && version_cmp(version, "1.26.5") <= 0;
}

/* ---- the leaves of the tree ----------------------------------------------------------- */

static enum dns_probe use(struct walk *w, enum dns_os_mode mode)
{
	w->out->mode = mode;
	step(w, "so: %s", dns_os_mode_name(mode));
	return DNS_PROBE_NONE;
}

static enum dns_probe use_direct(struct walk *w)
{
	const struct dns_file_facts *file = &w->f->file;
	bool rename = file->dir_writable && !file->mounted && !file->nixos;
	if (!rename && !file->writable) {
		warn(w, "%s",
		     "/etc/resolv.conf cannot be written here, so the tailnet's names do not "
		     "resolve; make it writable, or type: meshctl set --accept-dns=false");
		return use(w, DNS_OS_NONE);
	}
	w->out->in_place = !rename;
	if (!rename)
		step(w, "the file is %s: written in place",
		     file->mounted ? "a mount of its own"
		     : file->nixos ? "NixOS's"
				   : "in a folder that cannot be written");
	/* Its stub as the only server would send what we ask back to us. */
	w->out->also_resolved = w->f->resolved_ping == DNS_YES && !file_asks_resolved(file->text);
	if (w->out->also_resolved)
		step(w, "%s", "systemd-resolved is told, too, for programs that ask it");
	return use(w, DNS_OS_DIRECT);
}

static enum dns_probe fail(struct walk *w, const char *what, const char *why)
{
	w->out->failed = true;
	warn(w,
	     "how this host resolves names was not found out (%s: %s); /etc/resolv.conf is "
	     "taken over",
	     what, why);
	return use_direct(w);
}

/* Whatever the files say: somebody must be there to be told. */
static enum dns_probe use_resolved(struct walk *w)
{
	const struct dns_facts *f = w->f;
	if (f->no_bus) {
		warn(w,
		     "systemd-resolved is used here and cannot be told about the tailnet (%s); "
		     "/etc/resolv.conf is taken over",
		     f->no_bus);
		return use_direct(w);
	}
	if (f->resolved_ping == DNS_YES)
		return use(w, DNS_OS_RESOLVED);
	if (f->resolved_owned == DNS_UNASKED)
		return DNS_PROBE_RESOLVED_OWNED;
	step(w, "systemd-resolved is on D-Bus: %s", yes_no(f->resolved_owned));
	if (f->resolved_owned == DNS_YES)
		return use(w, DNS_OS_RESOLVED);
	warn(w, "%s",
	     "systemd-resolved is set up here and does not run; /etc/resolv.conf is taken "
	     "over; to use it, type: systemctl enable --now systemd-resolved");
	return use_direct(w);
}

/* ---- the branches --------------------------------------------------------------------- */

static enum dns_probe owner_resolvconf(struct walk *w)
{
	static const char *const names[] = {
		[DNS_RC_NONE] = "is not installed",
		[DNS_RC_DEBIAN] = "is Debian's",
		[DNS_RC_OPENRESOLV] = "is openresolv",
		[DNS_RC_RESOLVECTL] = "is systemd's resolvectl",
		[DNS_RC_OTHER] = "is of a kind we do not know",
	};
	enum dns_resolvconf rc = w->f->resolvconf;
	if (w->f->file.mounted) {
		step(w, "%s", "resolvconf cannot replace a file that is a mount of its own");
		return use_direct(w);
	}
	if (rc == DNS_RC_UNASKED)
		return DNS_PROBE_RESOLVCONF;
	step(w, "resolvconf %s", names[rc]);
	switch (rc) {
	case DNS_RC_DEBIAN:
		return use(w, DNS_OS_RESOLVCONF);
	case DNS_RC_OPENRESOLV:
		return use(w, DNS_OS_OPENRESOLV);
	case DNS_RC_RESOLVECTL:
		return use_resolved(w);
	default:
		return use_direct(w);
	}
}

/* True when the fact is known; DNS_NO without D-Bus. */
static bool know(struct walk *w, enum dns_fact fact, const char *what, enum dns_fact *out)
{
	*out = w->f->no_bus ? DNS_NO : fact;
	if (*out != DNS_UNASKED)
		step(w, "%s: %s", what, yes_no(*out));
	return *out != DNS_UNASKED;
}

/* Debian's resolvconf explains in the comments that it writes what systemd-resolved is. */
static bool comments_name_resolvconf(struct span text)
{
	for (struct span line; next_whole_line(&text, &line);) {
		struct span rest = line, word = next_word(&rest);
		if (word.len && word.p[0] != '#')
			break;
		if (has(line, "resolvconf(8)"))
			return true;
	}
	return false;
}

/* False: *next is what is missing, or what follows without it. */
static bool know_nm_version(struct walk *w, enum dns_probe *next)
{
	const struct dns_facts *f = w->f;
	if (f->nm_version_known == DNS_YES) {
		step(w, "NetworkManager's version: %s", f->nm_version);
		return true;
	}
	*next = f->nm_version_known == DNS_UNASKED
		    ? DNS_PROBE_NM_VERSION
		    : fail(w, "NetworkManager's version", "it does not say");
	return false;
}

static enum dns_probe owner_resolved(struct walk *w)
{
	const struct dns_facts *f = w->f;
	enum dns_probe next;
	enum dns_fact fact;
	if (!uses_resolved(w))
		return comments_name_resolvconf(f->file.text) ? owner_resolvconf(w) : use_direct(w);
	if (!know(w, f->nm_ping, "NetworkManager answers on D-Bus", &fact))
		return DNS_PROBE_NM_PING;
	if (fact == DNS_NO)
		return use_resolved(w);
	if (!know(w, f->nm_mode_resolved, "NetworkManager uses systemd-resolved", &fact))
		return DNS_PROBE_NM_MODE;
	if (fact == DNS_NO)
		return use_resolved(w);
	if (!know_nm_version(w, &next))
		return next;
	return nm_must_be_told(f->nm_version) ? use(w, DNS_OS_NM) : use_resolved(w);
}

static enum dns_probe owner_nm(struct walk *w)
{
	const struct dns_facts *f = w->f;
	enum dns_probe next;
	enum dns_fact fact;
	if (!uses_resolved(w))
		return use_direct(w);
	if (!know(w, f->nm_ping, "NetworkManager answers on D-Bus", &fact))
		return DNS_PROBE_NM_PING;
	if (fact == DNS_NO)
		return use_resolved(w);
	if (!know_nm_version(w, &next))
		return next;
	if (nm_must_be_told(f->nm_version))
		return use(w, DNS_OS_NM);
	if (!know(w, f->nm_mode_resolved, "NetworkManager uses systemd-resolved", &fact))
		return DNS_PROBE_NM_MODE;
	if (fact == DNS_NO)
		return use_direct(w);
	warn(w, "%s",
	     "NetworkManager hands DNS to systemd-resolved and writes /etc/resolv.conf all the "
	     "same; type: ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; "
	     "systemctl restart NetworkManager");
	return use_resolved(w);
}

static enum dns_probe by_owner(struct walk *w)
{
	static const char *const names[] = { "nobody", "systemd-resolved", "NetworkManager",
					     "resolvconf" };
	enum dns_owner owner = dns_owner_scan(w->f->file.text);
	step(w, "resolv.conf says it belongs to: %s", names[owner]);
	switch (owner) {
	case DNS_OWNER_RESOLVED:
		return owner_resolved(w);
	case DNS_OWNER_NM:
		return owner_nm(w);
	case DNS_OWNER_RESOLVCONF:
		return owner_resolvconf(w);
	default:
		return use_direct(w);
	}
}

static enum dns_probe by_file(struct walk *w)
{
	const struct dns_file_facts *file = &w->f->file;
	if (file->foreign && file->foreign_alive) {
		warn(w,
		     "/etc/resolv.conf was written by %s, which runs here: it is left alone, and "
		     "the "
		     "tailnet's names do not resolve; stop %s, or type: meshctl set "
		     "--accept-dns=false",
		     file->foreign, file->foreign);
		return use(w, DNS_OS_NONE);
	}
	if (file->ours)
		step(w, "%s", "resolv.conf is ours: what counts is the file from before");
	if (file->foreign)
		step(w,
		     "resolv.conf was left by %s, which does not run: what counts is the file from "
		     "before",
		     file->foreign);
	switch (file->state) {
	case DNS_FILE_ABSENT:
		step(w, "%s", "there is no resolv.conf");
		return use_direct(w);
	case DNS_FILE_FAILED:
		return fail(w, "/etc/resolv.conf", file->error);
	default:
		return by_owner(w);
	}
}

enum dns_probe dns_detect(const struct dns_facts *f, struct dns_found *out)
{
	struct walk w = { .f = f, .out = out };
	*out = (struct dns_found){ 0 };
	if (f->no_bus) {
		step(&w, "D-Bus: no (%s)", f->no_bus);
	} else {
		if (f->resolved_ping == DNS_UNASKED)
			return DNS_PROBE_RESOLVED_PING;
		step(&w, "systemd-resolved answers on D-Bus: %s", yes_no(f->resolved_ping));
	}
	if (f->file.state == DNS_FILE_UNASKED)
		return DNS_PROBE_FILES;
	return by_file(&w);
}
