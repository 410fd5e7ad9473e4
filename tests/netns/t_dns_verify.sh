#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine that is told our resolver and does not reach it: people are told, in status and in dns status, and it is
# over when the way is open again. Here a firewall of the host is in the way.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
net_init
dns_init
net_host coord 1
net_host alice 11
coord_start coord 10.77.0.1
os_plain alice 10.77.0.1
in_ns alice nft -f - <<-E2 || fail "firewall"
	table inet host {
		chain out { type filter hook output priority 0; ip daddr 100.100.100.100 udp dport 53 drop; }
	}
E2
node_start alice
node_up alice
seen() { ctl alice debug dns --json | jq -r .Verify.State | grep -qx "$1"; }
sick() { ctl alice status | grep -q 'Names of this network do not resolve on this machine'; }
wait_for 40 seen bad || fail "nobody notices: $(ctl alice debug dns --json | jq -c .Verify)"
sick || fail "status says nothing: $(ctl alice status)"
grep -c 'telling it again' "$NET_DIR/alice.log" | grep -qx 1 || fail "told again more or less than once"

in_ns alice nft delete table inet host
wait_for 90 seen good || fail "still bad: $(ctl alice debug dns --json | jq -c .Verify)"
sick && fail "status still complains: $(ctl alice status)"
ctl alice set --accept-dns=false || fail "set"
wait_for 20 seen off || fail "there is nothing to find: $(ctl alice debug dns --json | jq -c .Verify)"
