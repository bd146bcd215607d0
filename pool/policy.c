/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/policy.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The table is the rule: which items there are, and why some have no "allow". */
static const struct {
	const char *word;
	const char *no_allow;	/* NULL: "allow" is accepted */
} items[POLICY_ITEMS] = {
	[POLICY_SOUND] = { "sound", NULL },
	[POLICY_MICROPHONE] = { "microphone", NULL },
	[POLICY_CAMERA] = { "camera", NULL },
	[POLICY_CLIPBOARD] = { "clipboard",
		"the relay passes no clipboard in this version; only deny is accepted" },
	[POLICY_PRINTERS] = { "printers",
		"printing to a client's printer can write files there; use a printer on the "
		"network of the desktops; only deny is accepted" },
	[POLICY_SMART_CARDS] = { "smart_cards",
		"the relay passes no smart cards in this version; only deny is accepted" },
	[POLICY_REMOVABLE_STORAGE] = { "removable_storage",
		"removable storage is never allowed by a pool; it needs an approved, time-boxed "
		"exception for one user" },
};

static const char *const values[] = { [POLICY_DENY] = "deny", [POLICY_ALLOW] = "allow" };

const char *policy_item_word(enum policy_item item)
{
	assert((unsigned)item < POLICY_ITEMS);
	return items[item].word;
}

const char *policy_value_word(enum policy_value value)
{
	assert((unsigned)value < ARRAY_LEN(values));
	return values[value];
}

static int find_item(const char *word)
{
	for (int i = 0; i < POLICY_ITEMS; i++)
		if (strcmp(items[i].word, word) == 0)
			return i;
	return -ENOENT;
}

int policy_set(struct pool_policy *policy, const char *item, const char *value, struct error *err)
{
	int i = find_item(item);

	if (i < 0)
		return error_set(err, ENOENT, "no such policy item");
	if (strcmp(value, "deny") == 0) {
		policy->value[i] = POLICY_DENY;
		return 0;
	}
	if (strcmp(value, "allow") != 0)
		return error_set(err, EINVAL, "must be allow or deny");
	if (items[i].no_allow)
		return error_set(err, EINVAL, "%s", items[i].no_allow);
	policy->value[i] = POLICY_ALLOW;
	return 0;
}

void policy_format(const struct pool_policy *policy, struct buf *out)
{
	for (int i = 0; i < POLICY_ITEMS; i++)
		buf_printf(out, "%s%s=%s", i ? " " : "", items[i].word,
			   policy_value_word(policy->value[i]));
}

/* Splits "item=value" in place; NULL value when there is no '='. */
static char *split_pair(char *pair)
{
	char *equals = strchr(pair, '=');

	if (!equals)
		return NULL;
	*equals = '\0';
	return equals + 1;
}

int policy_parse(const char *text, struct pool_policy *out, struct error *err)
{
	struct pool_policy policy = { 0 };
	unsigned seen = 0;
	char copy[512];
	char *rest = NULL;

	if (strlen(text) >= sizeof(copy))
		return error_set(err, EINVAL, "policy: too long");
	memcpy(copy, text, strlen(text) + 1);
	for (char *pair = strtok_r(copy, " ", &rest); pair; pair = strtok_r(NULL, " ", &rest)) {
		char *value = split_pair(pair);
		int i = find_item(pair);

		if (!value || i < 0 || seen & 1u << i)
			return error_set(err, EINVAL, "policy: '%s' is not understood", pair);
		seen |= 1u << i;
		if (policy_set(&policy, pair, value, err) < 0)
			return error_prefix(err, "policy: %s", pair);
	}
	if (seen != (1u << POLICY_ITEMS) - 1)
		return error_set(err, EINVAL, "policy: some items are missing");
	*out = policy;
	return 0;
}
