/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/run.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 4096
/* Between looks for the end of a program that has closed its outputs already. */
#define REAP_NS (NS_PER_MS / 2)
/* After SIGKILL: only a program that hangs in the kernel takes longer. */
#define KILL_MS 1000

struct running {
	const struct run *run;
	pid_t pid;
	int in, out, err; /* out, err: our ends; -1: at their end */
	int ended;	  /* readable when it has; -1: the kernel has no such thing */
	struct {
		char text[LINE_MAX_LEN];
		size_t len;
		bool too_long;
	} line;
	char said[RUN_SAID_MAX];
	size_t n_said;
};

bool run_find(const char *dirs, const char *name, char out[static PATH_MAX])
{
	for (const char *d = dirs; *d; d += strspn(d, ":")) {
		size_t len = strcspn(d, ":");
		int n = snprintf(out, PATH_MAX, "%.*s/%s", (int)len, d, name);
		if (d[0] == '/' && n > 0 && n < PATH_MAX && access(out, X_OK) == 0)
			return true;
		d += len;
	}
	return false;
}

/* ---- what it says ---- */

static void take_lines(struct running *p, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '\n') {
			if (p->line.len < sizeof(p->line.text))
				p->line.text[p->line.len++] = s[i];
			else
				p->line.too_long = true;
			continue;
		}
		if (!p->line.too_long && p->run->line)
			p->run->line(p->run->arg, span_of(p->line.text, p->line.len));
		p->line.len = 0;
		p->line.too_long = false;
	}
}

static bool ends_blank(const struct running *p)
{
	return p->n_said && p->said[p->n_said - 1] == ' ';
}

static void take_complaint(struct running *p, const char *s, size_t n)
{
	for (size_t i = 0; i < n && p->n_said + 1 < sizeof(p->said); i++) {
		char c = s[i] > ' ' && s[i] < 0x7f ? s[i] : ' ';
		if (c != ' ' || (p->n_said && !ends_blank(p)))
			p->said[p->n_said++] = c;
	}
}

/* At the end of the stream the descriptor is closed. */
static void drain(struct running *p, int *fd, void (*take)(struct running *, const char *, size_t))
{
	char buf[4096];
	ssize_t n = read(*fd, buf, sizeof(buf));
	if (n > 0) {
		take(p, buf, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(*fd);
		*fd = -1;
	}
}

static int ms_until(mono_t at)
{
	int64_t ns = mono_diff_ns(at, mono_now());
	return ns <= 0 ? 0 : (int)(ns / NS_PER_MS) + 1;
}

/* Until both outputs are closed, or it has ended and all that it said is read: what it started may
 * live on and hold them open. False when time is up. */
static bool listen_to(struct running *p)
{
	while (p->out >= 0 || p->err >= 0) {
		struct pollfd fds[] = { { p->out, POLLIN, 0 },
					{ p->err, POLLIN, 0 },
					{ p->ended, POLLIN, 0 } };
		int left = ms_until(p->run->until);
		if (left == 0)
			return false;
		if (poll(fds, ARRAY_LEN(fds), left) <= 0)
			continue;
		if (fds[0].revents)
			drain(p, &p->out, take_lines);
		if (fds[1].revents)
			drain(p, &p->err, take_complaint);
		if (fds[2].revents && !fds[0].revents && !fds[1].revents)
			return true;
	}
	return true;
}

/* ---- its life ---- */

/* As a file in memory: a program that does not read it cannot hold us up. */
static int input_of(struct span text)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text.p, text.len);
	if (n == (ssize_t)text.len && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	if (n >= 0)
		errno = ENOSPC; /* a part of it says nothing */
	close(fd);
	return -1;
}

static int spawn(struct running *p, int out, int err)
{
	static char *const no_env[] = { NULL };
	char *const *env = p->run->env ? p->run->env : no_env;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGCHLD);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, p->in, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_adddup2(&files, err, 2);
	if (p->run->dir)
		posix_spawn_file_actions_addchdir_np(&files, p->run->dir);
	posix_spawnattr_init(&attr);
	/* A process group of its own, so that what it starts ends with it. */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
					    POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	int rc = posix_spawn(&p->pid, p->run->argv[0], &files, &attr, p->run->argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

/* 0 or an errno. */
static int start(struct running *p)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };
	int rc = 0;
	p->in = input_of(p->run->input);
	if (p->in < 0 || pipe2(out, O_CLOEXEC | O_NONBLOCK) || pipe2(err, O_CLOEXEC | O_NONBLOCK)) {
		rc = errno;
	} else {
		fcntl(out[1], F_SETFL, 0); /* our ends alone do not block */
		fcntl(err[1], F_SETFL, 0);
		rc = spawn(p, out[1], err[1]);
	}
	close(p->in);
	close(out[1]);
	close(err[1]);
	p->out = out[0];
	p->err = err[0];
	if (rc == 0)
		p->ended = (int)syscall(SYS_pidfd_open, p->pid, 0);
	return rc;
}

/* The status of waitpid, or -1 if it had not ended by then. */
static int reap(pid_t pid, mono_t until)
{
	int status;
	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return status;
		if ((got < 0 && errno != EINTR) || mono_due(until, mono_now()))
			return -1;
		nanosleep(&(struct timespec){ 0, REAP_NS }, NULL);
	}
}

static int finish(struct running *p, int *ended_with)
{
	int status = listen_to(p) ? reap(p->pid, p->run->until) : -1;
	if (status == -1) {
		kill(-p->pid, SIGKILL);
		reap(p->pid, mono_add_ms(mono_now(), KILL_MS));
		return -ERR_TIMEOUT;
	}
	*ended_with = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return *ended_with < 0 ? -ERR_IO : 0;
}

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

int run_program_status(const struct run *r, int *status, char said[static RUN_SAID_MAX])
{
	struct running p = { .run = r, .in = -1, .out = -1, .err = -1, .ended = -1 };
	said[0] = '\0';
	*status = -1;
	int failed = start(&p);
	int rc = failed ? -ERR_IO : finish(&p, status);
	if (failed)
		snprintf(said, RUN_SAID_MAX, "cannot be started: %s", strerror(failed));
	else
		snprintf(said, RUN_SAID_MAX, "%.*s", (int)(p.n_said - ends_blank(&p)), p.said);
	close_one(p.out);
	close_one(p.err);
	close_one(p.ended);
	return rc;
}

int run_program(const struct run *r, char said[static RUN_SAID_MAX])
{
	int status;
	int rc = run_program_status(r, &status, said);
	if (rc || status == 0)
		return rc;
	return strstr(said, "ermission denied") ? -ERR_PERM : -ERR_IO;
}
