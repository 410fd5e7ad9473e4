#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One node for each way in which a control server can misbehave. Each must live, answer, stay small, ask
# again at a bounded rate, print nothing unescaped and end in order.
. "$(dirname "$0")/../netns/lib.sh"
net_init
. "$ROOT/tests/fault/hostile.sh"
WATCHED_S=${WATCHED_S:-12}
BURST=6 # of requests of one kind; then one a second
net_host evil 1

# Mode, and the request that shows that the mode was reached.
cases="
key-garbage key           key-endless-head key    key-endless-body key     key-drip key
key-redirect key          key-low-order key
noise-close ts2021        noise-silent ts2021     noise-garbage ts2021     noise-error ts2021
record-long ts2021        early-huge ts2021
h2-garbage ts2021         h2-ping-flood ts2021    h2-settings-flood ts2021 h2-continuation-flood ts2021
register-expired register register-url register   register-file-url register register-error register
register-garbage register register-silent register register-endless register
register-401 register     register-404 register   register-410 register    register-500 register
register-429 register     register-429:999999999999 register
register-429:soon register
map-404 map               map-500 map             map-ends map
map-prefix map            map-bomb map            map-window map           map-garbage map
map-deep map              map-silent map          map-peers map            map-endpoints map
map-same-id map           map-same-key map        map-self-as-peer map     map-low-order map
map-flood map             map-exit map              map-sleep map           map-ping-local map
"
set -- $cases
n=0 names=
while [ $# -gt 0 ]; do
	n=$((n + 1))
	name=v$n
	names="$names $name"
	eval "mode_$name=$1 reached_$name=$2"
	net_host $name $((10 + n))
	hostile_start $name $((9000 + n)) "$1"
	node_start $name
	eval "began_$name=$(date +%s)"
	ctl $name up --login-server=http://10.77.0.1:$((9000 + n)) --authkey=mesh-hostile --timeout=${WATCHED_S}s \
		>"$NET_DIR/$name.up" 2>&1 &
	NET_PIDS="$NET_PIDS $!"
	shift 2
done
sleep "$WATCHED_S"
asked() { [ "$(hostile_saw "$1" "$2")" -gt 0 ]; }
took_peers() { [ "$(ctl "$1" status --json | grep -c '"PublicKey"')" -gt 10000 ]; }

look_at() {
	eval "mode=\$mode_$1 reached=\$reached_$1 began=\$began_$1"
	most=$(($(date +%s) - began + BURST))
	extra=0
	[ "$mode" != map-peers ] || extra=$((10000 * 4)) # 4 KiB for each peer that was taken
	unharmed "$1" "$mode" $extra
	wait_for 30 asked "$1" "$reached" || complain "$mode: no $reached was asked for"
	for what in key ts2021 register map update; do
		[ "$(hostile_saw "$1" $what)" -le $most ] || complain "$mode: $(hostile_saw "$1" $what) times $what"
	done
	[ "$(hostile_saw "$1" elsewhere)" = 0 ] || complain "$mode: a redirection was followed"
	! grep -q mesh-hostile "$NET_DIR/$1.log" "$NET_DIR/$1.json" || complain "$mode: the auth key is shown"
	[ "$mode" != map-peers ] || wait_for 30 took_peers "$1" || complain "map-peers: 10000 peers were not taken"
}

for name in $names; do
	look_at $name
	ends_in_order $name "$mode"
	hostile_stop $name
done
complaints_end
