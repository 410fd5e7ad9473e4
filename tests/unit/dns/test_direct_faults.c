/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk that is full, a folder or a file that cannot be written, a file that is a mount of its
 * own: each in a mount namespace of its own. What was there stays, and the reason is said. */
#include "tests/lib/cm.h"

#include "tests/unit/dns/etc_root.h"

#include "base/crypto/crypto.h"
#include "dns/direct_file_io.h"

#include <errno.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define OURS "# Written by meshd: meshd-dns-7c1e4d93\nnameserver 100.100.100.100\n"
#define THEIRS "nameserver 192.168.1.1\n"

static struct etc_root root;

/* ---- one of them, in a process of its own ------------------------------------------------ */

enum { FINE, NOT_HERE = 77 };

static int run(int (*act)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) != 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount("tmpfs", root.etc, "tmpfs", 0, "mode=755,size=16k") != 0)
			_exit(NOT_HERE);
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_HERE)
		skip();
	return WEXITSTATUS(status);
}

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #cond);                         \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static char said[DNS_OS_TEXT_MAX];

static int put(const char *text)
{
	struct direct_file f;
	int rc = direct_file_open(&f, root.etc);
	if (rc == 0)
		rc = direct_file_put(&f, span_str(text), said);
	direct_file_close(&f);
	return rc;
}

static int restore(enum direct_end *end)
{
	struct direct_file f;
	int rc = direct_file_open(&f, root.etc);
	if (rc == 0)
		rc = direct_file_restore(&f, end, said);
	direct_file_close(&f);
	return rc;
}

static bool only_theirs(void)
{
	char *now = etc_dump(&root);
	bool yes = strcmp(now, "resolv.conf 100644\n" THEIRS "\n--\n") == 0;
	if (!yes)
		fprintf(stderr, "etc is\n%s", now);
	free(now);
	return yes;
}

/* ---- what can be wrong ------------------------------------------------------------------ */

static void fill_disk(size_t leave)
{
	static const char page[4096];
	char *path = etc_path(&root, "etc/.filler");
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	off_t size = 0;
	for (ssize_t n; (n = write(fd, page, sizeof(page))) > 0;)
		size += n;
	(void)!ftruncate(fd, size - (off_t)(leave * sizeof(page)));
	close(fd);
	free(path);
}

/* Room for nothing, for the journal, for the journal and one more: each step may be the one. */
static int full_disk(void)
{
	enum direct_end end;
	for (size_t pages = 0; pages < 2; pages++) {
		etc_put(&root, "etc/resolv.conf", THEIRS, 0644);
		fill_disk(pages);
		MUST(put(OURS) == -ERR_IO && strstr(said, "make room"));
		MUST(only_theirs());
		MUST(restore(&end) == 0 && end == DIRECT_NOTHING);
		MUST(only_theirs());
	}
	etc_drop(&root, "etc/.filler");
	MUST(put(OURS) == 0);
	fill_disk(0);
	MUST(restore(&end) == 0 && end == DIRECT_RESTORED); /* needs no room */
	MUST(only_theirs());
	return FINE;
}

static int read_only(void)
{
	enum direct_end end;
	etc_put(&root, "etc/resolv.conf", THEIRS, 0644);
	if (mount(NULL, root.etc, NULL, MS_REMOUNT | MS_RDONLY, "size=16k") != 0)
		return NOT_HERE;
	MUST(put(OURS) == -ERR_PERM && strstr(said, "Read-only") && strstr(said, "writable"));
	MUST(only_theirs());
	MUST(restore(&end) == 0 && end == DIRECT_NOTHING);
	return FINE;
}

static bool set_immutable(const char *path, bool on)
{
	int flags, fd = open(path, O_RDONLY);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
		return false;
	flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	bool done = ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	close(fd);
	return done;
}

static int immutable(void)
{
	enum direct_end end;
	umount(root.etc); /* the file system below may know the flag where this one does not */
	etc_put(&root, "etc/resolv.conf", THEIRS, 0644);
	char *path = etc_path(&root, "etc/resolv.conf");
	if (!set_immutable(path, true))
		return NOT_HERE;
	int rc = put(OURS);
	bool same = only_theirs();
	int restored = restore(&end);
	set_immutable(path, false);
	MUST(rc == -ERR_PERM);
	MUST(same && restored == 0 && end == DIRECT_NOTHING);
	MUST(only_theirs());
	free(path);
	return FINE;
}

static bool bind_file(void)
{
	etc_put(&root, "run/mounted", THEIRS, 0644);
	etc_put(&root, "etc/resolv.conf", "", 0644);
	char *from = etc_path(&root, "run/mounted"), *to = etc_path(&root, "etc/resolv.conf");
	bool done = mount(from, to, NULL, MS_BIND, NULL) == 0;
	free(from);
	free(to);
	return done;
}

static int mount_of_its_own(void)
{
	enum direct_end end;
	if (!bind_file())
		return NOT_HERE;
	for (int i = 0; i < 2; i++) {
		MUST(put(OURS) == 0);
		MUST(put(OURS "search a.example\n") == 0);
		MUST(restore(&end) == 0 && end == DIRECT_RESTORED);
		MUST(only_theirs());
	}
	etc_put(&root, "run/mounted.new", "", 0644);
	MUST(put(OURS) == 0);
	/* Somebody writes in it. */
	char *path = etc_path(&root, "etc/resolv.conf");
	int fd = open(path, O_WRONLY | O_TRUNC);
	MUST(fd >= 0 && write(fd, "# theirs\n", 9) == 9);
	close(fd);
	free(path);
	MUST(put(OURS) == 0);
	MUST(restore(&end) == 0 && end == DIRECT_RESTORED);
	char *now = etc_dump(&root);
	MUST(strcmp(now, "resolv.conf 100644\n# theirs\n\n--\n") == 0);
	free(now);
	return FINE;
}

static int mount_of_its_own_on_a_full_disk(void)
{
	enum direct_end end;
	if (!bind_file())
		return NOT_HERE;
	fill_disk(0);
	MUST(put(OURS) == -ERR_IO && strstr(said, "make room"));
	MUST(only_theirs());
	MUST(restore(&end) == 0 && end == DIRECT_NOTHING);
	etc_drop(&root, "etc/.filler");
	MUST(put(OURS) == 0);
	fill_disk(1); /* giving back needs a journal */
	MUST(restore(&end) == 0 && end == DIRECT_RESTORED);
	MUST(only_theirs());
	return FINE;
}

static void a_full_disk(void **state)
{
	(void)state;
	assert_int_equal(run(full_disk), FINE);
}
static void a_read_only_folder(void **state)
{
	(void)state;
	assert_int_equal(run(read_only), FINE);
}
static void an_immutable_file(void **state)
{
	(void)state;
	assert_int_equal(run(immutable), FINE);
}
static void a_mount(void **state)
{
	(void)state;
	assert_int_equal(run(mount_of_its_own), FINE);
}
static void a_mount_on_a_full_disk(void **state)
{
	(void)state;
	assert_int_equal(run(mount_of_its_own_on_a_full_disk), FINE);
}

static int make(void **state)
{
	(void)state;
	etc_root_make(&root);
	return crypto_init();
}

static int drop(void **state)
{
	(void)state;
	etc_root_drop(&root);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(a_read_only_folder),
		cmocka_unit_test(an_immutable_file),
		cmocka_unit_test(a_mount),
		cmocka_unit_test(a_mount_on_a_full_disk),
	};
	return cmocka_run_group_tests(tests, make, drop);
}
