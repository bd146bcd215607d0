/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/notice.h"

#include <stddef.h>
#include <string.h>
#include "common/base/cleanup.h"

/* `name` is how the refused thing's name begins. */
static const struct {
	const char *what, *name, *kind;
} kinds[] = {
	{ "device", "drive", "storage" },
	{ "device", "printer", "printer" },
	{ "device", "serial port", "port" },
	{ "device", "parallel port", "port" },
	{ "device", "smart card", "smart_card" },
	{ "device", "rdpdr", "devices" },
	{ "dynamic_channel", "URBDRC", "usb" },
	{ "dynamic_channel", "PNPDR", "storage" },
	{ "dynamic_channel", "FileRedirectorChannel", "storage" },
	{ "static_channel", "rdp2tcp", "tunnel" },
	{ "clipboard", "FileGroupDescriptor", "clipboard_files" },
	{ "clipboard", "FileContents", "clipboard_files" },
	{ "clipboard", "FileName", "clipboard_files" },
	{ "clipboard", "file contents", "clipboard_files" },
};

static const struct {
	const char *kind, *text;
} texts[] = {
	{ "storage", "このデスクトップでは USB メモリなどの記憶装置は使えません。\n"
		     "USB storage is not allowed on this desktop." },
	{ "usb", "このデスクトップでは USB 機器は使えません。\n"
		 "USB devices are not allowed on this desktop." },
	{ "printer", "このデスクトップでは手元のプリンターは使えません。\n"
		     "Local printers are not allowed on this desktop." },
	{ "port", "このデスクトップではシリアルポートは使えません。\n"
		  "Serial and parallel ports are not allowed on this desktop." },
	{ "smart_card", "このデスクトップではスマートカードは使えません。\n"
			"Smart cards are not allowed on this desktop." },
	{ "devices", "手元の USB メモリやプリンターなどの機器は、このデスクトップでは使えません。\n"
		     "USB sticks, printers and other devices of this machine are not available on "
		     "this desktop." },
	{ "clipboard_files", "クリップボードでファイルをコピーすることはできません。\n"
			     "Files cannot be copied through the clipboard." },
	{ "tunnel", "このデスクトップへの通信トンネルは許可されていません。\n"
		    "Network tunnels are not allowed on this desktop." },
};

const char *notice_kind(const char *what, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(what, kinds[i].what) == 0 &&
		    strncmp(name, kinds[i].name, strlen(kinds[i].name)) == 0)
			return kinds[i].kind;
	return NULL;
}

/* Most clients announce the channel of devices whether they have any or not. */
int64_t notice_repeat_ms(const char *kind)
{
	return strcmp(kind, "devices") == 0 ? INT64_C(8) * 3600 * 1000 : 60000;
}

const char *notice_text(const char *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strcmp(kind, texts[i].kind) == 0)
			return texts[i].text;
	return "";
}
