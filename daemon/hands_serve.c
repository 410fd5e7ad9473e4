/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hands_serve.h"

#include "daemon/sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- requests ---- */

static int act(struct hands_fw *f, const struct hands_request *r, char text[static HANDS_TEXT_MAX])
{
	switch (r->verb) {
	case HANDS_FW_APPLY: {
		struct ipt_want w = { .tun = r->tun, .params = &r->params, .cfg = &r->cfg };
		return hands_firewall_do_apply(f, &w, text);
	}
	case HANDS_FW_DOWN:
		return hands_firewall_do_down(f, text);
	case HANDS_FW_CHECK:
		return hands_firewall_do_check(f, text);
	}
	return -ERR_TYPE;
}

size_t hands_answer(struct hands_fw *f, struct span request, struct mspan reply)
{
	struct hands_request r;
	struct hands_reply out = { 0 };
	int rc = hands_request_parse(request, &r);
	out.id = r.id;
	out.rc = rc ? rc : act(f, &r, out.text);
	hands_request_fini(&r);
	return hands_reply_build(&out, reply);
}

static bool other_side_closed(void *arg)
{
	struct pollfd p = { .fd = *(const int *)arg };
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

void hands_serve(int fd, const struct hands_opts *o)
{
	static uint8_t
	    request[HANDS_REQUEST_MAX + 1]; /* one more: a longer one is not cut to fit */
	static uint8_t reply[HANDS_REPLY_MAX];
	struct hands_fw f;
	hands_firewall_find(&f, o);
	f.gone = other_side_closed;
	f.gone_arg = &fd;
	for (;;) {
		ssize_t n = recv(fd, request, sizeof(request), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		size_t len =
		    hands_answer(&f, span_of(request, (size_t)n), mspan_of(reply, sizeof(reply)));
		if (send(fd, reply, len, MSG_NOSIGNAL) < 0)
			return;
	}
}

/* ---- the process ---- */

static void give_up_the_rest(void)
{
	prctl(PR_SET_NAME, "meshd-hands");
	sandbox_early();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	sandbox_capabilities(1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW, true);
}

/* Whoever stops the service tells all of its processes; we go when the daemon has gone. */
static void heed_no_signals(void)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

/* Nothing open but standard error and the socket, which becomes 3. Nobody should wait for the end
 * of a stream because we have it, too. */
static int keep_one_socket(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	if (fd != 3 && dup3(fd, 3, O_CLOEXEC) != 3)
		return fd;
	if (close_range(4, ~0u, 0) != 0)
		for (int i = 4; i < 4096; i++)
			close(i);
	return 3;
}

static void be_hands(int fd, const struct hands_opts *o)
{
	heed_no_signals();
	give_up_the_rest();
	hands_serve(keep_one_socket(fd), o);
	_exit(0);
}

int hands_fork(const struct hands_opts *o, struct hands_proc *out)
{
	struct hands_fw f;
	int sv[2];
	if (!hands_firewall_find(&f, o))
		return -ERR_NOENT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) != 0)
		return -ERR_IO;
	out->pid = fork();
	if (out->pid == 0) {
		close(sv[0]);
		be_hands(sv[1], o);
	}
	close(sv[1]);
	if (out->pid < 0 || fcntl(sv[0], F_SETFL, O_NONBLOCK) != 0) {
		close(sv[0]);
		return -ERR_IO;
	}
	signal(SIGCHLD, SIG_IGN);
	out->fd = sv[0];
	return 0;
}

int hands_cleanup(const struct hands_opts *o, char text[static HANDS_TEXT_MAX])
{
	struct hands_fw f;
	text[0] = '\0';
	if (!hands_firewall_find(&f, o))
		return 0;
	signal(SIGCHLD, SIG_DFL); /* or there is no status to wait for */
	return hands_firewall_do_down(&f, text);
}
