/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/dbus_priv.h"

#include <dlfcn.h>

#define LIBRARY "libsystemd.so.0"

struct dbus_lib sd;

static bool load(void)
{
	void *lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	bool all = lib != NULL;
	if (!lib)
		return false;
#define LOAD(ret, name, args)                                                                      \
	*(void **)&sd.name = dlsym(lib, "sd_bus_" #name);                                          \
	all &= sd.name != NULL;
	DBUS_LIB_FUNCTIONS(LOAD)
	return all;
}

const char *dbus_missing(void)
{
	static enum { UNTRIED, HERE, MISSING } library;
	if (library == UNTRIED)
		library = load() ? HERE : MISSING;
	return library == HERE ? NULL : LIBRARY " is missing (Debian: apt-get install libsystemd0)";
}
