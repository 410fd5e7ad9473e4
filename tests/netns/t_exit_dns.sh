#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#   up 10.77.0.53 ─┐                    ┌─ alice
#      own server  ├─ internet ─ coord ─┼─ bob     each with the server `home` 10.77.0.54
#   home .54      ─┘                    └─ exit (of alice), whose server is `up`
# Names for those who use an exit node come from the exit node: by its peer API, which is reached whatever the policy
# says, which answers no web page and no stranger, and which one peer cannot take from the others.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
. "$(dirname "$0")/lib_routes.sh"
routes_need
command -v curl >/dev/null || skip "needs curl"
net_init
dns_init
net_host coord 1
net_host up 53
net_host home 54
net_host exit 21
net_host alice 22
net_host bob 23
for h in exit alice bob; do in_ns $h ip route add default via 10.77.0.1; done
forwards exit
os_plain exit 10.77.0.53
os_plain alice 10.77.0.54
os_plain bob 10.77.0.54
dnsmasq_start up 10.77.0.53 --address=/far.test/192.0.2.53 --address=/secret.test/192.0.2.66 --txt-record=t.far.test,hello
dnsmasq_start home 10.77.0.54 --address=/far.test/192.0.2.54 --address=/secret.test/192.0.2.54

coord_start coord 10.77.0.1
policy() { echo "$1" | "$MESHCOORD" policy set - --state "$COORD_DIR" >/dev/null || fail "policy"; }
all='{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}'
policy "$all"
join() { # NODE USER [flags]
	node=$1 key=$(coord_key --user "$2")
	shift 2
	node_start "$node"
	ctl "$node" up --login-server="$COORD_URL" --authkey="$key" --hostname="$node" --timeout=30s "$@" || fail "up on $node"
}
join exit alice --accept-dns=false
join alice alice
join bob bob
EXIT=$(node_ip exit)

echo "# the port is told, and answers"
url_of() { ctl "$1" status --json | jq -r '.Peer[] | select(.HostName == "exit") | .PeerAPIURL[0] // empty'; }
knows() { [ -n "$(url_of "$1")" ]; }
for n in alice bob; do wait_for 30 knows $n || fail "$n does not know the peer API of exit"; done
URL=$(url_of bob)
get() { # NODE PATH [curl flags]: prints "CODE body"
	node=$1 path=$2
	shift 2
	in_ns "$node" curl -s -g -m 20 --noproxy '*' -w ' %{http_code}' "$@" "$URL$path" | tr '\n' ' '
}
code() { # WANTED NODE PATH [flags]
	wanted=$1
	shift
	got=$(get "$@")
	[ "${got##* }" = "$wanted" ] || { echo "$*: $got"; return 1; }
}
must() { "$@" || fail "$*"; }
wait_for 30 code 200 bob / || fail "/: $(get bob /)"
get alice / | grep -q "You are the owner" || fail "alice owns it: $(get alice /)"
! get bob / | grep -q "You are the owner" || fail "bob does not own it"
get bob / | grep -q "Your device is bob\." || fail "bob's name: $(get bob /)"
ctl bob ping --peerapi "$EXIT" | grep -q "^hit peerapi of $EXIT (exit\..*) at $URL in " || fail "ping --peerapi"
ctl bob ping --tsmp "$EXIT" | grep -q "$EXIT, ${URL##*:})" || fail "ping --tsmp does not tell the port"


echo "# what is no request of a peer"
in_ns exit curl -s -m 5 "$URL/" && fail "a program on exit itself is answered"
must code 403 bob / -H 'Host: evil.example.com'
must code 403 bob / -H 'Host: evil.example.com:80'
must code 403 bob / -H 'Host:' --http1.0
must code 403 bob / -H 'Origin: http://evil.example.com'
must code 403 bob / -H 'Referer: http://evil.example.com/'
must code 403 bob /dns-query -H 'Origin: null' -H 'Content-Type: application/dns-message' --data-binary x
must code 200 bob / -H 'Host: peer'
must code 404 bob /nope
must code 403 bob /v0/env
must code 403 bob /v0/goroutines
must code 500 bob /v0/put/x -T /dev/null

echo "# names"
query() { # NAME: the message, base64url
	python3 -c '
import base64, sys
n = b"".join(bytes([len(l)]) + l.encode() for l in sys.argv[1].split(".")) + b"\0"
m = bytes.fromhex("123401000001000000000000") + n + bytes.fromhex("00010001")
print(base64.urlsafe_b64encode(m).decode().rstrip("="))' "$1"
}
asks_doh() { get "$1" "/dns-query?q=$2&t=${3:-a}"; }
gets() { # WANTED NODE NAME [TYPE]
	wanted=$1
	shift
	said=$(asks_doh "$@")
	[ "$said" = "$wanted" ] || { echo "$*: $said"; return 1; }
}
must gets '["192.0.2.53"]  200' alice www.far.test
must gets '["hello"]  200' alice t.far.test txt
must code 403 bob "/dns-query?q=www.far.test" # no exit node yet
advertise exit exit
wait_for 30 gets '["192.0.2.53"]  200' bob www.far.test || fail "exit offers, but: $(asks_doh bob www.far.test)"
must gets '{"Error":"DNS RCode = RCodeRefused"}  200' bob www.unknown
(
	URL=$(ctl bob status --json | jq -r '.Peer[] | select(.HostName == "exit") | .PeerAPIURL[1]')
	case $URL in 'http://[fd7a:'*) ;; *) fail "by IPv6: $URL" ;; esac
	wait_for 20 gets '["192.0.2.53"]  200' bob www.far.test || fail "by IPv6: $(asks_doh bob www.far.test)"
) || exit 1
must code 200 bob "/dns-query?dns=$(query www.far.test)"
must code 400 bob "/dns-query?dns=AAAA"
must code 400 bob /dns-query
must code 400 bob /dns-query -H 'Content-Type: text/plain' --data-binary x
head -c 262145 /dev/zero >"$NET_DIR/big"
must code 413 bob /dns-query -H 'Content-Type: application/dns-message' --data-binary "@$NET_DIR/big"

echo "# a client of the exit node"
routed_bob() { routed_to bob exit 0.0.0.0/0; }
wait_for 30 routed_bob || fail "exit is not offered to bob"
bob_asks() { [ "$(dig_short bob @100.100.100.100 "$1")" = "$2" ]; }
wait_for 30 bob_asks www.far.test 192.0.2.54 || fail "without exit node: $(dig_short bob @100.100.100.100 www.far.test)"
ctl bob set --exit-node=exit || fail "exit-node=exit"
wait_for 30 bob_asks www.far.test 192.0.2.53 || fail "bob gets $(dig_short bob @100.100.100.100 www.far.test)"
log_forget home
log_forget up
for i in 1 2 3 4 5; do wait_for 20 bob_asks "n$i.far.test" 192.0.2.53 || fail "n$i.far.test"; done
[ "$(asked up far.test)" -ge 5 ] || fail "exit's server was not asked"
[ "$(asked home far.test)" = 0 ] || fail "bob's own server heard of it"

echo "# names that exit does not resolve for others"
dns_raw '{"Proxied": true, "Domains": ["mesh.test"], "ExitNodeFilteredSet": ["secret.test", ".far.test"]}'
wait_for 30 gets '{"Error":"DNS RCode = RCodeRefused"}  200' bob secret.test || fail "secret.test: $(asks_doh bob secret.test)"
must gets '{"Error":"DNS RCode = RCodeRefused"}  200' bob www.far.test
must gets '["192.0.2.53"]  200' bob far.test
must gets '["192.0.2.66"]  200' bob www.secret.test
dns_raw '{"Proxied": true, "Domains": ["mesh.test"]}'
wait_for 30 gets '["192.0.2.53"]  200' bob www.far.test || fail "no longer filtered: $(asks_doh bob www.far.test)"

echo "# a policy that names no port of exit"
policy '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:22"]}]}'
wait_for 30 code 403 bob "/dns-query?q=www.far.test" || fail "bob may still ask: $(asks_doh bob www.far.test)"
must code 200 bob /
must gets '["192.0.2.53"]  200' alice www.far.test
policy "$all"
wait_for 30 gets '["192.0.2.53"]  200' bob www.far.test || fail "bob may not ask again"

echo "# a hundred connections of bob that never end their request"
cat >"$NET_DIR/loris.py" <<'P'
import socket, sys, time
c = []
for i in range(100):
    s = socket.socket()
    s.settimeout(5)
    try:
        s.connect((sys.argv[1], int(sys.argv[2])))
        s.send(b"POST /dns-query HTTP/1.1\r\nX: ")
        c.append(s)
    except OSError:
        pass
print(len(c), flush=True)
while True:
    for s in c:
        try: s.send(b"x")
        except OSError: pass
    time.sleep(0.5)
P
$IN_NS "$TAG-bob" python3 "$NET_DIR/loris.py" "$EXIT" "${URL##*:}" >"$NET_DIR/loris.out" &
NET_PIDS="$NET_PIDS $!"
LORIS=$!
wait_for 30 test -s "$NET_DIR/loris.out" || fail "no hundred connections"
for i in 1 2 3 4 5; do must gets '["192.0.2.53"]  200' alice "l$i.far.test"; done
kill $LORIS

echo "# exit's own resolver points at itself"
ctl exit set --accept-dns=true || fail "accept-dns"
points() { in_ns exit grep -q '^nameserver 100.100.100.100' /etc/resolv.conf; }
dns_raw '{"Resolvers": [{"Addr": "10.77.0.53"}], "Proxied": true, "Domains": ["mesh.test"]}'
wait_for 30 points || fail "exit's resolv.conf: $(in_ns exit cat /etc/resolv.conf)"
wait_for 30 gets '["192.0.2.53"]  200' alice own.far.test || fail "own.far.test: $(asks_doh alice own.far.test)"

echo "# down, and up again"
ctl exit down
in_ns exit ss -ltnH | grep -q "$EXIT" && fail "down: still listening"
ctl exit up || fail "up again"
wait_for 30 code 200 alice / || fail "up again: $(get alice /)"
node_stop exit KILL
node_start exit
wait_for 60 bob_asks after.far.test 192.0.2.53 || fail "killed and started: $(dig_short bob @100.100.100.100 after.far.test)"
[ "$(url_of bob)" = "$URL" ] || fail "another port: $(url_of bob)"
exit 0
