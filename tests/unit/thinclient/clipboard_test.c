/* SPDX-License-Identifier: Apache-2.0 */
/* The clipboard against a channel that writes down what it is told. */
#include "tests/unit/test.h"
#include <freerdp/channels/cliprdr.h>
#include <stdlib.h>
#include <winpr/user.h>
#include "thinclient/clipboard.h"

static struct {
	UINT32 capabilities;
	int lists, formats, list_answers, requests, answers, notices;
	UINT32 requested;
	UINT16 answer_flags;
	char answer[64];
	size_t answer_len;
} seen;

static UINT capabilities(CliprdrClientContext *c, const CLIPRDR_CAPABILITIES *caps)
{
	seen.capabilities =
		((const CLIPRDR_GENERAL_CAPABILITY_SET *)(const void *)caps->capabilitySets)->generalFlags;
	return 0;
}

static UINT list(CliprdrClientContext *c, const CLIPRDR_FORMAT_LIST *l)
{
	seen.lists++;
	seen.formats = (int)l->numFormats;
	for (UINT32 i = 0; i < l->numFormats; i++)
		assert_int_equal(l->formats[i].formatId, CF_UNICODETEXT);
	return 0;
}

static UINT list_answer(CliprdrClientContext *c, const CLIPRDR_FORMAT_LIST_RESPONSE *r)
{
	seen.list_answers++;
	assert_int_equal(r->common.msgFlags, CB_RESPONSE_OK);
	return 0;
}

static UINT request(CliprdrClientContext *c, const CLIPRDR_FORMAT_DATA_REQUEST *r)
{
	seen.requests++;
	seen.requested = r->requestedFormatId;
	return 0;
}

static UINT answer(CliprdrClientContext *c, const CLIPRDR_FORMAT_DATA_RESPONSE *r)
{
	seen.answers++;
	seen.answer_flags = r->common.msgFlags;
	seen.answer_len = r->common.dataLen;
	assert_true(r->common.dataLen <= sizeof(seen.answer));
	if (r->common.dataLen)
		memcpy(seen.answer, r->requestedFormatData, r->common.dataLen);
	return 0;
}

static void notify(void *arg)
{
	seen.notices++;
}

static CliprdrClientContext channel;

static struct clipboard *begin(bool to_desktop, bool from_desktop)
{
	struct clipboard *clipboard = clipboard_new(to_desktop, from_desktop, notify, NULL);

	memset(&seen, 0, sizeof(seen));
	channel = (CliprdrClientContext){
		.ClientCapabilities = capabilities,
		.ClientFormatList = list,
		.ClientFormatListResponse = list_answer,
		.ClientFormatDataRequest = request,
		.ClientFormatDataResponse = answer,
	};
	clipboard_attach(clipboard, &channel);
	return clipboard;
}

static void ready(void)
{
	channel.MonitorReady(&channel, &(CLIPRDR_MONITOR_READY){ 0 });
}

static void desktop_asks(UINT32 format)
{
	channel.ServerFormatDataRequest(
		&channel, &(CLIPRDR_FORMAT_DATA_REQUEST){ .requestedFormatId = format });
}

static void desktop_offers(UINT32 format)
{
	CLIPRDR_FORMAT formats[] = { { .formatId = 0xc001, .formatName = (char[]){ "HTML Format" } },
				     { .formatId = format } };

	channel.ServerFormatList(&channel, &(CLIPRDR_FORMAT_LIST){ .numFormats = 2,
								   .formats = formats });
}

static void desktop_answers(const char *utf16, size_t len)
{
	channel.ServerFormatDataResponse(&channel, &(CLIPRDR_FORMAT_DATA_RESPONSE){
		.common.msgFlags = CB_RESPONSE_OK, .common.dataLen = (UINT32)len,
		.requestedFormatData = (const BYTE *)utf16 });
}

static void text_goes_to_the_desktop_when_it_asks(void **state)
{
	struct clipboard *clipboard = begin(true, false);

	clipboard_offer(clipboard, "あb");
	clipboard_announce(clipboard);
	assert_int_equal(seen.lists, 0);	/* not before the desktop is ready */
	ready();
	assert_int_equal(seen.capabilities, CB_USE_LONG_FORMAT_NAMES);
	assert_int_equal(seen.lists, 1);
	assert_int_equal(seen.formats, 1);
	desktop_asks(CF_UNICODETEXT);
	assert_int_equal(seen.answer_flags, CB_RESPONSE_OK);
	assert_int_equal(seen.answer_len, 6);
	assert_memory_equal(seen.answer, "\x42\x30" "b\0\0\0", 6);
	desktop_asks(CF_HDROP);
	assert_int_equal(seen.answer_flags, CB_RESPONSE_FAIL);
	assert_int_equal(seen.answer_len, 0);

	/* nothing comes back */
	desktop_offers(CF_UNICODETEXT);
	assert_int_equal(seen.list_answers, 1);
	assert_int_equal(seen.requests, 0);
	desktop_answers("x\0\0\0", 4);
	assert_null(clipboard_take(clipboard));
	assert_int_equal(seen.notices, 0);
	clipboard_free(clipboard);
}

static void text_comes_from_the_desktop(void **state)
{
	struct clipboard *clipboard = begin(false, true);

	clipboard_offer(clipboard, "kept here");
	ready();
	clipboard_announce(clipboard);
	assert_int_equal(seen.formats, 0);
	desktop_asks(CF_UNICODETEXT);
	assert_int_equal(seen.answer_flags, CB_RESPONSE_FAIL);

	desktop_offers(CF_DIB);
	assert_int_equal(seen.requests, 0);
	desktop_offers(CF_UNICODETEXT);
	assert_int_equal(seen.requests, 1);
	assert_int_equal(seen.requested, CF_UNICODETEXT);
	desktop_answers("h\0i\0\0\0junk", 10);
	assert_int_equal(seen.notices, 1);
	char *text = clipboard_take(clipboard);

	assert_string_equal(text, "hi");
	free(text);
	assert_null(clipboard_take(clipboard));
	desktop_answers("\0\xd8", 2);	/* half a character */
	assert_null(clipboard_take(clipboard));
	clipboard_free(clipboard);
}

static void what_is_too_long_is_not_offered(void **state)
{
	struct clipboard *clipboard = begin(true, true);
	char *text = malloc(CLIPBOARD_TEXT_MAX);

	memset(text, 'x', CLIPBOARD_TEXT_MAX);
	text[CLIPBOARD_TEXT_MAX / 2] = '\0';	/* one more than fits with its NUL */
	ready();
	clipboard_offer(clipboard, text);
	clipboard_announce(clipboard);
	assert_int_equal(seen.formats, 0);
	clipboard_offer(clipboard, text + 1);
	clipboard_announce(clipboard);
	assert_int_equal(seen.formats, 1);
	clipboard_attach(clipboard, NULL);
	clipboard_announce(clipboard);
	assert_int_equal(seen.lists, 3);
	free(text);
	clipboard_free(clipboard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_goes_to_the_desktop_when_it_asks),
		cmocka_unit_test(text_comes_from_the_desktop),
		cmocka_unit_test(what_is_too_long_is_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
