/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routes_text.h: what the system should have and has, as `debug routes` prints it. Pure.
 *
 *   {"Backend":"nftables",
 *    "Routes":[{"Kind":"route|throw|unreachable|address","Prefix":"10.0.0.0/8","Table":52,
 *               "State":"ok|missing|extra"}],
 *    "Rules":[{"Family":"ipv4","Priority":5210,"Selector":"fwmark 0x80000/0xff0000",
 *              "Action":"lookup main","State":..}],
 *    "Firewall":{"Mode":"on","SNAT":true,..}}
 *
 * Members that are absent are shown as "-". */
#ifndef CLI_ROUTES_TEXT_H
#define CLI_ROUTES_TEXT_H

#include "base/json.h"

/* Lines of cells for print_table; appended. */
void routes_text(const json_t *answer, struct buf *cells);
/* Entries that are not "ok". */
size_t routes_wrong(const json_t *answer);

#endif
