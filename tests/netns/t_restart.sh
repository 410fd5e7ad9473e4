#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A daemon that is stopped and started again: nothing is lost from the moment its interface leads somewhere. The
# first packet waits for a session, and its answer comes on the new one, though the peer had another.
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1
node_start alice
node_start bob
node_up alice
node_up bob
alice=$(node_ip alice)
wait_for 20 can_ping bob "$alice" || fail "bob cannot reach alice"

# 0: answered, 1: sent but not answered, 2: there is no route yet
first_ping() {
	until=$(($(date +%s) + 30))
	while [ "$(date +%s)" -lt $until ]; do
		in_ns bob ping -c 1 -W 10 -q "$alice" >/dev/null 2>&1
		got=$?
		[ $got -eq 2 ] || return $got
	done
	return 2
}
for kind in TERM TERM KILL TERM TERM KILL TERM TERM KILL TERM; do
	node_stop bob "$kind"
	node_spawn bob
	first_ping || fail "$kind: the first packet after the start, or its answer, was lost ($?)"
done
echo "restarted: nothing lost"
