#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A peer's address changes under an established session: traffic goes on, and the path is direct again.
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n
done
b=$(node_ip bob)
wait_for 5 can_ping alice "$b" || fail "ping"
ctl alice ping --c=10 bob | grep -q 'via 10\.77\.0\.12:' || fail "no direct path"
in_ns bob ip addr add 10.77.0.42/24 dev eth0
in_ns bob ip addr del 10.77.0.12/24 dev eth0
in_ns bob ip addr show dev eth0 | grep -q 10.77.0.42 || in_ns bob ip addr add 10.77.0.42/24 dev eth0
wait_for 15 can_ping alice "$b" || fail "traffic did not survive the change"
wait_for 30 sh -c "'$MESHCTL' --socket '$(node_socket alice)' ping --c=1 bob | grep -q 'via 10.77.0.42:'" ||
	fail "path did not become direct again"
