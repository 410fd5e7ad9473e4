#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Both nodes behind NATs that give each destination another port: no hole can be punched, traffic stays on
# the relay and flows.
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_router r1 2 hard 1
net_router r2 3 hard 2
net_lan_host alice r1 1 10
net_lan_host bob r2 2 10
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n
done
b=$(node_ip bob)
wait_for 5 can_ping alice "$b" || fail "no traffic over the relay"
out=$(ctl alice ping --c=3 bob)
[ $? = 1 ] || fail "ping without a direct path must exit 1"
echo "$out" | grep -q 'via DERP' || fail "ping does not name the relay: $out"
lossless alice "$b" 5 0.2 || fail "loss on the relay"
ctl alice status | grep bob | grep -q 'relay' || fail "status does not say relay"
