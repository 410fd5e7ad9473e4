# SPDX-License-Identifier: GPL-2.0-or-later
# lib_pair.sh: what a contender runs on: two hosts on one cable. Sourced by bench.sh, on top of the floors
# tests/netns/lib.sh (namespaces, meshd) and tests/interop/lib.sh (headscale, tailscaled).
#
#   PAIRa  v0 10.78.0.1 ────── veth, MTU 1500 ────── v0 10.78.0.2  PAIRb
#
# A contender NAME (one word) is a set of functions in a lib_*.sh, and its pair is called NAME:
#   NAME_label      its name in the tables
#   NAME_have       it can run here
#   NAME_version    one line
#   NAME_programs   its files, for their size
#   NAME_up         pair, daemons, and a tunnel that carries packets on the direct path; sets ADDR_NAMEa, ADDR_NAMEb
#                   (inside the tunnel), PID_NAMEa, PID_NAMEb (the daemons) and PORT_NAME (their UDP port)
#   NAME_down       everything gone again
#   NAME_figures    only if it is not there for all: those of its turn
#   NAME_key        the public key of a's daemon: base64, or nodekey: and hexadecimal digits
# A server that a contender needs runs in PAIRa and is never counted as the daemon.

PAIR_A=10.78.0.1
PAIR_B=10.78.0.2
MTU=1280

pair_up() { # PAIR
	net_space "$1a"
	net_space "$1b"
	ip link add v0 netns "$TAG-$1a" type veth peer name v0 netns "$TAG-$1b" || fail "cable $1"
	for side in a b; do
		in_ns "$1$side" ip link set v0 up
		hosts_file "$1$side" # also shields the machine's resolv.conf
	done
	in_ns "$1a" ip addr add $PAIR_A/24 dev v0
	in_ns "$1b" ip addr add $PAIR_B/24 dev v0
}

pair_down() { # PAIR; its daemons have been stopped
	for side in a b; do
		net_private_end "$1$side"
		ip netns del "$TAG-$1$side"
		rm -rf "/etc/netns/$TAG-$1$side" "$NET_DIR/$1$side.d" "$NET_DIR/$1$side.ts"
		space=$TAG-$1$side
		NET_SPACES=$(printf '%s\n' $NET_SPACES | grep -vx "$space")
	done
}

# What was started and has ended must not be killed again under a number that is another's by then.
pids_forget() {
	for p in "$@"; do
		NET_PIDS=$(printf '%s\n' $NET_PIDS | grep -vx "$p")
	done
}

pid_of() { eval "echo \$PID_$1"; }   # NODE, which is a pair's name and a or b
addr_of() { eval "echo \$ADDR_$1"; } # NODE
port_of() { eval "echo \$PORT_$1"; } # PAIR

# The outer UDP of the pair is dropped on arrival, as behind a strict firewall; what is inside the tunnel is not.
pair_block_udp() { # PAIR
	for side in a b; do
		in_ns "$1$side" nft -f - <<-E || fail "cannot block UDP"
			table inet bench {
				chain in { type filter hook input priority -300; iifname { "lo", "v0" } meta l4proto udp drop; }
			}
		E
	done
}

# Those of CONTENDERS that are nodes of a network, with a server and a relay.
nodes() { printf '%s\n' $CONTENDERS | grep -x -e meshd -e tailscaled; }
