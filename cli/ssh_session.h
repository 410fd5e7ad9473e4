/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ssh_session.h: is the person at the other end of a connection that a command would cut? */
#ifndef CLI_SSH_SESSION_H
#define CLI_SSH_SESSION_H

#include "cli/cli.h"

/* Address of the SSH client of this session, also when sudo dropped the environment. New, or NULL.
 */
char *ssh_session_client(void);

/* True: go on. Asks, when the session comes over the mesh and accepted (comma list: lose-ssh, all)
 * does not name the risk; no answer is no. */
bool ssh_risk_accepted(struct cli *c, const char *accepted, const char *action);

#endif
