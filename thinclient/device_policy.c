/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/device_policy.h"

#include <errno.h>
#include <freerdp/addin.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/cliprdr.h>
#include <freerdp/channels/disp.h>
#include <freerdp/channels/drdynvc.h>
#include <freerdp/channels/rdpgfx.h>
#include <freerdp/channels/rdpsnd.h>
#include <freerdp/client/cmdline.h>

static const FreeRDP_Settings_Keys_Bool switched_off[] = {
	FreeRDP_DeviceRedirection,
	FreeRDP_RedirectDrives,
	FreeRDP_RedirectHomeDrive,
	FreeRDP_RedirectSmartCards,
	FreeRDP_RedirectWebAuthN,
	FreeRDP_RedirectPrinters,
	FreeRDP_RedirectSerialPorts,
	FreeRDP_RedirectParallelPorts,
	FreeRDP_RedirectClipboard,
	FreeRDP_AudioCapture,
	FreeRDP_RemoteConsoleAudio,
	FreeRDP_SmartcardLogon,
	FreeRDP_SmartcardEmulation,
	FreeRDP_RemoteApplicationMode,
	FreeRDP_RemoteAssistanceMode,
	FreeRDP_RemoteCredentialGuard,
	FreeRDP_EncomspVirtualChannel,
	FreeRDP_RemdeskVirtualChannel,
	FreeRDP_LyncRdpMode,
	FreeRDP_SupportMultitransport,
	FreeRDP_NetworkAutoDetect,	/* FreeRDP ties these two to rdpdr */
	FreeRDP_SupportHeartbeatPdu,
	FreeRDP_SupportEchoChannel,
	FreeRDP_SupportGeometryTracking,
	FreeRDP_SupportSSHAgentChannel,
	FreeRDP_SupportVideoOptimized,
	FreeRDP_MultiTouchInput,
	FreeRDP_MultiTouchGestures,
};

static const FreeRDP_Settings_Keys_String emptied[] = {
	FreeRDP_DrivesToRedirect,
	FreeRDP_RDP2TCPArgs,
};

static const char *const dynamic_channels[] = { RDPGFX_CHANNEL_NAME, DISP_CHANNEL_NAME };

static int add_channel(rdpSettings *settings, const char *name, enum sound_output sound)
{
	const char *const params[] = { name, "sys:fake" };
	size_t count = sound == SOUND_SILENT ? 2 : 1;
	bool done = freerdp_client_add_dynamic_channel(settings, count, params);

	if (done && strcmp(name, RDPSND_CHANNEL_NAME) == 0)
		done = freerdp_client_add_static_channel(settings, count, params);
	return done ? 0 : -ENOMEM;
}

/* Never the bits for files. */
static bool set_clipboard(rdpSettings *settings, const struct device_policy *policy)
{
	uint32_t ways = (policy->text_to_desktop ? CLIPRDR_FLAG_LOCAL_TO_REMOTE : 0) |
			(policy->text_from_desktop ? CLIPRDR_FLAG_REMOTE_TO_LOCAL : 0);

	return freerdp_settings_set_uint32(settings, FreeRDP_ClipboardFeatureMask, ways) &&
	       freerdp_settings_set_bool(settings, FreeRDP_RedirectClipboard, ways != 0);
}

int device_policy_apply(rdpSettings *settings, const struct device_policy *policy,
			struct error *err)
{
	enum sound_output sound = policy->sound;
	bool done = true;

	for (size_t i = 0; i < ARRAY_LEN(switched_off); i++)
		done = freerdp_settings_set_bool(settings, switched_off[i], FALSE) && done;
	for (size_t i = 0; i < ARRAY_LEN(emptied); i++)
		done = freerdp_settings_set_string(settings, emptied[i], NULL) && done;
	done = set_clipboard(settings, policy) && done;
	done = freerdp_settings_set_uint32(settings, FreeRDP_MultitransportFlags, 0) && done;

	done = freerdp_settings_set_bool(settings, FreeRDP_SupportDynamicChannels, TRUE) && done;
	done = freerdp_settings_set_bool(settings, FreeRDP_SupportGraphicsPipeline, TRUE) && done;
	done = freerdp_settings_set_bool(settings, FreeRDP_SupportDisplayControl, TRUE) && done;
	done = freerdp_settings_set_bool(settings, FreeRDP_DynamicResolutionUpdate, TRUE) && done;
	done = freerdp_settings_set_bool(settings, FreeRDP_AudioPlayback, sound != SOUND_NONE) && done;
	for (size_t i = 0; i < ARRAY_LEN(dynamic_channels); i++)
		done = add_channel(settings, dynamic_channels[i], SOUND_NONE) == 0 && done;
	if (sound != SOUND_NONE)
		done = add_channel(settings, RDPSND_CHANNEL_NAME, sound) == 0 && done;

	return done ? 0 : error_set(err, EINVAL, "FreeRDP refused a setting of the device policy");
}

static bool load_static(freerdp *instance, const char *name, void *data)
{
	PVIRTUALCHANNELENTRY entry = freerdp_load_channel_addin_entry(
		name, NULL, NULL, FREERDP_ADDIN_CHANNEL_STATIC | FREERDP_ADDIN_CHANNEL_ENTRYEX);

	return entry && freerdp_channels_client_load_ex(instance->context->channels,
							instance->context->settings,
							(PVIRTUALCHANNELENTRYEX)(void *)entry,
							data) == 0;
}

BOOL device_policy_load_channels(freerdp *instance)
{
	rdpSettings *settings = instance->context->settings;
	ADDIN_ARGV *sound = freerdp_static_channel_collection_find(settings, RDPSND_CHANNEL_NAME);

	if (sound && !load_static(instance, RDPSND_CHANNEL_NAME, sound))
		return FALSE;
	if (freerdp_settings_get_bool(settings, FreeRDP_RedirectClipboard) &&
	    !load_static(instance, CLIPRDR_SVC_CHANNEL_NAME, NULL))
		return FALSE;
	return load_static(instance, DRDYNVC_SVC_CHANNEL_NAME, settings);
}

bool device_policy_allows_dynamic(const char *name)
{
	return strcmp(name, RDPGFX_DVC_CHANNEL_NAME) == 0 ||
	       strcmp(name, DISP_DVC_CHANNEL_NAME) == 0 ||
	       strcmp(name, RDPSND_DVC_CHANNEL_NAME) == 0;
}
