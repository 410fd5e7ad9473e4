/* SPDX-License-Identifier: GPL-2.0-or-later */
/* datapath_text.h: how packets are moved on this machine, for people. Pure. */
#ifndef CLI_DATAPATH_TEXT_H
#define CLI_DATAPATH_TEXT_H

#include "base/json.h"

/* d: the answer to debug?action=datapath; what is missing or of a wrong type shows as "?" or 0.
 * Appends lines of cells for table.h. */
void datapath_text(const json_t *d, struct buf *out);

#endif
