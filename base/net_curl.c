/* SPDX-License-Identifier: GPL-2.0-or-later */
/* curl_multi_socket_all has no heir for what it is needed for here. */
#define CURL_DISABLE_DEPRECATION
#include "base/net_curl.h"

#include <stdlib.h>

struct curl_pump {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	struct loop_defer next_address;
	curl_pump_fn *fn;
	void *arg;
	bool busy; /* in fn: the memory stays until it returns */
	bool freed;
};

/* One socket that libcurl wants watched. */
struct curl_watch {
	struct loop_fd fd;
	struct curl_pump *pump;
};

static void report_done(struct curl_pump *p)
{
	struct CURLMsg *m;
	int left;

	p->busy = true;
	while (!p->freed && (m = curl_multi_info_read(p->multi, &left))) {
		CURL *easy = m->easy_handle;
		CURLcode code = m->data.result;

		if (m->msg == CURLMSG_DONE)
			p->fn(p->arg, easy, code);
	}
	p->busy = false;
	if (p->freed)
		free(p);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct curl_pump *p = t->arg;
	int running;

	(void)now;
	curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	report_done(p);
}

static void on_socket(struct loop_fd *fd, int events)
{
	struct curl_watch *w = fd->arg;
	struct curl_pump *p = w->pump;
	int mask = (events & LOOP_READ ? CURL_CSELECT_IN : 0) |
		   (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	/* may remove and free w */
	curl_multi_socket_action(p->multi, fd->fd, mask, &running);
	report_done(p);
}

/* When an address does not answer, libcurl 7.88 makes ready for the next one and does not begin
 * before it is called again, for which it sets no timer. */
static void on_next_address(struct loop_defer *d)
{
	struct curl_pump *p = d->arg;
	int running;

	curl_multi_socket_all(p->multi, &running);
	report_done(p);
}

static void unwatch(struct curl_pump *p, curl_socket_t s, struct curl_watch *w)
{
	if (!w)
		return;
	loop_fd_stop(&w->fd);
	free(w);
	curl_multi_assign(p->multi, s, NULL);
}

static int watch_cb(CURL *easy, curl_socket_t s, int what, void *arg, void *socket_arg)
{
	struct curl_pump *p = arg;
	struct curl_watch *w = socket_arg;
	int events =
	    (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		unwatch(p, s, w);
		loop_defer_arm(&p->next_address);
		return 0;
	}
	if (!w) {
		w = xcalloc(1, sizeof(*w));
		w->pump = p;
		curl_multi_assign(p->multi, s, w);
	}
	return loop_fd_start(p->loop, &w->fd, s, events, on_socket, w) < 0 ? -1 : 0;
}

static int timer_cb(CURLM *multi, long ms, void *arg)
{
	struct curl_pump *p = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_cancel(&p->timer);
	else
		loop_timer_arm_ms(&p->timer, ms);
	return 0;
}

struct curl_pump *curl_pump_new(struct loop *l, curl_pump_fn *fn, void *arg)
{
	static bool ready; /* not at start: it costs memory that a node without TLS never needs */
	struct curl_pump *p;

	if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	ready = true;
	p = xcalloc(1, sizeof(*p));
	p->multi = curl_multi_init();
	if (!p->multi) {
		free(p);
		return NULL;
	}
	p->loop = l;
	p->fn = fn;
	p->arg = arg;
	loop_timer_init(l, &p->timer, on_timer, p);
	loop_defer_init(l, &p->next_address, on_next_address, p);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, watch_cb);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, timer_cb);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
	return p;
}

void curl_pump_free(struct curl_pump *p)
{
	if (!p)
		return;
	curl_multi_cleanup(p->multi);
	loop_timer_cancel(&p->timer); /* after the clean-up, which may set these */
	loop_defer_cancel(&p->next_address);
	p->freed = true;
	if (!p->busy)
		free(p);
}

CURLM *curl_pump_multi(struct curl_pump *p)
{
	return p->multi;
}
