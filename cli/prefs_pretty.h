/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefs_pretty.h: preferences on one line, as logs show them. shared/spec/cli-localapi.md 7. Pure.
 */
#ifndef CLI_PREFS_PRETTY_H
#define CLI_PREFS_PRETTY_H

#include "base/json.h"

void prefs_pretty(const json_t *prefs, struct buf *out);

#endif
