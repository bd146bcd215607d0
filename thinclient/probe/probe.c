/* SPDX-License-Identifier: Apache-2.0 */
/* genkan-probe - an RDP client that keeps no rules: it carries a Genkan ticket like our own client
 * does, and in all else does what a hostile employee would have it do. `genkanctl policy verify` sends
 * it to prove that a policy holds, and so do the tests (as rdstls_client).
 *
 *	genkan-probe [--locator TEXT] --secret-file FILE|- [--fingerprint HEX] [--screenshot PNG]
 *		[--colours N] [--hold SECONDS] [--wait SECONDS] -- /v:HOST:PORT [xfreerdp option]...
 *
 * The picture is there when it has N different colours (default 2, up to 256): a boot screen or
 * an empty root window has few, a desktop has many.
 *
 * The options behind "--" go through FreeRDP's own command line, and the channels are loaded by
 * FreeRDP's own loader: /drive, /printer, /serial, /smartcard, /usb, /clipboard, /microphone, /vc
 * and the rest are really offered to the server.
 *
 * --clip-text TEXT puts text, HTML and a file into a clipboard of its own and asks the desktop for
 * all that it offers, whatever any policy says.
 *
 * Without --locator there is no ticket: it goes straight at an RDP server, with a password from the
 * secret file. That is the control that shows what the relay keeps away.
 *
 * Standard output, one word a line: connected, frame MS, held, ended TEXT; with --clip-text also
 * clip-offered ID..., clip-asked ID, clip-got HEX.
 * Exit: 0 the desktop was shown for the whole hold time; 3 access denied; 4 another failure to
 * connect; 5 no frame in time; 6 the session ended while it was held; 64 wrong usage. */
#include <getopt.h>
#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/cliprdr.h>
#include <freerdp/client.h>
#include <freerdp/client/channels.h>
#include <freerdp/client/cliprdr.h>
#include <freerdp/client/cmdline.h>
#include <freerdp/error.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <winpr/string.h>
#include <winpr/synch.h>
#include <winpr/user.h>

enum { EXIT_DENIED = 3, EXIT_UNREACHED = 4, EXIT_NO_FRAME = 5, EXIT_ENDED = 6, EXIT_USAGE = 64 };

static struct {
	const char *locator, *secret_file, *fingerprint, *screenshot, *clip_text;
	double hold_s, wait_s;
	size_t colours;
	double began, frame_at, looked_at;
} test = { .wait_s = 20, .colours = 2 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

/* ---- What is seen ---- */

#define COLOURS_MAX 256
#define LOOK_EVERY_S 0.1

/* Whether the picture has at least test.colours different colours. */
static bool picture_is_there(const rdpGdi *gdi)
{
	UINT32 seen[COLOURS_MAX];
	size_t count = 0, words = (size_t)gdi->stride / 4 * (size_t)gdi->height;
	const UINT32 *pixel = (const UINT32 *)gdi->primary_buffer;

	for (size_t i = 0; i < words && count < test.colours; i++) {
		size_t k = 0;

		if (i > 0 && pixel[i] == pixel[i - 1])
			continue;
		while (k < count && seen[k] != pixel[i])
			k++;
		if (k == count)
			seen[count++] = pixel[i];
	}
	return count >= test.colours;
}

static void save_screenshot(const rdpGdi *gdi)
{
	png_image image = { .version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGB,
		.width = (png_uint_32)gdi->width, .height = (png_uint_32)gdi->height };
	unsigned char *rgb = malloc((size_t)gdi->width * (size_t)gdi->height * 3);
	unsigned char *out = rgb;

	if (!rgb)
		abort();
	for (INT32 y = 0; y < gdi->height; y++) {
		const BYTE *in = gdi->primary_buffer + (size_t)y * gdi->stride;
		for (INT32 x = 0; x < gdi->width; x++, in += 4, out += 3) {
			out[0] = in[2];
			out[1] = in[1];
			out[2] = in[0];
		}
	}
	if (!png_image_write_to_file(&image, test.screenshot, 0, rgb, 0, NULL))
		fprintf(stderr, "genkan-probe: %s: %s\n", test.screenshot, image.message);
	free(rgb);
}

static BOOL on_begin_paint(rdpContext *context)
{
	rdpGdi *gdi = context->gdi;

	gdi->primary->hdc->hwnd->invalid->null = TRUE;
	gdi->primary->hdc->hwnd->ninvalid = 0;
	return TRUE;
}

static BOOL on_end_paint(rdpContext *context)
{
	if (test.frame_at > 0 || now() < test.looked_at + LOOK_EVERY_S)
		return TRUE;
	test.looked_at = now();
	if (picture_is_there(context->gdi)) {
		test.frame_at = now();
		printf("frame %.0f\n", (test.frame_at - test.began) * 1000);
		fflush(stdout);
	}
	return TRUE;
}

static BOOL on_resize(rdpContext *context)
{
	return gdi_resize(context->gdi,
			  freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopWidth),
			  freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopHeight));
}

/* ---- A clipboard that keeps to no rule ---- */

enum { CLIP_HTML = 0xc0f1, CLIP_FILES = 0xc0f2 };

static UINT clip_ready(CliprdrClientContext *c, const CLIPRDR_MONITOR_READY *ready)
{
	CLIPRDR_GENERAL_CAPABILITY_SET general = { .capabilitySetType = CB_CAPSTYPE_GENERAL,
		.capabilitySetLength = CB_CAPSTYPE_GENERAL_LEN, .version = CB_CAPS_VERSION_2,
		.generalFlags = CB_USE_LONG_FORMAT_NAMES | CB_STREAM_FILECLIP_ENABLED |
				CB_FILECLIP_NO_FILE_PATHS };
	CLIPRDR_CAPABILITIES capabilities = { .cCapabilitiesSets = 1,
		.capabilitySets = (CLIPRDR_CAPABILITY_SET *)(void *)&general };
	char html[] = "HTML Format", files[] = "FileGroupDescriptorW";
	CLIPRDR_FORMAT formats[] = { { .formatId = CF_UNICODETEXT },
				     { .formatId = CLIP_HTML, .formatName = html },
				     { .formatId = CLIP_FILES,
				       .formatName = files } };
	CLIPRDR_FORMAT_LIST list = { .common.msgType = CB_FORMAT_LIST, .numFormats = 3,
				     .formats = formats };

	c->ClientCapabilities(c, &capabilities);
	return c->ClientFormatList(c, &list);
}

static UINT clip_list(CliprdrClientContext *c, const CLIPRDR_FORMAT_LIST *list)
{
	CLIPRDR_FORMAT_LIST_RESPONSE taken = { .common.msgType = CB_FORMAT_LIST_RESPONSE,
					       .common.msgFlags = CB_RESPONSE_OK };
	CLIPRDR_FORMAT_DATA_REQUEST wanted = { .common.msgType = CB_FORMAT_DATA_REQUEST,
					       .requestedFormatId = CF_UNICODETEXT };

	printf("clip-offered");
	for (UINT32 i = 0; i < list->numFormats; i++)
		printf(" %u", list->formats[i].formatId);
	say("");
	c->ClientFormatListResponse(c, &taken);
	c->lastRequestedFormatId = CF_UNICODETEXT;
	return c->ClientFormatDataRequest(c, &wanted);
}

static UINT clip_asked(CliprdrClientContext *c, const CLIPRDR_FORMAT_DATA_REQUEST *request)
{
	size_t len = 0;
	WCHAR *text = ConvertUtf8ToWCharAlloc(test.clip_text, &len);
	CLIPRDR_FORMAT_DATA_RESPONSE answer = { .common.msgType = CB_FORMAT_DATA_RESPONSE,
		.common.msgFlags = CB_RESPONSE_OK,
		.common.dataLen = (UINT32)((len + 1) * sizeof(WCHAR)),
		.requestedFormatData = (const BYTE *)text };

	printf("clip-asked %u", request->requestedFormatId);
	say("");
	UINT rc = c->ClientFormatDataResponse(c, &answer);

	free(text);
	return rc;
}

static UINT clip_got(CliprdrClientContext *c, const CLIPRDR_FORMAT_DATA_RESPONSE *response)
{
	printf("clip-got ");
	for (UINT32 i = 0; (response->common.msgFlags & CB_RESPONSE_OK) &&
			   i < response->common.dataLen; i++)
		printf("%02x", response->requestedFormatData[i]);
	say("");
	return 0;
}

static UINT clip_capabilities(CliprdrClientContext *c, const CLIPRDR_CAPABILITIES *capabilities)
{
	return 0;
}

static UINT clip_list_answer(CliprdrClientContext *c, const CLIPRDR_FORMAT_LIST_RESPONSE *answer)
{
	return 0;
}

static void on_channel(void *context, const ChannelConnectedEventArgs *e)
{
	if (test.clip_text && strcmp(e->name, CLIPRDR_SVC_CHANNEL_NAME) == 0) {
		CliprdrClientContext *c = e->pInterface;

		c->MonitorReady = clip_ready;
		c->ServerCapabilities = clip_capabilities;
		c->ServerFormatList = clip_list;
		c->ServerFormatListResponse = clip_list_answer;
		c->ServerFormatDataRequest = clip_asked;
		c->ServerFormatDataResponse = clip_got;
		return;
	}
	freerdp_client_OnChannelConnectedEventHandler(context, e);
}

/* ---- FreeRDP's callbacks ---- */

static BOOL on_pre_connect(freerdp *instance)
{
	rdpContext *context = instance->context;

	PubSub_SubscribeChannelConnected(context->pubSub, on_channel);
	PubSub_SubscribeChannelDisconnected(context->pubSub,
					    freerdp_client_OnChannelDisconnectedEventHandler);
	return TRUE;
}

static BOOL on_post_connect(freerdp *instance)
{
	if (!gdi_init(instance, PIXEL_FORMAT_BGRX32))
		return FALSE;
	instance->context->update->BeginPaint = on_begin_paint;
	instance->context->update->EndPaint = on_end_paint;
	instance->context->update->DesktopResize = on_resize;
	say("connected");
	return TRUE;
}

static void on_post_disconnect(freerdp *instance)
{
	gdi_free(instance);
}

static int on_certificate(freerdp *instance, const BYTE *data, size_t length, const char *hostname,
			  UINT16 port, DWORD flags)
{
	BIO *pem = BIO_new_mem_buf(data, (int)length);
	X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
	unsigned char digest[32];
	char hex[65];
	unsigned len = sizeof(digest);
	int accepted = 0;

	if (certificate && X509_digest(certificate, EVP_sha256(), digest, &len)) {
		for (unsigned i = 0; i < len; i++)
			snprintf(hex + 2 * i, 3, "%02x", digest[i]);
		accepted = !test.fingerprint || strcmp(hex, test.fingerprint) == 0;
	}
	X509_free(certificate);
	BIO_free(pem);
	return accepted;
}

static BOOL on_client_new(freerdp *instance, rdpContext *context)
{
	instance->PreConnect = on_pre_connect;
	instance->PostConnect = on_post_connect;
	instance->PostDisconnect = on_post_disconnect;
	instance->VerifyX509Certificate = on_certificate;
	instance->LoadChannels = freerdp_client_load_channels;
	return TRUE;
}

static void on_client_free(freerdp *instance, rdpContext *context)
{
}

/* ---- The ticket ---- */

static size_t decode_base64url(const char *text, BYTE *out, size_t size)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = 0;
	unsigned bits = 0, held = 0;

	for (; *text; text++) {
		const char *at = strchr(alphabet, *text);

		if (!at)
			return 0;
		held = (held << 6 | (unsigned)(at - alphabet)) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (len == size)
				return 0;
			out[len++] = (BYTE)(held >> bits);
		}
	}
	return len;
}

static bool read_secret(char *out, int size)
{
	FILE *from = strcmp(test.secret_file, "-") ? fopen(test.secret_file, "r") : stdin;
	bool good = from && fgets(out, size, from);

	if (from && from != stdin)
		fclose(from);
	if (good)
		out[strcspn(out, "\r\n")] = 0;
	return good;
}

static bool carry_ticket(rdpSettings *settings)
{
	BYTE locator[16];
	char secret[256];
	size_t secret_len = 0;

	if (decode_base64url(test.locator, locator, sizeof(locator)) != sizeof(locator) ||
	    !read_secret(secret, sizeof(secret)))
		return false;
	WCHAR *wide = ConvertUtf8ToWCharAlloc(secret, &secret_len);
	bool good =
		wide && freerdp_settings_set_bool(settings, FreeRDP_RdstlsSecurity, TRUE) &&
		freerdp_settings_set_bool(settings, FreeRDP_NlaSecurity, FALSE) &&
		freerdp_settings_set_bool(settings, FreeRDP_ExtSecurity, FALSE) &&
		freerdp_settings_set_bool(settings, FreeRDP_RdpSecurity, FALSE) &&
		freerdp_settings_set_bool(settings, FreeRDP_TlsSecurity, FALSE) &&
		freerdp_settings_set_bool(settings, FreeRDP_AadSecurity, FALSE) &&
		freerdp_settings_set_bool(settings, FreeRDP_ExternalCertificateManagement, TRUE) &&
		freerdp_settings_set_bool(settings, FreeRDP_AutoReconnectionEnabled, FALSE) &&
		freerdp_settings_set_bool(settings, FreeRDP_SupportErrorInfoPdu, TRUE) &&
		freerdp_settings_set_uint32(settings, FreeRDP_RedirectionFlags,
					    LB_PASSWORD_IS_PK_ENCRYPTED) &&
		freerdp_settings_set_pointer_len(settings, FreeRDP_RedirectionGuid, locator,
						 sizeof(locator)) &&
		freerdp_settings_set_pointer_len(settings, FreeRDP_RedirectionPassword, wide,
						 secret_len * sizeof(WCHAR));
	free(wide);
	if (good && !freerdp_settings_get_string(settings, FreeRDP_Username))
		good = freerdp_settings_set_string(settings, FreeRDP_Username, "ticket");
	return good;
}

/* No ticket: name from /u:, password from the secret file, straight at an RDP server. */
static bool carry_password(rdpSettings *settings)
{
	char password[512];

	return read_secret(password, sizeof(password)) &&
	       freerdp_settings_set_string(settings, FreeRDP_Password, password) &&
	       freerdp_settings_set_bool(settings, FreeRDP_NlaSecurity, FALSE) &&
	       freerdp_settings_set_bool(settings, FreeRDP_RdpSecurity, FALSE) &&
	       freerdp_settings_set_bool(settings, FreeRDP_TlsSecurity, TRUE) &&
	       freerdp_settings_set_bool(settings, FreeRDP_ExternalCertificateManagement, TRUE) &&
	       freerdp_settings_set_bool(settings, FreeRDP_AutoLogonEnabled, TRUE) &&
	       freerdp_settings_set_bool(settings, FreeRDP_AutoReconnectionEnabled, FALSE);
}

/* ---- The session ---- */

static int watch_session(rdpContext *context)
{
	HANDLE handles[MAXIMUM_WAIT_OBJECTS];
	double frame_by = test.began + test.wait_s;

	while (!freerdp_shall_disconnect_context(context)) {
		DWORD count = freerdp_get_event_handles(context, handles, ARRAYSIZE(handles));

		if (count == 0 || WaitForMultipleObjects(count, handles, FALSE, 50) == WAIT_FAILED)
			break;
		if (!freerdp_check_event_handles(context))
			break;
		if (test.frame_at == 0 && now() > frame_by)
			return EXIT_NO_FRAME;
		if (test.frame_at > 0 && now() >= test.frame_at + test.hold_s) {
			say("held");
			return 0;
		}
	}
	return EXIT_ENDED;
}

static int run(rdpContext *context)
{
	freerdp *instance = context->instance;

	test.began = now();
	if (!freerdp_connect(instance)) {
		UINT32 code = freerdp_get_last_error(context);

		printf("ended %s\n", freerdp_get_last_error_name(code));
		return code == FREERDP_ERROR_AUTHENTICATION_FAILED ||
				code == FREERDP_ERROR_CONNECT_ACCESS_DENIED ||
				code == FREERDP_ERROR_CONNECT_LOGON_FAILURE
			       ? EXIT_DENIED
			       : EXIT_UNREACHED;
	}
	int result = watch_session(context);
	if (test.screenshot && test.frame_at > 0)
		save_screenshot(context->gdi);
	printf("ended %s\n", freerdp_get_last_error_name(freerdp_get_last_error(context)));
	freerdp_disconnect(instance);
	return result;
}

static bool read_flags(int argc, char **argv)
{
	static const struct option flags[] = {
		{ "locator", required_argument, NULL, 'l' },
		{ "secret-file", required_argument, NULL, 's' },
		{ "fingerprint", required_argument, NULL, 'f' },
		{ "screenshot", required_argument, NULL, 'p' },
		{ "hold", required_argument, NULL, 'h' },
		{ "wait", required_argument, NULL, 'w' },
		{ "colours", required_argument, NULL, 'c' },
		{ "clip-text", required_argument, NULL, 't' },
		{ 0 },
	};
	int flag;

	while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
		switch (flag) {
		case 'l': test.locator = optarg; break;
		case 's': test.secret_file = optarg; break;
		case 'f': test.fingerprint = optarg; break;
		case 'p': test.screenshot = optarg; break;
		case 'h': test.hold_s = atof(optarg); break;
		case 'w': test.wait_s = atof(optarg); break;
		case 't': test.clip_text = optarg; break;
		case 'c': test.colours = (size_t)atoi(optarg); break;
		default: return false;
		}
	}
	return test.secret_file && test.colours <= COLOURS_MAX && optind < argc;
}

int main(int argc, char **argv)
{
	RDP_CLIENT_ENTRY_POINTS entry = { .Version = RDP_CLIENT_INTERFACE_VERSION,
		.Size = sizeof(RDP_CLIENT_ENTRY_POINTS_V1), .ContextSize = sizeof(rdpClientContext),
		.ClientNew = on_client_new, .ClientFree = on_client_free };

	if (!read_flags(argc, argv)) {
		fprintf(stderr,
			"usage: genkan-probe --locator TEXT --secret-file FILE|- [--fingerprint"
			" HEX] [--screenshot PNG] [--colours N] [--hold S] [--wait S] --"
			" /v:HOST:PORT ...\n");
		return EXIT_USAGE;
	}
	rdpContext *context = freerdp_client_context_new(&entry);
	if (!context)
		return EXIT_UNREACHED;
	argv[optind - 1] = argv[0];
	int parsed = freerdp_client_settings_parse_command_line(
		context->settings, argc - optind + 1, argv + optind - 1, FALSE);
	int result = EXIT_USAGE;
	if (parsed == 0 && (test.locator ? carry_ticket : carry_password)(context->settings))
		result = run(context);
	freerdp_client_context_free(context);
	return result;
}
