#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   t1 (tailscaled)  m1 (meshd)     side by side, same questions
#   t2 (tailscaled)  m2 (meshd)     exit nodes, whose own server is x 10.77.0.55
#   hs (control, relay)  up 10.77.0.53 (global resolver of the network)  corp 10.77.0.54 (for corp.test)
# Headscale with MagicDNS, a split domain and extra records: meshd's resolver answers as tailscaled's does, type by
# type; either resolves through the other's peer API as its exit node, and no server else hears of it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../netns/lib_dns.sh"
. "$(dirname "$0")/../netns/lib_routes.sh"
peers_need headscale tailscaled tailscale
routes_need
command -v curl >/dev/null || skip "needs curl"
net_init
dns_init
net_host hs 1
net_host up 53
net_host corp 54
net_host x 55
addr_of=10
for h in t1 m1 t2 m2; do
	addr_of=$((addr_of + 1))
	net_host $h $addr_of
	in_ns $h ip route add default via 10.77.0.1
	hosts_file $h
	os_plain $h 10.77.0.55
done
forwards t2
forwards m2
server() { # HOST ADDRESS: all names of far.test are 192.0.2.ADDRESS
	dnsmasq_start "$1" "10.77.0.$2" --address="/far.test/192.0.2.$2" --address="/six.far.test/2001:db8::$2" \
		--txt-record=t.far.test,hello,"and more" --mx-host=far.test,mail.far.test,10 --address="/corp.test/10.1.0.$2" \
		--local=/far.test/ --local=/corp.test/ --local-ttl=77
}
server up 53
server corp 54
server x 55
HS_DNS='override_local_dns: true, nameservers: {global: [10.77.0.53], split: {corp.test: [10.77.0.54]}},
  search_domains: [corp.test], extra_records: [{name: grafana.mesh.test, type: A, value: 100.64.0.99},
  {name: six.mesh.test, type: AAAA, value: "fd7a:115c:a1e0::99"}]'
hs_start hs 10.77.0.1
check "policy is taken" hs_policy '{"acls":[{"action":"accept","src":["*"],"dst":["*:*","autogroup:internet:*"]}]}' || exit 1
for n in t1 t2; do
	ts_start $n
	ts_up $n
done
for n in m1 m2; do
	m_start $n
	m_up $n
done
t2=$(ts t2 ip -4) m2=$(node_ip m2)

echo "# the peer API"
check "tailscale ping --peerapi meshd" within 20 says 'hit peerapi of .* in ' ts t1 ping --peerapi "$m2"
check "meshctl ping --peerapi tailscaled" within 20 says 'hit peerapi of .* in ' ctl m1 ping --peerapi "$t2"
check "meshctl ping --peerapi meshd" within 20 says 'hit peerapi of .* in ' ctl m1 ping --peerapi "$m2"
url() { ts t1 status --json | jq -r --arg h "$1" '.Peer[] | select(.HostName == $h) | .PeerAPIURL[0] // empty'; }
T2=$(url t2) M2=$(url m2)
# The same request to both: status, type, the headers for browsers and the text are the same.
reply() { # URL PATH [flags]
	u=$1$2
	shift 2
	in_ns t1 curl -s -m 20 --noproxy '*' -D - "$@" "$u" | tr -d '\r' | sed -E "s/^(Date|Content-Length|Connection|Vary|X-Content-Type-Options):.*//; s/(t2|m2)/NODE/g" |
		sed '/^$/d' | sort
}
same_reply() {
	a=$(reply "$T2" "$@") b=$(reply "$M2" "$@")
	[ -n "$a" ] && [ "$a" = "$b" ] && return
	printf '%s\n--- meshd:\n%s\n' "$a" "$b"
	return 1
}
check "/" same_reply /
check "/ of a browser" same_reply / -A Mozilla/5.0
check "a path that is none" same_reply /nope
check "no debugging" same_reply /v0/env
check "no debugging either" same_reply /v0/metrics
check "no ingress" same_reply /v0/ingress -X POST
check "another Host" same_reply / -H 'Host: evil.example.com:1'
check "Host: peer" same_reply / -H 'Host: peer'
check "no Origin" same_reply / -H 'Origin: http://evil'
check "no Referer" same_reply / -e http://evil/
check "DNS without a question" same_reply /dns-query
check "DNS with garbage" same_reply '/dns-query?dns=!!!'
check "DNS with the wrong type" same_reply /dns-query --data-binary x -H 'Content-Type: text/plain'
check "DNS for people" same_reply '/dns-query?q=www.far.test&t=a'
check "DNS for people, IPv6" same_reply '/dns-query?q=six.far.test&t=aaaa'
check "DNS for people, text" same_reply '/dns-query?q=t.far.test&t=txt'
check "DNS for people, refused" same_reply '/dns-query?q=unknown.example&t=a'

echo "# the same questions"
check "tailscaled takes DNS" ts t1 set --accept-dns=true
check "meshd takes DNS" ctl m1 set --accept-dns=true
# Header without id, sections without blank lines, records in order, an SOA without its serial, which is the time; what
# was kept for a while has less time to live.
ask() { # NODE dig-arguments...
	node=$1
	shift
	in_ns "$node" dig @100.100.100.100 +tries=1 +time=5 +noedns +nostats +nocmd "$@" |
		sed -E 's/, id: [0-9]+//; s/[[:space:]]+/ /g; s/ 17[0-9]{8} 10 10 10 10$/ NOW/; s/ ([1-6][0-9]|7[0-6]) IN / 77 IN /' |
		grep -v '^$' | sort
}
ready() { ask "$1" "$2.mesh.test" A | grep -q 'IN A 100\.'; }
check "tailscaled knows the names" within 30 ready t1 m2
check "meshd knows the names" within 30 ready m1 t2
same() {
	a=$(ask t1 "$@") b=$(ask m1 "$@")
	[ -n "$a" ] && [ "$a" = "$b" ] && return
	printf '%s\n--- meshd:\n%s\n' "$a" "$b"
	return 1
}
rev() { python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).reverse_pointer)' "$1"; }
m2_6=$(ctl m2 ip -6)
for name in m2.mesh.test t2.mesh.test M2.Mesh.Test m2 nope.mesh.test mesh.test sub.m2.mesh.test grafana.mesh.test \
	six.mesh.test www.far.test six.far.test t.far.test far.test www.corp.test corp.test "$(rev "$m2")" \
	"$(rev "$m2_6")" "$(rev 100.64.77.77)" "$(rev fd7a:115c:a1e0::7777)" localhost unknown.example; do
	for type in A AAAA ANY TXT MX PTR NS SRV SOA CNAME HINFO; do
		check "$name $type" same "$name" $type
	done
done
check "by TCP" same m2.mesh.test A +tcp
check "by TCP, forwarded" same www.far.test A +tcp
check "by IPv6" same -6 @fd7a:115c:a1e0::53 m2.mesh.test A
check "the split domain is asked at its own server only" test "$(asked corp corp.test)" -gt 0 -a "$(asked up corp.test)" = 0

echo "# the same settings"
settings() { # what differs by name and what only meshd tells left out; tailscale sorts the search domains
	"$@" dns status --json | jq -S 'del(.CurrentTailnet.SelfDNSName, .SystemDNS.Nameservers, .Meshd) | .SearchDomains |= sort'
}
same_settings() {
	a=$(settings ts t1) b=$(settings ctl m1)
	[ -n "$a" ] && [ "$a" = "$b" ] && return
	printf '%s\n' "$a" >"$NET_DIR/a.json"
	printf '%s\n' "$b" | diff "$NET_DIR/a.json" -
	return 1
}
check "dns status --json" same_settings
resolv() { in_ns "$1" grep -v '^#' /etc/resolv.conf | grep -v '^$'; }
check "resolv.conf" test "$(resolv t1)" = "$(resolv m1)"

echo "# exit nodes"
check "meshd offers" ctl m2 set --advertise-exit-node
check "tailscaled offers" ts t2 set --advertise-exit-node
check "approve meshd" hs_approve m2 0.0.0.0/0,::/0
check "approve tailscaled" hs_approve t2 0.0.0.0/0,::/0
far() { [ "$(ask "$1" "$2.far.test" A | awk '/IN A [0-9]/ { print $NF }')" = "192.0.2.$3" ]; }
check "tailscaled uses meshd" within 20 ts t1 set --exit-node="$m2"
check "names come from meshd's own server" within 20 far t1 w1 55
check "meshd uses tailscaled" within 20 ctl m1 set --exit-node="$t2"
check "names come from tailscaled's own server" within 20 far m1 w2 55
for h in up x; do log_forget $h; done
for i in 1 2 3; do
	check "tailscaled, question $i" within 10 far t1 "t$i" 55
	check "meshd, question $i" within 10 far m1 "m$i" 55
done
check "the resolver of the network hears nothing" test "$(asked up far.test)" = 0
check "six questions at x" test "$(asked x far.test)" -ge 6
check "meshd uses meshd" ctl m1 set --exit-node="$m2"
check "names come from there" within 20 far m1 w3 55
check "names of the network stay" ready m1 t2
for i in 1 2 3 4 5 6 7 8 9 10; do
	check "tailscaled, again $i" far t1 "again$i" 55
done
check "tailscaled uses none" ts t1 set --exit-node=
check "names come from the network's server" within 20 far t1 w4 53
check "meshd uses none" ctl m1 set --exit-node=
check "likewise" within 20 far m1 w5 53
finish
