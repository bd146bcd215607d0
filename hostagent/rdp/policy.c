/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/policy.h"

#include <errno.h>
#include "common/base/cleanup.h"

/* A rule asks for one member of the policy, or for none. */
enum wish {
	ALWAYS,
	WITH_SOUND,
	WITH_MICROPHONE,
	WITH_CAMERA,
	WITH_CLIPBOARD,
	WITH_DEVICES,
	WITH_WEBAUTHN,
	WITH_VIDEO
};

static bool granted(const struct rdp_policy *policy, enum wish wish)
{
	switch (wish) {
	case ALWAYS:
		return true;
	case WITH_SOUND:
		return policy->sound == RDP_ALLOW;
	case WITH_MICROPHONE:
		return policy->microphone == RDP_ALLOW;
	case WITH_CAMERA:
		return policy->camera == RDP_ALLOW;
	case WITH_CLIPBOARD:
		return policy->clipboard != RDP_CLIPBOARD_DENY;
	case WITH_DEVICES:
		return policy->printers == RDP_ALLOW || policy->smart_cards == RDP_ALLOW ||
		       policy->drives == RDP_ALLOW;
	case WITH_WEBAUTHN:
		return policy->webauthn == RDP_ALLOW;
	case WITH_VIDEO:
		return policy->video == RDP_ALLOW;
	}
	return false;
}

struct static_rule {
	const char *name;
	enum wish wish;
	enum rdp_static_verdict verdict;
};

/* The first that fits. Without devices rdpdr is there for the sake of sound: Windows offers
 * "Remote Audio" only to clients that have it. rail, encomsp, remdesk, rdp2tcp and the rest are
 * denied by not being here. */
static const struct static_rule static_rules[] = {
	{ "drdynvc", ALWAYS, RDP_STATIC_DYNAMIC },
	{ "rdpsnd", WITH_SOUND, RDP_STATIC_PASS },
	{ "rdpdr", WITH_DEVICES, RDP_STATIC_DEVICES },
	{ "rdpdr", WITH_SOUND, RDP_STATIC_NOOP },
	{ "cliprdr", WITH_CLIPBOARD, RDP_STATIC_CLIPBOARD },
};

struct dynamic_rule {
	const char *name;
	enum wish wish;
	bool prefix;	/* names that begin with it */
};

static const struct dynamic_rule dynamic_rules[] = {
	{ "Microsoft::Windows::RDS::Graphics", ALWAYS, false },
	{ "Microsoft::Windows::RDS::DisplayControl", ALWAYS, false },
	{ "Microsoft::Windows::RDS::Input", ALWAYS, false },
	{ "Microsoft::Windows::RDS::MouseCursor", ALWAYS, false },
	{ "ECHO", ALWAYS, false },
	{ "AUDIO_PLAYBACK_DVC", WITH_SOUND, false },
	{ "AUDIO_PLAYBACK_LOSSY_DVC", WITH_SOUND, false },
	{ "AUDIO_INPUT", WITH_MICROPHONE, false },
	{ "RDCamera_Device_", WITH_CAMERA, true },	/* the enumerator and each camera */
	{ "WebAuthN_Channel", WITH_WEBAUTHN, false },
	{ "Microsoft::Windows::RDS::Video::Control::v08.01", WITH_VIDEO, false },
	{ "Microsoft::Windows::RDS::Video::Data::v08.01", WITH_VIDEO, false },
	{ "Microsoft::Windows::RDS::Geometry::v08.01", WITH_VIDEO, false },
};

/* As an admin writes them; devices are told apart by filter_devices.h. */
static const char *rule_word(enum wish wish)
{
	switch (wish) {
	case WITH_SOUND:
		return "sound";
	case WITH_MICROPHONE:
		return "microphone";
	case WITH_CAMERA:
		return "camera";
	case WITH_CLIPBOARD:
		return "clipboard";
	case WITH_WEBAUTHN:
		return "webauthn";
	case WITH_VIDEO:
		return "video";
	case WITH_DEVICES:
	case ALWAYS:
		return NULL;
	}
	return NULL;
}

const char *rdp_policy_static_rule(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(static_rules); i++)
		if (span_equal_fold(name, span_text(static_rules[i].name)))
			return rule_word(static_rules[i].wish);
	return NULL;
}

enum rdp_static_verdict rdp_policy_static(const struct rdp_policy *policy, struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(static_rules); i++) {
		const struct static_rule *rule = &static_rules[i];

		if (span_equal_fold(name, span_text(rule->name)) && granted(policy, rule->wish))
			return rule->verdict;
	}
	return RDP_STATIC_DENY;
}

static const struct dynamic_rule *dynamic_rule_find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(dynamic_rules); i++) {
		const struct dynamic_rule *rule = &dynamic_rules[i];
		struct span wanted = span_text(rule->name);
		struct span compared = name;

		if (rule->prefix && compared.len > wanted.len)
			compared.len = wanted.len;
		if (span_equal_fold(compared, wanted))
			return rule;
	}
	return NULL;
}

enum rdp_permit rdp_policy_dynamic(const struct rdp_policy *policy, struct span name)
{
	const struct dynamic_rule *rule = dynamic_rule_find(name);

	return rule && granted(policy, rule->wish) ? RDP_ALLOW : RDP_DENY;
}

const char *rdp_policy_dynamic_rule(struct span name)
{
	const struct dynamic_rule *rule = dynamic_rule_find(name);

	return rule ? rule_word(rule->wish) : NULL;
}

static int permit_parse(const char *text, enum rdp_permit *out)
{
	if (strcmp(text, "allow") == 0)
		*out = RDP_ALLOW;
	else if (strcmp(text, "deny") == 0)
		*out = RDP_DENY;
	else
		return -EINVAL;
	return 0;
}

static int clipboard_parse(const char *text, enum rdp_clipboard *out)
{
	static const char *const words[] = {
		[RDP_CLIPBOARD_DENY] = "deny",
		[RDP_CLIPBOARD_TO_DESKTOP] = "text-to-desktop",
		[RDP_CLIPBOARD_FROM_DESKTOP] = "text-from-desktop",
		[RDP_CLIPBOARD_BOTH] = "text-both",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i], text) == 0) {
			*out = (enum rdp_clipboard)i;
			return 0;
		}
	}
	return -EINVAL;
}

int rdp_policy_set(struct rdp_policy *policy, const char *name, const char *value)
{
	const struct {
		const char *name;
		enum rdp_permit *member;
	} members[] = {
		{ "sound", &policy->sound },	   { "microphone", &policy->microphone },
		{ "camera", &policy->camera },	   { "printers", &policy->printers },
		{ "webauthn", &policy->webauthn }, { "smart_cards", &policy->smart_cards },
		{ "video", &policy->video },
	};
	enum rdp_permit none = RDP_DENY;

	if (strcmp(name, "clipboard") == 0)
		return clipboard_parse(value, &policy->clipboard);
	if (strcmp(name, "removable_storage") == 0)
		return permit_parse(value, &none) < 0 ? -EINVAL : none == RDP_ALLOW ? -EPERM : 0;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (strcmp(members[i].name, name) == 0)
			return permit_parse(value, members[i].member);
	}
	return -EINVAL;
}
