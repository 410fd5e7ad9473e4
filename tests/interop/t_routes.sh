#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   p1 ─ m1 (meshd)      ─┐
#   p2 ─ t1 (tailscaled) ─┼─ internet ─ hs (headscale: control, relay, STUN)
#        m2 (meshd)      ─┤       └──── web 203.0.113.5
#        t2 (tailscaled) ─┘
# Networks behind meshd and behind tailscaled, and both as exit nodes, for clients of either kind; routes approved in
# Headscale; a policy taken away in Headscale ends a connection to meshd without a restart, and one given back lets it go
# on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../netns/lib_routes.sh"
peers_need headscale tailscaled tailscale
routes_need
net_init
net_host hs 1
site_router m1 20 1
site_host p1 m1 1 10
site_router t1 21 2
site_host p2 t1 2 10
net_host m2 12
net_host t2 13
net_host web 99
in_ns web ip addr add 203.0.113.5/32 dev lo
for h in m1 t1 m2 t2; do in_ns $h ip route add 203.0.113.5 via 10.77.0.99; done
hs_start hs 10.77.0.1

P1=10.88.1.10 P1_6=fd88:1::10 P2=10.88.2.10 WEB=203.0.113.5
all='{"acls":[{"action":"accept","src":["*"],"dst":["*:*","autogroup:internet:*"]}]}'
ssh_only='{"acls":[{"action":"accept","src":["*"],"dst":["*:22"]}]}'

check "policy is taken" hs_policy "$all" || exit 1
for n in t1 t2; do
	ts_start $n
	ts_up $n
done
for n in m1 m2; do
	m_start $n
	m_up $n
done
for n in p1 p2 web; do answers $n; done

echo "# networks"
check "meshd advertises" ctl m1 set --advertise-routes=10.88.1.0/24,fd88:1::/64
check "tailscaled advertises" ts t1 set --advertise-routes=10.88.2.0/24
ts t2 set --accept-routes
ctl m2 set --accept-routes=auto
check "meshd says that its route is not approved" says 'not approved' ctl m1 status
check "nothing before approval" blocked t2 $P1
check "approve meshd's" hs_approve m1 10.88.1.0/24,fd88:1::/64
check "approve tailscaled's" hs_approve t1 10.88.2.0/24
check "tailscaled reaches the network behind meshd" within 20 asks t2 $P1
check "by IPv6" within 20 asks t2 $P1_6
check "as the router" sees t2 $P1 10.88.1.1
check "meshd reaches the network behind tailscaled" within 20 asks m2 $P2
check "meshd reaches the network behind meshd" within 20 asks m2 $P1
check "source NAT off" ctl m1 set --snat-subnet-routes=false
check "as the client" within 10 sees t2 $P1 "$(ts t2 ip -4)"
check "source NAT on" ctl m1 set --snat-subnet-routes

echo "# exit nodes"
check "meshd offers" ctl m1 set --advertise-exit-node
check "tailscaled offers" ts t1 set --advertise-exit-node
check "approve meshd" hs_approve m1 10.88.1.0/24,fd88:1::/64,0.0.0.0/0,::/0
check "approve tailscaled" hs_approve t1 10.88.2.0/24,0.0.0.0/0,::/0
check "tailscaled uses meshd" within 20 ts t2 set --exit-node="$(node_ip m1)"
check "tailscaled leaves by meshd" within 10 sees t2 $WEB 10.77.0.20
check "meshd uses tailscaled" within 20 ctl m2 set --exit-node="$(ts t1 ip -4)"
check "meshd leaves by tailscaled" within 10 sees m2 $WEB 10.77.0.21
check "meshd uses meshd" ctl m2 set --exit-node=m1
check "meshd leaves by meshd" within 10 sees m2 $WEB 10.77.0.20
check "a list with tailscaled first" ctl m2 set --exit-node=t1,m1
check "meshd leaves by tailscaled" within 20 sees m2 $WEB 10.77.0.21
ts_stop t1 KILL
check "tailscaled is killed: meshd leaves by the next" within 60 sees m2 $WEB 10.77.0.20
check "meshd stops using it" ctl m2 set --exit-node=
check "meshd leaves by itself" within 10 sees m2 $WEB 10.77.0.12
check "tailscaled stops using it" ts t2 set --exit-node=

echo "# a policy that changes"
cat >"$NET_DIR/echo.py" <<'E2'
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 7400))
s.listen()
c, _ = s.accept()
while True:
    d = c.recv(1000)
    if not d:
        break
    c.send(d)
E2
cat >"$NET_DIR/talk.py" <<'E2'
import socket, sys, time
s = socket.create_connection((sys.argv[1], 7400), 5)
while True:
    s.send(b"y")
    if not s.recv(1):
        break
    print(flush=True)
    time.sleep(0.05)
E2
$IN_NS "$TAG-m1" python3 "$NET_DIR/echo.py" &
NET_PIDS="$NET_PIDS $!"
wait_for 10 sh -c "$IN_NS $TAG-m1 ss -ltnH | grep -q ':7400 '" || fail "no server"
$IN_NS "$TAG-t2" python3 "$NET_DIR/talk.py" "$(node_ip m1)" >"$NET_DIR/talk.out" 2>"$NET_DIR/talk.log" &
TALK=$!
NET_PIDS="$NET_PIDS $TALK"
talked() { wc -l <"$NET_DIR/talk.out"; }
goes_on() {
	before=$(talked)
	sleep 0.5
	[ "$(talked)" -gt "$before" ]
}
check "a connection from tailscaled to meshd" within 10 goes_on
check "only SSH is allowed" hs_policy "$ssh_only"
check "it stands still" within 5 never goes_on
check "and for good" never goes_on
check "all is allowed again" hs_policy "$all"
check "it goes on" within 30 goes_on
kill $TALK 2>/dev/null
finish
