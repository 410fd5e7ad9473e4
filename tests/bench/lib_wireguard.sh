# SPDX-License-Identifier: GPL-2.0-or-later
# lib_wireguard.sh: contenders wg (current wireguard-go from $MESH_PEERS/wireguard), wg1420 (the same at its own
# default MTU) and wg2022 (Debian's package, which is from 2022 and has no offload). Verbs: lib_pair.sh.

wg_node() { # PAIR SIDE PROGRAM MTU
	dev=$1$2$$ # its socket file has this name, and is not in the namespace
	$IN_NS "$TAG-$1$2" env LOG_LEVEL=error "$3" -f "$dev" >>"$NET_DIR/$1$2.log" 2>&1 &
	eval "PID_$1$2=$!"
	NET_PIDS="$NET_PIDS $!"
	wait_for 5 in_ns "$1$2" wg show "$dev" || fail "$3 did not start"
	in_ns "$1$2" ip link set "$dev" mtu "$4"
}

wg_meet() { # PAIR SIDE OTHER_SIDE OTHER_ADDRESS N OTHER_N
	in_ns "$1$2" wg set "$1$2$$" listen-port 51820 private-key "$NET_DIR/$1$2.key" \
		peer "$(wg pubkey <"$NET_DIR/$1$3.key")" allowed-ips "10.99.0.$6/32" endpoint "$4:51820" || fail "wg set"
	in_ns "$1$2" ip addr add "10.99.0.$5/24" dev "$1$2$$"
	in_ns "$1$2" ip link set "$1$2$$" up
}

wg_up_pair() { # PAIR PROGRAM MTU
	pair_up "$1"
	for side in a b; do
		(umask 077 && wg genkey >"$NET_DIR/$1$side.key")
		wg_node "$1" $side "$2" "$3"
	done
	wg_meet "$1" a b $PAIR_B 1 2
	wg_meet "$1" b a $PAIR_A 2 1
	wait_for 10 can_ping "$1a" 10.99.0.2 || fail "$1: no tunnel"
	eval "ADDR_${1}a=10.99.0.1 ADDR_${1}b=10.99.0.2 PORT_$1=51820"
}

wg_down_pair() { # PAIR
	for side in a b; do node_stop "$1$side"; done
	pids_forget "$(pid_of "$1a")" "$(pid_of "$1b")"
	pair_down "$1"
}

wg_go_version() { "$1" --version 2>&1 | head -n 1; }
PEER_WG=${MESH_PEERS:-/nonexistent}/wireguard

wg_label() { echo 'wireguard-go'; }
wg_have() { [ -x "$PEER_WG" ] && command -v wg >/dev/null; }
wg_version() { wg_go_version "$PEER_WG"; }
wg_programs() { echo "$PEER_WG"; }
wg_up() { wg_up_pair wg "$PEER_WG" $MTU; }
wg_down() { wg_down_pair wg; }
wg_key() { wg pubkey <"$NET_DIR/wga.key"; }

wg1420_label() { echo 'wireguard-go, MTU 1420'; }
wg1420_figures() { echo tcp1 tcp4; }
wg1420_have() { wg_have; }
wg1420_version() { wg_version; }
wg1420_programs() { :; }
wg1420_up() { wg_up_pair wg1420 "$PEER_WG" 1420; }
wg1420_down() { wg_down_pair wg1420; }
wg1420_key() { wg pubkey <"$NET_DIR/wg1420a.key"; }

wg2022_label() { echo 'wireguard-go of 2022 (no offload)'; }
wg2022_have() { command -v wireguard-go >/dev/null && command -v wg >/dev/null; }
wg2022_version() { wg_go_version wireguard-go; }
wg2022_programs() { command -v wireguard-go; }
wg2022_up() { wg_up_pair wg2022 wireguard-go $MTU; }
wg2022_down() { wg_down_pair wg2022; }
wg2022_key() { wg pubkey <"$NET_DIR/wg2022a.key"; }
