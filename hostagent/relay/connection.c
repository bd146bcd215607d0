/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/connection.h"

#include <string.h>
#include "common/base/text.h"

enum connection_step connection_step(enum connection_state *state, uint32_t message_kind)
{
	if (message_kind == MESSAGE_EVENT)
		return STEP_TELL;
	if (message_kind == MESSAGE_USAGE && *state == CONNECTION_JOINED)
		return STEP_USAGE;
	if (message_kind == MESSAGE_REDEEM && *state == CONNECTION_NEW) {
		*state = CONNECTION_REDEEMING;
		return STEP_REDEEM;
	}
	if (message_kind == MESSAGE_DIAL && *state == CONNECTION_GRANTED) {
		*state = CONNECTION_DIALLING;
		return STEP_DIAL;
	}
	return STEP_VIOLATION;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

static void copy_printable(char *out, size_t size, const char *text)
{
	size_t i = 0;

	for (; text[i] && i + 1 < size; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = 0;
}

bool connection_event(const struct message_event *in, struct event *out)
{
	static const char *const kinds[] = { "session_active", "session_ended", "denied",
					     "refused" };
	static const char *const whats[] = { "", "static_channel", "device", "dynamic_channel",
		"clipboard", "pdu", "tls", "ticket" };

	if (!is_one_of(in->kind, kinds, ARRAY_LEN(kinds)) ||
	    !is_one_of(in->what, whats, ARRAY_LEN(whats)))
		return false;
	*out = (struct event){ .count = in->count };
	copy_printable(out->kind, sizeof(out->kind), in->kind);
	copy_printable(out->what, sizeof(out->what), in->what);
	copy_printable(out->rule, sizeof(out->rule), in->rule);
	copy_printable(out->name, sizeof(out->name), in->name);
	copy_printable(out->detail, sizeof(out->detail), in->detail);
	return true;
}
