/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/rdstls.h"

#include "common/base/secret.h"
#include "common/base/text.h"

#define VERSION_1 1
#define TYPE_CAPABILITIES 1
#define TYPE_REQUEST 2
#define TYPE_RESPONSE 4
#define DATA_CAPABILITIES 1
#define DATA_PASSWORD 1
#define DATA_RESULT 1
#define SECRET_TEXT_LEN 43

/* 0 and the field, 1 when more bytes are needed, -EBADMSG. */
static int field_read(struct reader *r, struct span *out, const char **why)
{
	uint16_t length = read_u16le(r);

	if (length > RDSTLS_FIELD_MAX)
		return pdu_bad(why, "RDSTLS field too long");
	*out = read_bytes(r, length);
	return r->bad ? 1 : 0;
}

static int header_check(struct reader *r, const char **why)
{
	static const struct {
		uint16_t value;
		const char *why;
	} wanted[] = {
		{ VERSION_1, "RDSTLS version" },
		{ TYPE_REQUEST, "not an RDSTLS authentication request" },
		{ DATA_PASSWORD, "RDSTLS credentials are not a password" },
	};

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		uint16_t value = read_u16le(r);

		if (r->bad)
			return 1;
		if (value != wanted[i].value)
			return pdu_bad(why, wanted[i].why);
	}
	return 0;
}

/* libfreerdp sends a redirection password as it was set; some set it with its NUL. */
static struct span without_nul(struct span text)
{
	size_t end = text.len - 2;

	if (text.len == 2 * (SECRET_TEXT_LEN + 1) && text.ptr[end] == 0 && text.ptr[end + 1] == 0)
		text.len = end;
	return text;
}

static int secret_decode(struct span password, uint8_t secret[RDSTLS_SECRET_LEN])
{
	struct span wide = without_nul(password);
	uint8_t text[SECRET_TEXT_LEN];

	if (wide.len != 2 * SECRET_TEXT_LEN)
		return -EBADMSG;
	for (size_t i = 0; i < SECRET_TEXT_LEN; i++) {
		if (wide.ptr[2 * i + 1] != 0)
			return -EBADMSG;
		text[i] = wide.ptr[2 * i];
	}

	ssize_t n = base64url_decode(span_of(text, sizeof(text)), secret, RDSTLS_SECRET_LEN);

	memory_wipe(text, sizeof(text));
	return n == RDSTLS_SECRET_LEN ? 0 : -EBADMSG;
}

ssize_t rdstls_request_parse(struct span in, struct rdstls_request *out, const char **why)
{
	struct reader r = reader_of(in);
	struct span fields[4] = { { 0 } };	/* guid, user, domain, password */
	int rc = header_check(&r, why);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(fields); i++)
		rc = field_read(&r, &fields[i], why);
	if (rc)
		return rc < 0 ? rc : 0;
	if (fields[0].len != RDSTLS_GUID_LEN)
		return pdu_bad(why, "RDSTLS locator length");

	uint8_t secret[RDSTLS_SECRET_LEN];

	if (secret_decode(fields[3], secret) < 0)
		return pdu_bad(why, "RDSTLS secret");
	memcpy(out->locator, fields[0].ptr, RDSTLS_GUID_LEN);
	memcpy(out->secret, secret, sizeof(secret));
	memory_wipe(secret, sizeof(secret));
	return (ssize_t)(in.len - r.rest.len);
}

void rdstls_capabilities_encode(struct buf *out)
{
	buf_put_u16le(out, VERSION_1);
	buf_put_u16le(out, TYPE_CAPABILITIES);
	buf_put_u16le(out, DATA_CAPABILITIES);
	buf_put_u16le(out, VERSION_1);	/* supportedVersions */
}

void rdstls_response_encode(enum rdstls_result result, struct buf *out)
{
	buf_put_u16le(out, VERSION_1);
	buf_put_u16le(out, TYPE_RESPONSE);
	buf_put_u16le(out, DATA_RESULT);
	buf_put_u32le(out, result);
}
