/* SPDX-License-Identifier: Apache-2.0 */
/* images.h - which of the images that the broker knows are here and good. Loop thread only. */
#ifndef GENKAN_HOSTAGENT_IMAGES_H
#define GENKAN_HOSTAGENT_IMAGES_H

#include "common/data/json.h"
#include "common/sys/work.h"
#include "hostagent/config.h"

struct images;

typedef void images_changed_fn(void *arg);
struct images *images_new(struct work *jobs, const struct hostagent_config *config,
			  images_changed_fn *changed, void *arg);
void images_free(struct images *images);

/* The broker's list: new ones are looked at, and again those that were not good last time. */
void images_set(struct images *images, const char (*sha256)[VM_SHA256_SIZE], size_t count);
/* The element "images" of a report. */
json_t *images_report(const struct images *images);

#endif
