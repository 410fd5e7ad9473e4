#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Each step of offload switched off in turn at one end, while the other takes all it can: TCP both ways, and
# every byte as it was. Then all switched off, and one worker for both directions.
#
#   a (everything) ── inet ── b (without one step)
. "$(dirname "$0")/lib.sh"
for p in nc sha256sum ss; do command -v $p >/dev/null || skip "needs $p"; done
BYTES=30000000
PORT=7000

net_init
net_host coord 1
net_host a 2
net_host b 3
coord_start coord 10.77.0.1
node_start a
node_start b
node_up a
node_up b
head -c $BYTES /dev/urandom >"$NET_DIR/sent"
SUM=$(sha256sum <"$NET_DIR/sent")

listens() { in_ns "$1" ss -Hltn "sport = :$PORT" | grep -q LISTEN; }
transfer() { # FROM TO STEP
	$IN_NS "$TAG-$2" timeout 40 nc -l -N -p $PORT >"$NET_DIR/got" 2>/dev/null </dev/null &
	receiver=$!
	NET_PIDS="$NET_PIDS $receiver"
	wait_for 5 listens "$2" || fail "$3: $2 does not listen"
	in_ns "$1" timeout 40 nc -N "$(node_ip "$2")" $PORT <"$NET_DIR/sent" || fail "$3: $1 to $2 broke off"
	wait $receiver || fail "$3: $2 did not get to the end"
	[ "$(sha256sum <"$NET_DIR/got")" = "$SUM" ] || fail "$3: $1 to $2: other bytes arrived"
}

check() { # what b starts with
	node_stop b
	node_start b "$@"
	wait_for 20 can_ping a "$(node_ip b)" || fail "$*: no path"
	transfer a b "$*"
	transfer b a "$*"
}

for step in vnet tso uso tun-gro-tcp tun-gro-udp udp-gso udp-gro; do
	check --no-offload=$step
	ctl b debug datapath | grep -q "^  $step *switched off\$" || fail "$step is not off"
done
check --no-offload=all
! ctl b debug datapath | grep -q '^  .* on$' || fail "not all is off"
check --workers=1
ctl b debug datapath | grep -q '^workers: 1$' || fail "more than one worker"
