/* SPDX-License-Identifier: GPL-2.0-or-later */
/* type_name.h: types of records as people write them (shared/spec/dns.md 8). Pure. */
#ifndef DNS_TYPE_NAME_H
#define DNS_TYPE_NAME_H

#include "dns/msg.h"

/* The word in capitals, static; NULL: it is none of those that may be asked for. Case does not
 * matter. type: NULL if the number is not wanted. */
const char *dns_type_find(const char *word, uint16_t *type);

#endif
