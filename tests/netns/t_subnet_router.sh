#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   printer ─┐                                    ┌─ nat ─ client
#    sneak  ─┴─ router ── internet (also isp) ────┤
#                                                 └─ coord
# A LAN host is reached through a subnet router by a client behind NAT, IPv4 and IPv6, with and without source NAT,
# through a host firewall that drops what it does not know (as Docker sets it up); and what nobody may do from the LAN
# is not done.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
command -v iptables >/dev/null || skip "needs iptables"
net_init
net_host coord 1
site_router router 20 1
site_host printer router 1 10
site_host sneak router 1 66
net_router nat 3 easy 1
net_lan_host client nat 1 10
coord_start coord 10.77.0.1

# The host's own firewall: whoever has not been asked is dropped, forwarded or not.
in_ns router iptables -P FORWARD DROP
in_ns router ip6tables -P FORWARD DROP
in_ns router iptables -P INPUT DROP
in_ns router ip6tables -P INPUT DROP
for t in iptables ip6tables; do
	in_ns router $t -A INPUT -i lo -j ACCEPT
	in_ns router $t -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
	in_ns router $t -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
done
in_ns router ip6tables -A INPUT -p ipv6-icmp -j ACCEPT

for n in router client; do
	node_start $n
	node_up $n --accept-dns=false
done
answers printer
answers client
answers router
R=$(node_ip router) R6=$(ctl router ip -6)
C=$(node_ip client) C6=$(ctl client ip -6)
P=10.88.1.10 P6=fd88:1::10

wait_for 20 sees client "$R" "$C" || fail "INPUT DROP: the router itself is not reached"
wait_for 20 sees client "$R6" "$C6" || fail "INPUT DROP: the router itself is not reached by IPv6"

# Not approved, not accepted, accepted.
ctl router set --advertise-routes=10.88.1.0/24,fd88:1::/64 || fail "advertise"
wait_for 30 announced router 10.88.1.0/24 || fail "not announced"
ctl client set --accept-routes || fail "accept-routes"
blocked client $P || fail "reached without approval"
advertise router 10.88.1.0/24,fd88:1::/64
wait_for 30 routed_to client router 10.88.1.0/24 || fail "the client does not get the route"
wait_for 20 asks client $P || fail "approved and accepted: not reached"
ctl client set --accept-routes=false
wait_for 20 blocked client $P || fail "reached without accepting"
ctl client set --accept-routes

# Source NAT: the LAN sees the router; without: the client, and answers come back by the default route.
wait_for 20 sees client $P 10.88.1.1 || fail "SNAT: the printer sees $(seen client $P)"
wait_for 20 sees client $P6 fd88:1::1 || fail "SNAT: the printer sees $(seen client $P6)"
ctl router set --snat-subnet-routes=false || fail "snat off"
wait_for 20 sees client $P "$C" || fail "no SNAT: the printer sees $(seen client $P)"
wait_for 20 sees client $P6 "$C6" || fail "no SNAT: the printer sees $(seen client $P6)"

# The LAN may start connections into the tailnet, until answers only may pass.
wait_for 20 sees printer "$C" $P || fail "LAN to tailnet: $(seen printer "$C")"
wait_for 20 sees printer "$C6" $P6 || fail "LAN to tailnet by IPv6: $(seen printer "$C6")"
ctl router set --stateful-filtering=true || fail "stateful"
wait_for 20 blocked printer "$C" || fail "stateful: the LAN starts a connection"
wait_for 20 blocked printer "$C6" || fail "stateful: the LAN starts a connection by IPv6"
wait_for 20 sees client $P "$C" || fail "stateful: answers do not pass"
wait_for 20 sees client $P6 "$C6" || fail "stateful: answers do not pass by IPv6"
ctl router set --stateful-filtering=false
wait_for 20 sees printer "$C" $P || fail "stateful off: $(seen printer "$C")"

# Forged: a tailnet address as the source, and from the LAN to the router's tailnet address.
in_ns router sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lan.rp_filter=0
in_ns sneak ip addr add "$C/32" dev lo
in_ns sneak ip addr add "$C6/128" dev lo nodad
tally router came "prerouting priority -400;" "iifname lan ip saddr $C" "iifname lan ip6 saddr $C6"
tally router passed "input priority 400;" "iifname lan ip saddr $C" "iifname lan ip6 saddr $C6"
tally router went "postrouting priority 400;" "oifname mesh0 ip saddr $C" "oifname mesh0 ip6 saddr $C6"
in_ns router iptables -P INPUT ACCEPT # it is ours that has to drop it
in_ns router ip6tables -P INPUT ACCEPT
forge() { in_ns sneak ping -c 3 -i 0.2 -W 1 -I "$1" -q "$2" >/dev/null 2>&1; }
forge "$C" 10.88.1.1
forge "$C" 100.64.77.77
forge "$C6" fd88:1::1
[ "$(tallied router came)" -ge 6 ] || fail "forged packets did not come to the router: $(tallied router came)"
[ "$(tallied router passed)" = 0 ] || fail "forged packets were taken"
[ "$(tallied router went)" = 0 ] || fail "forged packets were sent into the tailnet"
in_ns sneak ip addr del "$C/32" dev lo
in_ns sneak ip addr del "$C6/128" dev lo
tally router came4 "prerouting priority -400;" "iifname lan ip daddr $R"
tally router came6 "prerouting priority -400;" "iifname lan ip6 daddr $R6"
blocked sneak "$R" || fail "the router's tailnet address answers the LAN"
blocked sneak "$R6" || fail "the router's tailnet IPv6 address answers the LAN"
[ "$(tallied router came)" -ge 4 ] || fail "packets to the tailnet addresses did not come to the router"
wait_for 20 asks sneak 10.88.1.1 || fail "the LAN does not reach the router's own address"
in_ns router iptables -P INPUT DROP
in_ns router ip6tables -P INPUT DROP

# A provider that leases addresses of 100.64.0.0/10.
in_ns client ip addr add 100.99.0.11/24 dev eth0
in_ns nat ip addr add 100.99.0.1/24 dev lan
wait_for 20 pings_once client 100.99.0.1 || fail "the provider's router is not reached"
wait_for 20 pings_once nat 100.99.0.11 || fail "the provider does not reach its customer"
wait_for 20 asks client $P || fail "the route does not work any more"

# Modes. What is established may go on; each connection here is a new one.
chains() { in_ns router nft list ruleset | grep -c "$1"; }
has_no() { [ "$(chains "$1")" = 0 ]; }
ctl router set --netfilter-mode=nodivert || fail "nodivert"
wait_for 20 has_no 'jump ts-forward' || fail "nodivert: jumps are there"
[ "$(chains 'chain ts-forward')" -ge 1 ] || fail "nodivert: no chain to jump to"
wait_for 20 blocked client $P || fail "nodivert: FORWARD DROP does not drop"
in_ns router iptables -A FORWARD -j ts-forward || fail "iptables does not know ts-forward"
wait_for 20 asks client $P || fail "nodivert: a jump of one's own does not work"
in_ns router iptables -D FORWARD -j ts-forward
ctl router set --netfilter-mode=off || fail "off"
wait_for 20 has_no 'ts-forward\|meshd' || fail "off: $(in_ns router nft list ruleset)"
wait_for 20 blocked client $P || fail "off: FORWARD DROP does not drop"
ctl router set --netfilter-mode=on --snat-subnet-routes || fail "on"
wait_for 20 sees client $P 10.88.1.1 || fail "on again: not reached"
in_ns router iptables -S >/dev/null || fail "iptables -S fails"

# Withdrawn with its router.
node_stop router
wait_for 20 blocked client $P || fail "reached without a router"
has_no 'ts-\|meshd' || fail "left behind: $(in_ns router nft list ruleset)"
