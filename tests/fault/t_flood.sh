#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Strangers flood a node's port with everything they can make: its established peer's pings are answered, its
# status answers, its memory stays; initiations bring cookies, and a third peer still gets in. Without a flood no
# cookie is sent.
#
#   alice 10.77.0.11 ◄──► bob 10.77.0.12      carol 10.77.0.13 joins late      evil 10.77.0.66 floods alice
. "$(dirname "$0")/../netns/lib.sh"
FLOOD=${FLOOD:-${BUILD:-$ROOT/build}/tests/load/flood}
RATE=${RATE:-20000} # far beyond the 1000 a second that are load, and the 8000 that the kernel is asked to thin out
GROWN_MAX_KIB=${GROWN_MAX_KIB:-2048}
[ -x "$FLOOD" ] || skip "needs $FLOOD (make netns)"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
net_host carol 13
net_host evil 66
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n --port 41641
	node_up $n
done
a=$(node_ip alice) b=$(node_ip bob)
is_direct() { ctl "$1" ping --c=1 "$2" 2>/dev/null | grep -q 'via 10\.77'; }
wait_for 10 can_ping alice "$b" || fail "alice to bob"
wait_for 20 is_direct alice bob || fail "no direct path"
eval "alice_pid=\$PID_alice"
mac=$(in_ns alice cat /sys/class/net/eth0/address)
key=$(ctl alice status --json | sed -n 's/.*"PublicKey": *"\(nodekey:[0-9a-f]*\)".*/\1/p' | head -n 1)
# answers to made-up sources go to evil, who counts them
in_ns alice ip route add 10.88.0.0/15 via 10.77.0.66

metric() { ctl alice debug metrics | awk -v n="$1" '$1 == n {print $2; found = 1} END {if (!found) print 0}'; }
rss() { awk '/^VmRSS:/ {print $2}' "/proc/$alice_pid/status"; }
value() { sed -n "s/.*\b$1 \([0-9]*\).*/\1/p" "$NET_DIR/flood.out"; }
is_sanitized() { grep -q 'libasan\|libtsan' "/proc/$alice_pid/maps"; }

flood() { # SECONDS verb flags...
	seconds=$1
	verb=$2
	shift 2
	$IN_NS "$TAG-evil" "$FLOOD" "$verb" --dev eth0 --mac "$mac" --to 10.77.0.11:41641 --rate "$RATE" \
		--seconds "$seconds" "$@" >"$NET_DIR/flood.out" &
	FLOOD_PID=$!
	NET_PIDS="$NET_PIDS $FLOOD_PID"
}
send() { # SECONDS KIND SOURCES
	flood "$1" send --kind "$2" --sources "$3" --from 10.88.0.1 --peer "$key"
}
flood_end() {
	wait $FLOOD_PID || fail "$1: the flood did not run"
	[ "$(value sent)" -gt 1000 ] || fail "$1: only $(value sent) datagrams were sent"
}
# While the flood runs; a busy machine may lose a ping, a broken path loses them all.
goes_on() { # NAME
	in_ns bob ping -c 10 -i 0.08 -W 3 -q "$a" >"$NET_DIR/pings"
	got=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$NET_DIR/pings")
	[ "${got:-0}" -ge 8 ] || fail "$1: only ${got:-0} of 10 pings were answered"
	in_ns alice timeout 5 "$MESHCTL" --socket "$(node_socket alice)" status >"$NET_DIR/status" || fail "$1: status does not answer"
	grep -q bob "$NET_DIR/status" || fail "$1: status has no bob"
}

# ---- no flood, no cookie; what arrives meanwhile is kept for a replay
in_ns alice "$FLOOD" record --dev eth0 --to 10.77.0.11:41641 --file "$NET_DIR/record" --count 200 --seconds 3 >"$NET_DIR/recorded" &
recorder=$!
sleep 0.2
node_stop bob
node_start bob --port 41641
wait_for 20 can_ping alice "$b" || fail "after a restart"
in_ns bob ping -c 60 -i 0.02 -q "$a" >/dev/null
wait $recorder
[ "$(sed -n 's/recorded //p' "$NET_DIR/recorded")" -ge 20 ] || fail "$(cat "$NET_DIR/recorded")"
wait_for 20 is_direct bob alice || fail "no direct path after a restart"
[ "$(metric wg_hs_cookie_sent)" = 0 ] || fail "$(metric wg_hs_cookie_sent) cookies without load"

# ---- each kind for a moment
warm=0
for k in initiation/1 initiation/60000 forged-cookie/60000 bad-mac1/60000 response/60000 cookie/60000 transport/60000 \
	disco/60000 stun/60000 junk/60000 replay; do
	case $k in
	replay) flood 1 replay --file "$NET_DIR/record" ;;
	*) send 1 "${k%/*}" "${k#*/}" ;;
	esac
	goes_on "$k"
	flood_end "$k"
	case $k in
	initiation/* | forged-cookie/* | response/*) [ "$(value cookies)" -gt 0 ] || fail "$k: no cookie came back" ;;
	*) [ "$(value cookies)" = 0 ] || fail "$k: $(value cookies) cookies came back" ;;
	esac
	# a source that never comes back with its cookie gets no more of them
	[ $k != initiation/1 ] || [ "$(value cookies)" -le 100 ] || fail "$k: $(value cookies) cookies for one source"
	[ "$(value responses)" = 0 ] || fail "$k: a stranger got a response"
	[ "$(value others)" = 0 ] || fail "$k: a stranger got an answer"
	# the first floods touch the tables of sources for the first time
	[ $k != forged-cookie/60000 ] || warm=$(rss)
done
[ "$(metric wg_hs_cookie_sent)" -gt 0 ] || fail "cookies are not counted"
is_sanitized || [ $(($(rss) - warm)) -le "$GROWN_MAX_KIB" ] || fail "$(($(rss) - warm)) KiB more memory"

# ---- a peer that was never there before gets in meanwhile, and one that restarted
node_start carol --port 41641
send 15 initiation 60000
node_up carol
wait_for 12 can_ping carol "$a" || fail "carol does not reach alice during the flood"
node_stop bob
node_start bob --port 41641
wait_for 12 can_ping bob "$a" || fail "a restarted bob does not reach alice during the flood"
kill $FLOOD_PID 2>/dev/null
wait $FLOOD_PID 2>/dev/null
is_direct bob alice || wait_for 20 is_direct bob alice || fail "bob's path is not direct after the flood"
kill -0 "$alice_pid" || fail "the daemon is gone"
[ "$(wc -l <"$NET_DIR/alice.log")" -lt 80 ] || fail "$(wc -l <"$NET_DIR/alice.log") log lines"
