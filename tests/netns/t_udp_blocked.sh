#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# UDP is blocked from the start: nodes come up and talk by relay. Then it is allowed: direct. Then it is
# blocked again under a flow: the session survives on the relay.
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_router r1 2 easy 1
net_router r2 3 easy 2
net_lan_host alice r1 1 10
net_lan_host bob r2 2 10
net_block_udp r1
net_block_udp r2
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n
done
b=$(node_ip bob)
wait_for 8 can_ping alice "$b" || fail "no traffic with UDP blocked"
ctl alice netcheck | grep -q 'UDP: false' || fail "netcheck does not see that UDP is blocked"
net_unblock_udp r1
net_unblock_udp r2
wait_for 60 sh -c "'$MESHCTL' --socket '$(node_socket alice)' ping --c=1 bob | grep -q 'via 10'" ||
	fail "no direct path after UDP was allowed"
net_block_udp r1
net_block_udp r2
wait_for 20 can_ping alice "$b" || fail "traffic died with the direct path"
lossless alice "$b" 5 0.3 || fail "loss after falling back"
