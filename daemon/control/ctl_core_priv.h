/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctl_core_priv.h: the control client's state, shared by ctl_core.c (life, own state, time),
 * ctl_login.c, ctl_map.c, ctl_update.c and ctl_ping.c. */
#ifndef DAEMON_CONTROL_CTL_CORE_PRIV_H
#define DAEMON_CONTROL_CTL_CORE_PRIV_H

#include "daemon/control/backoff.h"
#include "daemon/control/ctl_core.h"
#include "daemon/control/map_session.h"
#include "daemon/control/map_wire.h"

#define CTL_TEXT_MAX 512
#define CTL_BODY_ERROR_MAX 200 /* of a refusal's body that is shown */

enum login_phase {
	LOGIN_OFF,
	LOGIN_KEY,    /* GET /key is under way */
	LOGIN_SEND,   /* register is under way, or its follow-up poll */
	LOGIN_WAIT,   /* back-off */
	LOGIN_SAVING, /* registered; the new state is on its way to disk */
	LOGIN_DONE,
};

/* A node key on probation (shared/spec/control.md 7.3). */
struct trial {
	bool set;
	bool fresh; /* made for this login */
	struct node_priv node;
	struct node_priv old;
};

struct login {
	enum login_phase phase;
	struct trial trial;
	char *auth_key;	  /* secret; NULL or "" if none */
	char *auth_url;	  /* being waited on; NULL if none */
	bool key_expired; /* the stored key is known to be */
	struct buf answer;
	int status;
	int64_t retry_ms; /* of a 429; -1 if none */
	struct backoff backoff;
	mono_t at;	 /* WAIT: when to go on; SEND: time-out */
	uint64_t ticket; /* SAVING: of which save */
};

enum map_phase { MAP_OFF, MAP_OPEN, MAP_WAIT };

struct map_loop {
	enum map_phase phase;
	int status; /* of the head; 0 before it */
	int64_t retry_ms;
	struct buf error; /* body of a refusal */
	struct map_reader *reader;
	struct map_session *session; /* of the open stream; == current once it is ready */
	struct map_session *current; /* whose map was delivered last */
	struct backoff backoff;
	mono_t at;   /* OPEN: watchdog; WAIT: when to go on */
	mono_t hold; /* Debug.SleepSeconds: nothing is processed before; ZERO if none */
	struct buf held;
	mono_t ready_at; /* when the session delivered its first map */
	mono_t last_message;
	unsigned unknown; /* consecutive 404s, of updates too */
	mono_t expire_at;
};

enum update_phase { UPDATE_IDLE, UPDATE_DUE, UPDATE_SENDING, UPDATE_WAIT };

struct update_loop {
	enum update_phase phase;
	uint64_t want, sent, in_flight; /* generations */
	int status;
	struct backoff backoff;
	mono_t at;
};

struct logout {
	bool running;
	void (*done)(void *arg, const char *why);
	void *arg;
	mono_t at; /* deadline */
	int status;
	struct buf answer;
	bool empty; /* nothing to log out of: only the answer is due */
};

struct peer_ping {
	uint64_t ticket; /* 0: free */
	char *url;
	bool noise;
	mono_t at;
};

struct ctl_core {
	const struct ctl_io *io;
	void *io_arg;
	const struct ctl_ops *ops;
	void *arg;
	struct rng *rng;
	bool dead;

	char *url;
	struct dial_target target;
	struct machine_key server_key;
	unsigned noise_failures;
	bool fetching;

	struct persist persist; /* what is, or is being, saved */
	bool ephemeral;
	bool paused;

	json_t *hostinfo;		/* without NetInfo */
	json_t *netinfo_json;		/* NULL: not known yet */
	struct map_endpoint *endpoints; /* sorted */
	size_t n_endpoints;
	struct disco_key disco;
	char *tka_head;

	struct login login;
	struct map_loop map;
	struct update_loop update;
	struct logout logout;
	struct peer_ping pings[CTL_PINGS_MAX];
	uint64_t next_ticket;
	bool error_shown;
	struct ctl_state told; /* what on_state said last */
};

/* ctl_core.c */
void core_error(struct ctl_core *c, enum ctl_error kind, const char *text); /* makes it printable */
void core_error_over(struct ctl_core *c);
void core_tell_state(struct ctl_core *c);
/* Hostinfo as it is sent now: NetInfo put in, and RequestTags left out if no_tags. New. */
json_t *core_hostinfo(const struct ctl_core *c, bool no_tags);
/* A request failed: count Noise failures, forget a key that does not fit. */
void core_note_failure(struct ctl_core *c, enum ctl_conn_error why);
enum ctl_error core_error_kind(enum ctl_conn_error why);
bool core_is_version_refusal(const char *text);
/* Collect the start of a body. */
void core_collect(struct buf *b, struct span data);
/* The refusal as text for people: "HTTP 404: node not found". */
void core_refusal(char out[static CTL_TEXT_MAX], int status, const struct buf *body);
/* Ask for a save; the ticket that ctl_core_saved will name. */
uint64_t core_save(struct ctl_core *c);
/* A map request with all we have to tell: the long poll (stream), or a lite update. */
void core_send_map(struct ctl_core *c, enum ctl_slot slot, bool stream);
void core_public(const struct ctl_core *c, struct node_key *out); /* of persist.node */

/* ctl_login.c */
void login_go(struct ctl_core *c, struct ctl_now t);	/* whatever is due */
void login_stop(struct ctl_core *c);			/* pause: the phase is kept for login_go */
void login_again(struct ctl_core *c, struct ctl_now t); /* the server does not know us */
void login_saved(struct ctl_core *c, struct ctl_now t, int err);
void login_on_key(struct ctl_core *c, struct ctl_now t, int err, const char *text);
void logout_on_key(struct ctl_core *c, struct ctl_now t, int err, const char *text);
void core_fetch_key(struct ctl_core *c); /* once at a time */
void map_on_key(struct ctl_core *c, struct ctl_now t, int err);
void login_on_done(struct ctl_core *c, struct ctl_now t, int err, enum ctl_conn_error why,
		   const char *text);
void logout_on_done(struct ctl_core *c, struct ctl_now t, int err, const char *text);
void logout_tick(struct ctl_core *c, struct ctl_now t);
mono_t login_deadline(const struct ctl_core *c);

/* ctl_map.c */
void map_go(struct ctl_core *c, struct ctl_now t);
void map_stop(struct ctl_core *c);
void map_forget(struct ctl_core *c); /* logout: the map itself too */
void map_restart(struct ctl_core *c, struct ctl_now t);
void map_on_head(struct ctl_core *c, int status, int64_t retry_ms);
void map_on_data(struct ctl_core *c, struct ctl_now t, struct span data);
void map_on_done(struct ctl_core *c, struct ctl_now t, int err, enum ctl_conn_error why,
		 const char *text);
void map_expire(struct ctl_core *c, struct ctl_now t);
mono_t map_deadline(const struct ctl_core *c);

/* ctl_update.c */
void update_bump(struct ctl_core *c, struct ctl_now t); /* something to tell */
void update_go(struct ctl_core *c, struct ctl_now t);
void update_stop(struct ctl_core *c);
void update_on_done(struct ctl_core *c, struct ctl_now t, int err, enum ctl_conn_error why,
		    const char *text);
mono_t update_deadline(const struct ctl_core *c);

/* ctl_ping.c */
void ping_answer(struct ctl_core *c, struct ctl_now t, const struct map_ping *p);
void ping_tick(struct ctl_core *c, struct ctl_now t);
mono_t ping_deadline(const struct ctl_core *c);
void ping_stop(struct ctl_core *c);

#endif
