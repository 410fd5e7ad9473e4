#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every system call of a whole session is on the sandbox's list, so that nothing of ours depends on a call
# that the filter refuses; the sandbox is in force in an ordinary run, and it holds.
. "$(dirname "$0")/../netns/lib.sh"
command -v strace >/dev/null || skip "needs strace"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1

awk '/ allowed\[\]/ {on = 1} on {print} on && /^};/ {exit}' "$ROOT/daemon/sandbox_seccomp.c" |
	sed -n 's/^\tSYS_\([a-z0-9_]*\),.*/\1/p' | sort -u >"$NET_DIR/allowed"
[ "$(wc -l <"$NET_DIR/allowed")" -gt 80 ] || fail "the list could not be read"

node_start bob
node_up bob

# The daemon itself is started by strace, with a filter that lets everything pass.
real=$MESHD
cat >"$NET_DIR/traced" <<-E
	#!/bin/sh
	exec strace -f -qq -o "$NET_DIR/trace" "$real" "\$@"
E
chmod +x "$NET_DIR/traced"
MESHD=$NET_DIR/traced
node_start alice --sandbox=false
MESHD=$real
node_up alice
b=$(node_ip bob)
wait_for 10 can_ping alice "$b" || fail "alice to bob"
ctl alice ping --c=3 bob >/dev/null
for verb in status 'status --json' 'debug prefs' netcheck bugreport 'dns status' 'dns query bob' 'dns query elsewhere.example' \
	'set --hostname=other' 'debug rebind' down up; do
	ctl alice $verb >/dev/null 2>&1
done
"$MESHCOORD" debug drop-conns --state "$COORD_DIR" >/dev/null
in_ns alice ip link set eth0 down
sleep 1
in_ns alice ip link set eth0 up
wait_for 15 can_ping alice "$b" || fail "alice to bob after the link was down"
ctl alice logout
ctl alice up --login-server=https://no.such.host.invalid --authkey=x --timeout=3s --reset >/dev/null 2>&1
strace_pid=$PID_alice
kill -TERM $(cat /proc/$strace_pid/task/*/children)
wait $strace_pid

# From the moment on when the sandbox would be entered: the socket listens. The helpers (daemon/hands.h,
# daemon/osdns.h), forked before that, are none of the daemon's threads.
awk 'NR == FNR {if (FNR == 1) daemon = $1; if ($1 != daemon && /execve\(|"meshd-(hands|dns)"/) helper[$1]; next}
	/listen\(/ {on = 1}
	on && !($1 in helper)' "$NET_DIR/trace" "$NET_DIR/trace" | sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' | sort -u >"$NET_DIR/used"
[ "$(wc -l <"$NET_DIR/used")" -gt 25 ] || fail "too few calls were traced: $(tr '\n' ' ' <"$NET_DIR/used")"
refused=$(comm -23 "$NET_DIR/used" "$NET_DIR/allowed" | tr '\n' ' ')
[ -z "$refused" ] || fail "used, and not on the list: $refused"

# The sandbox of an ordinary run.
eval "pid=\$PID_bob"
grep -q '^Seccomp:[[:space:]]*2' "/proc/$pid/status" || fail "no seccomp filter"
grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$pid/status" || fail "new privileges are possible"
for set in CapEff CapPrm CapBnd; do
	[ "$(awk -v s="$set:" '$1 == s {print $2}' "/proc/$pid/status")" = 0000000000001000 ] || fail "$set is not CAP_NET_ADMIN alone"
done
for t in /proc/$pid/task/*/status; do
	grep -q '^Seccomp:[[:space:]]*2' "$t" || fail "a thread without the filter"
done

probes=${BUILD:-$ROOT/build}/tests/fault/sandboxed
[ -x "$probes" ] || skip "needs $probes (make netns)"
mkdir -m 700 "$NET_DIR/own" "$NET_DIR/run"
"$probes" "$NET_DIR/own" "$NET_DIR/run" >"$NET_DIR/probes"
case $? in
0) ;;
77) skip "this kernel lacks a part of the sandbox" ;;
*) fail "sandbox: $(cat "$NET_DIR/probes")" ;;
esac
