/* SPDX-License-Identifier: Apache-2.0 */
/* broker_api.h - the broker's answers as structs. Pure: JSON in, values out.
 * Members that are not known are ignored; every length is bounded. */
#ifndef GENKAN_THINCLIENT_BROKER_API_H
#define GENKAN_THINCLIENT_BROKER_API_H

#include "common/base/secret.h"
#include "common/data/json.h"

#define BROKER_MAX_DESKTOPS 32
#define LOCATOR_LEN 16

enum desktop_state { DESKTOP_NONE, DESKTOP_PREPARING, DESKTOP_READY, DESKTOP_ERROR };

struct desktop_entry {
	char id[64];
	char pool[40];
	char title[128];
	enum desktop_state state;
};

/* Single use: admits to one desktop through one relay, for some seconds. */
struct ticket {
	char host[256];
	uint16_t port;
	uint8_t locator[LOCATOR_LEN];
	struct secret secret;			/* the text, base64url */
	char certificate_sha256[65];		/* of the relay, lowercase hex */
	bool sound, text_to_desktop, text_from_desktop;
};

/* What the user is told while they work. */
struct notice {
	int64_t seq;
	char kind[16];			/* "message", "refused" */
	char what[32];			/* refused: the kind of device */
	char text[1001];
};
#define BROKER_MAX_NOTICES 32

struct connect_answer {
	bool ready;
	bool may_restart, may_reset;	/* what the pool lets its users do */
	int64_t exception_until_ms;	/* wall clock; removable storage is allowed until then, 0: not */
	char desktop_id[64], desktop_name[64], title[128];
	/* ready */
	struct ticket ticket;
	char notice[48];		/* code of what the user has to know of this desktop; "" */
	/* not yet */
	char stage[32];
	int percent;
	int64_t position;		/* in line, 1 is next; 0: a desktop is being started */
	int64_t estimate_ms;		/* -1: nobody knows */
	int64_t retry_after_ms;
};

/* A right password is not enough. */
#define QR_ROWS_SIZE (178 * 177 + 1)	/* the largest there is: 177 rows of 177 modules */
#define RECOVERY_CODES_MAX 16
struct factor_ask {
	bool enrolling;			/* an app has to be set up first */
	char challenge[64];
	char key[64];			/* for typing it by hand */
	char qr_rows[QR_ROWS_SIZE];	/* lines of 0 and 1 (dark) */
};

struct sign_in_answer {
	struct secret token;
	char display_name[256];
	struct desktop_entry desktops[BROKER_MAX_DESKTOPS];
	size_t desktop_count;
	bool has_connect;	/* one desktop and nothing to choose: its answer came along */
	struct connect_answer connect;
	char recovery[RECOVERY_CODES_MAX][32];	/* just made: shown this once */
	size_t recovery_count;
};

/* Why something did not work; `code` is a stable word, see docs/reason-codes.md. */
struct problem {
	char code[48];
	char detail[256];
	int64_t retry_after_ms;		/* -1: not said */
};

int broker_read_sign_in(const json_t *body, struct sign_in_answer *out,
			struct error *err) MUST_CHECK;
/* Of a problem second_factor_required or second_factor_enrolment. */
int broker_read_factor(const json_t *body, struct factor_ask *out, struct error *err) MUST_CHECK;
int broker_read_connect(const json_t *body, struct connect_answer *out,
			struct error *err) MUST_CHECK;
/* Returns how many, oldest first; `seq` is what to ask for next. */
int broker_read_notices(const json_t *body, struct notice out[BROKER_MAX_NOTICES], int64_t *seq,
			struct error *err) MUST_CHECK;
/* Always fills `out`: an answer without a usable code becomes "bad_answer". */
void broker_read_problem(int status, const json_t *body, struct problem *out);

void problem_set(struct problem *out, const char *code, const char *detail);
void sign_in_answer_wipe(struct sign_in_answer *answer);
void connect_answer_wipe(struct connect_answer *answer);
DEFINE_OWNED_VALUE(sign_in_answer_wipe, struct sign_in_answer);
DEFINE_OWNED_VALUE(connect_answer_wipe, struct connect_answer);

#endif
