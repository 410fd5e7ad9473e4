#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# dns.sh: answers to names, meshd beside dnsmasq and unbound, in turn, in network namespaces; prints Markdown.
#
#   contender ── 10.77.0.11..13    asked from its own host: meshd on 100.100.100.100, the others on the host's address
#       └ up ─── 10.77.0.5         the upstream of all: answers everything at once (tests/load/dns_answer)
#
#   BENCH_CONTENDERS="meshd dnsmasq unbound"    default those that can run
#   BENCH_ONLY="local steady miss hit flight"   figures, default all
#   ROUNDS=5 SECS=3 HOSTS=10000 RATE=50000 FLIGHT=10000
#   BENCH_NICE=-12                              where others compute meanwhile: go first (more so: chrt -r 5 sh dns.sh)
#   BENCH_OUT=FILE                              where the table also goes
#   MESHD MESHCTL MESHCOORD BUILD               our programs
# A contender NAME is: NAME_have, NAME_version, NAME_up HOSTS [FLIGHT], NAME_down; PID_NAME, ADDR_NAME.
. "$(dirname "$0")/../netns/lib.sh"
. "$(dirname "$0")/../netns/lib_dns.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
ALL='local steady miss hit flight'
ROUNDS=${ROUNDS:-5}
SECS=${SECS:-3}
HOSTS=${HOSTS:-10000}
RATE=${RATE:-50000}
FLIGHT=${FLIGHT:-10000}
WINDOW=${WINDOW:-64}
CACHED=400 # names that fit into every cache
BUILD=${BUILD:-$ROOT/build}
LOAD=$BUILD/tests/load/dns_load
ANSWER=$BUILD/tests/load/dns_answer
UP=10.77.0.5
for f in measure report; do . "$HERE/lib_$f.sh"; done

say() { echo "$*" >&2; }
wanted() { case " ${BENCH_ONLY:-$ALL} " in *" $1 "*) ;; *) return 1 ;; esac; }
pid_of() { eval "echo \$PID_$1"; }
addr_of() { eval "echo \$ADDR_$1"; }

# ---- the same hosts for everybody -------------------------------------------------------------------------------

hosts() { # N FORMAT: printf with address and name
	awk -v n="$1" -v f="$2" 'BEGIN {for (i = 1; i <= n; i++)
		printf f, sprintf("100.%d.%d.%d", 64 + int(i / 65536), int(i / 256) % 256, i % 256), "host" i ".mesh.internal"}'
}
answers() { [ "$(dig_short "$1" "@$(addr_of "$1")" "$2")" = "$3" ]; }
knows_hosts() { # CONTENDER N
	[ "$2" = 0 ] || wait_for 60 answers "$1" "host$2.mesh.internal" "$(hosts "$2" '%s\n' | tail -n 1)" ||
		fail "$1 does not know host$2"
	wait_for 30 answers "$1" forwarded.example 192.0.2.1 || fail "$1 does not forward"
}

# ---- contenders ---------------------------------------------------------------------------------------------------

meshd_label() { echo meshd; }
meshd_have() { [ -x "$MESHD" ] && [ -x "$MESHCTL" ] && [ -x "$MESHCOORD" ]; }
meshd_version() { "$MESHD" --version | head -n 1; }
meshd_up() {
	{
		printf '{"Resolvers":["%s"],"ExtraRecords":[' $UP
		hosts "$1" ',{"Value":"%s","Name":"%s"}\n' | sed '1s/^,//'
		printf ']}'
	} >"$NET_DIR/dns.json"
	"$MESHCOORD" dns set "$NET_DIR/dns.json" --state "$COORD_DIR" >/dev/null || fail "meshcoord dns set"
	rm -f "$NET_DIR"/meshd.d/netmap-*.json # it would have the hosts of the round before
	node_start meshd ${2:+--dns-in-flight "$2"}
	ADDR_meshd=100.100.100.100
	[ -n "${JOINED:-}" ] || node_up meshd
	JOINED=1
	knows_hosts meshd "$1"
}
meshd_down() { node_stop meshd; }

dnsmasq_label() { echo dnsmasq; }
dnsmasq_have() { command -v dnsmasq >/dev/null; }
dnsmasq_version() { dnsmasq --version | head -n 1 | sed 's/  *Copyright.*//'; }
dnsmasq_up() {
	hosts "$1" '%s %s\n' >"$NET_DIR/hosts"
	ADDR_dnsmasq=10.77.0.12
	os_daemon dnsmasq dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= \
		--user=root --bind-interfaces --except-interface=lo --listen-address=$ADDR_dnsmasq --server=$UP \
		--addn-hosts="$NET_DIR/hosts" --local=/mesh.internal/ --cache-size=10000 --dns-forward-max="${2:-1000}"
	read -r PID_dnsmasq <"$NET_DIR/dnsmasq-dnsmasq.pid"
	knows_hosts dnsmasq "$1"
}
dnsmasq_down() { server_stop dnsmasq dnsmasq; }

unbound_label() { echo unbound; }
unbound_have() { sh "$ROOT/tests/lib/pkg_root.sh" unbound >/dev/null; }
unbound_version() { in_ns unbound unbound -V | head -n 1; }
unbound_up() {
	ADDR_unbound=10.77.0.13
	{
		cat <<-E
			server:
				interface: $ADDR_unbound
				access-control: 0.0.0.0/0 allow
				do-daemonize: no
				username: ""
				chroot: ""
				pidfile: ""
				directory: "$NET_DIR"
				use-syslog: no
				logfile: ""
				module-config: "iterator"
				num-threads: 1
				outgoing-range: ${2:-4096}
				num-queries-per-thread: ${2:-2048}
				local-zone: "mesh.internal." static
		E
		hosts "$1" '%s %s\n' | awk '{print "\tlocal-data: \"" $2 ". A " $1 "\""}'
		printf 'forward-zone:\n\tname: "."\n\tforward-addr: %s\n' $UP
	} >"$NET_DIR/unbound.conf"
	os_daemon unbound unbound unbound -d -c "$NET_DIR/unbound.conf"
	read -r PID_unbound <"$NET_DIR/unbound-unbound.pid"
	knows_hosts unbound "$1"
}
unbound_down() { server_stop unbound unbound; }

# ---- figures --------------------------------------------------------------------------------------------------------

cpu_ticks() { sed 's/.*) //' "/proc/$(pid_of "$1")/stat" | awk '{print $12 + $13}'; }
kb_of() { awk -v f="$2:" '$1 == f {print $2}' "/proc/$(pid_of "$1")/status"; }
result() { sed -n "s/.*\b$1 \([0-9]*\).*/\1/p" "$NET_DIR/load"; }

load() { # CONTENDER flags...: one run; $CPU_US is what the daemon spent on each answer
	who=$1
	shift
	ticks=$(cpu_ticks "$who")
	in_ns "$who" "$LOAD" --to "$(addr_of "$who")" "$@" >"$NET_DIR/load" || fail "dns_load"
	[ "$(result answered)" -gt 0 ] || fail "$who answered nothing"
	[ "$(result wrong)" = 0 ] && [ "$(result errors)" = 0 ] || say "    $who: $(cat "$NET_DIR/load")"
	CPU_US=$(calc "($(cpu_ticks "$who") - $ticks) * 1000000 / $TICKS / $(result answered)" 2)
}

rate_figures() { # NAME CONTENDER
	figure "$1" "$2" "$(calc "$(result per_s) / 1000" 1)"
	figure "${1}_cpu" "$2" "$CPU_US"
}

measure_local() {
	load "$1" --name host%.mesh.internal --count "$HOSTS" --random --window "$WINDOW" --seconds "$SECS"
	rate_figures local "$1"
}

measure_steady() {
	load "$1" --name host%.mesh.internal --count "$HOSTS" --random --rate "$RATE" --seconds "$SECS"
	figure steady "$1" "$(calc "$(result per_s) / 1000" 1)"
	figure steady_lost "$1" "$(calc "100 * $(result lost) / $(result sent)" 3)"
	figure steady_50 "$1" "$(result p50)"
	figure steady_99 "$1" "$(result p99)"
}

measure_miss() {
	load "$1" --name "q%.round$round.example" --count 1000000000 --window "$WINDOW" --seconds "$SECS"
	rate_figures miss "$1"
	figure miss_99 "$1" "$(result p99)"
}

measure_hit() {
	load "$1" --name hit%.example --count $CACHED --window 8 --seconds 1
	load "$1" --name hit%.example --count $CACHED --window "$WINDOW" --seconds "$SECS"
	rate_figures hit "$1"
	figure hit_99 "$1" "$(result p99)"
}

# The upstream goes silent, and so many questions wait for it.
measure_flight() {
	"$1_up" "$HOSTS" "$FLIGHT"
	in_ns up nft -f - <<-E || fail "cannot silence the upstream"
		table inet silent {
			chain in { type filter hook input priority 0; meta l4proto { udp, tcp } th dport 53 drop; }
		}
	E
	in_ns "$1" "$LOAD" --to "$(addr_of "$1")" --name 'open%.example' --count 1000000000 --rate $((FLIGHT / 2)) \
		--seconds 3 --sockets 32 >"$NET_DIR/load" || fail "dns_load"
	figure flight_rss "$1" "$(kb_of "$1" VmRSS)"
	figure flight_fds "$1" "$(ls "/proc/$(pid_of "$1")/fd" | wc -l)"
	in_ns up nft delete table inet silent
	"$1_down"
}

turn() { # CONTENDER
	disturbance "$1"
	"$1_up" 0
	figure rss_none "$1" "$(kb_of "$1" VmRSS)"
	"$1_down"
	"$1_up" "$HOSTS"
	figure rss_hosts "$1" "$(kb_of "$1" VmRSS)"
	for f in local steady miss hit; do ! wanted $f || "measure_$f" "$1"; done
	figure rss_after "$1" "$(kb_of "$1" VmRSS)"
	"$1_down"
	! wanted flight || measure_flight "$1"
}

can_run() {
	for c in ${BENCH_CONTENDERS:-meshd dnsmasq unbound}; do
		command -v "${c}_have" >/dev/null || fail "no such contender: $c"
		if "${c}_have"; then echo "$c"; else say "left out: $c"; fi
	done
}

table() {
	head_row
	row local "local answers, $WINDOW questions open, thousand/s"
	row local_cpu '— CPU microseconds of the daemon each'
	row steady "local answers at $RATE/s, thousand/s"
	row steady_lost '— lost, %'
	row steady_50 '— median, microseconds'
	row steady_99 '— 99th percentile'
	row miss "forwarded, not in the cache, $WINDOW questions open, thousand/s"
	row miss_cpu '— CPU microseconds of the daemon each'
	row miss_99 '— 99th percentile, microseconds'
	row hit "forwarded before, $WINDOW questions open, thousand/s"
	row hit_cpu '— CPU microseconds of the daemon each'
	row hit_99 '— 99th percentile, microseconds'
	row rss_none 'resident memory without hosts, kB'
	row rss_hosts "— with $HOSTS hosts"
	row rss_after '— the same after all that load'
	row flight_rss "— with $HOSTS hosts and $FLIGHT questions waiting for an upstream that is silent"
	row flight_fds '— open files then'
	row disturbance "the machine's load by others before each turn, %"
}

report_dns() {
	printf '# Names\n\n'
	echo "* date: $(date -u '+%F %H:%M UTC')"
	echo "* machine: $(nproc) × $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo)"
	echo "* kernel: Linux $(uname -r)"
	for c in $CONTENDERS; do echo "* $(${c}_label): $(${c}_version)"; done
	echo "* $ROUNDS rounds of $SECS s, contenders in turn within each; $HOSTS hosts"
	section Results "$(table)"
	cat <<-E

		Cells are min / median / max of the rounds; the last columns are ratios of medians. Who asks runs beside who answers
		on the same processors. meshd is asked through its TUN device, the others through the loopback device.
	E
	[ ! -x "$BUILD/tests/bench/dns_local" ] || section 'The call alone, one core' "$("$BUILD/tests/bench/dns_local" "$HOSTS" | sed 's/^/    /')"
}

for p in "$LOAD" "$ANSWER"; do [ -x "$p" ] || skip "needs $p (make bench-dns)"; done
for f in ${BENCH_ONLY:-}; do
	case " $ALL " in *" $f "*) ;; *) fail "no such figure: $f" ;; esac
done
if [ -n "${BENCH_NICE:-}" ]; then
	renice -n "$BENCH_NICE" $$ >/dev/null
	[ ! -e /proc/self/autogroup ] || echo "$BENCH_NICE" >/proc/self/autogroup
fi
CONTENDERS=$(can_run) || exit 1
[ -n "$CONTENDERS" ] || skip "none of the programs is here"
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)" # unbound and dnsmasq take no more than they are given
net_init
dns_init
mkdir "$NET_DIR/fig"
net_host up 5
$IN_NS "$TAG-up" "$ANSWER" --listen $UP >"$NET_DIR/answer.log" 2>&1 &
NET_PIDS="$NET_PIDS $!"
wait_for 10 server_listens up $UP || fail "the upstream does not start"
n=11
for c in meshd dnsmasq unbound; do
	net_host $c $n
	n=$((n + 1))
done
case " $(echo $CONTENDERS) " in *' unbound '*) dns_root unbound unbound ;; esac
case " $(echo $CONTENDERS) " in *' meshd '*)
	net_host coord 1
	coord_start coord 10.77.0.1
	;;
esac
for round in $(seq "$ROUNDS"); do
	for c in $CONTENDERS; do
		say "round $round: $c"
		turn "$c"
	done
done
report_dns | tee "${BENCH_OUT:-/dev/null}"
