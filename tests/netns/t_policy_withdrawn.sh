#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A policy is withdrawn while TCP and UDP run: what alice had opened to bob stands still in both directions,
# what bob opened to alice goes on, without and with the second thread of the packet path. Given back, it
# all works again.
. "$(dirname "$0")/lib.sh"
command -v socat >/dev/null || skip "needs socat"
net_init
net_host coord 1
net_host alice 2
net_host bob 3
coord_start coord 10.77.0.1
node_start alice
node_up alice
a=$(node_ip alice)

policy() { echo "$1" | "$MESHCOORD" policy set - --state "$COORD_DIR" >/dev/null || fail "policy"; }
everybody() { policy '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}'; }
only_bob() { policy "{\"acls\": [{\"action\": \"accept\", \"src\": [\"$b\"], \"dst\": [\"$a:*\"]}]}"; }

# An echo server, and a client that sends a line every so often and writes down what comes back.
serve() { # NAME LISTEN
	$IN_NS "$TAG-$1" socat "$2,fork" EXEC:cat >/dev/null 2>&1 &
	NET_PIDS="$NET_PIDS $!"
}
talk() { # NAME ADDRESS FILE
	: >"$NET_DIR/$3"
	while echo x 2>/dev/null; do sleep 0.05; done | $IN_NS "$TAG-$1" socat -t 1 - "$2" >>"$NET_DIR/$3" 2>/dev/null &
	NET_PIDS="$NET_PIDS $!"
}
lines() { wc -l <"$NET_DIR/$1"; }
# Until bob's two flows have both carried so many more lines, of which there are at most 20 a second. In
# shells of their own, since wait_for waits for them.
while_bob_talks() ( # LINES
	wait_for 30 bob_has_said $(($(lines bob.tcp) + $1)) $(($(lines bob.udp) + $1))
)
bob_has_said() { [ "$(lines bob.tcp)" -ge "$1" ] && [ "$(lines bob.udp)" -ge "$2" ]; }
grows() ( # FILE
	n=$(lines "$1")
	while_bob_talks 5
	[ "$(lines "$1")" -gt "$n" ]
)
stands_still() (
	n=$(lines alice.tcp) m=$(lines alice.udp)
	while_bob_talks 15 && [ "$(lines alice.tcp) $(lines alice.udp)" = "$n $m" ]
)
withdrawn() { ctl bob debug metrics | awk '/^netstack_in_drop_withdrawn/ {n += $NF} END {exit n == 0}'; }

hang_up() { # NAME: its servers and clients
	for p in $(ip netns pids "$TAG-$1"); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" != socat ] || kill "$p" 2>/dev/null
	done
}

scene() { # flags of bob's meshd
	node_start bob "$@"
	node_up bob --force-reauth
	b=$(node_ip bob)
	wait_for 20 can_ping alice "$b" || fail "no traffic"
	for n in alice bob; do
		serve $n TCP-LISTEN:7001,reuseaddr
		serve $n UDP-LISTEN:7002,reuseaddr
	done
	listens() { in_ns "$1" ss -Hlnt "sport = :7001" | grep -q . && in_ns "$1" ss -Hlnu "sport = :7002" | grep -q .; }
	wait_for 5 listens alice && wait_for 5 listens bob || fail "no servers"
	talk bob "TCP:$a:7001" bob.tcp
	talk bob "UDP:$a:7002" bob.udp
	talk alice "TCP:$b:7001" alice.tcp
	talk alice "UDP:$b:7002" alice.udp
	wait_for 30 grows alice.tcp && wait_for 30 grows alice.udp || fail "nothing flows before"
	only_bob
	wait_for 10 stands_still || fail "what alice opened goes on without a policy, or what bob opened does not"
	stands_still || fail "it went on later"
	withdrawn || fail "nothing counted"
	everybody
	wait_for 60 grows alice.udp || fail "UDP does not go on with the policy back"
	wait_for 60 grows alice.tcp || fail "TCP does not go on with the policy back"
	hang_up alice
	hang_up bob
	node_stop bob
}
everybody
scene
scene --workers=1
