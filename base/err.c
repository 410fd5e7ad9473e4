/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include "base/alloc.h"

static const char *const texts[] = {
	[0] = "success",
	[ERR_SHORT] = "input too short",
	[ERR_SYNTAX] = "malformed input",
	[ERR_RANGE] = "value out of range",
	[ERR_TYPE] = "unknown type",
	[ERR_AUTH] = "authentication failed",
	[ERR_REPLAY] = "replayed",
	[ERR_STATE] = "not allowed in this state",
	[ERR_TOOBIG] = "too big",
	[ERR_FULL] = "full",
	[ERR_NOMEM] = "out of memory",
	[ERR_NOENT] = "not found",
	[ERR_EXIST] = "already exists",
	[ERR_PERM] = "permission denied",
	[ERR_BUSY] = "busy",
	[ERR_AGAIN] = "try again",
	[ERR_CLOSED] = "connection closed",
	[ERR_TIMEOUT] = "timed out",
	[ERR_PROTO] = "protocol error",
	[ERR_IO] = "input/output error",
	[ERR_UNSUPPORTED] = "not supported",
};
_Static_assert(ARRAY_LEN(texts) == ERR_MAX, "each code has a text");

const char *err_text(int err)
{
	if (err > -ERR_MAX && err < 0)
		err = -err;
	if (err < 0 || err >= ERR_MAX)
		return "unknown error";
	return texts[err];
}
