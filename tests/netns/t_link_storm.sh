#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A hundred changes of addresses, routes and links a second for ten seconds, under a node with traffic: few
# reconfigurations, no descriptor and no memory is lost, and the connection goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_flow.sh"
flow_need
net_init
net_host coord 1
net_host alice 11
net_host bob 12
in_ns alice ip link add d0 type veth peer name d1
in_ns alice ip link set d1 up
in_ns alice ip link set d0 up
in_ns alice ip route add default via 10.77.0.1
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n --accept-dns=false
done
A=$(node_ip alice) B=$(node_ip bob)
wait_for 20 can_ping alice "$B" || fail "no path"
direct() { ctl bob ping --c=1 --until-direct=false --timeout=2s "$A" | grep -q 'via 10\.77\.0\.11:'; }
wait_for 30 direct || fail "no direct path"
flow_start up alice bob "$B"
flow_start down bob alice "$A"

changes() { grep -c 'network changed' "$NET_DIR/alice.log"; }
fds() { ls "/proc/$PID_alice/fd" | wc -l; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$PID_alice/status"; }
storm() { # SECONDS
	python3 -c '
import sys, time
start = time.monotonic()
for i in range(int(sys.argv[1]) * 100 // 7 * 7):
    n = i // 7 % 250 + 1
    print(["addr add 10.50.0.%d/24 dev d0" % n, "route add 10.51.%d.0/24 dev d0" % n, "link set d0 mtu %d" % (1300 + n),
           "route del 10.51.%d.0/24 dev d0" % n, "addr del 10.50.0.%d/24 dev d0" % n,
           "link set d0 down", "link set d0 up"][i % 7], flush=True)
    time.sleep(max(0, start + (i + 1) / 100 - time.monotonic()))' "$1" | in_ns alice ip -batch - || fail "the storm"
}
storm 2 # whatever is allocated once is there after it
sleep 1
fds=$(fds) rss=$(rss) before=$(changes) at=$(date +%s)
flow_event "the storm"
storm 10
took=$(($(date +%s) - at))
flow_event "after it"
flows_move "the storm"
wait_for 30 direct || fail "no direct path after the storm"
seen=$(($(changes) - before))
echo "$seen changes noticed in $took s; resident $rss KiB before, $(rss) after"
[ $seen -ge 1 ] || fail "the storm was not noticed"
[ $seen -le $((took + 5)) ] || fail "$seen reconfigurations in $took s"
settled() { [ "$(fds)" -le "$fds" ]; }
wait_for 30 settled || fail "$(fds) descriptors, $fds before: $(ls -l "/proc/$PID_alice/fd")"
[ "$(rss)" -le $((rss + 4096)) ] || fail "memory: $rss KiB before, $(rss) after"
flows_end
