/* SPDX-License-Identifier: GPL-2.0-or-later */
/* os.h: one way of telling the system's resolver, one file each (shared/spec/dns.md 5.4-5.7). They
 * run in the helper process of daemon/osdns.h: root without capabilities, on a loop of its own,
 * where a call may block, but no longer than DNS_OS_SLOW_MS in all. Thread: that loop's. */
#ifndef DNS_OS_H
#define DNS_OS_H

#include "base/loop.h"
#include "dns/os_config.h"

#define DNS_OS_TEXT_MAX 512
#define DNS_OS_SLOW_MS 15000

enum dns_os_event {
	DNS_OS_EV_CHANGED,  /* report or base say something else now */
	DNS_OS_EV_MENDED,   /* what the last set could not do, or had been lost since, is done now */
	DNS_OS_EV_REDETECT, /* this may be the wrong way by now: look at the host again */
};

/* Where and for whom. Borrowed for the manager's life. */
struct dns_os_env {
	struct loop *loop;    /* NULL in a cleanup */
	const char *etc;      /* "/etc"; this and the next are elsewhere in tests */
	const char *run;      /* "/run" */
	const char *programs; /* directories as run_find has them */
	const char *bus;      /* address of the system bus; NULL: as usual */
	const char *tun;
	/* Something happened by itself. Never called from within a call of the manager. */
	void (*on_event)(void *arg, enum dns_os_event e);
	void *arg;
	void (*step)(const char *what); /* tests: something is seen on the disk; else NULL */
	int fight_ms; /* tests: first pause before a file is taken back again; 0: 5 s */
};

/* One line each for a person, printable, "" if there is nothing to say. */
struct dns_os_report {
	char overwritten_by[DNS_OS_TEXT_MAX]; /* health resolv-conf-overwritten: who, and what it means */
	char warning[DNS_OS_TEXT_MAX];	      /* health dns-manager */
};

struct dns_os;

struct dns_os_ops {
	enum dns_os_mode mode;
	/* Make it so; the empty configuration puts back what was before. What is about to change is
	 * on disk first where it outlives the interface. text: what is wrong, "" if nothing.
	 * 0, -ERR_PERM, -ERR_TIMEOUT, -ERR_IO, -ERR_STATE (stepped aside, text says for whom). */
	int (*set)(struct dns_os *m, const struct dns_os_config *c, char text[static DNS_OS_TEXT_MAX]);
	/* What the system would use without us, our service addresses taken out. out: zeroed.
	 * 0, or an error; NULL: cannot be read in this way. */
	int (*base)(struct dns_os *m, struct dns_os_config *out);
	/* Resolves only some suffixes through us, if told so. NULL: no. */
	bool (*can_split)(struct dns_os *m);
	/* The network changed or the machine slept: is what was set still there? Again if not. */
	void (*recheck)(struct dns_os *m);
	void (*report)(const struct dns_os *m, struct dns_os_report *out); /* NULL: nothing, ever */
	/* Puts all back and frees m. */
	void (*close)(struct dns_os *m);
};

/* First member of each manager's own struct. */
struct dns_os {
	const struct dns_os_ops *ops;
};

/* New; NULL when it cannot work here. */
struct dns_os *dns_os_direct_new(const struct dns_os_env *e);
struct dns_os *dns_os_resolvconf_new(const struct dns_os_env *e); /* Debian's */
struct dns_os *dns_os_openresolv_new(const struct dns_os_env *e);
struct dns_os *dns_os_resolved_new(const struct dns_os_env *e);
struct dns_os *dns_os_nm_new(const struct dns_os_env *e);

/* Put back what a run left that was killed; looks for traces itself, none is fine. 0 or -ERR_*;
 * text: what was done or went wrong, "" if nothing. */
int dns_os_direct_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX]);
int dns_os_resolvconf_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX]);
int dns_os_openresolv_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX]);
int dns_os_resolved_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX]);
int dns_os_nm_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX]);

#endif
