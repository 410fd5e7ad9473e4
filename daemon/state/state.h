/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state.h: the state store: named byte strings, kept as one JSON object of base64 values in a file
 * compatible with the official daemon's (shared/spec/cli-localapi.md 6). Pure: state_io.h does the
 * file. Values are secret: memory is wiped when released. Thread: control. */
#ifndef DAEMON_STATE_STATE_H
#define DAEMON_STATE_STATE_H

#include "base/bytes.h"
#include "base/keys.h"

#define STATE_FILE_MAX (16u << 20)
#define STATE_KEYS_MAX 4096

#define STATE_MACHINE_KEY "_machinekey"
#define STATE_CURRENT_PROFILE "_current-profile"
#define STATE_PROFILES "_profiles"
#define STATE_DAEMON "_daemon" /* single profile of old versions */

struct state;

struct state *state_new(void); /* empty; new */
void state_free(struct state *s);

/* Read the file's text into an empty store; an empty text is an empty store. -ERR_SYNTAX,
 * -ERR_UNSUPPORTED (sealed by a TPM) with *why static text; the store is left empty. */
MUST_CHECK int state_parse(struct state *s, struct span text, const char **why);
/* The file's text: sorted keys, two-space indent, no final newline. */
void state_text(const struct state *s, struct buf *out);

/* Borrowed until the next change of the key; p NULL if absent. */
struct span state_get(const struct state *s, const char *key);
/* Copy value in; a NULL p deletes. Returns whether anything changed. */
bool state_put(struct state *s, const char *key, struct span value);
/* Grows with each change. */
uint64_t state_generation(const struct state *s);
/* Key names in byte order, for tests and listing; NULL past the end. */
const char *state_key_at(const struct state *s, size_t i);

/* The machine key: stored one, or a fresh one which is put into the store (*made). -ERR_SYNTAX if
 * the stored text is no key: then nothing is replaced. */
MUST_CHECK int state_machine_key(struct state *s, struct rng *rng, struct machine_priv *out,
				 bool *made);

#endif
