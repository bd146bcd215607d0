/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/gcc.h"

#include "hostagent/rdp/ber.h"

#define BLOCK_HEADER_LEN 4
#define MONITORS_MAX 16
#define MONITOR_LEN 20

enum block {
	CS_CORE = 0xc001,
	CS_SECURITY = 0xc002,
	CS_NET = 0xc003,
	CS_CLUSTER = 0xc004,
	CS_MONITOR = 0xc005,
	CS_MESSAGE_CHANNEL = 0xc006,
	CS_MONITOR_EX = 0xc008,
	CS_MULTITRANSPORT = 0xc00a,
	SC_CORE = 0x0c01,
	SC_SECURITY = 0x0c02,
	SC_NET = 0x0c03,
	SC_MESSAGE_CHANNEL = 0x0c04,
	SC_MULTITRANSPORT = 0x0c08,
};

/* PER, the constant parts: object identifier 0.0.20.124.0.1 as the key, ... */
static const uint8_t connect_data[] = { 0x00, 0x05, 0x00, 0x14, 0x7c, 0x00, 0x01 };
/* ... a create request named "1" with one set of user data under the key "Duca", ... */
static const uint8_t create_request[] = { 0x00, 0x08, 0x00, 0x10, 0x00, 0x01, 0xc0,
					  0x00, 'D',  'u',  'c',  'a' };
/* ... and a response (node id at 1, tag 1, success) with one set under "McDn". */
static const uint8_t create_response[] = { 0x14, 0x76, 0x0a, 0x01, 0x01, 0x00,
					   0x01, 0xc0, 0x00, 'M',  'c',  'D', 'n' };
#define RESPONSE_NODE_AT 1
/* The length of the connect PDU: one byte with this value whatever it is, which clients MUST ignore
 * (2.2.1.4) and rdesktop takes for granted. */
#define RESPONSE_LENGTH 0x2a

static bool constant_read(struct reader *r, const uint8_t *bytes, size_t len)
{
	struct span found = read_bytes(r, len);

	return !r->bad && memcmp(found.ptr, bytes, len) == 0;
}

/* Walks the blocks; `take` gets the content of each. */
typedef int block_taker(void *into, uint16_t type, struct reader *content, const char **why);

static int blocks_read(struct reader *r, block_taker *take, void *into, const char **why)
{
	while (r->rest.len) {
		uint16_t type = read_u16le(r);
		uint16_t length = read_u16le(r);

		if (r->bad || length < BLOCK_HEADER_LEN)
			return pdu_bad(why, "GCC block length");

		struct reader content = reader_of(read_bytes(r, length - (size_t)BLOCK_HEADER_LEN));

		if (r->bad)
			return pdu_bad(why, "GCC block length");
		if (take(into, type, &content, why) < 0)
			return -EBADMSG;
		if (content.bad)
			return pdu_bad(why, "GCC block too short");
		if (content.rest.len)
			return pdu_bad(why, "GCC block has trailing bytes");
	}
	return 0;
}

static size_t block_begin(struct buf *out, enum block type)
{
	buf_put_u16le(out, type);
	buf_put_u16le(out, 0);
	return out->len;
}

static void block_end(struct buf *out, size_t content_at)
{
	if (!out->failed)
		buf_set_u16le(out, content_at - 2,
			      (uint16_t)(out->len - content_at + BLOCK_HEADER_LEN));
}

static void bytes_copy(struct reader *r, uint8_t *out, size_t len)
{
	struct span bytes = read_bytes(r, len);

	if (bytes.len)
		memcpy(out, bytes.ptr, bytes.len);
}

static int core_read(struct reader *r, struct gcc_client_core *core, const char **why)
{
	core->version = read_u32le(r);
	core->width = read_u16le(r);
	core->height = read_u16le(r);
	core->color_depth = read_u16le(r);
	core->sas_sequence = read_u16le(r);
	core->keyboard_layout = read_u32le(r);
	core->client_build = read_u32le(r);
	bytes_copy(r, core->client_name, sizeof(core->client_name));
	core->keyboard_type = read_u32le(r);
	core->keyboard_subtype = read_u32le(r);
	core->function_keys = read_u32le(r);
	bytes_copy(r, core->ime_file, sizeof(core->ime_file));
	core->post_beta2_color_depth = read_u16le(r);
	core->product_id = read_u16le(r);
	core->serial = read_u32le(r);
	core->high_color_depth = read_u16le(r);
	core->supported_color_depths = read_u16le(r);
	core->early_flags = read_u16le(r);
	bytes_copy(r, core->dig_product_id, sizeof(core->dig_product_id));
	core->connection_type = read_u8(r);
	read_skip(r, 1);
	core->selected_protocol = read_u32le(r);
	if (r->bad)
		return pdu_bad(why, "CS_CORE too short");
	if (core->client_name[30] || core->client_name[31])
		return pdu_bad(why, "client name without NUL");
	if (r->rest.len == 0)
		return 0;
	core->physical_members = 2;
	core->physical_width = read_u32le(r);
	core->physical_height = read_u32le(r);
	if (r->rest.len == 0)
		return 0;
	core->physical_members = 3;
	core->orientation = read_u16le(r);
	if (r->rest.len == 0)
		return 0;
	core->physical_members = 5;
	core->desktop_scale = read_u32le(r);
	core->device_scale = read_u32le(r);
	return 0;
}

static void core_put(struct buf *out, const struct gcc_client_core *core)
{
	size_t at = block_begin(out, CS_CORE);

	buf_put_u32le(out, core->version);
	buf_put_u16le(out, core->width);
	buf_put_u16le(out, core->height);
	buf_put_u16le(out, core->color_depth);
	buf_put_u16le(out, core->sas_sequence);
	buf_put_u32le(out, core->keyboard_layout);
	buf_put_u32le(out, core->client_build);
	buf_put(out, core->client_name, sizeof(core->client_name));
	buf_put_u32le(out, core->keyboard_type);
	buf_put_u32le(out, core->keyboard_subtype);
	buf_put_u32le(out, core->function_keys);
	buf_put(out, core->ime_file, sizeof(core->ime_file));
	buf_put_u16le(out, core->post_beta2_color_depth);
	buf_put_u16le(out, core->product_id);
	buf_put_u32le(out, core->serial);
	buf_put_u16le(out, core->high_color_depth);
	buf_put_u16le(out, core->supported_color_depths);
	buf_put_u16le(out, core->early_flags);
	buf_put(out, core->dig_product_id, sizeof(core->dig_product_id));
	buf_put_u8(out, core->connection_type);
	buf_put_u8(out, 0);
	buf_put_u32le(out, core->selected_protocol);
	if (core->physical_members >= 2) {
		buf_put_u32le(out, core->physical_width);
		buf_put_u32le(out, core->physical_height);
	}
	if (core->physical_members >= 3)
		buf_put_u16le(out, core->orientation);
	if (core->physical_members >= 5) {
		buf_put_u32le(out, core->desktop_scale);
		buf_put_u32le(out, core->device_scale);
	}
	block_end(out, at);
}

static int channel_read(struct reader *r, struct gcc_channel *channel, const char **why)
{
	struct span name = read_bytes(r, GCC_NAME_LEN);

	channel->options = read_u32le(r);
	if (r->bad)
		return pdu_bad(why, "CS_NET too short");

	const uint8_t *nul = memchr(name.ptr, 0, name.len);

	if (!nul)
		return pdu_bad(why, "channel name without NUL");
	if (nul == name.ptr)
		return pdu_bad(why, "empty channel name");
	memset(channel->name, 0, sizeof(channel->name));
	for (size_t i = 0; name.ptr + i < nul; i++) {
		if (name.ptr[i] < 0x20 || name.ptr[i] > 0x7e)
			return pdu_bad(why, "unprintable channel name");
		channel->name[i] = (char)name.ptr[i];
	}
	return 0;
}

static int net_read(struct reader *r, struct gcc_client *client, const char **why)
{
	client->channel_count = read_u32le(r);
	if (client->channel_count > GCC_CHANNELS_MAX)
		return pdu_bad(why, "more than 31 channels");
	for (uint32_t i = 0; i < client->channel_count; i++) {
		struct gcc_channel *channel = &client->channels[i];

		if (channel_read(r, channel, why) < 0)
			return -EBADMSG;
		for (uint32_t before = 0; before < i; before++)
			if (span_equal_fold(span_text(client->channels[before].name),
					    span_text(channel->name)))
				return pdu_bad(why, "channel name twice");
	}
	return 0;
}

static void net_put(struct buf *out, const struct gcc_client *client)
{
	size_t at = block_begin(out, CS_NET);

	buf_put_u32le(out, client->channel_count);
	for (uint32_t i = 0; i < client->channel_count; i++) {
		buf_put(out, client->channels[i].name, GCC_NAME_LEN);
		buf_put_u32le(out, client->channels[i].options);
	}
	block_end(out, at);
}

static int monitors_read(struct reader *r, bool sized, struct span *out, const char **why)
{
	uint32_t flags = read_u32le(r);
	uint32_t size = sized ? read_u32le(r) : MONITOR_LEN;
	uint32_t count = read_u32le(r);

	if (flags != 0 || size != MONITOR_LEN || count > MONITORS_MAX)
		return pdu_bad(why, "monitor count, size or flags");
	*out = read_bytes(r, (size_t)count * MONITOR_LEN);
	return 0;
}

static void monitors_put(struct buf *out, enum block type, struct span monitors)
{
	size_t at = block_begin(out, type);

	buf_put_u32le(out, 0);
	if (type == CS_MONITOR_EX)
		buf_put_u32le(out, MONITOR_LEN);
	buf_put_u32le(out, (uint32_t)(monitors.len / MONITOR_LEN));
	buf_put_span(out, monitors);
	block_end(out, at);
}

static bool first_time(bool *seen)
{
	bool first = !*seen;

	*seen = true;
	return first;
}

struct client_blocks {
	struct gcc_client *client;
	bool has_core;
};

static int client_block(void *into, uint16_t type, struct reader *r, const char **why)
{
	struct client_blocks *blocks = into;
	struct gcc_client *client = blocks->client;
	bool first = true;
	int rc = 0;

	switch (type) {
	case CS_CORE:
		first = first_time(&blocks->has_core);
		rc = core_read(r, &client->core, why);
		break;
	case CS_SECURITY:	/* whatever methods it offers: none is what the guest will hear */
		first = first_time(&client->has_security);
		read_skip(r, 8);
		break;
	case CS_NET:
		first = first_time(&client->has_net);
		rc = net_read(r, client, why);
		break;
	case CS_CLUSTER:	/* flags and the session it would like: not its choice */
		first = first_time(&client->has_cluster);
		read_skip(r, 8);
		break;
	case CS_MONITOR:
		first = first_time(&client->has_monitors);
		rc = monitors_read(r, false, &client->monitors, why);
		break;
	case CS_MONITOR_EX:
		first = first_time(&client->has_monitor_attributes);
		rc = monitors_read(r, true, &client->monitor_attributes, why);
		break;
	case CS_MESSAGE_CHANNEL:
		first = first_time(&client->has_message_channel);
		read_skip(r, 4);
		break;
	case CS_MULTITRANSPORT:
		first = first_time(&client->has_multitransport);
		read_skip(r, 4);
		break;
	default:
		(void)read_rest(r);
	}
	return first ? rc : pdu_bad(why, "GCC block twice");
}

int gcc_client_parse(struct span in, struct gcc_client *out, const char **why)
{
	struct reader r = reader_of(in);
	struct client_blocks blocks = { .client = out };

	*out = (struct gcc_client){ 0 };
	if (!constant_read(&r, connect_data, sizeof(connect_data)))
		return pdu_bad(why, "not a GCC connect PDU");
	if (per_read_length(&r) != r.rest.len || r.bad)
		return pdu_bad(why, "GCC connect PDU length");
	if (!constant_read(&r, create_request, sizeof(create_request)))
		return pdu_bad(why, "not a GCC conference create request");
	if (per_read_length(&r) != r.rest.len || r.bad)
		return pdu_bad(why, "GCC user data length");
	if (blocks_read(&r, client_block, &blocks, why) < 0)
		return -EBADMSG;
	if (!blocks.has_core)
		return pdu_bad(why, "no CS_CORE");
	return 0;
}

/* Eight bytes of nothing: no encryption methods, no cluster session. */
static void empty_put(struct buf *out, enum block type)
{
	size_t at = block_begin(out, type);

	buf_put_zeros(out, 8);
	block_end(out, at);
}

static void client_blocks_put(const struct gcc_client *client, struct buf *out)
{
	core_put(out, &client->core);
	if (client->has_cluster)
		empty_put(out, CS_CLUSTER);
	if (client->has_security)
		empty_put(out, CS_SECURITY);
	if (client->has_net)
		net_put(out, client);
	if (client->has_monitors)
		monitors_put(out, CS_MONITOR, client->monitors);
	if (client->has_monitor_attributes)
		monitors_put(out, CS_MONITOR_EX, client->monitor_attributes);
	if (client->has_message_channel) {
		size_t at = block_begin(out, CS_MESSAGE_CHANNEL);

		buf_put_u32le(out, 0);
		block_end(out, at);
	}
}

/* A length comes first in PER and is known only afterwards: what it counts is written behind room
 * for its long form, which every peer accepts. */
static size_t length_begin(struct buf *out)
{
	buf_put_u16be(out, 0);
	return out->len - 2;
}

static void length_end(struct buf *out, size_t begun_at)
{
	size_t length = out->failed ? 0 : out->len - begun_at - 2;

	if (length > 0x7fff)
		out->failed = true;
	else
		buf_set_u16be(out, begun_at, (uint16_t)(0x8000 | length));
}

void gcc_client_encode(const struct gcc_client *client, struct buf *out)
{
	buf_put(out, connect_data, sizeof(connect_data));

	size_t connect_at = length_begin(out);
	buf_put(out, create_request, sizeof(create_request));

	size_t data_at = length_begin(out);
	client_blocks_put(client, out);
	length_end(out, data_at);
	length_end(out, connect_at);
}

static int server_net_read(struct reader *r, struct gcc_server *server, const char **why)
{
	server->io_channel = read_u16le(r);
	server->channel_count = read_u16le(r);
	if (server->channel_count > GCC_CHANNELS_MAX)
		return pdu_bad(why, "more than 31 channels");
	for (uint32_t i = 0; i < server->channel_count; i++)
		server->channels[i] = read_u16le(r);
	if (server->channel_count % 2)
		read_skip(r, 2);
	return 0;
}

struct server_blocks {
	struct gcc_server *server;
	bool has_core, has_security, has_net;
};

static int server_block(void *into, uint16_t type, struct reader *r, const char **why)
{
	struct server_blocks *blocks = into;
	struct gcc_server *server = blocks->server;
	bool first = true;
	int rc = 0;

	switch (type) {
	case SC_CORE:
		first = first_time(&blocks->has_core);
		server->version = read_u32le(r);
		server->has_requested = r->rest.len > 0;
		if (server->has_requested)
			server->requested_protocols = read_u32le(r);
		server->has_early = r->rest.len > 0;
		if (server->has_early)
			server->early_flags = read_u32le(r);
		break;
	case SC_SECURITY:	/* random and certificate follow only when there is a method */
		first = first_time(&blocks->has_security);
		server->encryption_method = read_u32le(r);
		server->encryption_level = read_u32le(r);
		(void)read_rest(r);
		break;
	case SC_NET:
		first = first_time(&blocks->has_net);
		rc = server_net_read(r, server, why);
		break;
	case SC_MESSAGE_CHANNEL:
		first = first_time(&server->has_message_channel);
		server->message_channel = read_u16le(r);
		break;
	case SC_MULTITRANSPORT:
		first = first_time(&server->has_multitransport);
		read_skip(r, 4);
		break;
	default:
		(void)read_rest(r);
	}
	return first ? rc : pdu_bad(why, "GCC block twice");
}

/* Like create_response, whatever the node id. */
static bool response_header_read(struct reader *r)
{
	if (!constant_read(r, create_response, RESPONSE_NODE_AT))
		return false;
	read_skip(r, 2);

	size_t after_node = RESPONSE_NODE_AT + 2;

	return constant_read(r, create_response + after_node, sizeof(create_response) - after_node);
}

int gcc_server_parse(struct span in, struct gcc_server *out, const char **why)
{
	struct reader r = reader_of(in);
	struct server_blocks blocks = { .server = out };

	*out = (struct gcc_server){ 0 };
	if (!constant_read(&r, connect_data, sizeof(connect_data)))
		return pdu_bad(why, "not a GCC connect PDU");
	(void)per_read_length(&r);	/* RESPONSE_LENGTH */
	if (!response_header_read(&r))
		return pdu_bad(why, "not a GCC conference create response");
	if (per_read_length(&r) != r.rest.len || r.bad)
		return pdu_bad(why, "GCC user data length");
	if (blocks_read(&r, server_block, &blocks, why) < 0)
		return -EBADMSG;
	if (!blocks.has_core || !blocks.has_security || !blocks.has_net)
		return pdu_bad(why, "SC_CORE, SC_SECURITY or SC_NET missing");
	return 0;
}

static void server_blocks_put(const struct gcc_server *server, struct buf *out)
{
	size_t at = block_begin(out, SC_CORE);

	buf_put_u32le(out, server->version);
	if (server->has_requested)
		buf_put_u32le(out, server->requested_protocols);
	if (server->has_early)
		buf_put_u32le(out, server->early_flags);
	block_end(out, at);

	at = block_begin(out, SC_NET);
	buf_put_u16le(out, server->io_channel);
	buf_put_u16le(out, (uint16_t)server->channel_count);
	for (uint32_t i = 0; i < server->channel_count; i++)
		buf_put_u16le(out, server->channels[i]);
	if (server->channel_count % 2)
		buf_put_u16le(out, 0);
	block_end(out, at);

	empty_put(out, SC_SECURITY);
	if (server->has_message_channel) {
		at = block_begin(out, SC_MESSAGE_CHANNEL);
		buf_put_u16le(out, server->message_channel);
		block_end(out, at);
	}
}

void gcc_server_encode(const struct gcc_server *server, struct buf *out)
{
	buf_put(out, connect_data, sizeof(connect_data));
	buf_put_u8(out, RESPONSE_LENGTH);
	buf_put(out, create_response, sizeof(create_response));

	size_t data_at = length_begin(out);
	server_blocks_put(server, out);
	length_end(out, data_at);
}
