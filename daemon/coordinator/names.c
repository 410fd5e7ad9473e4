/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/names.h"

#include <ctype.h>
#include <string.h>

bool user_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n < 1 || n > LABEL_MAX || !isalpha((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return false;
	return true;
}

bool label_ok(const char *s)
{
	size_t n = strlen(s);

	if (n < 1 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && s[i] != '-')
			return false;
	return true;
}

bool tag_ok(const char *s)
{
	if (strncmp(s, "tag:", 4) != 0 || !isalpha((unsigned char)s[4]) || strlen(s) > LABEL_MAX)
		return false;
	for (s += 4; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-')
			return false;
	return true;
}

void label_from_hostname(const char *hostname, char out[static LABEL_MAX + 1])
{
	size_t n = 0;

	for (; *hostname && *hostname != '.' && n < LABEL_MAX; hostname++) {
		unsigned char c = (unsigned char)*hostname;

		if (isalnum(c) && c < 128)
			out[n++] = (char)tolower(c);
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n && out[n - 1] == '-')
		n--;
	out[n] = 0;
	if (!n)
		memcpy(out, "node", 5);
}
