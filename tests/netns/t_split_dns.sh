#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Split DNS on a host with a plain resolv.conf: each suffix goes to its own servers and to nobody else (their logs
# prove it), whatever one of them does: dies, is late, truncates, floods, lies. Then everything is as it was before.
#
#   node ── 10.77.0.20 lan    the host's own server before us
#     │  ── 10.77.0.21 all    for all names, when the network says so (dnsmasq)
#     │  ── 10.77.0.22 corp   corp.example (unbound)
#     │  ── 10.77.0.23 evil   evil.example (does what it is told)
#     └ peer
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
net_init
dns_init
net_host coord 1
net_host node 11
net_host peer 12
net_host lan 20
net_host all 21
net_host corp 22
net_host evil 23
upstream_start lan 10.77.0.20 --default 192.0.2.20
dnsmasq_start all 10.77.0.21 --address=/#/192.0.2.21
unbound_start corp 10.77.0.22 'local-zone: "example." static' 'local-data: "files.corp.example. A 192.0.2.22"' \
	'local-data: "spare.evil.example. A 192.0.2.22"'
upstream_start evil 10.77.0.23 --default 192.0.2.23
coord_start coord 10.77.0.1
SPLIT='"Routes":{"corp.example":["10.77.0.22"],"evil.example":["10.77.0.23"],"two.evil.example":["10.77.0.23","10.77.0.22"],"dead.example":["10.77.0.99"]},"Domains":["corp.example"],"ExtraRecords":[{"Name":"board.mesh.internal","Value":"100.64.0.77"},{"Name":"intranet.other.example","Value":"10.9.9.9"}]'
dns_set "{$SPLIT}"

os_plain node 10.77.0.20
printf '# by hand\nsearch home.example\noptions timeout:2\n' | in_ns node sh -c 'cat - /etc/resolv.conf >/etc/r && cat /etc/r >/etc/resolv.conf; rm /etc/r'
os_plain peer 10.77.0.20
before=$(os_state node)
as_before() { [ "$(os_state node)" = "$before" ]; }
restored() { wait_for "$DNS_WAIT" as_before || { os_state node | diff - "$NET_DIR/before"; in_ns node cat /etc/resolv.conf; fail "$*"; }; }
os_state node >"$NET_DIR/before"
node_start node
node_start peer
as_before || fail "a node that is not up changed resolv.conf"
node_up peer
node_up node
ip=$(node_ip node) pip=$(node_ip peer)

# Names of nodes, in every form; our own file is in place.
wait_for "$DNS_WAIT" resolves node peer.mesh.internal "$pip" || fail "the peer's name"
log_forget lan
resolves node peer "$pip" || fail "the peer's short name"
resolves node node.mesh.internal "$ip" || fail "our own name"
in_ns node grep -q '^nameserver 100.100.100.100' /etc/resolv.conf || fail "quad-100 is not in resolv.conf"
[ "$(dig_short node @100.100.100.100 -x "$pip")" = peer.mesh.internal. ] || fail "reverse"
[ "$(dig_short node +tcp @100.100.100.100 peer.mesh.internal)" = "$pip" ] || fail "by TCP"
in_ns node dig @100.100.100.100 nobody.mesh.internal | grep -q 'status: NXDOMAIN' || fail "an unknown name of the suffix"

# Who is asked for what. Records and search domains.
resolves node files.corp.example 192.0.2.22 || fail "a name of the split zone"
resolves node files 192.0.2.22 || fail "the search domain"
resolves node www.elsewhere.example 192.0.2.20 || fail "a name of the world"
resolves node board.mesh.internal 100.64.0.77 || fail "a record in our suffix"
resolves node intranet.other.example 10.9.9.9 || fail "a record elsewhere"
[ "$(asked lan corp.example)" = 0 ] || fail "the LAN's server heard of the split zone"
[ "$(asked lan mesh.internal)" = 0 ] || fail "the LAN's server heard of the tailnet's names"
[ "$(asked lan other.example)" = 0 ] || fail "the LAN's server heard of a record"
[ "$(asked corp elsewhere.example)" = 0 ] || fail "the split zone's server heard of other names"
[ "$(asked corp files.corp.example)" -gt 0 ] && [ "$(asked lan elsewhere.example)" -gt 0 ] || fail "the logs say nothing"
ctl node dns status | grep -qF '  - corp.example                   -> 10.77.0.22' || fail "dns status"
ctl node dns query files.corp.example | grep -q '^Forwarding to resolver: 10.77.0.22$' || fail "dns query"
ctl node dns query --json peer.mesh.internal | jq -e --arg ip "$pip" \
	'.ResponseCode == "RCodeSuccess" and .Answers[0].Body == $ip' >/dev/null || fail "dns query --json"
ctl node dns query nobody.mesh.internal | grep -q '^Response code: RCodeNameError$' || fail "dns query of nobody"

# The network has servers for all names: the LAN's is not asked any more. Then not again.
dns_set "{\"Resolvers\":[\"10.77.0.21\"],$SPLIT}"
wait_for "$DNS_WAIT" resolves node w1.elsewhere.example 192.0.2.21 || fail "the network's servers are not used"
log_forget lan
resolves node w2.elsewhere.example 192.0.2.21 || fail "the network's servers are not used"
resolves node files.corp.example 192.0.2.22 || fail "the split zone beside servers for all names"
[ "$(asked lan elsewhere.example)" = 0 ] || fail "the LAN's server is still asked"
[ "$(asked all corp.example)" = 0 ] || fail "the servers for all names heard of the split zone"
dns_set "{$SPLIT}"
wait_for "$DNS_WAIT" resolves node w3.elsewhere.example 192.0.2.20 || fail "the LAN's server is not used again"

# What a server of one zone does: nobody believes it, and nobody else waits for it. Each time a fresh name.
n=0
fresh() { n=$((n + 1)) name=n$n.${1:-evil.example}; }
was_asked() { [ "$(asked "$1" "$2")" -gt 0 ]; }
ask() { dig_short node +time=12 @100.100.100.100 "$@" | grep -v '^;;'; }
for lie in wrong-id wrong-question wrong-type wrong-opcode wrong-port query-bit junk; do
	upstream_mode evil 10.77.0.23 $lie
	fresh
	ask "$name" >"$NET_DIR/lie.$lie" &
	lies="$lies $!"
	wait_for 10 was_asked evil "$name" || fail "the server was not asked for $name"
done
resolves node files.corp.example 192.0.2.22 || fail "a zone waits for the server of another"
for p in $lies; do wait "$p"; done
cat "$NET_DIR"/lie.* | grep -q 192.0.2.66 && fail "a lie was believed: $(grep -l 192.0.2.66 "$NET_DIR"/lie.*)"
for good in "liar 9" "flood 40" case truncate tcp-bytes "delay 900" ok; do
	upstream_mode evil 10.77.0.23 $good
	fresh
	[ "$(ask "$name")" = 192.0.2.23 ] || fail "right answer not taken: $good"
done
for code in fail:SERVFAIL refuse:REFUSED nxdomain:NXDOMAIN notimp:NOTIMP empty:NOERROR; do
	upstream_mode evil 10.77.0.23 "${code%:*}"
	fresh
	in_ns node dig +tries=1 +time=12 @100.100.100.100 "$name" | grep -q "status: ${code#*:}" || fail "${code%:*} is not passed on"
done
upstream_mode evil 10.77.0.23 big 3000
fresh
in_ns node dig +ignore +noedns @100.100.100.100 "$name" TXT | grep -q 'flags: [a-z ]*\<tc\>' || fail "a large answer has no TC"
[ "$(in_ns node dig +tcp +short @100.100.100.100 "$name" TXT | grep -c xxxx)" = 12 ] || fail "a large answer by TCP"

# A second server takes over from one that is dead, silent, or refuses.
for bad in silent fail refuse tcp-hang tcp-close junk; do
	upstream_mode evil 10.77.0.23 $bad
	in_ns node dig +tries=1 +time=12 @100.100.100.100 "$bad.two.evil.example" | grep -q 'status: NXDOMAIN' || fail "no second server with $bad"
done
server_stop evil upstream KILL
in_ns node dig +tries=1 +time=12 @100.100.100.100 killed.two.evil.example | grep -q 'status: NXDOMAIN' || fail "no second server for a dead one"
in_ns node dig +tries=1 +time=12 @100.100.100.100 x.dead.example | grep -q 'status: SERVFAIL' || fail "no SERVFAIL for a dead zone"
resolves node files.corp.example 192.0.2.22 || fail "the other zones"

# Not using the network's DNS gives the host its own back; the service address still answers.
ctl node set --accept-dns=false || fail "accept-dns=false"
restored "accept-dns=false did not give resolv.conf back"
[ "$(dig_short node @100.100.100.100 peer.mesh.internal)" = "$pip" ] || fail "quad-100 without accept-dns"
ctl node set --accept-dns=true || fail "accept-dns=true"
wait_for "$DNS_WAIT" resolves node peer "$pip" || fail "accept-dns=true"

ctl node down || fail "down"
restored "down did not give resolv.conf back"
ctl node up || fail "up"
wait_for "$DNS_WAIT" resolves node peer "$pip" || fail "up again"
node_stop node KILL
restored "a killed daemon left its resolv.conf"
node_start node
wait_for "$DNS_WAIT" resolves node peer "$pip" || fail "after a kill"
node_stop node
restored "a daemon that ended left its resolv.conf"
