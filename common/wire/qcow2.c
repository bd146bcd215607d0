/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/qcow2.h"

#include <errno.h>

#define MAGIC 0x514649fbu
#define INCOMPATIBLE_DATA_FILE (UINT64_C(1) << 2)

int qcow2_check_header(struct span header, struct error *err)
{
	struct reader r = reader_of(header);
	uint32_t magic = read_u32be(&r), version = read_u32be(&r);
	uint64_t backing_offset = read_u64be(&r);

	read_skip(&r, 16);	/* backing file's size, cluster bits, disk size */
	uint32_t encryption = read_u32be(&r);

	read_skip(&r, 36);	/* tables and snapshots */
	uint64_t incompatible = version >= 3 ? read_u64be(&r) : 0;

	if (r.bad || magic != MAGIC || version < 2 || version > 3)
		return error_set(err, EBADMSG, "not a qcow2 image");
	if (backing_offset)
		return error_set(err, EBADMSG, "it names a backing file");
	if (encryption)
		return error_set(err, EBADMSG, "it is encrypted");
	if (incompatible & INCOMPATIBLE_DATA_FILE)
		return error_set(err, EBADMSG, "it names an external data file");
	return 0;
}
