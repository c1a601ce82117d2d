/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "elf-check.h"
#include "memcheck.h"
#include <cupola/service.h>

#define MAX_NAME 63 /* the crash record has room for it */
#define MAX_KEYS 256

/* Version 1.0 of the table ends with stop; what is shorter was never published. */
#define FIRST_SIZE \
	(offsetof(struct svc_plugin, stop) + sizeof(((struct svc_plugin *)0)->stop))

/* ---- the copy ---- */

static int
copy_bytes(int in, int out, const char *source, struct otel_error *err)
{
	ssize_t n;

	do
		n = sendfile(out, in, NULL, 1u << 30);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? otel_error_set(err, -errno, "%s: cannot be copied: %s", source,
	                              strerror(errno))
	             : 0;
}

int
plugin_copy(const char *source, const char *copy, struct otel_error *err)
{
	int in = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK), out = -1, r;

	if (in < 0)
		return otel_error_set(err, -errno, "%s: cannot be opened: %s", source,
		                      strerror(errno));
	r = elf_check(in, source, NULL,
	              err); /* so that no huge log file is copied first */
	if (r < 0)
		goto out;
	unlink(copy);
	out = open(copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0) {
		r = otel_error_set(err, -errno, "%s: cannot be copied to %s: %s", source,
		                   copy, strerror(errno));
		goto out;
	}
	r = copy_bytes(in, out, source, err);
	/* The source may have been rewritten meanwhile; what counts is what arrived. */
	if (r == 0)
		r = elf_check(out, source, NULL, err);
	if (r < 0)
		unlink(copy);
out:
	if (out >= 0)
		close(out);
	close(in);
	return r;
}

/* ---- the table ---- */

static bool
good_name(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= MAX_NAME &&
	       strspn(name,
	              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
	               len &&
	       name[0] != '.' && name[0] != '-';
}

static int
check_names(const struct svc_plugin *table, const char *source, const char *section,
            struct otel_error *err)
{
	if (!table->name)
		return otel_error_set(
			err, -ENOEXEC,
			"%s: its table has no name: set .name in SVC_PLUGIN", source);
	if (!good_name(table->name))
		return otel_error_set(
			err, -ENOEXEC,
			"%s: its name should be 1 to %d letters, digits, '-', '_' or "
			"'.', and is \"%.80s\"",
			source, MAX_NAME, table->name);
	if (section && strcmp(table->name, section) != 0)
		return otel_error_set(
			err, -ENOEXEC,
			"%s: is the service \"%s\" and not \"%s\": the name of its "
			"section and the name in its table are one name; write "
			"[plugin %s], or set .name = \"%s\"",
			source, table->name, section, table->name, section);
	return 0;
}

static int
check_functions(const struct svc_plugin *table, const char *source,
                struct otel_error *err)
{
	const char *missing = !table->start    ? "start"
	                      : !table->handle ? "handle"
	                      : !table->stop   ? "stop"
	                                       : NULL;

	if (!missing)
		return 0;
	return otel_error_set(
		err, -ENOEXEC,
		"%s: its table has no function %s (it is NULL): set .%s in SVC_PLUGIN",
		source, missing, missing);
}

static int
check_key(const struct svc_key *keys, size_t i, const char *source,
          struct otel_error *err)
{
	struct otel_error why = OTEL_ERROR_INIT;

	if (!good_name(keys[i].name))
		return otel_error_set(
			err, -ENOEXEC,
			"%s: key %zu has the name \"%.80s\"; expected letters, "
			"digits, '-', '_' or '.'",
			source, i, keys[i].name);
	if (keys[i].type < SVC_STRING || keys[i].type > SVC_PATH)
		return otel_error_set(
			err, -ENOEXEC,
			"%s: key %s has the type %d, expected SVC_STRING ... "
			"SVC_PATH",
			source, keys[i].name, keys[i].type);
	for (size_t j = 0; j < i; j++)
		if (strcmp(keys[i].name, keys[j].name) == 0)
			return otel_error_set(err, -ENOEXEC, "%s: key %s is there twice",
			                      source, keys[i].name);
	if (keys[i].type == SVC_PATH && keys[i].fallback && !*keys[i].fallback)
		return 0; /* no path, unless one is told */
	if (keys[i].fallback && host_value_parse(keys[i].type, keys[i].fallback, "/",
	                                         NULL, NULL, NULL, &why) < 0)
		return otel_error_set(err, -ENOEXEC, "%s: the default of key %s: %s",
		                      source, keys[i].name, why.message);
	return 0;
}

static int
check_keys(const struct svc_key *keys, const char *source, struct otel_error *err)
{
	for (size_t i = 0; keys && keys[i].name; i++) {
		int r = i < MAX_KEYS
		                ? check_key(keys, i, source, err)
		                : otel_error_set(
					  err, -ENOEXEC,
					  "%s: it has more than %d keys, or its table "
					  "of keys does not end with { NULL }",
					  source, MAX_KEYS);

		if (r < 0)
			return r;
	}
	return 0;
}

int
plugin_check_table(const struct svc_plugin *table, size_t size, const char *source,
                   const char *section, struct otel_error *err)
{
	int r;

	if (size < 2 * sizeof(uint32_t))
		return otel_error_set(
			err, -ENOEXEC,
			"%s: its svc_plugin has %zu bytes, expected %zu: it must be "
			"the table of <cupola/service.h> itself",
			source, size, sizeof *table);
	if (table->major != SVC_MAJOR)
		return otel_error_set(
			err, -ENOEXEC,
			"%s: built for major version %u of <cupola/service.h>, this "
			"host has %u: build it against this host's header",
			source, table->major, SVC_MAJOR);
	if (table->size < FIRST_SIZE || table->size > size)
		return otel_error_set(
			err, -ENOEXEC,
			"%s: its table says that it has %u bytes, expected %zu: let "
			"SVC_ABI fill it",
			source, table->size, size < FIRST_SIZE ? FIRST_SIZE : size);
	r = check_names(table, source, section, err);
	if (r == 0)
		r = check_functions(table, source, err);
	if (r == 0)
		r = check_keys(table->keys, source, err);
	return r;
}

/* ---- loading ---- */

/* What comes after `marker` in `text`, up to the next space or comma, as dlerror() writes names. */
static bool
word_after(const char *text, const char *marker, char *out, size_t size)
{
	const char *p = strstr(text, marker);
	size_t len;

	if (!p)
		return false;
	p += strlen(marker);
	len = strcspn(p, " ,()");
	if (len >= size)
		len = size - 1;
	memcpy(out, p, len);
	out[len] = '\0';
	return len > 0;
}

/* dlerror() speaks of the copy, which the user has never seen, and does not say what to do. */
static int
explain_dlopen(const char *copy, const char *source, const char *said,
               struct otel_error *err)
{
	char name[160];
	size_t len;

	if (word_after(said, "undefined symbol: ", name, sizeof name))
		return otel_error_set(
			err, -ENOEXEC,
			"%s: uses the symbol %s, which neither this host nor the "
			"plugin's libraries have: %s",
			source, name,
			strncmp(name, "otel_", 5) == 0
				? "it was built for a newer libotel; build it "
				  "against this host's headers"
				: "link what defines it (-lNAME), or check the name");
	if (strstr(said, "cannot open shared object file")) {
		len = strcspn(said, ":");
		return otel_error_set(
			err, -ENOEXEC,
			"%s: needs the library %.*s, which is not found: %s", source,
			(int)len, said,
			strncmp(said, "libotel", 7) == 0
				? "build it against this host's libotel "
				  "(pkg-config cupola)"
				: "install it, or link with -Wl,-rpath,FOLDER");
	}
	len = strlen(copy);
	if (strncmp(said, copy, len) == 0 && strncmp(said + len, ": ", 2) == 0)
		said += len + 2;
	return otel_error_set(err, -ENOEXEC, "%s: cannot be loaded: %s", source, said);
}

struct extent {
	ElfW(Addr) base;
	uintptr_t end;
};

static int
note_extent(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct extent *extent = arg;

	if (info->dlpi_addr != extent->base)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD) {
			uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr +
			                info->dlpi_phdr[i].p_memsz;

			if (end > extent->end)
				extent->end = end;
		}
	return 1;
}

/*
 * Libraries that the plugin brought in stay when it goes: they may have threads, keys and atexit handlers
 * of their own (and bringing libcurl in again would cost milliseconds).
 */
static void
keep_libraries(const struct link_map *own)
{
	for (const struct link_map *map = own->l_next; map; map = map->l_next)
		if (map->l_name[0])
			(void)dlopen(map->l_name,
			             RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static int
find_table(struct plugin *plugin, const char *section, struct otel_error *err)
{
	struct link_map *own = NULL, *owner = NULL;
	void *symbol = NULL; /* an ElfW(Sym) */
	struct extent extent = { 0 };
	Dl_info info;

	if (dlinfo(plugin->handle, RTLD_DI_LINKMAP, &own) < 0)
		return otel_error_set(err, -ENOEXEC, "%s: cannot be loaded: %s",
		                      plugin->source, dlerror());
	extent.base = own->l_addr;
	dl_iterate_phdr(note_extent, &extent);
	plugin->base = own->l_addr;
	plugin->size = extent.end - own->l_addr;
	keep_libraries(own);

	plugin->table = dlsym(plugin->handle, "svc_plugin");
	/* dlsym() looks into the plugin's libraries too; theirs would not be unloaded with it. */
	if (!plugin->table ||
	    !dladdr1(plugin->table, &info, (void **)&owner, RTLD_DL_LINKMAP) ||
	    owner != own || !dladdr1(plugin->table, &info, &symbol, RTLD_DL_SYMENT))
		return otel_error_set(
			err, -ENOEXEC,
			"%s: has no symbol svc_plugin: a service exports one table, "
			"SVC_PLUGIN = { SVC_ABI, .name = ... }; see "
			"<cupola/service.h>",
			plugin->source);
	return plugin_check_table(plugin->table,
	                          symbol ? ((const ElfW(Sym) *)symbol)->st_size
	                                 : sizeof *plugin->table,
	                          plugin->source, section, err);
}

static int
read_facts(struct plugin *plugin, struct otel_error *err)
{
	int fd = open(plugin->copy, O_RDONLY | O_CLOEXEC), r;
	struct elf_facts facts;

	if (fd < 0)
		return otel_error_set(err, -errno, "%s: its copy %s cannot be opened: %s",
		                      plugin->source, plugin->copy, strerror(errno));
	r = elf_check(fd, plugin->source, &facts, err);
	close(fd);
	if (r < 0)
		return r;
	plugin->keep = facts.nodelete || facts.threads || memcheck_is_on();
	plugin->keep_reason = facts.nodelete ? "it is marked DF_1_NODELETE"
	                      : facts.threads
	                              ? "it makes threads or thread keys of its own"
	                      : memcheck_is_on() ? "its lines may be asked for"
	                              : "";
	return 0;
}

static int
load(struct plugin *plugin, const char *section, struct otel_error *err)
{
	/* One at a time, so that what follows an image in the linker's list came with it. */
	static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
	int r;

	pthread_mutex_lock(&loading);
	plugin->handle = dlopen(plugin->copy, RTLD_NOW | RTLD_LOCAL);
	if (plugin->handle)
		r = find_table(plugin, section, err);
	else
		r = explain_dlopen(plugin->copy, plugin->source, dlerror(), err);
	pthread_mutex_unlock(&loading);
	return r;
}

int
plugin_open(const char *copy, const char *source, const char *section,
            struct plugin **out, struct otel_error *err)
{
	struct plugin *plugin = calloc(1, sizeof *plugin);
	int r;

	if (!plugin)
		return otel_error_set(err, -ENOMEM, "%s: out of memory", source);
	plugin->source = strdup(source);
	plugin->copy = strdup(copy);
	if (!plugin->source || !plugin->copy) {
		r = otel_error_set(err, -ENOMEM, "%s: out of memory", source);
		goto fail;
	}
	r = read_facts(plugin, err);
	if (r < 0)
		goto fail;
	r = load(plugin, section, err);
	if (r < 0)
		goto fail;
	*out = plugin;
	return 0;
fail:
	plugin_close(plugin);
	return r;
}

void
plugin_close(struct plugin *plugin)
{
	if (!plugin)
		return;
	if (plugin->handle && !plugin->keep)
		dlclose(plugin->handle);
	free(plugin->source);
	free(plugin->copy);
	free(plugin);
}

/* ---- telling about it ---- */

const char *
plugin_version(const struct svc_plugin *table)
{
	return table->version ? table->version : "";
}

json_t *
plugin_describe(const struct svc_plugin *table)
{
	json_t *keys = json_array();

	for (const struct svc_key *key = table->keys; key && key->name; key++)
		json_array_append_new(keys,
		                      json_pack("{s:s, s:i, s:s?, s:s?}", "name",
		                                key->name, "type", key->type, "fallback",
		                                key->fallback, "help", key->help));
	return json_pack("{s:s, s:s, s:I, s:o}", "name", table->name, "version",
	                 plugin_version(table), "flags", (json_int_t)table->flags, "keys",
	                 keys);
}
