/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detect_io.h: looks up what detect.h asks for, and looks again when systemd-resolved or
 * NetworkManager come or go. D-Bus is asked without blocking, 1 s a question; `resolvconf --version`
 * is run to its end, 2 s at most. Thread: the helper's loop. */
#ifndef DNS_DETECT_IO_H
#define DNS_DETECT_IO_H

#include "dns/detect.h"

struct dns_detector;

/* Called from the loop at the end of each look, also when nothing is new; found: borrowed. It may
 * free the detector. */
typedef void dns_detector_fn(void *arg, const struct dns_found *found);

/* e: on_event is not used. The first look starts by itself. New. */
struct dns_detector *dns_detector_new(const struct dns_os_env *e, dns_detector_fn *fn, void *arg);
void dns_detector_free(struct dns_detector *d); /* NULL is fine */
/* Look again; one that is under way starts over. While somebody is on his way out or in, or the bus
 * is, the look comes when that is settled. */
void dns_detector_look(struct dns_detector *d);

/* Does the other agent whose file resolvconf_agent knows run here: is somebody on its socket? */
bool dns_other_agent_lives(const char *run);

#endif
