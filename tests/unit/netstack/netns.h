/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns.h: a fresh network namespace for each test that needs the kernel. Root only. */
#ifndef TESTS_UNIT_NETSTACK_NETNS_H
#define TESTS_UNIT_NETSTACK_NETNS_H

#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "netstack/kroute_linux.h"
#include "netstack/tun_linux.h"

#include <netlink/socket.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

/* Ends the program with 77 where the tests cannot run. */
static inline void netns_need_root(void)
{
	if (geteuid() != 0) {
		printf("needs root for a network namespace\n");
		exit(77);
	}
	if (unshare(CLONE_NEWNET)) {
		printf("no network namespaces here\n");
		exit(77);
	}
	if (access("/dev/net/tun", R_OK | W_OK)) {
		printf("needs /dev/net/tun\n");
		exit(77);
	}
}

/* The namespace before is left, and with it all that was in it. */
static inline void netns_fresh(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
}

static inline void netns_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* off: steps of offload that are not taken */
static inline struct tun netns_tun_without(const char *name, uint32_t off)
{
	struct tun t;
	struct tun_error err = { "" };
	int rc = tun_open(name, off, &t, &err);
	if (rc)
		printf("%s\n", err.text);
	assert_int_equal(rc, 0);
	return t;
}

static inline struct tun netns_tun(const char *name)
{
	return netns_tun_without(name, 0);
}

#endif
