/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/caps.h"

#define SET_HEADER_LEN 4
#define COMBINED_HEADER_LEN 4	/* number of sets and padding are part of the combined length */

enum set_type {
	SET_VIRTUAL_CHANNEL = 0x14,
	SET_REMOTE_PROGRAMS = 0x17,
	SET_WINDOW_LIST = 0x18,
};

static int sets_read(struct reader *r, struct caps_active *active, const char **why)
{
	active->set_count = read_u16le(r);
	read_skip(r, 2);
	if (active->set_count > CAPS_SETS_MAX)
		return pdu_bad(why, "too many capability sets");
	for (size_t i = 0; i < active->set_count; i++) {
		struct caps_set *set = &active->sets[i];

		set->type = read_u16le(r);
		uint16_t length = read_u16le(r);

		if (r->bad || length < SET_HEADER_LEN)
			return pdu_bad(why, "capability set length");
		set->body = read_bytes(r, length - (size_t)SET_HEADER_LEN);
		if (r->bad)
			return pdu_bad(why, "capability set length");
		if (set->type == SET_VIRTUAL_CHANNEL && set->body.len < 4)
			return pdu_bad(why, "virtual channel capability set too short");
	}
	return pdu_finish(r, why);
}

int caps_parse(struct span body, enum caps_kind kind, struct caps_active *out, const char **why)
{
	struct reader r = reader_of(body);

	*out = (struct caps_active){ .kind = kind };
	out->share_id = read_u32le(&r);
	if (kind == CAPS_CONFIRM)
		out->originator = read_u16le(&r);
	uint16_t source_len = read_u16le(&r);
	uint16_t combined_len = read_u16le(&r);

	out->source = read_bytes(&r, source_len);
	struct reader sets = reader_of(read_bytes(&r, combined_len));

	if (kind == CAPS_DEMAND && !r.bad && r.rest.len) {
		out->has_session_id = true;
		out->session_id = read_u32le(&r);
	}
	if (pdu_finish(&r, why) < 0)
		return -EBADMSG;
	return sets_read(&sets, out, why);
}

static bool set_passes(const struct caps_set *set)
{
	return set->type != SET_REMOTE_PROGRAMS && set->type != SET_WINDOW_LIST;
}

static void set_put(const struct caps_set *set, struct buf *out)
{
	struct reader body = reader_of(set->body);

	buf_put_u16le(out, set->type);
	buf_put_u16le(out, (uint16_t)(set->body.len + SET_HEADER_LEN));
	if (set->type == SET_VIRTUAL_CHANNEL) {
		read_skip(&body, 4);
		buf_put_u32le(out, 0);	/* VCCAPS_NO_COMPR */
	}
	buf_put_span(out, body.rest);
}

void caps_encode(const struct caps_active *active, struct buf *out)
{
	size_t combined = COMBINED_HEADER_LEN;
	size_t count = 0;

	for (size_t i = 0; i < active->set_count; i++) {
		if (!set_passes(&active->sets[i]))
			continue;
		combined += active->sets[i].body.len + SET_HEADER_LEN;
		count++;
	}
	buf_put_u32le(out, active->share_id);
	if (active->kind == CAPS_CONFIRM)
		buf_put_u16le(out, active->originator);
	buf_put_u16le(out, (uint16_t)active->source.len);
	buf_put_u16le(out, (uint16_t)combined);
	buf_put_span(out, active->source);
	buf_put_u16le(out, (uint16_t)count);
	buf_put_u16le(out, 0);
	for (size_t i = 0; i < active->set_count; i++)
		if (set_passes(&active->sets[i]))
			set_put(&active->sets[i], out);
	if (active->has_session_id)
		buf_put_u32le(out, active->session_id);
}
