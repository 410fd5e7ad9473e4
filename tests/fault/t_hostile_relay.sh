#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The home relay misbehaves in each way there is, while two nodes talk over a direct path: nothing of
# theirs is lost, memory stays bounded, the relay is not stormed, and a good relay is used again after it.
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

use_relay() { # PORT: alice is told that this is the only relay
	id=$1
	"$MESHCOORD" debug inject --state "$COORD_DIR" alice "{\"DERPMap\":{\"omitDefaultRegions\":true,\"Regions\":{\"$id\":{
		\"RegionID\":$id,\"RegionCode\":\"h\",\"RegionName\":\"h\",\"Nodes\":[{\"Name\":\"h\",\"RegionID\":$id,
		\"HostName\":\"10.77.0.1\",\"IPv4\":\"10.77.0.1\",\"STUNPort\":3478,\"DERPPort\":$1,
		\"InsecureForTests\":true}]}}}}" >/dev/null || fail "inject"
}

asked() { [ "$(hostile_saw "$1" derp)" -gt 0 ]; }

port=9100
for mode in relay-closes relay-endless-head relay-no-info relay-garbage relay-huge-frame relay-ping-flood \
	relay-unknown-senders; do
	port=$((port + 1))
	name=r$port
	hostile_start $name $port $mode
	began=$(date +%s)
	use_relay $port
	wait_for 6 asked $name || complain "$mode: the relay was not dialed"
	lossless alice "$b" 15 0.1 || complain "$mode: packets of the direct path were lost"
	sleep 1
	most=$(($(date +%s) - began + 4))
	[ "$(hostile_saw $name derp)" -le $most ] || complain "$mode: $(hostile_saw $name derp) connections"
	unharmed alice $mode
	hostile_stop $name
done

"$MESHCOORD" debug drop-map --state "$COORD_DIR" alice >/dev/null
relay_clients() { "$MESHCOORD" debug stats --state "$COORD_DIR" | grep -q '"relay_clients": 2'; }
wait_for 20 relay_clients || complain "the good relay is not used again"
complaints_end
