/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_answer: a name server that is never the narrow place: every A question has the answer
 * 192.0.2.1, others none.
 *
 *   dns_answer --listen IP [--port 53] [--ttl SECONDS]
 *
 * Runs until a signal ends it; prints how many it answered. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define MESSAGE_MAX 1232
#define HEADER_LEN 12
#define SOCKET_ROOM (8 << 20)

static volatile sig_atomic_t over;

static void die(const char *what)
{
	fprintf(stderr, "dns_answer: %s\n", what);
	exit(2);
}

static void on_signal(int sig)
{
	(void)sig;
	over = 1;
}

/* Where the first question ends; 0: there is none. */
static size_t question_end(const uint8_t *p, size_t n)
{
	size_t at = HEADER_LEN;
	if (n < HEADER_LEN || p[2] & 0x80 || p[4] || p[5] != 1)
		return 0;
	while (at < n && p[at] && p[at] < 64)
		at += p[at] + (size_t)1;
	return at + 5 <= n && p[at] == 0 ? at + 5 : 0;
}

/* The query becomes its answer; returns the length, 0: none. */
static size_t answer(uint8_t *p, size_t n, uint32_t ttl)
{
	const uint8_t rr[] = { 0xc0,
			       HEADER_LEN,
			       0,
			       1,
			       0,
			       1,
			       (uint8_t)(ttl >> 24),
			       (uint8_t)(ttl >> 16),
			       (uint8_t)(ttl >> 8),
			       (uint8_t)ttl,
			       0,
			       4,
			       192,
			       0,
			       2,
			       1 };
	size_t end = question_end(p, n);
	if (end == 0 || end + sizeof(rr) > MESSAGE_MAX)
		return 0;
	bool is_a = p[end - 4] == 0 && p[end - 3] == 1;
	p[2] = (uint8_t)(0x84 | (p[2] & 1));
	p[3] = 0x80;
	memset(p + 6, 0, 6);
	p[7] = is_a;
	if (is_a)
		memcpy(p + end, rr, sizeof(rr));
	return end + (is_a ? sizeof(rr) : 0);
}

static int udp_open(struct in_addr ip, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = ip };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = SOCKET_ROOM;
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		die(strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return fd;
}

static uint64_t serve(int fd, uint32_t ttl)
{
	static uint8_t room[BATCH][MESSAGE_MAX];
	static struct sockaddr_in from[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
	uint64_t n_answered = 0;
	while (!over) {
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ room[i], MESSAGE_MAX };
			m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
							.msg_namelen = sizeof(from[i]),
							.msg_iov = &iov[i],
							.msg_iovlen = 1 };
		}
		int n = recvmmsg(fd, m, BATCH, MSG_WAITFORONE, NULL), keep = 0;
		for (int i = 0; i < n; i++) {
			iov[i].iov_len = answer(room[i], m[i].msg_len, ttl);
			if (iov[i].iov_len)
				m[keep++] = m[i];
		}
		for (int done = 0; done < keep;) {
			int k = sendmmsg(fd, m + done, (unsigned)(keep - done), 0);
			done += k < 0 ? 1 : k;
		}
		n_answered += (uint64_t)keep;
	}
	return n_answered;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "listen", 1, NULL, 'l' }, { "port", 1, NULL, 'p' }, { "ttl", 1, NULL, 't' }, { 0 }
	};
	struct in_addr ip = { 0 };
	unsigned long port = 53, ttl = 300;
	int c;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'l' && inet_pton(AF_INET, optarg, &ip) != 1)
			die("bad address");
		else if (c == 'p')
			port = strtoul(optarg, NULL, 10);
		else if (c == 't')
			ttl = strtoul(optarg, NULL, 10);
		else if (c != 'l')
			return 2;
	}
	if (!ip.s_addr || port < 1 || port > 65535)
		die("needs --listen");
	struct sigaction sa = { .sa_handler = on_signal };
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	int fd = udp_open(ip, (uint16_t)port);
	printf("answered %llu\n", (unsigned long long)serve(fd, (uint32_t)ttl));
	close(fd);
	return 0;
}
