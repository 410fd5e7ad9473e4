#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# UDP is blocked, and files go both ways by relay at once, as fast as they can: every byte arrives, and a ping beside
# them still gets through in bearable time. Then the relay dies in the middle of a copy and comes back: the copy ends
# well all the same.
. "$(dirname "$0")/lib.sh"
PING_MS_MAX=1000 # mean; the machine may be slow, but what waits for 100 ms in a relay's queue is dropped
MB=1048576
net_init
net_host coord 1
net_router r1 2 easy 1
net_router r2 3 easy 2
net_lan_host alice r1 1 10
net_lan_host bob r2 2 10
net_block_udp r1
net_block_udp r2
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n
done
a=$(node_ip alice)
b=$(node_ip bob)
wait_for 20 can_ping alice "$b" || fail "no traffic with UDP blocked"

copy() { # FROM TO ADDRESS_OF_TO PORT
	sh "$ROOT/tests/lib/tcp_copy.sh" "$TAG-$2" "$3" "$TAG-$1" "$NET_DIR/file" "$NET_DIR/at-$2" "$4"
}
arrived() { # AT
	[ "$(sha256sum <"$NET_DIR/at-$1")" = "$(sha256sum <"$NET_DIR/file")" ] || fail "the file at $1 is not what was sent"
	rm "$NET_DIR/at-$1"
}
at_least() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -ge "$2" ]; }

head -c $((16 * MB)) /dev/urandom >"$NET_DIR/file"
copy alice bob "$b" 7001 &
there=$!
copy bob alice "$a" 7002 &
back=$!
in_ns alice ping -c 20 -i 0.1 -W 3 -q "$b" >"$NET_DIR/ping.out" || fail "no ping gets through beside the files"
wait $there || fail "the file did not get to bob"
wait $back || fail "the file did not get to alice"
arrived bob
arrived alice
mean=$(sed -n 's!^rtt [^=]*= [^/]*/\([0-9]*\).*!\1!p' "$NET_DIR/ping.out")
[ "${mean:-99999}" -lt $PING_MS_MAX ] || fail "pings beside the files took ${mean:-?} ms"

head -c $((48 * MB)) /dev/urandom >"$NET_DIR/file"
copy alice bob "$b" 7003 &
there=$!
wait_for 20 at_least "$NET_DIR/at-bob" $((2 * MB)) || fail "the second copy does not start"
coord_stop KILL
! at_least "$NET_DIR/at-bob" $((48 * MB)) || fail "the copy was over before the relay died"
coord_again
wait $there || fail "the copy did not survive the relay's restart"
arrived bob
wait_for 10 can_ping bob "$a" || fail "no traffic after the relay's restart"
