/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netcheck_text.h: a network report for people. Pure. */
#ifndef CLI_NETCHECK_TEXT_H
#define CLI_NETCHECK_TEXT_H

#include "base/json.h"

/* Appends the text of a report; region names come from the DERP map. */
void netcheck_text(const json_t *report, const json_t *derp_map, struct buf *out);

#endif
