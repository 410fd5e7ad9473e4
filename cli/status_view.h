/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status_view.h: questions that several verbs ask of a Status. Pure. */
#ifndef CLI_STATUS_VIEW_H
#define CLI_STATUS_VIEW_H

#include "base/json.h"
#include "base/mono.h"

bool status_is(const json_t *status, const char *backend_state);
/* Running or Starting; else *why is the description of the state (new). */
bool status_usable(const json_t *status, char **why);
/* Peers sorted by DNSName, HostName, first IP, key: new array of borrowed peers, *n of them (free).
 */
json_t **status_sorted_peers(const json_t *status, size_t *n);
const char *peer_dns_name(const json_t *peer); /* "" if none */
const char *peer_first_ip(const json_t *peer); /* "" if none */
/* Whether name is the peer's short name or full name, with or without the dot, any case. */
bool peer_is_named(const json_t *peer, const char *suffix, const char *name);
bool peer_has_ip(const json_t *peer, struct ip ip);
/* DNSName without the network's suffix and dot; borrowed view */
struct span peer_short_name(const json_t *peer, const char *suffix);
const char *status_suffix(const json_t *status);
/* ", last seen 5m ago" or ""; appended. */
void peer_last_seen(const json_t *peer, wall_t now, struct buf *out);
/* The IP of a peer that has this StableID; NULL if none. */
const char *status_ip_of_id(const json_t *status, const char *stable_id);

#endif
