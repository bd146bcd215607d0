/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory worker that was taken over may send to the core, and what the core asks. */
#include "broker/directory/directory_message.h"
#include "tests/fuzz/fuzz.h"

static void must_be_text(const char *text, size_t size)
{
	MUST(memchr(text, '\0', size));
}

static void check_answer(const struct directory_message *m, const struct directory_trace *trace)
{
	must_be_text(m->answer.person.id, sizeof(m->answer.person.id));
	must_be_text(m->answer.person.user, sizeof(m->answer.person.user));
	must_be_text(m->answer.person.display_name, sizeof(m->answer.person.display_name));
	must_be_text(m->answer.reason.text, sizeof(m->answer.reason.text));
	MUST(m->answer.verdict <= DIRECTORY_BUSY);
	MUST(m->server >= -1 && m->server < DIRECTORY_MAX_SERVERS);
	MUST(trace->count <= DIRECTORY_STEPS_MAX);
	for (size_t i = 0; i < trace->count; i++)
		must_be_text(trace->steps[i].detail, sizeof(trace->steps[i].detail));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct directory_trace trace;
	struct directory_message m;

	if (size > PACKET_MAX || directory_message_parse(span_of(data, size), &m, &trace) < 0)
		return 0;
	MUST(m.password.len <= SECRET_MAX && m.fresh.len <= SECRET_MAX);
	MUST(m.group_count <= DIRECTORY_GROUPS_A_PACKET && m.server_count <= DIRECTORY_MAX_SERVERS);
	for (size_t i = 0; i < m.group_count; i++)
		MUST(strlen(m.groups[i].name) < size && strlen(m.groups[i].dn) < size);
	if (m.kind == DIRECTORY_ASK)
		MUST(m.what < DIRECTORY_ASK_PROBE && strlen(m.text) < size);
	if (m.kind == DIRECTORY_TRUST)
		MUST(m.total <= DIRECTORY_TRUST_MAX && m.offset + m.bytes.len <= m.total);
	MUST(m.kind != DIRECTORY_ANSWER || m.group_count <= m.groups_in_all);
	if (m.kind == DIRECTORY_ANSWER)
		check_answer(&m, &trace);
	return 0;
}
