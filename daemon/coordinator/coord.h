/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coord.h: the running coordinator: state, policy, and who is connected. The pure parts know
 * nothing of it; the parts that touch connections share it. Thread: the loop's. */
#ifndef COORDINATOR_COORD_H
#define COORDINATOR_COORD_H

#include "base/loop.h"
#include "daemon/coordinator/dns_conf.h"
#include "daemon/coordinator/faults.h"
#include "daemon/coordinator/mapstream.h"
#include "daemon/coordinator/register.h"
#include "daemon/coordinator/registry_file.h"
#include "daemon/coordinator/store_io.h"

struct relay_server;

struct coord_conf {
	char *url;     /* without trailing '/' */
	char *host;    /* of url */
	uint16_t port; /* of url, what clients dial */
	char *base_domain;
	char *state_dir;
	char *policy_file; /* NULL: the policy of the state file */
	char *dns_file;	   /* NULL: the DNS settings of the state file */
	struct ep listen;
	struct ep stun;		  /* unset: off */
	char *tls_cert, *tls_key; /* NULL: self-signed */
};

struct coord {
	struct loop *loop;
	struct rng *rng;
	const struct coord_conf *conf;
	struct coord_state st;
	struct policy *policy; /* NULL: allow all */
	struct logins logins;
	struct store *store;
	uint64_t news; /* newest change of the store that clients are told of */
	json_t *derp_map;
	json_t *dns;	      /* DNSConfig of the settings */
	json_t *dns_override; /* a fault command's; NULL: none */
	json_t *filter_override;
	struct faults faults;
	struct relay_server *relay;
	struct list fronts; /* outer HTTP connections */
	struct list conns;  /* ts2021 connections */
	size_t n_fronts, n_conns;
	struct list map_sessions; /* open map streams */
	struct list reg_waits;	  /* register requests held until a login is decided */
	struct list pings;	  /* pings and c2n requests waiting for an answer */
	struct loop_timer flush;  /* gathers changes before they are told */
	struct store_wait told;	  /* messages that wait for the disk */
	struct loop_timer reaper;
};

/* Fields up to faults are set by the caller (serve.c); this starts timers and change tracking. */
void coord_start(struct coord *c);
void coord_stop(struct coord *c);

struct map_world coord_world(const struct coord *c);
struct register_env coord_env(struct coord *c);
/* After a report or a join: approve what the policy approves by itself. */
void coord_auto_approve(struct coord *c, struct node *n);
/* Replace the policy (taken; NULL: allow all) and tell everybody. text is kept in the state. */
void coord_set_policy(struct coord *c, struct policy *p, const char *text);
/* The same for names: dns is taken, text (borrowed) kept in the state. */
void coord_set_dns(struct coord *c, json_t *dns, const char *text);
void coord_override_dns(struct coord *c, json_t *dns); /* taken; NULL: the settings again */
void coord_note_caps(struct coord *c, struct node *n); /* n->caps changed */
/* Something about what clients are sent changed: flush soon. */
void coord_flush_soon(struct coord *c);
/* What a message made now says is not on disk yet: map_sessions_stored follows. */
void coord_await_disk(struct coord *c);
/* Remove a node and end what it has open. */
void coord_remove_node(struct coord *c, struct node *n);

#endif
