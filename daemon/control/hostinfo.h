/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostinfo.h: what we tell the server about this machine, as plain values, and its JSON
 * (shared/spec/control.md 10). All members are omitted when empty. Pure. */
#ifndef DAEMON_CONTROL_HOSTINFO_H
#define DAEMON_CONTROL_HOSTINFO_H

#include "daemon/control/nm_node.h"

#define HOSTINFO_LATENCIES_MAX 512

struct netinfo_latency {
	int32_t region;
	bool v6;
	double seconds;
};

struct netinfo {
	enum j_tri mapping_varies_by_dest_ip;
	enum j_tri working_ipv6;
	enum j_tri os_has_ipv6;
	enum j_tri working_udp;
	enum j_tri working_icmpv4;
	enum j_tri upnp, pmp, pcp;
	bool have_port_map;
	int32_t preferred_derp;
	const char *link_type;
	const char *firewall_mode;
	const struct netinfo_latency *latencies; /* not compared by netinfo_differs */
	size_t n_latencies;
};

/* Strings may be NULL (omitted) and are borrowed by the builder. */
struct hostinfo {
	const char *ipn_version;
	const char *backend_log_id; /* 64 hex; official servers refuse to register without one */
	const char *os, *os_version;
	enum j_tri container;
	const char *distro, *distro_version, *distro_codename;
	enum j_tri desktop;
	const char *package;
	const char *hostname;
	bool shields_up;
	bool no_logs;
	const char *machine; /* uname -m */
	const char *go_arch; /* amd64, arm64 ...: the key official admin pages sort by */
	const struct prefix *routable_ips; /* sorted, unique */
	size_t n_routable_ips;
	const char *const *request_tags; /* sorted, unique */
	size_t n_request_tags;
	const struct nm_service *services;
	size_t n_services;
	const struct netinfo *netinfo; /* NULL: not known yet (a server then keeps the previous) */
	const char *const *ssh_host_keys;
	size_t n_ssh_host_keys;
	enum j_tri userspace, userspace_router, app_connector, state_encrypted;
	bool peer_relay;
	const char *exit_node_id;
};

json_t *hostinfo_to_json(const struct hostinfo *h); /* new */
json_t *netinfo_to_json(const struct netinfo *n);   /* new */
/* Is b worth an update after a? Latencies alone are not. */
bool netinfo_differs(const struct netinfo *a, const struct netinfo *b);
/* A tag as `up --advertise-tags` accepts it: tag:[a-zA-Z][a-zA-Z0-9-]* */
bool hostinfo_tag_ok(const char *tag);

#endif
