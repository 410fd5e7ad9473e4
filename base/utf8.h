/* SPDX-License-Identifier: GPL-2.0-or-later */
/* utf8.h: strict UTF-8 (no overlong forms, surrogates or values above U+10FFFF). Pure. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/bytes.h"

/* Length (1..4) of the sequence at the start of s, its code point in *cp; 0 if s is empty or does
 * not start with a whole valid sequence. */
size_t utf8_decode(struct span s, uint32_t *cp);
bool utf8_valid(struct span s);
/* Append s with U+FFFD for each byte that is not part of a valid sequence, as Go does. */
void utf8_repair(struct span s, struct buf *out);

#endif
