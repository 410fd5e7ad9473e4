/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before the sandbox closes: what an earlier run left is put back, and the helper is forked. */
#include "base/alloc.h"
#include "base/log.h"
#include "daemon/osdns_serve.h"
#include "daemon/sandbox_parts.h"
#include "dns/os_elsewhere_io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The helper of a daemon that has just ended may still be putting things back. */
#define LOCK_WAIT_MS 3000
#define LOCK_TRY_MS 50

/* ---- one meshd has the resolver ------------------------------------------------------- */

enum { LOCK_HELD_BY_ANOTHER = -1, LOCK_NONE = -2 };

/* A descriptor, or why there is none. peer: waiting ends when it closes; -1: nobody's. */
static int lock_resolver(const char *run, int wait_ms, int peer)
{
	char *path = xasprintf("%s/meshd-dns.lock", run);
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	free(path);
	if (fd < 0)
		return LOCK_NONE;
	for (int ms = 0;; ms += LOCK_TRY_MS) {
		struct pollfd p = { .fd = peer, .events = POLLRDHUP };
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		if (errno != EWOULDBLOCK || ms >= wait_ms || poll(&p, 1, LOCK_TRY_MS) > 0)
			break;
	}
	close(fd);
	return LOCK_HELD_BY_ANOTHER;
}

static bool is_elsewhere(const struct osdns_opts *o)
{
	return !o->etc && dns_os_is_elsewhere("/etc");
}

/* ---- clean-up ------------------------------------------------------------------------- */

static int clean_all(const struct dns_os_env *e, char text[static OSDNS_TEXT_MAX])
{
	static int (*const cleanups[])(const struct dns_os_env *,
				       char text[static DNS_OS_TEXT_MAX]) = {
		dns_os_direct_cleanup,	 dns_os_resolvconf_cleanup, dns_os_openresolv_cleanup,
		dns_os_resolved_cleanup, dns_os_nm_cleanup,
	};
	int rc = 0;
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(cleanups); i++) {
		char one[DNS_OS_TEXT_MAX] = "";
		int failed = cleanups[i](e, one);
		rc = rc ? rc : failed;
		if (one[0] && n + 3 < OSDNS_TEXT_MAX)
			n += (size_t)snprintf(text + n, OSDNS_TEXT_MAX - n, "%s%s", n ? "; " : "",
					      one);
	}
	return rc;
}

int osdns_cleanup(const struct osdns_opts *o, char text[static OSDNS_TEXT_MAX])
{
	struct dns_os_env e;
	osdns_env(o, &e);
	text[0] = '\0';
	if (geteuid() != 0 || is_elsewhere(o))
		return 0;
	int lock = lock_resolver(e.run, LOCK_WAIT_MS, -1);
	if (lock == LOCK_HELD_BY_ANOTHER) {
		snprintf(text, OSDNS_TEXT_MAX,
			 "another meshd runs here and has the system's resolver: it is left alone");
		return 0;
	}
	mode_t mask = umask(022); /* for the programs that are run */
	signal(SIGCHLD, SIG_DFL); /* or there is no status to wait for */
	int rc = clean_all(&e, text);
	umask(mask);
	if (lock >= 0)
		close(lock);
	return rc;
}

/* ---- the helper ----------------------------------------------------------------------- */

/* What it does it may do as root, who owns /etc; no capability is needed. */
static void give_up_the_rest(const struct dns_os_env *e)
{
	const char *const writable[] = { e->etc, e->run, "/var", "/tmp", "/dev" };
	sandbox_early();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (sandbox_capabilities(0, false) != 0)
		log_warn("dns: the helper keeps its capabilities: %s", strerror(errno));
	if (sandbox_landlock_writable(writable, ARRAY_LEN(writable)) != 0)
		log_debug("dns: the helper runs without Landlock: %s", strerror(errno));
	umask(022); /* what resolvconf writes is read by all */
}

/* True when the resolver is this helper's. One that is slow to put things back may have kept main
 * from cleaning up. */
static bool take_resolver(const struct dns_os_env *e, int peer)
{
	char text[OSDNS_TEXT_MAX] = "";
	if (lock_resolver(e->run, 0, -1) != LOCK_HELD_BY_ANOTHER)
		return true;
	if (lock_resolver(e->run, 2 * DNS_OS_SLOW_MS, peer) == LOCK_HELD_BY_ANOTHER)
		return false;
	if (clean_all(e, text) != 0 || *text)
		log_info("dns: %s", text);
	return true;
}

static void be_osdns(int fd, const void *arg)
{
	const struct osdns_opts *o = arg;
	struct dns_os_env e;
	osdns_env(o, &e);
	give_up_the_rest(&e);
	const char *not_ours = NULL;
	if (is_elsewhere(o))
		not_ours =
		    "this network namespace has no resolver of its own to be told: names of the "
		    "mesh resolve where there is a file /etc/netns/NAME/resolv.conf";
	else if (!take_resolver(&e, fd))
		not_ours =
		    "another meshd runs here and has the system's resolver: names of this one's "
		    "mesh do not resolve by themselves";
	osdns_serve(fd, o, not_ours);
}

int osdns_fork(const struct osdns_opts *o, struct helper *out)
{
	if (geteuid() != 0)
		return -ERR_PERM;
	return helper_fork(SOCK_STREAM, "meshd-dns", be_osdns, o, out);
}
