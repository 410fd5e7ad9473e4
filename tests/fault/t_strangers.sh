#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Strangers on the network get no answer whatever they send and cost nothing that lasts; a peer cannot
# send from addresses that are not its own; what the policy no longer grants ends at once.
. "$(dirname "$0")/../netns/lib.sh"
command -v perl >/dev/null || skip "needs perl"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
net_host evil 66
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n
done
a=$(node_ip alice) b=$(node_ip bob)
wait_for 10 can_ping alice "$b" || fail "alice to bob"
ctl alice ping --c=10 bob >/dev/null || fail "no direct path"
eval "pid=\$PID_alice"

count() { # HOST what: packets that matched a rule of the table below
	in_ns "$1" nft list counter inet watch "$2" | awk '$1 == "packets" {print $2}'
}
watch() { # HOST name rule: count in its input hook
	in_ns "$1" nft -f - <<-E || fail "nft"
		table inet watch {
			counter $2 { }
			chain $2 { type filter hook prerouting priority -400; $3 counter name $2; }
		}
	E
}
rss() { awk '/^VmRSS:/ {print $2}' "/proc/$pid/status"; }

# ---- 20000 datagrams of each sender's choice: noise, and heads of all the protocols that we take
cat >"$NET_DIR/flood.pl" <<'E'
use Socket;
socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
my $to = sockaddr_in(41641, inet_aton("10.77.0.11"));
srand(7);
my $disco = "TS\xf0\x9f\x92\xac";
for my $i (1 .. 20000) {
	my $n = int(rand(1400));
	my $noise = join "", map { pack "N", int(rand(2**32)) } 1 .. $n / 4 + 1;
	my @heads = ("", pack("V", 1) . substr($noise . "x" x 148, 0, 144), pack("V", 2) . substr($noise . "x" x 92, 0, 88),
		pack("V", 3) . substr($noise . "x" x 64, 0, 60), pack("V", 4), $disco . substr($noise . "x" x 90, 0, 80),
		"\x00\x01\x00\x00\x21\x12\xa4\x42" . "t" x 12, "\x01\x01\x00\x0c\x21\x12\xa4\x42" . "t" x 24, "\x02\x00\x86\xbb");
	my $k = $i % @heads;
	send($s, ($k == 0 || $k == 4 || $k == 8) ? $heads[$k] . $noise : $heads[$k], 0, $to);
	select(undef, undef, undef, 0.002) if $i % 40 == 0;
}
E
watch evil answers 'udp sport 41641'
watch alice flood 'ip saddr 10.77.0.66 udp dport 41641'
run_flood() {
	ip netns exec "$TAG-evil" perl "$NET_DIR/flood.pl" &
	flood=$!
	NET_PIDS="$NET_PIDS $flood"
}
start=$(rss)
run_flood
wait $flood
before=$(rss)
run_flood
lossless alice "$b" 20 0.1 || fail "packets were lost during the flood"
wait $flood || fail "the flood did not run"
[ "$(count alice flood)" -ge 38000 ] || fail "only $(count alice flood) datagrams arrived"
[ "$(count evil answers)" = 0 ] || fail "a stranger got $(count evil answers) answers"
# The first floods touch the queues between the threads; a leak of 64 bytes a datagram is beyond this.
[ $((before - start)) -lt 4096 ] || fail "$((before - start)) KiB more memory after the first flood"
[ $(($(rss) - before)) -lt 1024 ] || fail "$(($(rss) - before)) KiB more memory after the second flood"
[ "$(wc -l <"$NET_DIR/alice.log")" -lt 60 ] || fail "$(wc -l <"$NET_DIR/alice.log") log lines"
kill -0 "$pid" || fail "the daemon is gone"

# ---- a peer that sends from addresses of others
in_ns bob ip addr add 100.64.0.99/32 dev mesh0
in_ns bob ip addr add 8.8.8.8/32 dev mesh0
watch alice spoofed 'iifname "mesh0" ip saddr { 100.64.0.99, 8.8.8.8 }'
dropped() { ctl alice debug metrics | awk '/dataplane_rx_drop_source/ && !/^#/ {n += $NF} END {print n + 0}'; }
d=$(dropped)
for src in 100.64.0.99 8.8.8.8; do
	in_ns bob ping -I $src -c 5 -i 0.05 -W 1 -q "$a" >/dev/null 2>&1 && fail "an answer for $src"
done
[ "$(count alice spoofed)" = 0 ] || fail "$(count alice spoofed) packets with a foreign source came out of the tunnel"
[ $(($(dropped) - d)) -ge 10 ] || fail "foreign sources are not counted: $d, now $(dropped)"
can_ping bob "$a" >/dev/null || fail "bob's own address after it"

# ---- a policy that no longer grants anything: at once for pings and for new flows
in_ns alice socat TCP-LISTEN:7000,reuseaddr,fork EXEC:cat >/dev/null 2>&1 &
NET_PIDS="$NET_PIDS $!"
in_ns bob ping -i 0.05 -W 1 "$a" >"$NET_DIR/pings" 2>&1 &
NET_PIDS="$NET_PIDS $!"
refused() { ! can_ping bob "$a"; }
reaches() { echo x | in_ns bob timeout 2 socat -t 1 - "TCP:$a:7000,connect-timeout=1" 2>/dev/null | grep -q x; }
! command -v socat >/dev/null || wait_for 3 reaches || fail "TCP before"
"$MESHCOORD" debug filter '[]' --state "$COORD_DIR" >/dev/null || fail "filter"
wait_for 10 refused || fail "pings pass an empty policy"
seen=$(wc -l <"$NET_DIR/pings")
! can_ping bob "$a" || fail "a ping passes an empty policy"
! reaches || fail "a new TCP flow passes an empty policy"
[ "$(wc -l <"$NET_DIR/pings")" = "$seen" ] || fail "a running ping outlives the policy"
"$MESHCOORD" debug filter --state "$COORD_DIR" >/dev/null
wait_for 3 can_ping bob "$a" || fail "no ping with the policy back"
