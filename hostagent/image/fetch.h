/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.h - a golden image from the broker into the image folder, or out of its damaged copy there.
 * Blocking: the fetching thread only, but for fetch_percent() and fetch_cancel().
 *
 * Theory. The broker tells the SHA-256 of each piece of 16 MiB. A piece is written only when it is
 * what it should be, so whatever an interruption left is good and is kept; what a damaged copy still
 * has is taken from there. The file gets its name when all of it is on the disk. */
#ifndef GENKAN_IMAGE_FETCH_H
#define GENKAN_IMAGE_FETCH_H

#include <stdatomic.h>
#include "common/net/http_client.h"
#include "common/wire/image_content.h"
#include "hostagent/config.h"

struct fetch {
	const struct hostagent_config *config;
	struct http_client *client;
	char sha256[VM_SHA256_SIZE];
	bool only_look;		/* say where the copy differs, change nothing */
	char damage[160];	/* out: where the copy that was there differs; "" none was, or it is whole */
	atomic_llong done_bytes, size_bytes;
	atomic_bool cancelled;
};

/* -EBADMSG: what the broker has is not the image either, with its place. -ENOSPC: no room, and how
 * much is missing. -ECANCELED and errors of http_request(): try again, it goes on where it was. */
int fetch_run(struct fetch *fetch, struct error *err) MUST_CHECK;
int fetch_percent(const struct fetch *fetch);
void fetch_cancel(struct fetch *fetch);

/* Parts of earlier fetches by this host that no image of the list needs any more. */
void fetch_sweep(const struct hostagent_config *config, const char (*wanted)[VM_SHA256_SIZE],
		 size_t count);

#endif
