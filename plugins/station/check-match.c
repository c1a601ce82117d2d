/* SPDX-License-Identifier: Apache-2.0 */
#include "check-match.h"

#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "near.h"
#include "regex-size.h"
#include "utf8.h"
#include "vars.h"

#define TEXT_SHOWN 100 /* bytes of a value in a sentence */

#define ANY(name) OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_##name##_VALUE

struct check_match {
	enum check_scale scale;
	bool present, absent, has_type, number, has_min, has_max, has_regex;
	enum check_type type; /* `number` is for integer or double */
	double min, max;
	const char *word; /* "WARN": stands for min and max; borrowed from the table */
	json_t *equals;   /* owned, as the others */
	json_t *contains;
	char *pattern;
	regex_t regex;
	struct check_match **one_of;
	size_t n_one_of;
	struct check_match * not ;
};

static const char *const type_names[] = {
	[CHECK_ABSENT] = "absent",     [CHECK_STRING] = "string",
	[CHECK_BOOLEAN] = "boolean",   [CHECK_INTEGER] = "integer",
	[CHECK_DOUBLE] = "double",     [CHECK_BYTES] = "bytes",
	[CHECK_ARRAY] = "array",       [CHECK_MAP] = "map",
	[CHECK_EMPTY] = "empty value",
};

static const char *const severities[] = { "TRACE", "DEBUG", "INFO",
	                                  "WARN",  "ERROR", "FATAL" };
#define N_SEVERITIES (sizeof severities / sizeof *severities)

/* ---- values ---- */

struct check_value
check_value_of(const otlp_any *any)
{
	struct check_value value = { .any = any };

	if (!any)
		return value;
	switch (any->value_case) {
	case ANY(STRING):
		value.type = CHECK_STRING;
		value.text = any->string_value;
		break;
	case ANY(BOOL):
		value.type = CHECK_BOOLEAN;
		value.integer = any->bool_value;
		break;
	case ANY(INT):
		value.type = CHECK_INTEGER;
		value.integer = any->int_value;
		break;
	case ANY(DOUBLE):
		value.type = CHECK_DOUBLE;
		value.real = any->double_value;
		break;
	case ANY(ARRAY):
		value.type = CHECK_ARRAY;
		break;
	case ANY(KVLIST):
		value.type = CHECK_MAP;
		break;
	case ANY(BYTES):
		value.type = CHECK_BYTES;
		break;
	default:
		value.type = CHECK_EMPTY;
	}
	return value;
}

struct check_value
check_text(const char *text)
{
	return (struct check_value){ .type = text ? CHECK_STRING : CHECK_ABSENT,
		                     .text = text };
}

struct check_value
check_integer(int64_t integer)
{
	return (struct check_value){ .type = CHECK_INTEGER, .integer = integer };
}

struct check_value
check_double(double real)
{
	return (struct check_value){ .type = CHECK_DOUBLE, .real = real };
}

static bool
is_number(const struct check_value *value, double *out)
{
	if (value->type == CHECK_INTEGER)
		*out = (double)value->integer;
	else if (value->type == CHECK_DOUBLE)
		*out = value->real;
	else
		return false;
	return true;
}

static bool
array_equals(const otlp_any *any, const json_t *json)
{
	if (!json_is_array(json) || any->array_value->n_values != json_array_size(json))
		return false;
	for (size_t i = 0; i < json_array_size(json); i++) {
		struct check_value value = check_value_of(any->array_value->values[i]);

		if (!check_value_equals(&value, json_array_get(json, i), CHECK_STRICT))
			return false;
	}
	return true;
}

static bool
map_equals(const otlp_any *any, const json_t *json)
{
	if (!json_is_object(json) ||
	    any->kvlist_value->n_values != json_object_size(json))
		return false;
	for (size_t i = 0; i < any->kvlist_value->n_values; i++) {
		const otlp_key_value *kv = any->kvlist_value->values[i];
		struct check_value value = check_value_of(kv->value);
		const json_t *other = json_object_get(json, kv->key);

		if (!other || !check_value_equals(&value, other, CHECK_STRICT))
			return false;
	}
	return true;
}

bool
check_value_equals(const struct check_value *value, const json_t *json,
                   enum check_scale scale)
{
	double number;

	if (scale != CHECK_STRICT && json_is_number(json))
		return is_number(value, &number) && number == json_number_value(json);
	switch (value->type) {
	case CHECK_STRING:
		return json_is_string(json) &&
		       !strcmp(value->text, json_string_value(json));
	case CHECK_BOOLEAN:
		return json_is_boolean(json) &&
		       json_is_true(json) == (value->integer != 0);
	case CHECK_INTEGER:
		return json_is_integer(json) &&
		       json_integer_value(json) == value->integer;
	case CHECK_DOUBLE:
		return json_is_real(json) && json_real_value(json) == value->real;
	case CHECK_ARRAY:
		return array_equals(value->any, json);
	case CHECK_MAP:
		return map_equals(value->any, json);
	case CHECK_EMPTY:
		return json_is_null(json);
	default:
		return false;
	}
}

/* ---- mistakes ---- */

static void
write_path(struct buf *buf, const struct check_at *at)
{
	if (!at)
		return;
	write_path(buf, at->up);
	if (at->key)
		buf_printf(buf, "%s%s", at->up ? "." : "", at->key);
	else
		buf_printf(buf, "[%zu]", at->index);
}

void
check_mistake(struct check_reader *reader, const struct check_at *at, const char *fmt,
              ...)
{
	struct buf path = { 0 };
	char message[400];
	va_list ap;
	json_t *mistake;

	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	utf8_mend(message); /* it may be cut within a character, or quote what is none */
	if (json_array_size(reader->mistakes) >= CHECK_MAX_MISTAKES)
		return;
	buf_puts(&path, "");
	write_path(&path, at);
	mistake = json_pack("{s:s,s:s}", "path", path.failed ? "" : path.data, "message",
	                    message);
	if (path.failed || !mistake ||
	    json_array_append_new(reader->mistakes, mistake) < 0)
		reader->out_of_memory = true;
	buf_fini(&path);
}

const char *
check_json_type(const json_t *json)
{
	switch (json ? json_typeof(json) : JSON_NULL) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a text";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	default:
		return "null";
	}
}

/* ---- reading ---- */

static bool
word_severity(const char *text, double *first, const char **word)
{
	for (size_t i = 0; i < N_SEVERITIES; i++)
		if (!strcmp(text, severities[i])) {
			*first = (double)(1 + 4 * i);
			*word = severities[i];
			return true;
		}
	return false;
}

/* A number in the field's scale. */
static bool
read_number(struct check_reader *reader, const struct check_at *at, const json_t *json,
            enum check_scale scale, bool last, double *out)
{
	const char *text = json_string_value(json), *word;

	if (json_is_number(json) && scale != CHECK_DURATION) {
		*out = json_number_value(json);
		return true;
	}
	if (scale == CHECK_DURATION && text && vars_duration(text, out) == 0)
		return true;
	if (scale == CHECK_SEVERITY && text && word_severity(text, out, &word)) {
		*out += last ? 3 : 0;
		return true;
	}
	check_mistake(reader, at, "expected %s, found %s%s%.60s%s",
	              scale == CHECK_DURATION   ? "a duration such as \"5ms\" or \"2s\""
	              : scale == CHECK_SEVERITY ? "a severity such as \"WARN\""
	                                        : "a number",
	              text ? "\"" : "", text ? "" : check_json_type(json),
	              text ? text : "", text ? "\"" : "");
	return false;
}

/* A text that must be one of few. */
static bool
check_word(struct check_reader *reader, const struct check_at *at, const char *text,
           const char *const *words)
{
	const char *best = NULL;
	struct buf all = { 0 };

	for (size_t i = 0; words[i]; i++)
		if (!strcmp(words[i], text))
			return true;
	for (size_t i = 0; words[i]; i++) {
		if (near_is_typo(text, words[i]) && !best)
			best = words[i];
		buf_printf(&all, "%s\"%s\"", i ? ", " : "", words[i]);
	}
	if (best)
		check_mistake(reader, at, "unknown word \"%.60s\"; did you mean \"%s\"?",
		              text, best);
	else
		check_mistake(reader, at, "unknown word \"%.60s\"; expected one of %s",
		              text, all.data ? all.data : "");
	buf_fini(&all);
	return false;
}

/* A value that stands for itself. */
static bool
read_literal(struct check_reader *reader, const struct check_at *at, const json_t *json,
             const char *const *words, struct check_match *match)
{
	const char *text = json_string_value(json);

	if (text && words)
		return check_word(reader, at, text, words) &&
		       (match->equals = json_incref((json_t *)(uintptr_t)json));
	if (match->scale == CHECK_SEVERITY && text) {
		if (!word_severity(text, &match->min, &match->word))
			return check_word(reader, at, text,
			                  (const char *const[]){ "TRACE", "DEBUG", "INFO",
			                                         "WARN", "ERROR", "FATAL",
			                                         NULL });
		match->max = match->min + 3;
		match->has_min = match->has_max = true;
		return true;
	}
	if (match->scale == CHECK_DURATION) {
		if (!read_number(reader, at, json, match->scale, false, &match->min))
			return false;
		match->max = match->min;
		match->has_min = match->has_max = true;
		return true;
	}
	if (match->scale != CHECK_STRICT && !json_is_number(json)) {
		check_mistake(reader, at, "expected a number, found %s",
		              check_json_type(json));
		return false;
	}
	match->equals = json_incref((json_t *)(uintptr_t)json);
	return true;
}

static bool
read_regex(struct check_reader *reader, const struct check_at *at, const json_t *json,
           struct check_match *match)
{
	const char *pattern = json_string_value(json);
	char why[100];
	int r;

	if (!pattern) {
		check_mistake(reader, at, "expected a regular expression, found %s",
		              check_json_type(json));
		return false;
	}
	if (strlen(pattern) > CHECK_MAX_REGEX) {
		check_mistake(reader, at, "the expression is longer than %d bytes",
		              CHECK_MAX_REGEX);
		return false;
	}
	if (!regex_is_harmless(pattern)) {
		check_mistake(
			reader, at,
			"the expression may take too long: no \\1, and {n,m} up to %d",
			REGEX_REPEAT_MAX);
		return false;
	}
	match->pattern = strdup(pattern);
	r = match->pattern ? regcomp(&match->regex, pattern, REG_EXTENDED | REG_NOSUB)
	                   : REG_ESPACE;
	if (r == REG_ESPACE) {
		reader->out_of_memory = true;
		return false;
	}
	if (r) {
		regerror(r, &match->regex, why, sizeof why);
		check_mistake(reader, at, "\"%.60s\" is no regular expression: %s",
		              pattern, why);
		return false;
	}
	match->has_regex = true;
	return true;
}

static bool
read_one_of(struct check_reader *reader, const struct check_at *at, const json_t *json,
            const char *const *words, struct check_match *match)
{
	size_t n = json_array_size(json);

	if (!n) {
		check_mistake(reader, at, "expected a list of values, found %s",
		              json_is_array(json) ? "an empty one"
		                                  : check_json_type(json));
		return false;
	}
	match->one_of = calloc(n, sizeof *match->one_of);
	if (!match->one_of) {
		reader->out_of_memory = true;
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		struct check_at element = { at, NULL, i };

		match->one_of[i] = calloc(1, sizeof **match->one_of);
		if (!match->one_of[i]) {
			reader->out_of_memory = true;
			return false;
		}
		match->n_one_of = i + 1;
		match->one_of[i]->scale = match->scale;
		if (!read_literal(reader, &element, json_array_get(json, i), words,
		                  match->one_of[i]))
			return false;
	}
	return true;
}

static bool
read_type(struct check_reader *reader, const struct check_at *at, const json_t *json,
          struct check_match *match)
{
	static const char *const names[] = { "string", "boolean", "integer",
		                             "double", "number",  "bytes",
		                             "array",  "map",     NULL };
	const char *name = json_string_value(json);

	if (!name) {
		check_mistake(reader, at, "expected the name of a type, found %s",
		              check_json_type(json));
		return false;
	}
	if (!check_word(reader, at, name, names))
		return false;
	match->number = !strcmp(name, "number");
	match->has_type = !match->number;
	for (int i = CHECK_STRING; match->has_type && i < CHECK_EMPTY; i++)
		if (!strcmp(type_names[i], name))
			match->type = (enum check_type)i;
	return true;
}

static const char *const keys[] = { "equals", "type",     "min", "max", "matches",
	                            "one_of", "contains", "not", NULL };

static bool
read_key(struct check_reader *reader, const struct check_at *at, const char *key,
         const json_t *json, const char *const *words, struct check_match *match)
{
	if (!strcmp(key, "equals"))
		return read_literal(reader, at, json, words, match);
	if (!strcmp(key, "type"))
		return read_type(reader, at, json, match);
	if (!strcmp(key, "min"))
		return match->has_min = read_number(reader, at, json, match->scale, false,
		                                    &match->min);
	if (!strcmp(key, "max"))
		return match->has_max = read_number(reader, at, json, match->scale, true,
		                                    &match->max);
	if (!strcmp(key, "matches"))
		return read_regex(reader, at, json, match);
	if (!strcmp(key, "one_of"))
		return read_one_of(reader, at, json, words, match);
	if (!strcmp(key, "contains")) {
		match->contains = json_incref((json_t *)(uintptr_t)json);
		return true;
	}
	if (!strcmp(key, "not")) {
		match->not = check_match_read(reader, at, json, match->scale, words);
		return match->not != NULL;
	}
	for (size_t i = 0; keys[i]; i++)
		if (near_is_typo(key, keys[i])) {
			check_mistake(reader, at,
			              "unknown matcher \"%.60s\"; did you mean \"%s\"?",
			              key, keys[i]);
			return false;
		}
	check_mistake(reader, at,
	              "unknown matcher \"%.60s\"; expected equals, type, min, max, "
	              "matches, contains, one_of or not",
	              key);
	return false;
}

static bool
read_object(struct check_reader *reader, const struct check_at *at, const json_t *json,
            const char *const *words, struct check_match *match)
{
	bool good = true;
	const char *key;
	json_t *value;

	if (!json_object_size(json)) {
		check_mistake(reader, at, "expected a matcher, found an empty object");
		return false;
	}
	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		struct check_at member = { at, key, 0 };

		good = read_key(reader, &member, key, value, words, match) && good;
	}
	if (good && match->has_min && match->has_max && match->min > match->max) {
		check_mistake(reader, at, "nothing fits: min is greater than max");
		good = false;
	}
	return good;
}

struct check_match *
check_match_read(struct check_reader *reader, const struct check_at *at,
                 const json_t *json, enum check_scale scale, const char *const *words)
{
	struct check_match *match;
	const char *text = json_string_value(json);
	bool good;

	if (++reader->n_matches > CHECK_MAX_MATCHES) {
		if (reader->n_matches == CHECK_MAX_MATCHES + 1)
			check_mistake(reader, at, "more than %d matchers",
			              CHECK_MAX_MATCHES);
		return NULL;
	}
	match = calloc(1, sizeof *match);
	if (!match) {
		reader->out_of_memory = true;
		return NULL;
	}
	match->scale = scale;
	if (text && (!strcmp(text, "present") || !strcmp(text, "absent"))) {
		match->present = *text == 'p';
		match->absent = *text == 'a';
		good = true;
	} else if (json_is_object(json)) {
		good = read_object(reader, at, json, words, match);
	} else {
		good = read_literal(reader, at, json, words, match);
	}
	if (good)
		return match;
	check_match_free(match);
	return NULL;
}

void
check_match_free(struct check_match *match)
{
	if (!match)
		return;
	json_decref(match->equals);
	json_decref(match->contains);
	if (match->has_regex)
		regfree(&match->regex);
	free(match->pattern);
	for (size_t i = 0; i < match->n_one_of; i++)
		check_match_free(match->one_of[i]);
	free(match->one_of);
	check_match_free(match->not );
	free(match);
}

/* ---- fitting ---- */

static bool
contains(const struct check_match *match, const struct check_value *value)
{
	if (value->type == CHECK_STRING)
		return json_is_string(match->contains) &&
		       strstr(value->text, json_string_value(match->contains));
	if (value->type != CHECK_ARRAY)
		return false;
	for (size_t i = 0; i < value->any->array_value->n_values; i++) {
		struct check_value element = check_value_of(
			value->any->array_value->values[i]);

		if (check_value_equals(&element, match->contains, CHECK_STRICT))
			return true;
	}
	return false;
}

static bool
fits_one_of(const struct check_match *match, const struct check_value *value)
{
	for (size_t i = 0; i < match->n_one_of; i++)
		if (check_match_fits(match->one_of[i], value))
			return true;
	return false;
}

bool
check_match_fits(const struct check_match *match, const struct check_value *value)
{
	double number = 0;

	if (match->absent)
		return value->type == CHECK_ABSENT;
	if (value->type == CHECK_ABSENT)
		return false;
	if (match->has_type && value->type != match->type)
		return false;
	if ((match->number || match->has_min || match->has_max) &&
	    !is_number(value, &number))
		return false;
	if ((match->has_min && !(number >= match->min)) ||
	    (match->has_max && !(number <= match->max)))
		return false;
	if (match->equals && !check_value_equals(value, match->equals, match->scale))
		return false;
	if (match->has_regex &&
	    (value->type != CHECK_STRING || strlen(value->text) > REGEX_TEXT_MAX ||
	     regexec(&match->regex, value->text, 0, NULL, 0) != 0))
		return false;
	if (match->contains && !contains(match, value))
		return false;
	if (match->n_one_of && !fits_one_of(match, value))
		return false;
	return !match->not || !check_match_fits(match->not, value);
}

bool
check_match_fits_number(const struct check_match *match, double number)
{
	struct check_value value = check_double(number);

	return check_match_fits(match, &value);
}

bool
check_match_is_open(const struct check_match *match)
{
	return match->present || (match->has_min && !match->has_max && !match->equals &&
	                          !match->n_one_of && !match->not );
}

bool
check_match_is_exceeded(const struct check_match *match, double number)
{
	if (match->has_max && number > match->max)
		return true;
	if (match->equals && number > json_number_value(match->equals))
		return true;
	for (size_t i = 0; i < match->n_one_of; i++)
		if (!check_match_is_exceeded(match->one_of[i], number))
			return false;
	return match->n_one_of > 0;
}

bool
check_match_wants_absent(const struct check_match *match)
{
	return match->absent;
}

const char *
check_match_text(const struct check_match *match)
{
	return json_string_value(match->equals);
}

/* ---- in words ---- */

static void
write_text(struct buf *buf, const char *text, bool name)
{
	size_t len = strlen(text), shown = len;
	const char *quote = name ? "`" : "\"";

	if (shown > TEXT_SHOWN)
		for (shown = TEXT_SHOWN; shown && (text[shown] & 0xc0) == 0x80; shown--)
			;
	buf_puts(buf, quote);
	for (size_t i = 0; i < shown; i++) /* one line, whatever is in it */
		buf_add(buf, (unsigned char)text[i] < ' ' ? " " : text + i, 1);
	buf_printf(buf, "%s%s", shown < len ? "…" : "", quote);
}

void
check_number_describe(double number, enum check_scale scale, struct buf *buf)
{
	unsigned severity = number > 0 ? (unsigned)number - 1 : 0;

	if (scale == CHECK_SEVERITY && number >= 1 && number <= 24) {
		buf_puts(buf, severities[severity / 4]);
		if (severity % 4)
			buf_printf(buf, "%u", severity % 4 + 1);
	} else if (scale == CHECK_SEVERITY) {
		buf_puts(buf, "not set");
	} else if (scale == CHECK_DURATION) {
		if (number >= 1e9)
			buf_printf(buf, "%.4g s", number / 1e9);
		else if (number >= 1e6)
			buf_printf(buf, "%.4g ms", number / 1e6);
		else
			buf_printf(buf, "%.4g µs", number / 1e3);
	} else {
		buf_printf(buf, number == floor(number) ? "%.15g" : "%.6g", number);
	}
}

static void
write_json(struct buf *buf, const json_t *json, bool name)
{
	char *dump;

	if (json_is_string(json)) {
		write_text(buf, json_string_value(json), name);
		return;
	}
	dump = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	if (!dump)
		buf->failed = true;
	else
		buf_printf(buf, "%.*s%s", TEXT_SHOWN, dump,
		           strlen(dump) > TEXT_SHOWN ? "…" : "");
	free(dump);
}

static const char *
article(const char *type)
{
	return strchr("aeiou", *type) ? "an" : "a";
}

static void
write_range(const struct check_match *match, struct buf *buf)
{
	if (match->word) {
		buf_puts(buf, match->word);
	} else if (match->has_min && match->has_max && match->min == match->max) {
		check_number_describe(match->min, match->scale, buf);
	} else if (match->has_min && match->has_max) {
		buf_puts(buf, "from ");
		check_number_describe(match->min, match->scale, buf);
		buf_puts(buf, " to ");
		check_number_describe(match->max, match->scale, buf);
	} else {
		buf_puts(buf, match->has_min ? "at least " : "at most ");
		check_number_describe(match->has_min ? match->min : match->max,
		                      match->scale, buf);
	}
}

void
check_match_describe(const struct check_match *match, bool name, struct buf *buf)
{
	size_t before = buf->len;

#define NEXT() (buf->len > before ? buf_puts(buf, ", ") : (void)0)
	if (match->present)
		buf_puts(buf, "a value");
	if (match->absent)
		buf_puts(buf, "none");
	if (match->has_type || match->number) {
		const char *type = match->number ? "number" : type_names[match->type];

		buf_printf(buf, match->type == CHECK_BYTES ? "%.0s%s" : "%s %s",
		           article(type), type);
	}
	if (match->has_min || match->has_max) {
		NEXT();
		write_range(match, buf);
	}
	if (match->equals) {
		NEXT();
		write_json(buf, match->equals, name);
	}
	if (match->pattern) {
		NEXT();
		buf_printf(buf, "a match of /%s/", match->pattern);
	}
	if (match->contains) {
		NEXT();
		buf_puts(buf, "something that contains ");
		write_json(buf, match->contains, false);
	}
	for (size_t i = 0; i < match->n_one_of; i++) {
		buf_puts(buf, i == 0                     ? buf->len > before ? ", " : ""
		              : i + 1 == match->n_one_of ? " or "
		                                         : ", ");
		check_match_describe(match->one_of[i], name, buf);
	}
	if (match->not ) {
		NEXT();
		if (match->not ->contains) {
			buf_puts(buf, "something without ");
			write_json(buf, match->not ->contains, false);
		} else {
			buf_puts(buf, "anything but ");
			check_match_describe(match->not, name, buf);
		}
	}
#undef NEXT
}

/* Whether the type itself is what is wrong. */
static bool
wants_other_type(const struct check_match *match, const struct check_value *value)
{
	if (match->scale != CHECK_STRICT)
		return false;
	if (match->has_type)
		return value->type != match->type;
	if (match->number || match->has_min || match->has_max)
		return value->type != CHECK_INTEGER && value->type != CHECK_DOUBLE;
	if (match->has_regex)
		return value->type != CHECK_STRING;
	if (match->equals)
		switch (json_typeof(match->equals)) {
		case JSON_STRING:
			return value->type != CHECK_STRING;
		case JSON_INTEGER:
			return value->type != CHECK_INTEGER;
		case JSON_REAL:
			return value->type != CHECK_DOUBLE;
		case JSON_TRUE:
		case JSON_FALSE:
			return value->type != CHECK_BOOLEAN;
		default:
			return false;
		}
	for (size_t i = 0; i < match->n_one_of; i++)
		if (!wants_other_type(match->one_of[i], value))
			return false;
	return match->n_one_of > 0;
}

static void
write_any(const otlp_any *any, struct buf *buf)
{
	struct check_value value = check_value_of(any);

	switch (value.type) {
	case CHECK_STRING:
		write_text(buf, value.text, false);
		break;
	case CHECK_BOOLEAN:
		buf_puts(buf, value.integer ? "true" : "false");
		break;
	case CHECK_INTEGER:
		buf_printf(buf, "%lld", (long long)value.integer);
		break;
	case CHECK_DOUBLE:
		buf_printf(buf, "%.15g", value.real);
		break;
	case CHECK_ARRAY:
		buf_puts(buf, "[");
		for (size_t i = 0; i < any->array_value->n_values && i < 8; i++) {
			buf_puts(buf, i ? ", " : "");
			write_any(any->array_value->values[i], buf);
		}
		buf_puts(buf, any->array_value->n_values > 8 ? ", …]" : "]");
		break;
	case CHECK_MAP:
		buf_printf(buf, "a map of %zu", any->kvlist_value->n_values);
		break;
	case CHECK_BYTES:
		buf_printf(buf, "%zu bytes", any->bytes_value.len);
		break;
	default:
		buf_puts(buf, "empty");
	}
}

void
check_value_describe(const struct check_value *value, const struct check_match *match,
                     bool name, struct buf *buf)
{
	double number;

	if (value->type == CHECK_ABSENT) {
		buf_puts(buf, "absent");
		return;
	}
	if (match && wants_other_type(match, value) && value->type < CHECK_BYTES)
		buf_printf(buf, "the %s ", type_names[value->type]);
	if (match && match->scale != CHECK_STRICT && is_number(value, &number))
		check_number_describe(number, match->scale, buf);
	else if (value->type == CHECK_STRING)
		write_text(buf, value->text, name);
	else if (value->type == CHECK_INTEGER)
		buf_printf(buf, "%lld", (long long)value->integer);
	else if (value->type == CHECK_DOUBLE)
		buf_printf(buf, "%.15g", value->real);
	else if (value->type == CHECK_BOOLEAN)
		buf_puts(buf, value->integer ? "true" : "false");
	else if (value->any)
		write_any(value->any, buf);
}
