#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong on real machines ends in a message that says what to do, and in a daemon that still runs.
. "$(dirname "$0")/../netns/lib.sh"
net_init
net_host coord 1
net_host alice 11
coord_start coord 10.77.0.1

expect() { # what, pattern, text
	printf '%s' "$3" | grep -qiE "$2" || fail "$1: expected /$2/ in: $3"
}

# A second daemon on the socket.
node_start alice
out=$(in_ns alice timeout 10 "$MESHD" --tun=mesh1 --state "$NET_DIR/second.state" --socket "$(node_socket alice)" 2>&1) &&
	fail "a second daemon started on one socket"
expect "second daemon" 'in use|already' "$out"

# Auth keys: wrong, used up, expired.
out=$(ctl alice up --login-server="$COORD_URL" --authkey=mesh-nonsense --timeout=15s 2>&1) && fail "wrong key accepted"
expect "wrong key" 'key' "$out"
key=$(coord_key)
ctl alice up --login-server="$COORD_URL" --authkey="$key" --hostname=alice --timeout=15s --reset || fail "good key refused"
ctl alice logout || fail "logout"
out=$(ctl alice up --login-server="$COORD_URL" --authkey="$key" --timeout=15s --reset 2>&1) && fail "spent key accepted"
expect "spent key" 'used' "$out"
short=$(coord_key --expiry 1s)
sleep 2
out=$(ctl alice up --login-server="$COORD_URL" --authkey="$short" --timeout=15s --reset 2>&1) && fail "expired key accepted"
expect "expired key" 'expired' "$out"
! grep -qF -e "$key" -e "$short" "$NET_DIR/alice.log" "$NET_DIR/coord.log" || fail "an auth key is in a log"

# A server that answers garbage.
in_ns coord sh -c 'while :; do printf "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ngarbage" | nc -l -N -p 9999 -s 10.77.0.1 >/dev/null 2>&1 || break; done' &
garbage=$!
NET_PIDS="$NET_PIDS $garbage"
out=$(ctl alice up --login-server=http://10.77.0.1:9999 --authkey=x --timeout=6s --force-reauth --reset 2>&1) && fail "garbage accepted"
out="$out $(ctl alice status 2>&1)"
expect "garbage" 'logged out|control|server|timeout' "$out"
kill $garbage 2>/dev/null
node_stop alice

# A state file that is cut off: refused, never overwritten.
head -c 40 "$NET_DIR/alice.d/meshd.state" >"$NET_DIR/cut"
cp "$NET_DIR/cut" "$NET_DIR/alice.d/meshd.state"
node_start alice
out=$(ctl alice status 2>&1)
expect "truncated state" 'state' "$out"
ctl alice up --login-server="$COORD_URL" --authkey="$(coord_key)" --timeout=5s --reset >/dev/null 2>&1 && fail "login with an unusable state file"
cmp -s "$NET_DIR/cut" "$NET_DIR/alice.d/meshd.state" || fail "a state file that could not be read was overwritten"
node_stop alice
rm -f "$NET_DIR/alice.d/meshd.state"

# A state directory that cannot be written (a file is in its place).
touch "$NET_DIR/notadir"
out=$(in_ns alice timeout 10 "$MESHD" --state "$NET_DIR/notadir/meshd.state" --socket "$NET_DIR/x.sock" 2>&1)
expect "unwritable state directory" 'state' "$out"

# No /dev/net/tun.
# In a chroot "/" is no mount point, but /dev is; one of them is made private, or the host would see it.
out=$(in_ns alice unshare -m --propagation unchanged sh -c "{ mount --make-rprivate / || mount --make-rprivate /dev; } 2>/dev/null && mount -t tmpfs none /dev/net && exec timeout 10 '$MESHD' --state '$NET_DIR/n.state' --socket '$NET_DIR/n.sock'" 2>&1) &&
	fail "started without /dev/net/tun"
expect "no tun" 'modprobe tun|/dev/net/tun' "$out"

# Bad words on the command line.
out=$("$MESHD" --nope 2>&1)
[ $? = 2 ] || fail "unknown flag must exit 2"
expect "unknown flag" 'nope' "$out"

# After kill -9, --cleanup leaves nothing of ours.
node_start alice
node_up alice
wait_for 5 sh -c "$IN_NS $TAG-alice ip rule | grep -q 'lookup 52'" || fail "no rules while up"
node_stop alice KILL
out=$(in_ns alice setpriv --bounding-set=-net_admin "$MESHD" --cleanup 2>&1) && fail "--cleanup without CAP_NET_ADMIN"
expect "--cleanup, routes" 'delete rules of IPv4: .*CAP_NET_ADMIN' "$out"
expect "--cleanup, nftables" 'nftables: cannot use it: .*CAP_NET_ADMIN' "$out"
in_ns alice "$MESHD" --cleanup || fail "--cleanup"
[ -z "$(in_ns alice ip rule | grep 'lookup 52')" ] || fail "--cleanup left rules"
[ -z "$(in_ns alice ip route show table 52 2>/dev/null)" ] || fail "--cleanup left routes"
in_ns alice "$MESHD" --cleanup || fail "--cleanup twice"
