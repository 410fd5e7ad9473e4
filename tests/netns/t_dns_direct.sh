#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A host with a plain resolv.conf: names of the mesh resolve, a split domain goes to its own server alone, and
# whatever ends whom, what was there before is there again, byte for byte: stop, kill -9 of the daemon, of its helper,
# of both, a file that is a link or a mount of its own, and others who write the file meanwhile.
#
#   coord 10.77.0.1    lan 10.77.0.9, 10.77.0.7 (the host's own servers)    corp 10.77.0.8 (of corp.example)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
net_init
dns_init
net_host coord 1
net_host lan 9
net_host lan2 7
net_host corp 8
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1
dnsmasq_start lan 10.77.0.9 --address=/printer.lan.example/10.77.0.99 --address=/other.lan.example/10.77.0.98
dnsmasq_start lan2 10.77.0.7 --address=/printer.lan.example/10.77.0.97
dnsmasq_start corp 10.77.0.8 --address=/vault.corp.example/10.9.9.9
dns_set '{"Routes":{"corp.example":["10.77.0.8"]}}'
dns_root alice
before() { in_ns alice sh -c 'rm -rf /etc/resolv.*; '"$1"; os_state alice >"$NET_DIR/before"; }
as_before() { os_state alice >"$NET_DIR/now" && cmp -s "$NET_DIR/before" "$NET_DIR/now"; }
check_as_before() { wait_for 15 as_before || { diff "$NET_DIR/before" "$NET_DIR/now" >&2; fail "$1: not as before"; }; }
ours() { in_ns alice grep -q '^nameserver 100.100.100.100' /etc/resolv.conf; }
check_ours() { wait_for 30 ours || { in_ns alice cat /etc/resolv.conf; ctl alice dns status; fail "$1: resolv.conf was not taken"; }; }
helper() { # its process id
	for p in $(ip netns pids "$TAG-alice"); do
		[ "$(cat /proc/"$p"/comm 2>/dev/null)" != meshd-dns ] || echo "$p"
	done
}
helper_gone() { [ -z "$(helper)" ]; }
cleanup() { in_ns alice "$MESHD" --cleanup-dns "$@" 2>"$NET_DIR/cleanup" || { cat "$NET_DIR/cleanup" >&2; fail "--cleanup-dns"; }; }
check_names() {
	wait_for 20 resolves alice "$bob_name" "$bob" || fail "$1: bob's name on alice"
	wait_for 10 resolves alice bob "$bob" || fail "$1: bob's short name on alice"
	log_forget lan
	log_forget corp
	wait_for 10 resolves alice vault.corp.example 10.9.9.9 || fail "$1: the split domain"
	wait_for 10 resolves alice printer.lan.example "${2:-10.77.0.99}" || fail "$1: a name of the LAN"
	[ "$(asked corp vault.corp.example)" -gt 0 ] || fail "$1: the split domain's server was not asked"
	[ "$(asked lan vault.corp.example)" = 0 ] || fail "$1: the split domain leaked to the LAN's server"
	[ "$(asked corp printer.lan.example)" = 0 ] || fail "$1: a name of the LAN leaked to the split domain's server"
	[ "$(asked lan "$bob_name")" = 0 ] || fail "$1: a name of the mesh leaked to the LAN's server"
}

# ---- a plain file ----
before 'printf "# mine\nnameserver 10.77.0.9\noptions timeout:2 attempts:3" >/etc/resolv.conf; chmod 640 /etc/resolv.conf'
node_start alice
node_start bob
node_up alice
node_up bob
bob=$(node_ip bob)
bob_name=$(ctl bob status --json | jq -r .Self.DNSName | sed 's/\.$//')
check_ours "after up"
check_names "after up"
in_ns alice grep -q '^options timeout:2 attempts:3$' /etc/resolv.conf || fail "options are lost"
in_ns alice sh -c '[ "$(stat -c %a /etc/resolv.conf)" = 644 ]' || fail "not readable by all"
[ "$(helper | wc -l)" = 1 ] || fail "there is not one helper"
h=$(helper)
grep -q '^CapEff:.*0000000000000000$' "/proc/$h/status" && grep -q '^CapBnd:.*0000000000000000$' "/proc/$h/status" &&
	grep -q '^NoNewPrivs:.*1$' "/proc/$h/status" || fail "the helper has rights it does not need"

ctl alice set --accept-dns=false
check_as_before "--accept-dns=false"
ctl alice set --accept-dns=true
check_ours "--accept-dns=true"
ctl alice down
check_as_before "down"
ctl alice up
check_ours "up again"
check_names "up again"

# ---- who ends ----
node_stop alice
helper_gone || fail "the helper outlives a stop"
check_as_before "stopped"
node_start alice
check_ours "started"
node_stop alice KILL
check_as_before "daemon killed"
wait_for 10 helper_gone || fail "the helper outlives the daemon"
node_start alice
check_ours "started after a kill"
kill -9 "$(helper)"
wait_for 10 sh -c "$MESHCTL --socket $(node_socket alice) status | grep -q 'restart meshd'" || fail "nobody is told that the helper is gone"
node_stop alice KILL
ours || fail "both killed: this was to be the hard case"
cleanup
check_as_before "both killed, cleaned up"
node_start alice
check_ours "started after both were killed"
kill -9 "$(helper)"
node_stop alice KILL
node_start alice --tun mesh9
check_ours "started upon what was left"
check_names "started upon what was left"
node_stop alice
check_as_before "stopped after a start upon what was left"

# ---- signals that a service manager sends to all ----
node_start alice
check_ours "before the signals"
kill -TERM "$(helper)"
kill -INT "$(helper)"
kill -HUP "$(helper)"
check_names "signals to the helper"
[ -n "$(helper)" ] || fail "the helper heeds signals"
node_stop alice
check_as_before "after the signals"

# ---- two of us ----
node_start alice
check_ours "before another"
cleanup
grep -q "another meshd runs here" "$NET_DIR/cleanup" || fail "--cleanup-dns beside a running meshd says nothing"
ours || fail "--cleanup-dns took the resolver from a running meshd"
node_stop alice
check_as_before "after another"

# ---- other kinds of file ----
before 'mkdir -p /run/x; printf "nameserver 10.77.0.9\n" >/run/x/conf; ln -s ../run/x/conf /etc/resolv.conf'
node_start alice
check_ours "link"
check_names "link"
kill -9 "$(helper)"
node_stop alice KILL
cleanup
check_as_before "link, both killed"
before 'ln -s ../run/nowhere /etc/resolv.conf'
node_start alice
check_ours "dangling link"
wait_for 20 resolves alice "$bob_name" "$bob" || fail "dangling link: bob's name"
node_stop alice KILL
check_as_before "dangling link"
before ':'
node_start alice
check_ours "no file"
kill -9 "$(helper)"
node_stop alice KILL
in_ns alice "$MESHD" --cleanup 2>/dev/null || fail "--cleanup"
check_as_before "no file"

# A mount of its own, as in containers: nothing can be renamed over it.
before 'printf "nameserver 10.77.0.9\noptions ndots:2\n" >/run/x/mounted; : >/etc/resolv.conf; mount --bind /run/x/mounted /etc/resolv.conf'
node_start alice
check_ours "mount"
check_names "mount"
kill -9 "$(helper)"
node_stop alice KILL
ours || fail "mount, both killed: this was to be the hard case"
cleanup
check_as_before "mount, both killed"
node_start alice
check_ours "mount, again"
node_stop alice
check_as_before "mount, stopped"
in_ns alice umount /etc/resolv.conf

# ---- others who write it ----
before 'printf "nameserver 10.77.0.9\n" >/etc/resolv.conf'
node_start alice
check_ours "before others"
# As a DHCP client does that came into another network: its server is the one to ask from now on.
in_ns alice sh -c 'printf "# by dhclient of a test\nnameserver 10.77.0.7\n" >/etc/resolv.conf.new; mv /etc/resolv.conf.new /etc/resolv.conf'
check_ours "overwritten once"
check_names "overwritten once" 10.77.0.97
node_stop alice
[ "$(in_ns alice cat /etc/resolv.conf)" = "# by dhclient of a test
nameserver 10.77.0.7" ] || fail "the other program's file is not back"

# Written while nobody looks: it is not touched.
before 'printf "nameserver 10.77.0.9\n" >/etc/resolv.conf'
node_start alice
check_ours "before the edit"
kill -9 "$(helper)"
node_stop alice KILL
in_ns alice sh -c 'rm /etc/resolv.conf; printf "nameserver 10.77.0.7\n# by hand\n" >/etc/resolv.conf'
cleanup
[ "$(in_ns alice cat /etc/resolv.conf)" = "nameserver 10.77.0.7
# by hand" ] || fail "somebody's file was touched"
grep -q "stays as it is" "$NET_DIR/cleanup" || fail "it is not said that somebody's file stays"
# Ours, with a line of somebody's: back to before, and his text is kept.
before 'printf "nameserver 10.77.0.9\n" >/etc/resolv.conf'
node_start alice
check_ours "before the second edit"
kill -9 "$(helper)"
node_stop alice KILL
in_ns alice sh -c 'echo "# by hand" >>/etc/resolv.conf'
cleanup
in_ns alice grep -q '^# by hand$' /etc/resolv.meshd-edited-1.conf || fail "the edited file is lost"
in_ns alice rm /etc/resolv.meshd-edited-1.conf
check_as_before "edited"

# A fight is ended by us, and the machine resolves all the time.
node_start alice
check_ours "before the fight"
$IN_NS "$TAG-alice" sh -c 'while :; do printf "# Generated by a fighter\nnameserver 10.77.0.9\n" >/etc/resolv.conf; sleep 0.1; done' &
fighter=$!
NET_PIDS="$NET_PIDS $fighter"
wait_for 20 sh -c "$MESHCTL --socket $(node_socket alice) status | grep -q 'Generated by a fighter'" || fail "the other writer is not named"
for i in 1 2 3 4 5 6 7 8 9 10; do
	in_ns alice getent hosts printer.lan.example >/dev/null || fail "nothing resolves in a fight"
	sleep 0.2
done
[ "$(grep -c 'overwritten by another program' "$NET_DIR/alice.log")" -le 3 ] || fail "a fight fills the log"
kill "$fighter"
wait "$fighter" 2>/dev/null
node_stop alice

# As it says: what is in the way goes, and ours comes.
before 'printf "nameserver 10.77.0.9\n" >/etc/resolv.conf'
node_start alice
check_ours "before a folder"
in_ns alice sh -c 'rm /etc/resolv.conf; mkdir /etc/resolv.conf'
wait_for 20 sh -c "$MESHCTL --socket $(node_socket alice) status | grep -q 'neither a file nor a link'" || fail "a folder in its place: nothing is said"
in_ns alice rmdir /etc/resolv.conf
check_ours "after a folder"
node_stop alice
check_as_before "after a folder"
# Nor does a pipe that nobody writes to hold anybody up.
before 'mkfifo /etc/resolv.conf'
node_start alice
wait_for 20 sh -c "$MESHCTL --socket $(node_socket alice) status | grep -q 'neither a file nor a link'" || fail "a pipe in its place: nothing is said"
node_stop alice
helper_gone || fail "the helper waits for a pipe"
check_as_before "a pipe"

# ---- cannot be written ----
before 'printf "nameserver 10.77.0.9\n" >/etc/resolv.conf'
in_ns alice mount -o remount,bind,ro /etc
node_start alice
wait_for 20 sh -c "$MESHCTL --socket $(node_socket alice) dns status | grep -qi 'read-only\|not be written\|cannot be written\|noop'" ||
	{ ctl alice dns status; fail "read-only /etc: nothing is said"; }
in_ns alice getent hosts printer.lan.example >/dev/null || fail "read-only /etc: nothing resolves"
in_ns alice mount -o remount,bind,rw /etc
check_ours "read-only no more"
node_stop alice
check_as_before "read-only /etc"
if in_ns alice chattr +i /etc/resolv.conf 2>/dev/null; then
	node_start alice
	wait_for 20 sh -c "$MESHCTL --socket $(node_socket alice) status | grep -q 'chattr -i'" || fail "immutable file: nothing is said"
	node_stop alice
	in_ns alice chattr -i /etc/resolv.conf
	check_as_before "immutable file"
	node_start alice
	check_ours "before it is immutable"
	in_ns alice chattr +i /etc/resolv.conf
	ctl alice down
	wait_for 10 sh -c "$MESHCTL --socket $(node_socket alice) status | grep -q 'could not be put back'" || fail "an immutable file of ours: nothing is said"
	in_ns alice chattr -i /etc/resolv.conf
	check_as_before "immutable no more"
	wait_for 10 sh -c "! $MESHCTL --socket $(node_socket alice) status | grep -q 'could not be put back'" || fail "put back, and it is still said that it is not"
	ctl alice up
	node_stop alice
fi
echo "the plain file: taken, and always given back"
