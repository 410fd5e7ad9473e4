/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hands_serve.h: the helper's side of hands.h. */
#ifndef DAEMON_HANDS_SERVE_H
#define DAEMON_HANDS_SERVE_H

#include "daemon/hands_firewall.h"

/* One request, any bytes, to the bytes of its reply; 0 if there is no id to reply to. Runs
 * programs. reply: HANDS_REPLY_MAX bytes. */
size_t hands_answer(struct hands_fw *f, struct span request, struct mspan reply);

/* Answer requests on fd until the other side closes. */
void hands_serve(int fd, const struct hands_opts *o);

#endif
