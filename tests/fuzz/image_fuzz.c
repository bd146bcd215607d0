/* SPDX-License-Identifier: Apache-2.0 */
/* What an admin sends as an image: its header, and the list of its pieces. The first three bytes are
 * the size that is announced, in MiB. */
#include "common/wire/image_content.h"
#include "common/wire/qcow2.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(span_of(data, size));
	int64_t mib = (int64_t)read_u16be(&r) << 8 | read_u8(&r);
	struct span rest = read_rest(&r);
	OWNED(image_content_done) struct image_content content = { 0 };
	OWNED(buf_done) struct buf text = { 0 }, again = { 0 };

	if (qcow2_check_header(rest, NULL) == 0)
		MUST(rest.len >= QCOW2_HEADER_LEN - 8 && rest.ptr[0] == 'Q');
	if (rest.len && memchr(rest.ptr, '\0', rest.len))
		return 0;
	buf_put_span(&text, rest);
	if (image_content_parse(mib << 20, buf_text(&text), &content, NULL) < 0)
		return 0;
	image_content_write(&content, &again);
	MUST(again.len == text.len && content.count == image_piece_count(mib << 20));
	return 0;
}
