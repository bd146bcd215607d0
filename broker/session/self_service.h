/* SPDX-License-Identifier: Apache-2.0 */
/* self_service.h - what users may do with their own desktop, as far as its pool allows: restart it,
 * or exchange it for a new one from the image. Without the directory's word they still may: the
 * desktop is theirs. */
#ifndef GENKAN_SESSION_SELF_SERVICE_H
#define GENKAN_SESSION_SELF_SERVICE_H

#include "broker/api/request.h"

/* POST /v1/desktops/{id}/restart and /reset: 204, forbidden or not_found. */
void self_service_restart(struct request *r);
void self_service_reset(struct request *r);

#endif
