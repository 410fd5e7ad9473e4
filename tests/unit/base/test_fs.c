/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* An empty directory each; the tests work inside it. */
static int enter(void **state)
{
	char dir[] = "/tmp/fs-test-XXXXXX";
	umask(077);
	if (!mkdtemp(dir) || chdir(dir))
		return -1;
	*state = xstrdup(dir);
	return 0;
}

static int leave(void **state)
{
	char *argv = xasprintf("rm -rf '%s'", (char *)*state);
	int rc = chdir("/") || system(argv);
	free(argv);
	free(*state);
	return rc;
}

static void holds(const char *path, const char *want)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	assert_int_equal(fs_read(path, &b), 0);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = -2; /* . and .. */
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static unsigned mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void writes_and_replaces(void **state)
{
	(void)state;
	assert_int_equal(fs_write_atomic("f", span_str("one"), 0644), 0);
	holds("f", "one");
	assert_int_equal(mode_of("f"), 0644); /* whatever the umask */
	assert_int_equal(fs_write_atomic("./f", span_str(""), 0600), 0);
	holds("f", "");
	assert_int_equal(mode_of("f"), 0600);
	assert_int_equal(entries("."), 1);
}

static void replaces_a_link_not_its_target(void **state)
{
	(void)state;
	assert_int_equal(fs_write_atomic("target", span_str("keep"), 0600), 0);
	assert_int_equal(symlink("target", "link"), 0);
	assert_int_equal(fs_write_atomic("link", span_str("new"), 0600), 0);
	holds("target", "keep");
	holds("link", "new");
}

/* The disk is full in the middle: the old file stays whole, nothing is left lying about. */
static void failed_write_leaves_the_old_file(void **state)
{
	(void)state;
	struct rlimit old, small = { 100, 100 };
	char *big = xcalloc(5000, 1);
	assert_int_equal(fs_write_atomic("f", span_str("old"), 0600), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	int rc = fs_write_atomic("f", span_of(big, 5000), 0600);
	setrlimit(RLIMIT_FSIZE, &old);
	free(big);
	assert_int_equal(rc, -ERR_IO);
	holds("f", "old");
	assert_int_equal(entries("."), 1);
}

static void failed_rename_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(fs_write_atomic("d", span_str("x"), 0600), -ERR_IO);
	assert_int_equal(entries("."), 1);
	assert_int_equal(fs_write_atomic("none/f", span_str("x"), 0600), -ERR_NOENT);
}

static void no_permission(void **state)
{
	(void)state;
	struct buf b;
	if (geteuid() == 0)
		skip();
	assert_int_equal(mkdir("d", 0500), 0);
	assert_int_equal(fs_write_atomic("d/f", span_str("x"), 0600), -ERR_PERM);
	assert_int_equal(fs_write_atomic("f", span_str("x"), 0), 0);
	buf_init(&b, 10);
	assert_int_equal(fs_read("f", &b), -ERR_PERM);
	buf_fini(&b);
}

static void reads_to_the_ceiling(void **state)
{
	(void)state;
	struct buf b;
	char *big = xcalloc(40001, 1);
	memset(big, 'x', 40000);
	assert_int_equal(fs_write_atomic("f", span_str(big), 0600), 0);
	buf_init(&b, 40000);
	assert_int_equal(fs_read("f", &b), 0);
	assert_true(span_eq_str(buf_span(&b), big));
	buf_fini(&b);
	buf_init(&b, 39999);
	assert_int_equal(fs_read("f", &b), -ERR_TOOBIG);
	buf_fini(&b);
	buf_init(&b, 0);
	assert_int_equal(fs_read("f", &b), -ERR_TOOBIG);
	buf_fini(&b);
	free(big);
}

static void read_errors(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 10);
	assert_int_equal(fs_read("none", &b), -ERR_NOENT);
	assert_int_equal(fs_read("none/none", &b), -ERR_NOENT);
	assert_int_equal(fs_read(".", &b), -ERR_IO);
	assert_int_equal(fs_write_atomic("f", span_str("x"), 0600), 0);
	assert_int_equal(fs_read("f/below", &b), -ERR_NOENT);
	/* endless, but the ceiling ends it */
	assert_int_equal(fs_read("/dev/zero", &b), -ERR_TOOBIG);
	buf_fini(&b);
}

static void a_pipe_without_a_writer_is_empty(void **state)
{
	(void)state;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	alarm(20);
	holds("pipe", "");
	/* One that somebody has is waited for. */
	int rw = open("pipe", O_RDWR | O_CLOEXEC);
	assert_true(rw >= 0);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(100000);
		_exit(write(rw, "x", 1) == 1 ? 0 : 1);
	}
	close(rw);
	holds("pipe", "x");
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	alarm(0);
}

static void leftovers_of_a_killed_write_go(void **state)
{
	static const char *const stay[] = { "s",
					    "s.12345678.tmp.x",
					    "s.1234567.tmp",
					    "s.1234567g.tmp",
					    "t.12345678.tmp",
					    "s.123456789.tmp" };
	(void)state;
	assert_int_equal(fs_write_atomic("s.0abcdef9.tmp", span_str("half"), 0600), 0);
	for (size_t i = 0; i < ARRAY_LEN(stay); i++)
		assert_int_equal(fs_write_atomic(stay[i], span_str("x"), 0600), 0);
	fs_drop_temps("s");
	assert_int_equal(entries("."), ARRAY_LEN(stay));
	assert_int_equal(access("s.0abcdef9.tmp", F_OK), -1);
	fs_drop_temps("none/s");
}

static void makes_directories(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdir("a", 0755), 0);
	assert_int_equal(mode_of("a"), 0755);
	assert_int_equal(fs_mkdir("a", 0700), 0); /* existing stays as it is */
	assert_int_equal(mode_of("a"), 0755);
	assert_int_equal(fs_mkdir("b/c", 0700), 0);
	assert_int_equal(mode_of("b"), 0700);
	assert_int_equal(mode_of("b/c"), 0700);
	assert_int_equal(fs_mkdir("x/y/z", 0700), -ERR_NOENT);
	assert_int_equal(entries("."), 2);
	assert_int_equal(fs_write_atomic("f", span_str(""), 0600), 0);
	assert_int_equal(fs_mkdir("f", 0700), -ERR_EXIST);
	assert_int_equal(symlink("nowhere", "l"), 0);
	assert_int_equal(fs_mkdir("l", 0700), -ERR_NOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_and_replaces, enter, leave),
		cmocka_unit_test_setup_teardown(replaces_a_link_not_its_target, enter, leave),
		cmocka_unit_test_setup_teardown(failed_write_leaves_the_old_file, enter, leave),
		cmocka_unit_test_setup_teardown(failed_rename_leaves_nothing, enter, leave),
		cmocka_unit_test_setup_teardown(no_permission, enter, leave),
		cmocka_unit_test_setup_teardown(reads_to_the_ceiling, enter, leave),
		cmocka_unit_test_setup_teardown(read_errors, enter, leave),
		cmocka_unit_test_setup_teardown(a_pipe_without_a_writer_is_empty, enter, leave),
		cmocka_unit_test_setup_teardown(leftovers_of_a_killed_write_go, enter, leave),
		cmocka_unit_test_setup_teardown(makes_directories, enter, leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
