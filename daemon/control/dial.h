/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dial.h: which ports and schemes a connection to /ts2021 tries, and when (shared/spec/control.md
 * 2, 3). Pure. */
#ifndef DAEMON_CONTROL_DIAL_H
#define DAEMON_CONTROL_DIAL_H

#include "base/ip.h"
#include "base/mono.h"

#define DIAL_STAGGER_MS 500
#define DIAL_TIMEOUT_MS 10000
#define DIAL_TLS_ONLY_S                                                                            \
	120 /* a dial within this time after the last attempt goes to TLS at once                  \
	     */
#define DIAL_HOST_MAX 256

struct dial_target {
	char host[DIAL_HOST_MAX];	   /* no brackets */
	char authority[DIAL_HOST_MAX + 8]; /* host[:port] as in the URL */
	bool https;
	bool has_port;
	uint16_t port;	     /* of the URL, or the scheme's */
	uint16_t plain_port; /* 0: no plain attempt */
	uint16_t tls_port;   /* 0: no TLS attempt */
};

/* Server URL: scheme http or https, host, optional port; a path after it is allowed and ignored,
 * final slashes are not part of it. -ERR_SYNTAX, -ERR_TOOBIG. */
MUST_CHECK int dial_target_parse(const char *url, struct dial_target *out);

/* When each attempt of a dial that begins at `now` starts; MONO_NEVER: not at all. previous: when
 * the last dial began (MONO_ZERO: never). */
struct dial_plan {
	mono_t plain_at;
	mono_t tls_at;
	mono_t deadline;
};
struct dial_plan dial_plan_make(const struct dial_target *t, mono_t now, mono_t previous);

#endif
