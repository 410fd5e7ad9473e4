/* SPDX-License-Identifier: GPL-2.0-or-later */
/* names.h: what may be called what. Pure. */
#ifndef COORDINATOR_NAMES_H
#define COORDINATOR_NAMES_H

#include <stdbool.h>

#define LABEL_MAX 63

/* A DNS label in lower case: 1..63 of a-z, 0-9 and '-', which is neither first nor last. */
bool label_ok(const char *s);
/* A host name made into such a label: its first part in lower case, other bytes to '-', never
 * empty. */
void label_from_hostname(const char *hostname, char out[static LABEL_MAX + 1]);
/* 1..63 of letters, digits, '.', '_', '-', beginning with a letter. */
bool user_name_ok(const char *name);
/* "tag:[a-zA-Z][a-zA-Z0-9-]*" */
bool tag_ok(const char *s);

#endif
