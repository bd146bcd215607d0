/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/type_script.h"

#include <errno.h>
#include <freerdp/scancode.h>
#include <stdio.h>
#include <strings.h>
#include "common/base/text.h"

static const struct {
	const char *name;
	uint32_t scancode;
} named_keys[] = {
	{ "ctrl", RDP_SCANCODE_LCONTROL },  { "alt", RDP_SCANCODE_LMENU },
	{ "shift", RDP_SCANCODE_LSHIFT },   { "super", RDP_SCANCODE_LWIN },
	{ "enter", RDP_SCANCODE_RETURN },   { "tab", RDP_SCANCODE_TAB },
	{ "esc", RDP_SCANCODE_ESCAPE },	    { "space", RDP_SCANCODE_SPACE },
	{ "backspace", RDP_SCANCODE_BACKSPACE }, { "delete", RDP_SCANCODE_DELETE },
	{ "up", RDP_SCANCODE_UP },	    { "down", RDP_SCANCODE_DOWN },
	{ "left", RDP_SCANCODE_LEFT },	    { "right", RDP_SCANCODE_RIGHT },
	{ "home", RDP_SCANCODE_HOME },	    { "end", RDP_SCANCODE_END },
	{ "f1", RDP_SCANCODE_F1 },	    { "f2", RDP_SCANCODE_F2 },
	{ "f3", RDP_SCANCODE_F3 },	    { "f4", RDP_SCANCODE_F4 },
	{ "f5", RDP_SCANCODE_F5 },	    { "f6", RDP_SCANCODE_F6 },
	{ "f7", RDP_SCANCODE_F7 },	    { "f8", RDP_SCANCODE_F8 },
	{ "f9", RDP_SCANCODE_F9 },	    { "f10", RDP_SCANCODE_F10 },
	{ "f11", RDP_SCANCODE_F11 },	    { "f12", RDP_SCANCODE_F12 },
};

/* Rows of a US keyboard from their first scancode: plain and shifted characters. */
static const struct {
	uint32_t first;
	const char *plain, *shifted;
} rows[] = {
	{ RDP_SCANCODE_KEY_1, "1234567890-=", "!@#$%^&*()_+" },
	{ RDP_SCANCODE_KEY_Q, "qwertyuiop[]", "QWERTYUIOP{}" },
	{ RDP_SCANCODE_KEY_A, "asdfghjkl;'`", "ASDFGHJKL:\"~" },
	{ RDP_SCANCODE_OEM_5, "\\zxcvbnm,./", "|ZXCVBNM<>?" },
	{ RDP_SCANCODE_RETURN, "\n", "" },
	{ RDP_SCANCODE_TAB, "\t", "" },
	{ RDP_SCANCODE_SPACE, " ", "" },
};

struct typist {
	type_put_fn *put;	/* NULL: only check */
	void *arg;
};

static void press(const struct typist *t, uint32_t scancode, bool down)
{
	if (t->put)
		t->put(t->arg, (struct key_stroke){ .scancode = scancode, .down = down });
}

static bool type_ascii(const struct typist *t, char c)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *plain = strchr(rows[i].plain, c), *shifted = strchr(rows[i].shifted, c);

		if (!plain && !shifted)
			continue;
		uint32_t key = rows[i].first +
			       (uint32_t)(plain ? plain - rows[i].plain : shifted - rows[i].shifted);

		if (!plain)
			press(t, RDP_SCANCODE_LSHIFT, true);
		press(t, key, true);
		press(t, key, false);
		if (!plain)
			press(t, RDP_SCANCODE_LSHIFT, false);
		return true;
	}
	return false;
}

static size_t type_unicode(const struct typist *t, const char *text)
{
	OWNED(buf_done) struct buf wide = { 0 };
	size_t len = 1;

	while (((uint8_t)text[len] & 0xC0) == 0x80)
		len++;
	if (utf8_to_utf16le(span_of(text, len), &wide))
		return 0;
	for (size_t i = 0; t->put && i + 1 < wide.len; i += 2)
		t->put(t->arg, (struct key_stroke){
				       .unicode = (uint16_t)(wide.ptr[i] | wide.ptr[i + 1] << 8) });
	return len;
}

static uint32_t key_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(named_keys); i++)
		if (strlen(named_keys[i].name) == len &&
		    strncasecmp(named_keys[i].name, name, len) == 0)
			return named_keys[i].scancode;
	for (size_t i = 0; len == 1 && i < ARRAY_LEN(rows); i++) {
		const char *at = strchr(rows[i].plain, *name);

		if (at)
			return rows[i].first + (uint32_t)(at - rows[i].plain);
	}
	return 0;
}

/* `text` is what stands after the brace; answers its length with the closing brace, 0 if bad. */
static size_t type_chord(const struct typist *t, const char *text)
{
	uint32_t keys[8];
	size_t count = 0, at = 0;

	for (;;) {
		size_t len = strcspn(text + at, "+}");
		uint32_t key = count < ARRAY_LEN(keys) ? key_by_name(text + at, len) : 0;

		if (!key || !text[at + len])
			return 0;
		keys[count++] = key;
		at += len + 1;
		if (text[at - 1] == '}')
			break;
	}
	for (size_t i = 0; i < count; i++)
		press(t, keys[i], true);
	while (count > 0)
		press(t, keys[--count], false);
	return at;
}

static size_t type_next(const struct typist *t, const char *text)
{
	if (text[0] == '{' && text[1] == '{')
		return type_ascii(t, '{') ? 2 : 0;
	if (text[0] == '{') {
		size_t len = type_chord(t, text + 1);

		return len ? len + 1 : 0;
	}
	if ((uint8_t)text[0] < 0x80)
		return type_ascii(t, text[0]) ? 1 : 0;
	return type_unicode(t, text);
}

static int walk(const struct typist *t, const char *text, struct error *err)
{
	for (const char *at = text; *at;) {
		size_t len = type_next(t, at);

		if (len == 0)
			return error_set(err, EINVAL, "cannot type '%.40s'", at);
		at += len;
	}
	return 0;
}

int type_script_run(const char *text, type_put_fn *put, void *arg, struct error *err)
{
	int rc = walk(&(struct typist){ NULL, NULL }, text, err);

	return rc ? rc : walk(&(struct typist){ put, arg }, text, err);
}
