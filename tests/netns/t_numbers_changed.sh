#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   client ─┐             ┌─ exit ── router ── web
#    coord ─┴─ internet ──┘
# Marks, table and rules with other numbers: an exit node works and nothing leaves past it, its guard outlives the
# daemon, --cleanup with the same flags takes all back. And a client that starts with other numbers than before takes
# along the guard of the last run, which else would cut the machine off for ever.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
net_init
net_host coord 1
net_host client 11
net_host exit 21
forwards exit
site_router router 90 9
site_host web router 9 2
# An exit node leads to no private network; the web is elsewhere.
in_ns router ip addr add 203.0.113.1/24 dev lan
in_ns web ip addr add 203.0.113.2/24 dev eth0
for h in client exit; do in_ns $h ip route add 203.0.113.0/24 via 10.77.0.90; done
W=203.0.113.2
NUMBERS="--fwmark=0x8000000/0xc000000 --route-table=77 --rule-priority=1300 --tun=vpn0"
answers web
system_state client >"$NET_DIR/before"

coord_start coord 10.77.0.1
node_start exit
node_start client $NUMBERS
node_up exit --accept-dns=false
node_up client --accept-dns=false
advertise exit exit
wait_for 30 routed_to client exit 0.0.0.0/0 || fail "the exit node is not offered"
ctl client set --exit-node=exit || fail "set --exit-node"
by_exit() { sees client $W 10.77.0.21; }
wait_for 30 by_exit || fail "the web sees $(seen client $W)"
in_ns client ip rule | grep -q '1370:.*lookup 77' || fail "no rule of ours"
in_ns client ip rule | grep -q ' 52[0-9]0:\|lookup 52' && fail "rules of the usual numbers"
ctl client debug routes | grep -q '1310 *IPv4 *0x8000000/0xc000000 *254 *ok' || fail "debug routes"

# Nothing of ours leaves without the mark, and nothing with it goes into the tunnel.
tally client clear "postrouting priority 300;" "oifname eth0 meta mark & 0x0c000000 != 0x08000000 ip protocol != igmp"
tally client inside "postrouting priority 300;" "oifname vpn0 meta mark & 0x0c000000 == 0x08000000"
by_exit || fail "not by the exit node"
node_stop client KILL
blocked client $W || fail "killed: the web is reached"
[ "$(tallied client clear)" = 0 ] || fail "packets left in clear"
[ "$(tallied client inside)" = 0 ] || fail "own packets went into the tunnel"
in_ns client nft delete table inet tally-clear
in_ns client nft delete table inet tally-inside
in_ns client "$MESHD" --cleanup $NUMBERS || fail "--cleanup"
system_state client >"$NET_DIR/after"
cmp -s "$NET_DIR/before" "$NET_DIR/after" || fail "cleanup: $(diff "$NET_DIR/before" "$NET_DIR/after")"

# From these numbers to the usual ones, after an orderly stop; and back, after a kill.
node_start client $NUMBERS
wait_for 30 by_exit || fail "started again: not by the exit node"
node_stop client
blocked client $W || fail "stopped: the web is reached"
node_start client
wait_for 30 by_exit || fail "with the usual numbers: not by the exit node"
in_ns client ip rule | grep -q 'lookup 77' && fail "the old rules stand"
node_stop client KILL
blocked client $W || fail "killed: the web is reached"
node_start client $NUMBERS
wait_for 30 by_exit || fail "with the other numbers again: not by the exit node"
in_ns client ip rule | grep -q 'lookup 52' && fail "the usual rules stand"
ctl client set --exit-node= || fail "set --exit-node="
wait_for 30 sees client $W 10.77.0.11 || fail "without an exit node the web sees $(seen client $W)"
node_stop client
system_state client >"$NET_DIR/after"
cmp -s "$NET_DIR/before" "$NET_DIR/after" || fail "at the end: $(diff "$NET_DIR/before" "$NET_DIR/after")"
