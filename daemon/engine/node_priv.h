/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node_priv.h: the node's inside, shared by the node*.c files only. */
#ifndef DAEMON_ENGINE_NODE_PRIV_H
#define DAEMON_ENGINE_NODE_PRIV_H

#include "daemon/dataplane/threads_linux.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/node.h"
#include "daemon/engine/node_derp.h"
#include "daemon/engine/node_firewall.h"
#include "magicsock/derp_client.h"
#include "magicsock/netcheck_io.h"
#include "magicsock/udp_linux.h"
#include "netstack/linkmon_linux.h"
#include "netstack/router_rivals_linux.h"
#include "netstack/tun_linux.h"

enum rebind_step {
	REBIND_NONE,
	REBIND_CLOSING, /* the worker lets go of the old sockets */
	REBIND_OPENING, /* and takes the new ones */
};

struct node {
	struct net *net;
	struct loop *loop;
	const struct node_ops *ops;
	void *arg;
	uint16_t port;			     /* wanted now */
	uint16_t port_setting;		     /* of the options */
	uint32_t no_offload;		     /* set of base/offload.h that is switched off */
	uint32_t network_off;		     /* and that the map forbids */
	uint8_t offload_said[OFFLOAD_STEPS]; /* why each is off, as last told in the log */
	bool buffers_said;
	unsigned workers;

	struct tun tun;
	bool have_tun, tun_lost, tun_tuned;
	uint32_t tun_granted;  /* enum tun_step: what the kernel has and nobody switched off */
	bool tun_was_down;     /* though we had it up */
	struct router *router; /* NULL: no TUN */
	struct router_config led; /* what it was told last */
	struct node_led {
		struct ip to;
		bool in;
	} led_lately[8]; /* answers of node_in_tunnel */
	unsigned led_next;
	bool routed;	       /* rules are in, the link is up */
	bool settled;	       /* what an earlier run left is taken over, or away */
	bool guarded;	       /* an exit node is chosen: nothing may leave past it */
	struct loop_timer route_work, route_retry, route_check;
	struct router_rivals rivals;
	struct node_firewall *firewall; /* NULL: no TUN */
	struct router_params params;
	char router_problem[200];
	struct linkmon *linkmon;

	struct udp_socks socks;
	enum rebind_step rebind;
	bool rebind_again;
	bool other_port; /* the next sockets shall not keep the port of these */
	mono_t rebound_at;

	struct engine *engine;
	struct dp_exchange *exchange;
	struct dp_threads *threads;
	struct loop_wake *wake;
	struct loop_timer timer;  /* engine_deadline */
	struct loop_defer flush;  /* publish at the end of the turn */
	struct loop_defer change; /* tell the backend once a turn */

	bool have_key;
	bool up;    /* a map is applied */
	bool alone; /* and it has no peer */
	bool control_up;
	bool link_down; /* no interface has a usable address */
	struct derp_mgr *derp;
	struct derp_run derp_run;
	struct derp_map *derp_map; /* copy; NULL: none */
	int home;
	bool home_connected;
	mono_t home_since;
	struct map heard; /* region id -> mono_t of the last frame (heap) */

	struct netcheck *netcheck;
	bool netcheck_again;
	bool stun4_failed; /* the IPv4 socket could not send */
	struct endpoints *endpoints;
	struct loop_timer restun;
	struct list askers; /* of node_netcheck */

	mono_t dns_full_again; /* when the sender may be told next */
};

/* node_gather.c: netcheck, endpoints, home region */
void node_gather_init(struct node *n);
void node_gather_fini(struct node *n);
void node_gather(struct node *n); /* look at our addresses now */
void node_update_endpoints(struct node *n);
void node_set_home(struct node *n, int region);
mono_t node_heard(void *arg, int region);
void node_on_heard(void *arg, int region, mono_t now);

/* node_link.c: TUN, interfaces, sockets */
char *node_link_init(struct node *n, const struct node_opts *o); /* NULL or what went wrong (new) */
void node_link_fini(struct node *n);
void node_rebind(struct node *n);
/* What the network says about our port (randomize-client-port). */
void node_take_port(struct node *n, bool any);
void node_on_sockets_done(struct node *n);
void node_on_refused(struct node *n); /* packets, by the system */
void node_tell_interfaces(struct node *n);
void node_tell_network(struct node *n); /* to the relay connections: up or down */

/* node_routes.c: addresses, routes, rules, firewall */
char *node_routes_init(struct node *n, int hands_fd); /* NULL or what went wrong (new) */
void node_routes_fini(struct node *n);
void node_route(struct node *n); /* bring the system in line with the map */
/* Take all back. last: the daemon ends; then the leak guard stays if an exit node is in use. */
void node_unroute(struct node *n, bool last);
void node_mend_tun(struct node *n, const struct link_snapshot *s);
void node_check_routes(struct node *n);
void node_on_rules_lost(void *arg);
void node_on_routes_lost(void *arg);

/* node_offload.c */
unsigned node_offload_off(const struct node *n, enum offload_step step); /* enum offload_off */
void node_take_offload(struct node *n, const struct nm_node *self);	 /* what the map forbids */
void node_tune_tun(struct node *n);					 /* the link is up */
void node_on_offload(struct node *n); /* a step may have come or gone: tell the log */
void node_say_start(const struct node *n);
void node_say_buffers(struct node *n); /* once, if they are small */

/* node.c */
void node_changed(struct node *n);

#endif
