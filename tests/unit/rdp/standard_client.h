/* SPDX-License-Identifier: Apache-2.0 */
/* standard_client.h - what a client that is not ours says, made from what libfreerdp said in a
 * recording, and what a guest answers it. */
#ifndef GENKAN_TESTS_UNIT_RDP_STANDARD_CLIENT_H
#define GENKAN_TESTS_UNIT_RDP_STANDARD_CLIENT_H

#include "hostagent/rdp/gcc.h"
#include "hostagent/rdp/info.h"
#include "hostagent/rdp/mcs.h"
#include "hostagent/rdp/x224.h"
#include "common/base/text.h"
#include "tests/unit/rdp/rdp_test.h"

#define STANDARD_USER 1002	/* as the relay numbers it */
#define STANDARD_IO 1003

struct standard_client {
	const char *token;	/* NULL: "Cookie: msts=" and the locator */
	const char *user, *password;	/* NULL: with the secret in the user name */
	uint32_t protocols;
};

/* Locator 0, 1, 2 ...; secret 0xff, 0xfe ... */
static inline void standard_locator(char out[64], const char *prefix)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(64);
	uint8_t locator[RDP_LOCATOR_LEN];

	for (size_t i = 0; i < sizeof(locator); i++)
		locator[i] = (uint8_t)i;
	base64url_encode(span_of(locator, sizeof(locator)), &text);
	snprintf(out, 64, "%s%s", prefix, buf_text(&text));
}

static inline void standard_secret(char out[96], const char *prefix)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(64);
	uint8_t secret[RDP_TICKET_SECRET_LEN];

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(0xff - i);
	base64url_encode(span_of(secret, sizeof(secret)), &text);
	snprintf(out, 96, "%s%s", prefix, buf_text(&text));
}

static inline void standard_request(const struct standard_client *c, struct buf *out)
{
	char token[64];
	size_t at = tpkt_begin(out);

	standard_locator(token, "Cookie: msts=");
	const char *line = c->token ? c->token : token;
	buf_put_u8(out, (uint8_t)(6 + strlen(line) + 2 + 8));
	buf_put_u8(out, 0xe0);
	buf_put_zeros(out, 5);
	buf_put_text(out, line);
	buf_put_text(out, "\r\n");
	buf_put(out, "\x01\x00\x08\x00", 4);
	buf_put_u32le(out, c->protocols ? c->protocols : X224_PROTOCOL_SSL | X224_PROTOCOL_HYBRID);
	tpkt_end(out, at);
}

static inline void standard_initial(struct buf *out)
{
	OWNED(buf_done) struct buf data = BUF_LIMIT(4096);
	struct mcs_connect_initial connect;
	struct gcc_client client;
	const char *why;

	assert_int_equal(mcs_connect_initial_parse(recorded_body(REC_DENIED, REC_CONNECT_INITIAL),
						   &connect, &why), 0);
	assert_int_equal(gcc_client_parse(connect.user_data, &client, &why), 0);
	client.core.selected_protocol = X224_PROTOCOL_SSL;
	gcc_client_encode(&client, &data);
	connect.user_data = buf_span(&data);
	mcs_connect_initial_encode(&connect, out);
}

static inline void standard_attach(struct buf *out)
{
	mcs_encode(&(struct mcs_pdu){ .type = MCS_ERECT_DOMAIN }, out);
	mcs_encode(&(struct mcs_pdu){ .type = MCS_ATTACH_REQUEST }, out);
}

static inline void standard_join(uint16_t channel, struct buf *out)
{
	mcs_encode(&(struct mcs_pdu){ .type = MCS_JOIN_REQUEST, .initiator = STANDARD_USER,
				      .channel = channel }, out);
}

static inline void standard_info(const struct standard_client *c, struct buf *out)
{
	OWNED(buf_done) struct buf user = BUF_LIMIT(512);
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);
	struct client_info info;
	char text[96];
	const char *why;
	struct mcs_pdu recorded_info;

	assert_int_equal(mcs_parse(recorded_body(REC_DENIED, REC_INFO), &recorded_info, &why), 0);
	assert_int_equal(client_info_parse(recorded_info.data, &info, &why), 0);
	standard_secret(text, "hanako\x1f");
	assert_int_equal(utf8_to_utf16le(span_text(c->user ? c->user : text), &user), 0);
	assert_int_equal(utf8_to_utf16le(span_text(c->password ? c->password : ""), &password), 0);
	info.user = buf_span(&user);
	info.password = buf_span(&password);

	size_t at = mcs_send_begin(out, MCS_SEND_REQUEST, STANDARD_USER, STANDARD_IO);
	client_info_encode(&info, out);
	mcs_send_end(out, at);
}

#endif
