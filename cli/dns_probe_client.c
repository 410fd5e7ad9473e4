/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/dns_probe_client.h"

#include "base/mono.h"
#include "base/rng.h"
#include "base/sockaddr.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_PORT 53
#define QUERY_MAX 300
#define TRIES 3

/* Bytes written, 0: not a name. */
static size_t query_build(const char *name, uint16_t id, uint8_t room[static QUERY_MAX])
{
	struct wr w = wr_init(mspan_of(room, QUERY_MAX));
	wr_be16(&w, id);
	wr_be16(&w, 0x0100); /* RD */
	wr_be16(&w, 1);
	wr_zero(&w, 6);
	for (size_t n; *name; name += n + (name[n] == '.')) {
		n = strcspn(name, ".");
		if (n == 0 || n > 63)
			return 0;
		wr_u8(&w, (uint8_t)n);
		wr_bytes(&w, name, n);
	}
	wr_u8(&w, 0);
	wr_be16(&w, 1); /* A */
	wr_be16(&w, 1); /* IN */
	return wr_ok(&w) ? wr_len(&w) : 0;
}

static int open_to(struct ip ip)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_ep((struct ep){ ip, DNS_PORT }, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_answer(const uint8_t *reply, ssize_t n, const uint8_t *query, size_t len)
{
	return n >= 12 && memcmp(reply, query, 2) == 0 && reply[2] & 0x80 &&
	       ((size_t)n < len || memcmp(reply + 12, query + 12, len - 12) == 0);
}

static bool answered(int fd, const uint8_t *query, size_t len, int64_t ms)
{
	uint8_t reply[1500];
	mono_t end = mono_add_ms(mono_now(), ms);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	for (;;) {
		int64_t left = mono_diff_ns(end, mono_now()) / NS_PER_MS;
		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		ssize_t n = recv(fd, reply, sizeof(reply), 0);
		if (n < 0) /* refused: nobody is there */
			return false;
		if (is_answer(reply, n, query, len))
			return true;
	}
}

bool dns_probe(struct ip server, const char *name, int timeout_ms)
{
	uint8_t query[QUERY_MAX], id[2];
	bool ok = false;
	rng_fill(rng_system(), id, sizeof(id));
	size_t len = query_build(name, (uint16_t)(id[0] << 8 | id[1]), query);
	int fd = len ? open_to(server) : -1;
	if (fd < 0)
		return false;
	for (int i = 0; i < TRIES && !ok; i++)
		ok = send(fd, query, len, 0) == (ssize_t)len &&
		     answered(fd, query, len, timeout_ms / TRIES);
	close(fd);
	return ok;
}
