#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The benchmark of names still works: its load counts right, its contenders come up, its table has figures. What the
# figures are is of no concern here.
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$ROOT/build}
NET_DIR=$(mktemp -d) || exit 1
SERVER=
trap '[ -z "$SERVER" ] || kill $SERVER; rm -rf "$NET_DIR"' EXIT
trap 'exit 130' INT TERM
fail() { echo "FAIL: $*"; exit 1; }
. "$ROOT/tests/bench/lib_measure.sh"

# Slow enough to lose nothing: what was sent was answered, once.
port=$((20000 + $$ % 20000))
load() { "$BUILD/tests/load/dns_load" --to 127.0.0.1 --port $port --name 'q%.example' --count 1000000 --seconds 1 "$@" >"$NET_DIR/load"; }
is() { [ "$(value "$NET_DIR/$1" "$2")" = "$3" ] || fail "$2 is not $3: $(cat "$NET_DIR/$1")"; }
"$BUILD/tests/load/dns_answer" --listen 127.0.0.1 --port $port >"$NET_DIR/server" &
SERVER=$!
n=0
until grep -q "0100007F:$(printf %04X $port) " /proc/net/udp; do
	n=$((n + 1))
	[ $n -lt 100 ] || fail "dns_answer does not listen"
	sleep 0.1
done
load --rate 500 --type A || fail "dns_load"
n=$(value "$NET_DIR/load" sent)
is load answered "$n"
is load wrong 0
is load errors 0
load --rate 100 --type TXT || fail "dns_load, TXT"
is load errors "$(value "$NET_DIR/load" answered)"
load --window 1 || fail "dns_load, window"
kill $SERVER
wait $SERVER
SERVER=
load --rate 100 || fail "dns_load without a server"
is load answered 0
is load lost "$(value "$NET_DIR/load" sent)"
for wrong in '' '--rate 1 --window 1' '--rate 0' '--window 20000' '--rate 1 --type X' '--rate 1 --sockets 65'; do
	load $wrong 2>/dev/null && fail "dns_load takes: $wrong"
done

"$BUILD/tests/bench/dns_local" 1000 2 >"$NET_DIR/local" || fail "dns_local"
[ "$(grep -c ' answers/s ' "$NET_DIR/local")" = 5 ] && ! grep -q NOT "$NET_DIR/local" || fail "dns_local: $(cat "$NET_DIR/local")"

BENCH_ONLY='local miss hit flight' BENCH_CONTENDERS='meshd dnsmasq' ROUNDS=1 SECS=1 HOSTS=200 FLIGHT=200 BENCH_OUT= \
	sh "$ROOT/tests/bench/dns.sh" >"$NET_DIR/table" 2>"$NET_DIR/err"
rc=$?
[ $rc != 77 ] || { tail -n 1 "$NET_DIR/table"; exit 77; }
[ $rc = 0 ] || fail "dns.sh: $(tail -n 30 "$NET_DIR/err")"
for what in 'local answers' 'forwarded, not' 'forwarded before' '— with 200 hosts and'; do
	grep -q "^| $what.* | [0-9.]* / [0-9.]* / [0-9.]* | [0-9.]* / [0-9.]* / [0-9.]* |" "$NET_DIR/table" ||
		fail "no row: $what ($(cat "$NET_DIR/table"))"
done
