/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hands.h: a helper process that runs iptables for the daemon, which must never be able to run a
 * program itself (sandbox.h). spec/security.md 3.2, option C.
 *
 * The helper is forked before the sandbox closes and before any thread starts. It gets typed
 * requests over a socketpair, checks every field again, writes the rules itself
 * (netstack/iptables.h) and runs nothing but {ip,ip6}tables-{save,restore} of a fixed list of
 * directories, without a shell, with an empty environment and a time limit. It keeps no_new_privs,
 * CAP_NET_ADMIN and, if it had it, CAP_NET_RAW: enough for iptables-nft, whoever the user is;
 * iptables-legacy needs both and root, who owns its lock file. It ends when the daemon does,
 * however that happens, and leaves the firewall as it is. It ignores SIGTERM, SIGINT and SIGHUP: a
 * service manager sends them to all processes of the service, and the daemon may still need it at
 * stop.
 *
 * Order in main: hands_fork, enter_sandbox, loop_new, hands_new; at stop hands_firewall_down (or
 * nothing, to leave the rules) and hands_finish, hands_free. The next run's first apply takes over
 * what is there; hands_cleanup removes it. */
#ifndef DAEMON_HANDS_H
#define DAEMON_HANDS_H

#include "base/loop.h"
#include "daemon/helper.h"
#include "netstack/firewall.h"

/* Longest text of a result, with its NUL. */
#define HANDS_TEXT_MAX 512

struct hands_opts {
	const char *path; /* absolute directories, colon between; NULL:
			     /usr/sbin:/sbin:/usr/bin:/bin. Anything else is for tests. */
	int program_ms;	  /* a program may run as long; 0: 10 s (iptables waits 5 s for its lock) */
};

/* ---- before the sandbox, without threads ---- */

/* Remove all that an earlier run left in iptables: our chains and the jumps to them, both families.
 * Blocks for two short programs if there is nothing to remove. Chains are found by name: interface
 * and marks do not matter. text: what went wrong, with the program's own words; "" if nothing did.
 * 0 also without iptables; else -ERR_IO, -ERR_TIMEOUT, -ERR_PERM. */
int hands_cleanup(const struct hands_opts *o, char text[static HANDS_TEXT_MAX]);
/* 0, -ERR_NOENT (no iptables here; nothing was forked), -ERR_IO. o is not needed afterwards. Sets
 * SIGCHLD to ignored in this process: the sandbox cannot wait for a child. */
MUST_CHECK int hands_fork(const struct hands_opts *o, struct helper *out);

/* ---- afterwards, on the control thread ---- */

struct hands;

/* End of one request; called from the loop (or from hands_finish), never from within the request.
 *   rc    0; -ERR_STATE: replaced by a newer request, or (check) the last apply failed or none was;
 *         -ERR_NOENT: check found rules missing or changed; -ERR_RANGE: refused by the helper;
 *         -ERR_PERM, -ERR_TIMEOUT, -ERR_IO: a program failed; -ERR_UNSUPPORTED: no iptables filter
 *         in this kernel; -ERR_CLOSED: the helper is gone
 *   text  one line for a person, "" if there is nothing to say; with rc 0 what was left out (a
 *         table that the kernel lacks) or widened (the guard). Borrowed for the call. */
typedef void hands_done_fn(void *arg, int rc, const char *text);

/* fd: taken. New. */
struct hands *hands_new(struct loop *l, int fd);
/* Closes the socket, upon which the helper ends. Requests under way are forgotten, their done is
 * not called. NULL is fine. */
void hands_free(struct hands *h);

/* Make the rules so. One request is under way at most, and one waits; a newer apply or down
 * replaces the one that waits (its done gets -ERR_STATE). done is called once for each. All
 * arguments are copied. Mode off is hands_firewall_down. A name that iptables cannot take
 * (ipt_ifname_ok) is refused with -ERR_RANGE through done. */
void hands_firewall_apply(struct hands *h, const char *tun, const struct router_params *params,
			  const struct fw_config *cfg, hands_done_fn *done, void *arg);
/* Remove our rules, chains and jumps. */
void hands_firewall_down(struct hands *h, hands_done_fn *done, void *arg);
/* Is what was applied last still there, all of it and in order? Returns -ERR_BUSY without a call of
 * done when a request is under way or waits: that one will see to it. */
MUST_CHECK int hands_firewall_check(struct hands *h, hands_done_fn *done, void *arg);

/* At stop, outside the loop: block until all that was asked for has ended, at most timeout_ms.
 * 0, -ERR_TIMEOUT, -ERR_CLOSED. */
int hands_finish(struct hands *h, int timeout_ms);

#endif
