/* SPDX-License-Identifier: Apache-2.0 */
/* images.h - which of the images that the broker knows are here and good, and the way of those that
 * are not. Loop thread only. */
#ifndef GENKAN_HOSTAGENT_IMAGES_H
#define GENKAN_HOSTAGENT_IMAGES_H

#include "common/data/json.h"
#include "common/sys/work.h"
#include "hostagent/config.h"
#include "hostagent/sync_message.h"

struct images;

typedef void images_changed_fn(void *arg);
/* `jobs` is the queue on which files are looked at; it ends before images_free(). */
struct images *images_new(struct loop *loop, struct work *jobs,
			  const struct hostagent_config *config, images_changed_fn *changed, void *arg);
/* Ends what is being fetched; it goes on after the next start. */
void images_stop(struct images *images);
void images_free(struct images *images);

/* The broker's list: all are looked at, which is cheap for a file that has not changed. What is
 * missing is fetched if the broker has it; a damaged copy is replaced once, and after that stays an
 * error for people. */
void images_set(struct images *images, const struct wanted_image *wanted, size_t count);
/* Not here, and on its way. */
bool images_coming(const struct images *images, const char *sha256);
/* The element "images" of a report. */
json_t *images_report(const struct images *images);

#endif
