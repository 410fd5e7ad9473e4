/* SPDX-License-Identifier: GPL-2.0-or-later */
/* proxy.h: which proxy the environment names for a host. Pure: the caller hands the variables in.
 * Loopback hosts never go through a proxy. */
#ifndef BASE_PROXY_H
#define BASE_PROXY_H

#include "base/bytes.h"

struct proxy_env {
	const char *https, *http, *all, *no; /* NULL = unset */
};

/* The proxy URL (borrowed from env), or NULL for a direct connection. */
const char *proxy_for(const struct proxy_env *env, bool tls, const char *host);

#endif
