#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Names beside the official client where they are used: by the programs of a host with a plain resolv.conf, and by the
# official command on meshd's socket. t_dns.sh puts more questions, and has exit nodes.
#   m1 meshd, t1 tailscaled; lan: their own name server before; all, corp: those of the network
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../netns/lib_dns.sh"
peers_need headscale tailscaled tailscale
net_init
dns_init
for h in hs:1 m1:11 t1:12 m2:13 lan:20 all:21 corp:22; do net_host "${h%:*}" "${h#*:}"; done
upstream_start lan 10.77.0.20 --default 192.0.2.20
dnsmasq_start all 10.77.0.21 --address=/#/192.0.2.21
dnsmasq_start corp 10.77.0.22 --address=/files.corp.example/192.0.2.22 --local=/corp.example/
HS_DNS='override_local_dns: true, nameservers: {global: [10.77.0.21], split: {corp.example: [10.77.0.22]}}, search_domains: [corp.example], extra_records: [{name: board.mesh.test, type: A, value: 100.64.0.77}, {name: outside.example.org, type: AAAA, value: "fd00::7"}]'
hs_start hs 10.77.0.1
hosts_file m1 t1 m2
for n in m1 t1 m2; do os_plain $n 10.77.0.20; done
m1_before=$(os_state m1)
m_start m1
m_start m2
ts_start t1
m_up m2
joined="--login-server=$HS_URL --timeout=30s"
ctl m1 up $joined --authkey="$(hs_key)" --hostname=m1 || fail "meshctl up"
ts t1 up $joined --authkey="$(hs_key)" --hostname=t1 || fail "tailscale up"
m1=$(ctl m1 ip -4) t1=$(ts t1 ip -4) m1_6=$(ctl m1 ip -6)

echo "# the system"
check "meshd: a peer's name" within 20 resolves m1 t1.mesh.test "$t1"
check "meshd: a peer's short name" resolves m1 t1 "$t1"
check "tailscaled: our name" within 20 resolves t1 m1.mesh.test "$m1"
check "tailscaled: our short name" resolves t1 m1 "$m1"
log_forget lan
for n in m1 t1; do
	check "$n: split zone" resolves $n files.corp.example 192.0.2.22
	check "$n: search domain" resolves $n files 192.0.2.22
	check "$n: another name" resolves $n $n.elsewhere.example 192.0.2.21
	check "$n: extra record" resolves $n board.mesh.test 100.64.0.77
done
check "the LAN's server hears of nothing any more" test "$(asked_names lan | wc -l)" = 0

echo "# the same questions to both"
# The answer without what changes from time to time: id, serial number.
said() { # NODE dig arguments...
	in_ns "$@" | sed -nE 's/^;; ->>HEADER<<- (.*), id:.*/\1/p; s/^;; flags:(.*)/\1/p; /^[^;]/p' |
		sed -E 's/[[:space:]]+/ /g; s/(SOA [^ ]* [^ ]*) [0-9]+/\1 N/; s/; ADDITIONAL.*//' | sort
}
both() {
	ours=$(said m1 dig +tries=1 +time=8 +noedns @100.100.100.100 "$@")
	theirs=$(said t1 dig +tries=1 +time=8 +noedns @100.100.100.100 "$@")
	[ -n "$theirs" ] && [ "$ours" = "$theirs" ] && return
	printf 'ours:\n%s\ntheirs:\n%s\n' "$ours" "$theirs"
	return 1
}
for name in m2.mesh.test M2.Mesh.TEST m2 nobody.mesh.test below.m2.mesh.test board.mesh.test outside.example.org \
	magicdns.localhost-tailscale-daemon. 10-1-2-3-via-7.x.ts.net hidden.onion; do
	for type in A AAAA ANY TXT SOA HINFO; do check "$name $type" both "$name" $type; done
done
for reverse in "$m1" "$m1_6" 100.64.0.200 100.100.100.100 fd7a:115c:a1e0::53; do check "reverse $reverse" both -x "$reverse"; done
check "another class is refused" says 'status: REFUSED' in_ns m1 dig @100.100.100.100 -t A -c CH m2.mesh.test

echo "# the official command on meshd's socket"
cli() { in_ns m1 timeout 40 "$MESH_PEERS/tailscale" --socket="$(node_socket m1)" "$@"; }
config() { jq -S 'del(.CurrentTailnet.SelfDNSName, .Meshd)'; }
same_status() { # command of m1...
	ts t1 dns status --json | config >"$NET_DIR/theirs.json"
	[ -s "$NET_DIR/theirs.json" ] && "$@" dns status --json | config | diff "$NET_DIR/theirs.json" -
}
check "dns status --json" same_status cli
check "dns status --json of meshctl" same_status ctl m1
check "dns status" says 'corp.example +-> 10.77.0.22' cli dns status
check "dns query" says 'TypeA +192.0.2.22' cli dns query files.corp.example
check "dns query of a node" says "TypeA +$t1" cli dns query t1.mesh.test
check "dns query of nobody" says 'RCodeNameError' cli dns query nobody.mesh.test
ours_like_theirs() {
	ours=$(ctl m1 dns query "$@" | sed '/^Answered by this node/,+1d') theirs=$(ts t1 dns query "$@")
	[ -n "$theirs" ] && [ "$ours" = "$theirs" ] && return
	printf 'ours:\n%s\ntheirs:\n%s\n' "$ours" "$theirs"
	return 1
}
for q in "files.corp.example" "m2.mesh.test" "nobody.mesh.test" "m2.mesh.test TXT" "m2.mesh.test aaaa"; do
	check "dns query $q, beside the official one" ours_like_theirs $q
done

echo "# away again"
ctl m1 down
as_before() { [ "$(os_state m1)" = "$m1_before" ]; }
check "resolv.conf is as it was, byte for byte" within 20 as_before
finish
