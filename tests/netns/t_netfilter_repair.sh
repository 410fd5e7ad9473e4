#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   printer ── router ── internet ── coord, client
# Others take away what the router has in the system (a flush of nftables, of our table, of our rules and addresses): it
# is back within moments, and nothing of theirs is touched. Killed at different moments it leaves what it left; the next
# start takes that over, and `meshd --cleanup` leaves the machine as it was before.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
net_init
net_host coord 1
site_router router 20 1
site_host printer router 1 10
net_host client 30
internet6 client 30
coord_start coord 10.77.0.1
in_ns router sysctl -qw net.ipv4.conf.all.src_valid_mark=1 # stays set once we have used it
theirs() {
	in_ns router nft add table inet theirs && in_ns router nft add chain inet theirs c \
		'{ type filter hook forward priority 5; policy accept; }' && in_ns router nft add rule inet theirs c tcp dport 9 drop
}
theirs
in_ns router ip rule add pref 4000 to 10.99.0.0/24 lookup 99
in_ns router ip route add 10.99.0.0/24 via 10.77.0.1 table 99
system_state router >"$NET_DIR/before"

node_start client
node_up client --accept-dns=false
node_start router
node_up router --accept-dns=false --accept-routes
advertise router 10.88.1.0/24,fd88:1::/64
ctl client set --accept-routes
answers printer
P=10.88.1.10 P6=fd88:1::10
works() { sees client $P 10.88.1.1 && sees client $P6 fd88:1::1; }
wait_for 30 works || fail "the printer is not reached"

same() { # FILE: the router's system is like that; $NET_DIR/now says how not
	system_state router >"$NET_DIR/now"
	cmp -s "$1" "$NET_DIR/now"
}
settled() { same "$NET_DIR/settled" || { cp "$NET_DIR/now" "$NET_DIR/settled" && false; }; }
: >"$NET_DIR/settled"
wait_for 20 settled || fail "the router's system does not come to rest"
ms() { echo $(($(date +%s%N) / 1000000)); }

# Whatever it was, everything is as it was before, in the same order.
taken() { # WHAT command...
	what=$1 at=$(ms)
	shift
	in_ns router "$@" || fail "$what: $*"
	! same "$NET_DIR/settled" || echo "$what: back before a look"
	wait_for 30 same "$NET_DIR/settled" || fail "$what: $(diff "$NET_DIR/settled" "$NET_DIR/now")"
	echo "$what: back after $(($(ms) - at)) ms"
	wait_for 20 works || fail "$what: the printer is not reached"
}
# The whole ruleset: what others had in it is theirs to put back.
in_ns router nft delete table inet theirs
wait_for 20 settled || fail "the router's system does not come to rest"
taken "nft flush ruleset" nft flush ruleset
taken "our nftables table deleted" nft delete table inet meshd
taken "a rule deleted" ip rule del pref 5270
taken "an IPv6 rule deleted" ip -6 rule del pref 5210
taken "all rules deleted" sh -c 'for f in -4 -6; do for p in 5210 5230 5250 5270; do ip $f rule del pref $p || exit 1; done; done'
taken "table 52 flushed" ip route flush table 52
taken "IPv6 table 52 flushed" ip -6 route flush table 52
taken "an address deleted" sh -c 'ip addr del "$(ip -4 -o addr show mesh0 | sed "s/.*inet \([0-9.]*\).*/\1/")/32" dev mesh0'
taken "IPv6 addresses deleted" ip -6 addr flush dev mesh0 scope global
theirs
wait_for 20 settled || fail "the router's system does not come to rest"

# Killed and started again: the same, nothing twice.
node_stop router KILL
node_start router
wait_for 30 same "$NET_DIR/settled" || fail "kill -9 and start: $(diff "$NET_DIR/settled" "$NET_DIR/now")"
wait_for 30 works || fail "kill -9 and start: the printer is not reached"

# Killed while it changes something: each time the next start gets it right.
for wait in 0 0.01 0.02 0.05 0.1; do
	ctl router set --snat-subnet-routes=false --netfilter-mode=off 2>/dev/null &
	change=$!
	sleep $wait
	node_stop router KILL
	wait $change
	node_start router
	ctl router set --snat-subnet-routes --netfilter-mode=on || fail "set after kill -9"
	wait_for 30 same "$NET_DIR/settled" || fail "kill -9 in a change: $(diff "$NET_DIR/settled" "$NET_DIR/now")"
done
wait_for 30 works || fail "kill -9 in a change: the printer is not reached"

# What is left is removed, and only that.
node_stop router KILL
in_ns router "$MESHD" --cleanup || fail "--cleanup"
wait_for 10 same "$NET_DIR/before" || fail "kill -9 and --cleanup: $(diff "$NET_DIR/before" "$NET_DIR/now")"
node_start router
wait_for 30 works || fail "started after --cleanup: the printer is not reached"
node_stop router
wait_for 10 same "$NET_DIR/before" || fail "stopped: $(diff "$NET_DIR/before" "$NET_DIR/now")"
node_start router
wait_for 30 works || fail "started again: the printer is not reached"
ctl router down || fail "down"
node_stop router
wait_for 10 same "$NET_DIR/before" || fail "down and stopped: $(diff "$NET_DIR/before" "$NET_DIR/now")"
