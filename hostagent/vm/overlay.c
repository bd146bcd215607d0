/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/vm/overlay.h"

#include <stddef.h>
#include "common/base/cleanup.h"

struct overlay_level overlay_level(int64_t file_bytes, int64_t max_bytes)
{
	static const int steps[] = { 80, 90, 100 };
	struct overlay_level level = { 0 };

	if (max_bytes <= 0)
		return level;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int64_t bytes = max_bytes / 100 * steps[i];

		if (steps[i] == 100)
			bytes = max_bytes;
		if (file_bytes < bytes) {
			level.next_bytes = bytes;
			return level;
		}
		level.percent = steps[i];
	}
	level.full = true;
	return level;
}
