/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/policy.h"

static const struct rdp_policy nothing;
static const struct rdp_policy everything = { .sound = RDP_ALLOW, .microphone = RDP_ALLOW,
					     .camera = RDP_ALLOW, .webauthn = RDP_ALLOW,
					     .video = RDP_ALLOW };

static enum rdp_static_verdict verdict(const struct rdp_policy *policy, const char *name)
{
	return rdp_policy_static(policy, span_text(name));
}

static void test_static_names(void **state)
{
	const char *const denied[] = { "cliprdr", "CLIPRDR", "rail", "encomsp", "remdesk", "rdp2tcp",
				       "snddbg", "XPSRD", "tsmf", "vdblk00", "", "drdynv",
				       "drdynvc2", "rdpdr " };

	assert_int_equal(verdict(&nothing, "drdynvc"), RDP_STATIC_DYNAMIC);
	assert_int_equal(verdict(&nothing, "DRDYNVC"), RDP_STATIC_DYNAMIC);
	assert_int_equal(verdict(&nothing, "rdpsnd"), RDP_STATIC_DENY);
	assert_int_equal(verdict(&nothing, "rdpdr"), RDP_STATIC_DENY);
	assert_int_equal(verdict(&everything, "rdpsnd"), RDP_STATIC_PASS);
	assert_int_equal(verdict(&everything, "RdpSnd"), RDP_STATIC_PASS);
	assert_int_equal(verdict(&everything, "RDPDR"), RDP_STATIC_NOOP);
	const struct rdp_policy with_devices[] = { { .printers = RDP_ALLOW },
						   { .smart_cards = RDP_ALLOW },
						   { .drives = RDP_ALLOW, .sound = RDP_ALLOW } };
	for (size_t i = 0; i < ARRAY_LEN(with_devices); i++)
		assert_int_equal(verdict(&with_devices[i], "rdpdr"), RDP_STATIC_DEVICES);
	for (int way = RDP_CLIPBOARD_DENY; way <= RDP_CLIPBOARD_BOTH; way++)
		assert_int_equal(verdict(&(struct rdp_policy){ .clipboard = way }, "CLIPRDR"),
				 way ? RDP_STATIC_CLIPBOARD : RDP_STATIC_DENY);
	for (size_t i = 0; i < ARRAY_LEN(denied); i++)
		assert_int_equal(verdict(&everything, denied[i]), RDP_STATIC_DENY);
}

static void test_dynamic_names_follow_their_member(void **state)
{
	const struct {
		const char *name;
		struct rdp_policy needed;
	} cases[] = {
		{ "Microsoft::Windows::RDS::Graphics", { 0 } },
		{ "microsoft::windows::rds::graphics", { 0 } },
		{ "Microsoft::Windows::RDS::DisplayControl", { 0 } },
		{ "AUDIO_PLAYBACK_DVC", { .sound = RDP_ALLOW } },
		{ "AUDIO_PLAYBACK_LOSSY_DVC", { .sound = RDP_ALLOW } },
		{ "AUDIO_INPUT", { .microphone = RDP_ALLOW } },
		{ "RDCamera_Device_Enumerator", { .camera = RDP_ALLOW } },
		{ "RDCamera_Device_0", { .camera = RDP_ALLOW } },
		{ "WebAuthN_Channel", { .webauthn = RDP_ALLOW } },
		{ "Microsoft::Windows::RDS::Video::Control::v08.01", { .video = RDP_ALLOW } },
		{ "Microsoft::Windows::RDS::Video::Data::v08.01", { .video = RDP_ALLOW } },
		{ "Microsoft::Windows::RDS::Geometry::v08.01", { .video = RDP_ALLOW } },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span name = span_text(cases[i].name);
		bool always = memcmp(&cases[i].needed, &nothing, sizeof(nothing)) == 0;

		assert_int_equal(rdp_policy_dynamic(&cases[i].needed, name), RDP_ALLOW);
		assert_int_equal(rdp_policy_dynamic(&nothing, name), always ? RDP_ALLOW : RDP_DENY);
	}
	const char *const never[] = { "RDCamera_Device", "URBDRC", "PNPDR", "FileRedirectorChannel",
		"Microsoft::Windows::RDS::Location", "Microsoft::Windows::RDS::Telemetry",
		"Microsoft::Windows::RDS::AuthRedirection", "SSH-AGENT", "RDP2TCP", "TSMF",
		"Microsoft::Windows::RDS::Video::Control::v08.0", "ECHO2", "rdpdr", "cliprdr" };

	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		assert_int_equal(rdp_policy_dynamic(&everything, span_text(never[i])), RDP_DENY);
	assert_int_equal(rdp_policy_dynamic(&everything, span_text("")), RDP_DENY);
}

static void test_set(void **state)
{
	struct rdp_policy policy = { 0 };

	assert_int_equal(rdp_policy_set(&policy, "sound", "allow"), 0);
	assert_int_equal(rdp_policy_set(&policy, "microphone", "allow"), 0);
	assert_int_equal(policy.sound, RDP_ALLOW);
	assert_int_equal(policy.camera, RDP_DENY);
	assert_int_equal(rdp_policy_set(&policy, "sound", "deny"), 0);
	assert_int_equal(policy.sound, RDP_DENY);
	assert_int_equal(rdp_policy_set(&policy, "removable_storage", "deny"), 0);
	assert_int_equal(rdp_policy_set(&policy, "removable_storage", "allow"), -EPERM);
	assert_int_equal(policy.drives, RDP_DENY);
	assert_int_equal(rdp_policy_set(&policy, "printers", "allow"), 0);
	assert_int_equal(policy.printers, RDP_ALLOW);
	assert_int_equal(rdp_policy_set(&policy, "smart_cards", "allow"), 0);
	assert_int_equal(policy.smart_cards, RDP_ALLOW);
	assert_int_equal(rdp_policy_set(&policy, "webauthn", "allow"), 0);
	assert_int_equal(policy.webauthn, RDP_ALLOW);
	assert_int_equal(rdp_policy_set(&policy, "video", "allow"), 0);
	assert_int_equal(policy.video, RDP_ALLOW);
	assert_int_equal(rdp_policy_set(&policy, "clipboard", "allow"), -EINVAL);
	assert_int_equal(policy.clipboard, RDP_CLIPBOARD_DENY);
	assert_int_equal(rdp_policy_set(&policy, "clipboard", "text-to-desktop"), 0);
	assert_int_equal(policy.clipboard, RDP_CLIPBOARD_TO_DESKTOP);
	assert_int_equal(rdp_policy_set(&policy, "clipboard", "text-from-desktop"), 0);
	assert_int_equal(policy.clipboard, RDP_CLIPBOARD_FROM_DESKTOP);
	assert_int_equal(rdp_policy_set(&policy, "clipboard", "text-both"), 0);
	assert_int_equal(policy.clipboard, RDP_CLIPBOARD_BOTH);
	assert_int_equal(rdp_policy_set(&policy, "clipboard", "deny"), 0);
	assert_int_equal(policy.clipboard, RDP_CLIPBOARD_DENY);
	assert_int_equal(rdp_policy_set(&policy, "drives", "deny"), -EINVAL);
	assert_int_equal(rdp_policy_set(&policy, "sound", "yes"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_static_names),
		cmocka_unit_test(test_dynamic_names_follow_their_member),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
