/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hands_serve.h"

#include "daemon/sandbox_parts.h"

#include <errno.h>
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
	sandbox_early();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	sandbox_capabilities(1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW, true);
}

static void be_hands(int fd, const void *arg)
{
	give_up_the_rest();
	hands_serve(fd, arg);
}

int hands_fork(const struct hands_opts *o, struct helper *out)
{
	struct hands_fw f;
	if (!hands_firewall_find(&f, o))
		return -ERR_NOENT;
	return helper_fork(SOCK_SEQPACKET, "meshd-hands", be_hands, o, out);
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
