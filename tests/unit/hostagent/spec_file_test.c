/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/sys/file.h"
#include "hostagent/spec_file.h"

#define ID "0123456789abcdef"

struct place {
	char folder[32];
	char run[64];
	struct hostagent_config config;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->folder, "/tmp/spec-file-XXXXXX");
	if (!mkdtemp(place->folder))
		return -1;
	snprintf(place->run, sizeof(place->run), "%s/run", place->folder);
	place->config.state_dir = place->folder;
	place->config.run_dir = place->run;
	*state = place;
	return file_make_dirs(desktop_path(&place->config, ID, DESKTOP_FOLDER).text, 0700, NULL);
}

static int tear_down(void **state)
{
	struct place *place = *state;
	struct path folder = desktop_path(&place->config, ID, DESKTOP_FOLDER);
	struct path spec = desktop_path(&place->config, ID, DESKTOP_SPEC);

	if (unlink(spec.text) < 0)
		rmdir(spec.text);
	rmdir(folder.text);
	rmdir(host_path(&place->config, HOST_DESKTOPS).text);
	rmdir(place->folder);
	free(place);
	return 0;
}

static void what_is_missing_or_damaged_is_no_obstacle(void **state)
{
	struct place *place = *state;
	struct path spec = desktop_path(&place->config, ID, DESKTOP_SPEC);
	struct error err;

	assert_int_equal(spec_check_readable(&place->config, &err), 0);

	OWNED_FD int fd = open(spec.text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "{\"id\":", 6), 6);
	assert_int_equal(spec_check_readable(&place->config, &err), 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(spec_check_readable(&place->config, &err), 0);
}

/* A loop of links stands for a file of somebody else's: root, who runs the tests, may read that. */
static void what_cannot_be_read_is_named(void **state)
{
	struct place *place = *state;
	struct path spec = desktop_path(&place->config, ID, DESKTOP_SPEC);
	struct error err;

	assert_int_equal(symlink(spec.text, spec.text), 0);
	assert_int_equal(spec_check_readable(&place->config, &err), -ELOOP);
	assert_non_null(strstr(err.text, "desktop " ID));
	assert_non_null(strstr(err.text, spec.text));
}

static void a_folder_that_cannot_be_read_is_not_an_empty_one(void **state)
{
	struct place *place = *state;
	struct error err;

	assert_int_equal(symlink("run", place->run), 0);
	assert_int_equal(spec_check_readable(&place->config, &err), -ELOOP);
	assert_non_null(strstr(err.text, place->run));
	unlink(place->run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_missing_or_damaged_is_no_obstacle, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_read_is_not_an_empty_one,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
