/* SPDX-License-Identifier: Apache-2.0 */
/* replay_main.c - runs a fuzz target over every file of the directory it is given. An empty or
 * missing corpus is a failure: it would test nothing. */
#include <dirent.h>
#include <string.h>
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)1 << 20)

static void run_file(const char *directory, const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "rb");
	MUST(file);

	/* Exactly as large as the input, so that a sanitizer sees a read past its end. */
	uint8_t *all = malloc(INPUT_MAX);
	MUST(all);
	size_t size = fread(all, 1, INPUT_MAX, file);
	uint8_t *exact = malloc(size ? size : 1);
	MUST(exact);
	memcpy(exact, all, size);
	free(all);
	fclose(file);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;

	MUST(directory);
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		run_file(argv[1], entry->d_name);
		count++;
	}
	closedir(directory);
	MUST(count > 0);
	printf("%zu inputs\n", count);
	return 0;
}
