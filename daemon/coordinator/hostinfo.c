/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/hostinfo.h"

json_t *hostinfo_for_peers(const json_t *info)
{
	json_t *out = info ? j_copy(info) : j_object();

	j_del(out, "NetInfo");
	j_del(out, "BackendLogID");
	j_del(out, "FrontendLogID");
	return out;
}

bool hostinfo_same_for_peers(const json_t *a, const json_t *b)
{
	json_t *x = hostinfo_for_peers(a), *y = hostinfo_for_peers(b);
	bool same = j_equal(x, y);

	j_free(x);
	j_free(y);
	return same;
}
