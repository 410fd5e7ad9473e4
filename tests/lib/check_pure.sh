#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Pure rooms call no socket, clock, random, file or log function: look at what their objects leave
# undefined. Files that may touch the system end in _io.c, _linux.c, _client.c.
build=$1
bad=0
pure() {
	for o in $(find "$@" -maxdepth 1 -name '*.o' 2>/dev/null); do
		case $o in *_io.o | *_linux.o | *_client.o | *_linux_*.o | *_client_*.o) continue ;; esac
		sym=$(nm -u "$o" | awk '{print $2}' | sed 's/@.*//' | grep -xE \
			'(socket|bind|connect|send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg|open|openat|fopen|read|write|close|unlink|rename|clock_gettime|gettimeofday|time|mono_now|wall_now|rng_system|random|rand|getrandom|arc4random|randombytes_buf|log_write|printf|fprintf|puts|usleep|nanosleep|poll|epoll_wait|loop_[a-z_]*|uv_[a-z_]*|curl_[a-z_]*|stream_[a-z_]*|httpc_[a-z_]*|getenv)')
		[ -z "$sym" ] || { echo "$o is not pure: "$sym; bad=1; }
	done
}
pure "$build/wg" "$build/magicsock" "$build/netstack" "$build/dns"
exit $bad
