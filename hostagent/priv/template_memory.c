/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "common/sys/file.h"
#include "hostagent/priv/template_memory.h"

/* Clones reopen the memory under uids of their own; the folder is what keeps others out. */
enum { SEALED_MEMORY_MODE = 0444, SEALED_STATE_MODE = 0400, OPEN_MODE = 0600 };

static int make_folder(const struct hostagent_config *config, int64_t bytes, struct error *err)
{
	struct path folder = template_memory_dir(config);
	struct statfs fs;
	int rc = file_make_dirs(folder.text, 0700, err);

	if (rc < 0)
		return rc;
	if (chown(folder.text, geteuid(), getegid()) < 0 || chmod(folder.text, 0700) < 0 ||
	    statfs(folder.text, &fs) < 0)
		return error_errno(err, "%s", folder.text);
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC)
		return error_set(err, EMEDIUMTYPE, "%s is not on a RAM disk", folder.text);
	if ((int64_t)fs.f_bavail * (int64_t)fs.f_bsize < bytes)
		return error_set(err, ENOSPC, "%s has no room for %lld MiB", folder.text,
				 (long long)(bytes >> 20));
	return 0;
}

static int create(struct path path, int access, int *out, struct error *err)
{
	*out = open(path.text, access | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, OPEN_MODE);
	return *out < 0 ? error_errno(err, "make %s", path.text) : 0;
}

int template_create(const struct hostagent_config *config, const struct vm_spec *spec, uid_t uid,
		    int *memory, int *state, struct error *err)
{
	struct path path = template_path(config, spec->id, TEMPLATE_FILE_MEMORY);
	int rc = make_folder(config, spec->memory_bytes, err);

	if (rc < 0 || (rc = create(path, O_RDWR, memory, err)) < 0 ||
	    (rc = create(template_path(config, spec->id, TEMPLATE_FILE_STATE), O_WRONLY, state,
			 err)) < 0)
		return rc;
	if (ftruncate(*memory, spec->memory_bytes) < 0 || fchown(*memory, uid, (gid_t)-1) < 0)
		return error_errno(err, "%s", path.text);
	return 0;
}

static int open_sealed(struct path path, mode_t mode, int64_t bytes, int *out, struct error *err)
{
	struct stat st;

	*out = open(path.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*out < 0 || fstat(*out, &st) < 0)
		return error_errno(err, "open %s", path.text);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 0777) != mode || st.st_uid != geteuid() ||
	    (bytes && st.st_size != bytes))
		return error_set(err, EPERM, "%s: not sealed, or of another size", path.text);
	return 0;
}

int template_open(const struct hostagent_config *config, const struct vm_spec *spec, int *memory,
		  int *state, struct error *err)
{
	const char *id = spec->template_id;
	int rc = open_sealed(template_path(config, id, TEMPLATE_FILE_MEMORY), SEALED_MEMORY_MODE,
			     spec->memory_bytes, memory, err);

	return rc < 0 ? rc : open_sealed(template_path(config, id, TEMPLATE_FILE_STATE),
					 SEALED_STATE_MODE, 0, state, err);
}

static int seal(struct path path, mode_t mode, struct error *err)
{
	if (chown(path.text, geteuid(), getegid()) < 0 || chmod(path.text, mode) < 0)
		return error_errno(err, "seal %s", path.text);
	return 0;
}

int template_seal(const struct hostagent_config *config, const char *id, struct error *err)
{
	int rc = seal(template_path(config, id, TEMPLATE_FILE_MEMORY), SEALED_MEMORY_MODE, err);

	return rc < 0 ? rc : seal(template_path(config, id, TEMPLATE_FILE_STATE), SEALED_STATE_MODE, err);
}

int template_drop(const struct hostagent_config *config, const char *id, struct error *err)
{
	static const enum template_file files[] = { TEMPLATE_FILE_MEMORY, TEMPLATE_FILE_STATE };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct path path = template_path(config, id, files[i]);

		if (unlink(path.text) < 0 && errno != ENOENT)
			return error_errno(err, "remove %s", path.text);
	}
	return 0;
}
