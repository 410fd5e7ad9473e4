/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking the file and giving it back, stopped after each step that is seen on the disk: what the
 * next start finds, it puts right byte for byte. */
#include "tests/lib/cm.h"

#include "tests/unit/dns/etc_root.h"

#include "base/crypto/crypto.h"
#include "dns/direct_file_io.h"
#include "dns/journal.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define OURS_TEXT(servers) "# Written by meshd: meshd-dns-7c1e4d93\n" servers
#define OURS OURS_TEXT("nameserver 100.100.100.100\n")
#define OURS2 OURS_TEXT("nameserver 100.100.100.100\nsearch tail.example.com\n")
#define TRAMPLE "# by dhcp\nnameserver 172.16.0.1\n"

static struct etc_root root;

/* ---- the file before ------------------------------------------------------------------ */

static void plain(void)
{
	etc_put(&root, "etc/resolv.conf", "nameserver 192.168.1.1\n", 0644);
}
static void odd_mode_no_newline(void)
{
	etc_put(&root, "etc/resolv.conf", "nameserver 192.168.1.1\r\nsearch lan", 0640);
}
static void empty(void)
{
	etc_put(&root, "etc/resolv.conf", "", 0600);
}
static void link_to_file(void)
{
	etc_put(&root, "run/stub.conf", "nameserver 192.168.1.7\n", 0644);
	etc_put_link(&root, "etc/resolv.conf", "../run/stub.conf");
}
static void link_to_nothing(void)
{
	etc_put_link(&root, "etc/resolv.conf", "../run/nowhere");
}
static void no_file(void)
{
}
static void a_megabyte(void)
{
	char *text = xcalloc(1, (1 << 20) + 1);
	memset(text, '#', 1 << 20);
	etc_put(&root, "etc/resolv.conf", text, 0644);
	free(text);
}
static void beside_an_old_backup(void)
{
	plain();
	etc_put(&root, "etc/resolv.pre-meshd-backup.conf", "nameserver 10.9.9.9\n", 0644);
}
static void nothing_beside_an_old_backup(void)
{
	etc_put(&root, "etc/resolv.pre-meshd-backup.conf", "nameserver 10.9.9.9\n", 0644);
}

/* ---- what is done --------------------------------------------------------------------- */

static bool in_place; /* as if on a mount of its own */
static int steps_left;
static char *trampled; /* a file that says that it happened */

static void die_at_step(const char *what)
{
	(void)what;
	if (--steps_left == 0)
		_exit(9);
}

static void open_file(struct direct_file *f)
{
	assert_int_equal(direct_file_open(f, root.etc), 0);
	f->in_place = in_place;
	f->dir.step = steps_left ? die_at_step : NULL;
}

static void put(struct direct_file *f, const char *text)
{
	char said[DNS_OS_TEXT_MAX];
	if (direct_file_put(f, span_str(text), said) != 0)
		_exit(1);
}

static void give_back(struct direct_file *f)
{
	char said[DNS_OS_TEXT_MAX];
	enum direct_end end;
	if (direct_file_restore(f, &end, said) != 0)
		_exit(1);
}

static void take_it(struct direct_file *f)
{
	put(f, OURS);
}
static void take_it_twice(struct direct_file *f)
{
	put(f, OURS);
	put(f, OURS2);
}
static void take_it_and_give_it_back(struct direct_file *f)
{
	put(f, OURS2);
	give_back(f);
}
static void take_it_from_two(struct direct_file *f)
{
	put(f, OURS);
	etc_put(&root, "etc/resolv.conf", TRAMPLE, 0644);
	close(open(trampled, O_CREAT | O_WRONLY, 0600));
	put(f, OURS2);
	give_back(f);
}

/* ---- stopped at each step ------------------------------------------------------------- */

/* True: it came to its end. */
static bool run_until(void (*act)(struct direct_file *), int steps)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct direct_file f;
		steps_left = steps;
		open_file(&f);
		act(&f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	return WEXITSTATUS(status) == 0;
}

static void restore_by_the_next(enum direct_end *end)
{
	struct direct_file f;
	char said[DNS_OS_TEXT_MAX];
	bool was = in_place;
	in_place = false; /* it finds out, or the journal says */
	steps_left = 0;
	open_file(&f);
	assert_int_equal(direct_file_restore(&f, end, said), 0);
	direct_file_close(&f);
	in_place = was;
}

/* The names that are ours are not in etc, and the rest is as wanted. */
static void etc_is(const char *want, const char *about, int step)
{
	char *now = etc_dump(&root);
	if (strcmp(now, want) != 0)
		fail_msg("%s, step %d: etc is\n%s\nnot\n%s", about, step, now, want);
	free(now);
}

/* before() puts it there; left: what must be there at the end, NULL: the same. */
static int stop_everywhere(const char *about, void (*before)(void),
			   void (*act)(struct direct_file *), void (*left)(void))
{
	int steps = 0;
	for (bool done = false; !done; steps++) {
		enum direct_end end;
		etc_empty(root.etc);
		unlink(trampled);
		(left ? left : before)();
		char *want = etc_dump(&root);
		etc_empty(root.etc);
		before();
		done = run_until(act, steps + 1);
		if (access(trampled, F_OK) == 0) {
			free(want);
			want = xasprintf("resolv.conf 100644\n%s\n--\n", TRAMPLE);
		}
		restore_by_the_next(&end);
		etc_is(want, about, steps);
		restore_by_the_next(&end); /* and once more does nothing */
		assert_int_equal(end, DIRECT_NOTHING);
		etc_is(want, about, steps);
		free(want);
	}
	return steps;
}

static void each_act(const char *about, void (*before)(void), void (*left)(void))
{
	assert_true(stop_everywhere(about, before, take_it, left) > 3);
	assert_true(stop_everywhere(about, before, take_it_twice, left) > 5);
	assert_true(stop_everywhere(about, before, take_it_and_give_it_back, left) > 5);
	assert_true(stop_everywhere(about, before, take_it_from_two, left) > 8);
}

static void a_kill_at_any_step_is_put_right(void **state)
{
	(void)state;
	each_act("plain", plain, NULL);
	each_act("no newline", odd_mode_no_newline, NULL);
	each_act("empty", empty, NULL);
	each_act("link", link_to_file, NULL);
	each_act("dangling link", link_to_nothing, NULL);
	each_act("no file", no_file, NULL);
	each_act("a megabyte", a_megabyte, NULL);
	each_act("old backup", beside_an_old_backup, plain);
}

static void a_kill_at_any_step_in_place_is_put_right(void **state)
{
	(void)state;
	in_place = true;
	each_act("plain, in place", plain, NULL);
	each_act("no newline, in place", odd_mode_no_newline, NULL);
	each_act("a megabyte, in place", a_megabyte, NULL);
	each_act("link, in place", link_to_file, NULL);
	in_place = false;
}

/* ---- others --------------------------------------------------------------------------- */

static void *take(const char *text)
{
	static struct direct_file f;
	open_file(&f);
	put(&f, text);
	return &f;
}

static enum direct_end restore_saying(const char *want)
{
	struct direct_file f;
	char said[DNS_OS_TEXT_MAX];
	enum direct_end end;
	open_file(&f);
	assert_int_equal(direct_file_restore(&f, &end, said), 0);
	direct_file_close(&f);
	if (want ? !strstr(said, want) : said[0] != '\0')
		fail_msg("said \"%s\", not \"%s\"", said, want ? want : "");
	return end;
}

static void base_is(const char *want)
{
	struct direct_file f;
	struct buf out;
	buf_init(&out, RESOLVCONF_MAX + 1);
	open_file(&f);
	assert_int_equal(direct_file_base(&f, &out), 0);
	assert_string_equal(buf_cstr(&out), want);
	direct_file_close(&f);
	buf_fini(&out);
}

static int setup(void **state)
{
	(void)state;
	etc_empty(root.etc);
	etc_empty(root.run);
	unlink(trampled);
	in_place = false;
	steps_left = 0;
	return 0;
}

static void what_somebody_else_wrote_stays(void **state)
{
	(void)state;
	plain();
	direct_file_close(take(OURS));
	etc_put(&root, "etc/resolv.conf", TRAMPLE, 0644);
	assert_int_equal(restore_saying(NULL), DIRECT_LEFT);
	etc_is("resolv.conf 100644\n" TRAMPLE "\n--\n", "left", 0);
}

static void what_somebody_edited_is_kept_aside(void **state)
{
	(void)state;
	plain();
	direct_file_close(take(OURS));
	etc_put(&root, "etc/resolv.conf", OURS "nameserver 9.9.9.9\n", 0644);
	assert_int_equal(restore_saying("resolv.meshd-edited-1.conf"), DIRECT_RESTORED);
	etc_is("resolv.conf 100644\nnameserver 192.168.1.1\n\n--\n"
	       "resolv.meshd-edited-1.conf 100644\n" OURS "nameserver 9.9.9.9\n\n--\n",
	       "edited", 0);
}

static void an_edit_is_kept_aside_when_it_is_taken_again(void **state)
{
	(void)state;
	plain();
	struct direct_file *f = take(OURS);
	etc_put(&root, "etc/resolv.conf", OURS "options rotate\n", 0644);
	put(f, OURS2);
	assert_true(direct_file_is(f, span_str(OURS2)));
	direct_file_close(f);
	assert_int_equal(restore_saying(NULL), DIRECT_RESTORED);
	etc_is("resolv.conf 100644\nnameserver 192.168.1.1\n\n--\n"
	       "resolv.meshd-edited-1.conf 100644\n" OURS "options rotate\n\n--\n",
	       "edited", 0);
}

static void a_lost_backup_is_in_the_journal(void **state)
{
	(void)state;
	static void (*const before[])(void) = { plain, link_to_file, odd_mode_no_newline };
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		setup(NULL);
		before[i]();
		char *want = etc_dump(&root);
		direct_file_close(take(OURS));
		etc_drop(&root, "etc/resolv.pre-meshd-backup.conf");
		if (i == 0)
			base_is("nameserver 192.168.1.1\n");
		assert_int_equal(restore_saying(NULL), DIRECT_RESTORED);
		etc_is(want, "lost backup", (int)i);
		free(want);
	}
}

static void a_lost_journal_is_done_without(void **state)
{
	(void)state;
	link_to_file();
	char *want = etc_dump(&root);
	direct_file_close(take(OURS));
	etc_put(&root, "etc/resolv.meshd-journal", "meshd dns journal 1\nnonsense\n", 0600);
	base_is("nameserver 192.168.1.7\n");
	assert_int_equal(restore_saying(NULL), DIRECT_RESTORED);
	etc_is(want, "lost journal", 0);
	free(want);
}

static void when_all_is_lost_it_is_said(void **state)
{
	(void)state;
	plain();
	direct_file_close(take(OURS));
	etc_drop(&root, "etc/resolv.pre-meshd-backup.conf");
	etc_drop(&root, "etc/resolv.meshd-journal");
	assert_int_equal(restore_saying("is lost"), DIRECT_RESTORED);
	etc_is("", "all lost", 0);
}

/* The journal of another time says "there was nothing", the file and its backup say otherwise. */
static void a_journal_of_another_file_is_not_believed(void **state)
{
	(void)state;
	struct dns_journal j = { .mode = DNS_OS_DIRECT,
				 .was = DNS_WAS_NOTHING,
				 .wrote = dns_wrote_of(span_str("something else")) };
	struct buf text;
	plain();
	direct_file_close(take(OURS));
	buf_init(&text, DNS_JOURNAL_MAX);
	dns_journal_build(&j, &text);
	etc_put(&root, "etc/resolv.meshd-journal", buf_cstr(&text), 0600);
	buf_fini(&text);
	base_is("nameserver 192.168.1.1\n");
	assert_int_equal(restore_saying("edited"), DIRECT_RESTORED);
	char *now = etc_dump(&root);
	assert_non_null(strstr(now, "resolv.conf 100644\nnameserver 192.168.1.1\n"));
	free(now);
}

static void a_backup_that_is_our_own_text_is_none(void **state)
{
	(void)state;
	plain();
	direct_file_close(take(OURS));
	etc_put(&root, "etc/resolv.pre-meshd-backup.conf", OURS, 0644);
	assert_int_equal(restore_saying(NULL), DIRECT_RESTORED);
	etc_is("resolv.conf 100644\nnameserver 192.168.1.1\n\n--\n", "own backup", 0);
}

static void a_file_that_was_deleted_comes_back(void **state)
{
	(void)state;
	plain();
	struct direct_file *f = take(OURS);
	etc_drop(&root, "etc/resolv.conf");
	base_is("nameserver 192.168.1.1\n");
	put(f, OURS2);
	etc_drop(&root, "etc/resolv.conf");
	direct_file_close(f);
	assert_int_equal(restore_saying(NULL), DIRECT_RESTORED);
	etc_is("resolv.conf 100644\nnameserver 192.168.1.1\n\n--\n", "deleted", 0);
}

static void no_file_beside_an_old_backup(void **state)
{
	(void)state;
	nothing_beside_an_old_backup();
	direct_file_close(take(OURS));
	assert_int_equal(restore_saying(NULL), DIRECT_RESTORED);
	etc_is("", "no file", 0);
}

static void a_directory_in_its_place_is_refused(void **state)
{
	(void)state;
	struct direct_file f;
	char said[DNS_OS_TEXT_MAX], *path = etc_path(&root, "etc/resolv.conf");
	mkdir(path, 0755);
	char *want = etc_dump(&root);
	open_file(&f);
	assert_int_equal(direct_file_put(&f, span_str(OURS), said), -ERR_STATE);
	assert_non_null(strstr(said, "neither a file nor a link"));
	etc_is(want, "directory", 0);
	direct_file_close(&f);
	assert_int_equal(restore_saying(NULL), DIRECT_NOTHING);
	free(want);
	free(path);
}

static void what_was_before_outlives_a_directory(void **state)
{
	(void)state;
	struct direct_file f;
	char *path = etc_path(&root, "etc/resolv.conf");
	plain();
	char *want = etc_dump(&root);
	open_file(&f);
	put(&f, OURS);
	direct_file_close(&f);
	etc_drop(&root, "etc/resolv.conf");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(restore_saying(NULL), DIRECT_LEFT);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(restore_saying(NULL), DIRECT_RESTORED);
	etc_is(want, "directory", 0);
	free(want);
	free(path);
}

static void of_a_long_file_whole_lines_are_read(void **state)
{
	(void)state;
	struct direct_file f;
	struct buf text, out;
	buf_init(&text, 1 << 20);
	buf_init(&out, RESOLVCONF_MAX + 1);
	while (text.len < RESOLVCONF_MAX + 100)
		buf_add_str(&text, "nameserver 10.0.0.123\n");
	etc_put(&root, "etc/resolv.conf", buf_cstr(&text), 0644);
	open_file(&f);
	assert_int_equal(direct_file_base(&f, &out), 0);
	assert_true(out.len <= RESOLVCONF_MAX && out.len > RESOLVCONF_MAX - 30);
	assert_int_equal(out.p[out.len - 1], '\n');
	direct_file_close(&f);
	buf_fini(&text);
	buf_fini(&out);
}

static void behind_a_dead_agent_is_its_backup(void **state)
{
	(void)state;
	etc_put(&root, "etc/resolv.conf",
		"# resolv.conf(5) file generated by tailscale\nnameserver 100.100.100.100\n", 0644);
	etc_put(&root, "etc/resolv.pre-tailscale-backup.conf", "nameserver 192.168.9.1\n", 0644);
	base_is("nameserver 192.168.9.1\n");
	direct_file_close(take(OURS));
	base_is("nameserver 192.168.9.1\n");
}

/* ---- others who are faster -------------------------------------------------------------- */

static int write_at_step;

static void write_it(const char *what)
{
	(void)what;
	if (--write_at_step == 0) {
		etc_put(&root, "etc/resolv.conf.theirs", TRAMPLE, 0644);
		char *from = etc_path(&root, "etc/resolv.conf.theirs"),
		     *to = etc_path(&root, "etc/resolv.conf");
		assert_int_equal(rename(from, to), 0);
		free(from);
		free(to);
	}
}

/* Whenever it comes, what somebody else wrote is not lost. Returns whether it came. */
static bool written_at(int step, bool at_restore, void (*before)(void))
{
	struct direct_file f;
	char said[DNS_OS_TEXT_MAX];
	enum direct_end end;
	setup(NULL);
	before();
	open_file(&f);
	write_at_step = step;
	f.dir.step = at_restore ? NULL : write_it;
	assert_int_equal(direct_file_put(&f, span_str(OURS), said), 0);
	f.dir.step = at_restore ? write_it : NULL;
	assert_int_equal(direct_file_restore(&f, &end, said), 0);
	direct_file_close(&f);
	bool came = write_at_step <= 0;
	if (came)
		etc_is("resolv.conf 100644\n" TRAMPLE "\n--\n",
		       at_restore ? "written while it is given back" : "written while it is taken",
		       step);
	return came;
}

static void who_writes_meanwhile_loses_nothing(void **state)
{
	(void)state;
	static void (*const before[])(void) = { plain, link_to_file, no_file };
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		int taken = 1, given = 1;
		while (written_at(taken, false, before[i]))
			taken++;
		while (written_at(given, true, before[i]))
			given++;
		assert_true(taken > 4 && given > 1);
	}
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { 0 };
	return syscall(SYS_capset, &head, none) == 0;
}

/* A file of another user has one name only where hard links are protected: it is moved. */
static void a_file_of_somebody_is_moved(void **state)
{
	(void)state;
	int status;
	plain();
	char *path = etc_path(&root, "etc/resolv.conf");
	if (geteuid() != 0 || chown(path, 65534, 65534) != 0) {
		free(path);
		skip();
	}
	pid_t pid = fork();
	if (pid == 0) {
		struct direct_file f;
		if (!drop_capabilities())
			_exit(2);
		open_file(&f);
		put(&f, OURS);
		if (!direct_file_is(&f, span_str(OURS)))
			_exit(3);
		give_back(&f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	etc_is("resolv.conf 100644\nnameserver 192.168.1.1\n\n--\n", "of somebody", 0);
	free(path);
}

static int make(void **state)
{
	(void)state;
	etc_root_make(&root);
	trampled = etc_path(&root, "trampled");
	return crypto_init();
}

static int drop(void **state)
{
	(void)state;
	unlink(trampled);
	free(trampled);
	etc_root_drop(&root);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_kill_at_any_step_is_put_right, setup),
		cmocka_unit_test_setup(a_kill_at_any_step_in_place_is_put_right, setup),
		cmocka_unit_test_setup(what_somebody_else_wrote_stays, setup),
		cmocka_unit_test_setup(what_somebody_edited_is_kept_aside, setup),
		cmocka_unit_test_setup(an_edit_is_kept_aside_when_it_is_taken_again, setup),
		cmocka_unit_test_setup(a_lost_backup_is_in_the_journal, setup),
		cmocka_unit_test_setup(a_lost_journal_is_done_without, setup),
		cmocka_unit_test_setup(when_all_is_lost_it_is_said, setup),
		cmocka_unit_test_setup(a_journal_of_another_file_is_not_believed, setup),
		cmocka_unit_test_setup(a_backup_that_is_our_own_text_is_none, setup),
		cmocka_unit_test_setup(a_file_that_was_deleted_comes_back, setup),
		cmocka_unit_test_setup(no_file_beside_an_old_backup, setup),
		cmocka_unit_test_setup(a_directory_in_its_place_is_refused, setup),
		cmocka_unit_test_setup(what_was_before_outlives_a_directory, setup),
		cmocka_unit_test_setup(of_a_long_file_whole_lines_are_read, setup),
		cmocka_unit_test_setup(behind_a_dead_agent_is_its_backup, setup),
		cmocka_unit_test_setup(who_writes_meanwhile_loses_nothing, setup),
		cmocka_unit_test_setup(a_file_of_somebody_is_moved, setup),
	};
	return cmocka_run_group_tests(tests, make, drop);
}
