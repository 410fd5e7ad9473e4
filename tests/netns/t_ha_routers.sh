#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   printer ─┬─ r1 ─┐
#            └─ r2 ─┴─ internet ── coord, client
# Two routers for one network. The one that serves it is killed under a connection that never pauses: the other takes
# over within seconds, both families; it keeps the network when the first comes back; and when both are gone, so is the
# route.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
net_init
net_host coord 1
site_router r1 21 1
site_host printer r1 1 10
net_host r2 22
internet6 r2 22
net_cable r2 lan r1-lan
in_ns r2 ip addr add 10.88.1.2/24 dev lan
in_ns r2 ip addr add fd88:1::2/64 dev lan nodad
forwards r2
net_host client 30
internet6 client 30
coord_start coord 10.77.0.1
# Routers of one network take routes from others too, but not that one.
for n in r1 r2; do
	node_start $n
	node_up $n --accept-dns=false --accept-routes=auto
done
node_start client
node_up client --accept-dns=false --accept-routes
advertise r1 10.88.1.0/24,fd88:1::/64
advertise r2 10.88.1.0/24,fd88:1::/64
answers printer
P=10.88.1.10 P6=fd88:1::10
by() { sees client $P "10.88.1.$1" && sees client $P6 "fd88:1::$1"; }
wait_for 30 by 1 || fail "not by r1: $(seen client $P) $(seen client $P6)"
ms() { echo $(($(date +%s%N) / 1000000)); }

# Neither takes its own LAN from the other.
for n in r1 r2; do
	! in_ns $n ip route show table 52 | grep -q 10.88.1 || fail "$n sends its own LAN into the tunnel"
done
wait_for 20 asks r2 $P || fail "r2 does not reach its own LAN"

# Without a pause: a ping a tenth of a second on each family. The gaps tell how long the change took.
for f in 4:$P 6:$P6; do
	$IN_NS "$TAG-client" ping -D -i 0.1 "${f#*:}" >"$NET_DIR/pings.${f%%:*}" 2>&1 &
	NET_PIDS="$NET_PIDS $!"
done
gap() { sed -n 's/^\[\([0-9.]*\)\].*icmp_seq.*/\1/p' "$NET_DIR/pings.$1" | awk 'last && $1 - last > max { max = $1 - last } { last = $1 } END { printf "%.1f", max }'; }
answered() { [ "$(grep -c icmp_seq "$NET_DIR/pings.$1")" -gt "$2" ]; }
more() { for f in 4 6; do wait_for 30 answered $f $(($(grep -c icmp_seq "$NET_DIR/pings.$f") + 5)) || return 1; done; }
more || fail "no answers"
at=$(ms)
node_stop r1 KILL
wait_for 60 by 2 || fail "r1 killed: not by r2: $(seen client $P) $(seen client $P6)"
echo "r1 killed: by r2 after $(($(ms) - at)) ms"
more || fail "r1 killed: no answers"
echo "silent for $(gap 4) s, IPv6 $(gap 6) s"

# The present one keeps it.
node_start r1
online() { "$MESHCOORD" node list --state "$COORD_DIR" | grep -w "$1" | grep -q online; }
wait_for 30 online r1 || fail "r1 is not back: $("$MESHCOORD" node list --state "$COORD_DIR")"
wait_for 20 by 2 || fail "r1 is back: the network moved to it"
at=$(ms)
node_stop r2
wait_for 60 by 1 || fail "r2 stopped: not by r1"
echo "r2 stopped: by r1 after $(($(ms) - at)) ms"
more || fail "r2 stopped: no answers"

# Withdrawn with the last.
node_stop r1 KILL
no_route() { ! in_ns client ip route show table 52 | grep -q 10.88.1 && ! in_ns client ip -6 route show table 52 | grep -q fd88:1; }
wait_for 60 no_route || fail "both gone: the client still has the route: $(in_ns client ip route show table 52)"
node_start r2
wait_for 60 by 2 || fail "r2 is back: not reached"
