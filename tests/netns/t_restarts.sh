#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The coordinator (with the relay) is killed: direct traffic goes on. It comes back: relay and map work
# again. A node is killed with -9 and started again: same node, same address, with the coordinator down
# too (from the kept network map).
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
net_router r3 3 hard 3
net_router r4 4 hard 4
net_lan_host carol r3 3 10
net_lan_host dave r4 4 10
coord_start coord 10.77.0.1
for n in alice bob carol dave; do
	node_start $n
	node_up $n
done
a=$(node_ip alice) b=$(node_ip bob) d=$(node_ip dave)
wait_for 5 can_ping alice "$b" || fail "alice to bob"
wait_for 5 can_ping carol "$d" || fail "carol to dave over the relay"
ctl alice ping --c=10 bob >/dev/null || fail "no direct path"

coord_stop KILL
lossless alice "$b" 10 0.2 || fail "direct traffic stopped with the coordinator"

node_stop bob KILL
node_start bob
wait_for 4 can_ping alice "$b" || fail "bob did not come back from its kept network map"
[ "$(node_ip bob)" = "$b" ] || fail "bob has another address"
ctl bob status | grep -qi 'coordination server\|network map' || fail "status does not say that the map is old"

coord_again
wait_for 20 can_ping carol "$d" || fail "relay traffic did not come back"
node_stop bob KILL
node_start bob
wait_for 5 can_ping alice "$b" || fail "alice to bob after the second restart"
[ "$("$MESHCOORD" node list --state "$COORD_DIR" | grep -c bob)" = 1 ] || fail "bob registered twice"
wait_for 20 sh -c "! '$MESHCTL' --socket '$(node_socket bob)' status | grep -qi 'kept network map'" || fail "health line stayed"
