/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A baggage is one block: the struct, its members, and the bytes of their strings. A change makes
 * another block. It keeps how long its header would be, so that the limits cost nothing to check.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "percent_priv.h"
#include "pipeline_priv.h"
#include <otel/baggage.h>

/* W3C Baggage section 3.3.2: what every platform has to propagate; ours propagates no more. */
#define MAX_MEMBERS 64
#define MAX_BYTES   8192

struct member {
	const char *name, *value;
	const char *metadata; /* "" when there is none */
};

struct otel_baggage {
	atomic_uint refs;
	size_t n, header_len;
	struct member members[];
	/* the strings follow */
};

/* RFC 9110 section 5.6.2. */
static bool
is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool
is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_token_char(text[i]))
			return false;
	return len > 0;
}

/* baggage-octet: visible ASCII without `"`, `,`, `;` and `\`. */
static bool
is_baggage_octet(char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

/* Properties travel verbatim; nothing in them may end the member or the header line. */
static bool
is_metadata(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((!is_baggage_octet(text[i]) && !strchr("; \t", text[i])) || !text[i])
			return false;
	return true;
}

static bool
travels_as_is(char c)
{
	return is_baggage_octet(c) && c != '%';
}

static size_t
encoded_len(const char *value)
{
	size_t len = 0;

	for (; *value; value++)
		len += travels_as_is(*value) ? 1 : 3;
	return len;
}

static size_t
member_header_len(const struct member *member)
{
	size_t metadata = strlen(member->metadata);

	return strlen(member->name) + 1 + encoded_len(member->value) +
	       (metadata ? metadata + 1 : 0);
}

static const char *
put(char **at, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memcpy(*at, text, size);

	*at += size;
	return copy;
}

/* Copies `n` members into one block. Returns 0, -EINVAL past the limits, or -ENOMEM. */
static int
baggage_make(const struct member *members, size_t n, struct otel_baggage **out)
{
	size_t header_len = n ? n - 1 : 0, bytes = 0;
	struct otel_baggage *baggage;
	char *at;

	for (size_t i = 0; i < n; i++) {
		header_len += member_header_len(&members[i]);
		bytes += strlen(members[i].name) + strlen(members[i].value) +
		         strlen(members[i].metadata) + 3;
	}
	if (n > MAX_MEMBERS || header_len > MAX_BYTES)
		return -EINVAL;
	baggage = otelp_malloc(sizeof *baggage + n * sizeof *members + bytes);
	if (!baggage)
		return -ENOMEM;
	atomic_init(&baggage->refs, 1);
	baggage->n = n;
	baggage->header_len = header_len;
	at = (char *)(baggage->members + n);
	for (size_t i = 0; i < n; i++) {
		baggage->members[i].name = put(&at, members[i].name);
		baggage->members[i].value = put(&at, members[i].value);
		baggage->members[i].metadata = put(&at, members[i].metadata);
	}
	*out = baggage;
	return 0;
}

static size_t
find(const struct member *members, size_t n, const char *name)
{
	size_t i = 0;

	while (i < n && strcmp(members[i].name, name) != 0)
		i++;
	return i;
}

static char *
trim(char *text, size_t *len)
{
	while (*len && (*text == ' ' || *text == '\t')) {
		text++;
		--*len;
	}
	while (*len && (text[*len - 1] == ' ' || text[*len - 1] == '\t'))
		--*len;
	return text;
}

/* Whether a value is UTF-8 without NUL; overlong forms and surrogates are not. */
static bool
is_utf8_text(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;

	while (p < end) {
		unsigned char lead = *p++;
		int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
		unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
		unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

		if (lead && lead < 0x80)
			continue;
		if (!lead || lead < 0xc2 || lead > 0xf4 || end - p < more)
			return false;
		if (*p < low || *p > high)
			return false;
		for (p++; --more; p++)
			if ((*p & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* Splits `name = value ; properties` in place, in storage that has room for a NUL behind it. */
static int
parse_member(char *text, size_t len, struct member *member, struct otel_error *err)
{
	char *semicolon = memchr(text, ';', len), *equals = memchr(text, '=', len), *name,
	     *value;
	size_t pair_len = semicolon ? (size_t)(semicolon - text) : len, name_len,
	       value_len, rest;

	if (!equals || equals > text + pair_len)
		return otel_error_set(err, -EINVAL, "baggage: '%.*s' has no '='",
		                      (int)pair_len, text);
	name_len = (size_t)(equals - text);
	value_len = pair_len - name_len - 1;
	name = trim(text, &name_len);
	value = trim(equals + 1, &value_len);
	if (!is_token(name, name_len))
		return otel_error_set(err, -EINVAL, "baggage: '%.*s' is no name",
		                      (int)name_len, name);
	for (size_t i = 0; i < value_len; i++)
		if (!is_baggage_octet(value[i]))
			return otel_error_set(err, -EINVAL,
			                      "baggage: bad byte 0x%02x in a value",
			                      (unsigned char)value[i]);
	if (!otelp_percent_decode(value, value_len, value, &value_len) ||
	    !is_utf8_text(value, value_len))
		return otel_error_set(err, -EINVAL,
		                      "baggage: a value is not percent-encoded UTF-8");
	member->metadata = "";
	if (semicolon) {
		rest = len - pair_len - 1;
		semicolon = trim(semicolon + 1, &rest);
		if (!is_metadata(semicolon, rest))
			return otel_error_set(err, -EINVAL, "baggage: bad properties");
		semicolon[rest] = '\0';
		member->metadata = semicolon;
	}
	name[name_len] = '\0';
	value[value_len] = '\0';
	member->name = name;
	member->value = value;
	return 0;
}

/* W3C Baggage section 3.3: names may repeat on the wire, but not here; the last one wins. */
static int
parse_members(char *text, size_t len, struct member *members, size_t *n,
              struct otel_error *err)
{
	char *end = text + len;

	while (text < end) {
		char *comma = memchr(text, ',', (size_t)(end - text)), *item = text;
		struct member member;
		size_t item_len, at;
		int r;

		item_len = (size_t)((comma ? comma : end) - text);
		text += item_len + 1;
		item = trim(item, &item_len);
		if (!item_len)
			continue;
		r = parse_member(item, item_len, &member, err);
		if (r < 0)
			return r;
		at = find(members, *n, member.name);
		if (at == MAX_MEMBERS)
			return otel_error_set(err, -EINVAL,
			                      "baggage: more than %d members",
			                      MAX_MEMBERS);
		members[at] = member;
		*n += at == *n;
	}
	return 0;
}

int
otel_baggage_parse(const char *text, size_t len, struct otel_baggage **out,
                   struct otel_error *err)
{
	struct member members[MAX_MEMBERS];
	struct otel_baggage *baggage = NULL;
	size_t n = 0;
	char *copy;
	int r;

	if (len > MAX_BYTES)
		return otel_error_set(err, -EINVAL, "baggage: longer than %d bytes",
		                      MAX_BYTES);
	copy = otelp_malloc(len + 1);
	if (!copy)
		return otel_error_set(err, -ENOMEM, "baggage: out of memory");
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	r = parse_members(copy, len, members, &n, err);
	if (r == 0 && n) {
		r = baggage_make(members, n, &baggage);
		if (r < 0)
			otel_error_set(err, r, "baggage: %s",
			               r == -ENOMEM ? "out of memory"
			                            : "too long when encoded again");
	}
	otelp_free(copy);
	if (r == 0)
		*out = baggage;
	return r;
}

struct otel_baggage *
otel_baggage_with(const struct otel_baggage *baggage, const char *name, const char *value,
                  const char *metadata)
{
	struct member members[MAX_MEMBERS + 1];
	struct otel_baggage *with;
	size_t n = baggage ? baggage->n : 0, at;

	if (!name || !is_token(name, strlen(name)) ||
	    (value && !is_utf8_text(value, strlen(value))) ||
	    (metadata && !is_metadata(metadata, strlen(metadata))))
		return NULL;
	if (n)
		memcpy(members, baggage->members, n * sizeof *members);
	at = n ? find(baggage->members, n, name) : 0;
	if (value) {
		members[at] = (struct member){ name, value, metadata ? metadata : "" };
		n += at == n;
	} else if (at < n) {
		memmove(&members[at], &members[at + 1], (n - at - 1) * sizeof *members);
		n--;
	}
	return baggage_make(members, n, &with) == 0 ? with : NULL;
}

const char *
otel_baggage_get(const struct otel_baggage *baggage, const char *name)
{
	size_t at = baggage && name ? find(baggage->members, baggage->n, name) : 0;

	return baggage && name && at < baggage->n ? baggage->members[at].value : NULL;
}

size_t
otel_baggage_count(const struct otel_baggage *baggage)
{
	return baggage ? baggage->n : 0;
}

int
otel_baggage_at(const struct otel_baggage *baggage, size_t i, const char **name,
                const char **value, const char **metadata)
{
	const struct member *member;

	if (!baggage || i >= baggage->n)
		return 0;
	member = &baggage->members[i];
	if (name)
		*name = member->name;
	if (value)
		*value = member->value;
	if (metadata)
		*metadata = member->metadata;
	return 1;
}

struct writer {
	char *at, *end;
};

static void
write_char(struct writer *w, char c)
{
	if (w->at < w->end)
		*w->at++ = c;
}

static void
write_text(struct writer *w, const char *text)
{
	while (*text)
		write_char(w, *text++);
}

static void
write_value(struct writer *w, const char *value)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *value; value++) {
		if (travels_as_is(*value)) {
			write_char(w, *value);
			continue;
		}
		write_char(w, '%');
		write_char(w, digits[(unsigned char)*value >> 4]);
		write_char(w, digits[*value & 15]);
	}
}

size_t
otel_baggage_format(const struct otel_baggage *baggage, char *buf, size_t size)
{
	struct writer w = { buf, size ? buf + size - 1 : buf };

	for (size_t i = 0; baggage && i < baggage->n; i++) {
		const struct member *member = &baggage->members[i];

		if (i)
			write_char(&w, ',');
		write_text(&w, member->name);
		write_char(&w, '=');
		write_value(&w, member->value);
		if (*member->metadata) {
			write_char(&w, ';');
			write_text(&w, member->metadata);
		}
	}
	if (size)
		*w.at = '\0';
	return baggage ? baggage->header_len : 0;
}

struct otel_baggage *
otel_baggage_ref(struct otel_baggage *baggage)
{
	if (baggage)
		atomic_fetch_add_explicit(&baggage->refs, 1, memory_order_relaxed);
	return baggage;
}

void
otel_baggage_unref(struct otel_baggage *baggage)
{
	if (baggage &&
	    atomic_fetch_sub_explicit(&baggage->refs, 1, memory_order_acq_rel) == 1)
		otelp_free(baggage);
}
