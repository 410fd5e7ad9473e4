#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The official `tailscale` command on meshd's socket: what it prints and how it exits. m2 is a meshd to
# talk to, t1 a tailscaled, so that the same question can be put to both daemons.
. "$(dirname "$0")/lib.sh"
peers_need headscale tailscaled tailscale
net_init
net_host hs 1
net_host m1 11
net_host m2 12
net_host t1 13
hs_start hs 10.77.0.1
m_start m1
m_start m2
ts_start t1
m_up m2
ts_up t1

cli() { in_ns m1 timeout 40 "$MESH_PEERS/tailscale" --socket="$(node_socket m1)" "$@"; }
# exits CODE PATTERN args...: the command on meshd exits with CODE and prints PATTERN
exits() {
	want=$1 pattern=$2
	shift 2
	out=$(cli "$@" 2>&1)
	got=$?
	printf '%s\n' "$out"
	[ $got = "$want" ] || { echo "exit code $got, not $want"; return 1; }
	printf '%s\n' "$out" | grep -Eq -- "$pattern"
}
# field EXPRESSION: of `status --json` (python, of the dict d)
field() { cli status --json | python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
is() { got=$(field "$2"); echo "$got"; [ "$got" = "$1" ]; }
# The names that a daemon's status has, for Self, a peer and the whole.
shape() {
	python3 -c '
import json, sys
d = json.load(sys.stdin)
peer = [p for p in d["Peer"].values() if p["HostName"] == "m2"][0]
for part, v in ("", d), ("Self.", d["Self"]), ("Peer.", peer), ("CurrentTailnet.", d["CurrentTailnet"]):
    for k in v:
        print(part + k)' | sort
}

echo "# before login"
check "version" exits 0 '^1\.' version
check "version --daemon" exits 0 'Daemon: [0-9]' version --daemon
check "status: logged out" exits 1 'Logged out' status
check "ip: none" exits 1 'no current Tailscale IPs; state: NeedsLogin' ip
check "status --json without a map" is NeedsLogin 'd["BackendState"]'
check "logout without a login" exits 0 '' logout
check "up with a wrong key" exits 1 'backend error: ' up --login-server="$HS_URL" --authkey=hskey-auth-wrong --timeout=10s
check "login prints the URL, and gives up in time" exits 1 'https://.*/register/' login --login-server="$HS_URL" --timeout=4s

echo "# up"
UP="--login-server=$HS_URL --hostname=m1 --accept-dns=false"
check "up with a key" exits 0 '' up $UP --authkey="$(hs_key)" --timeout=30s
check "Running" is Running 'd["BackendState"]'
a=$(ctl m1 ip -4) b=$(ctl m2 ip -4) t=$(ts t1 ip -4)
check "up again, nothing to change" exits 0 '' up $UP
check "bare up names the flags to repeat" exits 1 'login-server' up
check "ip -4" exits 0 "^$a\$" ip -4
check "ip -6" exits 0 '^fd7a:' ip -6
check "ip of a peer" exits 0 "^$b\$" ip m2
check "ip of nobody" exits 1 '' ip nobody
check "status lists peers" exits 0 "$t +t1 +alice +linux" status
check "status --peers=false" exits 0 "^$a +m1" status --peers=false
check "status --self=false --active" exits 0 '' status --self=false --active
check "status --json: own address" is "$a" 'd["Self"]["TailscaleIPs"][0]'
check "status --json: two peers" is 2 'len(d["Peer"])'
check "status --json: peers are online" within 10 is "[True, True]" '[p["Online"] for p in d["Peer"].values()]'
cli status --json | shape >"$NET_DIR/ours"
ts t1 status --json | shape >"$NET_DIR/theirs"
check "status --json: the same members as tailscaled's" diff "$NET_DIR/theirs" "$NET_DIR/ours"

echo "# peers"
check "ICMP first" within 10 pings m1 "$t"
check "ping becomes direct" exits 0 'pong from t1 \(.*\) via 10\.77\.0\.13:41641 in ' ping --c=10 t1
check "ping by address" exits 0 'pong from m2' ping --c=2 "$b"
check "ping --tsmp" exits 0 'via TSMP' ping --tsmp --c=1 t1
check "ping --icmp" exits 0 'via ICMP' ping --icmp --c=1 t1
check "ping nobody" exits 1 'no matching peer|no such host' ping --c=1 --timeout=2s 100.99.99.99
check "ping oneself" exits 0 'is local Tailscale IP' ping "$a"
check "whois" exits 0 'Name: +t1\.mesh\.test' whois "$t"
check "whois --json" exits 0 '"LoginName": "alice"' whois --json "$t"
check "whois of a stranger" exits 1 'not found' whois 100.99.99.99
check "whoami" exits 0 'm1\.mesh\.test' whoami
check "netcheck: UDP" exits 0 'UDP: true' netcheck
check "netcheck: relay" exits 0 'Nearest DERP: Test Relay' netcheck
check "dns status" exits 0 'MagicDNS: enabled' dns status
check "exit-node list: none" exits 1 'no exit nodes found' exit-node list
check "metrics" exits 0 '^tailscaled_' metrics
check "debug prefs" exits 0 '"ControlURL"' debug prefs
check "debug watch-ipn" exits 0 '"State": 6' debug watch-ipn --count=1 --initial
check "wait" exits 0 '' wait --timeout=5s
check "lock status" exits 0 'NOT enabled' lock status

echo "# set, down, up"
check "set" exits 0 '' set --hostname=m1b
check "set: the server knows" within 10 hs_id m1b
check "get" exits 0 '^m1b$' get hostname
check "set: a wrong value is refused" exits 1 '' set --exit-node=nobody
check "set --shields-up" exits 0 '' set --shields-up
check "shields: nobody comes in" within 5 never pings t1 "$a"
check "shields: we go out" pings m1 "$t"
check "set --shields-up=false" exits 0 '' set --shields-up=false
check "no shields: in again" within 5 pings t1 "$a"
check "up that would revert a setting" exits 1 'hostname' up --login-server="$HS_URL" --accept-dns=false
check "down" exits 0 '' down
check "down: stopped" exits 1 'Tailscale is stopped' status
check "down: state" is Stopped 'd["BackendState"]'
check "down again" exits 0 'already stopped' down
check "down: nothing goes" never pings m1 "$t"
check "up: back" exits 0 '' up --login-server="$HS_URL" --hostname=m1b --accept-dns=false
check "up: same address" exits 0 "^$a\$" ip -4
check "up: reaches peers" within 10 pings m1 "$t"
check "switch --list" exits 0 'alice' switch --list
check "up --force-reauth with a key" exits 0 '' up --login-server="$HS_URL" --hostname=m1b --accept-dns=false --force-reauth --authkey="$(hs_key)" --timeout=30s
check "force-reauth: same address" exits 0 "^$a\$" ip -4
check "force-reauth: reaches peers" within 15 pings m1 "$t"
check "logout" exits 0 '' logout
check "logout: state" exits 1 'Logged out' status
finish
