#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   alice ── nat ── internet ── coord (control, relay, STUN), bob
# No network at all, and one that takes everything and answers nothing, as behind a captive portal: the node knocks no
# more often than it should, and is back soon after the network is.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
net_init
net_host coord 1
net_router nat 2 easy 1
net_host bob 12
net_lan_host alice nat 1 10
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n --accept-dns=false
done
A=$(node_ip alice) B=$(node_ip bob)
wait_for 20 can_ping alice "$B" || fail "no path"
ms() { echo $(($(date +%s%N) / 1000000)); }
direct() { ctl alice ping --c=1 --until-direct=false --timeout=2s bob | grep -q 'via 10\.77\.0\.12:'; }
control() { "$MESHCOORD" node list --state "$COORD_DIR" | grep -w "alice2*" | grep -q online; }
wait_for 30 direct || fail "no direct path"
running() { ctl alice status --json | jq -e '.BackendState == "Running"' >/dev/null; }

# What knocks: connections begun, and packets of all kinds.
count() {
	tally alice syn "postrouting priority 300;" "oifname eth0 tcp flags & (syn | ack) == syn"
	tally alice all "postrouting priority 300;" "oifname eth0"
}
few() { # WHAT SECONDS [CONNECTIONS A SECOND]: one begun a second is enough, and forty packets
	echo "$1: $(tallied alice syn) connections begun, $(tallied alice all) packets in $2 s"
	[ "$(tallied alice syn)" -le $(($2 * ${3:-1})) ] || fail "$1: $(tallied alice syn) connections begun in $2 s"
	[ "$(tallied alice all)" -le $(($2 * 40)) ] || fail "$1: $(tallied alice all) packets in $2 s"
}
back() { # WHAT
	at=$(ms)
	wait_for 60 can_ping alice "$B" || fail "$1: no traffic"
	echo "$1: traffic after $(($(ms) - at)) ms"
	wait_for 60 direct || fail "$1: no direct path"
	wait_for 60 control || fail "$1: not online: $("$MESHCOORD" node list --state "$COORD_DIR")"
	wait_for 60 can_ping bob "$A" || fail "$1: bob does not reach it"
	echo "$1: all is well after $(($(ms) - at)) ms"
}

# Airplane mode: no interface is up.
count
from=$(date +%s)
in_ns alice ip link set eth0 down
sleep 8
running || fail "no interface: the node is $(ctl alice status)"
few "no interface" $(($(date +%s) - from))
in_ns alice ip link set eth0 up
in_ns alice ip route add default via 192.168.1.1
back "interface up"

# A network without a way out.
count
from=$(date +%s)
in_ns alice ip route del default
sleep 5
few "no default route" $(($(date +%s) - from))
in_ns alice ip route add default via 192.168.1.1
back "default route"

# A portal that swallows everything, and one that breaks and refuses every connection.
in_ns nat nft insert rule ip filter through drop
count
from=$(date +%s)
sleep 5
few "swallowed" $(($(date +%s) - from))
net_unblock_udp nat
back "nothing is swallowed any more"
in_ns nat nft insert rule ip filter through drop
in_ns nat nft insert rule ip filter through ip protocol tcp reject with tcp reset
count
from=$(date +%s)
in_ns alice ping -i 0.2 -q "$B" >/dev/null 2>&1 & # what the relay shall carry
ping=$!
NET_PIDS="$NET_PIDS $ping"
ctl alice set --hostname=alice2 || fail "set" # and the server shall know
tried() { [ "$(tallied alice syn)" -gt 2 ]; }
wait_for 40 tried || fail "refused: nothing was tried"
sleep 5
few "refused" $(($(date +%s) - from)) 6 # the first tries come soon after each other, then fewer and fewer
count
from=$(date +%s)
sleep 10
kill $ping
few "refused for long" $(($(date +%s) - from)) 3
net_unblock_udp nat
back "nothing is refused any more"
