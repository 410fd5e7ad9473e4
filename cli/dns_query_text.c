/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/dns_query_text.h"

#include "cli/dns_text.h"
#include "cli/table.h"
#include "cli/text.h"

#define TABLE_MAX (64u << 20)

static void add_resolvers(const json_t *list, struct buf *out)
{
	if (j_len(list) == 1) {
		buf_add_str(out, "Forwarding to resolver: ");
		dns_resolver_text(out, j_at(list, 0));
		buf_add_str(out, "\n\n");
		return;
	}
	buf_add_str(out, "Multiple resolvers available:\n");
	for (size_t i = 0; i < j_len(list); i++) {
		buf_add_str(out, "  - ");
		dns_resolver_text(out, j_at(list, i));
		buf_add_str(out, "\n");
	}
	buf_add_str(out, "\n");
}

static const char *text_of(const json_t *o, const char *name)
{
	return j_str(o, name) ? j_str(o, name) : "";
}

static void add_answers(const json_t *answers, struct buf *out)
{
	struct buf cells;
	buf_init(&cells, TABLE_MAX);
	if (!j_len(answers))
		buf_add_str(out, "  (no answers found)\n");
	buf_add_str(&cells, "Name\tTTL\tClass\tType\tBody\n----\t---\t-----\t----\t----\n");
	for (size_t i = 0; i < j_len(answers); i++) {
		const json_t *a = j_at(answers, i);
		buf_fmt(&cells, "%s\t%lld\t%s\t%s\t%s\n", text_of(a, "Name"),
			(long long)j_int(a, "TTL", 0), text_of(a, "Class"), text_of(a, "Type"),
			text_of(a, "Body"));
	}
	table_format(buf_span(&cells), 0, 2, out);
	buf_add_str(out, "\n");
	buf_fini(&cells);
}

void dns_query_text(const struct dns_query_view *v, struct buf *out)
{
	char code[DNS_CODE_TEXT_MAX];
	buf_add_str(out, "DNS query for ");
	text_quote(out, v->name);
	buf_add_str(out, " (");
	text_clean(out, v->type);
	buf_add_str(out, ") using internal resolver:\n\n");
	add_resolvers(v->resolvers, out);
	if (v->local)
		buf_add_str(out, "Answered by this node itself: no resolver was asked.\n\n");
	buf_fmt(out, "Response code: %s\n\n", dns_rcode_text(v->reply->rcode, code));
	if (v->reply->answers)
		add_answers(v->reply->answers, out);
	else
		buf_add_str(out, "No answers were returned.\n");
}

static json_t *resolvers_json(const json_t *list)
{
	json_t *out = j_array();
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *r = j_at(list, i), *bootstrap = j_get(r, "BootstrapResolution");
		json_t *o = j_object();
		j_set_str(o, "Addr", text_of(r, "Addr"));
		if (j_len(bootstrap))
			j_set(o, "BootstrapResolution", j_copy(bootstrap));
		j_add(out, o);
	}
	return out;
}

json_t *dns_query_json(const struct dns_query_view *v)
{
	char code[DNS_CODE_TEXT_MAX];
	json_t *o = j_object();
	j_set_str(o, "Name", v->name);
	j_set_str(o, "QueryType", v->type);
	if (j_len(v->resolvers))
		j_set(o, "Resolvers", resolvers_json(v->resolvers));
	if (v->local)
		j_set_bool(o, "Local", true);
	j_set_str(o, "ResponseCode", dns_rcode_text(v->reply->rcode, code));
	if (v->reply->answers)
		j_set(o, "Answers", j_copy(v->reply->answers));
	return o;
}
