/* SPDX-License-Identifier: Apache-2.0 */
/* pool_file.h - pool files (genkan-pool(5)): YAML in, struct pool out, problems with their place.
 */
#ifndef GENKAN_CTL_POOL_FILE_H
#define GENKAN_CTL_POOL_FILE_H

#include "common/data/yaml_fields.h"
#include "pool/pool.h"

/* One file's text. -EINVAL with "NAME:LINE:COLUMN: text" lines in `problems`. */
int pool_file_parse(const char *name, struct span text, struct pool *out,
		    struct buf *problems) MUST_CHECK;

/* The file of a pool: parsed again it is the same pool. Keys with their usual value are left out.
 */
void pool_file_write(const struct pool *pool, struct buf *out);

struct pool_files {
	struct pool *pools;
	char **paths; /* where pools[i] came from */
	size_t count;
};
void pool_files_done(struct pool_files *files);
DEFINE_OWNED_VALUE(pool_files_done, struct pool_files);

/* Files, and folders of *.yaml and *.yml. All files are read and all problems reported before it
 * fails; two files with the same pool are one of them. */
int pool_files_load(const char *const *paths, size_t count, struct pool_files *out,
		    struct buf *problems) MUST_CHECK;

/* The table, for the test that reads the man page. */
extern const struct yamlf_field pool_fields[];

#endif
