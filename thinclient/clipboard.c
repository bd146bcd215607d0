/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/clipboard.h"

#include <freerdp/channels/cliprdr.h>
#include <pthread.h>
#include <winpr/user.h>
#include "common/base/secret.h"
#include "common/base/text.h"

struct clipboard {
	bool to_desktop, from_desktop;
	clipboard_notify_fn *notify;
	void *arg;

	pthread_mutex_t mutex;
	CliprdrClientContext *channel;
	bool ready;	/* the desktop's side has spoken */
	struct buf offered;	/* UTF-16LE with its NUL; empty for nothing */
	struct buf received;	/* UTF-8 */
	bool fresh;	/* `received` was not taken yet */
};

static void wipe(struct buf *text)
{
	if (text->len)
		memory_wipe(text->ptr, text->len);
	buf_reset(text);
}

/* --- the desktop's words --------------------------------------------------------------------- */

static UINT send_capabilities(CliprdrClientContext *channel)
{
	CLIPRDR_GENERAL_CAPABILITY_SET general = {
		.capabilitySetType = CB_CAPSTYPE_GENERAL,
		.capabilitySetLength = CB_CAPSTYPE_GENERAL_LEN,
		.version = CB_CAPS_VERSION_2,
		.generalFlags = CB_USE_LONG_FORMAT_NAMES,
	};
	CLIPRDR_CAPABILITIES capabilities = {
		.cCapabilitiesSets = 1,
		.capabilitySets = (CLIPRDR_CAPABILITY_SET *)(void *)&general,
	};

	return channel->ClientCapabilities(channel, &capabilities);
}

static UINT on_ready(CliprdrClientContext *channel, const CLIPRDR_MONITOR_READY *ready)
{
	struct clipboard *clipboard = channel->custom;
	UINT rc = send_capabilities(channel);

	pthread_mutex_lock(&clipboard->mutex);
	clipboard->ready = true;
	pthread_mutex_unlock(&clipboard->mutex);
	clipboard_announce(clipboard);
	return rc;
}

static UINT on_capabilities(CliprdrClientContext *channel, const CLIPRDR_CAPABILITIES *capabilities)
{
	return CHANNEL_RC_OK;
}

static bool lists_text(const CLIPRDR_FORMAT_LIST *list)
{
	for (UINT32 i = 0; i < list->numFormats; i++)
		if (list->formats[i].formatId == CF_UNICODETEXT)
			return true;
	return false;
}

static UINT on_list(CliprdrClientContext *channel, const CLIPRDR_FORMAT_LIST *list)
{
	struct clipboard *clipboard = channel->custom;
	CLIPRDR_FORMAT_LIST_RESPONSE taken = { .common.msgType = CB_FORMAT_LIST_RESPONSE,
					       .common.msgFlags = CB_RESPONSE_OK };
	CLIPRDR_FORMAT_DATA_REQUEST wanted = { .common.msgType = CB_FORMAT_DATA_REQUEST,
					       .common.dataLen = 4,
					       .requestedFormatId = CF_UNICODETEXT };
	UINT rc = channel->ClientFormatListResponse(channel, &taken);

	if (rc == CHANNEL_RC_OK && clipboard->from_desktop && lists_text(list)) {
		channel->lastRequestedFormatId = CF_UNICODETEXT;
		rc = channel->ClientFormatDataRequest(channel, &wanted);
	}
	return rc;
}

static UINT on_list_response(CliprdrClientContext *channel,
			     const CLIPRDR_FORMAT_LIST_RESPONSE *response)
{
	return CHANNEL_RC_OK;
}

/* A copy, since the window may offer something else meanwhile. */
static void copy_offered(struct clipboard *clipboard, struct buf *out)
{
	pthread_mutex_lock(&clipboard->mutex);
	buf_put_span(out, buf_span(&clipboard->offered));
	pthread_mutex_unlock(&clipboard->mutex);
}

static UINT on_request(CliprdrClientContext *channel, const CLIPRDR_FORMAT_DATA_REQUEST *request)
{
	struct clipboard *clipboard = channel->custom;
	OWNED(buf_done) struct buf text = { 0 };
	CLIPRDR_FORMAT_DATA_RESPONSE answer = { .common.msgType = CB_FORMAT_DATA_RESPONSE,
						.common.msgFlags = CB_RESPONSE_FAIL };

	if (clipboard->to_desktop && request->requestedFormatId == CF_UNICODETEXT)
		copy_offered(clipboard, &text);
	if (text.len) {
		answer.common.msgFlags = CB_RESPONSE_OK;
		answer.common.dataLen = (UINT32)text.len;
		answer.requestedFormatData = text.ptr;
	}
	UINT rc = channel->ClientFormatDataResponse(channel, &answer);

	wipe(&text);
	return rc;
}

/* Up to its NUL, if it has one. */
static struct span utf16_text(const BYTE *data, UINT32 len)
{
	struct span text = { data, len & ~1U };

	for (size_t i = 0; i + 1 < text.len; i += 2)
		if (data[i] == 0 && data[i + 1] == 0)
			text.len = i;
	return text;
}

static UINT on_response(CliprdrClientContext *channel, const CLIPRDR_FORMAT_DATA_RESPONSE *response)
{
	struct clipboard *clipboard = channel->custom;
	OWNED(buf_done) struct buf text = { 0 };

	if (!clipboard->from_desktop || !(response->common.msgFlags & CB_RESPONSE_OK) ||
	    response->common.dataLen > CLIPBOARD_TEXT_MAX ||
	    utf16le_to_utf8(utf16_text(response->requestedFormatData, response->common.dataLen),
			    &text) < 0)
		return CHANNEL_RC_OK;
	pthread_mutex_lock(&clipboard->mutex);
	wipe(&clipboard->received);
	buf_put_span(&clipboard->received, buf_span(&text));
	clipboard->fresh = true;
	pthread_mutex_unlock(&clipboard->mutex);
	wipe(&text);
	clipboard->notify(clipboard->arg);
	return CHANNEL_RC_OK;
}

/* --- doors ----------------------------------------------------------------------------------- */

struct clipboard *clipboard_new(bool to_desktop, bool from_desktop, clipboard_notify_fn *notify,
				void *arg)
{
	struct clipboard *clipboard = xnew(struct clipboard);

	clipboard->to_desktop = to_desktop;
	clipboard->from_desktop = from_desktop;
	clipboard->notify = notify;
	clipboard->arg = arg;
	pthread_mutex_init(&clipboard->mutex, NULL);
	return clipboard;
}

void clipboard_free(struct clipboard *clipboard)
{
	if (!clipboard)
		return;
	wipe(&clipboard->offered);
	wipe(&clipboard->received);
	buf_done(&clipboard->offered);
	buf_done(&clipboard->received);
	pthread_mutex_destroy(&clipboard->mutex);
	free(clipboard);
}

void clipboard_attach(struct clipboard *clipboard, CliprdrClientContext *channel)
{
	if (channel) {
		channel->custom = clipboard;
		channel->MonitorReady = on_ready;
		channel->ServerCapabilities = on_capabilities;
		channel->ServerFormatList = on_list;
		channel->ServerFormatListResponse = on_list_response;
		channel->ServerFormatDataRequest = on_request;
		channel->ServerFormatDataResponse = on_response;
	}
	pthread_mutex_lock(&clipboard->mutex);
	clipboard->channel = channel;
	clipboard->ready = false;
	pthread_mutex_unlock(&clipboard->mutex);
}

void clipboard_offer(struct clipboard *clipboard, const char *utf8)
{
	OWNED(buf_done) struct buf text = { 0 };

	if (!clipboard->to_desktop)
		return;
	if (*utf8 && utf8_to_utf16le(span_text(utf8), &text) == 0)
		buf_put_u16le(&text, 0);
	if (text.failed || text.len > CLIPBOARD_TEXT_MAX)
		wipe(&text);
	pthread_mutex_lock(&clipboard->mutex);
	wipe(&clipboard->offered);
	buf_put_span(&clipboard->offered, buf_span(&text));
	pthread_mutex_unlock(&clipboard->mutex);
	wipe(&text);
}

void clipboard_announce(struct clipboard *clipboard)
{
	CLIPRDR_FORMAT format = { .formatId = CF_UNICODETEXT };
	CLIPRDR_FORMAT_LIST list = { .common.msgType = CB_FORMAT_LIST, .formats = &format };

	pthread_mutex_lock(&clipboard->mutex);
	CliprdrClientContext *channel = clipboard->ready ? clipboard->channel : NULL;

	list.numFormats = clipboard->offered.len ? 1 : 0;
	pthread_mutex_unlock(&clipboard->mutex);
	if (channel)
		channel->ClientFormatList(channel, &list);
}

char *clipboard_take(struct clipboard *clipboard)
{
	char *text = NULL;

	pthread_mutex_lock(&clipboard->mutex);
	if (clipboard->fresh) {
		text = strdup(buf_text(&clipboard->received));
		wipe(&clipboard->received);
		clipboard->fresh = false;
	}
	pthread_mutex_unlock(&clipboard->mutex);
	return text;
}
