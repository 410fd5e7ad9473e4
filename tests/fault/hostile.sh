# SPDX-License-Identifier: GPL-2.0-or-later
# hostile.sh: nodes that meet a server of tests/fault/hostile.c, and what must hold for each of them.
# Sourced after netns/lib.sh.
#
#   hostile_start NAME PORT MODE   a server in namespace evil (10.77.0.1)
#   hostile_saw NAME WHAT          how often a client asked for it
#   unharmed NAME LABEL            complains unless the daemon lives, answers with little work, kept its
#                                  memory small and let no control character through
HOSTILE=${HOSTILE:-${BUILD:-$ROOT/build}/tests/fault/hostile}
MEMORY_CEILING_KIB=${MEMORY_CEILING_KIB:-81920} # at its peak: 16 MiB idle, and 64 MiB
ANSWER_WITHIN=${ANSWER_WITHIN:-60s} # stuck is for ever; a busy machine is only slow
ANSWER_CPU=${ANSWER_CPU:-300}       # hundredths of a second of the daemon's own; 10000 peers take 30

[ -x "$HOSTILE" ] || skip "needs $HOSTILE (make netns)"

hostile_start() {
	$IN_NS "$TAG-evil" "$HOSTILE" "10.77.0.1:$2" "$3" >"$NET_DIR/$1.asked" 2>&1 &
	eval "HOSTILE_$1=$!"
	NET_PIDS="$NET_PIDS $!"
}

hostile_stop() {
	eval "pid=\$HOSTILE_$1"
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

hostile_saw() { grep -cx "$2" "$NET_DIR/$1.asked"; }

# Bytes 0-31 except line feed and tab, 127, and C1 in UTF-8.
control_bytes() { LC_ALL=C tr -d '\n\t\040-\176\200-\377' <"$1" | wc -c; }

# What it worked so far, all threads, in clock ticks.
cpu_ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }

peak_kib() { awk '/^VmHWM:/ {print $2}' "/proc/$1/status"; }

is_sanitized() { grep -q 'libasan\|libtsan' "/proc/$1/maps"; }

# Every complaint is printed; complaints_end fails if there was one.
bad=0
complain() {
	echo "$*" >&2
	bad=$((bad + 1))
}
complaints_end() {
	[ $bad != 0 ] || return 0
	EVIDENCE_LINES=${EVIDENCE_LINES:-3}
	fail "$bad complaints"
}

unharmed() { # NAME label [KiB of memory beyond the ceiling]
	eval "pid=\$PID_$1"
	kill -0 "$pid" 2>/dev/null || { complain "$2: the daemon is gone"; return; }
	worked=$(cpu_ticks "$pid")
	timeout "$ANSWER_WITHIN" "$MESHCTL" --socket "$(node_socket "$1")" status --json >"$NET_DIR/$1.json" 2>&1 ||
		complain "$2: the daemon does not answer"
	worked=$((($(cpu_ticks "$pid") - worked) * 100 / $(getconf CLK_TCK)))
	is_sanitized "$pid" || [ $worked -le "$ANSWER_CPU" ] || complain "$2: $worked/100 s of work for an answer"
	timeout "$ANSWER_WITHIN" "$MESHCTL" --socket "$(node_socket "$1")" status >"$NET_DIR/$1.text" 2>&1
	is_sanitized "$pid" || [ "$(peak_kib "$pid")" -le $((MEMORY_CEILING_KIB + ${3:-0})) ] ||
		complain "$2: $(peak_kib "$pid") KiB of memory at its peak"
	for f in "$NET_DIR/$1.log" "$NET_DIR/$1.text" "$NET_DIR/$1.json" "$NET_DIR/$1.up"; do
		[ ! -f "$f" ] || [ "$(control_bytes "$f")" = 0 ] || complain "$2: control characters in $(basename "$f")"
	done
}

# SIGTERM ends it in order.
ends_in_order() { # NAME label
	eval "pid=\$PID_$1"
	kill -TERM "$pid" 2>/dev/null
	wait_for 30 sh -c "! kill -0 $pid 2>/dev/null || grep -q '^State:.Z' /proc/$pid/status" ||
		complain "$2: SIGTERM did not end it"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" || complain "$2: exit status $? after SIGTERM"
}
