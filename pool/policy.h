/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - what a session may redirect, as an admin writes it and a ticket carries it. Pure.
 * A zeroed policy denies everything. */
#ifndef GENKAN_POOL_POLICY_H
#define GENKAN_POOL_POLICY_H

#include "common/base/buf.h"
#include "common/base/error.h"

enum policy_item {
	POLICY_SOUND,
	POLICY_MICROPHONE,
	POLICY_CAMERA,
	POLICY_CLIPBOARD,
	POLICY_PRINTERS,
	POLICY_SMART_CARDS,
	POLICY_WEBAUTHN,
	POLICY_VIDEO,
	POLICY_REMOVABLE_STORAGE,
	POLICY_ITEMS
};

enum policy_value {
	POLICY_DENY,
	POLICY_ALLOW,
	POLICY_TEXT_TO_DESKTOP,	/* these three for the clipboard only */
	POLICY_TEXT_FROM_DESKTOP,
	POLICY_TEXT_BOTH,
	POLICY_VALUES
};

struct pool_policy {
	enum policy_value value[POLICY_ITEMS];
};

const char *policy_item_word(enum policy_item item);	/* "sound" ... "removable_storage" */
const char *policy_value_word(enum policy_value value);	/* "deny", "text-both" */
/* Sets one item from words. -ENOENT: no such item; -EINVAL: not a value, or one this item does not
 * take, with the reason in err (removable_storage never takes "allow"). */
int policy_set(struct pool_policy *policy, const char *item, const char *value, struct error *err);

/* Which item of a pool's policy is behind a refusal, as audit rows name it: what was refused
 * ("device", "static_channel", "dynamic_channel", "clipboard") and its name. NULL: none is, because
 * no policy can allow it. */
const char *policy_rule_of(const char *what, const char *name);

/* "sound=allow microphone=deny ...": the form kept in the store. Parsing is strict: no item that is
 * not known, none twice, -EINVAL otherwise. An item that is not there was not known when the text
 * was written: denied. */
void policy_format(const struct pool_policy *policy, struct buf *out);
int policy_parse(const char *text, struct pool_policy *out, struct error *err) MUST_CHECK;

#endif
