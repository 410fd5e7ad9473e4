# SPDX-License-Identifier: GPL-2.0-or-later
# lib_relay.sh: two nodes that have only a relay, because UDP does not arrive. Both kinds of node use the same
# server program, which carries control and relay: headscale where $MESH_PEERS has it, else meshcoord.
# Sourced by bench.sh.

relay_server() { # NODE
	if tailscaled_have; then
		rm -rf "$NET_DIR/hs"
		hs_start "$1" $PAIR_A
		RELAY_PID=$HS_PID
		RELAY_NAME='headscale (TLS)'
	else
		rm -rf "$NET_DIR/coord"
		coord_start "$1" $PAIR_A
		RELAY_PID=$COORD_PID
		RELAY_NAME='meshcoord'
	fi
}

relay_join_meshd() { # NODE
	m_start "$1" --port 41641 ${MESHD_FLAGS:-}
	if tailscaled_have; then m_up "$1"; else node_up "$1"; fi
	eval "ADDR_$1=$(node_ip "$1")"
}

relay_join_tailscaled() {
	ts_start "$1"
	ts_up "$1"
	eval "ADDR_$1=$(ts "$1" ip -4)"
}

relay_is_direct_meshd() { is_direct "$@"; }
relay_is_direct_tailscaled() { ts_is_direct "$@"; }

relay_up() { # meshd|tailscaled
	pair_up "$1"
	relay_server "${1}a"
	pair_block_udp "$1"
	for relay_side in a b; do relay_join_"$1" "$1$relay_side"; done
	wait_for 30 can_ping "${1}a" "$(addr_of "${1}b")" || fail "$1: no traffic by relay"
	! relay_is_direct_"$1" "${1}a" "$(addr_of "${1}b")" || fail "$1: direct although UDP is blocked"
}

relay_down() {
	for side in a b; do node_stop "$1$side"; done
	kill "$RELAY_PID"
	wait "$RELAY_PID" 2>/dev/null
	pids_forget "$(pid_of "${1}a")" "$(pid_of "${1}b")" "$RELAY_PID"
	pair_down "$1"
	unset SSL_CERT_FILE
}

relay_rounds() {
	for round in $(seq "$ROUNDS"); do
		for c in $(nodes); do
			say "relay, round $round: $c"
			piece_begin
			relay_up "$c"
			measure_flow "$c" relay
			relay_down "$c"
			piece_end
		done
	done
}
