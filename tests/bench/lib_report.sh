# SPDX-License-Identifier: GPL-2.0-or-later
# lib_report.sh: the figures of all runs as Markdown. Sourced by bench.sh.

three() { # FILE: min / median / max
	[ -s "$1" ] || { echo -; return; }
	sort -n "$1" | awk '{v[NR] = $1}
		function text(x) {return sprintf(x >= 100 ? "%.0f" : "%.2f", x)}
		END {m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; print text(v[1]) " / " text(m) " / " text(v[NR])}'
}

ratio() { # FILE FILE: of their medians
	[ -s "$1" ] && [ -s "$2" ] || { echo -; return; }
	awk -v a="$(median <"$1")" -v b="$(median <"$2")" 'BEGIN {if (b == 0) print "-"; else printf "%.2f\n", a / b}'
}

others() { printf '%s\n' $CONTENDERS | grep -vx meshd; }

head_row() {
	line='| figure |' rule='|---|'
	for c in $CONTENDERS; do line="$line $(${c}_label) |" rule="$rule---|"; done
	for c in $(others); do line="$line meshd : $(${c}_label) |" rule="$rule---|"; done
	printf '%s\n%s\n' "$line" "$rule"
}

row() { # NAME TEXT: nothing if nobody has that figure
	ls "$NET_DIR/fig/$1".* >/dev/null 2>&1 || return 0
	line="| $2 |"
	for c in $CONTENDERS; do line="$line $(three "$NET_DIR/fig/$1.$c") |"; done
	for c in $(others); do line="$line $(ratio "$NET_DIR/fig/$1.meshd" "$NET_DIR/fig/$1.$c") |"; done
	echo "$line"
}

flow_rows() { # NAME TEXT
	row "$1" "$2, Gb/s"
	row "$1_daemon" "— CPU seconds per GB, both daemons"
	row "$1_machine" "— CPU seconds per GB, whole machine"
	row "$1_retransmits" "— retransmitted segments"
}

udp_rows() { # NAME TEXT
	row "$1" "$2, delivered, thousand/s"
	row "$1_offered" "— offered, thousand/s"
	row "$1_loss" "— lost, %"
	row "$1_machine" "— CPU microseconds per delivered datagram, whole machine"
}

memory_rows() {
	for when in before during after; do
		row "rss_$when" "resident memory $when load, kB"
		row "anon_$when" "— of it anonymous, kB"
		row "dirty_$when" "— private dirty, kB"
	done
}

main_table() {
	head_row
	flow_rows tcp1 'TCP, one flow'
	flow_rows tcp4 'TCP, four flows'
	flow_rows bidir 'TCP, both directions at once, sum'
	udp_rows udp64 'UDP, 64 bytes'
	udp_rows udp1200 'UDP, 1200 bytes'
	udp_rows udpgso "UDP, 1200 bytes in runs of $UDP_GSO (UDP_SEGMENT)"
	row ping_idle 'ping, idle, median, microseconds'
	row ping_idle_99 '— 99th percentile'
	row ping_load 'ping, one TCP flow under way, median, microseconds'
	row ping_load_99 '— 99th percentile'
	memory_rows
	row hs1_cpu "strangers' initiations, $HS_RATE/s of one address: daemon CPU microseconds each"
	row hs1_cookies '— answered with a cookie, %'
	row hs4000_cpu "the same of 4000 addresses: daemon CPU microseconds each"
	row hs4000_cookies '— answered with a cookie, %'
	flow_rows relay "TCP, one flow, UDP blocked, over the relay of ${RELAY_NAME:-none}"
	row join_up 'up with a key until it returns, ms'
	row join_echo '— from there to the first echo'
	row join_direct '— from there to the first direct pong'
	row join_again 'daemon stopped and started until the first echo, ms'
	row disturbance "the machine's load by others before each turn, %"
	row idle "idle: wake-ups of all threads of a node in $IDLE_S s"
}

stripped() { strip -o "$NET_DIR/stripped" "$1" && stat -c %s "$NET_DIR/stripped"; }

sizes() {
	for c in $CONTENDERS; do
		for p in $(${c}_programs); do
			echo "* $(basename "$p") ($(${c}_label)): $(stripped "$p")"
		done
	done
}

machine() {
	echo "* date: $(date -u '+%F %H:%M UTC')"
	echo "* machine: $(nproc) × $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo), $(awk '/MemTotal/ {print int($2 / 1048576 + 0.5)}' /proc/meminfo) GB"
	echo "* kernel: Linux $(uname -r)"
	for c in $CONTENDERS; do echo "* $(${c}_label): $(${c}_version)"; done
	echo "* $(iperf3 --version | head -n 1)"
	echo "* $ROUNDS rounds, contenders in turn within each; TCP $SECS s after 1 s of warming up, UDP $UDP_SECS s"
}

section() { # TITLE text
	[ -n "$2" ] || return 0
	printf '\n## %s\n\n%s\n' "$1" "$2"
}

notes() {
	cat <<-E
		Cells are min / median / max of the rounds; the last columns are ratios of medians. Two nodes in two network
		namespaces of one machine, one veth cable, TUN MTU $MTU unless said otherwise: nodes, traffic source and
		traffic sink share the processors, so a rate says what a byte costs and not what a network card could carry.
		Others computing at the same time make every rate lower and its spread wider; CPU seconds per GB bear it better.
		tailscaled watches every file below /etc, so programs that other people start there wake it while it is idle.
		The wireguard-go of 2022 is what Debian ships; it has no offload and is not the one to compare with.
	E
}

# Single packets and full batches of the sizes that matter here; `make bench-aead` prints all.
aead_excerpt() {
	[ -s "$NET_DIR/aead" ] || return 0
	awk -F' *[|] *' 'NR < 3 || ($3 == 64 || $3 == 1280) && ($4 == 1 || $4 == 48)' "$NET_DIR/aead"
}

report() {
	echo '# Benchmark'
	echo
	machine
	section Results "$(main_table)"
	echo
	notes
	section 'Idle wake-ups by thread' "$(idle_table)"
	section 'The cipher alone' "$(aead_excerpt)"
	section 'Handshakes alone' "$(cat "$NET_DIR/handshakes" 2>/dev/null)"
	section 'Stripped sizes, bytes' "$(sizes)"
}
