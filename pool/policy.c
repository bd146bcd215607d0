/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/policy.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define ONLY(value) (1u << (value))
#define SWITCH (ONLY(POLICY_DENY) | ONLY(POLICY_ALLOW))
#define CLIPBOARD                                                                                  \
	(ONLY(POLICY_DENY) | ONLY(POLICY_TEXT_TO_DESKTOP) | ONLY(POLICY_TEXT_FROM_DESKTOP) |       \
	 ONLY(POLICY_TEXT_BOTH))

/* The table is the rule: which items there are, what each takes, and why it takes no other. */
static const struct {
	const char *word;
	unsigned takes;
	const char *otherwise;
} items[POLICY_ITEMS] = {
	[POLICY_SOUND] = { "sound", SWITCH, "must be allow or deny" },
	[POLICY_MICROPHONE] = { "microphone", SWITCH, "must be allow or deny" },
	[POLICY_CAMERA] = { "camera", SWITCH, "must be allow or deny" },
	[POLICY_CLIPBOARD] = { "clipboard", CLIPBOARD,
		"must be deny, text-to-desktop, text-from-desktop or text-both; files and pictures "
		"never pass" },
	[POLICY_PRINTERS] = { "printers", SWITCH, "must be allow or deny" },
	[POLICY_SMART_CARDS] = { "smart_cards", SWITCH, "must be allow or deny" },
	[POLICY_WEBAUTHN] = { "webauthn", SWITCH, "must be allow or deny" },
	[POLICY_VIDEO] = { "video", SWITCH, "must be allow or deny" },
	[POLICY_REMOVABLE_STORAGE] = { "removable_storage", ONLY(POLICY_DENY),
		"removable storage is never allowed by a pool; it needs an approved, time-boxed "
		"exception for one user" },
};

static const char *const values[POLICY_VALUES] = {
	[POLICY_DENY] = "deny",
	[POLICY_ALLOW] = "allow",
	[POLICY_TEXT_TO_DESKTOP] = "text-to-desktop",
	[POLICY_TEXT_FROM_DESKTOP] = "text-from-desktop",
	[POLICY_TEXT_BOTH] = "text-both",
};

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
	for (int v = 0; v < POLICY_VALUES; v++) {
		if (strcmp(values[v], value) == 0 && items[i].takes & ONLY(v)) {
			policy->value[i] = (enum policy_value)v;
			return 0;
		}
	}
	return error_set(err, EINVAL, "%s", items[i].otherwise);
}

/* Names of devices and channels as the relay tells them; they begin with these words. */
static const struct {
	const char *what, *begins;
	enum policy_item item;
} rules[] = {
	{ "device", "drive", POLICY_REMOVABLE_STORAGE },
	{ "device", "printer", POLICY_PRINTERS },
	{ "device", "smart card", POLICY_SMART_CARDS },
	{ "device", "rdpdr", POLICY_REMOVABLE_STORAGE },
	{ "static_channel", "rdpdr", POLICY_REMOVABLE_STORAGE },
	{ "static_channel", "cliprdr", POLICY_CLIPBOARD },
	{ "static_channel", "rdpsnd", POLICY_SOUND },
	{ "dynamic_channel", "AUDIO_PLAYBACK", POLICY_SOUND },
	{ "dynamic_channel", "AUDIO_INPUT", POLICY_MICROPHONE },
	{ "dynamic_channel", "RDCamera_Device_", POLICY_CAMERA },
	{ "dynamic_channel", "URBDRC", POLICY_REMOVABLE_STORAGE },
	{ "clipboard", "", POLICY_CLIPBOARD },
};

const char *policy_rule_of(const char *what, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (strcmp(rules[i].what, what) == 0 &&
		    strncasecmp(name, rules[i].begins, strlen(rules[i].begins)) == 0)
			return policy_item_word(rules[i].item);
	return NULL;
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
	*out = policy;
	return 0;
}
