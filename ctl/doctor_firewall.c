/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the machine's own packet filter lets somebody in. The rules are walked as nftables walks
 * them, with the first packet of a TCP connection from another machine. Much of it is not known
 * here, such as who the sender is: a match is true, false or unknown, and a rule behind an unknown
 * match may accept, but shuts nothing. So what is called shut is shut for everybody. */
#include <stdio.h>
#include <string.h>
#include "ctl/doctor.h"

#define JUMPS_MAX 16 /* nftables' own limit */

enum truth { NO, MAYBE, YES };
enum verdict { GO_ON, RETURN, ACCEPT, DROP };

struct walk {
	const json_t *ruleset;
	int port;
	const char *family, *table;
	bool may_pass; /* a rule that may match accepts */
};

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static bool is(const json_t *value, const char *word)
{
	return json_is_string(value) && strcmp(json_string_value(value), word) == 0;
}

/* ---------------------------------------------------------------------------------- one match */

/* What is known of the packet, in the words of nft; NULL for what is not. */
static const char *known(const json_t *left)
{
	const json_t *meta = json_object_get(left, "meta"), *ct = json_object_get(left, "ct");
	const json_t *payload = json_object_get(left, "payload");

	if (strcmp(text(ct, "key"), "state") == 0)
		return "new";
	if (strcmp(text(meta, "key"), "l4proto") == 0 ||
	    (strcmp(text(payload, "protocol"), "ip") == 0 &&
	     strcmp(text(payload, "field"), "protocol") == 0))
		return "tcp";
	if (strcmp(text(meta, "key"), "nfproto") == 0)
		return "ipv4";
	return NULL;
}

static bool is_port(const json_t *left)
{
	const json_t *payload = json_object_get(left, "payload");

	return (strcmp(text(payload, "protocol"), "tcp") == 0 ||
		strcmp(text(payload, "protocol"), "th") == 0) &&
	       strcmp(text(payload, "field"), "dport") == 0;
}

static bool is_device(const json_t *left)
{
	const char *key = text(json_object_get(left, "meta"), "key");

	return strcmp(key, "iif") == 0 || strcmp(key, "iifname") == 0;
}

static enum truth port_is(const json_t *right, int port)
{
	const json_t *range = json_object_get(right, "range");

	if (json_is_integer(right))
		return json_integer_value(right) == port ? YES : NO;
	if (json_array_size(range) == 2)
		return json_integer_value(json_array_get(range, 0)) <= port &&
				       port <= json_integer_value(json_array_get(range, 1))
			       ? YES
			       : NO;
	return MAYBE;
}

static enum truth is_one_of(const struct walk *w, const json_t *left, const json_t *right);

static enum truth is_value(const struct walk *w, const json_t *left, const json_t *right)
{
	const char *word = known(left);

	if (json_object_get(right, "set"))
		return is_one_of(w, left, json_object_get(right, "set"));
	if (json_is_array(right))
		return is_one_of(w, left, right);
	if (is_port(left))
		return port_is(right, w->port);
	if (is_device(left))
		return is(right, "lo") ? NO : MAYBE;
	if (word && json_is_string(right) && *json_string_value(right) != '@')
		return is(right, word) ? YES : NO;
	return MAYBE;
}

static enum truth is_one_of(const struct walk *w, const json_t *left, const json_t *right)
{
	enum truth best = NO;
	const json_t *value;
	size_t i;

	json_array_foreach(right, i, value)
	{
		enum truth one = is_value(w, left, value);

		best = one > best ? one : best;
	}
	return best;
}

static enum truth matches(const struct walk *w, const json_t *match)
{
	enum truth same =
		is_value(w, json_object_get(match, "left"), json_object_get(match, "right"));
	const char *op = text(match, "op");

	if (strcmp(op, "==") == 0 || strcmp(op, "in") == 0)
		return same;
	if (strcmp(op, "!=") == 0)
		return same == YES ? NO : same == NO ? YES : MAYBE;
	return MAYBE;
}

/* ------------------------------------------------------------------------------ rules and chains
 */

static enum verdict walk_chain(struct walk *w, const char *name, bool sure, int depth);

static enum verdict apply(struct walk *w, const json_t *statement, bool sure, int depth)
{
	const char *jump = text(json_object_get(statement, "jump"), "target");
	const char *go = text(json_object_get(statement, "goto"), "target");
	enum verdict verdict = GO_ON;

	if (json_object_get(statement, "accept"))
		verdict = ACCEPT;
	else if (json_object_get(statement, "drop") || json_object_get(statement, "reject"))
		verdict = DROP;
	else if (json_object_get(statement, "return"))
		verdict = RETURN;
	else if (*jump || *go)
		verdict = walk_chain(w, *jump ? jump : go, sure, depth + 1);
	if (*jump && verdict == RETURN)
		verdict = GO_ON;
	if (*go && verdict == GO_ON)
		verdict = RETURN;
	if (sure)
		return verdict;
	w->may_pass |= verdict == ACCEPT || verdict == RETURN;
	return GO_ON;
}

/* The verdicts by value; those of a map with a name are not looked up. */
static enum verdict apply_map(struct walk *w, const json_t *map, bool sure, int depth)
{
	const json_t *pairs = json_object_get(json_object_get(map, "data"), "set"), *pair;
	size_t i;

	w->may_pass |= !pairs;
	json_array_foreach(pairs, i, pair)
	{
		enum truth here = is_value(w, json_object_get(map, "key"), json_array_get(pair, 0));
		enum verdict verdict =
			here == NO ? GO_ON
				   : apply(w, json_array_get(pair, 1), sure && here == YES, depth);

		if (verdict != GO_ON)
			return verdict;
	}
	return GO_ON;
}

/* Statements that let a packet go on to the next one, or not, by what is not known here. */
static bool is_condition(const json_t *statement)
{
	return json_object_get(statement, "limit") || json_object_get(statement, "quota") ||
	       json_object_get(statement, "ct count") || json_object_get(statement, "xt");
}

static enum verdict walk_rule(struct walk *w, const json_t *statements, bool sure, int depth)
{
	const json_t *statement;
	size_t i;

	json_array_foreach(statements, i, statement)
	{
		const json_t *match = json_object_get(statement, "match");
		const json_t *map = json_object_get(statement, "vmap");
		enum truth here = match ? matches(w, match) : is_condition(statement) ? MAYBE : YES;
		enum verdict verdict;

		if (here == NO)
			return GO_ON;
		sure = sure && here == YES;
		verdict = map ? apply_map(w, map, sure, depth) : apply(w, statement, sure, depth);
		if (verdict != GO_ON)
			return verdict;
	}
	return GO_ON;
}

static enum verdict walk_chain(struct walk *w, const char *name, bool sure, int depth)
{
	const json_t *entry;
	size_t i;

	w->may_pass |= depth > JUMPS_MAX;
	if (depth > JUMPS_MAX)
		return GO_ON;
	json_array_foreach(w->ruleset, i, entry)
	{
		const json_t *rule = json_object_get(entry, "rule");

		if (strcmp(text(rule, "chain"), name) != 0 ||
		    strcmp(text(rule, "table"), w->table) != 0 ||
		    strcmp(text(rule, "family"), w->family) != 0)
			continue;
		enum verdict verdict = walk_rule(w, json_object_get(rule, "expr"), sure, depth);
		if (verdict != GO_ON)
			return verdict;
	}
	return GO_ON;
}

/* Chains that a packet for this machine passes. */
static bool is_on_the_way(const json_t *chain)
{
	const char *family = text(chain, "family"), *hook = text(chain, "hook");

	return (strcmp(family, "inet") == 0 || strcmp(family, "ip") == 0) &&
	       (strcmp(hook, "input") == 0 || strcmp(hook, "prerouting") == 0);
}

static bool shuts(const json_t *ruleset, const json_t *chain, int port)
{
	struct walk w = { ruleset, port, text(chain, "family"), text(chain, "table"), false };
	enum verdict verdict = walk_chain(&w, text(chain, "name"), true, 0);

	if (verdict == GO_ON || verdict == RETURN)
		verdict = strcmp(text(chain, "policy"), "drop") == 0 ? DROP : ACCEPT;
	return verdict == DROP && !w.may_pass;
}

bool doctor_firewall_shuts(const json_t *nft, int port, char chain[128])
{
	const json_t *ruleset = json_object_get(nft, "nftables"), *entry;
	size_t i;

	json_array_foreach(ruleset, i, entry)
	{
		const json_t *here = json_object_get(entry, "chain");

		if (!is_on_the_way(here) || !shuts(ruleset, here, port))
			continue;
		snprintf(chain, 128, "%.10s %.50s %.50s", text(here, "family"), text(here, "table"),
			 text(here, "name"));
		return true;
	}
	return false;
}
