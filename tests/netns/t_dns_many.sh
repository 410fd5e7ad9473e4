#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A coordination server that sends 100,000 records: the node stays in its network, keeps what it keeps, says so, and
# does not grow beyond measure.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_dns.sh"
net_init
dns_init
net_host coord 1
net_host node 11
net_host peer 12
coord_start coord 10.77.0.1
os_plain node 10.77.0.20
node_start node
node_start peer
node_up peer
node_up node
pip=$(node_ip peer)
wait_for "$DNS_WAIT" resolves node peer "$pip" || fail "the peer's name"
python3 -c '
import json
print(json.dumps({"ExtraRecords": [{"Name": "r%d.mesh.internal" % i, "Value": "10.%d.%d.%d" % (i >> 16, i >> 8 & 255, i & 255)}
    for i in range(100000)]}))' >"$NET_DIR/many.json"
"$MESHCOORD" dns set "$NET_DIR/many.json" --state "$COORD_DIR" >/dev/null || fail "dns set"
wait_for "$DNS_WAIT" resolves node r16000.mesh.internal 10.0.62.128 || fail "a record among many"
resolves node peer "$pip" || fail "the peer's name among many records"
ctl node status | grep -q '83616 records, routes or domains are left out' || fail "status does not say that some are missing"
ctl node dns status | grep -q 'knows 2 machines and 16384 records' || fail "dns status does not count them"
# Measured: 84 MB at once, 26 MB a little later. A sanitizer's build is many times as large.
rss=$(awk '/VmRSS/ { print $2 }' "/proc/$PID_node/status")
[ "$rss" -lt "${DNS_MANY_KB:-200000}" ] || fail "$rss kB resident with 100,000 records"
dns_set '{}'
gone() { [ -z "$(dig_short node @100.100.100.100 r16000.mesh.internal)" ]; }
wait_for "$DNS_WAIT" gone || fail "records that were taken back still resolve"
wait_for 20 sh -c "! '$MESHCTL' --socket '$(node_socket node)' status | grep -q 'left out'" || fail "the health line stayed"
wait_for 10 can_ping node "$pip" || fail "the network"
echo "$rss kB resident with 100,000 records"
