#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A host that uses iptables: meshd in its sandbox has a helper process run it. Rules stand beside those of the host,
# which lets in nothing by itself; the helper ends with the daemon, whose rules stay until the next one takes them over
# or `meshd --cleanup` removes them.
. "$(dirname "$0")/lib.sh"
command -v iptables-save >/dev/null || skip "needs iptables"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1

for t in iptables ip6tables; do
	in_ns alice $t -P INPUT DROP
	in_ns alice $t -P FORWARD DROP
	in_ns alice $t -A INPUT -i lo -j ACCEPT
	in_ns alice $t -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
	for table in raw mangle nat; do # tables that were never used appear with the first rule
		in_ns alice $t -t $table -A OUTPUT -o docker0 -j ACCEPT
	done
done
rules() { for t in iptables ip6tables; do in_ns alice $t-save | sed '/^#/d; s/\[.*//'; done; }
ours() { rules | grep -c 'ts-'; }
rules >"$NET_DIR/before"
as_before() { rules >"$NET_DIR/now" && cmp -s "$NET_DIR/before" "$NET_DIR/now"; }
expect_before() { wait_for 20 as_before || fail "$1: $(diff "$NET_DIR/before" "$NET_DIR/now")"; }
jumps() { rules | grep -c -- '^-A [A-Z]* -j ts-'; }

export TS_DEBUG_FIREWALL_MODE=iptables
node_start alice
unset TS_DEBUG_FIREWALL_MODE
node_start bob
node_up bob
node_up alice --accept-dns=false
a=$(node_ip alice) a6=$(ctl alice ip -6)
wait_for 20 can_ping bob "$a" || fail "policy DROP keeps the tunnel's packets out"
wait_for 20 can_ping bob "$a6" || fail "policy DROP keeps the tunnel's IPv6 packets out"
[ "$(jumps)" = 8 ] || fail "not every jump is there once: $(rules)"
if command -v nft >/dev/null; then
	! in_ns alice nft list tables | grep -q meshd || fail "there is a table of the other back end"
fi

helper_of() { # DAEMON-PID
	for p in $(cat /proc/$1/task/*/children); do
		[ "$(cat /proc/$p/comm)" != meshd-hands ] || echo "$p"
	done
}
eval "pid=\$PID_alice"
helper=$(helper_of $pid)
[ -n "$helper" ] || fail "no helper process"
grep -q '^Seccomp:[[:space:]]*2' /proc/$pid/status || fail "the daemon has no seccomp filter"
grep -q '^NoNewPrivs:[[:space:]]*1' /proc/$helper/status || fail "the helper could gain privileges"

# Modes.
ctl alice set --netfilter-mode=nodivert >/dev/null || fail "nodivert"
no_jumps() { [ "$(jumps)" = 0 ]; }
wait_for 20 no_jumps || fail "nodivert has jumps: $(rules)"
[ "$(ours)" -gt 8 ] || fail "nodivert has no chains: $(rules)"
ctl alice set --netfilter-mode=off >/dev/null || fail "off"
expect_before "mode off"
ctl alice set --netfilter-mode=on >/dev/null || fail "on"
wait_for 20 can_ping bob "$a" || fail "on again: not reached"

# A jump of the user's own order stays where it is, and nothing is there twice after a new start.
in_ns alice iptables -I INPUT 1 -p esp -j ACCEPT
node_stop alice KILL
gone() { ! grep -qs meshd-hands /proc/$helper/comm; }
wait_for 20 gone || fail "the helper outlives its daemon"
[ "$(jumps)" = 8 ] || fail "killed: rules are gone"
rules >"$NET_DIR/killed"
in_ns alice iptables -F ts-input
export TS_DEBUG_FIREWALL_MODE=iptables
node_start alice
wait_for 20 can_ping bob "$a" || fail "not reached after a new start"
as_killed() { rules >"$NET_DIR/now" && cmp -s "$NET_DIR/killed" "$NET_DIR/now"; }
wait_for 20 as_killed || fail "taken over differently: $(diff "$NET_DIR/killed" "$NET_DIR/now")"
in_ns alice iptables -D INPUT -p esp -j ACCEPT

ctl alice down
expect_before "down"
ctl alice up
wait_for 20 can_ping bob "$a" || fail "up again: not reached"
node_stop alice
expect_before "stopped"
node_start alice
wait_for 20 can_ping bob "$a" || fail "started again: not reached"
node_stop alice KILL
[ "$(jumps)" = 8 ] || fail "killed again: rules are gone"
in_ns alice "$MESHD" --cleanup --tun=tailscale0 || fail "--cleanup failed"
expect_before "cleaned up"
