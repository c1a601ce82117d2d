/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files of a directory: each file, every prefix of it, and the file with
 * each of its bytes turned into a few others. Says TAP; a crash names its file by being the one after
 * the last that was ok.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

#define MAX_FILE (1 << 20)
#define MAX_BENT 4096 /* larger files are run as they are, for the time it takes */

/* In a block of its exact size, so that a read past its end is seen. */
static void
run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
run_bent(uint8_t *data, size_t size)
{
	static const uint8_t others[] = { 0,   ' ',  ',',  ';',  '=',  '%',
		                          '-', '\r', '\n', 0x7f, 0x80, 0xff };

	for (size_t i = 0; i < size; i++) {
		uint8_t was = data[i];

		run(data, i);
		for (size_t k = 0; k < sizeof others; k++) {
			data[i] = others[k];
			run(data, size);
		}
		data[i] = was;
	}
}

static int
replay(const char *dir, const char *name)
{
	static uint8_t data[MAX_FILE];
	char path[4096];
	size_t size;
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return -1;
	}
	size = fread(data, 1, sizeof data, file);
	fclose(file);
	run(data, size);
	if (size <= MAX_BENT)
		run_bent(data, size);
	return 0;
}

static int
visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : FUZZ_CORPUS;
	struct dirent **entries;
	int n = scandir(dir, &entries, visible, alphasort), failed = 0;

	if (n <= 0) {
		printf("Bail out! no corpus in %s\n", dir);
		return EXIT_FAILURE;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		int r = replay(dir, entries[i]->d_name);

		printf("%s %d - %s\n", r < 0 ? "not ok" : "ok", i + 1,
		       entries[i]->d_name);
		fflush(stdout);
		failed += r < 0;
		free(entries[i]);
	}
	free(entries);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
