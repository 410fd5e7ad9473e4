#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A node that somebody else wrote, in Python, joins our coordinator twice; the two reach each other over the
# relay alone and directly, on loopback. MESH_PYCLIENT names its folder (default ../shared/pyclient),
# MESH_PYTHON the interpreter that has its modules.
root=$(cd "$(dirname "$0")/../.." && pwd)
coord=${MESHCOORD:-$root/build/meshcoord}
client=${MESH_PYCLIENT:-$root/../shared/pyclient}
python=${MESH_PYTHON:-python3}

skip() { echo "skipped: $*"; exit 77; }
[ -f "$client/client.py" ] || skip "no independent client at $client; set MESH_PYCLIENT"
"$python" -c 'import cryptography, h2, zstandard, nacl' 2>/dev/null ||
	skip "$python lacks cryptography, h2, zstandard or pynacl; set MESH_PYTHON"

dir=$(mktemp -d "${TMPDIR:-/tmp}/mesh-stranger.XXXXXX") || exit 1
pids=
cleanup() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
fail() {
	echo "FAIL: $*"
	for f in "$dir"/*.log; do
		echo "--- $f"
		tail -n 30 "$f"
	done
	exit 1
}

port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
stun=$("$python" -c 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
"$coord" serve --listen "127.0.0.1:$port" --url "$url" --state "$dir/state" --stun "127.0.0.1:$stun" \
	2>"$dir/coord.log" &
pids=$!
i=0
until "$coord" node list --state "$dir/state" >/dev/null 2>&1; do
	i=$((i + 1))
	[ $i -lt 100 ] || fail "meshcoord did not start"
	sleep 0.1
done
key=$("$coord" authkey create --reusable --state "$dir/state" | tail -n 1)

join() { # name, further arguments
	name=$1
	shift
	"$python" "$client/client.py" --url "$url" --key "$key" --hostname "$name" "$@" >"$dir/$name.log" 2>&1
}

join answers --seconds 60 &
pids="$pids $!"
i=0
until grep -q '"ev": "home"' "$dir/answers.log" 2>/dev/null; do
	i=$((i + 1))
	[ $i -lt 150 ] || fail "the first node has no relay"
	sleep 0.1
done

join direct --ping 100.64.0.1 --count 3 --want-direct --seconds 20 || fail "no direct path"
join relayed --ping 100.64.0.1 --count 3 --no-udp --seconds 20 || fail "no traffic over the relay"
grep -q '"via": "derp"' "$dir/relayed.log" || fail "the relay was not used"
n=$("$coord" node list --json --state "$dir/state" | grep -c '"node_key"')
[ "$n" = 3 ] || fail "$n nodes instead of 3"
[ "$("$coord" debug stats --state "$dir/state" | sed -n 's/.*"relay_dropped_full": \([0-9]*\).*/\1/p')" = 0 ] ||
	fail "the relay lost packets"
kill -0 "${pids%% *}" || fail "meshcoord is gone"
echo "an independent client joined three times, over the relay and directly"
