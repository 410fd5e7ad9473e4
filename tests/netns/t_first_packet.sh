#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Nodes of one LAN that join: as soon as one has a route to the other, the very first packet arrives. It
# waits for the handshake instead of being lost. Both ways, several times, each time with new nodes.
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1

has_route() { in_ns "$1" ip route get "$2" | grep -q mesh0; }

first_packet() { # FROM TO
	to=$(node_ip "$2")
	wait_for 5 has_route "$1" "$to" || fail "$1 has no route to $2"
	in_ns "$1" ping -c 1 -W 4 -q "$to" || fail "the first packet from $1 to $2 is lost"
}

for way in 'alice bob' 'bob alice' 'alice bob' 'bob alice'; do
	for n in $way; do
		node_start "$n"
		node_up "$n"
	done
	first_packet $way
	for n in $way; do
		ctl "$n" logout || fail "logout of $n"
		node_stop "$n"
		rm -rf "$NET_DIR/$n.d"
	done
done
