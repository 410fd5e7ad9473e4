#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# flood.sh: what a flood at a node's port takes from an established flow, beside the same flood at a port of
# that host where it ends in the kernel: so the generator's and the kernel's share of the processors is in both.
# Namespaces of this machine only; prints Markdown.
#
#   FLOOD_KINDS="initiation/1 ..."   kind/sources, default: all below; replay: what the node really got
#   FLOOD_CONTENDERS="meshd wg"      default: those that can run (wg needs MESH_PEERS=FOLDER with wireguard)
#   FLOOD_BESIDE=rule      where it ends: at a rule of the firewall, before the host looks whom it is for; or
#                          socket: at one that takes nothing, which is the least that any program's port costs
#   ROUNDS=5 SECS=4 RATE=100000      pairs of runs, seconds of each flow, datagrams a second
#   MESHD MESHCTL MESHCOORD MESHD_FLAGS   our programs, and flags for meshd
#   BENCH_LOCK=FILE                  held for each kind, where several people measure on one machine
#
# The generator is preferred by the scheduler, so that both floods are the same.
#
#      a 10.77.0.11 ──tunnel──► b 10.77.0.12      evil 10.77.0.66, sends to b:PORT or to b:9
. "$(dirname "$0")/../netns/lib.sh"
KINDS=${FLOOD_KINDS:-initiation/1 initiation/60000 forged-cookie/60000 response/60000 transport/60000 disco/60000 replay}
ROUNDS=${ROUNDS:-5}
SECS=${SECS:-4}
RATE=${RATE:-100000}
FLOOD=${FLOOD:-${BUILD:-$ROOT/build}/tests/load/flood}
PEER_WG=${MESH_PEERS:-/nonexistent}/wireguard
TICKS=$(getconf CLK_TCK)
DEAD_PORT=9

say() { echo "$*" >&2; }
calc() { awk "BEGIN {printf \"%.${2:-2}f\", $1}"; }
three() { sort -n | awk '{v[NR] = $1} END {if (NR) printf "%s / %s / %s", v[1], v[int((NR + 1) / 2)], v[NR]}'; }
piece_begin() { [ -z "${BENCH_LOCK:-}" ] || { exec 9>>"$BENCH_LOCK" && flock 9; }; }
piece_end() { [ -z "${BENCH_LOCK:-}" ] || { flock -u 9 && exec 9>&-; }; }

# ---- contenders: NAME_up sets TO (b inside), PORT, KEY, PID (b's daemon)
meshd_up() {
	coord_start evil 10.77.0.66
	for n in a b; do
		node_start $n --port 41641 ${MESHD_FLAGS:-}
		node_up $n
	done
	TO=$(node_ip b) PORT=41641 PID=$PID_b
	KEY=$(ctl b status --json | sed -n 's/.*"PublicKey": *"\(nodekey:[0-9a-f]*\)".*/\1/p' | head -n 1)
	wait_for 20 is_direct || fail "no direct path"
}
is_direct() { ctl a ping --c=1 b 2>/dev/null | grep -q 'via 10\.'; }
meshd_down() {
	for n in a b; do node_stop $n; done
	coord_stop
}
wg_up() {
	for n in a b; do
		(umask 077 && wg genkey >"$NET_DIR/$n.key")
		$IN_NS "$TAG-$n" env LOG_LEVEL=error "$PEER_WG" -f "fl$n$$" >>"$NET_DIR/$n.log" 2>&1 &
		eval "WG_$n=$!"
		NET_PIDS="$NET_PIDS $!"
		wait_for 5 in_ns $n wg show "fl$n$$" || fail "wireguard-go did not start"
	done
	wg_meet a b 10.77.0.12 1 2
	wg_meet b a 10.77.0.11 2 1
	TO=10.99.0.2 PORT=51820 PID=$WG_b KEY=$(wg pubkey <"$NET_DIR/b.key")
	wait_for 10 can_ping a $TO || fail "no tunnel"
}
wg_meet() { # SIDE OTHER OTHER_ADDRESS N OTHER_N
	in_ns "$1" wg set "fl$1$$" listen-port 51820 private-key "$NET_DIR/$1.key" \
		peer "$(wg pubkey <"$NET_DIR/$2.key")" allowed-ips "10.99.0.$5/32" endpoint "$3:51820" || fail "wg set"
	in_ns "$1" ip link set "fl$1$$" mtu 1280 up
	in_ns "$1" ip addr add "10.99.0.$4/24" dev "fl$1$$"
}
wg_down() {
	kill "$WG_a" "$WG_b"
	wait "$WG_a" "$WG_b"
}
contenders() {
	for c in ${FLOOD_CONTENDERS:-meshd wg}; do
		[ "$c" != wg ] || [ -x "$PEER_WG" ] || { say "left out: wg"; continue; }
		echo "$c"
	done
}

# ---- one run
listens() { in_ns b ss -Hltn "sport = :5201" | grep -q .; }
ticks() { sed 's/.*) //' "/proc/$PID/stat" | awk '{print $12 + $13}'; }
rss() { awk '/^VmRSS:/ {print $2}' "/proc/$PID/status"; }
value() { sed -n "s/.*\b$1 \([0-9]*\).*/\1/p" "$NET_DIR/flood.out"; }

flood() { # PORT KIND/SOURCES
	set -- "$1" "${2%/*}" "${2#*/}"
	common="--dev eth0 --mac $MAC --to 10.77.0.12:$1 --rate $RATE --seconds $((SECS + 2))"
	if [ "$2" = replay ]; then
		replay="$NET_DIR/record"
		[ "$1" = "$PORT" ] || replay="$NET_DIR/record.dead"
		$IN_NS "$TAG-evil" nice -n -3 "$FLOOD" replay $common --file "$replay" >"$NET_DIR/flood.out" &
	else
		$IN_NS "$TAG-evil" nice -n -3 "$FLOOD" send $common --kind "$2" --sources "$3" --from 10.88.0.1 --peer "$KEY" >"$NET_DIR/flood.out" &
	fi
	FLOOD_PID=$!
}

# What b gets while a talks to it: handshakes, disco, data. The copy for the port that is dropped differs in that.
record() {
	in_ns a ping -q -i 0.01 -c 100 "$TO" >/dev/null &
	in_ns b "$FLOOD" record --dev eth0 --to "10.77.0.12:$PORT" --file "$NET_DIR/record" --count 400 --seconds 4 >/dev/null
	wait $!
	perl -e 'binmode STDIN; binmode STDOUT; while (read STDIN, my $p, 1502) { substr($p, 2 + 22, 2) = pack "n", shift // 9; print $p }' \
		<"$NET_DIR/record" >"$NET_DIR/record.dead"
}

flow() { # PORT KIND NAME: GBPS of one TCP flow meanwhile
	$IN_NS "$TAG-b" iperf3 -s -1 >/dev/null 2>&1 &
	server=$!
	wait_for 5 listens || fail "iperf3 does not listen"
	flood "$1" "$2"
	before=$(ticks)
	in_ns a timeout $((SECS + 20)) iperf3 -c "$TO" -O 1 -t "$SECS" -J >"$NET_DIR/iperf.json" 2>&1
	cpu=$(calc "($(ticks) - $before) / $TICKS / ($SECS + 1)")
	wait $FLOOD_PID
	kill $server 2>/dev/null
	wait $server 2>/dev/null
	gbps=$(awk '/"sum_received":/ {here = 1} here && /"bits_per_second"/ {printf "%.3f", $2 / 1e9; exit}' "$NET_DIR/iperf.json")
	echo "${gbps:-0}" >>"$NET_DIR/$3.gbps"
	echo "$cpu" >>"$NET_DIR/$3.cpu"
	echo "$(calc "$(value sent) / ($SECS + 2) / 1000" 0)" >>"$NET_DIR/$3.rate"
}

kind() { # CONTENDER KIND
	rm -f "$NET_DIR"/dead.* "$NET_DIR"/live.* "$NET_DIR"/ratio
	piece_begin
	[ "$2" != replay ] || record
	before_kib=$(rss)
	for _ in $(seq "$ROUNDS"); do
		flow $DEAD_PORT "$2" dead
		flow "$PORT" "$2" live
		echo "$(calc "$(tail -n 1 "$NET_DIR/live.gbps") / ($(tail -n 1 "$NET_DIR/dead.gbps") + 0.000001)")" >>"$NET_DIR/ratio"
	done
	piece_end
	echo "| $1 | $2 | $(three <"$NET_DIR/dead.rate") | $(three <"$NET_DIR/live.rate") | $(three <"$NET_DIR/dead.gbps") | $(three <"$NET_DIR/live.gbps") | $(three <"$NET_DIR/ratio") | $(three <"$NET_DIR/dead.cpu") | $(three <"$NET_DIR/live.cpu") | $(value cookies) | $(($(rss) - before_kib)) |"
}

for p in iperf3 nft ss perl; do command -v $p >/dev/null || skip "needs $p"; done
[ -x "$FLOOD" ] || skip "needs $FLOOD (make bench)"
net_init
net_host a 11
net_host b 12
net_host evil 66
MAC=$(in_ns b cat /sys/class/net/eth0/address)
in_ns b ip route add 10.88.0.0/15 via 10.77.0.66
drop_by_rule() {
	in_ns b nft -f - <<-N || fail "nft"
		table inet bench {
			chain dead { type filter hook prerouting priority -400; udp dport $DEAD_PORT drop; }
		}
	N
}
drop_at_socket() {
	$IN_NS "$TAG-b" python3 -c '
import ctypes, signal, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", int(sys.argv[1])))
nothing = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0), 8) # BPF: ret 0
s.setsockopt(socket.SOL_SOCKET, 26, struct.pack("@HP", 1, ctypes.addressof(nothing))) # SO_ATTACH_FILTER
signal.pause()' "$DEAD_PORT" &
	NET_PIDS="$NET_PIDS $!"
	wait_for 10 in_ns b sh -c "ss -Hlun sport = :$DEAD_PORT | grep -q ." || fail "no socket to drop at"
}
case ${FLOOD_BESIDE:-rule} in
rule) drop_by_rule ;;
socket) drop_at_socket ;;
*) fail "FLOOD_BESIDE is rule or socket" ;;
esac
echo "A flow of TCP beside $RATE datagrams a second, those beside it dropped at a ${FLOOD_BESIDE:-rule}; $ROUNDS pairs of runs in turn, min / median / max; $(date -u +%F), $(nproc) cores, Linux $(uname -r)"
echo
echo "| node | kind/sources | thousand/s to the dropped port | to the node | Gb/s beside the dropped flood | beside the flood at the node | ratio | CPU of the node | under the flood | cookies in the last run | KiB grown |"
echo "|---|---|---|---|---|---|---|---|---|---|---|"
for c in $(contenders); do
	say "$c"
	${c}_up
	for k in $KINDS; do kind "$c" "$k"; done
	${c}_down
done
