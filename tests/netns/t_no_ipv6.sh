#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A host whose kernel has IPv6 switched off: everything works on IPv4 and nothing complains.
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
in_ns alice sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n
done
b=$(node_ip bob)
wait_for 5 can_ping alice "$b" || fail "ping"
[ -z "$(in_ns alice ip -6 rule 2>/dev/null | grep 'lookup 52')" ] || fail "IPv6 rules on a host without IPv6"
grep -qi 'ipv6.*fail' "$NET_DIR/alice.log" && fail "IPv6 trouble in the log"
node_stop alice
[ -z "$(in_ns alice ip rule | grep 'lookup 52')" ] || fail "rule left"
