/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.h: leveled log to stderr, one line per event, "room: object: what". Never a secret, never an
 * unescaped string from outside: pass those through log_esc. Anything a stranger can trigger is
 * counted instead, or goes through LOG_LIMITED. Thread: any. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Also hand each line (without newline) to fn; NULL to stop. Called with the log lock held. */
void log_set_tap(void (*fn)(void *arg, const char *line), void *arg);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define LOG(level, ...)                                                                            \
	do {                                                                                       \
		if ((level) <= log_get_level())                                                    \
			log_write((level), __VA_ARGS__);                                           \
	} while (0)
#define log_error(...) LOG(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) LOG(LOG_WARN, __VA_ARGS__)
#define log_info(...) LOG(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG(LOG_DEBUG, __VA_ARGS__)
#define log_trace(...) LOG(LOG_TRACE, __VA_ARGS__)

/* At most one line per `seconds` from this place; the next one says how many were left out. */
#define LOG_LIMITED(seconds, level, ...)                                                           \
	do {                                                                                       \
		static struct log_limit limit_;                                                    \
		if ((level) <= log_get_level() && log_limit_pass(&limit_, (seconds)))              \
			log_write((level), __VA_ARGS__);                                           \
	} while (0)

struct log_limit {
	_Atomic int64_t next_ns;
	_Atomic uint32_t dropped;
};
bool log_limit_pass(struct log_limit *l, int seconds);

/* Printable form of an outside string: control bytes, DEL, non-UTF-8, bidi controls and the backslash
 * itself become \xNN, longer than LOG_ESC_MAX is cut with "...". Returns out. */
#define LOG_ESC_MAX 240
struct log_esc_buf { char s[LOG_ESC_MAX * 4 + 4]; };
const char *log_esc(struct span s, struct log_esc_buf *out);

#endif
