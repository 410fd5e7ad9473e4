/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cm.h: cmocka with the headers it wants before it. Tests only. */
#ifndef TESTS_LIB_CM_H
#define TESTS_LIB_CM_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#endif
