/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/base/buf.h"
#include "common/sys/file.h"
#include "common/wire/qcow2.h"
#include "hostagent/image/image.h"

/* A qcow2 header with these fields; the rest is zero. */
static struct buf header(uint32_t magic, uint32_t version, uint64_t backing, uint32_t encryption,
			 uint64_t incompatible)
{
	struct buf h = { 0 };

	buf_put_u32be(&h, magic);
	buf_put_u32be(&h, version);
	buf_put_u64be(&h, backing);
	buf_put_zeros(&h, 16);
	buf_put_u32be(&h, encryption);
	buf_put_zeros(&h, 36);
	buf_put_u64be(&h, incompatible);
	return h;
}

static void only_self_contained_images_pass(void **state)
{
	const struct { uint32_t magic, version; uint64_t backing; uint32_t crypt; uint64_t feature;
		       const char *why; } cases[] = {
		{ 0x514649fb, 3, 0, 0, 0, NULL },
		{ 0x514649fb, 3, 0, 0, 1, NULL },	/* dirty */
		{ 0x514649fb, 2, 0, 0, 0, NULL },
		{ 0x4d564b43, 3, 0, 0, 0, "not a qcow2 image" },
		{ 0x514649fb, 4, 0, 0, 0, "not a qcow2 image" },
		{ 0x514649fb, 3, 512, 0, 0, "it names a backing file" },
		{ 0x514649fb, 3, 0, 1, 0, "it is encrypted" },
		{ 0x514649fb, 3, 0, 0, 4, "it names an external data file" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWNED(buf_done) struct buf h = header(cases[i].magic, cases[i].version,
						      cases[i].backing, cases[i].crypt,
						      cases[i].feature);
		struct error err = { 0 };

		assert_int_equal(qcow2_check_header(buf_span(&h), &err),
				 cases[i].why ? -EBADMSG : 0);
		assert_string_equal(err.text, cases[i].why ? cases[i].why : "");
	}
}

static void short_files_are_no_images(void **state)
{
	OWNED(buf_done) struct buf h = header(0x514649fb, 3, 0, 0, 0);

	for (size_t len = 0; len < h.len; len++)
		assert_int_equal(qcow2_check_header(span_of(h.ptr, len), NULL), -EBADMSG);
}

/* The content is read once; a change of the file is seen. */
static void hashes_are_checked_and_remembered(void **state)
{
	char folder[] = "/tmp/genkan-image-test-XXXXXX", sha256[VM_SHA256_SIZE], wrong[VM_SHA256_SIZE];
	OWNED(buf_done) struct buf h = header(0x514649fb, 3, 0, 0, 0);
	OWNED(buf_done) struct buf made = { 0 };
	struct hostagent_config config;
	struct path path;

	assert_non_null(mkdtemp(folder));
	config = (struct hostagent_config){ .state_dir = folder, .image_dir = folder,
					    .run_dir = folder };
	assert_int_equal(file_make_dirs(host_path(&config, HOST_VERIFIED).text, 0700, NULL), 0);
	buf_printf(&made, "%s/new", folder);
	assert_int_equal(file_write(buf_text(&made), buf_span(&h), 0600, NULL), 0);
	assert_int_equal(file_sha256(buf_text(&made), sha256, NULL), 0);
	assert_int_equal(image_verify(&config, sha256, NULL), -ENOENT);
	path = image_path(&config, sha256);
	assert_int_equal(rename(buf_text(&made), path.text), 0);
	assert_int_equal(image_verify(&config, sha256, NULL), 0);
	assert_int_equal(image_verify(&config, sha256, NULL), 0);

	h.ptr[h.len - 1] ^= 1;
	assert_int_equal(file_write(path.text, buf_span(&h), 0600, NULL), 0);
	assert_int_equal(image_verify(&config, sha256, NULL), -EBADMSG);

	memset(wrong, '0', sizeof(wrong) - 1);
	wrong[VM_SHA256_SIZE - 1] = '\0';
	assert_int_equal(symlink("/dev/zero", image_path(&config, wrong).text), 0);
	assert_int_equal(image_verify(&config, wrong, NULL), -EBADMSG);
	assert_int_equal(file_remove_tree(folder, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_self_contained_images_pass),
		cmocka_unit_test(short_files_are_no_images),
		cmocka_unit_test(hashes_are_checked_and_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
