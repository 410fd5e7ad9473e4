# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh: the real headscale, tailscaled and tailscale beside our programs. Sourced by sh.
# $MESH_PEERS names the folder that holds them; a test that needs one that is absent says "skipped".
# On top of tests/netns/lib.sh (namespaces, NAT routers, node_start, ctl):
#
#   peers_need PROGRAM...     skip unless $MESH_PEERS has them
#   hosts_file NAME...        /etc/hosts of those namespaces: the server's name, nothing else
#   hs_start NAME ADDR        Headscale with its relay over https in that host; HS_URL is set. HS_DNS: members of its
#                             "dns" besides magic_dns and base_domain
#   hs_stop [SIGNAL] / hs_again
#   hs args...                the headscale CLI against it
#   hs_key [flags]            print an auth key (reusable unless HS_ONCE=1; of user alice unless HS_USER=2)
#   hs_id HOSTNAME            print that node's id on the server
#   hs_policy JSON            the policy from now on
#   hs_approve HOSTNAME ROUTES   which of its routes are approved
#   ts_start NAME / ts_stop NAME [SIGNAL]   tailscaled in that host. ts_spawn: not waiting for its socket
#   ts NAME args...           the tailscale CLI to it
#   ts_up NAME [flags]        join with a fresh key
#   m_up NAME [flags]         the same for a meshd started with node_start
#   check WHAT command...     print PASS or FAIL with what the command said, count failures, go on
#   within SECONDS command... run until it succeeds; its last output stays on stdout
#   finish                    exit code of the whole script

. "$(dirname "$0")/../netns/lib.sh"

HS_HOST=headscale.test
FAILURES=0

pass() { echo "PASS $*"; }
flunk() {
	echo "FAIL $*"
	FAILURES=$((FAILURES + 1))
}

check() {
	what=$1
	shift
	if said=$("$@" 2>&1); then
		pass "$what"
	else
		flunk "$what (exit $?): $*"
		printf '%s\n' "$said" | tail -n 15 | sed 's/^/     | /'
		return 1
	fi
}

finish() {
	[ $FAILURES = 0 ] || { echo "$FAILURES failed"; exit 1; }
	exit 0
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

within() {
	within_end=$(($(now_ms) + $1 * 1000))
	shift
	while ! within_said=$("$@" 2>&1); do
		if [ "$(now_ms)" -ge $within_end ]; then
			printf '%s\n' "$within_said"
			return 1
		fi
		sleep 0.1
	done
	printf '%s\n' "$within_said"
}

never() { ! "$@"; }

# says PATTERN command...: the command's output matches. Output is shown when not.
says() {
	says_what=$1
	shift
	says_out=$("$@" 2>&1)
	printf '%s\n' "$says_out"
	printf '%s\n' "$says_out" | grep -Eq -- "$says_what"
}

peers_need() {
	[ -n "${MESH_PEERS:-}" ] || skip "set MESH_PEERS to the folder of headscale, tailscaled and tailscale"
	for p in "$@"; do
		[ -x "$MESH_PEERS/$p" ] || skip "no $p in MESH_PEERS"
	done
	command -v openssl >/dev/null || skip "needs openssl"
}

# The floor's exit trap, plus the name files, which live outside NET_DIR because `ip netns exec` reads them there.
net_on_exit() {
	rc=$?
	trap '' PIPE
	[ $rc = 0 ] || [ $rc = 77 ] || [ -n "${QUIET:-}" ] || net_evidence
	net_cleanup
	rm -rf /etc/netns/"$TAG"-*
	exit $rc
}

# Also shields the machine's own resolv.conf: whoever runs there sees this one.
hosts_file() {
	for n in "$@"; do
		mkdir -p "/etc/netns/$TAG-$n"
		printf '127.0.0.1 localhost\n%s %s\n' "${HS_ADDR:-10.77.0.1}" $HS_HOST >"/etc/netns/$TAG-$n/hosts"
		printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"/etc/netns/$TAG-$n/resolv.conf"
	done
}

# A throw-away CA and a certificate for the server's name and address.
ca_make() {
	mkdir -p "$NET_DIR/ca"
	(
		cd "$NET_DIR/ca" || exit 1
		curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
		openssl req -x509 $curve -keyout ca.key -out ca.crt -days 2 -subj "/CN=interop test CA" &&
			openssl req $curve -keyout server.key -out server.csr -subj "/CN=$HS_HOST" &&
			printf 'subjectAltName=DNS:%s,IP:%s\n' $HS_HOST "$1" >ext &&
			openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile ext
	) >"$NET_DIR/openssl.out" 2>&1 || fail "certificates: $(cat "$NET_DIR/openssl.out")"
	SSL_CERT_FILE=$NET_DIR/ca/ca.crt
	export SSL_CERT_FILE
}

hs_config() {
	cat <<-E
		server_url: $HS_URL
		listen_addr: 0.0.0.0:8443
		metrics_listen_addr: 127.0.0.1:9090
		grpc_listen_addr: 127.0.0.1:50443
		grpc_allow_insecure: true
		noise: {private_key_path: $HS_DIR/noise.key}
		prefixes: {v4: 100.64.0.0/10, v6: "fd7a:115c:a1e0::/48", allocation: sequential}
		derp:
		  server:
		    enabled: true
		    region_id: 999
		    region_code: test
		    region_name: Test Relay
		    stun_listen_addr: "0.0.0.0:3478"
		    private_key_path: $HS_DIR/derp.key
		    automatically_add_embedded_derp_region: true
		    ipv4: $HS_ADDR
		  urls: []
		  paths: []
		  auto_update_enabled: false
		  update_frequency: 24h
		disable_check_updates: true
		node: {ephemeral: {inactivity_timeout: 66s}}
		database: {type: sqlite, sqlite: {path: $HS_DIR/db.sqlite, write_ahead_log: true}}
		tls_cert_path: $NET_DIR/ca/server.crt
		tls_key_path: $NET_DIR/ca/server.key
		log: {level: debug}
		policy: {mode: database}
		dns: {magic_dns: true, base_domain: mesh.test, ${HS_DNS:-override_local_dns: false, nameservers: {global: []\}}}
		unix_socket: $HS_DIR/hs.sock
		unix_socket_permission: "0700"
	E
}

hs_start() {
	HS_NS=$1
	HS_ADDR=$2
	HS_URL=https://$HS_HOST:8443
	HS_DIR=$NET_DIR/hs
	mkdir -p "$HS_DIR"
	ca_make "$HS_ADDR"
	hs_config >"$HS_DIR/config.yaml"
	hs_again
	hs users create alice >/dev/null || fail "headscale users create"
	hs users create bob >/dev/null || fail "headscale users create"
}

hs_again() {
	hosts_file "$HS_NS"
	ip netns exec "$TAG-$HS_NS" "$MESH_PEERS/headscale" -c "$HS_DIR/config.yaml" serve >>"$NET_DIR/headscale.log" 2>&1 &
	HS_PID=$!
	NET_PIDS="$NET_PIDS $HS_PID"
	within 20 hs users list >/dev/null || fail "headscale did not start"
}

hs_stop() {
	kill "-${1:-TERM}" "$HS_PID" 2>/dev/null
	wait "$HS_PID" 2>/dev/null
	return 0
}

hs() { timeout 20 "$MESH_PEERS/headscale" -c "$HS_DIR/config.yaml" --force "$@" 2>>"$NET_DIR/hs-cli.log"; }

hs_key() {
	again=--reusable
	[ -z "${HS_ONCE:-}" ] || again=
	case " $* " in *' --tags'*) owner= ;; *) owner="--user ${HS_USER:-1}" ;; esac
	hs preauthkeys create $owner $again --expiration 2h "$@" | tail -n 1
}

# One field of the server's list of nodes, by host name: hs_node NAME EXPRESSION (python, of the dict n).
hs_node() {
	hs nodes list -o json | python3 -c '
import json, sys
name, expr = sys.argv[1:]
for n in json.load(sys.stdin):
    if n["givenName"] == name:
        print(eval(expr))
        sys.exit(0)
sys.exit(1)' "$1" "$2"
}

hs_id() { hs_node "$1" 'n["id"]'; }
hs_policy() {
	printf '%s\n' "$1" >"$NET_DIR/policy.json"
	hs policy set -f "$NET_DIR/policy.json"
}
hs_approve() { hs nodes approve-routes -i "$(hs_id "$1")" -r "$2"; }

ts_spawn() {
	hosts_file "$1"
	mkdir -p "$NET_DIR/$1.ts"
	TS_NO_LOGS_NO_SUPPORT=1 $IN_NS "$TAG-$1" "$MESH_PEERS/tailscaled" --no-logs-no-support --state="$NET_DIR/$1.ts/state" \
		--statedir="$NET_DIR/$1.ts" --socket="$NET_DIR/$1.ts/sock" --port=41641 --tun="ts0" ${TS_FLAGS:-} \
		>>"$NET_DIR/$1.log" 2>&1 &
	eval "PID_$1=$!"
	NET_PIDS="$NET_PIDS $!"
}

ts_start() {
	ts_spawn "$1"
	within 15 test -S "$NET_DIR/$1.ts/sock" >/dev/null || fail "tailscaled $1 did not start"
}

ts_stop() { node_stop "$@"; }

ts() {
	ts_name=$1
	shift
	in_ns "$ts_name" timeout 60 "$MESH_PEERS/tailscale" --socket="$NET_DIR/$ts_name.ts/sock" "$@"
}

ts_up() {
	up_name=$1
	shift
	ts "$up_name" up --login-server="${UP_URL:-$HS_URL}" --authkey="$(${UP_KEY:-hs_key})" --hostname="$up_name" \
		--accept-dns=false --timeout=30s "$@" || fail "tailscale up on $up_name"
}

m_start() {
	hosts_file "$1"
	node_start "$@"
}

m_up() {
	up_name=$1
	shift
	ctl "$up_name" up --login-server="${UP_URL:-$HS_URL}" --authkey="$(${UP_KEY:-hs_key})" --hostname="$up_name" \
		--accept-dns=false --timeout=30s "$@" || fail "meshctl up on $up_name"
}

ts_state() { ts "$1" status --json | sed -n 's/.*"BackendState": "\(.*\)".*/\1/p'; }
m_state() { ctl "$1" status --json | sed -n 's/.*"BackendState": "\(.*\)".*/\1/p'; }

# ICMP inside the tunnel, and every byte of a file through a TCP connection.
pings() { in_ns "$1" ping -c "${3:-1}" -i 0.2 -W 2 -q "$2"; }
no_loss() { lossless "$1" "$2" "${3:-10}" 0.2; }
copies() { # FROM TO ADDRESS_OF_TO BYTES
	head -c "$4" /dev/urandom >"$NET_DIR/sent"
	rm -f "$NET_DIR/got"
	sh "$ROOT/tests/lib/tcp_copy.sh" "$TAG-$2" "$3" "$TAG-$1" "$NET_DIR/sent" "$NET_DIR/got" &&
		cmp "$NET_DIR/sent" "$NET_DIR/got"
}
