#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   t1 (tailscaled) ─┐
#   m1 (meshd)      ─┼─ internet ─ coord (headscale: control, relay, STUN)
#   m2 (meshd)      ─┘
# A TCP connection from meshd to a real tailscaled, or with LOAD_FROM=t1 the other way, runs at full rate while the policy
# and names change every second, the direct path dies and comes back, meshd's sockets are replaced, and meshd is killed
# and started again. Every byte arrives right, and nothing waits longer than the protocol's timers (lib_load.sh).
# LOAD_SECONDS (default 0: as short as that takes): how long; from 600 on at least four rekeys must have happened.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../netns/lib_load.sh"
LOAD_SECONDS=${LOAD_SECONDS:-0}
LOAD_FROM=${LOAD_FROM:-m1}
peers_need headscale tailscaled tailscale
load_need
net_init
net_host coord 1
net_host t1 11
net_host m1 12
net_host m2 13
hs_start coord 10.77.0.1
ts_start t1
ts_up t1
for n in m1 m2; do
	m_start $n --port 41641
	m_up $n
done
T=$(ts t1 ip -4) M=$(node_ip m1)

via() { ctl m1 ping --c=1 --until-direct=false --timeout=2s "$T" | grep -q "via $1"; }
# tailscaled looks for a better path than the relay only now and then; its own ping makes it do so at once.
direct_again() { ts t1 ping --c=1 --until-direct=false --timeout=2s "$M" >/dev/null; via 10.77; }
said() { echo "$(($(date +%s) - BEGAN)) s: $*"; }

change_path() {
	load_event $LIMIT_PATH "direct to relay"
	underlay_block t1 m1
	wait_for 20 via DERP || fail "traffic does not go by the relay"
	load_moves $((LIMIT_PATH / 1000)) "the change to the relay"
	sleep 2
	load_event $LIMIT_QUIET "relay to direct"
	underlay_unblock t1 m1
	wait_for 60 direct_again || fail "the path does not become direct again"
	load_moves $((LIMIT_QUIET / 1000)) "the change to the direct path"
	said "direct, relay, direct"
}

rebind() {
	load_event $LIMIT_PATH "sockets replaced"
	ctl m1 debug rebind >/dev/null || fail "rebind"
	sleep 1
	load_moves $((LIMIT_PATH / 1000)) "the change of the sockets"
	said "sockets replaced"
}

restart() {
	load_event $LIMIT_RESTART "restart of m1"
	node_stop m1 KILL
	node_start m1 --port 41641
	load_moves $((LIMIT_RESTART / 1000)) "the restart of m1"
	said "m1 restarted"
}

# In place of lib_load.sh's: the server is Headscale.
noise_round() { # NUMBER NODE OTHER
	case $(($1 % 2)) in
	0)
		printf '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]},
			{"action": "accept", "src": ["100.64.0.0/10"], "dst": ["*:%d"]}]}' $((1000 + $1)) >"$NET_DIR/policy"
		hs policy set -f "$NET_DIR/policy"
		;;
	1) hs nodes rename -i "$(hs_id "$3")" "$3" && ctl "$3" set --hostname="$3-$1" && ctl "$3" set --hostname="$3" ;;
	esac
}

last_handshake() {
	ctl m1 status --json | tr -d ' \n' | grep -o '"HostName":"t1".*' | grep -o '"LastHandshake":"[^"]*' | head -n 1 | cut -d '"' -f 4
}

within 10 pings m1 "$T" >/dev/null || fail "ping"
wait_for 30 direct_again || fail "no direct path"
BEGAN=$(date +%s)
sessions_watch
if [ "$LOAD_FROM" = m1 ]; then
	LOAD_TUN=ts0
	load_start m1 t1 "$T"
else
	load_start t1 m1 "$M"
fi
netmap_noise m1 m2
sleep 2
restart
change_path
rebind
load_go_on
rekeys=$(rekeys)
noise_stop
echo "$(cat "$NET_DIR/noise.rounds") network maps, $rekeys rekeys"
load_end
[ "$LOAD_SECONDS" -lt 600 ] || [ "$rekeys" -ge 4 ] || fail "only $rekeys rekeys"
