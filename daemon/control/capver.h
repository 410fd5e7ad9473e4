/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capver.h: the capability version this client promises (shared/spec/control.md 12): sent in the
 * /key query, the Noise initiation and prologue, and the register and map requests. One number. */
#ifndef DAEMON_CONTROL_CAPVER_H
#define DAEMON_CONTROL_CAPVER_H

#define CTL_CAPVER 131

#endif
