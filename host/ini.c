/* SPDX-License-Identifier: Apache-2.0 */
#include "ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define FILE_MAX_SIZE (4 << 20)

struct parser {
	struct ini *ini;
	struct ini_section
		*section; /* NULL: before the first heading, or below a bad one */
	bool in_bad_section;
	const char *name;
	unsigned line;
	struct host_problems *problems;
};

/* ---- what has been read ---- */

struct ini_section *
ini_section(const struct ini *ini, const char *name)
{
	for (size_t i = 0; i < ini->n_sections; i++)
		if (!strcmp(ini->sections[i].name, name))
			return &ini->sections[i];
	return NULL;
}

struct ini_entry *
ini_entry(const struct ini_section *section, const char *key)
{
	for (size_t i = 0; i < section->n_entries; i++)
		if (!strcmp(section->entries[i].key, key))
			return &section->entries[i];
	return NULL;
}

static struct ini_section *
add_section(struct ini *ini, const char *name, const char *where)
{
	struct ini_section *section = xgrow(&ini->sections, &ini->n_sections,
	                                    sizeof *section);

	section->name = xstrdup(name);
	section->where = xstrdup(where);
	return section;
}

void
ini_set(struct ini *ini, const char *section_name, const char *key, const char *value,
        const char *where)
{
	struct ini_section *section = ini_section(ini, section_name);
	struct ini_entry *entry;

	if (!section)
		section = add_section(ini, section_name, where);
	entry = ini_entry(section, key);
	if (!entry) {
		entry = xgrow(&section->entries, &section->n_entries, sizeof *entry);
		entry->key = xstrdup(key);
	}
	free(entry->value);
	free(entry->where);
	entry->value = xstrdup(value);
	entry->where = xstrdup(where);
	entry->bad = false;
}

void
ini_fini(struct ini *ini)
{
	for (size_t i = 0; i < ini->n_sections; i++) {
		struct ini_section *section = &ini->sections[i];

		for (size_t j = 0; j < section->n_entries; j++) {
			free(section->entries[j].key);
			free(section->entries[j].value);
			free(section->entries[j].where);
		}
		free(section->entries);
		free(section->name);
		free(section->where);
	}
	free(ini->sections);
	memset(ini, 0, sizeof *ini);
}

/* ---- values ---- */

struct text {
	char *bytes;
	size_t len, size;
};

static void
append(struct text *out, const char *bytes, size_t len)
{
	if (out->size - out->len <= len) {
		out->size = 2 * out->size + len + 64;
		out->bytes = realloc(out->bytes, out->size);
		if (!out->bytes)
			abort();
	}
	memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
	out->bytes[out->len] = '\0';
}

/* Appends what "${NAME}" or "${NAME:-text}" stands for; `at` is behind the "${". Returns behind the "}", NULL when wrong. */
static const char *
expand_variable(struct parser *p, const char *key, const char *at, struct text *out)
{
	const char *end = strchr(at, '}'), *dash = strstr(at, ":-"), *value;
	char *name;

	if (!end) {
		host_problems_add(
			p->problems,
			"%s:%u: %s: expected } after ${, found the end of the value; write $${ for "
			"the two characters themselves",
			p->name, p->line, key);
		return NULL;
	}
	if (dash && dash > end)
		dash = NULL;
	name = xstrndup(at, (size_t)((dash ? dash : end) - at));
	if (!*name ||
	    name[strspn(
		    name,
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")]) {
		host_problems_add(
			p->problems,
			"%s:%u: %s: expected the name of an environment variable in ${...}, found "
			"\"%s\"",
			p->name, p->line, key, name);
		free(name);
		return NULL;
	}
	value = getenv(name);
	if (dash && (!value || !*value)) {
		append(out, dash + 2, (size_t)(end - dash - 2));
	} else if (value) {
		append(out, value, strlen(value));
	} else {
		host_problems_add(
			p->problems,
			"%s:%u: %s: expected the environment variable %s to be set, found that it "
			"is not; set it, or write ${%s:-default}",
			p->name, p->line, key, name, name);
		free(name);
		return NULL;
	}
	free(name);
	return end + 1;
}

/* Whether a comment begins at `at`, which is not the first character of the value. */
static bool
is_comment(const char *at)
{
	return (*at == '#' || *at == ';') && isspace((unsigned char)at[-1]);
}

/* The value of a line as it is meant: quotes off, comment off, variables in. NULL when it was wrong. Owned. */
static char *
read_value(struct parser *p, const char *key, const char *at)
{
	struct text out = { NULL, 0, 0 };
	bool quoted = *at == '"';
	size_t trimmed;

	append(&out, "", 0);
	if (quoted)
		at++;
	while (*at) {
		if (quoted && *at == '"')
			break;
		if (!quoted && is_comment(at))
			break;
		if (quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\')) {
			append(&out, at + 1, 1);
			at += 2;
		} else if (at[0] == '$' && at[1] == '$' && at[2] == '{') {
			append(&out, "${", 2);
			at += 3;
		} else if (at[0] == '$' && at[1] == '{') {
			at = expand_variable(p, key, at + 2, &out);
			if (!at)
				goto fail;
		} else {
			append(&out, at++, 1);
		}
	}
	if (!quoted) {
		for (trimmed = out.len;
		     trimmed && isspace((unsigned char)out.bytes[trimmed - 1]); trimmed--)
			;
		out.bytes[trimmed] = '\0';
		return out.bytes;
	}
	if (*at != '"') {
		host_problems_add(
			p->problems,
			"%s:%u: %s: expected a closing \" at the end of the value, found none; write "
			"\\\" for a quote inside it",
			p->name, p->line, key);
		goto fail;
	}
	at++;
	if (at[strspn(at, " \t")] && !is_comment(at + strspn(at, " \t"))) {
		host_problems_add(
			p->problems,
			"%s:%u: %s: expected nothing but a comment after the closing \", found \"%s\"",
			p->name, p->line, key, at + strspn(at, " \t"));
		goto fail;
	}
	return out.bytes;
fail:
	free(out.bytes);
	return NULL;
}

/* ---- lines ---- */

bool
ini_is_text(const char *text)
{
	json_t *json = json_string(
		text); /* jansson's own measure, since workers get it as JSON */

	json_decref(json);
	return json != NULL;
}

/* Words with one space between them, in place. */
static void
squeeze(char *text)
{
	char *out = text;
	bool gap = false;

	for (char *in = text; *in; in++) {
		if (isspace((unsigned char)*in)) {
			gap = out != text;
		} else {
			if (gap)
				*out++ = ' ';
			gap = false;
			*out++ = *in;
		}
	}
	*out = '\0';
}

static void
read_heading(struct parser *p, char *line)
{
	char *end = strchr(line, ']'), where[512], *rest;
	const struct ini_section *other;

	p->section = NULL;
	p->in_bad_section = true;
	if (!end) {
		host_problems_add(
			p->problems,
			"%s:%u: expected ] at the end of the section's name, found \"%s\"",
			p->name, p->line, line);
		return;
	}
	*end = '\0';
	rest = end + 1 + strspn(end + 1, " \t");
	if (*rest && *rest != '#' && *rest != ';') {
		host_problems_add(
			p->problems,
			"%s:%u: [%s]: expected nothing but a comment after ], found \"%s\"",
			p->name, p->line, line + 1, rest);
		return;
	}
	squeeze(line + 1);
	if (!line[1]) {
		host_problems_add(
			p->problems,
			"%s:%u: expected a section's name between [ and ], found none",
			p->name, p->line);
		return;
	}
	other = ini_section(p->ini, line + 1);
	if (other) {
		host_problems_add(
			p->problems,
			"%s:%u: [%s]: expected each section once, found it again; it began at %s: put "
			"the keys there",
			p->name, p->line, line + 1, other->where);
		return;
	}
	snprintf(where, sizeof where, "%s:%u", p->name, p->line);
	p->section = add_section(p->ini, line + 1, where);
	p->in_bad_section = false;
}

/* "[section] key", for messages. Owned. */
static char *
named(const struct parser *p, const char *key)
{
	return xasprintf("[%s] %s", p->section->name, key);
}

static void
read_pair(struct parser *p, char *line)
{
	char *equals = strchr(line, '='), *value, *name, where[512];
	size_t key_len;
	const struct ini_entry *other;

	if (!equals) {
		host_problems_add(
			p->problems,
			"%s:%u: expected \"key = value\", \"[section]\" or a comment, found \"%.60s\"",
			p->name, p->line, line);
		return;
	}
	*equals = '\0';
	for (key_len = (size_t)(equals - line);
	     key_len && isspace((unsigned char)line[key_len - 1]);)
		line[--key_len] = '\0';
	if (!key_len ||
	    line[strspn(
		    line,
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")]) {
		host_problems_add(
			p->problems,
			"%s:%u: expected a key of letters, digits, '_', '.' and '-' before =, found "
			"\"%.60s\"",
			p->name, p->line, line);
		return;
	}
	if (!p->section) {
		if (!p->in_bad_section)
			host_problems_add(
				p->problems,
				"%s:%u: %s: expected a section before the first key, found none; begin "
				"with [host]",
				p->name, p->line, line);
		return;
	}
	name = named(p, line);
	other = ini_entry(p->section, line);
	if (other) {
		host_problems_add(
			p->problems,
			"%s:%u: %s: expected each key once, found it again; it was set at %s: remove "
			"one of the two",
			p->name, p->line, name, other->where);
		free(name);
		return;
	}
	value = read_value(p, name, equals + 1 + strspn(equals + 1, " \t"));
	if (value && !ini_is_text(value)) {
		host_problems_add(
			p->problems,
			"%s:%u: %s: expected UTF-8 in the variable, found bytes that are none",
			p->name, p->line, name);
		free(value);
		value = NULL;
	}
	free(name);
	snprintf(where, sizeof where, "%s:%u", p->name, p->line);
	/* A wrong value keeps its place, so that its key is not said to be missing too. */
	ini_set(p->ini, p->section->name, line, value ? value : "", where);
	ini_entry(p->section, line)->bad = !value;
	free(value);
}

static void
read_line(struct parser *p, char *line, size_t len)
{
	if (memchr(line, '\0', len)) {
		host_problems_add(
			p->problems,
			"%s:%u: expected text, found a zero byte; is this the right file?",
			p->name, p->line);
		return;
	}
	if (!ini_is_text(line)) {
		host_problems_add(
			p->problems,
			"%s:%u: expected UTF-8, found bytes that are none; save the file as UTF-8",
			p->name, p->line);
		return;
	}
	while (len && isspace((unsigned char)line[len - 1]))
		line[--len] = '\0';
	line += strspn(line, " \t");
	if (!*line || *line == '#' || *line == ';')
		return;
	if (*line == '[')
		read_heading(p, line);
	else
		read_pair(p, line);
}

void
ini_parse(struct ini *ini, const char *name, const char *text, size_t len,
          struct host_problems *problems)
{
	struct parser p = { .ini = ini, .name = name, .problems = problems };
	const char *end = text + len;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = newline ? (size_t)(newline - text) : (size_t)(end - text);
		char *line = xcalloc(n + 1, 1);

		memcpy(line, text, n);
		p.line++;
		read_line(&p, line, n);
		free(line);
		text += n + (newline != NULL);
	}
}

void
ini_read(struct ini *ini, const char *file, struct host_problems *problems)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct text text = { NULL, 0, 0 };
	struct stat st;
	char buf[16384];
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || (S_ISDIR(st.st_mode) && (errno = EISDIR))) {
		host_problems_add(
			problems,
			"%s: expected a file to read, found: %s; name one with -c FILE",
			file, strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	append(&text, "", 0);
	while (text.len <= FILE_MAX_SIZE && (n = read(fd, buf, sizeof buf)) > 0)
		append(&text, buf, (size_t)n);
	if (n < 0)
		host_problems_add(problems, "%s: expected a file to read, found: %s",
		                  file, strerror(errno));
	else if (n > 0)
		host_problems_add(
			problems,
			"%s: expected at most %d bytes, found more; is this the right file?",
			file, FILE_MAX_SIZE);
	close(fd);
	if (n == 0)
		ini_parse(ini, file, text.bytes, text.len, problems);
	free(text.bytes);
}
