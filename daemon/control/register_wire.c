/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/register_wire.h"

#include "base/alloc.h"
#include "daemon/control/jd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIGNATURE_MAX 65536
#define RETRY_MAX_S 3600
#define TKA_SUFFIX "--TL"

/* ---- request --------------------------------------------------------------------------------- */

/* The key without a well-formed tailnet-lock suffix "--TL<base64>-<base64>". */
static size_t auth_key_len(const char *key)
{
	static const char b64[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = strstr(key, TKA_SUFFIX);
	if (!at)
		return strlen(key);
	const char *sig = at + strlen(TKA_SUFFIX);
	size_t n = strspn(sig, b64);
	if (n == 0 || sig[n] != '-')
		return strlen(key);
	size_t m = strspn(sig + n + 1, b64);
	return m && !sig[n + 1 + m] ? (size_t)(at - key) : strlen(key);
}

static void set_auth(json_t *o, const char *key)
{
	if (!key || !*key)
		return;
	json_t *auth = j_object();
	j_set(auth, "AuthKey", j_string_span(span_of(key, auth_key_len(key))));
	j_set(o, "Auth", auth);
}

static void set_request_keys(json_t *o, const struct register_request *r)
{
	char text[KEY_TEXT_MAX];
	j_set_str(o, "NodeKey", node_key_encode(&r->node, text));
	j_set_str(o, "OldNodeKey", node_key_encode(&r->old_node, text));
	j_set_str(o, "NLKey", nl_key_encode(&r->nl, text));
}

json_t *register_request_to_json(const struct register_request *r)
{
	json_t *o = j_object();
	j_set_int(o, "Version", r->version);
	set_request_keys(o, r);
	set_auth(o, r->auth_key);
	j_set_time(o, "Expiry", r->expiry);
	j_set_str(o, "Followup", r->followup ? r->followup : "");
	j_set(o, "Hostinfo", r->hostinfo ? j_ref(r->hostinfo) : j_null());
	if (r->ephemeral)
		j_set_bool(o, "Ephemeral", true);
	if (r->signature.len)
		j_set_base64(o, "NodeKeySignature", r->signature);
	else
		j_set_null(o, "NodeKeySignature");
	if (!wall_is_zero(r->timestamp))
		j_set_time(o, "Timestamp", (wall_t){ r->timestamp.s, 0 });
	if (r->tailnet && *r->tailnet)
		j_set_str(o, "Tailnet", r->tailnet);
	return o;
}

int register_request_from_json(const json_t *v, struct register_request *out, const char **why)
{
	struct jd d = jd_init(v, NULL);
	struct jd auth = jd_init(jd_object(&d, "Auth"), NULL);
	const char *nl = jd_str(&d, "NLKey");
	memset(out, 0, sizeof(*out));
	if (!j_is_object(v))
		jd_fail(&d, -ERR_SYNTAX, "RegisterRequest");
	out->version = jd_int32(&d, "Version");
	jd_node_key(&d, "NodeKey", &out->node);
	jd_node_key(&d, "OldNodeKey", &out->old_node);
	if (*nl && nl_key_decode(span_str(nl), &out->nl))
		jd_fail(&d, -ERR_SYNTAX, "NLKey");
	out->auth_key = jd_str(&auth, "AuthKey");
	out->expiry = jd_time(&d, "Expiry");
	out->followup = jd_str(&d, "Followup");
	out->hostinfo = (json_t *)(uintptr_t)jd_object(&d, "Hostinfo");
	out->ephemeral = jd_bool(&d, "Ephemeral");
	out->timestamp = jd_time(&d, "Timestamp");
	out->tailnet = jd_str(&d, "Tailnet");
	if (auth.err)
		jd_fail(&d, auth.err, "Auth");
	*why = d.why;
	return d.err;
}

/* ---- answer ------------------------------------------------------------------------------------
 */

void register_answer_fini(struct register_answer *a)
{
	free(a->login_name);
	free(a->display_name);
	free(a->picture);
	free(a->auth_url);
	free(a->error);
	buf_fini(&a->signature);
}

static void read_signature(struct jd *d, struct buf *out)
{
	struct arena a = { 0 };
	uint32_t n;
	d->arena = &a;
	const uint8_t *sig = jd_base64(d, "NodeKeySignature", &n);
	buf_add(out, sig, n);
	arena_fini(&a);
	d->arena = NULL;
}

int register_answer_parse(struct span body, struct register_answer *out)
{
	json_t *v = j_parse(body, REGISTER_ANSWER_MAX, NULL);
	if (!v)
		return body.len > REGISTER_ANSWER_MAX ? -ERR_TOOBIG : -ERR_SYNTAX;
	struct jd d = jd_init(v, NULL);
	struct jd user = jd_init(jd_object(&d, "User"), NULL);
	struct jd login = jd_init(jd_object(&d, "Login"), NULL);
	memset(out, 0, sizeof(*out));
	buf_init(&out->signature, SIGNATURE_MAX);
	out->user_id = jd_int(&user, "ID");
	out->login_name = xstrdup(jd_str(&login, "LoginName"));
	out->display_name = xstrdup(jd_str(&login, "DisplayName"));
	out->picture = xstrdup(jd_str(&login, "ProfilePicURL"));
	out->node_key_expired = jd_bool(&d, "NodeKeyExpired");
	out->machine_authorized = jd_bool(&d, "MachineAuthorized");
	out->auth_url = xstrndup(jd_str(&d, "AuthURL"), REGISTER_URL_MAX);
	out->error = xstrndup(jd_str(&d, "Error"), REGISTER_ERROR_MAX);
	read_signature(&d, &out->signature);
	int err = d.err ? d.err : user.err ? user.err : login.err;
	if (!j_is_object(v))
		err = -ERR_SYNTAX;
	if (err)
		register_answer_fini(out);
	j_free(v);
	return err;
}

static json_t *login_to_json(const struct register_answer *a)
{
	json_t *login = j_object();
	j_set_int(login, "ID", a->user_id);
	j_set_str(login, "Provider", "");
	j_set_str(login, "LoginName", a->login_name);
	j_set_str(login, "DisplayName", a->display_name);
	if (a->picture && *a->picture)
		j_set_str(login, "ProfilePicURL", a->picture);
	return login;
}

json_t *register_answer_to_json(const struct register_answer *a)
{
	json_t *o = j_object(), *user = j_object();
	j_set_int(user, "ID", a->user_id);
	j_set_str(user, "DisplayName", a->display_name);
	j_set(o, "User", user);
	j_set(o, "Login", login_to_json(a));
	j_set_bool(o, "NodeKeyExpired", a->node_key_expired);
	j_set_bool(o, "MachineAuthorized", a->machine_authorized);
	j_set_str(o, "AuthURL", a->auth_url);
	if (a->signature.len)
		j_set_base64(o, "NodeKeySignature", buf_span(&a->signature));
	else
		j_set_null(o, "NodeKeySignature");
	j_set_str(o, "Error", a->error);
	return o;
}

/* ---- GET /key ---- */

int server_key_parse(struct span body, struct machine_key *key)
{
	uint8_t legacy[32];
	struct machine_key k;
	while (body.len && (body.p[body.len - 1] == '\n' || body.p[body.len - 1] == '\r'))
		body.len--;
	if (body.len == 2 * sizeof(legacy) && hex_decode(body, legacy, sizeof(legacy)) == 0)
		return -ERR_UNSUPPORTED; /* a server from before Noise */
	json_t *v = j_parse(body, SERVER_KEY_MAX, NULL);
	struct span text = j_span(v, "publicKey");
	int err = text.p ? machine_key_decode(text, &k) : -ERR_SYNTAX;
	if (!err && machine_key_is_zero(&k))
		err = -ERR_UNSUPPORTED;
	if (!err)
		*key = k;
	j_free(v);
	return err;
}

/* ---- Retry-After ---- */

int64_t register_retry_after_ms(int64_t seconds, struct rng *rng)
{
	if (seconds > 0 && seconds <= RETRY_MAX_S)
		return seconds * 1000;
	return 5000 + rng_below(rng, 5000);
}

static int month_of(struct span s)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (int m = 0; m < 12; m++)
		if (s.len == 3 && memcmp(s.p, names + 3 * m, 3) == 0)
			return m + 1;
	return 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" by way of RFC 3339 */
static int http_date(struct span v, wall_t *out)
{
	struct rd r = rd_init(v);
	char text[32];
	rd_skip(&r, 5);
	struct span day = rd_take(&r, 2);
	rd_skip(&r, 1);
	int month = month_of(rd_take(&r, 3));
	rd_skip(&r, 1);
	struct span year = rd_take(&r, 4);
	rd_skip(&r, 1);
	struct span clock = rd_take(&r, 8);
	if (!span_eq_str(rd_take(&r, 4), " GMT") || !rd_done(&r) || month == 0)
		return -ERR_SYNTAX;
	snprintf(text, sizeof(text), "%.4s-%02d-%.2sT%.8sZ", (const char *)year.p, month,
		 (const char *)day.p, (const char *)clock.p);
	return wall_decode(span_str(text), out);
}

int64_t retry_after_parse(struct span value, wall_t now)
{
	uint64_t seconds;
	wall_t at;
	if (u64_decode(value, INT32_MAX, &seconds) == 0)
		return (int64_t)seconds;
	if (http_date(value, &at))
		return -1;
	return at.s > now.s ? at.s - now.s : 0;
}
