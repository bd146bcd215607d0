/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/rdp_settings.h"

#include <errno.h>
#include <freerdp/locale/locale.h>
#include <freerdp/redirection.h>
#include <openssl/pem.h>
#include "common/base/text.h"
#include "common/net/tls.h"

static const struct {
	FreeRDP_Settings_Keys_Bool key;
	BOOL value;
} security[] = {
	{ FreeRDP_RdstlsSecurity, TRUE },
	{ FreeRDP_NlaSecurity, FALSE },
	{ FreeRDP_ExtSecurity, FALSE },
	{ FreeRDP_TlsSecurity, FALSE },
	{ FreeRDP_RdpSecurity, FALSE },
	{ FreeRDP_AadSecurity, FALSE },
	{ FreeRDP_NegotiateSecurityLayer, TRUE },
	{ FreeRDP_UseRdpSecurityLayer, FALSE },
	/* the callback decides, and nothing else is asked */
	{ FreeRDP_ExternalCertificateManagement, TRUE },
	{ FreeRDP_AutoDenyCertificate, TRUE },
	{ FreeRDP_AutoAcceptCertificate, FALSE },
	{ FreeRDP_IgnoreCertificate, FALSE },
	{ FreeRDP_GatewayEnabled, FALSE },
	/* a ticket works once, so reconnecting with the same settings cannot */
	{ FreeRDP_AutoReconnectionEnabled, FALSE },
	{ FreeRDP_AutoLogonEnabled, TRUE },
	/* why a session ends */
	{ FreeRDP_SupportErrorInfoPdu, TRUE },
	{ FreeRDP_CredentialsFromStdin, FALSE },
}, display[] = {
	{ FreeRDP_SoftwareGdi, TRUE },
	{ FreeRDP_RemoteFxCodec, TRUE },
	{ FreeRDP_GfxProgressive, TRUE },
	{ FreeRDP_GfxH264, FALSE },
	{ FreeRDP_GfxAVC444, FALSE },
	{ FreeRDP_FastPathOutput, TRUE },
	{ FreeRDP_FastPathInput, TRUE },
	{ FreeRDP_FrameMarkerCommandEnabled, TRUE },
	{ FreeRDP_SurfaceFrameMarkerEnabled, TRUE },
	{ FreeRDP_UnicodeInput, TRUE },
	{ FreeRDP_AllowFontSmoothing, TRUE },
	{ FreeRDP_Fullscreen, FALSE },
	{ FreeRDP_UseMultimon, FALSE },
};

static const FreeRDP_Settings_Keys_String cleared[] = {
	FreeRDP_CertificateAcceptedFingerprints,	/* would be accepted before the callback */
	FreeRDP_CertificateName,
	FreeRDP_AcceptedCert,
	FreeRDP_RedirectionAcceptedCert,
	FreeRDP_Domain,
	FreeRDP_Password,
	FreeRDP_AlternateShell,
	FreeRDP_ShellWorkingDirectory,
};

static bool put_secret(rdpSettings *settings, const struct secret *secret)
{
	OWNED(buf_done) struct buf wide = BUF_LIMIT(4 * SECRET_MAX);
	bool done = utf8_to_utf16le(secret_span(secret), &wide) == 0 && !wide.failed &&
		    freerdp_settings_set_pointer_len(settings, FreeRDP_RedirectionPassword,
						     wide.ptr, wide.len);

	if (wide.ptr)
		memory_wipe(wide.ptr, wide.len);
	return done;
}

int rdp_settings_apply_ticket(rdpSettings *settings, const struct ticket *ticket,
			      const char *config_dir, struct error *err)
{
	bool done = true;

	for (size_t i = 0; i < ARRAY_LEN(security); i++)
		done = freerdp_settings_set_bool(settings, security[i].key, security[i].value) &&
		       done;
	for (size_t i = 0; i < ARRAY_LEN(cleared); i++)
		done = freerdp_settings_set_string(settings, cleared[i], NULL) && done;

	done = freerdp_settings_set_string(settings, FreeRDP_HomePath, config_dir) && done;
	done = freerdp_settings_set_string(settings, FreeRDP_ConfigPath, config_dir) && done;
	done = freerdp_settings_set_string(settings, FreeRDP_ServerHostname, ticket->host) && done;
	done = freerdp_settings_set_uint32(settings, FreeRDP_ServerPort, ticket->port) && done;
	done = freerdp_settings_set_uint32(settings, FreeRDP_TcpConnectTimeout, 10000) && done;
	/* The name goes out in clear text as a cookie before TLS: it names no person. The relay
	 * takes the user from the ticket. */
	done = freerdp_settings_set_string(settings, FreeRDP_Username, "genkan") && done;
	done = freerdp_settings_set_uint32(settings, FreeRDP_RedirectionFlags,
					   LB_PASSWORD_IS_PK_ENCRYPTED) && done;
	done = freerdp_settings_set_pointer_len(settings, FreeRDP_RedirectionGuid, ticket->locator,
						LOCATOR_LEN) && done;
	done = put_secret(settings, &ticket->secret) && done;
	return done ? 0 : error_set(err, EINVAL, "FreeRDP refused a security setting");
}

static uint32_t locale_layout(void)
{
	DWORD layout = 0;

	if (freerdp_detect_keyboard_layout_from_system_locale(&layout) || layout == 0)
		return 0x409;	/* US */
	return layout;
}

int rdp_settings_apply_display(rdpSettings *settings, int width, int height,
			       uint32_t keyboard_layout, struct error *err)
{
	uint32_t layout = keyboard_layout ? keyboard_layout : locale_layout();
	bool done = true;

	for (size_t i = 0; i < ARRAY_LEN(display); i++)
		done = freerdp_settings_set_bool(settings, display[i].key, display[i].value) &&
		       done;
	done = freerdp_settings_set_uint32(settings, FreeRDP_DesktopWidth, (UINT32)width) && done;
	done = freerdp_settings_set_uint32(settings, FreeRDP_DesktopHeight, (UINT32)height) && done;
	done = freerdp_settings_set_uint32(settings, FreeRDP_ColorDepth, 32) && done;
	done = freerdp_settings_set_uint32(settings, FreeRDP_KeyboardLayout, layout) && done;
	done = freerdp_settings_set_uint32(settings, FreeRDP_ConnectionType, CONNECTION_TYPE_LAN) &&
	       done;
	return done ? 0 : error_set(err, EINVAL, "FreeRDP refused a display setting");
}

void rdp_settings_wipe_ticket(rdpSettings *settings)
{
	uint32_t len = freerdp_settings_get_uint32(settings, FreeRDP_RedirectionPasswordLength);
	void *secret = freerdp_settings_get_pointer_writable(settings, FreeRDP_RedirectionPassword);

	if (secret)
		memory_wipe(secret, len);
}

int rdp_certificate_matches(const uint8_t *pem, size_t len, const char *sha256)
{
	char found[65];
	BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	OWNED(X509_free) X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	if (!certificate || tls_certificate_sha256(certificate, found))
		return 0;
	return span_equal_secret(span_text(found), span_text(sha256)) ? 1 : 0;
}
