/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value, from its text to its place: what a key's type asks for is held against what was found. No
 * message here knows of files and lines; who calls puts them before it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf-keys.h"
#include "listen.h"
#include "log.h"
#include "memory.h"
#include "suggest.h"
#include <cupola/service.h>

bool
conf_is_name(const char *text)
{
	return isalnum((unsigned char)*text) && strlen(text) <= CONF_NAME_MAX &&
	       !text[strspn(
		       text,
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")];
}

/* "a, b or c" of "a|b|c". */
static void
choices_text(const char *choices, char *buf, size_t size)
{
	size_t len = 0;

	for (const char *at = choices; *at && len < size;) {
		size_t n = strcspn(at, "|");
		const char *next = at + n + (at[n] == '|');

		len += (size_t)snprintf(buf + len, size - len, "%.*s%s", (int)n, at,
		                        !*next              ? ""
		                        : strchr(next, '|') ? ", "
		                                            : " or ");
		at = next;
	}
}

static bool
is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *at = choices; *at;) {
		size_t n = strcspn(at, "|");

		if (n == len && !strncmp(at, value, n))
			return true;
		at += n + (at[n] == '|');
	}
	return false;
}

static int
parse_choice(const char *choices, const char *value, struct otel_error *err)
{
	struct host_suggest suggest = { .word = value };
	char text[256], mean[64], words[256], *save = NULL;

	if (is_choice(choices, value))
		return 0;
	choices_text(choices, text, sizeof text);
	snprintf(words, sizeof words, "%s", choices);
	for (char *word = strtok_r(words, "|", &save); word;
	     word = strtok_r(NULL, "|", &save))
		host_suggest_offer(&suggest, word);
	return otel_error_set(err, -EINVAL, "expected %s, found \"%.100s\"%s", text,
	                      value, host_suggest_text(&suggest, mean, sizeof mean));
}

static int
check_bounds(const struct conf_key *key, int64_t value, const char *text,
             struct otel_error *err)
{
	if ((key->min || key->max) && (value < key->min || value > key->max)) {
		const char *unit = key->type == SVC_DURATION ? " ms"
		                   : key->type == SVC_SIZE   ? " bytes"
		                                             : "";

		return otel_error_set(
			err, -EINVAL, "expected %lld%s to %lld%s, found \"%.100s\"",
			(long long)key->min, unit, (long long)key->max, unit, text);
	}
	return 0;
}

/* Beginnings of paths, some with a '!' before them, separated by blanks. */
static int
parse_paths(const char *value, struct otel_error *err)
{
	for (const char *at = value + strspn(value, " \t"); *at;
	     at += strspn(at, " \t")) {
		size_t len = strcspn(at, " \t");

		if (at[*at == '!'] != '/')
			return otel_error_set(
				err, -EINVAL,
				"expected paths like /api or !/api, found \"%.*s\"",
				(int)(len < 100 ? len : 100), at);
		at += len;
	}
	return 0;
}

int
conf_store(const struct conf_key *key, void *object, const char *value,
           const char *folder, struct otel_error *err)
{
	void *at = (char *)object + key->offset;
	int64_t number = 0;
	int type = key->type, r = 0;

	switch (type) {
	case CONF_CHOICE:
		r = parse_choice(key->choices, value, err);
		break;
	case CONF_LISTEN:
		return host_listen_parse(value, at,
		                         (size_t *)((struct host_listen **)at + 1), err);
	case CONF_LEVEL:
		r = parse_choice("debug|info|warn|error", value, err);
		if (!r)
			*(int *)at = host_level_parse(value);
		return r;
	case CONF_FORMAT:
		r = parse_choice("text|json", value, err);
		if (!r)
			*(int *)at = *value == 'j' ? HOST_LOG_JSON : HOST_LOG_TEXT;
		return r;
	case CONF_NAME:
		if (!conf_is_name(value))
			r = otel_error_set(
				err, -EINVAL,
				"expected a name of letters, digits, '_', '.' and '-', found \"%.100s\"",
				value);
		break;
	case CONF_PATHS:
		r = parse_paths(value, err);
		break;
	case CONF_SMALL:
	case CONF_FLAG:
		r = host_value_parse(type == CONF_FLAG ? SVC_BOOL : SVC_INT, value,
		                     folder, NULL, &number, NULL, err);
		if (!r)
			r = check_bounds(key, number, value, err);
		if (!r && type == CONF_FLAG)
			*(bool *)at = number;
		else if (!r)
			*(int *)at = (int)number;
		return r;
	case SVC_INT:
	case SVC_DURATION:
	case SVC_SIZE:
		r = host_value_parse(type, value, folder, NULL, &number, NULL, err);
		if (!r)
			r = check_bounds(key, number, value, err);
		if (!r)
			*(int64_t *)at = number;
		return r;
	default: {
		char *text = NULL;

		r = host_value_parse(type, value, folder, &text, NULL, NULL, err);
		if (!r) {
			free(*(char **)at);
			*(char **)at = text;
		}
		return r;
	}
	}
	if (!r) {
		free(*(char **)at);
		*(char **)at = xstrdup(value);
	}
	return r;
}

static int
check_headers(const char *value, struct otel_error *err)
{
	const char *at = value;

	while (*at) {
		size_t n = strcspn(at, ",");

		if (!memchr(at, '=', n) || *at == '=')
			return otel_error_set(
				err, -EINVAL,
				"expected name=value,name=value, found \"%.*s\"", (int)n,
				at);
		at += n + (at[n] == ',');
	}
	return 0;
}

static int
check_propagators(const char *value, struct otel_error *err)
{
	char copy[256], *save = NULL;

	snprintf(copy, sizeof copy, "%s", value);
	for (char *word = strtok_r(copy, ", ", &save); word;
	     word = strtok_r(NULL, ", ", &save)) {
		int r = parse_choice("tracecontext|baggage|b3|b3multi|none", word, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int
conf_store_telemetry(struct host_telemetry *telemetry, size_t i, const char *value,
                     const char *folder, struct otel_error *err)
{
	const struct conf_telemetry_key *key = &conf_telemetry_keys[i];
	int64_t number = 0;
	double ratio = 0;
	char *text = NULL;
	int r;

	if (key->type == CONF_CHOICE)
		r = parse_choice(key->choices, value, err);
	else
		r = host_value_parse(key->type, value, folder, &text, &number, &ratio,
		                     err);
	if (!r && i == HOST_T_HEADERS)
		r = check_headers(value, err);
	if (!r && i == HOST_T_PROPAGATORS)
		r = check_propagators(value, err);
	if (!r && key->type == SVC_NUMBER && (ratio < 0 || ratio > 1))
		r = otel_error_set(err, -EINVAL,
		                   "expected a number from 0 to 1, found \"%.100s\"",
		                   value);
	if (!r && key->type == SVC_DURATION && number <= 0)
		r = otel_error_set(err, -EINVAL,
		                   "expected a duration above 0, found \"%.100s\"",
		                   value);
	if (!r) {
		free(telemetry->value[i]);
		telemetry->value[i] = key->type == SVC_DURATION
		                              ? xasprintf("%lld", (long long)number)
		                      : key->type == SVC_BOOL
		                              ? xstrdup(number ? "true" : "false")
		                              : xstrdup(text ? text : value);
	}
	free(text);
	return r;
}
