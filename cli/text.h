/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.h: text from other machines made fit for a terminal, and other forms of names. Pure. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "base/bytes.h"

/* Appends s with control bytes, escape sequences, bidi controls and broken UTF-8 shown as \xNN. */
void text_clean(struct buf *out, const char *s);
/* The same as a new string. */
char *text_clean_new(const char *s);
/* A host name out of any text: lower case, letters and digits, the rest becomes '-' (runs and ends
 * trimmed, quotes dropped), at most 63 bytes. */
void text_host_label(struct buf *out, const char *s);
/* The Unicode form of a DNS name with "xn--" labels (RFC 3492), or false if a label does not
 * decode. */
bool text_from_punycode(struct buf *out, const char *name);
/* A word a shell reads as s. */
void text_shell_quote(struct buf *out, const char *s);
/* "a b c" of a JSON string as Go's %q shows it: with quotes, control bytes escaped. */
void text_quote(struct buf *out, const char *s);

#endif
