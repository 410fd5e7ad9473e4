#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   host ── router ── internet ── coord, client
# Marks, table and rules with other numbers (--fwmark, --route-table, --rule-priority), beside another program that has
# the usual ones: a network and an exit node are used and served with them, the other's things stay as they are, and
# --cleanup with these numbers removes all.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
net_init
net_host coord 1
internet6 coord 1
site_router router 20 1
site_host host router 1 10
net_host client 30
internet6 client 30
net_host web 99
in_ns web ip addr add 203.0.113.5/32 dev lo
for h in router client; do in_ns $h ip route add 203.0.113.5 via 10.77.0.99; done
coord_start coord 10.77.0.1
N='--fwmark 0x1000000/0xff000000 --route-table 77 --rule-priority 6000'

# The other program's, in the client and in the router.
for h in router client; do
	for f in -4 -6; do
		in_ns $h ip $f rule add pref 5210 fwmark 0x80000/0xff0000 lookup main
		in_ns $h ip $f rule add pref 5270 lookup 52
	done
	in_ns $h ip route add 100.80.0.0/16 via 10.77.0.1 table 52
	system_state $h >"$NET_DIR/$h.before"
	node_start $h $N
	node_up $h --accept-dns=false
done
theirs() { in_ns "$1" sh -c 'ip rule; ip -6 rule; ip route show table 52' | grep '5210\|5270\|100\.80'; }
had=$(theirs client)
answers host
answers web
advertise router 10.88.1.0/24,fd88:1::/64
advertise router exit
"$MESHCOORD" node approve-routes router 10.88.1.0/24,fd88:1::/64,0.0.0.0/0 --state "$COORD_DIR" >/dev/null || fail "approve"
ctl client set --accept-routes || fail "accept-routes"
wait_for 30 sees client 10.88.1.10 10.88.1.1 || fail "the network is not reached: $(seen client 10.88.1.10)"
wait_for 30 sees client fd88:1::10 fd88:1::1 || fail "the network is not reached by IPv6"
wait_for 30 routed_to client router 0.0.0.0/0 || fail "the exit node is not offered"
ctl client set --exit-node=router || fail "exit-node"
wait_for 30 sees client 203.0.113.5 10.77.0.20 || fail "the web sees $(seen client 203.0.113.5)"

for f in -4 -6; do
	for p in 6010 6030 6050; do
		in_ns client ip $f rule | grep -q "^$p:.*fwmark 0x1000000/0xff000000" || fail "rule $p: $(in_ns client ip $f rule)"
	done
	in_ns client ip $f rule | grep -q '^6070:.*lookup 77' || fail "rule 6070: $(in_ns client ip $f rule)"
	in_ns client ip $f route show table 77 | grep -q '^default dev mesh0' || fail "table 77: $(in_ns client ip $f route show table 77)"
done
rules_of() { in_ns "$1" nft list ruleset; }
rules_of client | grep -q '0x01000000' || fail "mark of our own packets: $(rules_of client)"
rules_of router | grep -q '0x02000000' || fail "mark of what is forwarded: $(rules_of router)"
for h in client router; do
	! rules_of $h | grep -Eq '0x000[48]0000' || fail "the usual marks are used: $(rules_of $h)"
done
[ "$(theirs client)" = "$had" ] || fail "the other's things were changed: $(theirs client)"

# With the usual numbers beside such a program, status names it, and what to do; with others there is nothing to say.
net_host plain 40
in_ns plain ip rule add pref 30000 fwmark 0x1a0000/0x7e0000 lookup main
in_ns plain ip route add 100.80.0.0/16 via 10.77.0.1 table 52
node_start plain
node_up plain --accept-dns=false
warns() { ctl "$1" status | grep -q -e "$2"; }
wait_for 20 warns plain 'rule 30000 of .* Start meshd with other bits, for example --fwmark=' || fail "marks: $(ctl plain status)"
wait_for 20 warns plain '100.80.0.0/16.* another --route-table' || fail "table: $(ctl plain status)"
warns client 'packet marks\|routing table' && fail "no marks or table are shared: $(ctl client status)"
node_stop plain

# What they remove is back under these numbers, too.
in_ns client ip rule del pref 6070
again() { in_ns client ip rule | grep -q '^6070:.*lookup 77'; }
wait_for 20 again || fail "rule 6070 is not back"
in_ns client ip route flush table 77
in_table() { in_ns client ip route show table 77 | grep -q '^default dev mesh0'; }
wait_for 20 in_table || fail "table 77 is not back"

for h in client router; do
	node_stop $h KILL
	in_ns $h sysctl -qw net.ipv4.conf.all.src_valid_mark=0
	in_ns $h "$MESHD" --cleanup $N || fail "--cleanup of $h"
	system_state $h >"$NET_DIR/$h.after"
	cmp -s "$NET_DIR/$h.before" "$NET_DIR/$h.after" || fail "left in $h: $(diff "$NET_DIR/$h.before" "$NET_DIR/$h.after")"
done
