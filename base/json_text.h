/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_text.h: what is done to JSON text before jansson sees it. Pure. Private to json.c and tests.
 */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include "base/bytes.h"

/* Deepest nesting of arrays and objects, brackets inside strings not counted. Exact for valid JSON;
 * for other text, exact up to the first error, where a parser stops. */
size_t json_nesting(struct span text);

/* Append text with what jansson refuses and Go takes put right: U+FFFD for bytes that are not UTF-8
 * and for \u escapes that are half of a surrogate pair; integers beyond 64 bits become reals ("e0"
 * behind them). Returns whether anything had to be changed. */
bool json_repair(struct span text, struct buf *out);

#endif
