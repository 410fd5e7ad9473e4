/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file that reads a clock. */
#include "base/mono.h"

#include <time.h>

mono_t mono_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (mono_t){ (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec };
}

wall_t wall_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (wall_t){ ts.tv_sec, (int32_t)ts.tv_nsec };
}
