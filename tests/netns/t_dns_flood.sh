#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One program of this machine asks 100,000 questions a second that nobody will ever answer. The others are answered
# all the same, what we know ourselves and what is asked elsewhere; memory stays bounded; then all is as before.
#
#   node ── 10.77.0.20 good    answers everything
#     │  ── 10.77.0.99         dead.example: nobody is there
#     └ peer
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
LOAD=${BUILD:-$ROOT/build}/tests/load/dns_load
ANSWER=${BUILD:-$ROOT/build}/tests/load/dns_answer
GROWTH_KB=65536
[ -x "$LOAD" ] && [ -x "$ANSWER" ] || skip "needs $LOAD (make test-programs)"
net_init
dns_init
net_host coord 1
net_host node 11
net_host peer 12
net_host good 20
$IN_NS "$TAG-good" "$ANSWER" --listen 10.77.0.20 >"$NET_DIR/answer.log" 2>&1 &
NET_PIDS="$NET_PIDS $!"
wait_for 10 server_listens good 10.77.0.20 || fail "the upstream does not start"
coord_start coord 10.77.0.1
dns_set '{"Resolvers":["10.77.0.20"],"Routes":{"dead.example":["10.77.0.99"]}}'
node_start node
node_start peer
node_up peer
node_up node
pip=$(node_ip peer)

# What a stub does: it asks again; dig says so in a line of its own.
ask() { in_ns node dig +short +tries=3 +time=2 @100.100.100.100 "$1" | grep -v '^;'; }
asked_is() { [ "$(ask "$1")" = "$2" ]; }
rss() { awk '/^VmRSS/ {print $2}' "/proc/$PID_node/status"; }
wait_for "$DNS_WAIT" asked_is peer.mesh.internal "$pip" || fail "the peer's name"
wait_for "$DNS_WAIT" asked_is before.example 192.0.2.1 || fail "a name elsewhere"

n=0
flood() { # SOCKETS
	before=$(rss)
	$IN_NS "$TAG-node" "$LOAD" --to 100.100.100.100 --name 'f%.dead.example' --count 1000000000 --rate 100000 --seconds 120 \
		--sockets "$1" >"$NET_DIR/load" 2>&1 &
	flood=$!
	NET_PIDS="$NET_PIDS $flood"
	sleep 1
	for i in 1 2 3 4 5; do
		n=$((n + 1))
		asked_is peer.mesh.internal "$pip" || fail "$1 sockets: what we know ourselves is not answered"
		asked_is "other$n.example" 192.0.2.1 || fail "$1 sockets: another client is not answered"
	done
	during=$(rss)
	kill $flood 2>/dev/null || fail "the flood ended before the questions did: $(cat "$NET_DIR/load")"
	wait $flood || fail "dns_load: $(cat "$NET_DIR/load")"
	[ "$(sed 's/sent \([0-9]*\).*/\1/' "$NET_DIR/load")" -gt 10000 ] || fail "that was no flood: $(cat "$NET_DIR/load")"
	[ "$during" -lt $((before + GROWTH_KB)) ] || fail "memory grew from $before to $during kB"
	echo "$1 sockets: $(cat "$NET_DIR/load"); memory $before -> $during kB"
}
flood 1
flood 32
wait_for "$DNS_WAIT" asked_is after.example 192.0.2.1 || fail "not answered afterwards"
in_ns node dig +tries=1 +time=12 @100.100.100.100 alone.dead.example | grep -q SERVFAIL || fail "a dead upstream is told"
