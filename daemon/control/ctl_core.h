/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctl_core.h: the control client's three loops (login, map, update) as a pure state machine: no
 * socket, clock or loop; ctl_client.c is its shell, tests drive it on a virtual clock.
 *
 *   login   OFF -> KEY -> SEND <-> WAIT        -> SAVING -> DONE
 *                           \-> FOLLOWUP (URL) /
 *   map     OFF -> OPEN (head, messages ...) -> WAIT -> OPEN
 *   update  IDLE -> DUE (coalescing) -> SENDING -> IDLE | WAIT -> SENDING
 *
 * Rules: shared/spec/control.md 7, 8, 9.5. Nothing a server answers makes us try faster than
 * backoff_allow() permits. */
#ifndef DAEMON_CONTROL_CTL_CORE_H
#define DAEMON_CONTROL_CTL_CORE_H

#include "daemon/control/ctl_client.h"
#include "daemon/control/ctl_conn.h"

#define CTL_WATCHDOG_S 120
#define CTL_LOGOUT_S 10
#define CTL_UPDATE_DELAY_MS 50 /* changes within this time travel together */
#define CTL_UPDATE_TIMEOUT_S 30
#define CTL_REGISTER_TIMEOUT_S 60
#define CTL_FOLLOWUP_S 600	 /* then it is sent again: the connection may be half open */
#define CTL_HEALTHY_S 30	 /* a map session that lived so long clears the back-off */
#define CTL_UNKNOWN_NODE_MAX 3	 /* consecutive 404s before we register again */
#define CTL_NOISE_FAILURES_MAX 3 /* consecutive ones before the server's key is fetched again */
#define CTL_PINGS_MAX 4		 /* peer pings and answers in flight */
#define CTL_PING_S 10

struct ctl_core;

struct ctl_now {
	mono_t mono;
	wall_t wall;
};

/* Requests over the Noise connection, one in flight in each slot. */
enum ctl_slot { CTL_SLOT_LOGIN, CTL_SLOT_MAP, CTL_SLOT_UPDATE, CTL_SLOT_LOGOUT, CTL_N_SLOTS };

/* What the core asks of its shell. Each starts something and calls nothing back from inside. */
struct ctl_io {
	void (*fetch_key)(void *io);
	void (*request)(void *io, enum ctl_slot slot, const char *path, struct span body);
	void (*cancel)(void *io, enum ctl_slot slot); /* harmless if none */
	/* Close all connections and the key fetch; slots are empty then, nothing is called back. */
	void (*drop)(void *io);
	/* Send and forget: answers to pings. noise: only path and query of url count. */
	void (*send)(void *io, bool noise, const char *method, const char *url, struct span body);
};

struct ctl_core_opts {
	const struct ctl_opts *client;
	const struct ctl_io *io;
	void *io_arg;
};

struct ctl_core *ctl_core_new(const struct ctl_core_opts *o, const char **why);
void ctl_core_free(struct ctl_core *c);
/* From now on it does nothing and calls nobody (freed from inside a callback). */
void ctl_core_stop(struct ctl_core *c);

/* ---- events from the shell --------------------------------------------------------------- */
void ctl_core_tick(struct ctl_core *c, struct ctl_now t);
mono_t ctl_core_deadline(const struct ctl_core *c);
/* err 0: key is set */
void ctl_core_on_key(struct ctl_core *c, struct ctl_now t, int err, const struct machine_key *key,
		     const char *text);
/* retry_after: the header's text, empty if absent */
void ctl_core_on_head(struct ctl_core *c, struct ctl_now t, enum ctl_slot slot, int status,
		      struct span retry_after);
void ctl_core_on_data(struct ctl_core *c, struct ctl_now t, enum ctl_slot slot, struct span data);
/* The slot is empty again. why: of the connection when it broke, else CTL_CONN_OK. */
void ctl_core_on_done(struct ctl_core *c, struct ctl_now t, enum ctl_slot slot, int err,
		      enum ctl_conn_error why, const char *text);
/* The key connections must use; zero while unknown. */
const struct machine_key *ctl_core_server_key(const struct ctl_core *c);
const struct dial_target *ctl_core_target(const struct ctl_core *c);

/* ---- the client's API, with the time -------------------------------------------------------- */
void ctl_core_login(struct ctl_core *c, struct ctl_now t, unsigned flags, const char *authkey);
void ctl_core_logout(struct ctl_core *c, struct ctl_now t, void (*done)(void *, const char *),
		     void *arg);
void ctl_core_saved(struct ctl_core *c, struct ctl_now t, uint64_t ticket, int err);
void ctl_core_set_hostinfo(struct ctl_core *c, struct ctl_now t, const struct hostinfo *h);
void ctl_core_set_netinfo(struct ctl_core *c, struct ctl_now t, const struct netinfo *n);
void ctl_core_set_endpoints(struct ctl_core *c, struct ctl_now t, const struct map_endpoint *ep,
			    size_t n);
void ctl_core_set_disco(struct ctl_core *c, struct ctl_now t, const struct disco_key *k);
void ctl_core_set_tka_head(struct ctl_core *c, struct ctl_now t, const char *head);
void ctl_core_check_login(struct ctl_core *c, struct ctl_now t);
void ctl_core_pause(struct ctl_core *c, struct ctl_now t, bool paused);
void ctl_core_link_change(struct ctl_core *c, struct ctl_now t);
void ctl_core_check_expiry(struct ctl_core *c, struct ctl_now t);
void ctl_core_ping_done(struct ctl_core *c, struct ctl_now t, uint64_t ticket, json_t *taken);
const struct netmap *ctl_core_netmap(const struct ctl_core *c);
struct ctl_state ctl_core_state(const struct ctl_core *c);
const char *ctl_core_auth_url(const struct ctl_core *c);

#endif
