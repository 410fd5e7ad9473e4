#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# --user: started as root, also with no more rights than meshd.service gives, the daemon is that user with one
# capability, its helper is root with none, and everything works: interface, names, stop, kill and --cleanup-dns.
#
#   coord 10.77.0.1    alice: the one that is looked at    bob: a node to name
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
net_init
dns_init
command -v setpriv >/dev/null || skip "needs setpriv"
net_host coord 1
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1
dns_root alice
in_ns alice sh -c 'echo "meshd:x:64990:" >>/etc/group; echo "meshd:x:64990:64990::/:/usr/sbin/nologin" >>/etc/passwd
	echo "meshd:*::0:::::" >>/etc/shadow'
os_plain alice 10.77.0.9
os_state alice >"$NET_DIR/before"
node_start bob
node_up bob
bob=$(node_ip bob)
bob_name=$(ctl bob status --json | jq -r .Self.DNSName | sed 's/\.$//')

SOCKET=/run/meshd/meshd.sock
as_before() { os_state alice >"$NET_DIR/now" && cmp -s "$NET_DIR/before" "$NET_DIR/now"; }
check_as_before() { wait_for 15 as_before || { diff "$NET_DIR/before" "$NET_DIR/now" >&2; fail "$1: not as before"; }; }
alice_ctl() { in_ns alice "$MESHCTL" --socket $SOCKET "$@"; }
alice_start() { # WHAT command...
	what=$1
	shift
	$IN_NS "$TAG-alice" "$@" "$MESHD" --user=meshd --state=/var/lib/meshd/meshd.state --socket=$SOCKET \
		--no-logs-no-support >>"$NET_DIR/alice.log" 2>&1 &
	daemon=$!
	NET_PIDS="$NET_PIDS $daemon"
	wait_for 30 alice_ctl debug prefs >/dev/null || fail "$what: meshd did not start"
}
helper() { # its process id
	for p in $(ip netns pids "$TAG-alice"); do
		[ "$(cat /proc/"$p"/comm 2>/dev/null)" != meshd-dns ] || echo "$p"
	done
}
is() { # WHAT PROCESS FIELD VALUE
	got=$(sed -n "s/^$3:[[:space:]]*//p" "/proc/$2/status" | tr '\t' ' ' | sed 's/ *$//')
	[ "$got" = "$4" ] || fail "$1: $3 is $got, not $4"
}
check_rights() {
	is "$1" "$daemon" Uid "64990 64990 64990 64990"
	is "$1" "$daemon" Gid "64990 64990 64990 64990"
	is "$1" "$daemon" Groups ""
	for f in CapEff CapPrm CapBnd; do is "$1" "$daemon" $f 0000000000001000; done
	for f in CapInh CapAmb; do is "$1" "$daemon" $f 0000000000000000; done
	is "$1" "$daemon" NoNewPrivs 1
	is "$1" "$daemon" Seccomp 2
	h=$(helper)
	is "$1, helper" "$h" Uid "0 0 0 0"
	for f in CapEff CapPrm CapBnd CapInh CapAmb; do is "$1, helper" "$h" $f 0000000000000000; done
	is "$1, helper" "$h" NoNewPrivs 1
	[ "$(find "/proc/$h/fd" -lname 'socket:*' | wc -l)" -le 6 ] || fail "$1: the helper has sockets that it does not need"
	find "/proc/$h/fd" -lname '*tun*' | grep -q . && fail "$1: the helper has the interface"
	return 0
}
check_works() {
	wait_for 20 in_ns alice grep -q '^nameserver 100.100.100.100' /etc/resolv.conf || fail "$1: resolv.conf was not taken"
	wait_for 20 getent_is alice "$bob_name" "$bob" || fail "$1: bob's name"
	in_ns alice ping -c 1 -W 20 "$bob" >/dev/null || fail "$1: ping"
}

# As from a command line: with all rights, and nothing made for it.
in_ns alice sh -c 'rm -rf /var/lib/meshd /run/meshd'
alice_start "command line" env
check_rights "command line"
alice_ctl up --login-server "$COORD_URL" --auth-key "$(coord_key)" >/dev/null || fail "up"
check_works "command line"
[ "$(in_ns alice stat -c '%U %a' /var/lib/meshd /run/meshd | tr '\n' ' ')" = "meshd 700 meshd 755 " ] || fail "folders"
[ "$(in_ns alice stat -c %U /var/lib/meshd/meshd.state)" = meshd ] || fail "state file"
kill "$daemon"
wait "$daemon"
check_as_before "command line, stopped"

# As meshd.service starts it: with these capabilities at most, and folders that are the user's.
unit() { sed -n "s/^$1=//p" "$ROOT/systemd/meshd.service"; }
caps=$(unit CapabilityBoundingSet | tr 'A-Z ' 'a-z\n' | sed 's/^cap_/+/' | paste -sd, -)
[ "$caps" != "" ] || fail "no CapabilityBoundingSet in meshd.service"
alice_start unit setpriv --bounding-set="-all,$caps" --inh-caps=-all --no-new-privs
check_rights unit
check_works unit
kill "$daemon"
wait "$daemon"
check_as_before "unit, stopped"
alice_start "unit, again" setpriv --bounding-set="-all,$caps" --inh-caps=-all --no-new-privs
check_works "unit, again"
kill -9 "$(helper)"
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
in_ns alice grep -q '^nameserver 100.100.100.100' /etc/resolv.conf || fail "all killed: this was to be the hard case"
in_ns alice setpriv --bounding-set="-all,$caps" --inh-caps=-all --no-new-privs "$MESHD" --cleanup-dns || fail "--cleanup-dns"
check_as_before "unit, all killed"

# Already that user, with the one capability: as it was before there was a helper, and names are not told.
alice_start "not root" setpriv --reuid=64990 --regid=64990 --clear-groups --bounding-set=-all,+net_admin \
	--inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin
is "not root" "$daemon" Uid "64990 64990 64990 64990"
is "not root" "$daemon" CapEff 0000000000001000
[ -z "$(helper)" ] || fail "not root: there is a helper"
wait_for 20 in_ns alice ping -c 1 -W 5 "$bob" >/dev/null || fail "not root: ping"
wait_for 20 sh -c "$IN_NS $TAG-alice $MESHCTL --socket $SOCKET dns status --all | grep -q 'not started as root'" ||
	{ alice_ctl dns status; fail "not root: nobody is told that names are not"; }
kill "$daemon"
wait "$daemon"
check_as_before "not root"

# Who cannot.
says() { # TEXT command...
	text=$1
	shift
	in_ns alice "$@" >"$NET_DIR/said" 2>&1 && fail "$*: no error"
	grep -qF "$text" "$NET_DIR/said" || { cat "$NET_DIR/said" >&2; fail "$*: does not say $text"; }
}
says "there is no such user" "$MESHD" --user=nobody-of-that-name --state=mem: --socket=/run/x/s
says "only root can become another user" setpriv --reuid=65534 --clear-groups "$MESHD" --user=meshd --state=mem: --socket=/tmp/nowhere/s
says "sudo meshd --cleanup-dns" setpriv --reuid=65534 --clear-groups "$MESHD" --cleanup-dns
in_ns alice sh -c 'rm -rf /var/lib/meshd; mkdir -m 700 /var/lib/meshd'
says "chown meshd /var/lib/meshd" "$MESHD" --user=meshd --state=/var/lib/meshd/meshd.state --socket=$SOCKET
check_as_before "at the end"
echo "--user: one capability for the daemon, none for its helper"
