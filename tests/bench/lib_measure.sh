# SPDX-License-Identifier: GPL-2.0-or-later
# lib_measure.sh: what the figures are made of. Sourced by bench.sh.
#   figure NAME CONTENDER VALUE   one result of one run; the report takes all runs together
#   meter_start CONTENDER / meter_stop CONTENDER   CPU seconds in between: $DAEMON_CPU $MACHINE_CPU $SECONDS_PAST
#   memory CONTENDER WHEN         resident, anonymous, private dirty kB of the larger daemon, as figures
TICKS=$(getconf CLK_TCK)

figure() { # an empty value is a failed run and is left out
	[ -n "$3" ] && echo "$3" >>"$NET_DIR/fig/$1.$2"
	say "    $1 $2 ${3:-failed}"
}

now_us() { echo $(($(date +%s%N) / 1000)); }
calc() { awk "BEGIN {printf \"%.${2:-3}f\", $1}"; }

# Processes named after a ")" in stat: fields 14 and 15 of the line are the 12th and 13th after it.
daemon_ticks() { # CONTENDER
	cat /proc/"$(pid_of "$1a")"/stat /proc/"$(pid_of "$1b")"/stat | sed 's/.*) //' | awk '{n += $12 + $13} END {print n}'
}
# All but idle, waiting for disks, and what other guests took.
machine_ticks() { awk '/^cpu / {print $2 + $3 + $4 + $7 + $8}' /proc/stat; }

meter_start() {
	METER_US=$(now_us)
	METER_DAEMON=$(daemon_ticks "$1")
	METER_MACHINE=$(machine_ticks)
}

meter_stop() {
	DAEMON_CPU=$(calc "($(daemon_ticks "$1") - $METER_DAEMON) / $TICKS")
	MACHINE_CPU=$(calc "($(machine_ticks) - $METER_MACHINE) / $TICKS")
	SECONDS_PAST=$(calc "($(now_us) - $METER_US) / 1000000" 6)
}

# What others use of the machine, per cent, while nothing of ours runs.
disturbance() { # CONTENDER
	busy=$(machine_ticks) since=$(now_us)
	sleep 0.5
	figure disturbance "$1" "$(calc "($(machine_ticks) - $busy) * 100000000 / ($TICKS * ($(now_us) - $since) * $(nproc))" 0)"
}

larger() { sort -n | tail -n 1; }
of_both() { # CONTENDER /proc-file pattern
	for side in a b; do
		awk "/^$3/ {print \$2}" "/proc/$(pid_of "$1$side")/$2"
	done | larger
}

memory() {
	figure "rss_$2" "$1" "$(of_both "$1" status VmRSS)"
	figure "anon_$2" "$1" "$(of_both "$1" status RssAnon)"
	figure "dirty_$2" "$1" "$(of_both "$1" smaps_rollup Private_Dirty)"
}

# Where several people measure on one machine, they agree on a lock file; a piece holds it for less than a minute.
piece_begin() { [ -z "${BENCH_LOCK:-}" ] || { exec 9>>"$BENCH_LOCK" && flock 9; }; }
piece_end() { [ -z "${BENCH_LOCK:-}" ] || { flock -u 9 && exec 9>&-; }; }

median() { sort -n | awk '{v[NR] = $1} END {if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
percentile() { sort -n | awk -v p="$1" '{v[NR] = $1} END {if (NR) print v[int((NR - 1) * p / 100) + 1]}'; }
# A tool's line of "name number" pairs.
value() { sed -n "s/.*\b$2 \([0-9]*\).*/\1/p" "$1"; } # FILE NAME
