/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest writes to the host, cut into lines and parsed. The first byte is the size of the
 * pieces in which it arrives. */
#include <errno.h>
#include "hostagent/qmp/guest_message.h"
#include "hostagent/qmp/lines.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct guest_message *message)
{
	MUST(!message->rdp_certificate_sha256[0] ||
	     vm_sha256_valid(message->rdp_certificate_sha256));
	MUST(memchr(message->text, '\0', sizeof(message->text)));
	for (const char *c = message->text; *c; c++)
		MUST((unsigned char)*c >= ' ');
	MUST(message->kind != GUEST_ANSWER || message->id >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size ? data[0] + 1u : 1;
	struct span rest = span_of(data, size);
	struct lines lines;
	int rc = 0;

	lines_init(&lines, GUEST_LINE_MAX);
	while (rc >= 0 && rest.len > 0) {
		struct span piece = span_of(rest.ptr, rest.len < step ? rest.len : step), line;

		rest = span_of(rest.ptr + piece.len, rest.len - piece.len);
		while ((rc = lines_take(&lines, &piece, &line)) > 0) {
			struct guest_message message = guest_message_parse(line);

			MUST(line.len <= GUEST_LINE_MAX);
			check(&message);
		}
	}
	MUST(rc == 0 || rc == -EMSGSIZE);
	lines_done(&lines);
	return 0;
}
