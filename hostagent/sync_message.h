/* SPDX-License-Identifier: Apache-2.0 */
/* sync_message.h - the answer of POST /agent/v1/sync as values. Pure.
 * An answer with one bad element is refused as a whole: what is not listed is destroyed, so that
 * nothing may be left out because it could not be read. */
#ifndef GENKAN_HOSTAGENT_SYNC_MESSAGE_H
#define GENKAN_HOSTAGENT_SYNC_MESSAGE_H

#include "common/data/json.h"
#include "hostagent/qmp/guest_message.h"
#include "hostagent/vm/reconcile.h"

enum {
	SYNC_DESKTOPS_MAX = 1024,
	SYNC_IMAGES_MAX = 256,
	SYNC_NEEDLESS_MAX = 256,
	SYNC_ORDERS_MAX = 4096,
	SYNC_TEXT_SIZE = 1001
};

/* A text to show to the user of a desktop. */
struct sync_notice {
	int64_t seq;
	char text[SYNC_TEXT_SIZE];
};
/* What is to be done inside of a desktop: a notice, or the end of a stay. */
struct sync_order {
	char desktop[VM_ID_SIZE];
	int64_t log_off_stay;		/* 0: a notice */
	struct sync_notice notice;
};

struct wanted_image {
	char sha256[VM_SHA256_SIZE];
	bool fetch;		/* the broker has the file */
};

struct sync_answer {
	int64_t generation;
	struct wanted_image *images;
	size_t image_count;
	char (*needless)[VM_SHA256_SIZE]; /* images that no pool, desktop or rollback needs */
	size_t needless_count;
	struct vm_desired *desktops;
	size_t desktop_count;
	struct sync_order *orders;
	size_t order_count;
	uint8_t guest_key[GUEST_KEY_LEN];
	bool rebuilding;	/* it asks for all we have, and knows not all of it */
};

int sync_answer_parse(const json_t *body, struct sync_answer *out, struct error *err) MUST_CHECK;
void sync_answer_done(struct sync_answer *answer);
DEFINE_OWNED_VALUE(sync_answer_done, struct sync_answer);

#endif
