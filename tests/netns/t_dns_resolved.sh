#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A host with a real systemd-resolved: names of the mesh resolve, a split domain goes to its own server alone,
# whoever restarts or undoes it is met, and afterwards it is as before; also after kill -9 in the middle.
#
#   coord 10.77.0.1    lan 10.77.0.9 (the host's own server)    corp 10.77.0.8 (of corp.example)    alice, bob: nodes
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
net_init
dns_init
net_host coord 1
net_host lan 9
net_host corp 8
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1
dnsmasq_start lan 10.77.0.9 --address=/printer.lan.example/10.77.0.99 --address=/www.example.org/192.0.2.80
dnsmasq_start corp 10.77.0.8 --address=/vault.corp.example/10.9.9.9
dns_set '{"Routes":{"corp.example":["10.77.0.8"]}}'
os_resolved_start alice 10.77.0.9
os_state alice >"$NET_DIR/before"

tun_dns() { in_ns alice resolvectl dns mesh0 2>/dev/null | grep -q "$1"; }
as_before() { os_state alice >"$NET_DIR/now" && cmp -s "$NET_DIR/before" "$NET_DIR/now"; }
check_as_before() { wait_for 15 as_before || { diff "$NET_DIR/before" "$NET_DIR/now" >&2; fail "$1: not as before"; }; }
check_names() {
	wait_for 20 resolves alice "$bob_name" "$bob" || fail "$1: bob's name on alice"
	wait_for 10 resolves alice bob "$bob" || fail "$1: bob's short name on alice"
	log_forget lan
	log_forget corp
	in_ns alice resolvectl flush-caches
	wait_for 10 resolves alice vault.corp.example 10.9.9.9 || fail "$1: the split domain"
	wait_for 10 resolves alice printer.lan.example 10.77.0.99 || fail "$1: a name of the LAN"
	[ "$(asked corp vault.corp.example)" -gt 0 ] || fail "$1: the split domain's server was not asked"
	[ "$(asked lan vault.corp.example)" = 0 ] || fail "$1: the split domain leaked to the LAN's server"
	[ "$(asked corp printer.lan.example)" = 0 ] || fail "$1: a name of the LAN leaked to the split domain's server"
	[ "$(asked lan "$bob_name")" = 0 ] || fail "$1: a name of the mesh leaked to the LAN's server"
}

node_start alice
node_start bob
node_up alice
node_up bob
bob=$(node_ip bob)
bob_name=$(ctl bob status --json | jq -r .Self.DNSName | sed 's/\.$//')
check_names "after up"
tun_dns 100.100.100.100 || fail "systemd-resolved was not told"
[ "$(in_ns alice readlink /etc/resolv.conf)" = ../run/systemd/resolve/stub-resolv.conf ] || fail "resolv.conf was touched"
in_ns alice resolvectl query "$bob_name" | grep -qF "$bob" || fail "resolvectl query"

# D-Bus is spoken by the helper, not by the daemon.
grep -q libsystemd /proc/"$PID_alice"/maps && fail "the daemon has loaded libsystemd"
helper=$(for p in $(cat /proc/"$PID_alice"/task/*/children); do grep -lq libsystemd /proc/$p/maps && echo $p; done)
[ -n "$helper" ] || fail "no helper has loaded libsystemd"
echo "the helper: $(awk '/^VmRSS|^RssAnon/ { printf "%s %s kB ", $1, $2 }' /proc/$helper/status)"
grep -q '^CapEff:.0*$' /proc/$helper/status || fail "the helper has capabilities"

# Restarted by somebody: it has forgotten everything, and is told again.
os_resolved_stop alice
os_resolved_again alice
os_resolved_uplink alice 10.77.0.9
wait_for 20 tun_dns 100.100.100.100 || fail "systemd-resolved was not told again after its restart"
check_names "after the restart of systemd-resolved"

# The bus restarted beneath all of us.
os_daemon_stop alice bus
os_resolved_stop alice
os_bus_start alice
os_resolved_again alice
os_resolved_uplink alice 10.77.0.9
wait_for 60 tun_dns 100.100.100.100 || fail "systemd-resolved was not told again after the restart of D-Bus"

# Switched off, nothing of ours is left in it, and on again.
ctl alice set --accept-dns=false
wait_for 10 sh -c "! $IN_NS $TAG-alice resolvectl dns mesh0 | grep -q 100.100" || fail "--accept-dns=false leaves our servers"
in_ns alice resolvectl status mesh0 --no-pager | grep -q 'LLMNR.*DNSSEC=no/' || fail "resolvectl status"
ctl alice set --accept-dns=true
check_names "after --accept-dns=true"

node_stop alice
check_as_before "stopped"

# Killed.
node_start alice
check_names "started again"
node_stop alice KILL
check_as_before "killed"

# Killed with its helper, so that nobody puts back anything: what it was told goes with the interface.
node_start alice
check_names "started after a kill"
kill -KILL $(cat /proc/"$PID_alice"/task/*/children)
node_stop alice KILL
check_as_before "killed with its helper"

# It hangs: nobody else does, and what it could not be told is told later.
node_start alice
check_names "started after both were killed"
read -r resolved <"$NET_DIR/resolved-alice.pid"
kill -STOP "$resolved"
ctl alice set --accept-dns=false || fail "meshctl set while systemd-resolved hangs"
ctl alice set --accept-dns=true || fail "meshctl set while systemd-resolved hangs"
wait_for 5 can_ping alice "$bob" || fail "ping while systemd-resolved hangs"
kill -CONT "$resolved"
check_names "systemd-resolved hung for a while"
node_stop alice
check_as_before "it hung"

# Not running when we start, so the file is ours for a while; then it comes.
os_resolved_stop alice
node_start alice
wait_for 20 in_ns alice grep -q 100.100.100.100 /etc/resolv.conf || fail "resolved dead: the file was not taken"
wait_for 20 gai_is alice "$bob_name" "$bob" || fail "resolved dead: bob's name"
os_resolved_again alice
os_resolved_uplink alice 10.77.0.9
wait_for 20 tun_dns 100.100.100.100 || fail "systemd-resolved came later and was not told"
[ "$(in_ns alice readlink /etc/resolv.conf)" = ../run/systemd/resolve/stub-resolv.conf ] || fail "resolv.conf was not put back"
check_names "resolved came later"
# It had read our file when it started and forgets that when it is restarted alone, which meshd asks systemd to do.
os_resolved_stop alice
os_resolved_again alice
os_resolved_uplink alice 10.77.0.9
wait_for 20 tun_dns 100.100.100.100 || fail "systemd-resolved was not told again"
node_stop alice
check_as_before "resolved came later"

# A file that goes past it, as some distributions have it: the file is ours, and it is told, too, for programs that
# ask it all the same. Its own list of servers has ours then: that is not what names of the LAN are asked of.
in_ns alice ln -sfn ../run/systemd/resolve/resolv.conf /etc/resolv.conf
in_ns alice cat /etc/resolv.conf >"$NET_DIR/uplink"
node_start alice
wait_for 20 in_ns alice grep -q '^nameserver 100.100.100.100' /etc/resolv.conf || fail "bypassed: the file was not taken"
wait_for 20 gai_is alice "$bob_name" "$bob" || fail "bypassed: bob's name by the file"
wait_for 20 in_ns alice resolvectl query "$bob_name" || fail "bypassed: bob's name by systemd-resolved"
wait_for 20 gai_is alice printer.lan.example 10.77.0.99 || fail "bypassed: a name of the LAN by the file"
wait_for 20 in_ns alice resolvectl query printer.lan.example || fail "bypassed: a name of the LAN by systemd-resolved"
node_stop alice
os_resolved_stop alice # it has read our file, too
os_resolved_again alice
os_resolved_uplink alice 10.77.0.9
same_uplink() { in_ns alice cat /etc/resolv.conf | cmp -s - "$NET_DIR/uplink"; }
wait_for 15 same_uplink || fail "bypassed: not as before"
[ "$(in_ns alice readlink /etc/resolv.conf)" = ../run/systemd/resolve/resolv.conf ] || fail "bypassed: no link any more"
in_ns alice ln -sfn ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf

# No library to speak D-Bus with: the file is ours, and says why.
lib=$(in_ns alice sh -c 'ldconfig -p | sed -n "s,.*libsystemd.so.0 .* => ,,p" | head -n 1')
if [ -n "$lib" ]; then
	in_ns alice mount --bind /dev/null "$lib"
	node_start alice
	wait_for 20 in_ns alice grep -q 100.100.100.100 /etc/resolv.conf || fail "no libsystemd: the file was not taken"
	wait_for 20 gai_is alice "$bob_name" "$bob" || fail "no libsystemd: bob's name"
	wait_for 20 gai_is alice printer.lan.example 10.77.0.99 || fail "no libsystemd: a name of the LAN"
	ctl alice dns status | grep -q 'libsystemd' || fail "no libsystemd: dns status does not say why"
	node_stop alice
	[ "$(in_ns alice readlink /etc/resolv.conf)" = ../run/systemd/resolve/stub-resolv.conf ] ||
		fail "no libsystemd: resolv.conf was not put back"
fi
echo "systemd-resolved: told, told again, put back"
