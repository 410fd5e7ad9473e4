/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netcheck_text.h: a netcheck report as `meshctl netcheck` prints it. Pure. transport.md 12. */
#ifndef MAGICSOCK_NETCHECK_TEXT_H
#define MAGICSOCK_NETCHECK_TEXT_H

#include "base/json.h"
#include "magicsock/netcheck.h"

/* portmap_checked false prints "not checked". map may be NULL (no names). */
void netcheck_report_text(const struct nc_report *r, const struct derp_map *map,
			  bool portmap_checked, struct buf *out);
/* The report struct as the reference's JSON (durations in ns). Returns new. */
json_t *netcheck_report_json(const struct nc_report *r);

#endif
