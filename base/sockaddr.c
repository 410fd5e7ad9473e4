/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sockaddr.h"

#include <netinet/in.h>

socklen_t sockaddr_from_ep(struct ep e, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (e.ip.fam == IP_V4) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(e.port) };

		memcpy(&in.sin_addr, e.ip.b, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (e.ip.fam == IP_V6) {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(e.port) };

		memcpy(&in6.sin6_addr, e.ip.b, 16);
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

struct ep sockaddr_to_ep(const struct sockaddr *sa)
{
	struct ep e = { .port = 0 };

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		e.ip = ip_from_bytes(span_of(&in.sin_addr, 4));
		e.port = ntohs(in.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		e.ip = ip_from_bytes(span_of(&in6.sin6_addr, 16));
		e.port = ntohs(in6.sin6_port);
	}
	return e;
}

struct ep sockaddr_of_fd(int fd, bool remote)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(ss);
	int rc = remote ? getpeername(fd, (struct sockaddr *)&ss, &len)
			: getsockname(fd, (struct sockaddr *)&ss, &len);

	if (rc < 0)
		return (struct ep){ .port = 0 };
	return sockaddr_to_ep((const struct sockaddr *)&ss);
}
