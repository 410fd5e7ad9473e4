/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sd_notify.h: tell the service manager how we are, over the datagram socket it names in
 * NOTIFY_SOCKET; silent without one. No library is linked for one message. */
#ifndef DAEMON_SD_NOTIFY_H
#define DAEMON_SD_NOTIFY_H

void sd_notify_ready(void);
void sd_notify_stopping(void);
/* One line, cut at 500 bytes; control characters become '?'. */
void sd_notify_status(const char *text);

#endif
