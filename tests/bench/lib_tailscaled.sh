# SPDX-License-Identifier: GPL-2.0-or-later
# lib_tailscaled.sh: contender tailscaled: two of them on one headscale, all from $MESH_PEERS, with their defaults
# (so with their netfilter rules). Verbs: lib_pair.sh.

ts_is_direct() { ts "$1" ping --c=1 "$2" 2>/dev/null | grep -q 'via 10\.'; }

tailscaled_label() { echo tailscaled; }
tailscaled_have() {
	for p in headscale tailscaled tailscale; do [ -x "${MESH_PEERS:-/nonexistent}/$p" ] || return 1; done
	command -v openssl >/dev/null
}
tailscaled_version() {
	echo "tailscaled $("$MESH_PEERS/tailscaled" --version | head -n 1), headscale $("$MESH_PEERS/headscale" version | head -n 1)"
}
tailscaled_programs() { echo "$MESH_PEERS/tailscaled $MESH_PEERS/tailscale"; }
tailscaled_up() {
	pair_up tailscaled
	rm -rf "$NET_DIR/hs"
	hs_start tailscaleda $PAIR_A
	for side in a b; do
		ts_start tailscaled$side
		ts_up tailscaled$side
	done
	ADDR_tailscaleda=$(ts tailscaleda ip -4) ADDR_tailscaledb=$(ts tailscaledb ip -4) PORT_tailscaled=41641
	wait_for 30 ts_is_direct tailscaleda "$ADDR_tailscaledb" || fail "tailscaled: no direct path"
}
tailscaled_down() {
	for side in a b; do node_stop tailscaled$side; done
	hs_stop
	pids_forget "$PID_tailscaleda" "$PID_tailscaledb" "$HS_PID"
	pair_down tailscaled
	unset SSL_CERT_FILE
}
tailscaled_key() { ts tailscaleda status --json | node_key_of_status; }
