#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody takes the interface down and up again: its routes and addresses are set anew. Somebody deletes
# it: the status says so.
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_host alice 2
net_host bob 3
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n
done
b=$(node_ip bob)
wait_for 8 can_ping alice "$b" || fail "no traffic"
before=$(in_ns alice ip -o addr show mesh0 scope global | wc -l)
in_ns alice ip link set mesh0 down
sleep 2
in_ns alice ip link set mesh0 up
wait_for 8 can_ping alice "$b" || fail "no traffic after the interface was down"
[ "$(in_ns alice ip -o addr show mesh0 scope global | wc -l)" = "$before" ] || fail "an address is lost"
in_ns alice ip link del mesh0
wait_for 8 sh -c "'$MESHCTL' --socket '$(node_socket alice)' status | grep -q 'mesh0 is gone'" ||
	fail "status does not tell that the interface is gone"
