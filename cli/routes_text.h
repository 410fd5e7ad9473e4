/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routes_text.h: what the system should have and has, as `debug routes` prints it. Pure.
 *
 *   {"Error":"..",           why the system could not be looked at; absent if it could
 *    "Routes":[{"Kind":"route|throw|guard|address|foreign","Prefix":"10.0.0.0/8","Table":52,
 *               "State":"ok|missing|extra"}],
 *    "Rules":[{"Priority":5210,"Family":"IPv4","Mark":"0x80000/0xff0000","Table":254,
 *              "State":..}],     Mark "": all packets; Table 0: unreachable
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
