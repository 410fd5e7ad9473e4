#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The system itself begins to refuse our packets (a firewall on the host: EPERM) under a direct path: the
# traffic moves to the relay at once, not when the path times out, and comes back afterwards.
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
direct() { ctl alice ping --c=1 bob | grep -q 'via 10'; }
wait_for 20 direct || fail "no direct path"
wait_for 5 can_ping alice "$b" || fail "no traffic"
in_ns alice nft -f - <<-N || fail "rules"
	table inet refuse {
		chain out { type filter hook output priority 0; oifname "eth0" meta l4proto udp drop; }
	}
N
in_ns alice ping -c 20 -i 0.2 -W 3 -q "$b" >"$NET_DIR/ping.log"
got=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$NET_DIR/ping.log")
[ "${got:-0}" -ge 15 ] || fail "traffic stood still: $got of 20 came back"
in_ns alice nft delete table inet refuse
wait_for 30 direct || fail "no direct path afterwards"
