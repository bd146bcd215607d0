/* SPDX-License-Identifier: Apache-2.0 */
/* What a network front that was taken over may send to the core, and what the core sends back. What
 * is understood and written again is understood the same way. */
#include "broker/front/front_message.h"
#include "tests/fuzz/fuzz.h"

static bool inside(struct span packet, const void *at)
{
	const uint8_t *ptr = at;

	return ptr >= packet.ptr && ptr < packet.ptr + packet.len;
}

static void write_again(const struct front_message *m, struct buf *out)
{
	struct http_exchange x = m->request;
	struct http_answer answer = m->answer;

	switch (m->kind) {
	case FRONT_CERTIFICATE:
		front_certificate_write(&m->pem, out);
		return;
	case FRONT_ANSWER:
		answer.body = m->bytes;
		front_answer_write(m->id, &answer, out);
		return;
	case FRONT_REQUEST:
		x.body = (uint8_t *)(uintptr_t)m->bytes.ptr;
		x.body_len = m->bytes.len;
		front_request_write(m->id, &x, out);
		return;
	case FRONT_PIECE:
	case FRONT_BODY:
		front_bytes_write(m->kind, m->id, m->bytes, out);
		return;
	case FRONT_READY:
		front_ready_write(m->problem, out);
		return;
	case FRONT_DRAINED:
		front_drained_write(m->id, m->drained_bytes, out);
		return;
	case FRONT_END:
	case FRONT_GONE:
		front_end_write(m->kind, m->id, out);
		return;
	}
	abort();
}

static void check(struct span packet, struct front_message *m)
{
	MUST(m->id >> 48 == 0);
	MUST(m->bytes.len <= packet.len);
	MUST(m->body_len <= FRONT_BODY_MAX);
	if (m->kind == FRONT_REQUEST) {
		MUST(inside(packet, m->request.path) && inside(packet, m->request.method));
		MUST(m->bytes.len <= m->body_len);
		MUST(m->request.query_count <= HTTP_QUERY_MAX);
		(void)http_bearer(&m->request);
		(void)http_query(&m->request, "wait_ms");
	}
	if (m->kind == FRONT_ANSWER)
		for (size_t i = 0; i < m->answer.header_count; i++)
			MUST(!strpbrk(m->answer.headers[i].value, "\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_done) struct buf again = BUF_LIMIT(PACKET_MAX);
	struct front_message m, second;

	if (size > PACKET_MAX || front_message_parse(span_of(data, size), &m) < 0)
		return 0;
	check(span_of(data, size), &m);
	write_again(&m, &again);
	MUST(!again.failed);
	MUST(front_message_parse(buf_span(&again), &second) == 0);
	MUST(second.kind == m.kind && second.id == m.id && second.bytes.len == m.bytes.len);
	return 0;
}
