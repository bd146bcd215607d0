/* SPDX-License-Identifier: Apache-2.0 */
/* image_outlet.h - parts of images to hosts: one line, so many at a time, so many bytes a second. */
#ifndef GENKAN_IMAGES_IMAGE_OUTLET_H
#define GENKAN_IMAGES_IMAGE_OUTLET_H

#include "broker/api/request.h"

struct image_outlet;

/* rate_bytes 0: as fast as it goes. `folder` must outlive it. */
struct image_outlet *image_outlet_new(struct loop *loop, const char *folder, int64_t rate_bytes);
void image_outlet_free(struct image_outlet *outlet);
/* Answers, now or when it is its turn: the part of the image that r->argument names. */
void image_outlet_take(struct image_outlet *outlet, struct request *r, int64_t offset, size_t len);

#endif
