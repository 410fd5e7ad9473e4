#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#            ┌─ ra (NAT) ─┐
#   alice ───┤            ├─ internet ─ coord (control, relay, STUN), bob
#            └─ rb (NAT) ─┘
# alice has two uplinks. TCP connections through the tunnel, one in each direction, run on while the default route moves
# from one to the other and back, while addresses change, a carrier is lost and an interface goes away, and none of them
# is silent for long.
# SILENCE_MS (default 3000, the aim) is judged on top of what the machine itself makes everything wait.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_flow.sh"
flow_need
net_init
net_host coord 1
net_router ra 2 easy 1
net_router rb 3 easy 2
net_host bob 12
net_lan_host alice ra 1 10
net_cable alice eth1 rb-lan
in_ns alice ip addr add 192.168.2.10/24 dev eth1
coord_start coord 10.77.0.1
for n in alice bob; do
	node_start $n
	node_up $n --accept-dns=false
done
A=$(node_ip alice) B=$(node_ip bob)

# The router behind which bob reaches alice directly: 2 or 3.
router() { ctl bob status | sed -n 's/.* alice .*direct 10\.77\.0\.\([23]\):.*/\1/p'; }
direct_by() { ctl bob ping --c=1 --until-direct=false --timeout=2s "$A" >/dev/null && [ "$(router)" = "$1" ]; }
direct() { direct_by 2 || direct_by 3; }
default_by() { # ROUTER: the route moves there in one step
	in_ns alice ip route replace default via "192.168.$(($1 - 1)).1" dev "eth$(($1 - 2))"
}
changes() { grep -c 'network changed' "$NET_DIR/alice.log"; }
changed() { [ "$(changes)" -gt "$1" ]; }

wait_for 20 can_ping alice "$B" || fail "no path"
wait_for 30 direct_by 2 || fail "no direct path by the first uplink"
flow_start up alice bob "$B"
flow_start down bob alice "$A"

step() { # NAME command...: it is noticed, the flows go on, and by a direct path
	flow_event "$1"
	what=$1 before=$(changes)
	shift
	"$@" || fail "$what"
	wait_for 30 changed "$before" || fail "$what: not noticed"
	flows_move "$what"
}

# Both uplinks work; what comes back may stay on the first.
step "the default route moves" default_by 3
wait_for 30 direct || fail "the default route moved: no direct path"
step "and back" default_by 2
wait_for 30 direct || fail "the default route moved back: no direct path"

# From here on it is the uplink that carries the traffic of both directions which goes away, and the other that is left.
lose() { # NAME command DEVICE-NUMBER...
	dead=$(router)
	left=$((5 - dead))
	step "$1" "$2" $((dead - 2))
	wait_for 30 direct_by $left || fail "$1: no direct path by the uplink that is left"
	flows_move "$1, direct"
}
lan_of() { [ "$1" = 0 ] && echo ra-lan || echo rb-lan; }
unplug() { in_ns "$(lan_of "$1")" ip link set p-alice down && default_by $left; }
plug() { in_ns "$(lan_of "$1")" ip link set p-alice up; }
lose "a carrier lost" unplug
plug $((dead - 2))
lose "the other carrier lost" unplug
plug $((dead - 2))

# The same card comes back: with another hardware address its neighbours would not find it for half a minute.
remove() {
	mac=$(in_ns alice ip link show "eth$1" | sed -n 's/.*ether \([0-9a-f:]*\).*/\1/p')
	in_ns alice ip link del "eth$1" && default_by $left
}
lose "an interface removed" remove
n=$((dead - 2))
insert() {
	net_cable alice "eth$n" "$(lan_of $n)" && in_ns alice ip link set "eth$n" address "$mac" && in_ns alice ip addr add "192.168.$((n + 1)).10/24" dev "eth$n" &&
		default_by "$dead"
}
step "that interface added" insert
wait_for 30 direct || fail "interface added: no direct path"

# A lease that is not renewed: the address and all that hangs on it goes, another one comes.
readdress() {
	lan=192.168.$(($1 + 1))
	in_ns alice ip addr flush dev "eth$1" && in_ns alice ip addr add "$lan.77/24" dev "eth$1" && default_by "$dead"
}
lose_address() {
	dead=$(router)
	default_by "$dead"
	sleep 2 # that is a change of its own
	step "another address" readdress $((dead - 2))
	wait_for 30 direct || fail "another address: no direct path"
}
lose_address
flow_event end
sleep 1
flows_end
