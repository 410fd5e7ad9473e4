/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hands_firewall.h: the helper's verbs about the firewall: what is there is read with
 * iptables-save, texts of netstack/iptables.h go to iptables-restore, a table at a time. Blocks. */
#ifndef DAEMON_HANDS_FIREWALL_H
#define DAEMON_HANDS_FIREWALL_H

#include "base/run.h"
#include "daemon/hands_wire.h"

struct ipt_programs {
	bool found; /* both */
	char save[PATH_MAX], restore[PATH_MAX];
};

struct hands_fw {
	struct ipt_programs family[2]; /* IPv4, IPv6 */
	int program_ms;
	/* Has who wants this gone away? Then what is not done yet is left. NULL: cannot happen. */
	bool (*gone)(void *arg);
	void *gone_arg;

	bool applied; /* wholly, as `after` says */
	/* Mode nodivert must take jumps of ours away: those of mode on, or of an earlier run. Later
	 * ones are the user's. */
	bool may_have_jumps;
	struct ipt_seen after[2];
};

/* False without the two programs for IPv4; those for IPv6 may be missing. */
bool hands_firewall_find(struct hands_fw *f, const struct hands_opts *o);

/* text: as hands_done_fn has it, and so are the codes. */
int hands_firewall_do_apply(struct hands_fw *f, const struct ipt_want *w,
			    char text[static HANDS_TEXT_MAX]);
int hands_firewall_do_down(struct hands_fw *f, char text[static HANDS_TEXT_MAX]);
int hands_firewall_do_check(struct hands_fw *f, char text[static HANDS_TEXT_MAX]);

#endif
