# SPDX-License-Identifier: GPL-2.0-or-later
# lib_figures.sh: one function measure_NAME CONTENDER for each figure; the contender is up. Sourced by bench.sh.
# Traffic goes from host a to host b of the pair. Knobs, with their defaults in bench.sh: SECS;
# UDP_SECS, UDP_PPS_64, UDP_PPS_1200, UDP_PPS_GSO (datagrams offered a second), UDP_GSO; HS_SECS, HS_RATE.

IPERF_PORT=5201
listens() { in_ns "$1" ss -Hltn "sport = :$IPERF_PORT" | grep -q .; }

# flow CONTENDER flags...: one iperf3 run in the background; its client writes JSON to $NET_DIR/iperf.json.
flow_start() {
	pair=$1 to=$(addr_of "$1b")
	shift
	$IN_NS "$TAG-${pair}b" iperf3 -s -1 >"$NET_DIR/iperf-server.out" 2>&1 &
	FLOW_SERVER=$!
	wait_for 5 listens "${pair}b" || fail "iperf3 does not listen"
	$IN_NS "$TAG-${pair}a" timeout $((SECS + 20)) iperf3 -c "$to" -O 1 -t "$SECS" -J "$@" >"$NET_DIR/iperf.json" 2>&1 &
	FLOW_CLIENT=$!
}

flow_end() {
	wait $FLOW_CLIENT || say "    iperf3: $(grep '"error"' "$NET_DIR/iperf.json")"
	kill $FLOW_SERVER 2>/dev/null
	wait $FLOW_SERVER 2>/dev/null
	return 0
}

# Sums of the whole run are in "end": what arrived, in both directions where there are two.
flow_gbps() {
	awk '/"sum_received(_bidir_reverse)?":/ {here = 1} here && /"bits_per_second"/ {sum += $2; here = 0}
		END {if (sum) printf "%.3f", sum / 1e9}' "$NET_DIR/iperf.json"
}
flow_retransmits() {
	awk '/"sum_sent":/ {here = 1} here && /"retransmits"/ {print $2 + 0; here = 0}' "$NET_DIR/iperf.json"
}

# Until shortly before the flow ends; with BENCH_PERF=FOLDER its profile of the whole machine goes there.
watch_flow() { # CONTENDER NAME
	[ -n "${BENCH_PERF:-}" ] || { sleep $((SECS - 1)); return; }
	mkdir -p "$BENCH_PERF"
	perf record -q -a -g -F 499 -o "$BENCH_PERF/$2.$1.data" sleep $((SECS - 1)) >/dev/null 2>&1 || fail "perf record"
}

# The CPU is read over the middle of the flow, and related to the rate of the whole: start and end cost no figure.
measure_flow() { # CONTENDER NAME flags...
	who=$1 name=$2
	shift 2
	flow_start "$who" "$@"
	sleep 1.5
	meter_start "$who"
	watch_flow "$who" "$name"
	meter_stop "$who"
	[ "$name" != tcp4 ] || memory "$who" during
	flow_end
	gbps=$(flow_gbps)
	figure "$name" "$who" "$gbps"
	[ -n "$gbps" ] || return 0
	figure "${name}_daemon" "$who" "$(calc "$DAEMON_CPU * 8 / ($gbps * $SECONDS_PAST)" 2)"
	figure "${name}_machine" "$who" "$(calc "$MACHINE_CPU * 8 / ($gbps * $SECONDS_PAST)" 2)"
	figure "${name}_retransmits" "$who" "$(flow_retransmits)"
}

measure_tcp1() { measure_flow "$1" tcp1; }
measure_tcp4() {
	memory "$1" before
	measure_flow "$1" tcp4 -P 4
	sleep 2
	memory "$1" after
}
measure_bidir() { measure_flow "$1" bidir --bidir; }

measure_udp() { # CONTENDER NAME SIZE RATE flags...
	who=$1 name=$2 size=$3 rate=$4
	shift 4
	$IN_NS "$TAG-${who}b" "$UDP_BLAST" recv --port 9000 >"$NET_DIR/udp.got" 2>&1 &
	receiver=$!
	sleep 0.2
	meter_start "$who"
	in_ns "${who}a" "$UDP_BLAST" send --to "$(addr_of "${who}b")" --port 9000 --size "$size" --rate "$rate" \
		--seconds "$UDP_SECS" "$@" >"$NET_DIR/udp.sent" 2>&1
	meter_stop "$who"
	wait $receiver
	got=$(value "$NET_DIR/udp.got" received) sent=$(value "$NET_DIR/udp.sent" sent)
	wrong=$(($(value "$NET_DIR/udp.got" wrong) + $(value "$NET_DIR/udp.got" twice)))
	[ "$wrong" = 0 ] || fail "$who delivered $wrong datagrams twice or damaged"
	ms=$(value "$NET_DIR/udp.sent" ms)
	figure "${name}_offered" "$who" "$(calc "$sent / $ms" 1)"
	figure "$name" "$who" "$(calc "$got / $ms" 1)"
	figure "${name}_loss" "$who" "$(calc "100 - 100 * $got / $sent" 1)"
	figure "${name}_machine" "$who" "$(calc "$MACHINE_CPU * 1000000 / $got" 2)"
}

measure_udp64() { measure_udp "$1" udp64 64 "$UDP_PPS_64"; }
measure_udp1200() { measure_udp "$1" udp1200 1200 "$UDP_PPS_1200"; }
# What a QUIC sender does: runs of datagrams handed to the kernel as one.
measure_udpgso() { measure_udp "$1" udpgso 1200 "$UDP_PPS_GSO" --gso "$UDP_GSO"; }

echo_times() { # NODE ADDRESS COUNT INTERVAL: microseconds, one a line
	in_ns "$1" ping -n -c "$3" -i "$4" -W 1 "$2" | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | awk '{print $1 * 1000}'
}

echo_figures() { # CONTENDER NAME FILE
	figure "$2" "$1" "$(percentile 50 <"$3")"
	figure "${2}_99" "$1" "$(percentile 99 <"$3")"
}

measure_ping() {
	pair=$1 to=$(addr_of "$1b")
	echo_times "${pair}a" "$to" 300 0.005 >"$NET_DIR/echo"
	echo_figures "$1" ping_idle "$NET_DIR/echo"
	flow_start "$1"
	sleep 1.5
	echo_times "${pair}a" "$to" $(((SECS - 1) * 100)) 0.01 >"$NET_DIR/echo"
	flow_end
	echo_figures "$1" ping_load "$NET_DIR/echo"
}

# Strangers' initiations with a valid mac1, from one address and from many: what each costs the daemon of a, and how
# many it answered with a cookie.
measure_hs() {
	in_ns "${1}b" ip route replace local 10.88.0.0/16 dev lo
	in_ns "${1}a" ip route replace 10.88.0.0/16 via $PAIR_B
	for sources in 1 4000; do
		meter_start "$1"
		in_ns "${1}b" "$HS_LOAD" --to $PAIR_A:"$(port_of "$1")" --peer "$($1_key)" --from 10.88.0.0 --sources $sources \
			--rate "$HS_RATE" --seconds "$HS_SECS" >"$NET_DIR/hs_load.out"
		meter_stop "$1"
		hs_sent=$(value "$NET_DIR/hs_load.out" sent)
		figure "hs${sources}_cpu" "$1" "$(calc "$DAEMON_CPU * 1000000 / $hs_sent" 1)"
		figure "hs${sources}_cookies" "$1" "$(calc "$(value "$NET_DIR/hs_load.out" cookies) * 100 / $hs_sent" 1)"
	done
}
