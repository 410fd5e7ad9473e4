#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   alice ─┐
#     bob ─┼─ internet ─ coord (control, relay, STUN)
#   carol ─┘
# A TCP connection from alice to bob runs at full rate while the network map changes every second (rules, names, carol
# comes and goes), both daemons are killed and started again, the direct path dies and comes back, and the sockets are
# replaced. Every byte arrives right, and nothing waits longer than the protocol's timers (lib_load.sh).
# LOAD_SECONDS (default 0: as short as that takes): how long; from 600 on at least four rekeys must have happened.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_load.sh"
LOAD_SECONDS=${LOAD_SECONDS:-0}
load_need
net_init
net_host coord 1
net_host alice 11
net_host bob 12
net_host carol 13
coord_start coord 10.77.0.1
for n in alice bob carol; do
	node_start $n --port 41641
	node_up $n --accept-dns=false
done
A=$(node_ip alice) B=$(node_ip bob)

via() { ctl alice ping --c=1 --until-direct=false --timeout=2s "$B" | grep -q "via $1"; }
said() { echo "$(($(date +%s) - BEGAN)) s: $*"; }

restart() { # NODE
	load_event $LIMIT_RESTART "restart of $1"
	node_stop "$1" KILL
	node_start "$1" --port 41641
	load_moves $((LIMIT_RESTART / 1000)) "the restart of $1"
	said "$1 restarted"
}

change_path() {
	load_event $LIMIT_PATH "direct to relay"
	underlay_block alice bob
	wait_for 20 via DERP || fail "traffic does not go by the relay"
	load_moves $((LIMIT_PATH / 1000)) "the change to the relay"
	sleep 2
	load_event $LIMIT_QUIET "relay to direct"
	underlay_unblock alice bob
	wait_for 30 via 10.77 || fail "the path does not become direct again"
	load_moves $((LIMIT_QUIET / 1000)) "the change to the direct path"
	said "direct, relay, direct"
}

rebind() {
	load_event $LIMIT_PATH "sockets replaced"
	ctl bob debug rebind >/dev/null || fail "rebind"
	ctl alice debug rebind >/dev/null || fail "rebind"
	sleep 1
	load_moves $((LIMIT_PATH / 1000)) "the change of the sockets"
	said "sockets replaced"
}

last_handshake() {
	ctl alice status --json | tr -d ' \n' | grep -o '"HostName":"bob".*' | grep -o '"LastHandshake":"[^"]*' | head -n 1 | cut -d '"' -f 4
}
wait_for 10 can_ping alice "$B" || fail "ping"
wait_for 20 via 10.77 || fail "no direct path"
BEGAN=$(date +%s)
sessions_watch
load_start alice bob "$B"
netmap_noise alice carol
sleep 2
restart bob
change_path
rebind
load_go_on
rekeys=$(rekeys)
restart alice
noise_stop
"$MESHCOORD" node rename bob last --state "$COORD_DIR" && wait_for 10 sh -c "'$MESHCTL' --socket '$(node_socket alice)' status | grep -q last" ||
	fail "alice does not follow the network map"
echo "$(cat "$NET_DIR/noise.rounds") network maps, $rekeys rekeys"
load_end
[ "$LOAD_SECONDS" -lt 600 ] || [ $rekeys -ge 4 ] || fail "only $rekeys rekeys"
