/* SPDX-License-Identifier: GPL-2.0-or-later */
/* err.h: error codes of the whole tree. Functions return 0 or a negative code. Pure. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))

enum err {
	ERR_SHORT = 1,   /* input ends before the value does */
	ERR_SYNTAX,      /* text or JSON that does not parse */
	ERR_RANGE,       /* a value outside what the field allows */
	ERR_TYPE,        /* well formed, of a kind we do not know */
	ERR_AUTH,        /* MAC, signature or key does not match */
	ERR_REPLAY,      /* authentic, seen before */
	ERR_STATE,       /* not allowed in the present state */
	ERR_TOOBIG,      /* above a named maximum */
	ERR_FULL,        /* a bounded container is full */
	ERR_NOMEM,       /* allocation sized by input failed */
	ERR_NOENT,       /* no such object */
	ERR_EXIST,       /* already there */
	ERR_PERM,        /* not permitted */
	ERR_BUSY,        /* held by somebody else */
	ERR_AGAIN,       /* would block */
	ERR_CLOSED,      /* the other side closed */
	ERR_TIMEOUT,     /* no answer in time */
	ERR_PROTO,       /* the other side broke the protocol */
	ERR_IO,          /* the system refused; errno says why */
	ERR_UNSUPPORTED, /* not offered here */
	ERR_MAX
};

/* Short English text for a code; takes err or -err; never NULL. Thread: any. */
const char *err_text(int err);

#endif
