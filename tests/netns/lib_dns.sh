# SPDX-License-Identifier: GPL-2.0-or-later
# lib_dns.sh: hosts with their own way of resolving names, DNS servers that behave and some that do not. On top of
# lib.sh (call dns_init right behind net_init); sourced by sh. A host of one of the os_ kinds has an /etc, /run and
# /var/lib of its own (a mount namespace, temporary file systems): nothing of the machine's is touched, and in_ns, ctl,
# node_start and the rest run inside it.
#
#   dns_init                     after net_init; skips without the programs used here
#   dns_root NAME [PACKAGE...]   that much for NAME, with these Debian packages unpacked over it; first
#   os_plain NAME SERVER...      a plain resolv.conf
#   os_resolvconf_root NAME SERVER...    Debian's resolvconf, what DHCP would have told it
#   os_openresolv_root NAME SERVER...    openresolv, the same
#   os_resolved_start NAME SERVER...     D-Bus and systemd-resolved, which has these servers for eth0
#   os_nm_start NAME MODE SERVER...      D-Bus and NetworkManager with dns=MODE (default, systemd-resolved, none), a
#                                profile for eth0 as it is
#   os_bus_start NAME, os_resolved_again NAME, os_resolved_stop NAME [SIGNAL], os_nm_stop NAME [SIGNAL]
#   os_state NAME                all of the files and records that say how NAME resolves, to compare
#
#   unbound_start NAME ADDR CONFIG-LINE...       unbound in host NAME; queries are logged to unbound-NAME.log
#   dnsmasq_start NAME ADDR OPTION...            the same with dnsmasq, dnsmasq-NAME.log
#   upstream_start NAME ADDR [ARGS...]           the one that lies: tests/lib/dns_upstream.py
#   upstream_mode NAME ADDR MODE                 from now on it does this
#   asked NAME SUFFIX            how many questions the log of NAME's server (any of the three) has for names that are
#                                SUFFIX or below it
#   log_forget NAME              from now on
#
#   dig_short NAME ARGS...       dig +short, one try of 5 s
#   resolves NAME HOST ADDRESS   getent and a plain getaddrinfo caller both give that address
#   resolves_not NAME HOST       neither gives any
#   dns_set JSON / dns_raw JSON  meshcoord dns set, debug dns

DNS_WAIT=${DNS_WAIT:-30}

dns_init() {
	for p in dig dnsmasq dbus-daemon python3 jq unshare nsenter; do command -v $p >/dev/null || skip "needs $p"; done
	[ "$NS_ENTER" = ip ] || skip "needs mount namespaces"
	GAI="python3 $ROOT/tests/lib/gai.py"
}

# ---- a host's own files ---------------------------------------------------------------------------------------

dns_root() {
	os=$1 os_roots=
	shift
	for p in "$@"; do
		r=$(sh "$ROOT/tests/lib/pkg_root.sh" "$p") || skip "no package $p"
		os_roots="$os_roots $r"
	done
	net_private "$os" $os_roots
	in_ns "$os" rm -f /etc/resolv.conf
}

os_put() { in_ns "$1" sh -c 'cat >"$1"' - "$2"; } # NAME PATH <text
os_servers() { for s in "$@"; do echo "nameserver $s"; done; }

os_plain() {
	os=$1
	shift
	[ -s "$OS_DIR/$TAG-$os.os" ] || dns_root "$os"
	os_servers "$@" | os_put "$os" /etc/resolv.conf
}

os_resolvconf_root() {
	os=$1
	shift
	dns_root "$os" resolvconf
	in_ns "$os" sh -c 'mkdir -p /run/resolvconf/interface && touch /run/resolvconf/enable-updates &&
		ln -sfn /run/resolvconf /etc/resolvconf/run && ln -sfn ../run/resolvconf/resolv.conf /etc/resolv.conf' ||
		fail "resolvconf on $os"
	os_servers "$@" | in_ns "$os" resolvconf -a eth0.dhclient || fail "resolvconf -a on $os"
}

os_openresolv_root() {
	os=$1
	shift
	dns_root "$os" openresolv
	os_servers "$@" | in_ns "$os" resolvconf -a eth0.dhcp || fail "openresolv -a on $os"
}

# ---- D-Bus and who speaks it ------------------------------------------------------------------------------------

# Started in the background; $! is the program itself.
os_daemon() { # NAME WHAT command...
	os=$1 what=$2
	shift 2
	$IN_NS "$TAG-$os" "$@" >>"$NET_DIR/$what-$os.log" 2>&1 &
	echo $! >"$NET_DIR/$what-$os.pid"
	NET_PIDS="$NET_PIDS $!"
}
os_daemon_stop() { # NAME WHAT [SIGNAL]
	read -r pid <"$NET_DIR/$2-$1.pid"
	kill "-${3:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

os_bus_start() {
	os_put "$1" /etc/dbus-test.conf <<-'E'
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		<type>system</type>
		<listen>unix:path=/run/dbus/system_bus_socket</listen>
		<auth>EXTERNAL</auth>
		<policy context="default">
		<allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
		</policy>
		</busconfig>
	E
	in_ns "$1" mkdir -p /run/dbus
	os_daemon "$1" bus dbus-daemon --config-file=/etc/dbus-test.conf --nofork --nopidfile --nosyslog
	wait_for 20 in_ns "$1" test -S /run/dbus/system_bus_socket || fail "no D-Bus on $1"
}

os_bus_has() { in_ns "$1" dbus-send --system --print-reply --dest=org.freedesktop.DBus / \
	org.freedesktop.DBus.GetNameOwner "string:$2"; }

os_resolved_prepare() {
	in_ns "$1" sh -c 'id -u systemd-resolve >/dev/null 2>&1 || {
			echo "systemd-resolve:x:64991:" >>/etc/group
			echo "systemd-resolve:x:64991:64991::/:/usr/sbin/nologin" >>/etc/passwd; }
		install -d -o systemd-resolve -g systemd-resolve /run/systemd/resolve
		ln -sfn ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf' || fail "resolved on $1"
	os_put "$1" /etc/systemd/resolved.conf <<-E
		[Resolve]
		FallbackDNS=
		LLMNR=no
		MulticastDNS=no
		DNSSEC=no
	E
}

os_resolved_again() {
	os_daemon "$1" resolved /lib/systemd/systemd-resolved
	wait_for 20 os_bus_has "$1" org.freedesktop.resolve1 || fail "systemd-resolved does not start on $1"
	wait_for 20 in_ns "$1" test -s /run/systemd/resolve/stub-resolv.conf || fail "no stub-resolv.conf on $1"
}
os_resolved_stop() { os_daemon_stop "$1" resolved "$2"; }

# What networkd or NetworkManager would tell it of eth0.
os_resolved_uplink() {
	os=$1
	shift
	in_ns "$os" resolvectl dns eth0 "$@" && in_ns "$os" resolvectl domain eth0 '~.' || fail "resolvectl on $os"
}

os_resolved_start() {
	os=$1
	shift
	[ -s "$OS_DIR/$TAG-$os.os" ] || dns_root "$os" systemd-resolved
	[ -s "$NET_DIR/bus-$os.pid" ] || os_bus_start "$os"
	os_resolved_prepare "$os"
	os_resolved_again "$os"
	os_resolved_uplink "$os" "$@"
}

os_nm_config() { # NAME MODE
	os_put "$1" /etc/NetworkManager/NetworkManager.conf <<-E
		[main]
		plugins=keyfile
		dns=$2
		rc-manager=${OS_NM_RC:-file}
		auth-polkit=false
		no-auto-default=*
		configure-and-quit=false
		[connectivity]
		enabled=false
		[logging]
		level=INFO
		backends=stderr
	E
}

NM_UUID=7c3a1a52-33d1-4bd8-9d5e-1d7a4f2f5a01
os_nm_profile() { # NAME SERVER...
	os=$1
	shift
	addr=$(in_ns "$os" ip -4 -o addr show eth0 | awk '{ print $4; exit }')
	gate=$(in_ns "$os" ip -4 route show default | awk '{ print $3; exit }')
	dns=
	for s in "$@"; do dns="$dns$s;"; done
	os_put "$os" /etc/NetworkManager/system-connections/eth0.nmconnection <<-E
		[connection]
		id=eth0
		uuid=$NM_UUID
		type=ethernet
		interface-name=eth0
		[ipv4]
		method=manual
		address1=$addr${gate:+,$gate}
		dns=$dns
		[ipv6]
		method=disabled
	E
	in_ns "$os" chmod 600 /etc/NetworkManager/system-connections/eth0.nmconnection
}

# A /sys that can be written makes it wait for udev.
os_nm_again() {
	in_ns "$1" mount -o remount,bind,ro /sys || fail "/sys of $1"
	os_daemon "$1" nm NetworkManager --no-daemon
	wait_for 30 os_bus_has "$1" org.freedesktop.NetworkManager || fail "NetworkManager does not start on $1"
	in_ns "$1" timeout 30 nmcli connection up uuid $NM_UUID >/dev/null ||
		fail "NetworkManager does not manage eth0 of $1"
}
os_nm_stop() { os_daemon_stop "$1" nm "$2"; }

os_nm_start() {
	os=$1 mode=$2
	shift 2
	resolved=
	[ "$mode" != systemd-resolved ] || resolved=systemd-resolved
	[ -s "$OS_DIR/$TAG-$os.os" ] || dns_root "$os" network-manager $resolved
	os_bus_start "$os"
	if [ -n "$resolved" ]; then
		os_resolved_prepare "$os"
		os_resolved_again "$os"
	fi
	os_nm_config "$os" "$mode"
	os_nm_profile "$os" "$@"
	os_nm_again "$os"
}

# resolv.conf as what it is and what it says, and what belongs to managers; times and inodes left out.
os_state() {
	in_ns "$1" sh -c '
		for f in /etc/resolv.conf /etc/resolvconf /etc/resolvconf.conf /etc/nsswitch.conf /etc/hosts \
			/run/resolvconf /var/run/resolvconf /etc/NetworkManager /etc/systemd/resolved.conf; do
			[ -e $f ] || [ -L $f ] || continue
			find $f | sort | while read -r p; do
				[ ! -L "$p" ] || echo "$p -> $(readlink "$p")"
				[ -f "$p" ] || { echo "$p $(stat -c "%F %a %u %g" "$p")"; continue; }
				echo "$p $(stat -L -c "%a %u %g" "$p") $(sha256sum <"$p")"
			done
		done
		ls /etc | grep "^resolv\\|meshd"
		if [ -S /run/dbus/system_bus_socket ] && command -v resolvectl >/dev/null; then
			resolvectl status --no-pager | sed "s,^ *,,; /^Current DNS Server/d"
		fi' | grep -v "^/run/resolvconf/lock "
}

# ---- servers ----------------------------------------------------------------------------------------------------

server_listens() { in_ns "$1" ss -lunH "sport = :${3:-53}" | grep -qF "$2:${3:-53}"; }

# Its host gets the package by a root of its own.
unbound_start() {
	os=$1 addr=$2
	shift 2
	[ -s "$OS_DIR/$TAG-$os.os" ] || dns_root "$os" unbound
	conf=$NET_DIR/unbound-$os.conf
	cat >"$conf" <<-E
		server:
			interface: $addr
			access-control: 0.0.0.0/0 allow
			access-control: ::/0 allow
			do-daemonize: no
			username: ""
			chroot: ""
			pidfile: ""
			directory: "$NET_DIR"
			use-syslog: no
			logfile: ""
			log-queries: yes
			log-time-ascii: no
			module-config: "iterator"
			num-threads: ${UNBOUND_THREADS:-1}
	E
	for l in "$@"; do echo "$l" >>"$conf"; done
	os_daemon "$os" unbound unbound -d -c "$conf"
	wait_for 20 server_listens "$os" "$addr" || fail "unbound does not start on $os"
}

dnsmasq_start() {
	os=$1 addr=$2
	shift 2
	os_daemon "$os" dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= \
		--user=root --bind-interfaces --except-interface=lo --listen-address="$addr" --log-queries --log-facility=- "$@"
	wait_for 20 server_listens "$os" "$addr" || fail "dnsmasq does not start on $os"
}

upstream_start() {
	os=$1 addr=$2
	shift 2
	echo ok >"$NET_DIR/upstream-$addr.mode"
	os_daemon "$os" upstream python3 "$ROOT/tests/lib/dns_upstream.py" "$addr" "$NET_DIR/upstream-$addr.mode" "$@"
	wait_for 20 server_listens "$os" "$addr" || fail "the upstream $addr does not start on $os"
}
upstream_mode() {
	os=$1 addr=$2
	shift 2
	echo "$*" >"$NET_DIR/upstream-$addr.tmp" && mv "$NET_DIR/upstream-$addr.tmp" "$NET_DIR/upstream-$addr.mode"
}

server_stop() { # NAME unbound|dnsmasq|upstream [SIGNAL]
	os_daemon_stop "$@"
}

# dnsmasq: "query[A] name from", unbound: "info: addr name. A IN", ours: "query udp addr id name. type"
asked_names() {
	cat "$NET_DIR/unbound-$1.log" "$NET_DIR/dnsmasq-$1.log" "$NET_DIR/upstream-$1.log" 2>/dev/null | sed -nE \
		-e 's/.* query\[[^]]*\] ([^ ]*) from .*/\1/p' -e 's/.* info: [^ ]* ([^ ]*)\. [A-Z0-9]* IN$/\1/p' \
		-e 's/^query [a-z]* [^ ]* [0-9]* ([^ ]*)\. [^ ]*$/\1/p' | tr A-Z a-z
}
asked() { asked_names "$1" | awk -v s="$2" '$0 == s || substr($0, length($0) - length(s)) == "." s { n++ } END { print n + 0 }'; }
log_forget() {
	for f in unbound dnsmasq upstream; do [ ! -f "$NET_DIR/$f-$1.log" ] || : >"$NET_DIR/$f-$1.log"; done
}

# ---- clients ----------------------------------------------------------------------------------------------------

dig_short() {
	os=$1
	shift
	in_ns "$os" dig +short +tries=1 +time=5 "$@"
}

getent_is() { [ "$(in_ns "$1" getent hosts "$2" | awk 'NR == 1 { print $1 }')" = "$3" ]; }
gai_is() { [ "$(in_ns "$1" $GAI "$2" 4 | head -n 1)" = "$3" ]; }
resolves() { getent_is "$@" && gai_is "$@"; }
resolves_not() { ! in_ns "$1" getent hosts "$2" >/dev/null && ! in_ns "$1" $GAI "$2" >/dev/null; }

dns_set() { printf '%s\n' "$1" | "$MESHCOORD" dns set - --state "$COORD_DIR" >/dev/null || fail "meshcoord dns set"; }
dns_raw() { printf '%s\n' "$1" | "$MESHCOORD" debug dns - --state "$COORD_DIR" >/dev/null || fail "meshcoord debug dns"; }
