/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wait: for scripts that bind to the address of the mesh. */
#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/verbs.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>

#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 2000
#define STATE_RUNNING 6

struct waiter {
	struct cli *c;
	mono_t deadline;
};

static bool late(const struct waiter *w)
{
	return mono_due(w->deadline, mono_now());
}

static int out_of_time(const struct waiter *w)
{
	return cli_fail(w->c, "context deadline exceeded");
}

static void pause_for(const struct waiter *w, int64_t *ms)
{
	cli_sleep_ms(w->c, *ms);
	*ms = *ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : *ms * 2;
}

static int wait_for_daemon(struct waiter *w)
{
	int64_t ms = PAUSE_MIN_MS;
	for (;;) {
		char *why = NULL;
		json_t *status = lapi_status(w->c, false, false, &why);
		j_free(status);
		free(why);
		if (status)
			return CLI_OK;
		if (late(w))
			return out_of_time(w);
		pause_for(w, &ms);
	}
}

/* New; NULL if the daemon does not say. */
static char *first_ip(struct cli *c, bool *tun)
{
	char *why = NULL;
	json_t *status = lapi_status(c, false, false, &why);
	const char *ip = j_text(j_at(j_get(status, "TailscaleIPs"), 0));
	char *copy = ip ? xstrdup(ip) : NULL;
	*tun = j_bool(status, "TUN", true);
	j_free(status);
	free(why);
	return copy;
}

static int wait_for_running(struct waiter *w)
{
	char *why = NULL;
	struct lapi_stream *bus = lapi_stream_open(w->c, LAPI "watch-ipn-bus?mask=2", &why);
	int rc = -1;
	if (!bus)
		return cli_fail_why(w->c, why);
	while (rc < 0) {
		struct lapi_error e;
		json_t *m = lapi_stream_next(bus, w->deadline, &e);
		if (!m) {
			rc = cli_fail_why(w->c, e.text);
			break;
		}
		if (j_int(m, "State", -1) == STATE_RUNNING) {
			bool tun;
			char *ip = first_ip(w->c, &tun);
			rc = ip ? CLI_OK : -1;
			free(ip);
		}
		j_free(m);
	}
	lapi_stream_free(bus);
	return rc;
}

static struct ip sockaddr_ip(const struct sockaddr *a)
{
	if (a && a->sa_family == AF_INET)
		return ip_from_bytes(
		    span_of(&((const struct sockaddr_in *)(const void *)a)->sin_addr, 4));
	if (a && a->sa_family == AF_INET6)
		return ip_from_bytes(
		    span_of(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16));
	return (struct ip){ 0 };
}

static bool interface_has(struct ip want)
{
	struct ifaddrs *list = NULL;
	bool found = false;
	if (getifaddrs(&list))
		return false;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next)
		found = ip_eq(sockaddr_ip(i->ifa_addr), want);
	freeifaddrs(list);
	return found;
}

static int wait_for_interface(struct waiter *w)
{
	bool tun;
	struct ip ip;
	int64_t ms = PAUSE_MIN_MS;
	char *text = first_ip(w->c, &tun);
	int bad = text ? ip_decode(span_str(text), &ip) : -1;
	free(text);
	if (bad)
		return cli_fail(w->c, "the daemon has no address any more");
	while (tun && !interface_has(ip)) {
		if (late(w))
			return out_of_time(w);
		pause_for(w, &ms);
	}
	return CLI_OK;
}

int cmd_wait(struct cli *c, int argc, char **argv)
{
	int64_t timeout = 0;
	struct flag flags[] = {
		FLAG_SHOWN(DURATION, "timeout", &timeout, "0s",
			   "how long to wait before giving up (0 means wait indefinitely)"),
	};
	struct flag_set set = { .command = CLI_PROG " wait",
				.summary =
				    "Wait for Tailscale interface/IPs to be ready for binding",
				.args = "",
				FLAGS(flags),
				.words = WORDS_ANY };
	int code;
	if (!cli_parse(c, &set, &argc, &argv, &code))
		return code;
	if (argc)
		return cli_fail(c, "unexpected arguments: [\"%s\"]", argv[0]);
	struct waiter w = { .c = c,
			    .deadline = timeout ? mono_add_ns(mono_now(), timeout / c->hurry)
						: MONO_NEVER };
	if ((code = wait_for_daemon(&w)) || (code = wait_for_running(&w)))
		return code;
	return wait_for_interface(&w);
}
