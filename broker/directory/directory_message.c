/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/directory_message.h"

#include <errno.h>

#include "common/base/text.h"
#include "common/net/packet_text.h"

enum { GROUPS_ROOM = 16 * 1024, TRUST_ROOM = 30 * 1024 };

/* ------------------------------------------------------------------------------------- reading */

static void copy_text(struct reader *r, char *out, size_t size)
{
	if (str_copy(out, size, packet_text_read(r)) < 0)
		r->bad = true;
}

static struct span read_secret(struct reader *r)
{
	uint16_t len = read_u16be(r);

	if (len > SECRET_MAX)
		r->bad = true;
	return read_bytes(r, len);
}

static bool read_flag(struct reader *r)
{
	uint8_t flag = read_u8(r);

	if (flag > 1)
		r->bad = true;
	return flag == 1;
}

static int64_t read_time(struct reader *r)
{
	uint64_t value = read_u64be(r);

	if (value > INT64_MAX)
		r->bad = true;
	return (int64_t)(value & INT64_MAX);
}

static void read_question(struct reader *r, struct directory_message *m)
{
	uint8_t what = read_u8(r);

	if (what >= DIRECTORY_ASK_PROBE)
		r->bad = true;
	else
		m->what = what;
	m->wants_trace = read_flag(r);
	m->deadline_ms = read_time(r);
	m->text = packet_text_read(r);
	m->password = read_secret(r);
	m->fresh = read_secret(r);
}

static void read_groups(struct reader *r, struct directory_message *m)
{
	size_t count = read_u8(r);

	if (count > DIRECTORY_GROUPS_A_PACKET)
		r->bad = true;
	for (size_t i = 0; !r->bad && i < count; i++) {
		m->groups[i].name = packet_text_read(r);
		m->groups[i].dn = packet_text_read(r);
		m->group_count = i + 1;
	}
}

static void read_trace(struct reader *r, struct directory_trace *trace)
{
	size_t count = read_u8(r);

	if (count > DIRECTORY_STEPS_MAX)
		r->bad = true;
	for (size_t i = 0; !r->bad && i < count; i++) {
		struct directory_step unwanted, *step = trace ? &trace->steps[i] : &unwanted;

		copy_text(r, step->what, sizeof(step->what));
		copy_text(r, step->detail, sizeof(step->detail));
		step->us = read_time(r);
		step->failed = read_flag(r);
	}
	if (trace)
		trace->count = r->bad ? 0 : count;
}

static void read_answer(struct reader *r, struct directory_message *m,
			struct directory_trace *trace)
{
	struct directory_answer *a = &m->answer;
	uint8_t verdict = read_u8(r);

	if (verdict > DIRECTORY_BUSY)
		r->bad = true;
	else
		a->verdict = verdict;
	copy_text(r, a->person.id, sizeof(a->person.id));
	copy_text(r, a->person.user, sizeof(a->person.user));
	copy_text(r, a->person.display_name, sizeof(a->person.display_name));
	a->person.uid_number = (int64_t)read_u64be(r);
	a->reason.code = read_u16be(r);
	copy_text(r, a->reason.text, sizeof(a->reason.text));
	m->server = (int)read_u8(r) - 1;
	a->search_us = read_time(r);
	a->bind_us = read_time(r);
	a->groups_us = read_time(r);
	a->groups_cut = read_flag(r);
	m->took_us = read_time(r);
	read_trace(r, trace);
	m->groups_in_all = read_u16be(r);
	read_groups(r, m);
	if (m->groups_in_all > DIRECTORY_MAX_GROUPS || m->groups_in_all < m->group_count)
		r->bad = true;
	if (m->server >= DIRECTORY_MAX_SERVERS)
		r->bad = true;
}

static void read_states(struct reader *r, struct directory_message *m)
{
	size_t count = read_u8(r);

	if (count > DIRECTORY_MAX_SERVERS) {
		r->bad = true;
		return;
	}
	m->server_count = count;
	for (size_t i = 0; i < count; i++) {
		m->servers[i].open = read_flag(r);
		m->servers[i].probe_at_ms = read_time(r);
	}
}

static void read_trust(struct reader *r, struct directory_message *m)
{
	m->total = read_u32be(r);
	m->offset = read_u32be(r);
	m->bytes = read_bytes(r, read_u16be(r));
	if (m->total > DIRECTORY_TRUST_MAX || m->offset > m->total ||
	    m->bytes.len > m->total - m->offset)
		r->bad = true;
}

int directory_message_parse(struct span packet, struct directory_message *out,
			    struct directory_trace *trace)
{
	struct reader r = reader_of(packet);
	uint8_t kind = read_u8(&r);

	memset(out, 0, sizeof(*out));
	if (kind < DIRECTORY_HELLO || kind > DIRECTORY_TRUST)
		return -EBADMSG;
	out->kind = kind;
	out->text = "";
	out->server = -1;
	if (kind != DIRECTORY_HELLO && kind != DIRECTORY_STATES)
		out->id = read_u64be(&r);
	switch (out->kind) {
	case DIRECTORY_HELLO:
		out->password = read_secret(&r);
		break;
	case DIRECTORY_ASK:
		read_question(&r, out);
		break;
	case DIRECTORY_GROUPS:
		read_groups(&r, out);
		break;
	case DIRECTORY_ANSWER:
		read_answer(&r, out, trace);
		break;
	case DIRECTORY_STATES:
		read_states(&r, out);
		break;
	case DIRECTORY_TRUST:
		read_trust(&r, out);
		break;
	}
	return reader_finished(&r) ? 0 : -EBADMSG;
}

/* ------------------------------------------------------------------------------------- writing */

static void put_text(struct buf *out, const char *text)
{
	packet_text_write(out, text, DIRECTORY_TEXT_MAX);
}

static void put_secret(struct buf *out, const struct secret *secret)
{
	buf_put_u16be(out, (uint16_t)secret->len);
	buf_put(out, secret->bytes, secret->len);
}

static void put_start(struct buf *out, enum directory_message_kind kind, uint64_t id)
{
	buf_put_u8(out, (uint8_t)kind);
	buf_put_u64be(out, id);
}

void directory_hello_write(const struct secret *password, struct buf *out)
{
	buf_put_u8(out, DIRECTORY_HELLO);
	put_secret(out, password);
}

void directory_ask_write(uint64_t id, const struct directory_question *q, struct buf *out)
{
	put_start(out, DIRECTORY_ASK, id);
	buf_put_u8(out, (uint8_t)q->what);
	buf_put_u8(out, q->trace != NULL);
	buf_put_u64be(out, (uint64_t)q->deadline_ms);
	put_text(out, q->text);
	put_secret(out, &q->password);
	put_secret(out, &q->fresh);
}

static size_t put_groups(const struct pool_group *groups, size_t count, struct buf *out)
{
	size_t n = 0, at = out->len;

	buf_put_u8(out, 0);
	for (; n < count && n < DIRECTORY_GROUPS_A_PACKET && out->len < GROUPS_ROOM; n++) {
		put_text(out, groups[n].name);
		put_text(out, groups[n].dn ? groups[n].dn : ""); /* unknown */
	}
	if (!out->failed)
		out->ptr[at] = (uint8_t)n;
	return n;
}

size_t directory_groups_write(uint64_t id, const struct pool_group *groups, size_t count,
			      struct buf *out)
{
	put_start(out, DIRECTORY_GROUPS, id);
	return put_groups(groups, count, out);
}

static void put_trace(struct buf *out, const struct directory_trace *trace)
{
	size_t count = trace ? trace->count : 0;

	buf_put_u8(out, (uint8_t)count);
	for (size_t i = 0; i < count; i++) {
		const struct directory_step *step = &trace->steps[i];

		put_text(out, step->what);
		put_text(out, step->detail);
		buf_put_u64be(out, (uint64_t)step->us);
		buf_put_u8(out, step->failed);
	}
}

size_t directory_answer_write(uint64_t id, const struct directory_answer *a, int server,
			      int64_t took_us, struct buf *out)
{
	put_start(out, DIRECTORY_ANSWER, id);
	buf_put_u8(out, (uint8_t)a->verdict);
	put_text(out, a->person.id);
	put_text(out, a->person.user);
	put_text(out, a->person.display_name);
	buf_put_u64be(out, (uint64_t)a->person.uid_number);
	buf_put_u16be(out, (uint16_t)a->reason.code);
	put_text(out, a->reason.text);
	buf_put_u8(out, (uint8_t)(server + 1));
	buf_put_u64be(out, (uint64_t)a->search_us);
	buf_put_u64be(out, (uint64_t)a->bind_us);
	buf_put_u64be(out, (uint64_t)a->groups_us);
	buf_put_u8(out, a->groups_cut);
	buf_put_u64be(out, (uint64_t)took_us);
	put_trace(out, a->trace);
	buf_put_u16be(out, (uint16_t)a->person.group_count);
	return put_groups(a->person.groups, a->person.group_count, out);
}

void directory_states_write(const struct directory_message *states, struct buf *out)
{
	buf_put_u8(out, DIRECTORY_STATES);
	buf_put_u8(out, (uint8_t)states->server_count);
	for (size_t i = 0; i < states->server_count; i++) {
		buf_put_u8(out, states->servers[i].open);
		buf_put_u64be(out, (uint64_t)states->servers[i].probe_at_ms);
	}
}

size_t directory_trust_write(uint64_t id, struct span trust, size_t offset, struct buf *out)
{
	size_t left = trust.len - offset, n = left < TRUST_ROOM ? left : TRUST_ROOM;

	put_start(out, DIRECTORY_TRUST, id);
	buf_put_u32be(out, (uint32_t)trust.len);
	buf_put_u32be(out, (uint32_t)offset);
	buf_put_u16be(out, (uint16_t)n);
	buf_put(out, trust.ptr + offset, n);
	return n;
}
