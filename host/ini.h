/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/ini.h - the lines of host.conf as sections and entries, each knowing where it stands.
 *
 *	# a comment, or with a semicolon
 *	[section]
 *	key = value to the end of the line      ; a comment after a value needs a space before it
 *	other = "value # with a hash"           # quotes keep what stands between them
 *	third = ${VARIABLE:-text when unset}    # ${VARIABLE} alone must be set
 *
 * Knows nothing of what the keys mean.
 */
#ifndef HOST_INI_H
#define HOST_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "conf.h"
#include <otel/error.h>

struct ini_entry {
	char *key, *value;
	char *where; /* "etc/host.conf:12", "--set" */
	bool bad;    /* a mistake in it has been told already; its value is "" */
	bool used;   /* for the reader of sections: what stays unused is unknown */
};

struct ini_section {
	char *name;  /* as written, spaces between words made one: "plugin hello" */
	char *where; /* of its heading */
	struct ini_entry *entries;
	size_t n_entries;
};

struct ini {
	struct ini_section *sections;
	size_t n_sections;
};

/* Adds the file's lines to *ini, and every mistake to *problems, a file that cannot be read too. */
void ini_read(struct ini *ini, const char *file, struct host_problems *problems);
/* The same for text in memory; `name` is what messages call it. */
void ini_parse(struct ini *ini, const char *name, const char *text, size_t len,
               struct host_problems *problems);
/* Sets one value over what is there, making the section when it is new. */
void ini_set(struct ini *ini, const char *section, const char *key, const char *value,
             const char *where);
/* Borrow; NULL when there is none. */
struct ini_section *ini_section(const struct ini *ini, const char *name);
struct ini_entry *ini_entry(const struct ini_section *section, const char *key);
void ini_fini(struct ini *ini);
/* Whether it is UTF-8. */
bool ini_is_text(const char *text);

#endif
