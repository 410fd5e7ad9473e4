#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The benchmark itself still works: its helpers count right, its verbs bring up a pair, its table has figures.
# What the figures are is of no concern here.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
TOOLS=${BUILD:-$ROOT/build}/tests/bench
NET_DIR=$(mktemp -d) || exit 1
trap 'rm -rf "$NET_DIR"' EXIT
trap 'exit 130' INT TERM
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: $2, expected $3"; } # WHAT IS EXPECTED

. "$ROOT/tests/bench/lib_measure.sh"
. "$ROOT/tests/bench/lib_report.sh"
printf '%s\n' 10 9 200 1.5 >"$NET_DIR/even"
printf '%s\n' 4 2 3 >"$NET_DIR/odd"
is 'three figures of four runs' "$(three "$NET_DIR/even")" '1.50 / 9.50 / 200'
is 'three figures of three runs' "$(three "$NET_DIR/odd")" '2.00 / 3.00 / 4.00'
is 'figures of nobody' "$(three "$NET_DIR/none")" -
is 'ratio of medians' "$(ratio "$NET_DIR/even" "$NET_DIR/odd")" 3.17
is '99th percentile' "$(seq 200 | percentile 99)" 198

# Slow enough to lose nothing: the receiver must count what the sender says it sent.
counts() { # sender's flags...
	port=$((20000 + $$ % 20000))
	"$TOOLS/udp_blast" recv --port $port >"$NET_DIR/got" &
	receiver=$!
	sleep 0.3
	"$TOOLS/udp_blast" send --to 127.0.0.1 --port $port --rate 5000 --seconds 1 "$@" >"$NET_DIR/sent" ||
		fail "udp_blast send $*"
	wait $receiver || fail "udp_blast recv: $(cat "$NET_DIR/got")"
	is "datagrams received, $*" "$(value "$NET_DIR/got" received)" "$(value "$NET_DIR/sent" sent)"
	is "damaged, $*" "$(value "$NET_DIR/got" wrong)" 0
	is "twice, $*" "$(value "$NET_DIR/got" twice)" 0
}
counts --size 64
counts --size 1200 --gso 8
for wrong in 'send --to 127.0.0.1' 'recv' 'send --to 127.0.0.1 --port 9 --size 15 --rate 1 --seconds 1' \
	'send --to 127.0.0.1 --port 9 --size 1472 --rate 1 --seconds 1 --gso 64'; do
	"$TOOLS/udp_blast" $wrong >/dev/null 2>&1 && fail "udp_blast takes: $wrong"
done
"$TOOLS/hs_rate" 5 | grep -q 'in a second | [1-9]' || fail "hs_rate has no figure"

BENCH_ONLY='tcp1 udp1200 hs' BENCH_CONTENDERS=meshd ROUNDS=1 SECS=2 UDP_SECS=1 HS_RATE=500 HS_SECS=1 BENCH_LOCK= BENCH_OUT= BENCH_PERF= \
	sh "$ROOT/tests/bench/bench.sh" >"$NET_DIR/table" 2>"$NET_DIR/err"
rc=$?
[ $rc != 77 ] || { tail -n 1 "$NET_DIR/table"; exit 77; }
[ $rc = 0 ] || fail "bench.sh: $(tail -n 30 "$NET_DIR/err")"
for what in 'TCP, one flow' 'UDP, 1200 bytes' "strangers' initiations"; do
	grep -q "^| $what.* | [0-9.]* / [0-9.]* / [0-9.]* |" "$NET_DIR/table" || fail "no row: $what ($(cat "$NET_DIR/table"))"
done
