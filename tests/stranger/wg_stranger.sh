#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Our WireGuard against Debian's wireguard-go, a stranger's implementation.
#
#   namespace S                              namespace H
#   wireguard-go, 10.99.0.1 in the tunnel    wg_harness (no TUN), 10.99.0.2 in the tunnel
#   10.98.0.1 ────────────── veth ────────────── 10.98.0.2
#
# Prints one PASS line for each check. Exit 77 where wireguard-go cannot be run.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HARNESS=${BUILD:-$ROOT/build}/tests/stranger/wg_harness
IN_NS="sh $ROOT/tests/lib/in_ns.sh"
TAG=w$$
S=$TAG-s H=$TAG-h IF=wg$$
DIR= GO= SERVING=
BUSY="--patience 60" # where every ping is answered: each may be slow

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAIL: $*"; [ ! -s "$DIR/log" ] || grep -v '[│┌└]' "$DIR/log" | sed 's/^/    /'; exit 1; }
pass() { echo "PASS: $*"; }

cleanup() {
	trap '' INT TERM HUP
	for p in $SERVING $GO; do kill "$p" 2>/dev/null; done
	wait 2>/dev/null
	for n in $S $H; do
		for p in $(ip netns pids "$n" 2>/dev/null); do kill -9 "$p" 2>/dev/null; done
		ip netns del "$n" 2>/dev/null
	done
	rm -f "/var/run/wireguard/$IF.sock"
	[ -z "$DIR" ] || rm -rf "$DIR"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

[ "$(id -u)" = 0 ] || skip "needs root"
for p in wireguard-go wg ip ping; do command -v $p >/dev/null || skip "needs $p"; done
[ -c /dev/net/tun ] || skip "needs /dev/net/tun"
[ -x "$HARNESS" ] || skip "needs $HARNESS (make stranger)"
ip netns add "$S" 2>/dev/null || skip "cannot make network namespaces"
ip netns add "$H" || fail "second namespace"
DIR=$(mktemp -d) || exit 1

in_s() { $IN_NS "$S" "$@"; }

keys() {
	umask 077
	wg genkey >"$DIR/s.key" && wg genkey >"$DIR/h.key" && wg genpsk >"$DIR/psk" && wg genpsk >"$DIR/psk2"
	S_PUB=$(wg pubkey <"$DIR/s.key") H_PUB=$(wg pubkey <"$DIR/h.key")
}

network() {
	ip link add "$TAG-v" netns "$S" type veth peer name "$TAG-v" netns "$H" || fail "veth"
	in_s ip addr add 10.98.0.1/24 dev "$TAG-v" && in_s ip link set "$TAG-v" up
	$IN_NS "$H" ip addr add 10.98.0.2/24 dev "$TAG-v" && $IN_NS "$H" ip link set "$TAG-v" up
}

stranger_start() { # wireguard-go with no memory of us
	$IN_NS "$S" env LOG_LEVEL=error wireguard-go -f "$IF" >>"$DIR/log" 2>&1 &
	GO=$!
	i=0
	until in_s wg show "$IF" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 50 ] && kill -0 $GO 2>/dev/null || fail "wireguard-go does not start"
		sleep 0.1
	done
	in_s wg set "$IF" listen-port 51820 private-key "$DIR/s.key" peer "$H_PUB" \
		allowed-ips 10.99.0.2/32 endpoint 10.98.0.2:51821 || fail "wg set"
	in_s ip addr add 10.99.0.1/24 dev "$IF" && in_s ip link set "$IF" up || fail "tunnel address"
}

stranger_stop() {
	kill $GO 2>/dev/null
	wait $GO 2>/dev/null
	GO=
}

stranger_psk() { in_s wg set "$IF" peer "$H_PUB" preshared-key "$1" || fail "wg set preshared-key"; }

# harness arguments...: result line in $DIR/out
harness() {
	$IN_NS "$H" "$HARNESS" --key "$DIR/h.key" --peer "$S_PUB" --port 51821 \
		--endpoint 10.98.0.1:51820 --address 10.99.0.2 --to 10.99.0.1 "$@" >"$DIR/out" 2>>"$DIR/log"
}

start() { # harness in the background
	harness "$@" &
	SERVING=$!
	sleep 0.3
}

finished() { # wait for its end
	wait $SERVING
	rc=$?
	SERVING=
	return $rc
}

field() { sed -n "s/.*\b$1 \(-\{0,1\}[0-9]*\).*/\1/p" "$DIR/out"; }
is() { # name comparison value: a figure of the last result
	[ "$(field "$1")" "$2" "$3" ] || fail "$1 is '$(field "$1")', expected $2 $3 ($(cat "$DIR/out"))"
}
stranger_pings() { in_s ping -n -q -c "$1" -i 0.2 -W 10 ${2:+-s "$2"} 10.99.0.2 >>"$DIR/log" 2>&1; }

both_roles() { # words, harness arguments...
	words=$1
	shift
	stranger_stop
	stranger_start
	[ -z "$PSK" ] || stranger_psk "$PSK"
	harness --ping 5 "$@" || fail "we initiate, $words: $(cat "$DIR/out")"
	is initiated -eq 1
	is responded -eq 0
	pass "we initiate, $words: 5 of 5 answered, the first after $(field first_ms) ms"

	stranger_stop
	stranger_start
	[ -z "$PSK" ] || stranger_psk "$PSK"
	start --serve 5 $BUSY "$@"
	stranger_pings 5 || fail "the stranger initiates, $words"
	finished || fail "the stranger initiates, $words: $(cat "$DIR/out")"
	is responded -eq 1
	is initiated -eq 0
	pass "the stranger initiates, $words: 5 of 5 answered"
}

keys
network
stranger_start
PSK=
both_roles "no PSK"
PSK=$DIR/psk
both_roles "with PSK" --psk "$DIR/psk"
start --serve 1 --patience 2 --psk "$DIR/psk2"
in_s ping -n -q -c 3 -i 0.2 -W 1 10.99.0.2 >/dev/null 2>&1 && fail "a wrong PSK makes a tunnel"
finished && fail "a wrong PSK makes a tunnel"
pass "a wrong PSK makes no tunnel"

PSK=
stranger_stop
stranger_start
for i in 1 2 3 4 5 6 7 8; do
	harness --ping 3 || fail "restart $i: $(cat "$DIR/out")"
	is initiated -eq 1
done
pass "we restart 8 times: each time a new session at once"

start --serve 9 $BUSY
for i in 1 2 3; do
	stranger_stop
	stranger_start
	stranger_pings 3 || fail "the stranger's restart $i"
done
finished || fail "restarts of the stranger: $(cat "$DIR/out")"
is responded -eq 3
pass "the stranger restarts 3 times: each time a new session at once"

for jump in 121 181; do
	harness --ping 30 --jump $jump || fail "a key $jump s old: $(cat "$DIR/out")"
	is sessions -eq 2
	is refused -eq 0
	pass "a key $jump s old is replaced: 30 of 30 answered"
done

stranger_stop
stranger_start
start --serve 13 $BUSY
for size in 0 1 3 4 5 19 20 21 100 1000 1371 1372 1392; do
	stranger_pings 1 $size || fail "ping of $size bytes"
done
finished || fail "13 sizes: $(cat "$DIR/out")"
pass "packets of 13 sizes, up to the MTU"

stranger_stop
stranger_start
start --ping 20 --cross
stranger_pings 10 || fail "both initiate: the stranger's pings are lost"
finished || fail "both initiate: $(cat "$DIR/out")"
is initiated -eq 1
is responded -eq 1
is first_ms -lt 1000
pass "both initiate at once: the first answer after $(field first_ms) ms"

stranger_stop
stranger_start
start --serve 10 --load
stranger_pings 10 || true # may give up before the stranger has sent its cookie with the next try
finished || fail "we are under load: $(cat "$DIR/out")"
is cookies_sent -ge 1
is responded -ge 1
pass "we are under load: the stranger comes back with our cookie"

# Whether the stranger feels the load depends on what else runs here: up to three tries.
for i in 1 2 3; do
	stranger_stop
	stranger_start
	harness --ping 20 --flood && break
	[ $i != 3 ] || fail "the stranger is under load: $(cat "$DIR/out")"
done
pass "the stranger is under load: we come back with its cookie"
