#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Two nodes of a good server talk directly. Then something else answers at that server's address, with
# another key and hostile: the last good map and the traffic stay. When the good server is back both find
# it again without a restart.
. "$(dirname "$0")/../netns/lib.sh"
net_init
. "$ROOT/tests/fault/hostile.sh"
net_host evil 1
net_host alice 11
net_host bob 12
coord_start evil 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n
done
b=$(node_ip bob)
wait_for 10 can_ping alice "$b" || fail "alice to bob"
ctl alice ping --c=10 bob >/dev/null || fail "no direct path"

asked() { [ "$(hostile_saw "$1" "$2")" -gt 0 ]; }

coord_stop KILL
set -- key-garbage key noise-garbage ts2021 noise-error ts2021 early-huge ts2021 h2-ping-flood ts2021 \
	map-prefix map map-bomb map map-garbage map map-deep map
while [ $# -gt 0 ]; do
	name=m$#
	hostile_start $name 8080 "$1"
	wait_for 15 asked $name "$2" || complain "$1: no $2 was asked for"
	lossless alice "$b" 15 0.1 || complain "$1: packets of the direct path were lost"
	unharmed alice "$1"
	unharmed bob "$1"
	hostile_stop $name
	for p in $(ip netns pids "$TAG-evil"); do kill -9 "$p" 2>/dev/null; done # its connections
	shift 2
done

coord_again
online() { [ "$("$MESHCOORD" node list --json --state "$COORD_DIR" | grep -c '"online": true')" = 2 ]; }
wait_for 35 online || complain "not both nodes found the server again"
lossless alice "$b" 15 0.1 || complain "packets were lost at the end"
complaints_end
