#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# How long joining takes, and what a node costs while idle, as a Markdown table. Everything runs in network
# namespaces on this machine, on the bundled coordinator. With MESH_PEERS naming a folder that holds the
# official tailscaled and tailscale, the same is measured of them, in turns with ours.
#   RUNS=5 sh tests/bench/bench.sh
. "$(dirname "$0")/../netns/lib.sh"
RUNS=${RUNS:-5}
IDLE_S=${IDLE_S:-20}
net_init
net_host coord 1
net_host a 11
net_host b 12
net_host c 13
net_host d 14
coord_start coord 10.77.0.1
PEERS=
[ -x "${MESH_PEERS:-/nonexistent}/tailscaled" ] && PEERS=$MESH_PEERS

now_ms() { echo $(($(date +%s%N) / 1000000)); }
figure() { echo "$2" >>"$NET_DIR/fig.$1"; } # NAME VALUE

# One kind of node behind four verbs: start, up, stop, address.
mesh_start() { node_start "$1"; }
mesh_up() { ctl "$1" up --login-server="$COORD_URL" --authkey="$(coord_key)" --hostname="$1" --timeout=30s; }
mesh_stop() { node_stop "$1" "${2:-TERM}"; }
mesh_ip() { node_ip "$1"; }
mesh_direct() { ctl "$1" ping --c=1 "$2" 2>/dev/null | grep -q 'via 10\.'; }
mesh_pid() { eval "echo \$PID_$1"; }
mesh_forget() { rm -rf "$NET_DIR/$1.d"; }

off_start() {
	mkdir -p "$NET_DIR/$1.t"
	TS_NO_LOGS_NO_SUPPORT=1 ip netns exec "$TAG-$1" "$PEERS/tailscaled" --no-logs-no-support --state="$NET_DIR/$1.t/state" \
		--socket="$NET_DIR/$1.tsock" --tun="ts-$1" --port=41641 >>"$NET_DIR/$1.tlog" 2>&1 &
	eval "TPID_$1=$!"
	NET_PIDS="$NET_PIDS $!"
	wait_for 10 test -S "$NET_DIR/$1.tsock"
}
off_up() {
	in_ns "$1" "$PEERS/tailscale" --socket="$NET_DIR/$1.tsock" up --login-server="$COORD_URL" \
		--authkey="$(coord_key)" --hostname="$1" --accept-dns=false --timeout=60s >/dev/null 2>&1
}
off_stop() {
	eval "pid=\$TPID_$1"
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}
off_ip() { in_ns "$1" "$PEERS/tailscale" --socket="$NET_DIR/$1.tsock" ip -4 2>/dev/null; }
off_direct() {
	in_ns "$1" "$PEERS/tailscale" --socket="$NET_DIR/$1.tsock" ping --c=1 "$2" 2>/dev/null | grep -q 'via 10\.'
}
off_pid() { eval "echo \$TPID_$1"; }
off_forget() { rm -rf "$NET_DIR/$1.t"; }

until_true() { # MAX_MS command...: print the milliseconds until it succeeded
	t0=$(now_ms)
	max=$1
	shift
	until "$@" >/dev/null 2>&1; do
		[ $(($(now_ms) - t0)) -lt "$max" ] || { echo "$max"; return; }
	done
	echo $(($(now_ms) - t0))
}
quick_ping() { in_ns "$1" ping -c 1 -W "${3:-1}" -q "$2"; }

join() { # KIND A B: two fresh nodes; time of up, of the first echo, of the direct path, of a restart
	k=$1 a=$2 b=$3
	for n in $a $b; do
		${k}_forget $n
		${k}_start $n
	done
	${k}_up $a
	t=$(now_ms)
	${k}_up $b
	figure "$k.up" $(($(now_ms) - t))
	a_ip=$(${k}_ip $a)
	[ -n "$a_ip" ] || fail "$k node $a has no address"
	figure "$k.first" "$(until_true 15000 quick_ping $b "$a_ip" 10)"
	figure "$k.direct" "$(until_true 15000 ${k}_direct $b "$a_ip")"
	${k}_stop $b
	t=$(now_ms)
	${k}_start $b
	until_true 20000 quick_ping $b "$a_ip" 1 >/dev/null
	figure "$k.restart" $(($(now_ms) - t))
}

wakeups() { # PID: voluntary context switches of all its threads
	cat /proc/"$1"/task/*/status | awk '/^voluntary/ {n += $2} END {print n}'
}

idle() { # KIND NODE
	pid=$(${1}_pid "$2")
	sleep 60 # sessions and paths come to rest
	w=$(wakeups "$pid")
	sleep "$IDLE_S"
	figure "$1.wakeups" $((($(wakeups "$pid") - w) * 100 / IDLE_S))
	figure "$1.rss" "$(awk '/^VmRSS/ {print $2}' /proc/"$pid"/status)"
	figure "$1.anon" "$(awk '/^RssAnon/ {print $2}' /proc/"$pid"/status)"
	figure "$1.dirty" "$(awk '/^Private_Dirty/ {n += $2} END {print n}' /proc/"$pid"/smaps)"
}

three() { # FILE: min / median / max
	[ -s "$1" ] || { echo "-"; return; }
	sort -n "$1" | awk '{v[NR] = $1} END {printf "%s / %s / %s", v[1], v[int((NR + 1) / 2)], v[NR]}'
}
row() { echo "| $2 | $(three "$NET_DIR/fig.mesh.$1") | $(three "$NET_DIR/fig.off.$1") |"; }

i=0
while [ $i -lt "$RUNS" ]; do
	i=$((i + 1))
	join mesh a b
	[ $i -lt "$RUNS" ] || idle mesh b
	for n in a b; do mesh_stop $n; done
	[ -n "$PEERS" ] || continue
	join off c d
	[ $i -lt "$RUNS" ] || idle off d
	for n in c d; do off_stop $n; done
done

echo "Machine: $(nproc) cores, $(awk -F: '/model name/ {print $2; exit}' /proc/cpuinfo | sed 's/^ //'), Linux $(uname -r); $RUNS runs, min / median / max; $(date +%F)"
echo
echo "| figure | meshd | tailscaled |"
echo "|---|---|---|"
row up 'up with an auth key until Running, ms'
row first 'both Running until the first ICMP echo, ms'
row direct 'from there until ping says direct, ms'
row restart 'daemon stopped and started until the first ICMP echo, ms'
row rss 'resident memory idle, kB'
row anon 'of it anonymous, kB'
row dirty 'private dirty memory idle, kB'
row wakeups 'idle wake-ups per 100 s'
size() { strip -o "$NET_DIR/stripped" "$1" && stat -c %s "$NET_DIR/stripped"; }
echo "| stripped size, bytes | meshd $(size "$MESHD"), meshctl $(size "$MESHCTL"), meshcoord $(size "$MESHCOORD") | ${PEERS:+$(size "$PEERS/tailscaled") and $(size "$PEERS/tailscale")} |"
lines() { (cd "$ROOT" && git ls-files -- "$@" | grep -E '\.(c|h|sh)$' | xargs cat | wc -l); }
echo "| lines of code | $(lines base wg magicsock netstack dns daemon cli) | |"
echo "| lines of tests | $(lines tests) | |"
