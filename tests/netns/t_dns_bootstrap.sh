#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A node whose own resolver is the system's finds the coordination server all the same: past itself, through the name
# server the system had before; by the address of the last time when that one is dead, lies, or is not there at all.
#
#   coord 10.77.0.1 (control.mesh.test)    lan 10.77.0.9 (the name server)    alice, bob, carol, dave: nodes
#   carol's names are resolved by systemd-resolved, dave's resolv.conf is resolvconf's and lies in /run
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
net_init
dns_init
NAME=control.mesh.test
net_host coord 1
net_host lan 9
net_host alice 11
net_host bob 12
net_host carol 13
net_host dave 14
COORD_NS=coord COORD_ADDR=10.77.0.1 COORD_URL=http://$NAME:8080 COORD_DIR=$NET_DIR/coord
mkdir "$COORD_DIR"
coord_again
upstream_start lan 10.77.0.9 --record $NAME=10.77.0.1 --record www.example.org=192.0.2.80
for n in alice bob; do
	os_plain $n 10.77.0.9
	node_start $n
	node_up $n
done
bob=$(node_ip bob)
online() { "$MESHCOORD" node list --state "$COORD_DIR" | grep -w "${1:-alice}" | grep -q online; }
asks_us() { in_ns alice grep -q '^nameserver 100\.100\.100\.100' /etc/resolv.conf; }
again() { # WHAT: the server restarts, and alice is back
	coord_stop KILL
	log_forget lan
	coord_again
	wait_for 60 online || fail "$1: alice does not find the server: $(ctl alice status)"
}

wait_for 20 asks_us || fail "resolv.conf: $(in_ns alice cat /etc/resolv.conf)"
wait_for 20 resolves alice bob "$bob" || fail "bob's name"
wait_for 20 resolves alice www.example.org 192.0.2.80 || fail "a name of the internet"

again "through the name server of before"
[ "$(asked lan $NAME)" -gt 0 ] || fail "the name server was not asked for $NAME"

# With systemd-resolved: its own servers, and it need not be alive. (The address of the last time alone would do; so
# the name server is looked at.)
os_resolved_start carol 10.77.0.9
node_start carol
node_up carol
told() { in_ns carol resolvectl dns mesh0 | grep -q 100.100.100.100; }
wait_for 20 told || fail "systemd-resolved was not told"
node_online_again() {
	coord_stop KILL
	log_forget lan
	coord_again
	wait_for 60 online carol
}
carol_asks() { grep -F "10.77.0.13:" "$NET_DIR/upstream-lan.log" | grep -q "$NAME"; }
os_resolved_stop carol KILL
node_online_again || fail "without systemd-resolved: carol does not find the server: $(ctl carol status)"
carol_asks || fail "without systemd-resolved: the name server of the network was not asked"
node_stop carol

os_resolvconf_root dave 10.77.0.9
node_start dave
node_up dave
node_stop dave

# Nothing of what is known is a server's answer: what worked is used.
upstream_mode lan 10.77.0.9 silent
again "a name server that never answers"
upstream_mode lan 10.77.0.9 nxdomain
again "a name server that denies it"
upstream_mode lan 10.77.0.9 fail
again "a name server that fails"

# Nor does a restart need one: the address is kept with the state.
upstream_mode lan 10.77.0.9 silent
node_stop alice
[ "$(in_ns alice cat /etc/resolv.conf)" = "nameserver 10.77.0.9" ] || fail "resolv.conf was not put back"
node_start alice
wait_for 60 online || fail "started again without a name server"
wait_for 20 asks_us || fail "started again: resolv.conf"
node_stop alice

# What is left of another agent, or of a crash without a backup: a resolv.conf that only asks the service address,
# where nobody answers before there is a tunnel.
echo 'nameserver 100.100.100.100' | os_put alice /etc/resolv.conf
node_start alice
wait_for 60 online || fail "resolv.conf asks only ourselves"
node_stop alice
in_ns alice sh -c 'head -c 3000 /dev/urandom >/etc/resolv.conf'
node_start alice
wait_for 60 online || fail "resolv.conf is no text"
node_stop alice

# One that lies: its address answers nothing, and the one of the last time is tried after it.
server_stop lan upstream
upstream_start lan 10.77.0.9 --default 10.77.0.66
os_plain alice 10.77.0.9
node_start alice
wait_for 60 online || fail "a name server that lies"
