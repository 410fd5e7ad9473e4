/* SPDX-License-Identifier: GPL-2.0-or-later */
/* derpmap_json.h: DERPMap JSON into struct derp_map, and its merge rule (shared/spec/control.md
 * 9.3.1). Pure. */
#ifndef DAEMON_CONTROL_DERPMAP_JSON_H
#define DAEMON_CONTROL_DERPMAP_JSON_H

#include "base/json.h"
#include "magicsock/derpmap.h"

/* 0 with *out new (derp_map_unref or free as its header says); -ERR_SYNTAX with *why static,
 * -ERR_TOOBIG above derpmap.h's maxima. */
MUST_CHECK int derpmap_from_json(const json_t *v, struct derp_map **out, const char **why);
/* old (may be NULL) with a received DERPMap laid over it. Returns new. */
json_t *derpmap_merge(const json_t *old, const json_t *received);

#endif
