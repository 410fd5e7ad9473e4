#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A wall clock that is wrong and jumps, in a running node and between two runs of it: a machine without a
# battery for its clock starts in 1970. Traffic goes on, in both directions, and the node stays in.
. "$(dirname "$0")/../netns/lib.sh"
shim=${BUILD:-$ROOT/build}/tests/fault/clock_shift.so
[ -f "$shim" ] || skip "needs $shim (make netns)"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1
node_start bob
node_up bob
b=$(node_ip bob)
real=$MESHD
printf '#!/bin/sh\nCLOCK_SHIFT="%s" LD_PRELOAD="%s" exec "%s" "$@"\n' "$NET_DIR/alice.d/shift" "$shim" "$real" >"$NET_DIR/shifted"
chmod +x "$NET_DIR/shifted"
mkdir -p "$NET_DIR/alice.d"
day=86400

start_at() { # seconds from now
	echo "$1" >"$NET_DIR/alice.d/shift"
	MESHD=$NET_DIR/shifted
	node_start alice
	MESHD=$real
}
both_ways() {
	wait_for 8 can_ping alice "$b" || fail "$1: alice to bob"
	wait_for 3 can_ping bob "$a" || fail "$1: bob to alice"
	ctl alice status --json | grep -q '"BackendState": "Running"' || fail "$1: not running"
}

clock_says() { [ "$(clock_of_alice)" = "$(date -u -d "@$(($(date +%s) + $1))" +%F)" ]; }
clock_of_alice() { ctl alice netcheck | sed -n 's/.*Time: \([0-9-]*\) .*/\1/p'; }

start_at $((2 * day))
node_up alice
a=$(node_ip alice)
both_ways "two days ahead"

# Jumps under a running node: what must not age does not, and no handshake is refused for good.
for s in 0 $((-2 * day)) $((400 * day)) $((-1000 * day)) 0; do
	echo $s >"$NET_DIR/alice.d/shift"
	wait_for 3 clock_says $s || fail "the clock was not moved: $(clock_of_alice)"
	both_ways "jumped to $s s"
	ctl alice debug rebind >/dev/null 2>&1
	both_ways "jumped to $s s, rebound"
done

# Starts with another clock each; the peer has seen handshakes from the future.
for s in $((20 * day)) $((-2 * day)) $((-3000 * day)) 0; do
	node_stop alice KILL
	start_at $s
	both_ways "started at $s s"
done
[ "$(node_ip alice)" = "$a" ] || fail "another address"
[ "$("$MESHCOORD" node list --state "$COORD_DIR" | grep -c alice)" = 1 ] || fail "registered twice"
