/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet path's user metrics as dashboards know them (shared/spec/cli-localapi.md 9): sorted by
 * name, samples by label. */
#include "daemon/dataplane/worker.h"
#include "daemon/engine/node.h"

#include <inttypes.h>

static void head(struct buf *out, const char *name, const char *help)
{
	buf_fmt(out, "# TYPE %s counter\n# HELP %s %s\n", name, name, help);
}

static void sample(struct buf *out, const char *name, const char *label, const char *value,
		   uint64_t v)
{
	buf_fmt(out, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, v);
}

/* There are no peer relays in this version; the reference always prints their lines. */
static void by_path(struct buf *out, const char *name, const char *help,
		    const uint64_t v[static DP_PATH_KINDS])
{
	head(out, name, help);
	sample(out, name, "path", "derp", v[DP_RELAY]);
	sample(out, name, "path", "direct_ipv4", v[DP_DIRECT4]);
	sample(out, name, "path", "direct_ipv6", v[DP_DIRECT6]);
	sample(out, name, "path", "peer_relay_ipv4", 0);
	sample(out, name, "path", "peer_relay_ipv6", 0);
}

/* A reason shows from its first packet on; `always` from the start. */
static void by_reason(struct buf *out, const char *name, const char *help,
		      const uint64_t v[static DP_DROP_KINDS], enum dp_drop always)
{
	static const char *const reason[DP_DROP_KINDS] = {
		[DP_DROP_ACL] = "acl",
		[DP_DROP_ERROR] = "error",
		[DP_DROP_FOREIGN_ERROR] = "foreign_icmp_error",
		[DP_DROP_LINK_LOCAL] = "link_local_unicast",
		[DP_DROP_MULTICAST] = "multicast",
		[DP_DROP_TOO_SHORT] = "too_short",
		[DP_DROP_UNKNOWN_PROTO] = "unknown_protocol",
		[DP_DROP_WITHDRAWN] = "withdrawn",
	};
	head(out, name, help);
	for (unsigned k = 0; k < DP_DROP_KINDS; k++)
		if (v[k] || k == always)
			sample(out, name, "reason", reason[k], v[k]);
}

void node_usermetrics(struct buf *out)
{
	struct dp_traffic t;
	dp_traffic_get(&t);
	by_path(out, "tailscaled_inbound_bytes_total",
		"Counts the number of bytes received from other peers", t.in_bytes);
	by_reason(out, "tailscaled_inbound_dropped_packets_total",
		  "Counts the number of dropped packets received by the node from other peers",
		  t.in_drop, DP_DROP_KINDS);
	by_path(out, "tailscaled_inbound_packets_total",
		"Counts the number of packets received from other peers", t.in_packets);
	by_path(out, "tailscaled_outbound_bytes_total",
		"Counts the number of bytes sent to other peers", t.out_bytes);
	by_reason(out, "tailscaled_outbound_dropped_packets_total",
		  "Counts the number of packets dropped while being sent to other peers",
		  t.out_drop, DP_DROP_ERROR);
	by_path(out, "tailscaled_outbound_packets_total",
		"Counts the number of packets sent to other peers", t.out_packets);
}
