# SPDX-License-Identifier: GPL-2.0-or-later
# lib_meshd.sh: contenders meshd, other and ceiling (lib_pair.sh has the verbs).
#   meshd     $MESHD $MESHD_FLAGS; all of them with $MESHCTL and $MESHCOORD
#   other     $BENCH_OTHER $BENCH_OTHER_FLAGS: another build or other flags, to compare
#   ceiling   $BENCH_CEILING: built with BENCH_NO_CRYPTO=1, our own path without its cipher, of use to no network

mesh_node() { # PAIR SIDE PROGRAM [flags]
	MESHD_WAS=$MESHD
	node=$1$2
	MESHD=$3
	shift 3
	node_start "$node" --port 41641 "$@"
	MESHD=$MESHD_WAS
}

is_direct() { ctl "$1" ping --c=1 "$2" 2>/dev/null | grep -q 'via 10\.'; }

mesh_up() { # PAIR PROGRAM [flags]
	mesh=$1
	shift
	pair_up "$mesh"
	rm -rf "$NET_DIR/coord"
	coord_start "${mesh}a" $PAIR_A
	for side in a b; do
		mesh_node "$mesh" $side "$@"
		node_up "$mesh$side"
	done
	eval "ADDR_${mesh}a=$(node_ip "${mesh}a") ADDR_${mesh}b=$(node_ip "${mesh}b") PORT_$mesh=41641"
	wait_for 30 is_direct "${mesh}a" "$(addr_of "${mesh}b")" || fail "$mesh: no direct path"
}

mesh_down() { # PAIR
	for side in a b; do node_stop "$1$side"; done
	coord_stop
	pids_forget "$(pid_of "$1a")" "$(pid_of "$1b")" "$COORD_PID"
	pair_down "$1"
}

# The first public key of a status is the node's own: nodekey: and 64 hexadecimal digits.
node_key_of_status() { sed -n 's/.*"PublicKey": *"\(nodekey:[0-9a-f]*\)".*/\1/p' | head -n 1; }

meshd_label() { echo meshd; }
meshd_have() { [ -x "$MESHD" ] && [ -x "$MESHCTL" ] && [ -x "$MESHCOORD" ]; }
meshd_version() { "$MESHD" --version | head -n 1; }
meshd_programs() { echo "$MESHD $MESHCTL"; }
meshd_up() { mesh_up meshd "$MESHD" ${MESHD_FLAGS:-}; }
meshd_down() { mesh_down meshd; }
meshd_key() { ctl meshda status --json | node_key_of_status; }

other_label() { echo "meshd, other${BENCH_OTHER_FLAGS:+ ($BENCH_OTHER_FLAGS)}"; }
other_have() { [ -x "${BENCH_OTHER:-/nonexistent}" ]; }
other_version() { "$BENCH_OTHER" --version | head -n 1; }
other_programs() { echo "$BENCH_OTHER"; }
other_up() { mesh_up other "$BENCH_OTHER" ${BENCH_OTHER_FLAGS:-}; }
other_down() { mesh_down other; }
other_key() { ctl othera status --json | node_key_of_status; }
other_figures() { echo tcp1 tcp4 bidir udp64 udp1200 udpgso ping hs; }

ceiling_label() { echo 'meshd without cipher'; }
ceiling_figures() { echo tcp1 tcp4 bidir udp64 udp1200 udpgso; }
ceiling_have() { [ -x "${BENCH_CEILING:-/nonexistent}" ]; }
ceiling_version() { echo "$("$BENCH_CEILING" --version | head -n 1), BENCH_NO_CRYPTO=1"; }
ceiling_programs() { echo "$BENCH_CEILING"; }
ceiling_up() { mesh_up ceiling "$BENCH_CEILING" --aead=none; }
ceiling_down() { mesh_down ceiling; }
ceiling_key() { ctl ceilinga status --json | node_key_of_status; }
