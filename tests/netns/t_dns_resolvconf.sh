#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Hosts with Debian's resolvconf and with openresolv: names of the mesh resolve, a split domain goes to its own server
# alone, nobody else's server is beside ours, records of others are what the rest is asked of, and whatever ends whom,
# everything is as before.
#
#   coord 10.77.0.1    lan 10.77.0.9, lan2 10.77.0.7 (the hosts' own servers)    corp 10.77.0.8 (of corp.example)
#   deb, open: one kind each    bob: a node
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
net_init
dns_init
net_host coord 1
net_host lan 9
net_host lan2 7
net_host corp 8
net_host deb 11
net_host open 12
net_host bob 13
coord_start coord 10.77.0.1
dnsmasq_start lan 10.77.0.9 --address=/printer.lan.example/10.77.0.99
dnsmasq_start lan2 10.77.0.7 --address=/printer.lan.example/10.77.0.97
dnsmasq_start corp 10.77.0.8 --address=/vault.corp.example/10.9.9.9
dns_set '{"Routes":{"corp.example":["10.77.0.8"]}}'
os_resolvconf_root deb 10.77.0.9
os_openresolv_root open 10.77.0.9
node_start bob
node_up bob
bob=$(node_ip bob)
bob_name=$(ctl bob status --json | jq -r .Self.DNSName | sed 's/\.$//')

as_before() { os_state "$1" >"$NET_DIR/now" && cmp -s "$NET_DIR/before" "$NET_DIR/now"; }
check_as_before() { wait_for 20 as_before "$1" || { diff "$NET_DIR/before" "$NET_DIR/now" >&2; fail "$1, $2: not as before"; }; }
# Both of ours first, and no other beside them.
ours() { [ "$(in_ns "$1" sed -n 's/^nameserver //p' /etc/resolv.conf | tr '\n' ' ')" = "100.100.100.100 fd7a:115c:a1e0::53 " ]; }
check_ours() { wait_for 20 ours "$1" || { in_ns "$1" cat /etc/resolv.conf; ctl "$1" dns status; fail "$1, $2: not told"; }; }
helper() {
	for p in $(ip netns pids "$TAG-$1"); do
		[ "$(cat /proc/"$p"/comm 2>/dev/null)" != meshd-dns ] || echo "$p"
	done
}
cleanup() { in_ns "$1" "$MESHD" --cleanup-dns 2>"$NET_DIR/cleanup" || { cat "$NET_DIR/cleanup" >&2; fail "$1: --cleanup-dns"; }; }
kill_both() {
	kill -9 "$(helper "$1")"
	node_stop "$1" KILL
}
check_names() {
	wait_for 20 resolves "$1" "$bob_name" "$bob" || fail "$1, $2: bob's name"
	wait_for 10 resolves "$1" bob "$bob" || fail "$1, $2: bob's short name"
	log_forget lan
	log_forget lan2
	log_forget corp
	wait_for 20 resolves "$1" vault.corp.example 10.9.9.9 || fail "$1, $2: the split domain"
	wait_for 20 resolves "$1" printer.lan.example "$3" || fail "$1, $2: a name of the LAN"
	[ "$(asked corp vault.corp.example)" -gt 0 ] || fail "$1, $2: the split domain's server was not asked"
	[ "$(asked lan vault.corp.example)" = 0 ] || fail "$1, $2: the split domain leaked"
	[ "$(asked corp printer.lan.example)" = 0 ] || fail "$1, $2: a name of the LAN leaked"
	[ "$(asked lan "$bob_name")" = 0 ] || fail "$1, $2: a name of the mesh leaked"
}

whole_life() { # HOST MODE RECORD-OF-THE-HOST
	host=$1
	os_state "$host" >"$NET_DIR/before"
	node_start "$host"
	node_up "$host"
	check_ours "$host" "after up"
	grep -q "by way of $2" "$NET_DIR/$host.log" || fail "$host: not told by way of $2"
	check_names "$host" "after up" 10.77.0.99
	in_ns "$host" grep -q resolvconf /etc/resolv.conf || fail "$host: nobody would see who owns the file"

	# DHCP in another network: the other server is the one to ask, ours stays in front.
	echo "nameserver 10.77.0.7" | in_ns "$host" resolvconf -a "$3"
	check_ours "$host" "another network"
	check_names "$host" "another network" 10.77.0.97
	echo "nameserver 10.77.0.9" | in_ns "$host" resolvconf -a "$3"
	check_ours "$host" "back home"
	check_names "$host" "back home" 10.77.0.99

	ctl "$host" set --accept-dns=false
	check_as_before "$host" "--accept-dns=false"
	ctl "$host" set --accept-dns=true
	check_ours "$host" "--accept-dns=true"
	node_stop "$host"
	check_as_before "$host" stopped
	node_start "$host"
	check_ours "$host" started
	node_stop "$host" KILL
	check_as_before "$host" "daemon killed"
	node_start "$host"
	check_ours "$host" "started after a kill"
	kill_both "$host"
	ours "$host" || fail "$host, both killed: this was to be the hard case"
	cleanup "$host"
	check_as_before "$host" "both killed, cleaned up"

	# Nobody else has a record: names of the mesh resolve all the same.
	in_ns "$host" resolvconf -d "$3"
	node_start "$host"
	check_ours "$host" "no other record"
	wait_for 20 resolves "$host" "$bob_name" "$bob" || fail "$host, no other record: bob's name"
	node_stop "$host"
	echo "nameserver 10.77.0.9" | in_ns "$host" resolvconf -a "$3"
	check_as_before "$host" "no other record"

	# Somebody changes his record while what we left is there.
	node_start "$host"
	check_ours "$host" "before both are killed"
	kill_both "$host"
	echo "nameserver 10.77.0.7" | in_ns "$host" resolvconf -a "$3"
	node_start "$host"
	check_ours "$host" "started upon what was left"
	check_names "$host" "started upon what was left" 10.77.0.97
	node_stop "$host"
	echo "nameserver 10.77.0.9" | in_ns "$host" resolvconf -a "$3"
	check_as_before "$host" "at the end"
}
whole_life deb debian-resolvconf eth0.dhclient
# It makes folders of its own with the first exclusive record, and leaves them empty after the last.
in_ns open mkdir -p /run/resolvconf/exclusive /run/resolvconf/metrics
whole_life open openresolv eth0.dhcp

# The file is taken away from resolvconf: then it is a plain one, and the record is gone.
node_start deb
check_ours deb "before it is a plain file"
in_ns deb sh -c 'rm /etc/resolv.conf; printf "# mine\nnameserver 10.77.0.9\n" >/etc/resolv.conf'
wait_for 20 sh -c "grep -q 'by way of direct' $NET_DIR/deb.log" || fail "nobody saw that resolv.conf is a plain file now"
check_ours deb "plain file"
check_names deb "plain file" 10.77.0.99
in_ns deb test ! -e /run/resolvconf/interface/tun-meshd.inet || fail "the record stays where nobody needs it"
node_stop deb
[ "$(in_ns deb cat /etc/resolv.conf)" = "# mine
nameserver 10.77.0.9" ] || fail "the plain file is not as before"
echo "both kinds of resolvconf: told, and always as before"
