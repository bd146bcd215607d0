/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_write.h - a struct back into the YAML text it can be read from, by the table of
 * yaml_fields.h. Pure. */
#ifndef GENKAN_DATA_YAML_WRITE_H
#define GENKAN_DATA_YAML_WRITE_H

#include "common/data/yaml_fields.h"

/* The whole document. Keys that need not be there, and whose value is that of `usual` (the struct
 * as it is before a document is read into it), are left out. */
void yamlf_write(const struct yamlf_field *fields, const void *value, const void *usual,
		 struct buf *out);

/* One value as it would stand behind its key, a list in one line; not for YAMLF_MAP. */
void yamlf_value_text(const struct yamlf_field *field, const void *base, struct buf *out);

#endif
