#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Hosts with both families on one LAN where UDP over IPv4 is lost: meshd and tailscaled meet over IPv6.
. "$(dirname "$0")/lib.sh"
peers_need headscale tailscaled tailscale
net_init
for h in "hs 1" "m1 11" "t1 12"; do
	set -- $h
	net_host "$1" "$2"
	ip -n "$TAG-$1" addr add "2001:db8:77::$2/64" dev eth0 nodad
	ip -n "$TAG-$1" route add default dev eth0
	ip -n "$TAG-$1" -6 route add default dev eth0
done
in_ns m1 nft -f - <<-E
	table ip lossy {
		chain out { type filter hook output priority 0; oifname "eth0" meta l4proto udp drop; }
		chain come { type filter hook input priority 0; iifname "eth0" meta l4proto udp drop; }
	}
E
hs_start hs 10.77.0.1
ts_start t1
m_start m1
ts_up t1
m_up m1
a=$(node_ip m1) t=$(ts t1 ip -4)
check "ICMP meshd to tailscaled" within 6 pings m1 "$t"
check "ICMP tailscaled to meshd" within 6 pings t1 "$a"
check "meshctl ping: direct over IPv6" says 'via \[2001:db8:77::12\]:41641' ctl m1 ping --c=10 t1
check "tailscale ping: direct over IPv6" says 'via \[2001:db8:77::11\]:41641' ts t1 ping --c=10 m1
check "status says so" says 't1 .*direct \[2001:db8:77::12\]:41641' ctl m1 status
check "TCP, 8 MB" copies m1 t1 "$t" 8000000
check "TCP back" copies t1 m1 "$a" 8000000
finish
