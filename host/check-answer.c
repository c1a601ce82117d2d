/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step of a check file expects of an answer: its status, a number, and its text.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check-plan.h"
#include "memory.h"
#include "regex-size.h"

bool
check_plan_status_fits(const json_t *matcher, long status)
{
	const json_t *min = json_object_get(matcher, "min"),
		     *max = json_object_get(matcher, "max"),
		     *one_of = json_object_get(matcher, "one_of"),
		     *equals = json_object_get(matcher, "equals"),
		     *not = json_object_get(matcher, "not");
	bool listed = false;

	if (json_is_integer(matcher))
		return json_integer_value(matcher) == status;
	for (size_t i = 0; i < json_array_size(one_of); i++)
		listed |= json_integer_value(json_array_get(one_of, i)) == status;
	return (!min || (double)status >= json_number_value(min)) &&
	       (!max || (double)status <= json_number_value(max)) &&
	       (!one_of || listed) && (!equals || json_integer_value(equals) == status) &&
	       (!not || !check_plan_status_fits(not, status));
}

static bool
regex_fits(const char *pattern, const char *text)
{
	regex_t regex;
	bool fits;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	fits = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return fits;
}

bool
check_plan_answer_fits(const json_t *matcher, const char *text)
{
	const char *contains = json_string_value(json_object_get(matcher, "contains")),
		   *matches = json_string_value(json_object_get(matcher, "matches")),
		   *equals = json_string_value(json_object_get(matcher, "equals"));
	const json_t *one_of = json_object_get(matcher, "one_of"),
		     *not = json_object_get(matcher, "not");
	bool listed = false;

	if (json_is_string(matcher))
		return !strcmp(json_string_value(matcher), text);
	for (size_t i = 0; i < json_array_size(one_of); i++) {
		const char *one = json_string_value(json_array_get(one_of, i));

		listed |= one && !strcmp(one, text);
	}
	return (!contains || strstr(text, contains)) &&
	       (!matches || regex_fits(matches, text)) &&
	       (!equals || !strcmp(equals, text)) && (!one_of || listed) &&
	       (!not || !check_plan_answer_fits(not, text));
}

bool
check_plan_regex_is_good(const char *pattern, char *why, size_t size)
{
	regex_t regex;
	int r;

	if (!regex_is_harmless(pattern)) {
		snprintf(why, size, "it may take too long: no \\1, and {n,m} up to %d",
		         REGEX_REPEAT_MAX);
		return false;
	}
	r = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
	if (r)
		regerror(r, &regex, why, size);
	else
		regfree(&regex);
	return r == 0;
}

static char *
list_in_words(const json_t *list)
{
	char *text = xstrdup("");

	for (size_t i = 0; i < json_array_size(list); i++) {
		char *one = json_dumps(json_array_get(list, i), JSON_ENCODE_ANY), *longer;

		longer = xasprintf("%s%s%s", text,
		                   i == 0                           ? ""
		                   : i + 1 == json_array_size(list) ? " or "
		                                                    : ", ",
		                   one ? one : "?");
		free(one);
		free(text);
		text = longer;
	}
	return text;
}

char *
check_plan_describe(const json_t *matcher)
{
	const json_t *min = json_object_get(matcher, "min"),
		     *max = json_object_get(matcher, "max"), *part;
	char *inner, *text;

	if (!json_is_object(matcher)) {
		inner = json_dumps(matcher, JSON_ENCODE_ANY);
		text = xstrdup(inner ? inner : "?");
		free(inner);
		return text;
	}
	if (min && max)
		return xasprintf("from %.15g to %.15g", json_number_value(min),
		                 json_number_value(max));
	if (min || max)
		return xasprintf("%s %.15g", min ? "at least" : "at most",
		                 json_number_value(min ? min : max));
	if ((part = json_object_get(matcher, "one_of")))
		return list_in_words(part);
	if ((part = json_object_get(matcher, "equals")))
		return check_plan_describe(part);
	if ((part = json_object_get(matcher, "contains")))
		return xasprintf("something that contains \"%s\"",
		                 json_string_value(part));
	if ((part = json_object_get(matcher, "matches")))
		return xasprintf("a match of /%s/", json_string_value(part));
	part = json_object_get(matcher, "not");
	if (json_is_string(json_object_get(part, "contains")))
		return xasprintf("something without \"%s\"",
		                 json_string_value(json_object_get(part, "contains")));
	inner = part ? check_plan_describe(part) : xstrdup("nothing");
	text = xasprintf("anything but %s", inner);
	free(inner);
	return text;
}
