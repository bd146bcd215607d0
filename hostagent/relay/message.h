/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - what a session process and the parent say to each other.
 *
 * One SOCK_SEQPACKET pair per session, one struct per packet. Both ends come from one build, so a
 * struct is the format; the parent still treats the session process as hostile: a packet of another
 * size, an unknown kind, text without its NUL or a kind that is out of turn ends the session. */
#ifndef GENKAN_RELAY_MESSAGE_H
#define GENKAN_RELAY_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/error.h"
#include "hostagent/rdp/session.h"

enum message_kind {
	/* session -> parent */
	MESSAGE_REDEEM = 1,	/* redeem: exchange this ticket, once per session */
	MESSAGE_DIAL,		/* connect me to the guest of the redeemed ticket, once */
	MESSAGE_EVENT,		/* event: one audit event */
	MESSAGE_USAGE,		/* usage: now and then while the session is used */
	/* parent -> session */
	MESSAGE_REDEEMED,	/* grant */
	MESSAGE_REFUSED,	/* the ticket is not valid, or the broker did not answer */
	MESSAGE_GUEST,		/* carries the connected socket */
	MESSAGE_GUEST_FAILED,	/* nothing answers there */
	MESSAGE_END,		/* end: say goodbye to both sides and exit */
};

#define MESSAGE_NAME 64
#define MESSAGE_DETAIL 128
#define MESSAGE_CREDENTIAL 256
#define MESSAGE_PIN_LEN 32

struct message_event {
	char kind[16], what[24];	/* the words of the agent link */
	char rule[24];	/* denied: the word of the policy that decided, "" when nothing allows it */
	char name[MESSAGE_NAME];
	char detail[MESSAGE_DETAIL];
	uint32_t count;
};

struct message_grant {
	uint8_t guest_pin[MESSAGE_PIN_LEN];	/* SHA-256 of the guest certificate's DER */
	char user[MESSAGE_CREDENTIAL];		/* what the guest is to see in Client Info */
	char password[MESSAGE_CREDENTIAL];
	struct rdp_policy policy;
	int64_t exception_ms;	/* what the policy has of an exception ends then; 0: nothing */
};

struct message_usage {
	int64_t last_input_ms;	/* monotonic clock */
	uint64_t bytes[RDP_SIDES];	/* by sender */
	uint32_t rtt_us;	/* to the client; 0: not known */
};

struct message {
	uint32_t kind;
	union {
		struct rdp_ticket redeem;
		struct message_event event;
		struct message_grant grant;
		struct message_usage usage;
		uint32_t end;	/* enum rdp_end */
	};
};

/* Sends without blocking. `fd` >= 0 rides along (MESSAGE_GUEST). -EAGAIN when the peer is slow,
 * another negative errno when it is gone. */
int message_send(int socket, const struct message *m, int fd);

/* 1 with `out` filled, 0 when the peer closed, -EAGAIN when nothing is there, -EBADMSG when the
 * packet is not one of ours. `*fd` is the descriptor that came along, -1 without one; the caller
 * owns it. */
int message_receive(int socket, struct message *out, int *fd) MUST_CHECK;

/* True when every text of the message ends inside its field. */
bool message_is_sound(const struct message *m);

#endif
