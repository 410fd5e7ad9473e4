#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#  t1 ─ r1(easy NAT) ─┐
#  t2 ─ r2(easy NAT) ─┼─ internet ─ coord (meshcoord: control, relay, STUN)
#  m1 ─ r3(easy NAT) ─┘
# Two official tailscaled on our coordinator, then a meshd joins them.
. "$(dirname "$0")/lib.sh"
peers_need tailscaled tailscale
net_init
net_host coord 1
net_router r1 2 easy 1
net_router r2 3 easy 2
net_router r3 4 easy 3
net_lan_host t1 r1 1 10
net_lan_host t2 r2 2 10
net_lan_host m1 r3 3 10
coord_start coord 10.77.0.1
UP_URL=$COORD_URL UP_KEY=coord_key

ts_start t1
ts_start t2
ts_up t1
ts_up t2
check "two tailscaled are Running" says Running ts_state t1 || exit 1
a=$(ts t1 ip -4) b=$(ts t2 ip -4) b6=$(ts t2 ip -6)
check "they see each other" within 10 says 't2 .*linux' ts t1 status
check "by relay or not, ICMP passes" within 10 pings t1 "$b"
check "the path becomes direct" says 'via 10\.77\.0\.3:' ts t1 ping --c=10 t2
check "and back" says 'via 10\.77\.0\.2:' ts t2 ping --c=10 t1
check "IPv6 inside the tunnel" pings t1 "$b6"
check "TSMP ping" says 'via TSMP' ts t1 ping --tsmp --c=3 t2
check "TCP, 3 MB" copies t1 t2 "$b" 3000000
check "netcheck finds our STUN and relay" says 'UDP: true' ts t1 netcheck
check "netcheck measures the region" says 'Nearest DERP: .*[a-z]' ts t1 netcheck
check "names: MagicDNS suffix is ours" says '"MagicDNSSuffix": "[a-z]' ts t1 status --json
check "whois names the user" says 'User:|Name:' ts t1 whois "$b"

net_block_udp r1
net_block_udp r2
check "UDP blocked: traffic goes on by relay" within 30 pings t1 "$b"
check "ping names the relay" says 'via DERP' ts t1 ping --c=2 --until-direct=false t2
check "no loss on the relay" no_loss t1 "$b"
check "TCP by relay, 1 MB" copies t2 t1 "$a" 1000000
net_unblock_udp r1
net_unblock_udp r2
check "direct again" within 60 says 'via 10\.77' ts t1 ping --c=1 t2

coord() { "$MESHCOORD" "$@" --state "$COORD_DIR"; }
check "the list of nodes" says 't2' coord node list
coord_stop KILL
check "coordinator killed: direct traffic goes on" within 8 no_loss t1 "$b" 5
coord_again
ts_stop t2
ts_start t2
check "tailscaled restarted: same address, no key" within 15 says "^$b\$" ts t2 ip -4
check "and reachable" within 20 pings t1 "$b"
ts t2 logout
check "logout: needs to log in" within 10 says 'NeedsLogin' ts_state t2
check "and gone from the peers, or offline" within 15 never says "$b .*(idle|active|direct|-  *$)" ts t1 status
ts_up t2
check "logged in again" within 40 pings t1 "$(ts t2 ip -4)"

m_start m1
m_up m1
m=$(node_ip m1)
check "tailscaled sees meshd" within 10 says 'm1 ' ts t1 status
check "meshd sees tailscaled" within 10 says 't1 ' ctl m1 status
check "ICMP tailscaled to meshd" within 10 pings t1 "$m"
check "ICMP meshd to tailscaled" within 10 pings m1 "$a"
check "tailscale ping to meshd becomes direct" says 'via 10\.77\.0\.4:' ts t1 ping --c=10 m1
check "meshctl ping to tailscaled becomes direct" says 'via 10\.77\.0\.3:' ctl m1 ping --c=10 t2
check "TCP tailscaled to meshd" copies t1 m1 "$m" 1000000
check "TCP meshd to tailscaled" copies m1 t1 "$a" 1000000


echo "# the coordinator's verbs, as an official client sees them"
b=$(ts t2 ip -4)
peer() { # of t1's status, the peer with address $1: expression $2 of the dict p
	ts t1 status --json | python3 -c '
import json, sys
for p in json.load(sys.stdin)["Peer"].values():
    if sys.argv[1] in p["TailscaleIPs"]:
        print(eval(sys.argv[2]))
        sys.exit(0)
sys.exit(1)' "$1" "$2"
}
policy() { echo "$1" | coord policy set -; }
check "rename" coord node rename t2 renamed
check "rename: seen by peers" within 10 says '^renamed\.' peer "$b" 'p["DNSName"]'
check "rename: seen by itself" within 10 says '"DNSName": "renamed\.' ts t2 status --json
check "advertise a route" ts t2 set --advertise-routes=10.88.0.0/24
check "advertised" within 10 says '10\.88\.0\.0/24' coord node routes renamed
check "approve it" coord node approve-routes renamed 10.88.0.0/24
check "approved: seen by tailscaled" within 10 says '10\.88\.0\.0/24' peer "$b" 'p["PrimaryRoutes"]'
check "approved: seen by meshd" within 10 says '10\.88\.0\.0/24' ctl m1 status --json
check "withdraw the approval" coord node approve-routes renamed ""
check "withdrawn: seen by tailscaled" within 10 says '^None$' peer "$b" 'p.get("PrimaryRoutes")'
check "policy: nobody but m1" policy "{\"acls\":[{\"action\":\"accept\",\"src\":[\"$m\"],\"dst\":[\"*:*\"]}]}"
check "policy: tailscaled obeys" within 10 never pings t1 "$b"
check "policy: m1 reaches tailscaled" within 10 pings m1 "$a"
check "policy: tailscaled does not reach m1" never pings t1 "$m"
check "policy: all" policy '{"acls":[{"action":"accept","src":["*"],"dst":["*:*"]}]}'
check "policy: open again" within 10 pings t1 "$b"
check "HEAD ping answered by tailscaled" coord debug ping renamed
check "HEAD ping answered by meshd" coord debug ping m1
check "c2n answered by tailscaled" says '200' coord debug c2n renamed GET /debug/health
check "c2n answered by meshd" says '200' coord debug c2n m1 GET /debug/health
check "expire" coord node expire renamed
check "expired: tailscaled needs login" within 10 says NeedsLogin ts_state t2
ts t2 up --login-server="$COORD_URL" --hostname=t2 --accept-dns=false --advertise-routes=10.88.0.0/24 --timeout=60s >"$NET_DIR/login.out" 2>&1 &
login=$!
check "login by URL: printed by tailscale" within 15 says 'http://.*' cat "$NET_DIR/login.out"
url=$(grep -o 'http://[^ ]*' "$NET_DIR/login.out" | head -n 1)
check "login by URL: approved" coord node approve-login "$url"
wait $login
check "login by URL: up returns 0" [ $? = 0 ]
check "same address" says "^$b\$" ts t2 ip -4
check "reachable" within 15 pings t1 "$b"
check "cut map streams come back" coord debug drop-conns
check "and deltas flow" coord node rename renamed again
check "seen" within 20 says '^again\.' peer "$b" 'p["DNSName"]'
check "delete" coord node delete again
check "deleted: gone from tailscaled" within 10 never says "$b" ts t1 status
check "deleted: gone from meshd" within 10 never says "$b " ctl m1 status
finish
