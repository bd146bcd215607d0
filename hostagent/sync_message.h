/* SPDX-License-Identifier: Apache-2.0 */
/* sync_message.h - the answer of POST /agent/v1/sync as values. Pure.
 * An answer with one bad element is refused as a whole: what is not listed is destroyed, so that
 * nothing may be left out because it could not be read. */
#ifndef GENKAN_HOSTAGENT_SYNC_MESSAGE_H
#define GENKAN_HOSTAGENT_SYNC_MESSAGE_H

#include "common/data/json.h"
#include "hostagent/qmp/guest_message.h"
#include "hostagent/vm/reconcile.h"

enum { SYNC_DESKTOPS_MAX = 1024, SYNC_IMAGES_MAX = 256 };

struct wanted_image {
	char sha256[VM_SHA256_SIZE];
	bool fetch;		/* the broker has the file */
};

struct sync_answer {
	int64_t generation;
	struct wanted_image *images;
	size_t image_count;
	struct vm_desired *desktops;
	size_t desktop_count;
	uint8_t guest_key[GUEST_KEY_LEN];
};

int sync_answer_parse(const json_t *body, struct sync_answer *out, struct error *err) MUST_CHECK;
void sync_answer_done(struct sync_answer *answer);
DEFINE_OWNED_VALUE(sync_answer_done, struct sync_answer);

#endif
