#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#  alice ─ r1(easy NAT) ─┐
#                        ├─ internet ─ coord
#  bob ─── r2(easy NAT) ─┘
# Two port-restricted NATs: the path becomes direct, both ways, and carries TCP and ICMP.
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_router r1 2 easy 1
net_router r2 3 easy 2
net_lan_host alice r1 1 10
net_lan_host bob r2 2 10
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n
done
a=$(node_ip alice) b=$(node_ip bob)
wait_for 5 can_ping alice "$b" || fail "first ping"
ctl alice ping --c=20 bob | grep -q 'via 10\.77\.0\.3:' || fail "alice has no direct path"
ctl bob ping --c=20 alice | grep -q 'via 10\.77\.0\.2:' || fail "bob has no direct path"
ctl alice ping --tsmp --c=3 bob | grep -q 'via TSMP' || fail "tsmp ping"
ctl alice ping --icmp --c=3 bob | grep -q 'via ICMP' || fail "icmp ping"
can_ping bob "$a" || fail "ping back"
head -c 3000000 /dev/urandom >"$NET_DIR/sent"
"$ROOT/tests/lib/tcp_copy.sh" "$TAG-bob" "$b" "$TAG-alice" "$NET_DIR/sent" "$NET_DIR/got" || fail "tcp"
cmp "$NET_DIR/sent" "$NET_DIR/got" || fail "tcp bytes"
a6=$(ctl alice ip -6) b6=$(ctl bob ip -6)
in_ns alice ping -6 -c 1 -W 2 -q "$b6" >/dev/null || fail "ipv6 inside ($a6 to $b6)"
ctl alice status --active | grep bob | grep -q 'direct 10\.77\.0\.3:' || fail "status does not say direct"
in_ns alice ip rule | grep -q 'lookup 52' || fail "no policy rule while up"
ctl alice down
wait_for 3 sh -c "! $IN_NS $TAG-alice ip -4 addr show dev mesh0 | grep -q inet" || fail "address left after down"
[ -z "$(in_ns alice ip rule | grep 'lookup 52')" ] || fail "rules left after down"
[ -z "$(in_ns alice ip route show table 52 2>/dev/null)" ] || fail "routes left after down"
ctl alice up --login-server="$COORD_URL" --hostname=alice --timeout=20s || fail "up again without a key"
wait_for 5 can_ping alice "$b" || fail "ping after down and up"
node_stop alice
[ -z "$(in_ns alice ip rule | grep 'lookup 52')" ] || fail "a rule is left after exit"
[ ! -e "$(node_socket alice)" ] || fail "the socket is left after exit"
