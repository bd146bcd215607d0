/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/rdp_file.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "common/base/secret.h"
#include "common/base/text.h"

DEFINE_OWNED(PKCS7_free, PKCS7);
DEFINE_OWNED(BIO_free, BIO);

#define USER_SECRET_MARK '\x1f'
/* In front of the PKCS#7 object: two version numbers and its length, little endian */
#define SIGNATURE_VERSION_1 0x00010001u
#define SIGNATURE_VERSION_2 0x00000001u

/* Values that are not the same in every file. */
enum filled { FIXED, ADDRESS, PORT, LOAD_BALANCE, USER, IF_SOUND, IF_MICROPHONE, IF_CAMERA,
	      IF_CLIPBOARD, IF_PRINTERS, IF_SMART_CARDS, IF_DRIVES, ALL_DRIVES };

struct setting {
	const char *key;	/* as in the file, with its type */
	const char *fixed;
	enum filled filled;
	const char *signed_as;	/* its name in the signature's scope; NULL: not part of it */
};

/* The names that can be signed are the client's; the order of this table is that of the scope. */
static const struct setting settings[] = {
	{ "full address:s:", NULL, ADDRESS, "Full Address" },
	{ "alternate full address:s:", NULL, ADDRESS, "Alternate Full Address" },
	{ "server port:i:", NULL, PORT, "Server Port" },
	{ "negotiate security layer:i:", "1", FIXED, "Negotiate Security Layer" },
	{ "enablecredsspsupport:i:", "0", FIXED, "EnableCredSspSupport" },
	{ "disableconnectionsharing:i:", "1", FIXED, "DisableConnectionSharing" },
	{ "autoreconnection enabled:i:", "0", FIXED, "AutoReconnection Enabled" },
	{ "gatewayusagemethod:i:", "0", FIXED, "GatewayUsageMethod" },
	{ "alternate shell:s:", "", FIXED, "Alternate Shell" },
	{ "shell working directory:s:", "", FIXED, "Shell Working Directory" },
	{ "remoteapplicationmode:i:", "0", FIXED, "RemoteApplicationMode" },
	{ "prompt for credentials:i:", "0", FIXED, "Prompt For Credentials" },
	{ "authentication level:i:", "2", FIXED, "Authentication Level" },
	{ "audiomode:i:", NULL, IF_SOUND, "AudioMode" },
	{ "redirectdrives:i:", NULL, IF_DRIVES, "RedirectDrives" },
	{ "redirectprinters:i:", NULL, IF_PRINTERS, "RedirectPrinters" },
	{ "redirectcomports:i:", "0", FIXED, "RedirectCOMPorts" },
	{ "redirectsmartcards:i:", NULL, IF_SMART_CARDS, "RedirectSmartCards" },
	{ "redirectposdevices:i:", "0", FIXED, "RedirectPOSDevices" },
	{ "redirectclipboard:i:", NULL, IF_CLIPBOARD, "RedirectClipboard" },
	{ "devicestoredirect:s:", "", FIXED, "DevicesToRedirect" },
	{ "drivestoredirect:s:", NULL, ALL_DRIVES, "DrivesToRedirect" },
	{ "loadbalanceinfo:s:", NULL, LOAD_BALANCE, "LoadBalanceInfo" },
	{ "redirectdirectx:i:", "0", FIXED, "RedirectDirectX" },
	{ "usbdevicestoredirect:s:", "", FIXED, NULL },
	{ "camerastoredirect:s:", NULL, IF_CAMERA, NULL },
	{ "audiocapturemode:i:", NULL, IF_MICROPHONE, NULL },
	{ "redirectwebauthn:i:", "0", FIXED, NULL },
	{ "redirectlocation:i:", "0", FIXED, NULL },
	{ "networkautodetect:i:", "0", FIXED, NULL },
	{ "bandwidthautodetect:i:", "0", FIXED, NULL },
	{ "session bpp:i:", "32", FIXED, NULL },
	{ "username:s:", NULL, USER, NULL },
};

static bool allows(const struct rdp_file *file, enum policy_item item)
{
	return file->policy->value[item] != POLICY_DENY;
}

static void put_value(const struct setting *setting, const struct rdp_file *file, struct buf *out)
{
	switch (setting->filled) {
	case FIXED:
		buf_put_text(out, setting->fixed);
		return;
	case ADDRESS:
		buf_printf(out, strchr(file->host, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64, file->host,
			   file->port);
		return;
	case PORT:
		buf_printf(out, "%" PRId64, file->port);
		return;
	case LOAD_BALANCE:
		buf_printf(out, "Cookie: msts=%s", file->locator);
		return;
	case USER:
		buf_printf(out, "%s%c%s", file->user, USER_SECRET_MARK, file->secret);
		return;
	case IF_SOUND:	/* 0: here, 2: nowhere */
		buf_put_text(out, allows(file, POLICY_SOUND) ? "0" : "2");
		return;
	case IF_CAMERA:
		buf_put_text(out, allows(file, POLICY_CAMERA) ? "*" : "");
		return;
	case IF_MICROPHONE:
		buf_put_text(out, allows(file, POLICY_MICROPHONE) ? "1" : "0");
		return;
	case IF_CLIPBOARD:
		buf_put_text(out, allows(file, POLICY_CLIPBOARD) ? "1" : "0");
		return;
	case IF_PRINTERS:
		buf_put_text(out, allows(file, POLICY_PRINTERS) ? "1" : "0");
		return;
	case IF_DRIVES:
		buf_put_text(out, file->drives ? "1" : "0");
		return;
	case ALL_DRIVES:
		buf_put_text(out, file->drives ? "*" : "");
		return;
	case IF_SMART_CARDS:
		buf_put_text(out, allows(file, POLICY_SMART_CARDS) ? "1" : "0");
		return;
	}
}

/* All lines, or those that are signed. */
static void put_lines(const struct rdp_file *file, bool only_signed, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (only_signed && !settings[i].signed_as)
			continue;
		buf_put_text(out, settings[i].key);
		put_value(&settings[i], file, out);
		buf_put_text(out, "\r\n");
	}
}

static void put_scope(struct buf *out)
{
	const char *comma = "";

	buf_put_text(out, "signscope:s:");
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (!settings[i].signed_as)
			continue;
		buf_printf(out, "%s%s", comma, settings[i].signed_as);
		comma = ",";
	}
	buf_put_text(out, "\r\n");
}

/* What is signed: the lines and the scope, NUL-terminated, in UTF-16LE. */
static int signed_content(const struct rdp_file *file, struct buf *out)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(8192);

	put_lines(file, true, &text);
	put_scope(&text);
	buf_put_u8(&text, 0);
	return utf8_to_utf16le(buf_span(&text), out);
}

static int sign(const struct rdp_signer *signer, struct span content, struct buf *der,
		struct error *err)
{
	OWNED(BIO_free) BIO *in = BIO_new_mem_buf(content.ptr, (int)content.len);
	PKCS7 *made = NULL;
	uint8_t *at;
	STACK_OF(X509) *chain = sk_X509_new_null();

	if (signer->issuer)
		sk_X509_push(chain, signer->issuer);
	made = in ? PKCS7_sign(signer->certificate, signer->key, chain, in,
			       PKCS7_BINARY | PKCS7_NOATTR | PKCS7_DETACHED)
		  : NULL;
	sk_X509_free(chain);
	OWNED(PKCS7_free) PKCS7 *pkcs7 = made;
	int len = pkcs7 ? i2d_PKCS7(pkcs7, NULL) : -1;

	at = len > 0 ? buf_reserve(der, (size_t)len) : NULL;
	if (!at)
		return tls_error(err, EIO, "sign an .rdp file");
	i2d_PKCS7(pkcs7, &at);
	der->len += (size_t)len;
	return 0;
}

int rdp_file_write(const struct rdp_file *file, const struct rdp_signer *signer, struct buf *out,
		   struct error *err)
{
	OWNED(buf_done) struct buf content = BUF_LIMIT(16384);
	OWNED(buf_done) struct buf der = BUF_LIMIT(16384);
	OWNED(buf_done) struct buf blob = BUF_LIMIT(16384);
	int rc = signed_content(file, &content);

	if (rc < 0)
		return error_set(err, EINVAL, "the address of the relay is not UTF-8");
	if ((rc = sign(signer, buf_span(&content), &der, err)) < 0)
		return rc;
	buf_put_u32le(&blob, SIGNATURE_VERSION_1);
	buf_put_u32le(&blob, SIGNATURE_VERSION_2);
	buf_put_u32le(&blob, (uint32_t)der.len);
	buf_put_span(&blob, buf_span(&der));

	put_lines(file, false, out);
	put_scope(out);
	buf_put_text(out, "signature:s:");
	base64_encode(buf_span(&blob), out);
	buf_put_text(out, "\r\n");
	return out->failed ? error_set(err, ENOSPC, "the .rdp file is too long") : 0;
}
