/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include "base/mono.h"
#include "base/utf8.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static _Atomic int level_now = LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*tap_fn)(void *arg, const char *line);
static void *tap_arg;
/* Set by log_limit_pass for the line that follows it in the same thread. */
static _Thread_local uint32_t left_out;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&level_now, level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

void log_set_tap(void (*fn)(void *arg, const char *line), void *arg)
{
	pthread_mutex_lock(&lock);
	tap_fn = fn;
	tap_arg = arg;
	pthread_mutex_unlock(&lock);
}

/* A second net under log_esc: whatever slips through cannot forge lines or drive a terminal. */
static void no_controls(char *s)
{
	for (; *s; s++)
		if ((uint8_t)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static void emit(char *line, size_t len)
{
	pthread_mutex_lock(&lock);
	if (tap_fn)
		tap_fn(tap_arg, line);
	line[len] = '\n';
	/* one write a line, so that lines of several processes do not mix; nobody to tell on
	 * failure */
	ssize_t n;
	do {
		n = write(STDERR_FILENO, line, len + 1);
	} while (n < 0 && errno == EINTR);
	pthread_mutex_unlock(&lock);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	static const char letters[] = "EWIDT";
	char line[LINE_MAX_BYTES];
	int saved = errno;
	int len = snprintf(line, sizeof(line), "%c ", letters[level]);
	va_list ap;
	va_start(ap, fmt);
	/* two bytes stay for the newline and the NUL */
	int n = vsnprintf(line + len, sizeof(line) - (size_t)len - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		line[len] = 0;
	len = (int)strlen(line);
	if (left_out)
		snprintf(line + len, sizeof(line) - (size_t)len - 1, " (%u more left out)",
			 left_out);
	left_out = 0;
	no_controls(line);
	emit(line, strlen(line));
	errno = saved;
}

bool log_limit_pass(struct log_limit *l, int seconds)
{
	mono_t now = mono_now();
	int64_t next = atomic_load_explicit(&l->next_ns, memory_order_relaxed);
	int64_t then = mono_add_s(now, seconds).ns;
	if (now.ns < next || !atomic_compare_exchange_strong(&l->next_ns, &next, then)) {
		atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed);
		return false;
	}
	left_out = atomic_exchange_explicit(&l->dropped, 0, memory_order_relaxed);
	return true;
}

/* ---- escaping ----------------------------------------------------------------------- */

/* Moves or hides other text, or ends a line, where a terminal or viewer obeys it. */
static bool is_treacherous(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == '\\' || cp == 0x061c ||
	       cp == 0x200e || cp == 0x200f || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

const char *log_esc(struct span s, struct log_esc_buf *out)
{
	struct wr w = wr_init(mspan_of(out->s, sizeof(out->s)));
	struct span in = s;
	while (in.len) {
		uint32_t cp = 0;
		size_t n = utf8_decode(in, &cp);
		size_t step = n ? n : 1;
		if (s.len - in.len + step > LOG_ESC_MAX)
			break;
		if (n && !is_treacherous(cp))
			wr_bytes(&w, in.p, n);
		else
			for (size_t i = 0; i < step; i++)
				wr_fmt(&w, "\\x%02x", in.p[i]);
		in = span_from(in, step);
	}
	if (in.len)
		wr_str(&w, "...");
	wr_u8(&w, 0);
	return out->s;
}
