/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/filter_clipboard.h"

#define CF_TEXT 1
#define CF_OEMTEXT 7
#define CF_UNICODETEXT 13
#define CF_LOCALE 16
#define TEXT_FORMATS (1u << CF_TEXT | 1u << CF_OEMTEXT | 1u << CF_UNICODETEXT | 1u << CF_LOCALE)
#define FORMATS_MAX 512
#define WAITING_MAX 64	/* questions that wait for an answer */

struct taking {
	struct clipboard_filter *filter;
	enum rdp_clipboard policy;
	enum rdp_side from;
	struct cliprdr_message message;
	clipboard_denied_fn *denied;
	void *context;
	struct buf *out;
	const char **why;
};

/* -EBADMSG, or the verdict. */
typedef int take_fn(struct taking *t);

static enum rdp_side peer(const struct taking *t)
{
	return t->from == RDP_CLIENT ? RDP_GUEST : RDP_CLIENT;
}

/* Whether content may go from this side to the other. */
static bool may_give(enum rdp_clipboard policy, enum rdp_side side)
{
	return policy & (side == RDP_CLIENT ? RDP_CLIPBOARD_TO_DESKTOP
					    : RDP_CLIPBOARD_FROM_DESKTOP);
}

static void deny(const struct taking *t, const char *name)
{
	t->denied(t->context, span_text(name));
}

static int answer(struct taking *t, enum cliprdr_type type, uint16_t flags, struct span body)
{
	cliprdr_encode(type, flags, body, t->out);
	return CLIPBOARD_REPLY;
}

static int pass_on(struct taking *t, uint16_t flags, struct span body)
{
	cliprdr_encode(t->message.type, flags, body, t->out);
	return CLIPBOARD_PASS;
}

static int take_ready(struct taking *t)
{
	if (t->from == RDP_CLIENT)
		return pdu_bad(t->why, "clipboard monitor ready from the client");
	return pass_on(t, 0, span_of(NULL, 0));
}

static int take_capabilities(struct taking *t)
{
	uint32_t flags;

	if (cliprdr_capabilities_parse(t->message.body, &flags, t->why) < 0)
		return -EBADMSG;
	t->filter->long_names[t->from] = flags & CLIPRDR_USE_LONG_NAMES;
	cliprdr_capabilities_encode(flags & CLIPRDR_USE_LONG_NAMES, t->out);
	return CLIPBOARD_PASS;
}

static bool is_text(uint32_t id)
{
	return id < 32 && TEXT_FORMATS & 1u << id;
}

/* Writes what may stay of a list behind a header whose length is set at the end. */
static int list_filter(struct taking *t, bool allowed, uint32_t *offered)
{
	bool long_names = t->filter->long_names[RDP_CLIENT] && t->filter->long_names[RDP_GUEST];
	bool ascii_names = t->message.flags & CLIPRDR_ASCII_NAMES;
	struct reader r = reader_of(t->message.body);
	struct cliprdr_format format;
	size_t at = t->out->len, count = 0;
	int more;

	cliprdr_encode(CLIPRDR_FORMAT_LIST, 0, span_of(NULL, 0), t->out);
	*offered = 0;
	while ((more = cliprdr_format_next(&r, long_names, ascii_names, &format, t->why)) > 0) {
		if (++count > FORMATS_MAX)
			return pdu_bad(t->why, "too many clipboard formats");
		if (!allowed || !is_text(format.id)) {
			deny(t, format.name);
		} else if (!(*offered & 1u << format.id)) {
			*offered |= 1u << format.id;
			cliprdr_format_put(format.id, long_names, t->out);
		}
	}
	if (more == 0 && !t->out->failed)
		buf_set_u32le(t->out, at + 4, (uint32_t)(t->out->len - at - CLIPRDR_HEADER_LEN));
	return more;
}

static int take_list(struct taking *t)
{
	bool allowed = may_give(t->policy, t->from);
	size_t at = t->out->len;

	if (list_filter(t, allowed, &t->filter->offered[t->from]) < 0)
		return -EBADMSG;
	if (!allowed) {
		buf_truncate(t->out, at);
		return answer(t, CLIPRDR_FORMAT_LIST_RESPONSE, CLIPRDR_OK, span_of(NULL, 0));
	}
	if (t->filter->lists[t->from] == WAITING_MAX)
		return pdu_bad(t->why, "too many clipboard lists wait for an answer");
	t->filter->lists[t->from]++;
	return CLIPBOARD_PASS;
}

/* An answer's flags: exactly one of the two. */
static int answer_flags(const struct taking *t, uint16_t *flags)
{
	*flags = t->message.flags & (CLIPRDR_OK | CLIPRDR_FAIL);
	if (*flags != CLIPRDR_OK && *flags != CLIPRDR_FAIL)
		return pdu_bad(t->why, "clipboard answer is neither yes nor no");
	return 0;
}

static int take_list_response(struct taking *t)
{
	uint16_t flags;

	if (answer_flags(t, &flags) < 0)
		return -EBADMSG;
	if (t->filter->lists[peer(t)] == 0)
		return CLIPBOARD_DROP;	/* to an answer that was given here */
	t->filter->lists[peer(t)]--;
	return pass_on(t, flags, span_of(NULL, 0));
}

static int take_request(struct taking *t)
{
	struct reader r = reader_of(t->message.body);
	uint32_t id = read_u32le(&r);
	char name[CLIPRDR_NAME_MAX];

	if (pdu_finish(&r, t->why) < 0)
		return pdu_bad(t->why, "clipboard request length");
	if (!may_give(t->policy, peer(t)) || !is_text(id) ||
	    !(t->filter->offered[peer(t)] & 1u << id)) {
		cliprdr_format_name(id, name);
		deny(t, name);
		return answer(t, CLIPRDR_DATA_RESPONSE, CLIPRDR_FAIL, span_of(NULL, 0));
	}
	if (t->filter->requests[t->from] == WAITING_MAX)
		return pdu_bad(t->why, "too many clipboard requests wait for an answer");
	t->filter->requests[t->from]++;
	return pass_on(t, 0, t->message.body);
}

static int take_response(struct taking *t)
{
	uint16_t flags;

	if (answer_flags(t, &flags) < 0)
		return -EBADMSG;
	if (t->filter->requests[peer(t)] == 0) {
		deny(t, "content nobody asked for");
		return CLIPBOARD_DROP;
	}
	t->filter->requests[peer(t)]--;
	if (flags == CLIPRDR_FAIL)
		return pass_on(t, flags, span_of(NULL, 0));
	if (t->message.body.len > CLIPRDR_TEXT_MAX) {
		deny(t, "text over 64 KiB");
		return pass_on(t, CLIPRDR_FAIL, span_of(NULL, 0));
	}
	return pass_on(t, flags, t->message.body);
}

static int take_temp_directory(struct taking *t)
{
	deny(t, "temporary directory");
	return CLIPBOARD_DROP;
}

/* 2.2.5.3; the answer repeats the stream's number (2.2.5.4). */
static int take_file_request(struct taking *t)
{
	struct reader r = reader_of(t->message.body);
	struct span stream = read_bytes(&r, 4);

	deny(t, "file contents request");
	if (r.bad)
		return pdu_bad(t->why, "clipboard file request length");
	return answer(t, CLIPRDR_FILE_RESPONSE, CLIPRDR_FAIL, stream);
}

static int take_file_response(struct taking *t)
{
	deny(t, "file contents");
	return CLIPBOARD_DROP;
}

static int take_lock(struct taking *t)
{
	deny(t, "lock of files");
	return CLIPBOARD_DROP;
}

static take_fn *const takers[] = {
	[CLIPRDR_MONITOR_READY] = take_ready,
	[CLIPRDR_FORMAT_LIST] = take_list,
	[CLIPRDR_FORMAT_LIST_RESPONSE] = take_list_response,
	[CLIPRDR_DATA_REQUEST] = take_request,
	[CLIPRDR_DATA_RESPONSE] = take_response,
	[CLIPRDR_TEMP_DIRECTORY] = take_temp_directory,
	[CLIPRDR_CAPABILITIES] = take_capabilities,
	[CLIPRDR_FILE_REQUEST] = take_file_request,
	[CLIPRDR_FILE_RESPONSE] = take_file_response,
	[CLIPRDR_LOCK] = take_lock,
	[CLIPRDR_UNLOCK] = take_lock,
};

/* Only content may be too long to keep; its header is enough to refuse it. */
static int parse_cut(struct span in, struct cliprdr_message *out, const char **why)
{
	struct reader r = reader_of(in);

	out->type = (enum cliprdr_type)read_u16le(&r);
	out->flags = read_u16le(&r);
	read_skip(&r, 4);
	out->body = read_rest(&r);
	if (r.bad || (out->type != CLIPRDR_DATA_RESPONSE && out->type != CLIPRDR_FILE_RESPONSE) ||
	    out->body.len <= CLIPRDR_TEXT_MAX)
		return pdu_bad(why, "clipboard message too long");
	return 0;
}

int clipboard_take(struct clipboard_filter *filter, enum rdp_clipboard policy, enum rdp_side from,
		   struct span message, bool truncated, clipboard_denied_fn *denied, void *context,
		   struct buf *out, enum clipboard_verdict *verdict, const char **why)
{
	struct taking t = { .filter = filter, .policy = policy, .from = from, .denied = denied,
			    .context = context, .out = out, .why = why };
	int rc = truncated ? parse_cut(message, &t.message, why)
			   : cliprdr_parse(message, &t.message, why);

	if (rc == 0)
		rc = takers[t.message.type](&t);
	if (rc < 0)
		return -EBADMSG;
	*verdict = (enum clipboard_verdict)rc;
	return 0;
}
