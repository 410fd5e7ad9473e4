# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh: networks of namespaces with real daemons, for the demo and the namespace tests. Sourced by sh.
# Everything is named after this shell's process id and removed by net_cleanup, which runs on any exit.
#
#   net_init                  the "internet": a bridge, 10.77.0.0/24
#   net_host NAME N           a host on the internet, 10.77.0.N
#   net_router NAME N KIND L  a NAT router 10.77.0.N, KIND easy|hard, LAN 192.168.L.0/24
#   net_lan_host NAME ROUTER L N   a host behind it, 192.168.L.N
#   in_ns NAME command...     run there
#   coord_start NAME ADDR     meshcoord in that host; COORD_URL is set
#   coord_stop [SIGNAL] / coord_again
#   coord_key [flags]         print an auth key
#   node_start NAME           meshd in that host; node_stop NAME [SIGNAL]. node_spawn: not waiting until it answers
#   net_private NAME [FOLDER...]   from now on that host has an /etc, a /run and a /var/lib of its own, with these unpacked
#                             packages over them and over /usr; node_start does it: meshd sets up name resolution.
#                             net_private_end NAME: it has the machine's again
#   ctl NAME args...          meshctl to that daemon
#   node_up NAME [flags]      meshctl up with a fresh key
#   lossless NAME ADDR N SECONDS [flags]   N pings, one every so often, and an answer to each: a busy
#                             machine may be late, but loses none
#   wait_for SECONDS command... until it succeeds: so long, and at least one try a second, which on a busy
#                             machine takes longer
# Programs come from $MESHD $MESHCTL $MESHCOORD, default build/ of this tree.

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
[ -x "$ROOT/Makefile" ] || [ -f "$ROOT/Makefile" ] || ROOT=$(cd "$(dirname "$0")/.." && pwd)
MESHD=${MESHD:-$ROOT/build/meshd}
MESHCTL=${MESHCTL:-$ROOT/build/meshctl}
MESHCOORD=${MESHCOORD:-$ROOT/build/meshcoord}
IN_NS="sh $ROOT/tests/lib/in_os.sh"
TAG=m$$
NET_DIR=
NET_SPACES=
NET_PIDS=

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAIL: $*" >&2; exit 1; }

net_requirements() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -c /dev/net/tun ] || skip "needs /dev/net/tun"
	for p in ip nft ping; do command -v $p >/dev/null || skip "needs $p"; done
	ip netns add "$TAG-probe" 2>/dev/null || skip "cannot make network namespaces"
	NS_ENTER=nsenter
	ip netns exec "$TAG-probe" true 2>/dev/null && NS_ENTER=ip
	export NS_ENTER
	ip netns del "$TAG-probe"
}

net_cleanup() {
	trap '' INT TERM HUP PIPE
	for p in $NET_PIDS; do kill "$p" 2>/dev/null; done
	for p in $NET_PIDS; do
		i=0
		while kill -0 "$p" 2>/dev/null && [ $i -lt 30 ]; do sleep 0.1; i=$((i + 1)); done
		kill -9 "$p" 2>/dev/null
	done
	wait 2>/dev/null
	for n in $NET_SPACES; do
		for p in $(ip netns pids "$n" 2>/dev/null); do kill -9 "$p" 2>/dev/null; done
		ip netns del "$n" 2>/dev/null
	done
	[ -z "$NET_DIR" ] || rm -rf "$NET_DIR"
	NET_SPACES= NET_PIDS= NET_DIR=
}

net_on_exit() {
	rc=$?
	trap '' PIPE
	[ $rc = 0 ] || [ $rc = 77 ] || net_evidence
	net_cleanup
	exit $rc
}

# What a failed test leaves to read.
net_evidence() {
	[ -n "$NET_DIR" ] || return
	for f in "$NET_DIR"/*.log; do
		[ -f "$f" ] || continue
		echo "--- $(basename "$f"), last lines" >&2
		tail -n "${EVIDENCE_LINES:-25}" "$f" >&2
	done
}

# In the background use $IN_NS "$TAG-NAME" itself: with this function $! would be a shell's process id.
in_ns() {
	ns=$1
	shift
	$IN_NS "$TAG-$ns" "$@"
}

net_space() {
	ip netns add "$TAG-$1" || fail "namespace $1"
	NET_SPACES="$NET_SPACES $TAG-$1"
	in_ns "$1" ip link set lo up || fail "namespace $1 cannot be entered"
}

# A cable from host $1 (interface $2) to the switch $3.
net_cable() {
	ip link add "$2" netns "$TAG-$1" type veth peer name "p-$1" netns "$TAG-$3" || fail "cable $1"
	in_ns "$3" ip link set "p-$1" master br0 up
	in_ns "$1" ip link set "$2" up
}

net_switch() {
	net_space "$1"
	in_ns "$1" ip link add br0 type bridge
	in_ns "$1" ip link set br0 up
}

net_init() {
	net_requirements
	trap net_on_exit EXIT
	trap 'exit 130' INT TERM HUP PIPE
	NET_DIR=$(mktemp -d "${TMPDIR:-/tmp}/mesh-test.XXXXXX") || fail "temporary folder"
	OS_DIR=$NET_DIR
	export OS_DIR
	net_switch inet
}

net_host() {
	net_space "$1"
	net_cable "$1" eth0 inet
	in_ns "$1" ip addr add "10.77.0.$2/24" dev eth0
}

# Home routers drop what nobody asked for; without that rule Linux' conntrack takes the port of an early
# packet from outside and no hole is ever punched.
net_nat() { # ROUTER easy|hard
	flags=
	[ "$2" = hard ] && flags=' random,fully-random'
	in_ns "$1" nft -f - <<-E || fail "nat rules"
		flush ruleset
		table ip nat {
			chain post { type nat hook postrouting priority 100; oifname "wan" masquerade$flags; }
		}
		table ip filter {
			chain in { type filter hook input priority 0; iifname "wan" ct state established,related accept; iifname "wan" drop; }
			chain through { type filter hook forward priority 0; iifname "wan" ct state established,related accept; iifname "wan" drop; }
		}
	E
}

net_router() {
	net_space "$1"
	net_cable "$1" wan inet
	in_ns "$1" ip addr add "10.77.0.$2/24" dev wan
	net_switch "$1-lan"
	net_cable "$1" lan "$1-lan"
	in_ns "$1" ip addr add "192.168.$4.1/24" dev lan
	in_ns "$1" sysctl -qw net.ipv4.ip_forward=1
	net_nat "$1" "$3"
}

net_lan_host() {
	net_space "$1"
	net_cable "$1" eth0 "$2-lan"
	in_ns "$1" ip addr add "192.168.$3.$4/24" dev eth0
	in_ns "$1" ip route add default via "192.168.$3.1"
}

# Drop all UDP of a LAN at its router, but keep TCP: relay only.
net_block_udp() { in_ns "$1" nft insert rule ip filter through meta l4proto udp drop; }
net_unblock_udp() { net_nat "$1" "${2:-easy}"; }

wait_for() {
	give_up=$(($(date +%s) + $1 + 1)) tries=$1
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$(date +%s)" -lt $give_up ] || [ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

coord_start() {
	COORD_NS=$1
	COORD_ADDR=$2
	COORD_URL=http://$2:8080
	COORD_DIR=$NET_DIR/coord
	mkdir -p "$COORD_DIR"
	coord_again
}

coord_again() {
	$IN_NS "$TAG-$COORD_NS" "$MESHCOORD" serve --listen "$COORD_ADDR:8080" --url "$COORD_URL" --state "$COORD_DIR" \
		--stun "$COORD_ADDR:3478" ${COORD_FLAGS:-} >>"$NET_DIR/coord.log" 2>&1 &
	COORD_PID=$!
	NET_PIDS="$NET_PIDS $COORD_PID"
	wait_for 30 "$MESHCOORD" node list --state "$COORD_DIR" || fail "meshcoord did not start"
}

coord_stop() {
	kill "-${1:-TERM}" "$COORD_PID" 2>/dev/null
	wait "$COORD_PID" 2>/dev/null
	return 0
}

coord_key() { "$MESHCOORD" authkey create --state "$COORD_DIR" "$@" | tail -n 1; }

# Mounts of its own cannot be had where "/" is no mount point (a chroot).
net_private() {
	os=$1
	shift
	[ ! -s "$OS_DIR/$TAG-$os.os" ] || return 0
	[ "$NS_ENTER" = ip ] || return 0
	mkdir "$NET_DIR/$os.root" || fail "root of $os"
	sh "$ROOT/tests/lib/in_ns.sh" "$TAG-$os" unshare -m --propagation private \
		sh "$ROOT/tests/lib/os_root.sh" "$NET_DIR/$os.root" "$OS_DIR/$TAG-$os.os" "$@" >"$NET_DIR/os-$os.log" 2>&1 &
	eval "PID_OS_$os=$!"
	NET_PIDS="$NET_PIDS $!"
	wait_for 30 test -s "$OS_DIR/$TAG-$os.os" || fail "root of $os"
}

net_private_end() {
	[ -s "$OS_DIR/$TAG-$1.os" ] || return 0
	kill "$(cat "$OS_DIR/$TAG-$1.os")"
	eval "wait \$PID_OS_$1" 2>/dev/null
	rm -r "$OS_DIR/$TAG-$1.os" "$NET_DIR/$1.root"
}

node_socket() { echo "$NET_DIR/$1.sock"; }

node_spawn() {
	name=$1
	shift
	net_private "$name"
	$IN_NS "$TAG-$name" "$MESHD" --state "$NET_DIR/$name.d/meshd.state" --statedir "$NET_DIR/$name.d" \
		--socket "$(node_socket "$name")" --no-logs-no-support "$@" >>"$NET_DIR/$name.log" 2>&1 &
	eval "PID_$name=$!"
	NET_PIDS="$NET_PIDS $!"
}

node_start() {
	node_spawn "$@"
	wait_for 30 "$MESHCTL" --socket "$(node_socket "$1")" debug prefs || fail "meshd $1 did not start"
}

node_stop() {
	eval "pid=\$PID_$1"
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

ctl() {
	name=$1
	shift
	in_ns "$name" "$MESHCTL" --socket "$(node_socket "$name")" "$@"
}

node_up() {
	name=$1
	shift
	ctl "$name" up --login-server="$COORD_URL" --authkey="$(coord_key)" --hostname="$name" --timeout=30s "$@" ||
		fail "meshctl up on $name"
}

node_ip() { ctl "$1" ip -4; }
can_ping() { in_ns "$1" ping -c 1 -W 1 -q "$2"; }
# Without -w, ping gives the last answer just one interval.
lossless() (
	from=$1 to=$2 n=$3 every=$4
	shift 4
	in_ns "$from" ping -c "$n" -i "$every" -w 20 "$@" "$to" >"$NET_DIR/ping-$from.log" 2>&1
	got=$(sed -n 's/.*icmp_seq=\([0-9]*\) ttl=.*/\1/p' "$NET_DIR/ping-$from.log" | awk -v n="$n" '$1 <= n && !seen[$1]++' | wc -l)
	[ "$got" = "$n" ] || { echo "$got of the first $n pings from $from were answered" && exit 1; }
)
