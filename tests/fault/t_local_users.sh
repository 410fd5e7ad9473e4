#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Other users of the machine, and web pages, against the LocalAPI: they read what is public, change
# nothing, and cannot keep anybody else from being served.
. "$(dirname "$0")/../netns/lib.sh"
for p in setpriv curl socat perl; do command -v $p >/dev/null || skip "needs $p"; done
net_init
chmod 755 "$NET_DIR"
net_host alice 11
node_start alice
sock=$(node_socket alice)
eval "pid=\$PID_alice"

status() { # user id, curl arguments: print the HTTP status
	uid=$1
	shift
	setpriv --reuid="$uid" --regid="$uid" --clear-groups curl -s -m 20 -o "$NET_DIR/body" -w '%{http_code}' --unix-socket "$sock" "$@"
}
expect() { # wanted status, what, user id, curl arguments
	want=$1 what=$2
	shift 2
	got=$(status "$@")
	[ "$got" = "$want" ] || fail "$what: $got instead of $want"
}
api=http://local-tailscaled.sock/localapi/v0
touch "$NET_DIR/body" && chmod 666 "$NET_DIR/body"

before=$(ctl alice debug prefs)
expect 200 "status for anybody" 65534 $api/status
for rq in "PATCH prefs {\"WantRunning\":true,\"WantRunningSet\":true}" "POST start {}" "POST login-interactive" "POST logout" \
	"POST reset-auth" "POST reload-config" "GET profiles/" "PUT profiles/" "POST debug?action=rebind" "POST shutdown"; do
	set -- $rq
	expect 403 "$1 $2 from another user" 65534 -X "$1" --data "${3:-}" "$api/$2"
done
[ "$(ctl alice debug prefs)" = "$before" ] || fail "another user changed the preferences"
expect 200 "prefs for root" 0 $api/prefs

# What a browser would send.
for h in 'Host: evil.example' 'Origin: http://evil.example' 'Referer: http://evil.example/' 'Host: 127.0.0.1'; do
	expect 403 "with $h" 0 -H "$h" $api/status
done
expect 200 "without a Host" 0 -H 'Host;' $api/status
expect 404 "a way out of the tree" 0 --path-as-is $api/../../../etc/passwd
[ "$(status 0 $api/profiles/..%2f..%2fx -X DELETE)" -ge 400 ] || fail "a profile that is a path"

# 200 connections that say nothing whole, from another user: everybody else is served at once.
setpriv --reuid=65534 --regid=65534 --clear-groups perl -MSocket -e '
	for (1 .. 200) {
		socket($s[$_], PF_UNIX, SOCK_STREAM, 0) && connect($s[$_], sockaddr_un($ARGV[0])) or die "connection $_: $!";
		syswrite $s[$_], "GET /localapi/v0/status HTTP/1.1\r\nHost: lo";
	}
	sleep 60;
' "$sock" &
slow=$!
NET_PIDS="$NET_PIDS $slow"
dawdlers() { [ "$(find /proc/$pid/fd -lname 'socket:*' | wc -l)" -gt 150 ]; }
wait_for 30 dawdlers || fail "the slow connections did not arrive"
expect 200 "while 200 others dawdle" 0 $api/status
dawdlers || fail "the slow connections are gone: nothing was shown"
kill $slow
wait $slow 2>/dev/null

# A reader of the bus that never reads, while the state changes all the time.
(printf 'GET /localapi/v0/watch-ipn-bus?mask=14 HTTP/1.1\r\nHost: local-tailscaled.sock\r\n\r\n'; sleep 8) |
	socat -t 8 - "UNIX-CONNECT:$sock" 2>/dev/null | sleep 8 &
NET_PIDS="$NET_PIDS $!"
base=$(awk '/^VmRSS:/ {print $2}' /proc/$pid/status)
i=0
while [ $i -lt 100 ]; do
	[ "$(status 0 -X PATCH --data "{\"Hostname\":\"n$i\",\"HostnameSet\":true}" $api/prefs)" = 200 ] || fail "an edit while a reader sleeps"
	i=$((i + 1))
done
now=$(awk '/^VmRSS:/ {print $2}' /proc/$pid/status)
grep -q "lib[at]san" "/proc/$pid/maps" || [ $((now - base)) -lt 8192 ] || fail "$((now - base)) KiB more memory for one sleeping reader"

# Bodies and heads without end.
head -c 3000000 /dev/zero | tr '\0' 'a' >"$NET_DIR/big"
[ "$(status 0 -X PATCH --data-binary "@$NET_DIR/big" $api/prefs)" = 413 ] || fail "a body of 3 MB"
got=$(status 0 -H "X-Big: $(head -c 100000 "$NET_DIR/big")" $api/status)
[ "$got" -ge 400 ] || [ "$got" = 000 ] || fail "a head of 100 kB: $got"
ctl alice status >/dev/null 2>&1
kill -0 $pid || fail "the daemon is gone"

# Names that become paths.
for name in ../x a/b . .. 'a b' "$(printf 'a\nb')" abcdefghijklmnop; do
	out=$(in_ns alice timeout 5 "$MESHD" --tun="$name" --state "$NET_DIR/t.state" --socket "$NET_DIR/t.sock" 2>&1) && fail "--tun='$name' was taken"
	printf '%s' "$out" | grep -q 'a name is 1 to 15' || fail "--tun='$name': $out"
done
