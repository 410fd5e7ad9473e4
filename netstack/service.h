/* SPDX-License-Identifier: GPL-2.0-or-later */
/* service.h: what a node answers at its service addresses (base/ip.h). Pure. */
#ifndef NETSTACK_SERVICE_H
#define NETSTACK_SERVICE_H

#include "base/ip.h"

#define SERVICE_DNS_PORT 53

#endif
