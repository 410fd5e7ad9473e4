#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   client ─┐             ┌─ fra ─┐
#           ├─ internet ──┤       ├── router ── web
#    coord ─┘             └─ ams ─┘
# An ordered list of exit nodes: the first that can be used is, the next takes over when it is gone or does not
# answer, an earlier one is gone back to when it has been good for a while, and not one packet leaves the client in
# clear meanwhile.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
net_init
net_host coord 1
net_host client 11
net_host fra 21
net_host ams 22
site_router router 90 9
site_host web router 9 2
# An exit node leads to no private network; the web is elsewhere.
in_ns router ip addr add 203.0.113.1/24 dev lan
in_ns web ip addr add 203.0.113.2/24 dev eth0
for h in fra ams; do
	in_ns $h ip route add 203.0.113.0/24 via 10.77.0.90
	forwards $h
done
answers web
coord_start coord 10.77.0.1
for h in client fra ams; do node_start $h; done
for h in client fra ams; do node_up $h; done

by() { sees client 203.0.113.2 "$1"; }
by_fra() { by 10.77.0.21; }
by_ams() { by 10.77.0.22; }
says() { ctl client status 2>/dev/null | grep -q "$1"; }
offered() { ctl client exit-node list 2>/dev/null | grep -q "$1.*-"; }

for h in fra ams; do wait_for 20 says " $h " || fail "the client does not know $h: $(ctl client status)"; done
ctl client set --exit-node=fra,ams 2>"$NET_DIR/refused" && fail "a list of nodes that offer nothing is taken"
grep -q 'node "fra" is not advertising an exit node' "$NET_DIR/refused" || fail "what is wrong is not said"
ctl fra set --advertise-exit-node >"$NET_DIR/set.out" || fail "set --advertise-exit-node"
grep -q 'not approved yet: exit node' "$NET_DIR/set.out" || fail "what an exit node waits for is not said"
advertise fra exit
advertise ams exit
wait_for 20 offered fra || fail "fra is not offered"
wait_for 20 offered ams || fail "ams is not offered"

meter client eth0
ctl client set --exit-node=fra,ams || fail "set --exit-node=fra,ams"
wait_for 20 by_fra || fail "the first of the list is not used"
[ "$(ctl client get exit-node)" = fra,ams ] || fail "get exit-node"
ctl client status | grep -q 'fra .*exit node' || fail "status does not show the exit node in use"
says 'DNS does not go through' || fail "status does not say that DNS goes elsewhere"

# It goes away in good order.
ctl fra down || fail "down"
wait_for 20 by_ams || fail "the second does not take over from one that went down"
ctl fra up --login-server="$COORD_URL" --hostname=fra --advertise-exit-node --timeout=30s >/dev/null || fail "up"
wait_for 120 by_fra || fail "not gone back to"

# It falls silent: the server does not know yet.
in_ns fra ip link set eth0 down
wait_for 120 by_ams || fail "the second does not take over from one that does not answer"
in_ns ams ip link set eth0 down
wait_for 120 says 'Traffic to the Internet is dropped' || fail "status does not say that there is none"
in_ns ams ip link set eth0 up
in_ns ams ip route add 203.0.113.0/24 via 10.77.0.90
wait_for 120 by_ams || fail "back, but not used"

# Without one of its own choice the client sends in clear again; until then it did not.
clear=$(metered client)
[ "$clear" = 0 ] || fail "$clear packets left in clear"
ctl client set --exit-node= || fail "set --exit-node="
in_ns client ip route add 203.0.113.0/24 via 10.77.0.90
wait_for 20 by 10.77.0.11 || fail "without an exit node"
[ "$(metered client)" -gt 0 ] || fail "the meter sees nothing"
