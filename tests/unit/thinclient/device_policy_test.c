/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <freerdp/client.h>
#include <freerdp/client/channels.h>
#include "thinclient/device_policy.h"

static rdpContext *new_context(void)
{
	RDP_CLIENT_ENTRY_POINTS entry = {
		.Size = sizeof(RDP_CLIENT_ENTRY_POINTS_V1),
		.Version = RDP_CLIENT_INTERFACE_VERSION,
		.ContextSize = sizeof(rdpClientContext),
	};
	rdpContext *context = freerdp_client_context_new(&entry);

	assert_non_null(context);
	return context;
}

static const struct device_policy sound_only = { .sound = SOUND_SYSTEM };

static const FreeRDP_Settings_Keys_Bool redirections[] = {
	FreeRDP_DeviceRedirection,    FreeRDP_RedirectDrives,
	FreeRDP_RedirectHomeDrive,    FreeRDP_RedirectSmartCards,
	FreeRDP_RedirectWebAuthN,     FreeRDP_RedirectPrinters,
	FreeRDP_RedirectSerialPorts,  FreeRDP_RedirectParallelPorts,
	FreeRDP_RedirectClipboard,    FreeRDP_AudioCapture,
	FreeRDP_SupportMultitransport, FreeRDP_RemoteApplicationMode,
	FreeRDP_EncomspVirtualChannel, FreeRDP_RemdeskVirtualChannel,
	FreeRDP_SupportSSHAgentChannel, FreeRDP_SmartcardLogon,
};

/* The worst settings somebody could have left behind. */
static void switch_all_on(rdpSettings *settings)
{
	for (size_t i = 0; i < ARRAY_LEN(redirections); i++)
		assert_true(freerdp_settings_set_bool(settings, redirections[i], TRUE));
	assert_true(freerdp_settings_set_string(settings, FreeRDP_DrivesToRedirect, "*"));
	assert_true(freerdp_settings_set_uint32(settings, FreeRDP_ClipboardFeatureMask, 0x33));
}

static void every_redirection_is_off(void **state)
{
	rdpContext *context = new_context();
	rdpSettings *settings = context->settings;

	switch_all_on(settings);
	assert_int_equal(device_policy_apply(settings, &sound_only, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(redirections); i++)
		if (freerdp_settings_get_bool(settings, redirections[i]))
			fail_msg("%s is on",
				 freerdp_settings_get_name_for_key(redirections[i]));
	assert_null(freerdp_settings_get_string(settings, FreeRDP_DrivesToRedirect));
	assert_int_equal(freerdp_settings_get_uint32(settings, FreeRDP_ClipboardFeatureMask), 0);
	assert_int_equal(freerdp_settings_get_uint32(settings, FreeRDP_DeviceCount), 0);
	freerdp_client_context_free(context);
}

static void assert_channels(const struct device_policy *policy, const char *const *names, uint32_t count)
{
	rdpContext *context = new_context();
	rdpSettings *settings = context->settings;

	assert_int_equal(device_policy_apply(settings, policy, NULL), 0);
	assert_true(device_policy_load_channels(context->instance));
	assert_int_equal(freerdp_settings_get_uint32(settings, FreeRDP_ChannelCount), count);
	for (uint32_t i = 0; i < count; i++) {
		const CHANNEL_DEF *channel =
			freerdp_settings_get_pointer_array(settings, FreeRDP_ChannelDefArray, i);

		assert_string_equal(channel->name, names[i]);
	}
	/* loading must not have switched anything back on */
	assert_false(freerdp_settings_get_bool(settings, FreeRDP_DeviceRedirection));
	freerdp_disconnect(context->instance);	/* lets the channels free themselves */
	freerdp_client_context_free(context);
}

static void only_sound_and_dynamic_channels_are_announced(void **state)
{
	static const char *const both[] = { "rdpsnd", "drdynvc" };

	assert_channels(&sound_only, both, 2);
	assert_channels(&(struct device_policy){ .sound = SOUND_SILENT }, both, 2);
	assert_channels(&(struct device_policy){ .sound = SOUND_NONE }, both + 1, 1);
}

static void the_clipboard_is_announced_when_text_is_allowed(void **state)
{
	static const char *const names[] = { "cliprdr", "drdynvc" };

	assert_channels(&(struct device_policy){ .text_to_desktop = true }, names, 2);
	assert_channels(&(struct device_policy){ .text_from_desktop = true }, names, 2);
}

static void the_clipboard_never_has_files(void **state)
{
	for (int ways = 0; ways < 4; ways++) {
		struct device_policy policy = { .text_to_desktop = ways & 1,
						.text_from_desktop = ways & 2 };
		uint32_t expected = (ways & 1 ? CLIPRDR_FLAG_LOCAL_TO_REMOTE : 0) |
				    (ways & 2 ? CLIPRDR_FLAG_REMOTE_TO_LOCAL : 0);
		rdpContext *context = new_context();

		switch_all_on(context->settings);
		assert_int_equal(device_policy_apply(context->settings, &policy, NULL), 0);
		assert_int_equal(freerdp_settings_get_uint32(context->settings,
							     FreeRDP_ClipboardFeatureMask), expected);
		assert_int_equal(freerdp_settings_get_bool(context->settings,
							   FreeRDP_RedirectClipboard), ways != 0);
		freerdp_client_context_free(context);
	}
}

static void dynamic_channels_are_picture_size_and_sound(void **state)
{
	static const char *const expected[] = { "rdpgfx", "disp", "rdpsnd" };
	rdpContext *context = new_context();
	rdpSettings *settings = context->settings;

	assert_int_equal(device_policy_apply(settings, &sound_only, NULL), 0);
	assert_int_equal(freerdp_settings_get_uint32(settings, FreeRDP_DynamicChannelCount),
			 ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_non_null(freerdp_dynamic_channel_collection_find(settings, expected[i]));
	freerdp_client_context_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_redirection_is_off),
		cmocka_unit_test(only_sound_and_dynamic_channels_are_announced),
		cmocka_unit_test(the_clipboard_is_announced_when_text_is_allowed),
		cmocka_unit_test(the_clipboard_never_has_files),
		cmocka_unit_test(dynamic_channels_are_picture_size_and_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
