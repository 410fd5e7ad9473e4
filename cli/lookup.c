/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lookup.h"

#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/status_view.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool decode_first_ip(const json_t *peer, struct ip *ip)
{
	return ip_decode(span_str(peer_first_ip(peer)), ip) == 0;
}

static bool find_in_status(const json_t *status, const char *host, struct lookup *out)
{
	const char *suffix = status_suffix(status);
	json_t *self = j_get(status, "Self"), *peers = j_get(status, "Peer");
	for (void *it = j_is_object(peers) ? j_iter(peers) : NULL; it; it = j_iter_next(peers, it))
		if (peer_is_named(j_iter_value(it), suffix, host) &&
		    decode_first_ip(j_iter_value(it), &out->ip))
			return true;
	out->self = peer_is_named(self, suffix, host) && decode_first_ip(self, &out->ip);
	return out->self;
}

static int ask_system(const char *host, struct lookup *out, char **why)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &list);
	if (rc) {
		*why = xasprintf("error looking up IP of \"%s\": %s", host, gai_strerror(rc));
		return -1;
	}
	if (list->ai_family == AF_INET) {
		struct sockaddr_in a;
		memcpy(&a, list->ai_addr, sizeof(a));
		out->ip = ip_from_bytes(span_of(&a.sin_addr, 4));
	} else {
		struct sockaddr_in6 a;
		memcpy(&a, list->ai_addr, sizeof(a));
		out->ip = ip_from_bytes(span_of(&a.sin6_addr, 16));
	}
	freeaddrinfo(list);
	return 0;
}

int lookup_host(struct cli *c, const char *host, struct lookup *out, char **why)
{
	*out = (struct lookup){ .self = false };
	if (ip_decode(span_str(host), &out->ip) == 0)
		return 0;
	json_t *status = lapi_status(c, true, false, why);
	if (!status)
		return -1;
	bool found = find_in_status(status, host, out);
	j_free(status);
	return found ? 0 : ask_system(host, out, why);
}
