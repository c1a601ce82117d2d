/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, and in which words; that what is good is loaded, twice at once, and leaves no trace. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check-main.h"
#include "plugin.h"
#include <cupola/service.h>

static char dir[] = "/tmp/test-plugin.XXXXXX";
static struct otel_error err;

static const char *
fixture(const char *name)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/%s.so", FIXTURES, name);
	return path;
}

static char copy_so[64], copy2_so[64], file[64];

static void
set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(copy_so, sizeof copy_so, "%s/copy.so", dir);
	snprintf(copy2_so, sizeof copy2_so, "%s/copy2.so", dir);
	snprintf(file, sizeof file, "%s/file", dir);
	memset(&err, 0, sizeof err);
}

static void
tear_down(void)
{
	unlink(copy_so);
	unlink(copy2_so);
	unlink(file);
	rmdir(dir);
}

/* Copies and opens as section "good"; returns what failed first. */
static int
load(const char *source, struct plugin **out)
{
	int r = plugin_copy(source, copy_so, &err);

	return r < 0 ? r : plugin_open(copy_so, source, "good", out, &err);
}

static void
assert_refused(const char *source, const char *words)
{
	struct plugin *plugin = NULL;
	char expected[800];

	snprintf(expected, sizeof expected, "%s: %s", source, words);
	ck_assert_int_lt(load(source, &plugin), 0);
	ck_assert_ptr_null(plugin);
	ck_assert_str_eq(err.message, expected);
}

static void
write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static char *
read_whole(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *data;

	ck_assert_int_eq(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	data = malloc(*len);
	ck_assert_int_eq(read(fd, data, *len), (ssize_t)*len);
	close(fd);
	return data;
}

START_TEST(a_good_plugin_is_loaded_and_unloaded)
{
	struct plugin *plugin;

	ck_assert_msg(load(fixture("good"), &plugin) == 0, "%s", err.message);
	ck_assert_str_eq(plugin->table->name, "good");
	ck_assert(!plugin->keep);
	ck_assert_uint_ge((uintptr_t)plugin->table, plugin->base);
	ck_assert_uint_lt((uintptr_t)plugin->table, plugin->base + plugin->size);
	plugin_close(plugin);
}
END_TEST

static int
mappings_of(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[1024];
	int n = 0;

	while (fgets(line, sizeof line, maps))
		n += strstr(line, name) != NULL;
	fclose(maps);
	return n;
}

START_TEST(two_copies_live_side_by_side_and_leave_no_mapping)
{
	struct plugin *one, *two;

	ck_assert_int_eq(load(fixture("good"), &one), 0);
	ck_assert_int_eq(plugin_copy(fixture("good"), copy2_so, &err), 0);
	ck_assert_int_eq(plugin_open(copy2_so, "good.so", NULL, &two, &err), 0);
	ck_assert_ptr_ne(one->table, two->table);
	ck_assert_int_gt(mappings_of("copy2.so"), 0);
	plugin_close(one);
	plugin_close(two);
	ck_assert_int_eq(mappings_of("copy.so") + mappings_of("copy2.so"), 0);
}
END_TEST

START_TEST(a_later_minor_version_is_accepted)
{
	struct plugin *plugin;

	ck_assert_msg(load(fixture("longer-table"), &plugin) == 0, "%s", err.message);
	ck_assert_uint_gt(plugin->table->size, sizeof *plugin->table);
	plugin_close(plugin);
}
END_TEST

START_TEST(a_plugin_with_threads_of_its_own_is_never_unloaded)
{
	struct plugin *plugin;

	ck_assert_int_eq(load(fixture("own-threads"), &plugin), 0);
	ck_assert(plugin->keep);
	ck_assert_str_eq(plugin->keep_reason,
	                 "it makes threads or thread keys of its own");
	plugin_close(plugin);
	ck_assert_int_gt(mappings_of("copy.so"), 0);
}
END_TEST

static const struct {
	const char *fixture, *words;
} wrong[] = {
	{ "other-major",
	  "built for major version 7 of <cupola/service.h>, this host has 1: build it against "
	  "this host's header" },
	{ "short-table",
	  "its table says that it has 16 bytes, expected 64: let SVC_ABI fill it" },
	{ "null-function",
	  "its table has no function handle (it is NULL): set .handle in SVC_PLUGIN" },
	{ "missing-symbol",
	  "has no symbol svc_plugin: a service exports one table, SVC_PLUGIN = { SVC_ABI, .name = "
	  "... }; see <cupola/service.h>" },
	{ "unresolved-symbol",
	  "uses the symbol no_such_function, which neither this host nor the plugin's libraries "
	  "have: link what defines it (-lNAME), or check the name" },
	{ "newer-sdk",
	  "uses the symbol otel_no_such_function, which neither this host nor the plugin's "
	  "libraries have: it was built for a newer libotel; build it against this host's headers" },
	{ "other-name",
	  "is the service \"someone-else\" and not \"good\": the name of its section and the name "
	  "in its table are one name; write [plugin someone-else], or set .name = \"good\"" },
	{ "no-name", "its table has no name: set .name in SVC_PLUGIN" },
	{ "static-tls",
	  "needs static TLS (DF_STATIC_TLS), which runs out after a few reloads; build it with "
	  "-fPIC and without -ftls-model=initial-exec" },
};

START_TEST(a_wrong_plugin_is_refused_with_a_sentence)
{
	assert_refused(fixture(wrong[_i].fixture), wrong[_i].words);
}
END_TEST

START_TEST(a_key_whose_default_is_not_of_its_type_is_refused)
{
	struct plugin *plugin;

	ck_assert_int_lt(load(fixture("bad-keys"), &plugin), 0);
	ck_assert_ptr_nonnull(
		strstr(err.message, "bad-keys.so: the default of key patience: "));
}
END_TEST

START_TEST(what_is_no_elf_file_is_refused)
{
	write_file(file, "#!/bin/sh\n", 10);
	assert_refused(
		file,
		"not an ELF file: expected it to begin with 7f 45 4c 46, found 23 21 2f "
		"62; `path` must name a shared object, as `cc -shared` makes it");
	ck_assert_int_ne(access(copy_so, F_OK), 0);
}
END_TEST

START_TEST(an_empty_file_is_refused)
{
	write_file(file, "", 0);
	assert_refused(
		file,
		"not an ELF file: it has 0 bytes; `path` must name a shared object, as "
		"`cc -shared` makes it");
}
END_TEST

START_TEST(a_folder_and_a_missing_file_are_refused)
{
	assert_refused(dir, "not a file; `path` must name a shared object");
	memset(&err, 0, sizeof err);
	assert_refused("/nowhere/at-all.so",
	               "cannot be opened: No such file or directory");
}
END_TEST

START_TEST(a_program_is_refused)
{
	struct plugin *plugin;

	/* Position-independent programs are ET_DYN too; what they lack is the table. */
	ck_assert_int_lt(load("/bin/true", &plugin), 0);
	ck_assert_str_ne(err.message, "");
}
END_TEST

START_TEST(a_file_cut_at_any_length_is_refused)
{
	size_t len;
	char *data = read_whole(fixture("good"), &len);
	for (size_t n = 0; n < len; n += n < 4096 ? 61 : 997) {
		struct plugin *plugin;

		write_file(file, data, n);
		memset(&err, 0, sizeof err);
		ck_assert_int_eq(load(file, &plugin), -ENOEXEC);
	}
	write_file(file, data, len - 1);
	memset(&err, 0, sizeof err);
	ck_assert_int_eq(load(file, &(struct plugin *){ NULL }), -ENOEXEC);
	ck_assert_ptr_nonnull(
		strstr(err.message, "truncated: the section header table should end"));
	free(data);
}
END_TEST

START_TEST(a_damaged_header_never_crashes_the_check)
{
	size_t len;
	char *data = read_whole(fixture("good"), &len), *copy = malloc(len);
	/* Every byte of the ELF header and of the program headers, set to its extremes. */
	for (size_t i = 4; i < 64 + 8 * 56 && i < len; i++)
		for (int value = 0; value < 2; value++) {
			memcpy(copy, data, len);
			copy[i] = (char)(value ? 0xff : 0x7f);
			write_file(file, copy, len);
			memset(&err, 0, sizeof err);
			(void)!plugin_copy(file, copy_so, &err);
		}
	free(copy);
	free(data);
}
END_TEST

START_TEST(the_copy_is_made_anew_over_an_old_one)
{
	struct plugin *plugin;

	write_file(copy_so, "old", 3);
	ck_assert_int_eq(plugin_copy(fixture("good"), copy_so, &err), 0);
	ck_assert_int_eq(plugin_open(copy_so, "x", "good", &plugin, &err), 0);
	plugin_close(plugin);
}
END_TEST

START_TEST(the_table_is_described_as_json)
{
	struct plugin *plugin;
	json_t *json;

	ck_assert_int_eq(load(fixture("good"), &plugin), 0);
	json = plugin_describe(plugin->table);
	ck_assert_str_eq(json_string_value(json_object_get(json, "name")), "good");
	ck_assert_uint_eq(json_array_size(json_object_get(json, "keys")), 2);
	json_decref(json);
	plugin_close(plugin);
}
END_TEST

START_TEST(a_plugin_need_not_say_its_version)
{
	struct plugin *plugin;
	json_t *json;

	ck_assert_int_eq(load(fixture("no-version"), &plugin), 0);
	json = plugin_describe(plugin->table);
	ck_assert_str_eq(json_string_value(json_object_get(json, "version")), "");
	json_decref(json);
	plugin_close(plugin);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("plugin");
	TCase *good = tcase_create("good"), *bad = tcase_create("bad");

	tcase_add_checked_fixture(good, set_up, tear_down);
	tcase_add_test(good, a_good_plugin_is_loaded_and_unloaded);
	tcase_add_test(good, two_copies_live_side_by_side_and_leave_no_mapping);
	tcase_add_test(good, a_later_minor_version_is_accepted);
	tcase_add_test(good, a_plugin_with_threads_of_its_own_is_never_unloaded);
	tcase_add_test(good, the_copy_is_made_anew_over_an_old_one);
	tcase_add_test(good, the_table_is_described_as_json);
	tcase_add_test(good, a_plugin_need_not_say_its_version);
	suite_add_tcase(suite, good);
	tcase_add_checked_fixture(bad, set_up, tear_down);
	tcase_set_timeout(bad, 60);
	tcase_add_loop_test(bad, a_wrong_plugin_is_refused_with_a_sentence, 0,
	                    sizeof wrong / sizeof *wrong);
	tcase_add_test(bad, a_key_whose_default_is_not_of_its_type_is_refused);
	tcase_add_test(bad, what_is_no_elf_file_is_refused);
	tcase_add_test(bad, an_empty_file_is_refused);
	tcase_add_test(bad, a_folder_and_a_missing_file_are_refused);
	tcase_add_test(bad, a_program_is_refused);
	tcase_add_test(bad, a_file_cut_at_any_length_is_refused);
	tcase_add_test(bad, a_damaged_header_never_crashes_the_check);
	suite_add_tcase(suite, bad);
	return check_main(suite);
}
