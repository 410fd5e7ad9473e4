/* SPDX-License-Identifier: GPL-2.0-or-later */
/* meshd: argv, start in order, stop in the mirrored order. Everything else is behind backend.h. */
#include "base/crypto/aead_batch.h"
#include "base/crypto/crypto.h"
#include "base/fs.h"
#include "base/httpd.h"
#include "base/log.h"
#include "daemon/engine/backend.h"
#include "daemon/engine/node.h"
#include "daemon/hands.h"
#include "daemon/localapi/server.h"
#include "daemon/options.h"
#include "daemon/osdns.h"
#include "daemon/sandbox.h"
#include "daemon/sd_notify.h"
#include "daemon/user.h"
#include "netstack/nft_linux.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
	struct options *o;
	int hands_fd, osdns_fd;
	struct loop *loop;
	struct net *net;
	struct backend *backend;
	struct api *api;
	struct loop_signal *sigterm, *sigint;
};

static void on_stop(void *arg, int signum)
{
	struct run *r = arg;
	log_info("meshd got signal %s; shutting down", signum == SIGTERM ? "SIGTERM" : "SIGINT");
	loop_stop(r->loop);
}

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "meshd: %s: %s\n", what, why);
	return 1;
}

static int cleanup_dns(const struct options *o)
{
	const struct osdns_opts oo = { .tun = o->tun };
	char text[OSDNS_TEXT_MAX];
	if (geteuid() != 0)
		return fail("the system's resolver is root's", "type: sudo meshd --cleanup-dns");
	if (osdns_cleanup(&oo, text) != 0)
		return fail("cannot put the system's resolver back", text);
	if (*text)
		fprintf(stderr, "meshd: %s\n", text);
	return 0;
}

static int cleanup(const struct options *o)
{
	int dns = geteuid() == 0 ? cleanup_dns(o) : 0;
	char *why = node_cleanup(o->tun, &o->routing);
	int rc = why ? fail("cannot remove all that an earlier run left", why) : 0;
	free(why);
	return rc ? rc : dns;
}

static int listen_socket(const struct options *o)
{
	int fd = httpd_listen_unix(o->socket);
	if (fd == -ERR_BUSY)
		fprintf(stderr,
			"meshd: %s: address already in use: another meshd runs; stop it or choose "
			"another --socket\n",
			o->socket);
	else if (fd < 0)
		fprintf(stderr, "meshd: %s: cannot listen: %s\n", o->socket, strerror(errno));
	return fd;
}

/* They must exist before Landlock closes the file system, and may have to be made as root. */
static int make_dirs(const struct options *o, const struct user *u)
{
	if (user_mkdir(u, o->socket_dir, 0755) != 0) {
		fprintf(stderr, "meshd: folder %s cannot be made: %s; choose another --socket\n",
			o->socket_dir, strerror(errno));
		return 1;
	}
	if (!o->state_dir || user_mkdir(u, o->state_dir, 0700) == 0)
		return 0;
	fprintf(stderr,
		"meshd: state directory %s cannot be made: %s; choose another with --statedir\n",
		o->state_dir, strerror(errno));
	return 1;
}

static int go_on_as(const struct options *o, const struct user *u)
{
	char why[USER_WHY_MAX];
	if (user_become(u, why) != 0) {
		fprintf(stderr, "meshd: --user=%s: %s\n", u->name, why);
		return 1;
	}
	if (!u->name || !o->state_dir || access(o->state_dir, W_OK | X_OK) == 0)
		return 0;
	fprintf(stderr, "meshd: state directory %s cannot be written by %s; type: chown %s %s\n",
		o->state_dir, u->name, u->name, o->state_dir);
	return 1;
}

/* What an earlier run left in the system's resolver goes first: nothing may be looked up before. */
static int fork_osdns(const struct options *o)
{
	const struct osdns_opts oo = { .tun = o->tun };
	char text[OSDNS_TEXT_MAX] = "";
	struct helper helper;
	int rc = osdns_cleanup(&oo, text);
	if (rc)
		log_error("dns: the system's resolver is not as it was: %s", text);
	else if (*text)
		log_info("dns: %s", text);
	rc = osdns_fork(&oo, &helper);
	if (rc && rc != -ERR_PERM)
		log_error("dns: the helper process cannot be started: %s", strerror(errno));
	return rc ? -1 : helper.fd;
}

/* Where there is no nftables, iptables is run by a helper, which must be there before the sandbox
 * closes. -1: none is needed, or none can be had. */
static int fork_hands(const struct options *o)
{
	struct router_report rep = { 0 };
	const struct hands_opts programs = { 0 };
	struct helper helper;
	struct nft *nft =
	    o->firewall == FIREWALL_IPTABLES ? NULL : nft_new(o->tun, &o->routing, &rep);
	nft_free(nft);
	if (nft || o->firewall == FIREWALL_NFTABLES)
		return -1;
	int rc = hands_fork(&programs, &helper);
	if (rc == 0) {
		nft_hand_over(&rep); /* an earlier run may have used it */
		return helper.fd;
	}
	if (o->firewall == FIREWALL_IPTABLES)
		log_error("TS_DEBUG_FIREWALL_MODE=iptables, but %s; using nftables",
			  rc == -ERR_NOENT ? "there is no iptables here: apt install iptables"
					   : "its helper cannot be started");
	return -1;
}

static void enter_sandbox(const struct options *o)
{
	if (!o->sandbox)
		return;
	struct sandbox_opts so = {
		.state_dir = o->state_dir,
		.runtime_dir = o->socket_dir,
		.ca_file = o->ca_file,
		.log_only = o->sandbox_log,
	};
	sandbox_enter(&so);
}

static struct backend *start_backend(struct run *r, char **why)
{
	struct net_opts no = { .fwmark = r->o->routing.fwmark_bypass, .ca_file = r->o->ca_file };
	r->net = net_new(r->loop, &no);
	if (!r->net) {
		*why = strdup("cannot set up networking");
		return NULL;
	}
	struct backend_opts bo = {
		.state_path = r->o->state,
		.state_dir = r->o->state_dir,
		.tun_name = r->o->tun,
		.port = r->o->port,
		.workers = r->o->workers,
		.no_offload = r->o->no_offload,
		.routing = r->o->routing,
		.hands_fd = r->hands_fd,
		.osdns_fd = r->osdns_fd,
		.dns_in_flight = r->o->dns_in_flight,
		.reduced = r->o->sandbox ? sandbox_missing() : NULL,
		.say = sd_notify_status,
	};
	return backend_new(r->net, &bo, why);
}

static void stop(struct run *r)
{
	sd_notify_stopping();
	loop_signal_free(r->sigterm);
	loop_signal_free(r->sigint);
	api_free(r->api);
	backend_free(r->backend);
	net_free(r->net);
	loop_free(r->loop);
	unlink(r->o->socket);
}

static int serve(struct run *r, int listen_fd)
{
	char *why = NULL;
	r->backend = start_backend(r, &why);
	if (!r->backend) {
		fail("cannot start", why);
		free(why);
		close(listen_fd);
		return 1;
	}
	r->api = api_new(r->loop, listen_fd, r->backend);
	if (!r->api)
		return fail("cannot serve", r->o->socket);
	r->sigterm = loop_signal_new(r->loop, SIGTERM, on_stop, r);
	r->sigint = loop_signal_new(r->loop, SIGINT, on_stop, r);
	log_info("meshd %s serving on %s", MESH_VERSION, r->o->socket);
	sd_notify_ready();
	loop_run(r->loop);
	return 0;
}

static int start(struct options *o)
{
	if (crypto_init() != 0 || aead_batch_init(o->aead) != 0)
		return fail("cryptography self-check failed", o->aead ? o->aead : "libsodium");
	if (!aead_batch_protects(aead_batch_name()))
		log_error(
		    "--aead=none: NOTHING IS ENCRYPTED OR AUTHENTICATED; for benchmarks only");
	mallopt(M_ARENA_MAX, 2);
	node_prepare();
	struct user user;
	char why[USER_WHY_MAX];
	if (user_find(o->user, &user, why) != 0) {
		fprintf(stderr, "meshd: --user=%s: %s\n", o->user, why);
		return 1;
	}
	if (make_dirs(o, &user) != 0)
		return 1;
	struct run r = { .o = o };
	r.osdns_fd = fork_osdns(o);
	r.hands_fd = fork_hands(o);
	/* As who it will be served: root may have no right to that folder. */
	int fd = go_on_as(o, &user) == 0 ? listen_socket(o) : -1;
	if (fd < 0)
		return 1;
	enter_sandbox(o);
	r.loop = loop_new();
	int rc = serve(&r, fd);
	stop(&r);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o;
	int done = options_parse(&o, argc, argv);
	if (done >= 0)
		return done;
	signal(SIGPIPE, SIG_IGN);
	sandbox_early();
	log_set_level(o.verbose >= 2 ? LOG_TRACE : o.verbose == 1 ? LOG_DEBUG : LOG_INFO);
	int rc = o.cleanup ? cleanup(&o) : o.cleanup_dns ? cleanup_dns(&o) : start(&o);
	options_fini(&o);
	return rc;
}
