/* SPDX-License-Identifier: GPL-2.0-or-later */
/* osdns.h: the system's resolver, through a helper process that alone may write in /etc, run
 * resolvconf and speak D-Bus (shared/spec/dns.md 5, security.md 3.2). The daemon's side.
 *
 * The helper is forked before the sandbox closes and keeps root and no capability. It gets few
 * typed requests over a socketpair, checks each again, and takes no path from anybody. It knows how
 * this host resolves (and looks again when that changes), writes down what it is about to change
 * before it changes it, and puts it back on request, when the daemon is gone, however that
 * happened, and at the next start. Thread: control. */
#ifndef DAEMON_OSDNS_H
#define DAEMON_OSDNS_H

#include "base/loop.h"
#include "daemon/helper.h"
#include "dns/os_config.h"

#define OSDNS_TEXT_MAX 1024

/* Anything but tun is for tests; NULL: as usual. */
struct osdns_opts {
	const char *tun;
	const char *etc;      /* /etc; the journal is kept there, too, beside what it tells of */
	const char *run;      /* /run */
	const char *programs; /* /usr/sbin:/sbin:/usr/bin:/bin */
	const char *bus;      /* address of the system bus */
};

/* ---- before the sandbox, without threads ---- */
/* Put back what an earlier run left changed: every manager that shows traces of us, not only the
 * one in use now. 0 also if there was nothing; text: what was done, or what went wrong and what to
 * type, "" if nothing. Blocks for seconds at most. */
int osdns_cleanup(const struct osdns_opts *o, char text[static OSDNS_TEXT_MAX]);
/* 0, -ERR_PERM: we are not root, there is no helper; -ERR_IO. */
MUST_CHECK int osdns_fork(const struct osdns_opts *o, struct helper *out);

/* ---- afterwards, on the control thread ---- */
struct osdns;

/* What the helper last said. Strings are borrowed until the next on_change. */
struct osdns_status {
	bool known; /* false: it has not spoken yet */
	enum dns_os_mode mode;
	bool split;		    /* can resolve only some suffixes through us */
	bool has_base;		    /* base is readable in this mode ... */
	bool base_failed;	    /* ... but was not when it was last looked at */
	struct dns_os_config base;  /* what the system would use without us */
	const char *trace;	    /* how the mode was found, one line a step */
	int set_rc;		    /* of the last osdns_set; 0 or -ERR_* */
	const char *set_text;	    /* what is wrong with it, "" if nothing */
	const char *overwritten_by; /* who fights about the file (text for a warning), "" nobody */
	const char *warning;	    /* other things a person should know (health dns-manager), "" */
};
struct osdns_ops {
	void (*on_change)(void *arg); /* osdns_status says something else now */
};

/* fd: taken; -1: no helper, mode is DNS_OS_NONE. New. */
struct osdns *osdns_new(struct loop *l, int fd, const struct osdns_ops *ops, void *arg);
/* Closes the socket, upon which the helper puts all back and ends. Waits for that at most
 * timeout_ms. NULL is fine. */
void osdns_free(struct osdns *o, int timeout_ms);
const struct osdns_status *osdns_status(const struct osdns *o);
/* Make it so; empty: put back what was before. The newest wins. Ends with on_change. */
void osdns_set(struct osdns *o, const struct dns_os_config *c);
/* The network changed, or the machine slept: look at the base and at what is installed again. */
void osdns_recheck(struct osdns *o);

#endif
