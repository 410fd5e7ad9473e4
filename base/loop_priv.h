/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop_priv.h: what loop.c shows to loop_handles.c only. */
#ifndef BASE_LOOP_PRIV_H
#define BASE_LOOP_PRIV_H

#include "base/loop.h"

/* First thing in every callback libuv makes: sample the clock and run due timers, once a wake. */
void loop_wake_begin(struct loop *l);
/* Count a handle that must be gone before loop_free. */
void loop_count_handle(struct loop *l, int by);

#endif
