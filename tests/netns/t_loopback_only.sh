#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine without a network whose server and relay are on itself: the node runs all the same, also
# when it is told that the network is down while it runs.
. "$(dirname "$0")/lib.sh"
net_init
net_host box 1
coord_start box 127.0.0.1
in_ns box ip link set eth0 down
node_start box
node_up box
wait_for 10 sh -c "'$MESHCTL' --socket '$(node_socket box)' status --json | grep -q '\"Running\"'" ||
	fail "not running on the loopback alone"
home_up() { ctl box debug derp | grep -q '"Connected": *true'; }
wait_for 5 home_up || fail "no relay on the loopback"
in_ns box ip link set eth0 up
sleep 2
in_ns box ip link set eth0 down
sleep 2
wait_for 5 home_up || fail "the relay was lost with the network"
