/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "pipeline_priv.h"
#include "tracestate_priv.h"

static bool
is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* key = ( lcalpha / DIGIT ) 0*255 ( keychar ); level 2 has no separate grammar for tenants. */
static bool
is_key(const char *key, size_t len)
{
	if (!len || len > 256 || !is_lower_or_digit(*key))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_lower_or_digit(key[i]) && !(key[i] && strchr("_-*/@", key[i])))
			return false;
	return true;
}

/* value = 0*255(chr) nblk-chr; that it ends in no blank has been seen to. */
static bool
is_value(const char *value, size_t len)
{
	if (!len || len > 256)
		return false;
	for (size_t i = 0; i < len; i++)
		if (value[i] < 0x20 || value[i] > 0x7e || value[i] == ',' ||
		    value[i] == '=')
			return false;
	return true;
}

static bool
has_key(const struct otelp_tracestate_reader *reader, const char *key, size_t len)
{
	for (size_t i = 0; i < reader->n; i++)
		if (reader->members[i].key_len == len &&
		    memcmp(reader->text + reader->members[i].at, key, len) == 0)
			return true;
	return false;
}

/* A key that comes again is dropped: the first, leftmost member is the newest. */
static bool
add_member(struct otelp_tracestate_reader *reader, const char *member, size_t len)
{
	const char *equals = memchr(member, '=', len);
	size_t key_len = equals ? (size_t)(equals - member) : 0;

	if (!is_key(member, key_len) || !is_value(equals + 1, len - key_len - 1))
		return false;
	if (has_key(reader, member, key_len))
		return true;
	if (reader->n == OTELP_TRACESTATE_MEMBERS)
		return false;
	if (reader->n)
		reader->text[reader->len++] = ',';
	reader->members[reader->n].at = (unsigned short)reader->len;
	reader->members[reader->n].key_len = (unsigned short)key_len;
	reader->n++;
	memcpy(reader->text + reader->len, member, len);
	reader->len += len;
	reader->text[reader->len] = '\0';
	return true;
}

void
otelp_tracestate_reader_init(struct otelp_tracestate_reader *reader)
{
	reader->n = reader->len = 0;
	reader->text[0] = '\0';
}

bool
otelp_tracestate_read(struct otelp_tracestate_reader *reader, const char *line,
                      size_t len)
{
	const char *end = line + len;

	while (line < end) {
		const char *comma = memchr(line, ',', (size_t)(end - line));
		const char *item = line, *item_end = comma ? comma : end;

		line = comma ? comma + 1 : end;
		while (item < item_end && (*item == ' ' || *item == '\t'))
			item++;
		while (item_end > item && (item_end[-1] == ' ' || item_end[-1] == '\t'))
			item_end--;
		if (item < item_end &&
		    !add_member(reader, item, (size_t)(item_end - item)))
			return false;
	}
	return true;
}

struct otelp_tracestate *
otelp_tracestate_new(const char *text, size_t len)
{
	struct otelp_tracestate *state = len ? otelp_malloc(sizeof *state + len + 1)
	                                     : NULL;

	if (!state)
		return NULL;
	atomic_init(&state->refs, 1);
	memcpy(state->text, text, len);
	state->text[len] = '\0';
	return state;
}

struct otelp_tracestate *
otelp_tracestate_parse(const char *text)
{
	struct otelp_tracestate_reader reader;

	otelp_tracestate_reader_init(&reader);
	if (!otelp_tracestate_read(&reader, text, strlen(text)))
		return NULL;
	return otelp_tracestate_new(reader.text, reader.len);
}

struct otelp_tracestate *
otelp_tracestate_ref(struct otelp_tracestate *state)
{
	if (state)
		atomic_fetch_add_explicit(&state->refs, 1, memory_order_relaxed);
	return state;
}

void
otelp_tracestate_unref(struct otelp_tracestate *state)
{
	if (state &&
	    atomic_fetch_sub_explicit(&state->refs, 1, memory_order_acq_rel) == 1)
		otelp_free(state);
}
