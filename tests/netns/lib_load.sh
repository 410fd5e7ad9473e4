# SPDX-License-Identifier: GPL-2.0-or-later
# lib_load.sh: one full TCP connection through a tunnel while everything around it changes, on top of lib.sh. Sourced
# by sh. The connection must survive all of it; what may happen is a wait, and each event says how long.
#
#   load_need                     skip without the program tests/load/stream
#   load_start FROM TO ADDRESS    the stream, FROM's namespace to TO's, whose tunnel address is ADDRESS
#   load_event LIMIT_MS NAME      from now on, until the next event, waits up to that long are in order
#   load_flows                    the stream moves now
#   load_moves SECONDS WHAT       it does within that time, or the test fails
#   load_go_on                    until $LOAD_SECONDS after $BEGAN: now and then the caller's change_path and rebind
#   load_end                      stop it, and judge: every byte right, no wait beyond its event's limit
#   netmap_noise NODE OTHER       every second another network map for everybody: the policy's rules, NODE's name, and
#                                 OTHER leaves the network and joins again
#   noise_stop                    ends that
#   sessions_watch                from now on, note when the last handshake was, as the caller's last_handshake says
#   rekeys                        how many sessions followed another after REKEY_AFTER_TIME (a restart's do not)
#   underlay_block NODE... / underlay_unblock NODE...   UDP from outside is dropped on arrival; TCP is not
# $LOAD_RATE (Mb/s; default: as fast as it gets) slows the stream. $LOAD_TUN: the receiver's tunnel device (mesh0).

STREAM=${BUILD:-$ROOT/build}/tests/load/stream
LOAD_PORT=7100
LOAD_RATE=${LOAD_RATE:-}
LOAD_TUN=mesh0

# How long the protocol may be silent, and why. TCP tries again only after its retransmission timer, which doubles while
# nothing comes back, so the connection can wait as long again as the path was dead.
#   path      a path is trusted for 6.5 s after its last proof (PATH_TRUST_MS); until then nothing goes by the relay
#   restart   what was sent is not answered for 15.3 s: new handshake, whose first message may be lost: 5.3 s more
#   quiet     nothing is lost on purpose. What remains is the machine: with a load of ten times its processors 6 s were
#             seen. $LOAD_BUSY_MS sets another allowance, 3000 for a machine that does nothing else.
BUSY_MS=${LOAD_BUSY_MS:-12000}
LIMIT_QUIET=$BUSY_MS
LIMIT_PATH=$((2 * 6500 + BUSY_MS))
LIMIT_RESTART=$((2 * (15333 + 5333) + BUSY_MS))

load_need() { [ -x "$STREAM" ] || skip "needs $STREAM (make netns builds it)"; }

load_start() {
	LOAD_TO=$2
	$IN_NS "$TAG-$2" "$STREAM" recv --port $LOAD_PORT --seed $$ >"$NET_DIR/recv.log" 2>&1 &
	LOAD_RECV=$!
	NET_PIDS="$NET_PIDS $LOAD_RECV"
	wait_for 5 sh -c "$IN_NS $TAG-$2 ss -ltn | grep -q ':$LOAD_PORT '" || fail "the receiver did not start"
	$IN_NS "$TAG-$1" "$STREAM" send --to "$3" --port $LOAD_PORT --seed $$ --seconds 86400 ${LOAD_RATE:+--rate $LOAD_RATE} \
		>"$NET_DIR/send.log" 2>&1 &
	LOAD_SEND=$!
	NET_PIDS="$NET_PIDS $LOAD_SEND"
	load_event $LIMIT_QUIET start
	load_moves 10 "the start"
}

epoch_ms() { echo $(($(date +%s%N) / 1000000)); }
load_event() { echo "$(epoch_ms) $*" >>"$NET_DIR/events.log"; }

# Bytes that reached the receiver's tunnel device; nothing while it is away.
tunnel_bytes() { in_ns "$LOAD_TO" ip -s link show "$LOAD_TUN" 2>/dev/null | awk '/RX:/ { getline; print $1 }'; }
load_flows() {
	before=$(tunnel_bytes)
	sleep 0.3
	after=$(tunnel_bytes)
	[ $((${after:-0} - ${before:-0})) -gt 50000 ] && [ "${before:-0}" -gt 0 ]
}
load_moves() { wait_for "$1" load_flows || fail "nothing moves after $2"; }

load_go_on() {
	load_event $LIMIT_QUIET quiet
	while [ $(($(date +%s) - BEGAN)) -lt $((LOAD_SECONDS - 30)) ]; do
		sleep 20
		load_moves $((LIMIT_QUIET / 1000)) "a while"
		[ $(($(date +%s) - BEGAN)) -gt $((LOAD_SECONDS - 60)) ] && break
		change_path
		rebind
		load_event $LIMIT_QUIET quiet
	done
}

# "stall MS from EPOCH_MS" of the receiver against the events: the largest limit of those that it overlaps.
stalls_judge() {
	awk '
		BEGIN { n = 0 }
		FNR == NR { at[n] = $1; limit[n] = $2; sub(/^[0-9]* [0-9]* /, ""); name[n++] = " [" $0 "]"; next }
		$1 == "stall" {
			end = $4 + $2; allowed = 0; during = ""
			for (i = 0; i < n; i++)
				if (at[i] <= end && (i == n - 1 || at[i + 1] > $4)) {
					during = during name[i]
					if (limit[i] > allowed) allowed = limit[i]
				}
			word = "in order"
			if ($2 > allowed) { word = "TOO LONG"; bad++ }
			printf "%s: wait of %d ms, at most %d:%s\n", word, $2, allowed, during
		}
		END { exit bad > 0 }' "$NET_DIR/events.log" "$NET_DIR/recv.log"
}

field() { sed -n "s/.*\\b$2 \\([0-9a-f]*\\).*/\\1/p" "$NET_DIR/$1.log" | tail -n 1; }

load_end() {
	kill -TERM $LOAD_SEND
	wait $LOAD_SEND || fail "sender: $(tail -n 1 "$NET_DIR/send.log")"
	wait $LOAD_RECV || fail "receiver: $(tail -n 1 "$NET_DIR/recv.log")"
	tail -n 1 "$NET_DIR/recv.log"
	[ "$(field recv corrupted)" = 0 ] || fail "$(field recv corrupted) bytes are wrong"
	[ "$(field recv received)" = "$(field send sent)" ] || fail "not all bytes arrived"
	[ "$(field recv received)" -gt 10000000 ] || fail "hardly anything was sent"
	[ -n "$(field send sha256)" ] && [ "$(field send sha256)" = "$(field recv sha256)" ] || fail "SHA-256 differs"
	stalls_judge || fail "a wait was too long"
}

noise_policy() { # NUMBER: everybody may reach everybody, and one rule is new each time
	"$MESHCOORD" policy set - --state "$COORD_DIR" <<-E
		{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]},
		          {"action": "accept", "src": ["100.64.0.0/10"], "dst": ["*:$((1000 + $1))"]}]}
	E
}

noise_round() { # NUMBER NODE OTHER
	case $(($1 % 3)) in
	0) noise_policy "$1" ;;
	1) "$MESHCOORD" node rename "$2" "$2" --state "$COORD_DIR" && "$MESHCOORD" node rename "$2" "$2-$1" --state "$COORD_DIR" &&
		"$MESHCOORD" node rename "$2-$1" "$2" --state "$COORD_DIR" ;;
	2) "$MESHCOORD" node delete "$3" --state "$COORD_DIR" && ctl "$3" up --login-server="$COORD_URL" \
		--authkey="$(coord_key --reusable)" --hostname="$3" --accept-dns=false --force-reauth --timeout=20s ;;
	esac
}

netmap_noise() {
	(
		round=0
		while sleep 1 && [ ! -e "$NET_DIR/noise.end" ]; do
			round=$((round + 1))
			noise_round $round "$1" "$2" >>"$NET_DIR/noise.log" 2>&1 || echo "round $round failed" >>"$NET_DIR/noise.log"
			echo $round >"$NET_DIR/noise.rounds"
		done
	) &
	NOISE_PID=$!
	NET_PIDS="$NET_PIDS $NOISE_PID"
}

noise_stop() {
	: >"$NET_DIR/noise.end"
	wait $NOISE_PID
	! grep 'failed$' "$NET_DIR/noise.log" || fail "the network map did not change as it should"
	[ "$(cat "$NET_DIR/noise.rounds")" -ge 3 ] || fail "the network map hardly changed"
}

underlay_block() {
	for ns in "$@"; do
		in_ns "$ns" nft -f - <<-E || fail "cannot block UDP"
			table inet underlay {
				chain in { type filter hook input priority -300; iifname "eth0" meta l4proto udp drop; }
			}
		E
	done
}
underlay_unblock() { for ns in "$@"; do in_ns "$ns" nft delete table inet underlay || fail "cannot unblock UDP"; done; }

# The same handshake is told with a few milliseconds' difference: whole seconds, and gaps.
sessions_watch() {
	(while sleep 2; do at=$(last_handshake) && [ -n "$at" ] && date -d "$at" +%s >>"$NET_DIR/handshakes"; done) &
	NET_PIDS="$NET_PIDS $!"
}
rekeys() { sort -n "$NET_DIR/handshakes" | awk '$1 > last + 115 && $1 < last + 180 { n++ } { last = $1 } END { print n + 0 }'; }
