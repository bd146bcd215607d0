/* SPDX-License-Identifier: Apache-2.0 */
/* directory_message.h - what the core and the directory worker tell each other: one packet each
 * (see common/net/packet_link.h), pure encoding and decoding. Neither end believes a length.
 *
 *	core   -> worker  TRUST   a part of the certificates by which a server is known
 *	                  HELLO   the service account's password, once: questions may follow
 *	                  ASK     a question
 *	worker -> core    ANSWER  and the first of the groups; nearly always all of them
 *	                  GROUPS  more groups of that answer
 *	                  STATES  which servers are left alone, when that has changed */
#ifndef GENKAN_DIRECTORY_DIRECTORY_MESSAGE_H
#define GENKAN_DIRECTORY_DIRECTORY_MESSAGE_H

#include "broker/directory/directory_query.h"
#include "common/net/packet_link.h"

enum directory_message_kind {
	DIRECTORY_HELLO = 1,
	DIRECTORY_ASK,
	DIRECTORY_GROUPS,
	DIRECTORY_ANSWER,
	DIRECTORY_STATES,
	DIRECTORY_TRUST,
};

enum {
	DIRECTORY_GROUPS_A_PACKET = 64,
	DIRECTORY_TEXT_MAX = 4096, /* of a name that travels */
	DIRECTORY_TRUST_MAX = 4 * 1024 * 1024,
};

struct directory_message {
	enum directory_message_kind kind;
	uint64_t id;
	/* HELLO, ASK */
	struct span password, fresh;
	enum directory_asked what;
	bool wants_trace;
	int64_t deadline_ms;
	const char *text;
	/* ANSWER, GROUPS; texts point into the packet */
	struct pool_group groups[DIRECTORY_GROUPS_A_PACKET];
	size_t group_count;
	/* ANSWER; without groups and trace */
	struct directory_answer answer;
	size_t groups_in_all;
	int server;      /* index; -1: nobody answered */
	int64_t took_us; /* 0: no worker had it */
	/* STATES */
	struct {
		bool open;
		int64_t probe_at_ms;
	} servers[DIRECTORY_MAX_SERVERS];
	size_t server_count;
	/* TRUST: `id` tells one set of certificates from the next */
	size_t offset, total;
	struct span bytes;
};

/* -EBADMSG: not a message. `trace` is filled by an ANSWER; NULL: nobody wants it. */
int directory_message_parse(struct span packet, struct directory_message *out,
			    struct directory_trace *trace) MUST_CHECK;

void directory_hello_write(const struct secret *password, struct buf *out);
void directory_ask_write(uint64_t id, const struct directory_question *question, struct buf *out);
/* With as many of its groups as fit; returns how many. No name is longer than DIRECTORY_TEXT_MAX.
 */
size_t directory_answer_write(uint64_t id, const struct directory_answer *answer, int server,
			      int64_t took_us, struct buf *out);
/* As many as fit; returns how many. */
size_t directory_groups_write(uint64_t id, const struct pool_group *groups, size_t count,
			      struct buf *out);
/* As much of `trust` from `offset` on as fits; returns how much. */
size_t directory_trust_write(uint64_t id, struct span trust, size_t offset, struct buf *out);
void directory_states_write(const struct directory_message *states, struct buf *out);

#endif
