# SPDX-License-Identifier: GPL-2.0-or-later
# lib_routes.sh: sites behind routers, the internet behind exit nodes, who is seen by whom, what leaves a machine in
# clear, and the machine's own state before and after. On top of lib.sh; sourced by sh. Sites are 10.88.L.0/24 and
# fd88:L::/64, the internet has fd77::/64 beside 10.77.0.0/24.
#
#   routes_need                  skip without the programs used here
#   internet6 NAME N             an IPv6 address on the internet for a host or a router's wan, fd77::N
#   site_router NAME N L         a host 10.77.0.N on the internet that is also 10.88.L.1 on a LAN, forwarding
#   site_host NAME ROUTER L N    a host in that LAN with default routes to its router
#   advertise NODE ROUTES [flags]   set --advertise-routes and approve; "exit" = an exit node
#   answers NAME                 from now on its port 7300 tells who asks, TCP on both families
#   seen FROM ADDRESS            ask: prints the address that FROM has over there
#   sees FROM ADDRESS WANTED     it is that one
#   blocked FROM ADDRESS         no connection, and no answer to a ping
#   tally NAME COUNTER "HOOK priority N;" MATCH...   count the packets that one of these matches (nft)
#   tallied NAME COUNTER         packets counted so far
#   meter NAME DEVICE / metered NAME   the same for what leaves NAME by DEVICE in clear
#   system_state NAME            rules, routes of all tables, nftables and iptables of NAME, to compare

ASK_PORT=7300

routes_need() {
	for p in socat jq nft; do command -v $p >/dev/null || skip "needs $p"; done
}

internet6() {
	dev=eth0
	in_ns "$1" ip link show wan >/dev/null 2>&1 && dev=wan
	in_ns "$1" ip addr add "fd77::$2/64" dev $dev nodad
}

forwards() { in_ns "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; }

site_router() {
	net_host "$1" "$2"
	internet6 "$1" "$2"
	net_switch "$1-lan"
	net_cable "$1" lan "$1-lan"
	in_ns "$1" ip addr add "10.88.$3.1/24" dev lan
	in_ns "$1" ip addr add "fd88:$3::1/64" dev lan nodad
	forwards "$1"
}

# GATEWAY: its last byte, 1 if it is not told.
site_host() {
	net_space "$1"
	net_cable "$1" eth0 "$2-lan"
	in_ns "$1" ip addr add "10.88.$3.$4/24" dev eth0
	in_ns "$1" ip addr add "fd88:$3::$4/64" dev eth0 nodad
	in_ns "$1" ip route add default via "10.88.$3.${5:-1}"
	in_ns "$1" ip route add default via "fd88:$3::${5:-1}"
}

advertise() {
	node=$1 routes=$2
	shift 2
	if [ "$routes" = exit ]; then
		ctl "$node" set --advertise-exit-node "$@" || fail "advertise-exit-node on $node"
		routes=0.0.0.0/0
	else
		ctl "$node" set --advertise-routes="$routes" "$@" || fail "advertise-routes on $node"
	fi
	wait_for 30 announced "$node" "${routes%%,*}" || fail "$node does not announce $routes"
	"$MESHCOORD" node approve-routes "$node" "$routes" --state "$COORD_DIR" >/dev/null || fail "approve-routes $node"
}
announced() { "$MESHCOORD" node routes "$1" --state "$COORD_DIR" | grep -qF "$2"; }

# The peers of NODE say that PREFIX goes to PEER (its name in status).
routed_to() {
	ctl "$1" status --json | jq -e --arg h "$2" --arg p "$3" \
		'[.Peer[] | select(.HostName == $h) | .AllowedIPs[]] | index($p) != null' >/dev/null
}

answers() {
	only=
	for f in 4 6; do
		[ $f = 4 ] || only=,ipv6only=1
		$IN_NS "$TAG-$1" socat "TCP$f-LISTEN:$ASK_PORT,fork,reuseaddr$only" 'SYSTEM:echo $SOCAT_PEERADDR' >/dev/null 2>&1 &
		NET_PIDS="$NET_PIDS $!"
	done
	wait_for 10 sh -c "[ \$($IN_NS $TAG-$1 ss -ltnH | grep -c ':$ASK_PORT ') = 2 ]" || fail "$1 does not listen"
}

# SOURCE (optional): the address to ask from.
seen() {
	case $2 in *:*) to="TCP6:[$2]:$ASK_PORT" ;; *) to=TCP4:$2:$ASK_PORT ;; esac
	in_ns "$1" timeout 5 socat -u "$to,connect-timeout=${ASK_WAIT:-3}${3:+,bind=$3}" - 2>/dev/null | plain6
}
# [fd88:0001:0000:...] as the rest of the world writes it
plain6() { python3 -c 'import ipaddress, sys
for l in sys.stdin: print(ipaddress.ip_address(l.strip().strip("[]")))'; }
sees() { [ "$(seen "$1" "$2")" = "$3" ]; }
asks() { [ -n "$(seen "$@")" ]; }

pings_once() { in_ns "$1" ping -c 1 -W 1 -q "$2" >/dev/null 2>&1; }
blocked() { ! pings_once "$1" "$2" && ! ASK_WAIT=1 asks "$1" "$2"; }

tally() {
	tally_at=$1 tally_name=$2 tally_hook=$3 tally_rules=
	shift 3
	for m in "$@"; do tally_rules="$tally_rules $m counter name hits;"; done
	in_ns "$tally_at" nft -f - <<-E || fail "tally $tally_name on $tally_at"
		table inet tally-$tally_name
		delete table inet tally-$tally_name
		table inet tally-$tally_name {
			counter hits { }
			chain look { type filter hook $tally_hook policy accept; $tally_rules }
		}
	E
}
tallied() {
	in_ns "$1" nft -j list counter inet "tally-$2" hits | jq '[.nftables[] | select(.counter) | .counter.packets][0]'
}

# What leaves the machine by DEVICE in clear: all but what meshd sends with its mark, and what belongs to the link
# itself (ARP is no IP; neighbours, routers, multicast listeners).
meter() {
	tally "$1" clear "postrouting priority 300;" \
		"oifname \"$2\" meta mark & 0x00ff0000 != 0x00080000 icmpv6 type != { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert, nd-redirect, mld2-listener-report, mld-listener-report }" \
		"oifname \"$2\" meta mark & 0x00ff0000 != 0x00080000 meta nfproto ipv4 ip protocol != igmp" \
		"oifname \"$2\" meta mark & 0x00ff0000 != 0x00080000 meta nfproto ipv6 meta l4proto != ipv6-icmp"
}
metered() { tallied "$1" clear; }

# Without what counts or ages.
system_state() {
	for f in -4 -6; do
		echo "# rules $f" && in_ns "$1" ip $f rule show
		echo "# routes $f" && in_ns "$1" ip $f route show table all | sed 's/ expires [0-9a-z]*//; s/[ ]*$//' | grep -v 'cache\|fe80:' | sort
	done
	in_ns "$1" nft list tables | sort | while read -r _ family name; do
		in_ns "$1" nft list table "$family" "$name" 2>/dev/null | sed 's/packets [0-9]* bytes [0-9]*/packets N bytes N/'
	done
	if command -v iptables-save >/dev/null; then
		echo "# iptables" && in_ns "$1" iptables -S 2>&1 && in_ns "$1" ip6tables -S 2>&1
	fi
	echo "# addresses" && in_ns "$1" ip -o addr show | sed 's/valid_lft.*//' | grep -v ' tentative \| fe80:' | awk '{ print $2, $3, $4 }' | sort
}
