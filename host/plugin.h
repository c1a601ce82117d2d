/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/plugin.h - a service's shared object, from the file to its table.
 *
 * Each load has a copy of the file under a name of its own: dlopen() of a path that is loaded returns the
 * old image, and a mapped file that is overwritten is a crash. What is wrong with a plugin is said in one
 * sentence that names the file that the user knows (not the copy), what was expected, what was found and
 * what to do.
 */
#ifndef HOST_PLUGIN_H
#define HOST_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>

struct json_t;
struct svc_plugin;

struct plugin {
	char *source;                   /* the file as configured */
	char *copy;                     /* the file that is mapped */
	void *handle;                   /* of dlopen() */
	const struct svc_plugin *table; /* borrowed from the image */
	uintptr_t base;                 /* where it is mapped, as a debugger counts */
	size_t size;                    /* bytes from there on */
	bool keep;                      /* must never be unloaded ... */
	const char *keep_reason;        /* ... because of this; "" */
};

/*
 * Copies `source` to the new file `copy` (0600) and checks that what arrived is a whole shared object. On
 * failure there is no file `copy`. Reads and writes: not [loop].
 */
OTEL_MUST_USE int plugin_copy(const char *source, const char *copy,
                              struct otel_error *err);

/*
 * Loads `copy` and checks its table against `section`, the NAME of [plugin NAME]; NULL: any name.
 * `source` is what messages call it. Constructors run: not [loop]. 0 and an owned *out, or a negative errno.
 */
OTEL_MUST_USE int plugin_open(const char *copy, const char *source, const char *section,
                              struct plugin **out, struct otel_error *err);

/* Unloads it, unless it must be kept; the file of the copy stays. NULL is fine. */
void plugin_close(struct plugin *plugin);

/* The table alone, for tests: `size` bytes of it are there. -ENOEXEC with *err. [any] */
OTEL_MUST_USE int plugin_check_table(const struct svc_plugin *table, size_t size,
                                     const char *source, const char *section,
                                     struct otel_error *err);

/* Borrows what the table says; "" when it says nothing. [any] */
const char *plugin_version(const struct svc_plugin *table);

/* {"name","version","flags","keys":[{"name","type","fallback","help"}]}; owned; NULL without memory. [any] */
struct json_t *plugin_describe(const struct svc_plugin *table);

#endif
