#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A whole session at full verbosity: no auth key and no private key in a log, an answer, an argument list
# or an environment; nobody else can read the state or the memory.
. "$(dirname "$0")/../netns/lib.sh"
command -v setpriv >/dev/null || skip "needs setpriv"
command -v perl >/dev/null || skip "needs perl"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
COORD_FLAGS=--verbose
TS_LOG_VERBOSITY=2
export TS_LOG_VERBOSITY
coord_start coord 10.77.0.1
touch "$NET_DIR/secrets" "$NET_DIR/seen.out"
chmod 755 "$NET_DIR"

# Values of a state file are base64 of text with the keys in hex.
private_keys() {
	tr ',{}' '\n\n\n' <"$1" | sed -n 's/.*"\([A-Za-z0-9+/=]\{40,\}\)".*/\1/p' | while read -r v; do
		printf '%s' "$v" | base64 -d 2>/dev/null | grep -ao 'privkey:[0-9a-f]\{64\}'
		echo
	done | sed -n 's/^privkey://p' | grep -v '^0*$' | sort -u
}

remember_keys() {
	for hex in $(private_keys "$NET_DIR/$1.d/meshd.state"); do
		echo "$hex"
		perl -e 'print pack "H*", $ARGV[0]' "$hex" | base64 | tr -d '='
	done >>"$NET_DIR/secrets"
}

join() { # NAME further flags
	name=$1
	shift
	coord_key >"$NET_DIR/$name.key"
	cat "$NET_DIR/$name.key" >>"$NET_DIR/secrets"
	ctl "$name" up --login-server="$COORD_URL" --authkey="file:$NET_DIR/$name.key" --hostname="$name" --timeout=30s "$@" \
		>>"$NET_DIR/seen.out" 2>&1 || fail "meshctl up on $name"
	remember_keys "$name"
}

for n in alice bob; do
	node_start $n --verbose=2
	join $n
done
wait_for 10 can_ping alice "$(node_ip bob)" || fail "alice to bob"
ctl alice ping --c=3 bob >>"$NET_DIR/seen.out" 2>&1
ctl alice down
ctl alice up >>"$NET_DIR/seen.out" 2>&1 || fail "up again"
join alice --force-reauth
ctl alice logout || fail "logout"
ctl alice up --login-server="$COORD_URL" --authkey=mesh-wrong-key-0123456789 --timeout=3s --reset >>"$NET_DIR/seen.out" 2>&1
echo mesh-wrong-key-0123456789 >>"$NET_DIR/secrets"
join alice --reset

for n in alice bob; do
	eval "pid=\$PID_$n"
	for verb in status 'status --json' 'debug prefs' bugreport 'debug netmap' 'debug goroutines' metrics 'get --json' netcheck; do
		ctl $n $verb >>"$NET_DIR/seen.out" 2>&1
	done
	timeout 2 "$MESHCTL" --socket "$(node_socket $n)" debug watch-ipn --initial --netmap >>"$NET_DIR/seen.out" 2>&1
	tr '\0' '\n' <"/proc/$pid/cmdline" >>"$NET_DIR/seen.out"
	tr '\0' '\n' <"/proc/$pid/environ" >>"$NET_DIR/seen.out"
	[ "$(stat -c %a "$NET_DIR/$n.d/meshd.state")" = 600 ] || fail "mode of the state file"
	! ls -A "$NET_DIR/$n.d" | grep -v '^meshd\.state$' | grep -q 'meshd\.state' || fail "a copy of the state file was left"
	grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits" || fail "core files are on"
	for f in mem environ maps "fd/0"; do
		! setpriv --reuid=65534 --regid=65534 --clear-groups head -c 1 "/proc/$pid/$f" >/dev/null 2>&1 || fail "another user reads $f"
	done
	! setpriv --reuid=65534 --regid=65534 --clear-groups cat "$NET_DIR/$n.d/meshd.state" >/dev/null 2>&1 || fail "another user reads the state"
done
ps -eo args >>"$NET_DIR/seen.out"
"$MESHCOORD" authkey list --state "$COORD_DIR" >>"$NET_DIR/seen.out"
"$MESHCOORD" node list --json --state "$COORD_DIR" >>"$NET_DIR/seen.out"

sort -u -o "$NET_DIR/secrets" "$NET_DIR/secrets"
[ "$(wc -l <"$NET_DIR/secrets")" -ge 12 ] || fail "only $(wc -l <"$NET_DIR/secrets") secrets were found to look for"
[ "$(wc -c <"$NET_DIR/seen.out")" -gt 5000 ] && [ "$(wc -l <"$NET_DIR/alice.log")" -gt 50 ] || fail "too little was said"
for f in "$NET_DIR"/*.log "$NET_DIR/seen.out"; do
	! grep -qiaF -f "$NET_DIR/secrets" "$f" ||
		fail "$(grep -ciaF -f "$NET_DIR/secrets" "$f") lines of $(basename "$f") hold a secret"
done
# What the coordinator keeps opens nothing: auth keys are stored as hashes.
! grep -raqF -f "$NET_DIR/alice.key" "$COORD_DIR" || fail "an auth key stands in the coordinator's state"
