#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Names at the service addresses, asked with real clients: by UDP and TCP, IPv4 and IPv6, known names and others,
# from the host itself and from a container on it; what peers and hosts of the LAN get (nothing); and a flood of
# queries, during which others still have their answers.
#
#   coord 10.77.0.1    dns 10.77.0.9 (the network's server)    alice ── box 172.30.0.2 (a container)    bob
#   lan 10.77.0.66: has a route to the service address by way of alice, whose default route leads there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
net_init
dns_init
LOAD=${BUILD:-$ROOT/build}/tests/load/dns_load
[ -x "$LOAD" ] || skip "needs $LOAD (make test-programs)"
net_host coord 1
net_host dns 9
net_host alice 11
net_host bob 12
net_host lan 66
in_ns alice ip route add default via 10.77.0.1
in_ns lan ip route add 100.100.100.100 via 10.77.0.11
net_space box
ip link add box0 netns "$TAG-alice" type veth peer name eth0 netns "$TAG-box" || fail "cable box"
in_ns alice ip addr add 172.30.0.1/24 dev box0
in_ns alice ip link set box0 up
in_ns box ip addr add 172.30.0.2/24 dev eth0
in_ns box ip link set eth0 up
in_ns box ip route add default via 172.30.0.1
in_ns alice sysctl -qw net.ipv4.ip_forward=1
# The strictest reverse-path filter must not mind what comes back from a service address.
in_ns alice sysctl -qw net.ipv4.conf.all.rp_filter=1
long=$(printf 'x%.0s' $(seq 1 200))
dnsmasq_start dns 10.77.0.9 --address=/www.example.org/192.0.2.80 --address=/example.org/192.0.2.81 --edns-packet-max=4096 \
	--txt-record=long.example.org,$long,$long,$long,$long,$long,$long,$long,$long,$long,$long --cache-size=0
os_plain alice 10.77.0.9
# A host that lets nothing in but answers, with the tables of iptables, where meshd accepts its own interface.
for f in ip ip6; do
	in_ns alice nft -f - <<-E || fail "host firewall"
		table $f filter {
			chain INPUT {
				type filter hook input priority 0; policy drop;
				ct state established,related accept
				iifname lo accept
				meta l4proto { icmp, icmpv6 } accept
			}
		}
	E
done
coord_start coord 10.77.0.1
node_start alice
node_start bob
node_up alice
node_up bob
bob=$(node_ip bob)
bob6=$(ctl bob ip -6)
alice=$(node_ip alice)
bob_name=$(ctl bob status --json | jq -r .Self.DNSName | sed 's/\.$//')
base=${bob_name#*.}
dns_set '{"Resolvers":["10.77.0.9"],"Routes":{"dead.example":["10.77.0.98"]},"ExtraRecords":[{"Name":"grafana.'"$base"'","Type":"A","Value":"100.64.0.77"}]}'
S4=100.100.100.100 S6=fd7a:115c:a1e0::53

# ---- every way to ask, every kind of name ----
is() { # EXPECTED ARGS...: on alice
	expected=$1
	shift
	[ "$(dig_short alice "$@")" = "$expected" ]
}
status_is() { # CODE ARGS...
	expected=$1
	shift
	in_ns alice dig +tries=1 +time=5 "$@" | grep -q "status: $expected"
}
wait_for "$DNS_WAIT" is 100.64.0.77 @$S4 "grafana.$base" || fail "a record of control"
for s in $S4 $S6; do
	for how in "" +tcp +bufsize=4096 +noedns +bufsize=512; do
		w="@$s $how"
		wait_for "$DNS_WAIT" is "$bob" @$s $how "$bob_name" || fail "$w: bob: $(dig_short alice @$s $how "$bob_name")"
		is "$bob" @$s $how "$(echo "$bob_name" | tr a-z A-Z)" || fail "$w: bob in capitals"
		is "$bob" @$s $how bob || fail "$w: bob's short name"
		is 100.64.0.77 @$s $how "grafana.$base" || fail "$w: a record of control"
		is "$bob_name." @$s $how -x "$bob" || fail "$w: the reverse of bob's IPv4 address"
		is "$bob_name." @$s $how -x "$bob6" || fail "$w: the reverse of bob's IPv6 address"
		status_is NXDOMAIN @$s $how "nobody.$base" || fail "$w: a name that nobody has"
		status_is NOTIMP @$s $how "$bob_name" NS || fail "$w: NS"
		is 192.0.2.80 @$s $how www.example.org || fail "$w: a name for the network's server"
	done
	in_ns alice dig @$s +tries=1 +time=5 +bufsize=4000 +ignore long.example.org TXT | grep -q "flags:.* tc" &&
		fail "$s: a reply of more than the interface's MTU is cut"
	in_ns alice dig @$s +tries=1 +time=5 +bufsize=4000 +ignore long.example.org TXT | grep -qF "$long" ||
		fail "$s: a reply of more than the interface's MTU"
	in_ns alice dig @$s +tries=1 +time=5 +bufsize=512 +ignore long.example.org TXT | grep -q "flags:.* tc" ||
		fail "$s: too long, but not marked so"
	in_ns alice dig @$s +tries=1 +time=5 +bufsize=512 long.example.org TXT | grep -qF "$long" || fail "$s: again by TCP"
	in_ns alice dig @$s +tcp +tries=1 +time=5 +keepopen "$bob_name" A bob A "grafana.$base" A www.example.org A |
		grep -c 'status: NOERROR' | grep -qx 4 || fail "$s: four questions on one connection"
done
wait_for "$DNS_WAIT" resolves alice "$bob_name" "$bob" || fail "getent: bob"
wait_for "$DNS_WAIT" resolves alice bob "$bob" || fail "getent: bob's short name"
[ "$(asked dns "$base")" = 0 ] || fail "names of the mesh went to the network's server"

# ---- what else is there ----
in_ns alice ping -c 1 -W 5 -q $S4 >/dev/null || fail "the service address does not answer a ping"
refused() { in_ns "$1" python3 -c '
import socket, sys
try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
except ConnectionRefusedError: sys.exit(0)
sys.exit(1)' "$2" "$3"; }
refused alice $S4 80 || fail "TCP to another port is not refused at once"
refused alice $S6 8080 || fail "TCP to another port is not refused at once, by IPv6"

# ---- a container ----
box_is() { [ "$(dig_short box @$S4 "$2")" = "$1" ]; }
box_is "$bob" bob || fail "a container's query"
box_is 192.0.2.80 www.example.org || fail "a container's query for another name"
refused box $S4 53 || fail "a container's connection is not refused"

# ---- the LAN ----
strangers() { ctl alice debug metrics | awk '/^dataplane_dns_drop_stranger/ {print $2}'; }
strangers_are() { [ "$(strangers)" -ge "$1" ]; }
[ "$(strangers)" = 0 ] || fail "somebody was taken for a stranger"
in_ns lan dig +tries=1 +time=2 @$S4 bob >/dev/null && fail "a host of the LAN is answered"
in_ns lan dig +tries=1 +time=2 @$S4 www.example.org >/dev/null && fail "a host of the LAN is answered from elsewhere"
wait_for 10 strangers_are 2 || fail "its queries did not get to alice"

# ---- peers ----
port() { in_ns alice ss -ltnH "src $alice" | awk '{ sub(".*:", "", $4); print $4 }'; }
[ -n "$(port)" ] || fail "nothing listens for TCP"
for p in $(port) 53; do
	in_ns bob python3 -c '
import socket, sys
try: s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
except OSError: sys.exit(0)
s.settimeout(3)
try:
    s.sendall(bytes.fromhex("001c0001010000010000000000000362" "6f6207") + b"x" * 12)
    sys.exit(1 if s.recv(1) and b"HTTP" not in s.recv(64) else 0)
except OSError: sys.exit(0)' "$alice" "$p" || fail "a peer talks DNS to port $p"
done
in_ns bob dig +tries=1 +time=2 "@$alice" "$bob_name" >/dev/null 2>&1 && fail "a peer got an answer at our address"

# ---- floods ----
counted() { ctl alice debug metrics | awk -v n="$1" '$1 ~ n { print $2; exit }'; }
# 100,000 a second on one socket, until the test has seen enough.
flood() { # NAME-PATTERN COUNTER
	from=$(counted "$2")
	$IN_NS "$TAG-alice" "$LOAD" --to $S4 --name "$1" --count 1000000 --random --rate 100000 --sockets 1 \
		--seconds 300 >"$NET_DIR/flood.log" 2>&1 &
	FLOOD_PID=$!
	NET_PIDS="$NET_PIDS $FLOOD_PID"
	wait_for 60 more_than "$2" $((from + ${3:-20000})) || fail "the flood does not arrive: $2 $from $(counted "$2")"
}
more_than() { [ "$(counted "$1")" -gt "$2" ]; }
flood_ends() { # COUNTER
	kill -0 $FLOOD_PID 2>/dev/null || fail "the flood ended too early: $(cat "$NET_DIR/flood.log")"
	kill $FLOOD_PID
	wait $FLOOD_PID 2>/dev/null
	echo "$1: $(($(counted "$1") - from))"
}
others() {
	for i in 1 2 3 4 5; do
		wait_for 10 is "$bob" @$S4 "$bob_name" || fail "$1: bob"
		wait_for 10 is 192.0.2.80 @$S4 www.example.org || fail "$1: another name"
		wait_for 10 box_is "$bob" bob || fail "$1: bob, asked by a container"
		wait_for 10 box_is 192.0.2.80 www.example.org || fail "$1: another name, asked by a container"
	done
}
flood 'host%.'"$base" dataplane_dns_answered
others "flood of known names"
flood_ends dataplane_dns_answered
flood 'x%.example.org' dataplane_dns_drop_overload
others "flood of other names"
flood_ends dataplane_dns_drop_overload
# The server of these is silent, so that every one of them waits.
flood 'x%.dead.example' dataplane_dns_drop_overload
others "flood of names that nobody answers"
flood_ends dataplane_dns_drop_overload
wait_for 20 lossless alice "$bob" 3 0.2 || fail "bob is not reached after the floods"

# ---- off and on ----
ctl alice set --accept-dns=false || fail "accept-dns=false"
wait_for "$DNS_WAIT" is "$bob" @$S4 "$bob_name" || fail "without accept-dns: the full name"
ctl alice set --accept-dns=true || fail "accept-dns=true"
wait_for "$DNS_WAIT" is "$bob" @$S4 bob || fail "accept-dns again: the short name"
echo "names at the service addresses: UDP, TCP, both families, floods"
