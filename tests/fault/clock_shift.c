/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock_shift: preloaded, it moves the clocks of one program by the seconds that the file named in CLOCK_SHIFT
 * holds now, so that a test can make them jump: "WALL", or "WALL BOOT" for the clock that goes on in a suspend
 * as well. A timer that was set before a jump of that one still fires when it was to fire. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct shift {
	long wall, boot;
};

static struct shift shift(void)
{
	const char *path = getenv("CLOCK_SHIFT");
	FILE *f = path ? fopen(path, "r") : NULL;
	char line[64] = "";
	char *rest = line;
	struct shift s = { 0, 0 };

	if (f) {
		if (!fgets(line, sizeof(line), f))
			line[0] = 0;
		fclose(f);
	}
	s.wall = strtol(line, &rest, 10);
	s.boot = strtol(rest, NULL, 10);
	return s;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, ts);

	if (rc == 0 && clock == CLOCK_REALTIME)
		ts->tv_sec += shift().wall;
	if (rc == 0 && clock == CLOCK_BOOTTIME)
		ts->tv_sec += shift().boot;
	return rc;
}

/* What is due by the shifted clock, by the one that the kernel has. */
int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	struct itimerspec its = *at;

	if ((flags & TFD_TIMER_ABSTIME) && (its.it_value.tv_sec || its.it_value.tv_nsec)) {
		its.it_value.tv_sec -= shift().boot;
		if (its.it_value.tv_sec < 0)
			its.it_value = (struct timespec){ 0, 1 };
	}
	return (int)syscall(SYS_timerfd_settime, fd, flags, &its, old);
}

time_t time(time_t *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out)
		*out = ts.tv_sec;
	return ts.tv_sec;
}
