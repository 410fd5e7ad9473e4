#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A working mesh in under a minute, on one machine: a coordinator with its relay on a small "internet",
# and two nodes, each behind a NAT router of its own. Everything happens in network namespaces and
# temporary files that are removed at the end, also when you interrupt it.
#   sudo sh tests/demo.sh
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
cd "$root" || exit 1

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { # NODE meshctl arguments: print the command as a person would type it, then run it
	printf '  [%s] $ meshctl' "$1"
	shown=$1
	shift
	for a in "$@"; do
		case $a in --authkey=*) a='--authkey=...' ;; esac
		printf ' %s' "$a"
	done
	printf '\n'
	ctl "$shown" "$@" 2>&1 | sed 's/^/      /' || true
}

[ "$(id -u)" = 0 ] || { echo "The demo makes network namespaces and needs root; type: sudo sh tests/demo.sh"; exit 1; }
say "Installing what is missing, and building"
sh tests/lib/deps.sh demo || exit 1
make --no-print-directory -j"$(nproc)" all || exit 1
started=$(date +%s)

. "$here/netns/lib.sh"
say "1. A small internet with a coordinator, and two homes behind NAT routers"
net_init
net_host coord 1
net_router r1 2 easy 1
net_router r2 3 easy 2
net_lan_host alice r1 1 10
net_lan_host bob r2 2 10
coord_start coord 10.77.0.1
echo "   coordinator and relay: $COORD_URL; alice: 192.168.1.10 behind 10.77.0.2; bob: 192.168.2.10 behind 10.77.0.3"

say "2. Two nodes join, each with one command"
for n in alice bob; do
	node_start $n
	key=$(coord_key) || fail "no auth key"
	show $n up "--login-server=$COORD_URL" "--authkey=$key" "--hostname=$n" --timeout=60s
	[ "$(ctl $n status --json | grep -c '"BackendState": "Running"')" = 1 ] || fail "$n is not running"
done
alice_ip=$(node_ip alice) bob_ip=$(node_ip bob)
[ -n "$alice_ip" ] && [ -n "$bob_ip" ] || fail "a node has no address"

say "3. They see each other"
wait_for 10 sh -c "'$MESHCTL' --socket '$(node_socket alice)' status | grep -q bob" || fail "alice does not see bob"
show alice status

say "4. The path: by the relay at first, direct as soon as both NATs are open"
show alice ping --c=20 bob
ctl alice ping --c=10 bob 2>&1 | grep -q 'via 10\.77\.0\.3:' || fail "no direct path"

say "5. Real traffic through the tunnel"
in_ns alice ping -c 3 -i 0.2 -W 2 "$bob_ip" | sed 's/^/      /'
can_ping alice "$bob_ip" || fail "ICMP"
can_ping bob "$alice_ip" || fail "ICMP back"
head -c 8000000 /dev/urandom >"$NET_DIR/sent"
"$here/lib/tcp_copy.sh" "$TAG-bob" "$bob_ip" "$TAG-alice" "$NET_DIR/sent" "$NET_DIR/got" || fail "TCP"
cmp -s "$NET_DIR/sent" "$NET_DIR/got" || fail "TCP changed the bytes"
echo "      8 MB over TCP: every byte arrived"

say "6. Names: programs find bob by his"
show alice dns query bob
ctl alice dns query bob | grep -qF "$bob_ip" || fail "alice does not know the name bob"
if [ "$NS_ENTER" = ip ]; then # else alice shares the resolver of this machine, which is left alone
	wait_for 10 in_ns alice ping -c 1 -W 3 bob >/dev/null || fail "the name bob does not resolve"
	in_ns alice ping -c 1 -W 3 bob | sed 's/^/      /'
fi

say "7. The firewall of both homes now drops all UDP: traffic goes on over the relay"
net_block_udp r1
net_block_udp r2
wait_for 20 can_ping alice "$bob_ip" || fail "no traffic over the relay"
in_ns alice ping -c 3 -i 0.3 -W 3 "$bob_ip" | sed 's/^/      /'
wait_for 20 sh -c "'$MESHCTL' --socket '$(node_socket alice)' status | grep bob | grep -q relay" || fail "status does not show the relay"
show alice status

say "8. Leaving"
show alice down
show alice status
say "Done in $(($(date +%s) - started)) s. To join a network of your own, see README."
