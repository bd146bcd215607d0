/* SPDX-License-Identifier: Apache-2.0 */
/* image_room.h - golden images on their way in from admins and out to hosts.
 *
 * Theory. An image is a large file and the broker has more urgent things to do, so nobody ever gets or
 * gives more than one part (1 MiB) per request. Parts are written and read on a queue of their own;
 * those for hosts wait in one line, so many are read at a time, and the line stops when the rate of
 * the configuration is used up. A part is in memory from its request to its answer and no longer.
 * What was received stays on the disk under the hash that it is going to have: whoever asks again,
 * after whatever happened, is told where to go on. Loop thread only. */
#ifndef GENKAN_IMAGES_IMAGE_ROOM_H
#define GENKAN_IMAGES_IMAGE_ROOM_H

#include "broker/api/request.h"

struct image_room;

struct image_room *image_room_new(struct broker *broker);
void image_room_free(struct image_room *room);

/* POST /v1/admin/image-uploads: begin, or where to go on. */
void image_upload_begin(struct request *r);
/* PUT /v1/admin/image-uploads/{id}?offset=N: the next part. */
void image_upload_part(struct request *r);
/* GET /agent/v1/images/{id} with a Range. */
void image_part_get(struct request *r);
/* GET /agent/v1/images/{id}/pieces */
void image_pieces_get(struct request *r);

#endif
