# SPDX-License-Identifier: GPL-2.0-or-later
# lib_idle.sh: what nodes cost that do nothing: all contenders are up at once, come to rest for IDLE_REST_S seconds,
# and are watched for IDLE_S. Sourced by bench.sh.

# "ID NAME COUNT" of each thread: how often it gave up the processor by itself, which is once for each wake-up.
thread_switches() { # PID
	for t in /proc/"$1"/task/*; do
		echo "${t##*/} $(cat "$t/comm") $(awk '/^voluntary/ {print $2}' "$t/status")"
	done
}

thread_wakeups() { # CONTENDER: "NAME wake-ups" of each thread that lived through it
	awk 'NR == FNR {was[$1] = $NF; next} $1 in was {print $2, $NF - was[$1]}' "$NET_DIR/idle.$1.0" "$NET_DIR/idle.$1.1"
}

idle_contenders() {
	for c in $CONTENDERS; do
		! is_full "$c" || echo "$c"
	done
}

idle_run() {
	say "idle: $IDLE_REST_S s of rest, $IDLE_S s of watching"
	for c in $(idle_contenders); do "${c}_up"; done
	sleep "$IDLE_REST_S"
	for c in $(idle_contenders); do thread_switches "$(pid_of "${c}b")" >"$NET_DIR/idle.$c.0"; done
	sleep "$IDLE_S"
	for c in $(idle_contenders); do
		thread_switches "$(pid_of "${c}b")" >"$NET_DIR/idle.$c.1"
		figure idle "$c" "$(thread_wakeups "$c" | awk '{n += $NF} END {print n}')"
	done
	for c in $(idle_contenders); do "${c}_down"; done
}

idle_table() {
	for c in $(idle_contenders); do
		[ -s "$NET_DIR/idle.$c.1" ] || continue
		echo "* $(${c}_label): $(thread_wakeups "$c" | awk '{printf "%s%s %s", sep, $1, $2; sep = ", "}')"
	done
}
