#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The state survives what happens to machines: killed at any moment of a login, a full disk, a disk that
# turned read-only. The node stays the same node, and the message says what to do.
. "$(dirname "$0")/../netns/lib.sh"
for p in jq; do command -v $p >/dev/null || skip "needs $p"; done
net_init
net_host coord 1
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1
state=$NET_DIR/alice.d/meshd.state

identity() { # the machine key and the number of profiles; fails unless the file is whole
	jq -er '[._machinekey, (._profiles // "" | @base64d | (fromjson? // {}) | length)] | @tsv' "$1"
}

says() { ctl "$1" status 2>&1 | grep -q "$2"; }

up_in_background() {
	in_ns alice timeout 10 "$MESHCTL" --socket "$(node_socket alice)" up --login-server="$COORD_URL" \
		--authkey="$1" --hostname=alice --timeout=9s --reset $2 >/dev/null 2>&1 &
	up=$!
}

# ---- killed thirty times between 0 and 290 ms into a login with a new node key
key=$(coord_key --reusable)
node_start alice
node_up alice
machine=$(jq -er ._machinekey "$state") || fail "no machine key in the state file"
address=$(node_ip alice)
i=0
while [ $i -lt 30 ]; do
	up_in_background "$key" --force-reauth
	sleep "0.$(printf %02d $((i % 30)))"
	node_stop alice KILL
	kill $up 2>/dev/null
	wait $up 2>/dev/null
	identity "$state" >/dev/null || fail "kill $i: the state file is not whole"
	[ "$(jq -r ._machinekey "$state")" = "$machine" ] || fail "kill $i: another machine key"
	[ "$(stat -c %a "$state")" = 600 ] || fail "kill $i: mode of the state file"
	node_start alice
	i=$((i + 1))
done
ctl alice up --timeout=20s --authkey="$key" --login-server="$COORD_URL" --hostname=alice --reset || fail "no login after 30 kills"
[ "$(node_ip alice)" = "$address" ] || fail "another address after 30 kills"
[ "$("$MESHCOORD" node list --json --state "$COORD_DIR" | jq '[.. | objects | select(.name? == "alice")] | length')" = 1 ] ||
	fail "the coordinator knows alice more than once"
ls -A "$NET_DIR/alice.d" >"$NET_DIR/left"
[ "$(wc -l <"$NET_DIR/left")" -le 4 ] || fail "temporary files pile up: $(tr '\n' ' ' <"$NET_DIR/left")"

# ---- a full disk
full=$NET_DIR/bob.d
mkdir -p "$full"
mount -t tmpfs -o size=128k none "$full" || fail "tmpfs"
trap 'rc=$?; umount -l "$full" 2>/dev/null; (exit $rc); net_on_exit' EXIT
node_start bob
node_up bob
cp "$full/meshd.state" "$NET_DIR/before"
dd if=/dev/zero of="$full/fill" bs=4k >/dev/null 2>&1
ctl bob set --hostname=bobby
wait_for 3 says bob 'No space left.*Make room' || fail "full disk: $(ctl bob status)"
grep -q 'No space left' "$NET_DIR/bob.log" || fail "full disk: nothing in the log"
cmp -s "$NET_DIR/before" "$full/meshd.state" || fail "full disk: the state file changed"
rm "$full/fill"
stored() { jq -r '.[] | @base64d' "$full/meshd.state" | grep -q bobby; }
wait_for 15 stored || fail "full disk: not stored when there was room again"
! says bob 'No space left' || fail "full disk: the complaint stayed"

# ---- a disk that turned read-only
cp "$full/meshd.state" "$NET_DIR/before"
mount -o remount,ro "$full" || fail "remount"
ctl bob set --hostname=other
wait_for 3 says bob 'Read-only file system' || fail "read-only disk: $(ctl bob status)"
node_stop bob
node_start bob
cmp -s "$NET_DIR/before" "$full/meshd.state" || fail "read-only disk: the state file changed"
wait_for 10 sh -c "'$MESHCTL' --socket '$(node_socket bob)' status --json | grep -q '\"BackendState\": \"Running\"'" ||
	fail "no start from a read-only disk"
node_stop bob
umount "$full"
