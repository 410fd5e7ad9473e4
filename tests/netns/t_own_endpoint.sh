#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   host ── router ── internet ── coord, alice
# Routes that could swallow what carries them: one that covers the router's and our own address, the relay and the
# coordination server; one that is the LAN we are on; 0.0.0.0/0 without anybody having chosen an exit node. No packet of
# our own enters the tunnel, and the machine's network works on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
net_init
net_host coord 1
internet6 coord 1
site_router router 20 1
site_host host router 1 10
net_host alice 30
internet6 alice 30
net_host neighbour 40
internet6 neighbour 40
coord_start coord 10.77.0.1
for n in router alice; do
	node_start $n
	node_up $n --accept-dns=false
done
answers host
answers neighbour
H=10.88.1.10 H6=fd88:1::10 R=$(node_ip router)
wait_for 20 can_ping alice "$R" || fail "no path"

# Own packets carry the mark: one that leaves by the tunnel's interface is a loop.
tally alice looped "postrouting priority 300;" "oifname mesh0 meta mark & 0x00ff0000 == 0x00080000" "oifname mesh0 udp dport 41641" \
	"oifname mesh0 udp sport 41641"
no_loop() { [ "$(tallied alice looped)" = 0 ] || fail "$1: $(tallied alice looped) packets of our own went into the tunnel"; }
direct() { ctl alice ping --c=1 --until-direct=false --timeout=2s router | grep -q 'via \(10\.77\.0\.20\|\[fd77::20\]\):'; }
# Traffic, a new path, a new connection to relay and server: all the sockets there are.
exercise() {
	wait_for 30 direct || fail "$1: no direct path"
	lossless alice "$R" 20 0.05 || fail "$1: lost pings"
	ctl alice debug rebind >/dev/null || fail "$1: rebind"
	wait_for 30 direct || fail "$1: no direct path after a rebind"
	ctl alice netcheck >/dev/null || fail "$1: netcheck"
	no_loop "$1"
}
in_table() { in_ns alice ip route show table 52 | grep -q "$1"; }

# All of the underlay by the router that is in it.
advertise router 10.77.0.0/16,10.88.1.0/24,fd77::/48,fd88:1::/64
ctl alice set --accept-routes=on || fail "accept-routes=on"
wait_for 30 in_table 10.77.0.0/16 || fail "the route is not taken: $(in_ns alice ip route show table 52)"
wait_for 30 sees alice $H 10.88.1.1 || fail "the host behind the router is not reached"
wait_for 30 sees alice $H6 fd88:1::1 || fail "the host behind the router is not reached by IPv6"
exercise "a route over our endpoints"
node_stop alice
node_start alice
wait_for 40 sees alice $H 10.88.1.1 || fail "a start with such a route: not reached"
exercise "a start with such a route"

# It is our own LAN: with auto it stays ours, whoever says what.
advertise router 10.77.0.0/24,10.88.1.0/24,fd77::/64,fd88:1::/64
ctl alice set --accept-routes=on
wait_for 30 in_table 10.77.0.0/24 || fail "on: the LAN's route is not taken"
exercise "our own LAN, on"
ctl alice set --accept-routes=auto || fail "accept-routes=auto"
spared() { ! in_table 10.77.0.0/24 && ! in_ns alice ip -6 route show table 52 | grep -q fd77:; }
wait_for 30 spared || fail "auto: the LAN's route is taken: $(in_ns alice ip route show table 52)"
wait_for 30 sees alice 10.77.0.40 10.77.0.30 || fail "auto: the neighbour sees $(seen alice 10.77.0.40)"
wait_for 30 sees alice fd77::40 fd77::30 || fail "auto: the neighbour sees $(seen alice fd77::40)"
wait_for 30 sees alice $H 10.88.1.1 || fail "auto: the other route is not taken"
exercise "our own LAN, auto"
# The network goes away, and the route is good; it comes back, and the route is not.
in_ns alice ip -6 addr flush dev eth0 scope global
in_ns alice ip addr add 10.55.0.30/24 dev eth0
in_ns alice ip addr del 10.77.0.30/24 dev eth0
in_ns alice ip addr replace 10.55.0.30/24 dev eth0
wait_for 30 in_table 10.77.0.0/24 || fail "auto, LAN left: the route is not taken"
in_ns alice ip addr add 10.77.0.30/24 dev eth0
internet6 alice 30
wait_for 30 spared || fail "auto, LAN is back: the route is still taken"
in_ns alice ip addr del 10.55.0.30/24 dev eth0
exercise "our own LAN, again"

# Only what is inside a list.
ctl alice set --accept-routes=10.88.0.0/16 || fail "accept-routes=CIDR"
wait_for 30 sees alice $H 10.88.1.1 || fail "CIDR: the route inside is not taken"
wait_for 30 spared || fail "CIDR: the LAN's route is taken"
wait_for 30 blocked alice $H6 || fail "CIDR: a route outside is taken"

# A default route as a subnet route: nobody chose an exit node, so nobody has one.
advertise router exit --advertise-routes=
ctl alice set --accept-routes=on
wait_for 30 routed_to alice router 0.0.0.0/0 || fail "the default route is not offered"
! in_table default || fail "a default route was taken without a choice: $(in_ns alice ip route show table 52)"
wait_for 20 sees alice 10.77.0.40 10.77.0.30 || fail "the neighbour sees $(seen alice 10.77.0.40)"
ctl router set --advertise-routes=0.0.0.0/0 --advertise-exit-node=false && fail "half a pair of default routes is taken"
exercise "a default route"
