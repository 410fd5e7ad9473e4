/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/health_lines.h"

#include "base/alloc.h"
#include "cli/localapi_client.h"
#include "cli/print.h"

#include <stdlib.h>

#define NOT_APPROVED "Advertised "
#define SSH_SHUT_OUT                                                                               \
	"Tailscale SSH enabled, but access controls don't allow anyone to access this device."
#define LOOKS 8
#define LOOK_PAUSE_MS 250

static bool begins_with(const char *text, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; text && i < n; i++)
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static bool concerns(const char *text, enum health_of what)
{
	static const char *const of_up[] = {
		"Some peers are advertising routes but --accept-routes is false",
		SSH_SHUT_OUT,
		"this node is locked out;",
		NOT_APPROVED,
	};
	static const char *const of_routes[] = { NOT_APPROVED, "Subnet routing is enabled, but" };
	return what == HEALTH_OF_UP ? begins_with(text, of_up, ARRAY_LEN(of_up))
				    : begins_with(text, of_routes, ARRAY_LEN(of_routes));
}

static bool waits_for_approval(const json_t *health)
{
	static const char *const prefix[] = { NOT_APPROVED };
	for (size_t i = 0; i < j_len(health); i++)
		if (begins_with(j_text(j_at(health, i)), prefix, 1))
			return true;
	return false;
}

/* Status without peers, new; NULL if it cannot be had: the change itself has succeeded. */
static json_t *look(struct cli *c)
{
	char *why = NULL;
	json_t *status = lapi_status(c, false, false, &why);
	free(why);
	return status;
}

static json_t *look_until_approved(struct cli *c)
{
	json_t *status = look(c);
	for (int i = 1; i < LOOKS && waits_for_approval(j_get(status, "Health")); i++) {
		cli_sleep_ms(c, LOOK_PAUSE_MS);
		j_free(status);
		status = look(c);
	}
	return status;
}

void health_print(struct cli *c, enum health_of what)
{
	json_t *status = look_until_approved(c);
	const json_t *health = j_get(status, "Health");
	size_t n = 0;
	for (size_t i = 0; i < j_len(health); i++)
		n += concerns(j_text(j_at(health, i)), what);
	if (n > 1)
		fprintf(c->out, "# Health check warnings:\n");
	for (size_t i = 0; i < j_len(health); i++) {
		const char *text = j_text(j_at(health, i));
		if (!concerns(text, what))
			continue;
		fputs(n > 1 ? "#     - " : "", c->out);
		print_clean(c->out, text);
		fputc('\n', c->out);
	}
	j_free(status);
}
