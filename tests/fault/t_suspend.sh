#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   alice ── nat ── internet ── coord (control, relay, STUN), bob
# alice sleeps: her daemon stands still while her clocks run on. After half a minute she goes on as she was; after
# eleven minutes her sessions are old, her sockets are made anew and her relay is dialled again. Traffic is back at once.
. "$(dirname "$0")/../netns/lib.sh"
shim=${BUILD:-$ROOT/build}/tests/fault/clock_shift.so
[ -f "$shim" ] || skip "needs $shim (make netns)"
net_init
net_host coord 1
net_router nat 2 easy 1
net_host bob 12
net_lan_host alice nat 1 10
coord_start coord 10.77.0.1
node_start bob
node_up bob --accept-dns=false
real=$MESHD
mkdir -p "$NET_DIR/alice.d"
echo 0 0 >"$NET_DIR/alice.d/shift"
printf '#!/bin/sh\nCLOCK_SHIFT="%s" LD_PRELOAD="%s" exec "%s" "$@"\n' "$NET_DIR/alice.d/shift" "$shim" "$real" >"$NET_DIR/shifted"
chmod +x "$NET_DIR/shifted"
MESHD=$NET_DIR/shifted
node_start alice
MESHD=$real
node_up alice --accept-dns=false
A=$(node_ip alice) B=$(node_ip bob)
wait_for 20 can_ping alice "$B" || fail "no path"
direct() { ctl alice ping --c=1 --until-direct=false --timeout=2s bob | grep -q 'via 10\.77\.0\.12:'; }
control() { "$MESHCOORD" node list --state "$COORD_DIR" | grep -w alice | grep -q online; }
wait_for 30 direct || fail "no direct path"
majors() { grep -c 'network changed' "$NET_DIR/alice.log"; }
more() { [ "$(majors)" -gt "$1" ]; }
dials() { grep -c 'derp: region 900 connected' "$NET_DIR/alice.log"; }
dialled() { [ "$(dials)" -gt "$1" ]; }
ms() { echo $(($(date +%s%N) / 1000000)); }
slept=0

sleeps() { # SECONDS
	slept=$((slept + $1))
	kill -STOP "$PID_alice"
	echo $slept $slept >"$NET_DIR/alice.d/shift"
	sleep 1
	kill -CONT "$PID_alice"
	at=$(ms)
	wait_for 30 can_ping alice "$B" || fail "$1 s of sleep: no traffic"
	echo "$1 s of sleep: traffic after $(($(ms) - at)) ms"
	wait_for 30 can_ping bob "$A" || fail "$1 s of sleep: bob does not reach her"
	wait_for 30 direct || fail "$1 s of sleep: no direct path"
	wait_for 60 control || fail "$1 s of sleep: not online"
	ctl alice status --json | grep -q '"BackendState": "Running"' || fail "$1 s of sleep: not running"
}

before=$(majors)
sleeps 30
sleep 3 # and the look at the network, which is due with the end of the sleep
[ "$(majors)" = "$before" ] || fail "30 s of sleep: everything was made anew"
relays=$(dials)
sleeps 660
wait_for 40 more "$before" || fail "660 s of sleep: not noticed"
wait_for 30 direct || fail "660 s of sleep, sockets made anew: no direct path"
wait_for 30 control || fail "660 s of sleep, sockets made anew: not online"
wait_for 30 dialled "$relays" || fail "660 s of sleep: the relay was not dialled again"
[ "$("$MESHCOORD" node list --state "$COORD_DIR" | grep -c alice)" = 1 ] || fail "registered twice"
