#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#     tv ─┐
#  thief ─┤
#  client ┴─ nat ─┐
#                 ├─ internet ── gw ── web
#  coord, fra, ams┘
# A client that uses an exit node: what leaves its network card in clear is counted while it sends without a pause and
# everything changes: another exit node, exit nodes that restart and die, its own daemon restarted and killed, a
# neighbour that hands out routes of its own. It is nothing, ever; and own traffic keeps the normal route.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
net_init
net_host coord 1
internet6 coord 1
net_host gw 254
internet6 gw 254
forwards gw
net_switch gw-lan
net_cable gw far gw-lan
in_ns gw ip addr add 198.51.100.1/24 dev far
in_ns gw ip addr add fd78::1/64 dev far nodad
net_space web
net_cable web eth0 gw-lan
in_ns web ip addr add 198.51.100.5/24 dev eth0
in_ns web ip addr add fd78::5/64 dev eth0 nodad
in_ns web ip route add default via 198.51.100.1
in_ns web ip route add default via fd78::1
for n in fra:21 ams:22; do
	net_host ${n%:*} ${n#*:}
	internet6 ${n%:*} ${n#*:}
	forwards ${n%:*}
	in_ns ${n%:*} ip route add default via 10.77.0.254
	in_ns ${n%:*} ip route add default via fd77::254
done
net_router nat 3 easy 5
internet6 nat 3
forwards nat
in_ns nat ip addr add fd05::1/64 dev lan nodad
in_ns nat ip route add default via 10.77.0.254
in_ns nat ip route add default via fd77::254
in_ns gw ip route add fd05::/64 via fd77::3
for n in client:10 tv:20 thief:66; do
	net_lan_host ${n%:*} nat 5 ${n#*:}
	in_ns ${n%:*} ip addr add fd05::${n#*:}/64 dev eth0 nodad
	in_ns ${n%:*} ip route add default via fd05::1
done
forwards thief # who wants to read, not to break
# A public address: an exit node does not lead into private networks.
W=198.51.100.5 W6=fd78::5
answers web
answers tv
system_state client >"$NET_DIR/before"

coord_start coord 10.77.0.1
for n in fra ams client; do
	node_start $n
	node_up $n --accept-dns=false
done
advertise fra exit
advertise ams exit
meter client eth0

# The client never stops to talk to the web, by both families.
in_ns client sysctl -qw net.ipv6.conf.all.accept_ra=0
$IN_NS "$TAG-client" python3 -c '
import socket, time
s = [(socket.socket(f, socket.SOCK_DGRAM), (a, 9)) for f, a in ((socket.AF_INET, "198.51.100.5"), (socket.AF_INET6, "fd78::5"))]
while True:
    for u, to in s:
        try: u.sendto(b"secret", to)
        except OSError: pass
    time.sleep(0.01)' &
NET_PIDS="$NET_PIDS $!"
loud() { [ "$(metered client)" -gt 20 ]; }
wait_for 20 loud || fail "the meter does not see what leaves in clear"
wait_for 20 sees client $W 10.77.0.3 || fail "before: the web sees $(seen client $W)"
wait_for 20 sees client $W6 fd05::10 || fail "before: the web sees $(seen client $W6) by IPv6"

by() { sees client $W "10.77.0.$1" && sees client $W6 "fd77::$1"; }
wait_for 30 routed_to client fra 0.0.0.0/0 || fail "fra is not offered"
wait_for 30 routed_to client ams ::/0 || fail "ams is not offered"
ctl client set --exit-node=fra || fail "exit-node=fra"
wait_for 30 by 21 || fail "the web sees $(seen client $W) and $(seen client $W6), not fra"

# From here on nothing may leave in clear.
meter client eth0
tally client inside "postrouting priority 300;" "oifname mesh0 meta mark & 0x00ff0000 == 0x00080000"
quiet() { [ "$(metered client)" = 0 ] || fail "$1: $(metered client) packets left in clear"; }
ctl client set --exit-node=ams || fail "exit-node=ams"
wait_for 30 by 22 || fail "ams: the web sees $(seen client $W) and $(seen client $W6)"
quiet "another exit node"

node_stop ams
blocked client $W || fail "ams stopped: the web is reached"
node_start ams
wait_for 40 by 22 || fail "ams started again: not reached"
quiet "exit node restarted"
node_stop ams KILL
blocked client $W || fail "ams killed: the web is reached"
blocked client $W6 || fail "ams killed: the web is reached by IPv6"
node_start ams
wait_for 40 by 22 || fail "ams killed and started: not reached"
quiet "exit node killed"

node_stop client
blocked client $W || fail "client stopped: the web is reached"
blocked client $W6 || fail "client stopped: the web is reached by IPv6"
node_start client
wait_for 40 by 22 || fail "client restarted: not reached"
quiet "client restarted"
node_stop client KILL
blocked client $W || fail "client killed: the web is reached"
blocked client $W6 || fail "client killed: the web is reached by IPv6"
node_start client
wait_for 40 by 22 || fail "client killed and started: not reached"
quiet "client killed"

# A neighbour whose DHCP server hands out routes (TunnelVision): they are in the main table, and that comes second.
for r in 0.0.0.0/1 128.0.0.0/1 198.51.100.0/24 $W/32; do in_ns client ip route add $r via 192.168.5.66; done
for r in ::/1 8000::/1 fd78::/64; do in_ns client ip route add $r via fd05::66; done
wait_for 30 by 22 || fail "TunnelVision: the exit node is not used"
quiet "TunnelVision"
for r in 0.0.0.0/1 128.0.0.0/1 198.51.100.0/24 $W/32; do in_ns client ip route del $r via 192.168.5.66; done
for r in ::/1 8000::/1 fd78::/64; do in_ns client ip route del $r via fd05::66; done

# Strict reverse-path filters: answers to our own sockets pass all the same, also on a new direct path.
in_ns client sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
ctl client debug rebind >/dev/null || fail "rebind"
direct() { ctl client ping --c=1 --until-direct=false --timeout=2s ams | grep -q 'via 10\.77\.0\.22:'; }
wait_for 40 direct || fail "rp_filter=1: no direct path"
wait_for 30 by 22 || fail "rp_filter=1: the exit node is not used"
quiet "rp_filter"

# No route to anywhere: our own packets end there (rule +50) and do not turn to the tunnel.
in_ns client ip route del default
in_ns client ip -6 route del default
blocked client $W || fail "no default route: the web is reached"
sleep 2
[ "$(tallied client inside)" = 0 ] || fail "no default route: own packets went into the tunnel"
in_ns client ip route add default via 192.168.5.1
in_ns client ip route add default via fd05::1
wait_for 40 by 22 || fail "the default route is back: the exit node is not used"
quiet "no default route"

# The list: the first that works; the next one when it dies.
ctl client set --exit-node=fra,ams || fail "exit-node=fra,ams"
wait_for 30 by 21 || fail "the list: not by its first"
quiet "the list chosen"
node_stop fra KILL
wait_for 60 by 22 || fail "the first of the list died: not by the second"
quiet "the first of the list died"

# An exit node leads to the internet, not into its own networks, nor into one that it is put into later.
in_ns ams ip link add d0 type veth peer name d1
in_ns ams ip link set d0 up
in_ns ams ip link set d1 up
tally ams into "forward priority 300;" "oifname d0"
wait_for 30 by 22 || fail "the list: not by its second"
in_ns ams ip addr add 198.51.100.77/25 dev d0
into_stops() {
	blocked client $W
	before=$(tallied ams into)
	blocked client $W
	[ "$(tallied ams into)" = "$before" ]
}
wait_for 30 into_stops || fail "the exit node forwards into a network that it was put into"
into_goes() {
	before=$(tallied ams into)
	pings_once client $W
	[ "$(tallied ams into)" -gt "$before" ]
}
ctl ams set --advertise-routes=198.51.100.0/25 2>/dev/null || fail "advertise-routes on an exit node"
wait_for 30 into_goes || fail "the exit node does not forward into a network that it advertises"
ctl ams set --advertise-routes= || fail "advertise-routes="
wait_for 30 into_stops || fail "the exit node still forwards into that network"
in_ns ams ip link del d0
wait_for 30 by 22 || fail "the exit node left that network: the web is not reached"
quiet "a network of the exit node"
node_start fra

# Our own traffic goes by the normal route, and never into the tunnel.
[ "$(tallied client inside)" = 0 ] || fail "own packets went into the tunnel"

# The LAN: only when it is asked for, and then nothing else.
blocked client 192.168.5.20 || fail "the LAN is reached without --exit-node-allow-lan-access"
quiet "LAN access off"
tally client clear "postrouting priority 300;" \
	"oifname eth0 meta mark & 0x00ff0000 != 0x00080000 ip daddr != 192.168.5.0/24 ip protocol != igmp" \
	"oifname eth0 meta mark & 0x00ff0000 != 0x00080000 ip6 daddr != { fd05::/64, fe80::/10, ff00::/8 }"
ctl client set --exit-node-allow-lan-access || fail "allow-lan-access"
wait_for 30 asks client 192.168.5.20 || fail "the LAN is not reached with --exit-node-allow-lan-access"
wait_for 30 asks client fd05::20 || fail "the LAN is not reached by IPv6"
wait_for 30 by 22 || wait_for 30 by 21 || fail "LAN access: the exit node is not used"
quiet "LAN access on"
# A LAN that comes later is taken up by itself.
in_ns client ip addr add 172.30.7.10/24 dev eth0
in_ns tv ip addr add 172.30.7.20/24 dev eth0
tally client clear "postrouting priority 300;" \
	"oifname eth0 meta mark & 0x00ff0000 != 0x00080000 ip daddr != { 192.168.5.0/24, 172.30.7.0/24 } ip protocol != igmp" \
	"oifname eth0 meta mark & 0x00ff0000 != 0x00080000 ip6 daddr != { fd05::/64, fe80::/10, ff00::/8 }"
wait_for 30 asks client 172.30.7.20 || fail "a LAN that came later is not reached"
in_ns client ip addr del 172.30.7.10/24 dev eth0
quiet "another LAN"
ctl client set --exit-node-allow-lan-access=false || fail "allow-lan-access=false"
wait_for 30 blocked client 192.168.5.20 || fail "the LAN is still reached"

# No exit node: the normal route. And what a killed client left is taken away.
ctl client set --exit-node= || fail "exit-node="
wait_for 30 sees client $W 10.77.0.3 || fail "without an exit node the web sees $(seen client $W)"
ctl client set --exit-node=ams
wait_for 30 by 22 || fail "ams again: the web sees $(seen client $W)"
node_stop client KILL
blocked client $W || fail "client killed: the web is reached"
in_ns client "$MESHD" --cleanup || fail "--cleanup"
in_ns client nft delete table inet tally-clear
in_ns client nft delete table inet tally-inside
in_ns client sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
wait_for 10 sees client $W 10.77.0.3 || fail "cleanup: the web sees $(seen client $W)"
system_state client >"$NET_DIR/after"
cmp -s "$NET_DIR/before" "$NET_DIR/after" || fail "cleanup: $(diff "$NET_DIR/before" "$NET_DIR/after")"
