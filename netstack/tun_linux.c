/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/tun_linux.h"

#include "netstack/tun_offload_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TUN_NODE "/dev/net/tun"
#define MODPROBE "/sbin/modprobe"
#define PIECES_MAX 1023 /* and the header: IOV_MAX */

bool tun_name_ok(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-";
	size_t len = strlen(name);
	return len > 0 && len < TUN_NAME_MAX && strspn(name, allowed) == len &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

void tun_load_module(void)
{
	if (access(TUN_NODE, F_OK) == 0)
		return;
	static const char *const argv[] = { MODPROBE, "-q", "tun", NULL };
	static const char *const env[] = { NULL };
	pid_t pid;
	if (posix_spawn(&pid, MODPROBE, NULL, NULL, (char *const *)(uintptr_t)argv,
			(char *const *)(uintptr_t)env) != 0)
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int open_node(void)
{
	return open(TUN_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

static int say(struct tun_error *err, int rc, const char *name, const char *what)
{
	snprintf(err->text, sizeof(err->text), "interface %s: %s", name, what);
	return rc;
}

/* From errno. */
static int explain(struct tun_error *err, const char *name)
{
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return say(err, -ERR_NOENT, name,
			   TUN_NODE " is missing. Type: modprobe tun (for a container: give it "
				    "--device " TUN_NODE ")");
	case EPERM:
	case EACCES:
		return say(err, -ERR_PERM, name,
			   "not permitted. Start as root or with the capability CAP_NET_ADMIN");
	case EBUSY:
		return say(
		    err, -ERR_BUSY, name,
		    "another process has it. Stop that one, or choose another name with --tun");
	case EINVAL:
		return say(err, -ERR_EXIST, name,
			   "exists and is no TUN device. Choose another name with --tun");
	default:
		snprintf(err->text, sizeof(err->text), "interface %s: %s", name, strerror(errno));
		return -ERR_IO;
	}
}

static int attach(int fd, const char *name, short flags, struct ifreq *req)
{
	*req = (struct ifreq){ .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags) };
	memcpy(req->ifr_name, name, strlen(name));
	return ioctl(fd, TUNSETIFF, req);
}

int tun_open(const char *name, uint32_t off, struct tun *t, struct tun_error *err)
{
	struct ifreq req;
	short flags = off & TUN_VNET ? 0 : IFF_VNET_HDR;
	if (!tun_name_ok(name))
		return say(err, -ERR_RANGE, "(name)",
			   "a name is 1 to 15 letters, digits, '_', '.' or '-'");
	int fd = open_node();
	if (fd < 0)
		return explain(err, name);
	if (attach(fd, name, flags, &req) < 0) {
		int rc = explain(err, name);
		close(fd);
		return rc;
	}
	*t = (struct tun){ .fd = fd };
	memcpy(t->name, req.ifr_name, sizeof(t->name));
	tun_offload_start(t, off);
	return 0;
}

int tun_remove_orphan(const char *name)
{
	struct tun_error ignored;
	struct ifreq req;
	int fd = open_node(), rc = 0;
	if (fd < 0)
		return explain(&ignored, name);
	if (attach(fd, name, 0, &req) < 0)
		rc = errno == EBUSY || errno == EINVAL ? 0 : explain(&ignored, name);
	else
		ioctl(fd, TUNSETPERSIST, 0);
	close(fd);
	return rc;
}

void tun_close(struct tun *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

/* ---- packets ---- */

int tun_read(struct tun *t, struct mspan *room)
{
	for (;;) {
		ssize_t len = read(t->fd, room->p, room->len);
		if (len >= 0) {
			room->len = (size_t)len;
			return 1;
		}
		if (errno == EAGAIN)
			return 0;
		if (errno != EINTR) /* EBADFD: the device was deleted under us */
			return errno == EBADFD ? -ERR_CLOSED : -ERR_IO;
	}
}

/* From errno. */
static int refused(void)
{
	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
		return 0;
	case EBADFD:
	case EBADF:
		return -ERR_CLOSED;
	default: /* EINVAL: not IP, or no super-packets here; EIO: link down; ENOMEM */
		return -ERR_RANGE;
	}
}

int tun_write(struct tun *t, const struct vnet *h, const struct span *pieces, size_t n)
{
	uint8_t hdr[VNET_HDR_LEN];
	struct iovec v[1 + PIECES_MAX];
	int k = 0;
	if (n > PIECES_MAX)
		return -ERR_RANGE;
	if (t->vnet) {
		static const struct vnet plain;
		vnet_put(hdr, h ? h : &plain);
		v[k++] = (struct iovec){ hdr, sizeof(hdr) };
	}
	for (size_t i = 0; i < n; i++)
		v[k++] = (struct iovec){ (void *)(uintptr_t)pieces[i].p, pieces[i].len };
	while (writev(t->fd, v, k) < 0)
		if (errno != EINTR)
			return refused();
	return 1;
}
