/* SPDX-License-Identifier: Apache-2.0 */
#include "vars.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text that grows. */
struct text {
	char *data;
	size_t len, size;
};

static int
text_add(struct text *text, const char *data, size_t len)
{
	if (len > VARS_TEXT_MAX - text->len)
		return -E2BIG;
	if (text->len + len >= text->size) {
		size_t size = 2 * (text->len + len) + 64;
		char *more = realloc(text->data, size);

		if (!more)
			return -ENOMEM;
		text->data = more;
		text->size = size;
	}
	memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
	return 0;
}

/* How a value reads within a text: a string as it is, all else as JSON has it. */
static int
text_add_value(struct text *text, const json_t *value)
{
	char *dump;
	int r;

	if (json_is_string(value))
		return text_add(text, json_string_value(value),
		                json_string_length(value));
	dump = json_dumps(value,
	                  JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (!dump)
		return -ENOMEM;
	r = text_add(text, dump, strlen(dump));
	free(dump);
	return r;
}

/* The value behind "${" at *at, which moves behind the "}". NULL with *r saying why. */
static json_t *
value_at(const char **at, const json_t *values, char name[VARS_NAME_MAX], int *r)
{
	const char *end = strchr(*at, '}');
	json_t *value;

	if (!end || end - *at >= VARS_NAME_MAX) {
		snprintf(name, VARS_NAME_MAX, "%.*s", VARS_NAME_MAX - 1, *at);
		*r = -EINVAL;
		return NULL;
	}
	memcpy(name, *at, (size_t)(end - *at));
	name[end - *at] = '\0';
	*at = end + 1;
	value = json_object_get(values, name);
	*r = value ? 0 : -ENOENT;
	return value;
}

/* The value itself, where the text is nothing but its name. */
static int
copy_value(const json_t *value, json_t **out)
{
	if (json_dumpb(value, NULL, 0, JSON_ENCODE_ANY | JSON_COMPACT) > VARS_TEXT_MAX)
		return -E2BIG;
	*out = json_deep_copy(value);
	return *out ? 0 : -ENOMEM;
}

int
vars_expand(const char *text, const json_t *values, json_t **out,
            char name[VARS_NAME_MAX])
{
	struct text result = { 0 };
	const char *at = text;
	json_t *value;
	int r = text_add(&result, "", 0);

	while (r == 0 && *at) {
		size_t plain = strcspn(at, "$");

		if (plain) {
			r = text_add(&result, at, plain);
			at += plain;
		} else if (at[1] == '{') {
			bool whole = at == text;

			at += 2;
			value = value_at(&at, values, name, &r);
			if (value && whole && !*at) {
				free(result.data);
				return copy_value(value, out);
			}
			if (value)
				r = text_add_value(&result, value);
		} else {
			r = text_add(&result, at, 1);
			at += at[1] == '$' ? 2 : 1;
		}
	}
	if (r == 0) {
		*out = json_stringn(result.data, result.len);
		r = *out ? 0 : -ENOMEM;
	}
	free(result.data);
	return r;
}

int
vars_duration(const char *text, double *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {
		{ "ns", 1 },  { "us", 1e3 }, { "ms", 1e6 },
		{ "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
	};
	char *unit;
	double number;

	if (*text < '0' || *text > '9') /* no sign, no blank, no "inf" */
		return -EINVAL;
	number = strtod(text, &unit);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (!strcmp(unit, units[i].unit) && number * units[i].ns < 1e18) {
			*ns = number * units[i].ns;
			return 0;
		}
	return -EINVAL;
}
