/* SPDX-License-Identifier: Apache-2.0 */
/* pool_schema.h - the JSON schema of pool files, for editors, made of the table that reads them. */
#ifndef GENKAN_CTL_POOL_SCHEMA_H
#define GENKAN_CTL_POOL_SCHEMA_H

#include "common/data/json.h"

/* A new reference. */
json_t *pool_schema(void);

#endif
