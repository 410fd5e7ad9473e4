#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Logins that go another way than "up with a key": by URL, a node deleted while it was down (its kept
# network map is worth nothing then), a logout that the server does not hear, key expiry, a changed
# server key.
. "$(dirname "$0")/lib.sh"
net_init
net_host coord 1
net_host alice 11
net_host bob 12
coord_start coord 10.77.0.1

login_page() { sed -n 's,.*/register/\([^ ]*\)$,\1,p' "$NET_DIR/up.out" | tail -n 1; }
page_shown() { [ -n "$(login_page)" ]; }
status_says() { ctl "$1" status 2>&1 | grep -q "$2"; }

node_start alice
in_ns alice "$MESHCTL" --socket "$(node_socket alice)" up --login-server="$COORD_URL" --hostname=alice --timeout=30s \
	>"$NET_DIR/up.out" 2>&1 &
up=$!
wait_for 5 page_shown || fail "no login page"
"$MESHCOORD" node approve-login --state "$COORD_DIR" "$(login_page)" >/dev/null || fail "approve-login"
wait "$up" || fail "up did not end well after the approval"
grep -q 'Success' "$NET_DIR/up.out" || fail "up does not say that it worked"

node_start bob
node_up bob
a=$(node_ip alice)
wait_for 5 can_ping bob "$a" || fail "bob to alice"

node_stop bob
id=$("$MESHCOORD" node list --state "$COORD_DIR" | awk '$2 == "bob" && $1 != "waiting:" { print $1 }')
"$MESHCOORD" node delete --state "$COORD_DIR" "$id" >/dev/null || fail "node delete"
node_start bob
wait_for 10 status_says bob 'Log in at' || fail "deleted while down: status does not ask for a login"
node_up bob
wait_for 5 can_ping bob "$a" || fail "bob to alice after the new login"

coord_stop KILL
ctl bob logout 2>"$NET_DIR/logout.out" && fail "a logout that the server cannot hear says that it worked"
[ -s "$NET_DIR/logout.out" ] || fail "a failed logout does not say why"
coord_again
wait_for 10 ctl bob logout || fail "logout when the server is back"
status_says bob 'Logged out' || fail "status after logout"
node_up bob

id=$("$MESHCOORD" node list --state "$COORD_DIR" | awk '$2 == "bob" && $1 != "waiting:" { print $1 }')
"$MESHCOORD" node expire --state "$COORD_DIR" "$id" >/dev/null || fail "node expire"
wait_for 5 status_says bob 'Logged out' || fail "an expired node does not ask for a login"
can_ping alice "$(ctl alice ip -4 bob)" 2>/dev/null && fail "an expired peer still answers"
node_up bob
wait_for 5 can_ping bob "$a" || fail "bob to alice after expiry"

# A key for one registration, of a node that has one already: it is used once.
i=0
while [ $i -lt 6 ]; do
	id=$("$MESHCOORD" node list --state "$COORD_DIR" | awk '$2 == "bob" && $1 != "waiting:" { print $1 }')
	"$MESHCOORD" node delete --state "$COORD_DIR" "$id" >/dev/null || fail "node delete"
	node_up bob --force-reauth || fail "a one-use key and --force-reauth"
	i=$((i + 1))
done
wait_for 5 can_ping bob "$a" || fail "bob to alice after --force-reauth"

# Another Noise key, same nodes: found out without a restart of meshd.
coord_stop
sed -i 's/\("noise_key": *"privkey:\)......../\1a1b2c3d4/' "$COORD_DIR/meshcoord.json"
grep -q 'privkey:a1b2c3d4' "$COORD_DIR/meshcoord.json" || fail "this test does not find the server key"
coord_again
wait_for 60 sh -c "[ \$('$MESHCOORD' node list --state '$COORD_DIR' | grep -c ' online ') = 2 ]" || fail "the new server key was not taken"
