# SPDX-License-Identifier: GPL-2.0-or-later
# lib_join.sh: how long coming into a network takes, in milliseconds. Both kinds of node join the same meshcoord on
# the pair of lib_pair.sh; a is there already when b comes. Sourced by bench.sh.

join_node() { # CONTENDER NODE start|spawn
	if [ "$1" = meshd ]; then "node_$3" "$2" --port 41641 ${MESHD_FLAGS:-}; else "ts_$3" "$2"; fi
}
join_up() {
	UP_URL=$COORD_URL UP_KEY=coord_key
	if [ "$1" = meshd ]; then node_up "$2"; else ts_up "$2"; fi
	unset UP_URL UP_KEY
}
join_ip() { if [ "$1" = meshd ]; then node_ip "$2"; else ts "$2" ip -4; fi; }
join_is_direct() { if [ "$1" = meshd ]; then is_direct "$2" "$3"; else ts_is_direct "$2" "$3"; fi; }

ms_until() { # MILLISECONDS_AT_MOST command...: how many it took to succeed
	began=$(now_ms) most=$1
	shift
	until "$@" >/dev/null 2>&1 || [ $(($(now_ms) - began)) -ge "$most" ]; do :; done
	echo $(($(now_ms) - began))
}

measure_join() { # CONTENDER
	pair_up "$1"
	rm -rf "$NET_DIR/coord"
	coord_start "${1}a" $PAIR_A
	for join_side in a b; do join_node "$1" "$1$join_side" start; done
	join_up "$1" "${1}a"
	figure join_up "$1" "$(ms_until 30000 join_up "$1" "${1}b")"
	to=$(join_ip "$1" "${1}a")
	figure join_echo "$1" "$(ms_until 15000 can_ping "${1}b" "$to")"
	figure join_direct "$1" "$(ms_until 15000 join_is_direct "$1" "${1}b" "$to")"
	node_stop "${1}b"
	join_again=$(now_ms)
	join_node "$1" "${1}b" spawn
	ms_until 20000 can_ping "${1}b" "$to" >/dev/null
	figure join_again "$1" $(($(now_ms) - join_again))
	for side in a b; do node_stop "$1$side"; done
	coord_stop
	pids_forget "$(pid_of "${1}a")" "$(pid_of "${1}b")" "$COORD_PID"
	pair_down "$1"
}

join_rounds() {
	for round in $(seq "$ROUNDS"); do
		for c in $(nodes); do
			say "join, round $round: $c"
			piece_begin
			measure_join "$c"
			piece_end
		done
	done
}
