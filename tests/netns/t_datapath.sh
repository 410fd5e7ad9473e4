#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the packet path takes of the kernel's help is told in the log and by `meshctl debug datapath`,
# each step can be switched off by name, for a while by the coordination server, and packets pass with all of them and
# with none.
#
#   a (as it comes) ── inet ── b (everything switched off)
. "$(dirname "$0")/lib.sh"
command -v jq >/dev/null || skip "needs jq"
net_init
net_host coord 1
net_host a 2
net_host b 3
coord_start coord 10.77.0.1
node_start a
TS_DEBUG_DISABLE_UDP_GSO=true node_start b --no-offload=vnet,udp-gro --workers=1
node_up a
node_up b
wait_for 15 can_ping a "$(node_ip b)" || fail "no path"

text() { ctl "$1" debug datapath; }
lacks() { ! text "$1" | grep -q "$2"; }
for step in vnet tso uso tun-gro-tcp tun-gro-udp udp-gso udp-gro; do
	text b | grep -q "^  $step *switched off\$" || fail "b: $step is not switched off: $(text b)"
done
lacks a 'switched off' || fail "a: $(text a)"
text b | grep -q '^workers: 1$' || fail "b has more than one worker"
text a | grep -q '^aead: [a-z0-9-]* (usable: .*sodium)$' || fail "the cipher is not named"
text a | grep -q '^  receive buffer *7168 of 7168 KiB$' || fail "small buffer: $(text a)"
ctl a debug datapath --json | grep -q '"WantedBuffer": 7340032' || fail "no JSON"
grep -q 'offload: tun .*, udp .*; aead .*; . worker' "$NET_DIR/a.log" || fail "not told at the start"
grep -q 'offload: tun none gro none, udp none; aead .*; 1 worker$' "$NET_DIR/b.log" || fail "told otherwise"
[ "$(grep -c 'offload: udp-gso: switched off' "$NET_DIR/b.log")" = 1 ] || fail "not told once"

# Datagrams of one flow above and below the MTU, both ways.
for size in 100 1200 8000; do
	lossless a "$(node_ip b)" 20 0.01 -s $size || fail "lost at $size"
done

# The coordination server forbids steps while the node runs, and gives them back.
steps='"disable-udp-gro": [], "disable-udp-gso": [], "disable-tun-tcp-gro": [], "disable-tun-udp-gro": []'
inject() { # what becomes of the attributes
	"$MESHCOORD" debug inject --state "$COORD_DIR" a "$(ctl a debug netmap | jq -c "{Node: (.Node | .CapMap |= $1)}")" ||
		fail "inject"
}
off_by_network() { [ "$(text a | grep -c 'switched off by the network$')" = "$1" ]; }
inject "(. + {$steps})"
wait_for 5 off_by_network 6 || fail "not forbidden: $(text a)" # the UDP steps are of two sockets
can_ping a "$(node_ip b)" >/dev/null || fail "no path with steps forbidden"
grep -q 'offload: tun-gro-tcp: switched off by the network$' "$NET_DIR/a.log" || fail "that was not told"
inject 'with_entries(select(.key | startswith("disable-") | not))'
wait_for 5 off_by_network 0 || fail "still forbidden: $(text a)"
