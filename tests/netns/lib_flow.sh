# SPDX-License-Identifier: GPL-2.0-or-later
# lib_flow.sh: TCP connections that run on while a test changes the network under them, and how long each of them was
# silent after each change. On top of lib.sh; sourced by sh.
#
#   flow_need                       skip without the program tests/load/stream
#   flow_start NAME FROM TO ADDRESS a connection from FROM's namespace to TO's, whose address is ADDRESS (IPv4)
#   flow_event NAME                 what happens from now on, until the next event
#   flows_move WHAT                 each connection moves again within $FLOW_PATIENCE seconds, or the test fails
#   flows_end                       end them; every byte arrived right; print the silences; judge them
# A silence may be $SILENCE_MS (3000) long, and $FLOW_BUSY_MS (12000; 0 for a machine that does nothing else) longer on
# a machine that makes everybody wait.

STREAM=${BUILD:-$ROOT/build}/tests/load/stream
SILENCE_MS=${SILENCE_MS:-3000}
FLOW_BUSY_MS=${FLOW_BUSY_MS:-12000}
FLOW_PATIENCE=${FLOW_PATIENCE:-60}
FLOW_RATE=${FLOW_RATE:-20}
FLOWS=
FLOW_PORT=7200

flow_need() { [ -x "$STREAM" ] || skip "needs $STREAM (make netns builds it)"; }

flow_start() {
	FLOW_PORT=$((FLOW_PORT + 1))
	$IN_NS "$TAG-$3" "$STREAM" recv --port $FLOW_PORT --seed $$ --stall 400 >"$NET_DIR/flow-$1.recv" 2>&1 &
	eval "FLOW_RECV_$1=$!"
	NET_PIDS="$NET_PIDS $!"
	wait_for 10 sh -c "$IN_NS $TAG-$3 ss -ltn | grep -q ':$FLOW_PORT '" || fail "flow $1: the receiver did not start"
	$IN_NS "$TAG-$2" "$STREAM" send --to "$4" --port $FLOW_PORT --seed $$ --seconds 86400 --rate "$FLOW_RATE" \
		>"$NET_DIR/flow-$1.send" 2>&1 &
	eval "FLOW_SEND_$1=$!"
	NET_PIDS="$NET_PIDS $!"
	eval "FLOW_NS_$1=$3 FLOW_PORT_$1=$FLOW_PORT"
	FLOWS="$FLOWS $1"
	flow_event start
	flow_moves "$1" || fail "flow $1 does not start"
}

flow_event() { echo "$(($(date +%s%N) / 1000000)) $*" >>"$NET_DIR/flow.events"; }

# Bytes that the receiver's end of the connection has got.
flow_bytes() {
	eval "flow_at=\$FLOW_NS_$1 flow_on=\$FLOW_PORT_$1"
	in_ns "$flow_at" ss -tinH state established "sport = :$flow_on" | grep -o 'bytes_received:[0-9]*' | cut -d : -f 2
}
flow_moved() { [ "$(flow_bytes "$1")" -gt "$2" ]; }
flow_moves() { wait_for "${2:-$FLOW_PATIENCE}" flow_moved "$1" $(($(flow_bytes "$1") + 100000)); }

flows_move() {
	for f in $FLOWS; do
		flow_moves "$f" || fail "$1: the connection $f does not move"
	done
}

# Each "stall MS from EPOCH_MS" belongs to the last event before its end.
flow_silences() { # NAME
	awk -v flow="$1" -v limit=$((SILENCE_MS + FLOW_BUSY_MS)) '
		FNR == NR { at[n] = $1; sub(/^[0-9]* /, ""); name[n++] = $0; next }
		$1 == "stall" {
			for (e = 0; e + 1 < n && at[e + 1] <= $4 + $2; e++)
				continue
			if ($2 > worst[e]) worst[e] = $2
		}
		END {
			for (e = 0; e < n; e++) {
				printf "%s: %s: %s\n", flow, name[e], worst[e] ? "silent for " worst[e] " ms" : "no silence"
				bad += worst[e] > limit
			}
			exit bad > 0
		}' n=0 "$NET_DIR/flow.events" "$NET_DIR/flow-$1.recv"
}

flow_field() { sed -n "s/.*\\b$2 \\([0-9a-f]*\\).*/\\1/p" "$NET_DIR/flow-$1" | tail -n 1; }

flow_end() {
	eval "send=\$FLOW_SEND_$1 recv=\$FLOW_RECV_$1"
	kill -TERM "$send"
	wait "$send" || fail "flow $1: sender: $(tail -n 1 "$NET_DIR/flow-$1.send")"
	wait "$recv" || fail "flow $1: receiver: $(tail -n 1 "$NET_DIR/flow-$1.recv")"
	[ "$(flow_field "$1.recv" received)" = "$(flow_field "$1.send" sent)" ] || fail "flow $1: not all bytes arrived"
	[ -n "$(flow_field "$1.send" sha256)" ] && [ "$(flow_field "$1.send" sha256)" = "$(flow_field "$1.recv" sha256)" ] ||
		fail "flow $1: wrong bytes"
}

flows_end() {
	for f in $FLOWS; do flow_end "$f"; done
	long=
	for f in $FLOWS; do flow_silences "$f" || long="$long $f"; done
	FLOWS=
	[ -z "$long" ] || fail "silent for more than $SILENCE_MS ms (+ $FLOW_BUSY_MS for the machine):$long"
}
