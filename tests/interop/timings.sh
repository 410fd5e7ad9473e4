#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# timings.sh [RUNS]: meshd and tailscaled on one Headscale, in turn, each run a new node behind an easy NAT with
# an older tailscaled peer behind another. Milliseconds: `up` with a key until it returns, from there to the first
# echo and to the first direct pong, and from the start of a killed daemon to the first echo.
. "$(dirname "$0")/lib.sh"
peers_need headscale tailscaled tailscale
RUNS=${1:-5}
net_init
net_host hs 1
net_router r1 2 easy 1
net_router r2 3 easy 2
net_lan_host meshd r1 1 10
net_lan_host tailscaled r1 1 11
net_lan_host old r2 2 10
hs_start hs 10.77.0.1
ts_start old
ts_up old
old=$(ts old ip -4)

# Echo requests every 10 ms, each routed anew, until an answer comes; prints the time since $1 (ms of now_ms).
first_echo() {
	in_ns "$2" python3 -c '
import select, socket, struct, sys, time
start, to = int(sys.argv[1]) / 1000, sys.argv[2]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
def sums(b):
    t = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    t = (t >> 16) + (t & 0xffff)
    return ~(t + (t >> 16)) & 0xffff
for i in range(3000):
    h = struct.pack("!BBHHH", 8, 0, 0, 0x6d65, i & 0xffff)
    try:
        s.sendto(struct.pack("!BBHHH", 8, 0, sums(h), 0x6d65, i & 0xffff), (to, 0))
    except OSError:
        pass
    end = time.time() + 0.01
    while time.time() < end:
        if select.select([s], [], [], max(0, end - time.time()))[0]:
            b, a = s.recvfrom(2000)
            if a[0] == to and b[20] == 0:
                print(int((time.time() - start) * 1000))
                sys.exit(0)
print("-")' "$1" "$old"
}

both_start() { if [ "$1" = meshd ]; then m_start $1; else ts_start $1; fi; }
both() { if [ "$1" = meshd ]; then ctl "$@"; else ts "$@"; fi; }

one() {
	n=$1
	rm -rf "$NET_DIR/$n.d" "$NET_DIR/$n.ts"
	both_start "$n"
	key=$(hs_key)
	s=$(now_ms)
	both "$n" up --login-server="$HS_URL" --authkey="$key" --hostname="$n" --accept-dns=false --timeout=30s || fail up
	e=$(now_ms)
	(
		while ! both "$n" ping --c=1 --until-direct=false --timeout=200ms "$old" 2>/dev/null | grep -q 'via 10\.'; do
			[ $(($(now_ms) - e)) -lt 20000 ] || break
		done
		echo $(($(now_ms) - e)) >"$NET_DIR/direct"
	) &
	direct=$!
	echo=$(first_echo "$e" "$n")
	wait $direct
	sleep 5 # a map is kept some seconds after it came
	node_stop "$n" KILL
	sleep 0.3
	r=$(now_ms)
	both_start "$n"
	again=$(first_echo "$r" "$n")
	node_stop "$n"
	hs nodes delete -i "$(hs_id "$n")" >/dev/null
	printf '%-11s up %5s   first echo %5s   direct %5s   restart to echo %5s\n' "$n" $((e - s)) "$echo" "$(cat "$NET_DIR/direct")" "$again"
}

i=0
while [ $i -lt "$RUNS" ]; do
	one meshd
	one tailscaled
	i=$((i + 1))
done
