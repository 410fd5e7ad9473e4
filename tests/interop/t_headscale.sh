#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#  m1 ─ r1(easy) ─┐
#  t1 ─ r2(easy) ─┤
#  m2 ─ r3(easy) ─┼─ internet ─ hs (headscale: control, relay, STUN)
#  t2 ─ r4(hard) ─┤
#  m3 ─ r5(hard) ─┘
# meshd (m*) and tailscaled (t*) on one Headscale: m1, m2, m3 are alice's, t1, t2 are bob's.
. "$(dirname "$0")/lib.sh"
peers_need headscale tailscaled tailscale
net_init
net_host hs 1
net_router r1 2 easy 1
net_router r2 3 easy 2
net_router r3 4 easy 3
net_router r4 5 hard 4
net_router r5 6 hard 5
net_lan_host m1 r1 1 10
net_lan_host t1 r2 2 10
net_lan_host m2 r3 3 10
net_lan_host t2 r4 4 10
net_lan_host m3 r5 5 10
hs_start hs 10.77.0.1

allow_all='{"acls":[{"action":"accept","src":["*"],"dst":["*:*"]}],"tagOwners":{"tag:lab":["alice@"]}}'
online() { [ "$(hs_node "$1" 'n["online"]')" = True ]; }
connects() { in_ns "$1" python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)' "$2" "$3"; }
env_up() { ( UP_KEY="hs_key $1" && m_up "$2" ); }
m_is() { [ "$(m_state "$1")" = "$2" ] || { echo "state $(m_state "$1"), not $2"; return 1; }; }
peer_json() { # meshd NAME, peer HOST, expression of the dict p
	ctl "$1" status --json | python3 -c '
import json, sys
for p in json.load(sys.stdin)["Peer"].values():
    if p["HostName"] == sys.argv[1]:
        print(eval(sys.argv[2]))
        sys.exit(0)
sys.exit(1)' "$2" "$3"
}
check "policy is taken" hs_policy "$allow_all" || exit 1

echo "# join"
ts_start t1
m_start m1 --verbose=1
m_start m2 --verbose=1
HS_USER=2 ts_up t1
m_up m1
m_up m2
check "meshd is Running" m_is m1 Running || exit 1
check "the server sees it online" within 10 online m1
a=$(node_ip m1) b=$(node_ip m2) t=$(ts t1 ip -4)
a6=$(ctl m1 ip -6) b6=$(ctl m2 ip -6) t6=$(ts t1 ip -6)

echo "# meshd and tailscaled"
check "ICMP meshd to tailscaled" within 6 pings m1 "$t"
check "ICMP tailscaled to meshd" within 6 pings t1 "$a"
check "meshctl ping becomes direct" says 'pong from t1 .* via 10\.77\.0\.3:' ctl m1 ping --c=10 t1
check "tailscale ping becomes direct" says 'pong from m1 .* via 10\.77\.0\.2:' ts t1 ping --c=10 m1
check "IPv6 meshd to tailscaled" pings m1 "$t6"
check "IPv6 tailscaled to meshd" pings t1 "$a6"
check "TSMP ping meshd to tailscaled" says 'via TSMP' ctl m1 ping --tsmp --c=3 t1
check "TSMP ping tailscaled to meshd" says 'via TSMP' ts t1 ping --tsmp --c=3 m1
check "ICMP ping verb meshd to tailscaled" says 'via ICMP' ctl m1 ping --icmp --c=3 t1
check "ICMP ping verb tailscaled to meshd" says 'via ICMP' ts t1 ping --icmp --c=3 m1
check "TCP meshd to tailscaled, 8 MB" copies m1 t1 "$t" 8000000
check "TCP tailscaled to meshd, 8 MB" copies t1 m1 "$a" 8000000
check "TCP over IPv6 meshd to tailscaled" copies m1 t1 "$t6" 1000000
check "TCP over IPv6 tailscaled to meshd" copies t1 m1 "$a6" 1000000
check "large ICMP" in_ns m1 ping -c 2 -i 0.2 -W 2 -q -s 1200 "$t"
check "no loss" no_loss t1 "$a" 20
check "status of meshd says direct" says 't1 .*direct 10\.77\.0\.3:' ctl m1 status
check "status of tailscaled says direct" says 'm1 .*direct 10\.77\.0\.2:' ts t1 status
check "whois on meshd names the other user" says 'bob' ctl m1 whois "$t"
check "whois on tailscaled names ours" says 'alice' ts t1 whois "$a"

echo "# meshd and meshd"
check "ICMP" within 6 pings m1 "$b"
check "IPv6" pings m2 "$a6"
check "meshctl ping becomes direct" says 'via 10\.77\.0\.4:' ctl m1 ping --c=10 m2
check "and back" says 'via 10\.77\.0\.2:' ctl m2 ping --c=10 m1
check "TCP, 8 MB" copies m1 m2 "$b" 8000000

echo "# relay only"
ts_start t2
m_start m3 --verbose=1
HS_USER=2 ts_up t2
m_up m3
c=$(node_ip m3) u=$(ts t2 ip -4)
check "hard NATs: ICMP meshd to tailscaled" within 6 pings m3 "$u"
check "hard NATs: ICMP tailscaled to meshd" within 6 pings t2 "$c"
check "hard NATs: the relay is named" says 'via DERP' ctl m3 ping --c=2 t2
check "hard NATs: and from tailscaled" says 'via DERP' ts t2 ping --c=2 m3
check "hard NATs: TCP by relay" copies m3 t2 "$u" 1000000
check "hard NATs: TCP back" copies t2 m3 "$c" 1000000
net_block_udp r1
net_block_udp r2
check "UDP blocked under a session: traffic goes on" within 20 pings m1 "$t"
check "UDP blocked: and back" within 20 pings t1 "$a"
check "UDP blocked: no loss" no_loss m1 "$t" 10
check "UDP blocked: TCP by relay" copies t1 m1 "$a" 1000000
check "UDP blocked: status says relay" within 15 says 't1 .*relay' ctl m1 status
net_unblock_udp r1
net_unblock_udp r2
check "UDP allowed again: direct" within 60 says 'via 10\.77' ctl m1 ping --c=1 t1
ts_stop t2

echo "# policy"
check "alice only: policy is taken" hs_policy '{"acls":[{"action":"accept","src":["alice@"],"dst":["alice@:*"]}],"tagOwners":{"tag:lab":["alice@"]}}'
check "alice only: t1 is gone from status" within 10 never says ' t1 ' ctl m1 status
check "alice only: nothing reaches it" within 5 never pings m1 "$t"
check "alice only: nothing comes from it" never pings t1 "$a"
check "alice only: m2 still answers" pings m1 "$b"
check "one way: policy is taken" hs_policy '{"acls":[{"action":"accept","proto":"tcp","src":["bob@"],"dst":["alice@:7001"]}],"tagOwners":{"tag:lab":["alice@"]}}'
check "one way: ICMP comes with any rule for the pair" within 10 pings t1 "$a"
check "one way: t1 reaches the port" copies t1 m1 "$a" 100000
check "one way: another port is silent" says 'timed out' connects t1 "$a" 7002
check "one way: tailscaled hears why" within 5 grep -q 'rejected due to acl' "$NET_DIR/t1.log"
check "one way: m1 cannot start" never pings m1 "$t"
check "allow all again" hs_policy "$allow_all"
check "allow all: t1 is back" within 15 pings m1 "$t"

echo "# restart"
node_stop m1 KILL
m_start m1 --verbose=1
check "kill -9: Running without a key" within 10 m_is m1 Running
check "kill -9: same address" [ "$(node_ip m1)" = "$a" ]
check "kill -9: reaches tailscaled" within 10 pings m1 "$t"
check "kill -9: tailscaled reaches it" within 10 pings t1 "$a"
check "kill -9: one node on the server" [ "$(hs nodes list -o json | grep -c '"givenName": "m1')" = 1 ]
ts_stop t1 KILL
ts_start t1
check "tailscaled restarted: reached" within 15 pings m1 "$t"
hs_stop KILL
check "headscale killed: traffic goes on" within 5 no_loss m1 "$t" 5
node_stop m2 KILL
m_start m2 --verbose=1
check "started while headscale is down: has its address" within 5 says "^$b\$" ctl m2 ip -4
check "started while headscale is down: m1 reaches it" within 10 pings m1 "$b"
hs_again
check "headscale back: online again" within 40 online m1
check "headscale back: m2 too" within 40 online m2

echo "# expiry, logout, login"
check "expire m2 on the server" hs nodes expire -i "$(hs_id m2)"
check "expired: meshd needs login" within 15 m_is m2 NeedsLogin
check "expired: peers do not reach it" within 10 never pings t1 "$b"
check "expired: up with a key" ctl m2 up --login-server="$HS_URL" --authkey="$(hs_key)" --hostname=m2 --accept-dns=false --timeout=30s
check "expired: same address" [ "$(node_ip m2)" = "$b" ]
check "expired: reachable again" within 15 pings t1 "$b"
check "logout" ctl m2 logout
check "logout: needs login" within 5 m_is m2 NeedsLogin
check "logout: no address left on the device" never says 'inet 100\.' in_ns m2 ip -4 addr show dev mesh0
check "logout: the server sees it expired" within 10 says '20[0-9][0-9]-' hs_node m2 'n["expiry"]'
check "logout: peers do not reach it" within 10 never pings t1 "$b"

ctl m2 up --login-server="$HS_URL" --hostname=m2 --accept-dns=false --timeout=60s >"$NET_DIR/login.out" 2>&1 &
login=$!
check "login by URL: the URL is printed" within 15 says 'https://.*/register/' cat "$NET_DIR/login.out"
auth_id=$(grep -o 'hskey-authreq-[A-Za-z0-9_-]*' "$NET_DIR/login.out" | head -n 1)
check "login by URL: waits" kill -0 $login
check "login by URL: approved" hs auth register --auth-id "$auth_id" --user alice
wait $login
check "login by URL: up returns 0" [ $? = 0 ]
check "login by URL: Running" within 5 m_is m2 Running
check "login by URL: reachable" within 15 pings t1 "$(node_ip m2)"

echo "# keys"
check "a wrong key is refused with the server's words" says 'backend error: .*(auth-key|pre auth key|AuthKey)' ctl m3 up --force-reauth --login-server="$HS_URL" --authkey=hskey-auth-000000000000-wrong --hostname=m3 --accept-dns=false --timeout=10s
ctl m3 logout
check "ephemeral key" env_up "--ephemeral" m3
check "ephemeral: reachable" within 15 pings t1 "$(node_ip m3)"
id3=$(hs_id m3)
ctl m3 logout
check "ephemeral: gone from the server after logout" within 10 never says "\"id\": \"$id3\"" hs nodes list -o json
check "tagged key" env_up "--tags tag:lab" m3
check "tagged: server knows" says 'tag:lab' hs_node m3 'n["tags"]'
check "tagged: own status" says 'tag:lab' ctl m3 status --json
check "tagged: peers see it" within 10 says 'tag:lab' peer_json m1 m3 'p["Tags"]'
check "tagged: reachable" within 15 pings t1 "$(node_ip m3)"

echo "# routes"
check "advertise" ctl m1 set --advertise-routes=10.88.0.0/24
check "advertised: the server knows" within 10 says '10\.88\.0\.0/24' hs_node m1 'n["availableRoutes"]'
check "approve" hs_approve m1 10.88.0.0/24
check "approved: meshd peer sees it" within 10 says '10\.88\.0\.0/24' peer_json m2 m1 'p.get("PrimaryRoutes")'
check "approved: tailscaled sees it" within 10 says '10\.88\.0\.0/24' ts t1 status --json
check "second router" ctl m3 set --advertise-routes=10.88.0.0/24
within 10 says '10\.88' hs_node m3 'n["availableRoutes"]' >/dev/null
check "second router approved" hs_approve m3 10.88.0.0/24
sleep 25
check "HA probe answered: m1 stays primary" says '10\.88\.0\.0/24' hs_node m1 'n["subnetRoutes"]'
check "HA probe answered: nobody unhealthy" never grep -qiE 'unhealthy' "$NET_DIR/headscale.log"
node_stop m1 KILL
check "HA: m3 takes over" within 40 says '10\.88\.0\.0/24' hs_node m3 'n["subnetRoutes"]'
check "HA: peers see it" within 15 says '10\.88\.0\.0/24' peer_json m2 m3 'p.get("PrimaryRoutes")'

echo "# deleted on the server"
check "delete m3" hs nodes delete -i "$(hs_id m3)"
check "deleted: gone from the peers" within 10 never says ' m3 ' ctl m2 status
ctl m3 set --hostname=m3x
check "deleted: the node finds out" within 60 m_is m3 NeedsLogin
finish
