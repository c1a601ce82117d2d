/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How values are written in host.conf, and the words in which each kind asks for what it wants.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf.h"
#include "memory.h"
#include "paths.h"
#include <cupola/service.h>

struct unit {
	const char *name;
	double factor;
};

static const struct unit durations[] = { { "ms", 1 },     { "s", 1e3 },    { "m", 60e3 },
	                                 { "min", 60e3 }, { "h", 3600e3 }, { NULL, 0 } };
static const struct unit sizes[] = { { "", 1 },          { "k", 1 << 10 },
	                             { "kib", 1 << 10 }, { "m", 1 << 20 },
	                             { "mib", 1 << 20 }, { "g", 1 << 30 },
	                             { "gib", 1 << 30 }, { NULL, 0 } };

static int
expected(struct otel_error *err, const char *what, const char *value)
{
	return otel_error_set(err, -EINVAL, "expected %s, found \"%.100s\"", what, value);
}

/* A number and one of the units, as a whole number of the smallest one. */
static bool
with_unit(const char *value, const struct unit *units, int64_t *out)
{
	char *end;
	double number;

	if (!isdigit((unsigned char)*value))
		return false;
	number = strtod(value, &end);
	if (!strcmp(value, "0")) {
		*out = 0;
		return true;
	}
	for (; units->name; units++)
		if (!strcasecmp(end, units->name))
			break;
	number *= units->factor;
	if (!units->name || !(number < 9e15))
		return false;
	*out = (int64_t)llround(number);
	return true;
}

static bool
whole_number(const char *value, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(value, &end, 10);
	return !errno && end != value && !*end && !isspace((unsigned char)*value);
}

static bool
any_number(const char *value, double *out)
{
	char *end;

	errno = 0;
	*out = strtod(value, &end);
	return !errno && end != value && !*end && !isspace((unsigned char)*value) &&
	       isfinite(*out);
}

static bool
truth(const char *value, int64_t *out)
{
	static const char *const words[] = { "no",  "yes", "false", "true",
		                             "off", "on",  "0",     "1" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcasecmp(value, words[i])) {
			*out = i & 1;
			return true;
		}
	return false;
}

static bool
is_url(const char *value)
{
	const char *host, *end;
	int64_t port;

	if (!strncasecmp(value, "http://", 7))
		host = value + 7;
	else if (!strncasecmp(value, "https://", 8))
		host = value + 8;
	else
		return false;
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("<>\"\\^`{|}", *c))
			return false;
	end = host + strcspn(host, "/?#");
	if (memchr(host, '@', (size_t)(end - host)))
		host = (const char *)memchr(host, '@', (size_t)(end - host)) + 1;
	if (*host == '[') {
		const char *close = memchr(host, ']', (size_t)(end - host));

		if (!close || close == host + 1)
			return false;
		host = close + 1;
		if (host == end)
			return true;
		if (*host != ':')
			return false;
	} else {
		const char *colon = memchr(host, ':', (size_t)(end - host));

		if (host == end || colon == host)
			return false;
		if (!colon)
			return true;
		host = colon;
	}
	for (port = 0, host++; host < end; host++) {
		if (!isdigit((unsigned char)*host))
			return false;
		port = port * 10 + (*host - '0');
		if (port > 65535)
			return false;
	}
	return port > 0;
}

int
host_value_parse(int type, const char *value, const char *folder, char **text,
                 int64_t *integer, double *number, struct otel_error *err)
{
	int64_t whole = 0;
	double real = 0;
	char *path = NULL;

	switch (type) {
	case SVC_STRING:
		break;
	case SVC_INT:
		if (!whole_number(value, &whole))
			return expected(err, "a whole number", value);
		break;
	case SVC_NUMBER:
		if (!any_number(value, &real))
			return expected(err, "a number such as 0.5", value);
		break;
	case SVC_BOOL:
		if (!truth(value, &whole))
			return expected(err, "yes or no", value);
		break;
	case SVC_DURATION:
		if (!with_unit(value, durations, &whole))
			return expected(err, "a duration such as 500ms, 10s, 5m or 1h",
			                value);
		break;
	case SVC_SIZE:
		if (!with_unit(value, sizes, &whole))
			return expected(err, "a size in bytes, or such as 64k, 16M or 1G",
			                value);
		break;
	case SVC_URL:
		if (!is_url(value))
			return expected(err, "a URL such as http://127.0.0.1:5004/path",
			                value);
		break;
	case SVC_PATH:
		if (!*value)
			return expected(err, "the path of a file or folder", value);
		path = host_path_from(folder ? folder : ".", value);
		break;
	default:
		return otel_error_set(err, -EINVAL,
		                      "expected a type of enum svc_key_type, found %d",
		                      type);
	}
	if (integer)
		*integer = type == SVC_NUMBER ? (int64_t)real : whole;
	if (number)
		*number = type == SVC_NUMBER ? real : (double)whole;
	if (text)
		*text = path ? path : xstrdup(value);
	else
		free(path);
	return 0;
}
