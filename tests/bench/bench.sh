#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# bench.sh: meshd beside other tunnels, in turn, in network namespaces of this machine; prints Markdown.
#
#   BENCH_ONLY="tcp1 ping"         figures, default all: tcp1 tcp4 bidir udp64 udp1200 udpgso ping hs relay idle
#                                  join aead handshakes
#   BENCH_CONTENDERS="meshd wg"    default those that can run: meshd wg tailscaled wg2022 wg1420 ceiling other
#   ROUNDS=5 SECS=5 UDP_SECS=2     rounds, and seconds of each TCP and UDP run
#   BENCH_OUT=FILE                 where the table also goes; default RESULTS.md beside this file if all was run
#   MESH_PEERS=FOLDER              wireguard (current wireguard-go), tailscaled, tailscale, headscale
#   BENCH_CEILING=FILE             a meshd built with BENCH_NO_CRYPTO=1
#   BENCH_OTHER=FILE BENCH_OTHER_FLAGS=    another meshd beside ours
#   MESHD MESHCTL MESHCOORD MESHD_FLAGS    our programs, and flags for meshd
#   BENCH_LOCK=FILE                held around each contender's turn, where several people measure
#   BENCH_NICE=-12                 where others compute meanwhile: go first (the whole session, see sched(7), autogroup)
#   BENCH_PERF=FOLDER              profiles of the TCP flows, for perf report -i
# A contender's turn is: start, measure all, stop; lib_pair.sh says how to add one.
. "$(dirname "$0")/../interop/lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
ALL='tcp1 tcp4 bidir udp64 udp1200 udpgso ping hs'
EXTRA='relay idle join aead handshakes'
ROUNDS=${ROUNDS:-5}
SECS=${SECS:-5}
UDP_SECS=${UDP_SECS:-2}
UDP_PPS_64=${UDP_PPS_64:-400000}
UDP_PPS_1200=${UDP_PPS_1200:-400000}
UDP_PPS_GSO=${UDP_PPS_GSO:-1000000}
UDP_GSO=${UDP_GSO:-32}
HS_RATE=${HS_RATE:-20000}
HS_SECS=${HS_SECS:-3}
IDLE_S=${IDLE_S:-30}
IDLE_REST_S=${IDLE_REST_S:-75} # peers look after their paths for 45 s after the last packet
TOOLS=${BUILD:-$ROOT/build}/tests/bench
UDP_BLAST=$TOOLS/udp_blast
HS_LOAD=$TOOLS/hs_load
for f in pair meshd wireguard tailscaled measure figures relay idle join report; do . "$HERE/lib_$f.sh"; done

say() { echo "$*" >&2; }
wanted() { # FIGURE
	case " ${BENCH_ONLY:-$ALL $EXTRA} " in *" $1 "*) ;; *) return 1 ;; esac
}

is_full() { ! command -v "${1}_figures" >/dev/null; } # CONTENDER takes part in everything

figures_of() { # CONTENDER: those of its turn
	for f in $ALL; do
		wanted "$f" || continue
		is_full "$1" || "${1}_figures" | grep -qw "$f" || continue
		echo "$f"
	done
}

turn() { # CONTENDER: one run of all its figures
	todo=$(figures_of "$1")
	[ -n "$todo" ] || return 0
	piece_begin
	disturbance "$1"
	"$1_up"
	for f in $todo; do "measure_$f" "$1"; done
	"$1_down"
	piece_end
}

rounds() {
	for round in $(seq "$ROUNDS"); do
		for c in $CONTENDERS; do
			say "round $round: $c"
			turn "$c"
		done
	done
}

can_run() {
	for c in ${BENCH_CONTENDERS:-meshd wg tailscaled wg2022 wg1420 ceiling other}; do
		command -v "${c}_have" >/dev/null || fail "no such contender: $c"
		if "${c}_have"; then echo "$c"; else say "left out: $c"; fi
	done
}

# A part of its own that prints its own table.
alone() { # NAME PROGRAM
	wanted "$1" || return 0
	[ -x "$2" ] || { say "left out: $1 (no $2)"; return 0; }
	piece_begin
	say "$1"
	"$2" >"$NET_DIR/$1"
	piece_end
}

for p in iperf3 nft ss strip; do command -v $p >/dev/null || skip "needs $p"; done
for p in "$UDP_BLAST" "$HS_LOAD"; do [ -x "$p" ] || skip "needs $p (make bench)"; done
net_requirements
trap net_on_exit EXIT
trap 'exit 130' INT TERM HUP PIPE
NET_DIR=$(mktemp -d "${TMPDIR:-/tmp}/mesh-bench.XXXXXX") || fail "temporary folder"
mkdir "$NET_DIR/fig"
for f in ${BENCH_ONLY:-}; do
	case " $ALL $EXTRA " in *" $f "*) ;; *) fail "no such figure: $f" ;; esac
done
CONTENDERS=$(can_run) || exit 1
[ -n "$CONTENDERS" ] || skip "none of the programs is here"

if [ -n "${BENCH_NICE:-}" ]; then
	renice -n "$BENCH_NICE" $$ >/dev/null
	[ ! -e /proc/self/autogroup ] || echo "$BENCH_NICE" >/proc/self/autogroup
fi

rounds
! wanted relay || relay_rounds
! wanted idle || idle_run
! wanted join || join_rounds
alone aead "$TOOLS/aead_table"
alone handshakes "$TOOLS/hs_rate"

[ -n "${BENCH_ONLY:-}${BENCH_CONTENDERS:-}" ] || BENCH_OUT=${BENCH_OUT:-$HERE/RESULTS.md}
report | tee "${BENCH_OUT:-/dev/null}"
