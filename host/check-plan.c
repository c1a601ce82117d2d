/* SPDX-License-Identifier: Apache-2.0 */
#include "check-plan.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "near.h"
#include "utf8.h"
#include "vars.h"

#define MAX_LETTERS 64
#define MAX_WAIT_NS 10e9

void
check_plan_mistake(struct check_plan *plan, const char *path, const char *fmt, ...)
{
	char message[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	utf8_mend(message);
	json_array_append_new(plan->mistakes,
	                      json_pack("{s:s,s:s}", "path", path, "message", message));
}

static const char *
type_of(const json_t *json)
{
	switch (json_typeof(json)) {
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
	case JSON_NULL:
		return "null";
	default:
		return "a boolean";
	}
}

/* Tells of every key that is not among those of the list, which ends with NULL. */
static void
check_keys(struct check_plan *plan, const char *path, const json_t *object,
           const char *const *keys)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		const char *best = NULL;
		bool known = !strcmp(key, "note");
		char *where;

		for (size_t i = 0; keys[i]; i++) {
			known = known || !strcmp(key, keys[i]);
			if (near_is_typo(key, keys[i]) &&
			    (!best ||
			     near_distance(key, keys[i]) < near_distance(key, best)))
				best = keys[i];
		}
		if (known)
			continue;
		where = xasprintf("%s%s%s", path, *path ? "." : "", key);
		if (best)
			check_plan_mistake(plan, where,
			                   "unknown key \"%.60s\"; did you mean \"%s\"?",
			                   key, best);
		else
			check_plan_mistake(plan, where, "unknown key \"%.60s\"", key);
		free(where);
	}
}

/* ---- random values ---- */

/* SplitMix64: small, and good enough to choose places by. */
static uint64_t
draw(struct check_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static double
draw_real(struct check_random *random)
{
	return (double)(draw(random) >> 11) * 0x1p-53;
}

static json_t *
draw_text(struct check_random *random, int n, const char *letters, bool not_zeros)
{
	char text[MAX_LETTERS + 1];
	size_t n_letters = strlen(letters);

	for (int i = 0; i < n; i++)
		text[i] = letters[draw(random) % n_letters];
	text[n] = '\0';
	if (not_zeros && strspn(text, "0") == (size_t)n)
		text[0] = '1';
	return json_string(text);
}

/* The two ends of a range, in order; false after a mistake. */
static bool
read_range(struct check_plan *plan, const char *path, const json_t *list, bool integers,
           double ends[2])
{
	for (size_t i = 0; i < 2; i++) {
		const json_t *end = json_array_get(list, i);

		if (json_array_size(list) != 2 ||
		    !(integers ? json_is_integer(end) : json_is_number(end))) {
			check_plan_mistake(
				plan, path, "expected two %s, as in [3, 9], found %s",
				integers ? "integers" : "numbers",
				json_is_array(list) ? "another list" : type_of(list));
			return false;
		}
		ends[i] = json_number_value(end);
	}
	if (ends[0] <= ends[1] && fabs(ends[0]) <= 1e15 && fabs(ends[1]) <= 1e15)
		return true;
	check_plan_mistake(plan, path, "the first number is the smaller one, up to 1e15");
	return false;
}

static json_t *
draw_number(struct check_plan *plan, const char *path, const json_t *how)
{
	const json_t *decimals = json_object_get(how, "decimals");
	double ends[2], scale, value;
	int places = decimals ? (int)json_integer_value(decimals) : 3;

	if (decimals && (!json_is_integer(decimals) || places < 0 || places > 9)) {
		check_plan_mistake(plan, path,
		                   "decimals: expected an integer from 0 to 9");
		return NULL;
	}
	if (!read_range(plan, path, json_object_get(how, "number"), false, ends))
		return NULL;
	scale = pow(10, places);
	value = ends[0] + draw_real(&plan->random) * (ends[1] - ends[0]);
	value = round(value * scale) / scale;
	return json_real(value < ends[0] ? ends[0] : value > ends[1] ? ends[1] : value);
}

static json_t *
draw_integer(struct check_plan *plan, const char *path, const json_t *how)
{
	double ends[2];

	if (!read_range(plan, path, json_object_get(how, "integer"), true, ends))
		return NULL;
	return json_integer(
		(json_int_t)ends[0] +
		(json_int_t)(draw(&plan->random) % ((uint64_t)(ends[1] - ends[0]) + 1)));
}

/* ---- ${names} ---- */

static void
tell_expand(struct check_plan *plan, const char *path, int r, const char *name)
{
	const char *best = NULL, *key;
	json_t *value;

	if (r == -E2BIG) {
		check_plan_mistake(plan, path, "it becomes too large by its values");
		return;
	}
	if (r == -EINVAL) {
		check_plan_mistake(plan, path, "${%.40s has no end", name);
		return;
	}
	json_object_foreach(plan->values, key,
	                    value) if (near_is_typo(name, key) &&
	                               (!best || near_distance(name, key) <
	                                                 near_distance(name, best)))
		best = key;
	if (best)
		check_plan_mistake(plan, path, "${%s} has no value; did you mean ${%s}?",
		                   name, best);
	else
		check_plan_mistake(plan, path,
		                   "${%s} has no value: it is no service of the running "
		                   "host and no variable of let",
		                   name);
}

/* A copy with the ${names} in its texts replaced; NULL after a mistake, told unless path is NULL. */
static json_t *
expand(struct check_plan *plan, const json_t *json, const char *path,
       const json_t *values)
{
	json_t *copy = NULL, *value, *new;
	char name[VARS_NAME_MAX];
	const char *key;
	size_t i;
	int r;

	if (json_is_string(json) && !strchr(json_string_value(json), '$'))
		return json_incref((json_t *)(uintptr_t)json);
	if (json_is_string(json)) {
		r = vars_expand(json_string_value(json), values, &copy, name);
		if (r < 0 && path)
			tell_expand(plan, path, r, name);
		return r == 0 ? copy : NULL;
	}
	if (!json_is_object(json) && !json_is_array(json))
		return json_incref((json_t *)(uintptr_t)json);
	copy = json_is_object(json) ? json_object() : json_array();
	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		new = expand(plan, value, path, values);
		if (!new)
			goto fail;
		json_object_set_new(copy, key, new);
	}
	json_array_foreach(json, i, value)
	{
		new = expand(plan, value, path, values);
		if (!new)
			goto fail;
		json_array_append_new(copy, new);
	}
	return copy;
fail:
	json_decref(copy);
	return NULL;
}

static json_t *
add_up(struct check_plan *plan, const char *path, const json_t *list,
       const json_t *values)
{
	bool integer = true;
	json_t *element;
	double sum = 0;
	size_t i;

	if (!json_array_size(list)) {
		check_plan_mistake(plan, path, "sum: expected a list of numbers");
		return NULL;
	}
	json_array_foreach(list, i, element)
	{
		json_t *number = expand(plan, element, path, values);

		if (number && !json_is_number(number))
			check_plan_mistake(plan, path, "sum: expected a number, found %s",
			                   type_of(number));
		sum += json_number_value(number);
		integer = integer && json_is_integer(number);
		json_decref(number);
		if (!number)
			return NULL;
	}
	return integer && fabs(sum) <= 1e15 ? json_integer((json_int_t)sum)
	                                    : json_real(sum);
}

/* The value of one variable; NULL after a mistake. */
static json_t *
draw_value(struct check_plan *plan, const char *path, const json_t *how,
           const json_t *values)
{
	static const char *const keys[] = { "integer", "number", "decimals", "one_of",
		                            "letters", "hex",    "sum",      NULL };
	const json_t *list = json_object_get(how, "one_of"), *n;
	size_t before = json_array_size(plan->mistakes);

	if (!json_is_object(how))
		return expand(plan, how, path, values);
	check_keys(plan, path, how, keys);
	if (json_array_size(plan->mistakes) > before)
		return NULL;
	if (json_object_get(how, "integer"))
		return draw_integer(plan, path, how);
	if (json_object_get(how, "number"))
		return draw_number(plan, path, how);
	if (json_array_size(list))
		return expand(
			plan,
			json_array_get(list, draw(&plan->random) % json_array_size(list)),
			path, values);
	n = json_object_get(how, "letters");
	n = n ? n : json_object_get(how, "hex");
	if (json_is_integer(n) && json_integer_value(n) >= 1 &&
	    json_integer_value(n) <= MAX_LETTERS)
		return json_object_get(how, "hex")
		               ? draw_text(&plan->random, (int)json_integer_value(n),
		                           "0123456789abcdef", true)
		               : draw_text(&plan->random, (int)json_integer_value(n),
		                           "abcdefghijklmnopqrstuvwxyz", false);
	if (n)
		check_plan_mistake(plan, path, "expected a number of letters, 1 to %d",
		                   MAX_LETTERS);
	else if (json_object_get(how, "sum"))
		return add_up(plan, path, json_object_get(how, "sum"), values);
	else
		check_plan_mistake(
			plan, path,
			"expected integer, number, one_of, letters, hex or sum");
	return NULL;
}

static bool
is_name(const char *name)
{
	return *name && strlen(name) < VARS_NAME_MAX && !strpbrk(name, "{}$ \t\n");
}

/* Draws all of a `let` into values, but for those that --set has given. */
static void
draw_all(struct check_plan *plan, const char *path, const json_t *let, json_t *values,
         const json_t *given)
{
	const char *name;
	json_t *how;

	if (let && !json_is_object(let)) {
		check_plan_mistake(plan, path, "expected an object, found %s",
		                   type_of(let));
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)let, name, how)
	{
		char *where = xasprintf("%s.%s", path, name);
		json_t *value;

		if (!is_name(name))
			check_plan_mistake(
				plan, where,
				"a name has no blanks, braces or dollar signs");
		value = draw_value(plan, where, how, values);
		if (value && json_object_get(given, name))
			json_decref(
				value); /* drawn all the same, so that the others stay as they are */
		else if (value)
			json_object_set_new(values, name, value);
		free(where);
	}
}

/* ---- steps ---- */

static const char *const methods[] = { "get", "post", "put", "patch", "delete", NULL };

const char *
check_plan_method(const json_t *step, const char **url)
{
	static const char *const upper[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

	for (size_t i = 0; methods[i]; i++)
		if (json_object_get(step, methods[i])) {
			*url = json_string_value(json_object_get(step, methods[i]));
			return upper[i];
		}
	*url = NULL;
	return NULL;
}

const json_t *
check_plan_steps(const struct check_plan *plan, const char *list)
{
	return json_object_get(plan->file, list);
}

char *
check_plan_show(const struct check_plan *plan, const char *url)
{
	json_t *values = json_copy(plan->values), *shown = NULL;
	char name[VARS_NAME_MAX], *text;

	while (vars_expand(url, values, &shown, name) == -ENOENT) {
		char *itself = xasprintf("${%s}", name);

		json_object_set_new(values, name, json_string(itself));
		free(itself);
	}
	text = xstrdup(json_is_string(shown) ? json_string_value(shown) : url);
	json_decref(shown);
	json_decref(values);
	return text;
}

int
check_plan_times(struct check_plan *plan, const json_t *step)
{
	json_t *times = json_object_get(step, "times"), *value;
	int n = 1;

	if (times) {
		value = expand(plan, times, NULL, plan->values);
		n = json_is_integer(value) ? (int)json_integer_value(value) : 0;
		json_decref(value);
	}
	return n;
}

json_t *
check_plan_expand(struct check_plan *plan, const json_t *step)
{
	json_t *values = plan->values, *own = NULL, *copy, *result;
	const json_t *let = json_object_get(step, "let");

	copy = json_copy((json_t *)(uintptr_t)step);
	json_object_del(copy, "let");
	json_object_del(copy, "hints");
	if (let) {
		own = json_copy(plan->values);
		draw_all(plan, "let", let, own, NULL);
		values = own;
	}
	result = expand(plan, copy, NULL, values);
	json_decref(own);
	json_decref(copy);
	return result;
}

static void
check_duration(struct check_plan *plan, const char *path, const json_t *step,
               const char *key, double max_ns)
{
	const json_t *json = json_object_get(step, key);
	const char *text = json_string_value(json);
	char *where = xasprintf("%s.%s", path, key);
	double ns = 0;

	if (json && (!text || vars_duration(text, &ns) < 0))
		check_plan_mistake(
			plan, where,
			"expected a duration such as \"500ms\", found %s%s%.40s%s",
			text ? "\"" : "", text ? "" : type_of(json), text ? text : "",
			text ? "\"" : "");
	else if (json && ns > max_ns)
		check_plan_mistake(plan, where, "at most %.0fs, found \"%.40s\"",
		                   max_ns / 1e9, text);
	free(where);
}

static void
check_type(struct check_plan *plan, const char *path, const json_t *step, const char *key,
           json_type type, const char *expected)
{
	const json_t *json = json_object_get(step, key);
	char *where;

	if (!json || json_typeof(json) == type)
		return;
	where = xasprintf("%s.%s", path, key);
	check_plan_mistake(plan, where, "expected %s, found %s", expected, type_of(json));
	free(where);
}

static void
check_regex(struct check_plan *plan, const char *path, const json_t *json)
{
	const char *pattern = json_string_value(json);
	char *where = xasprintf("%s.matches", path), why[100];

	if (!pattern)
		check_plan_mistake(plan, where, "expected a regular expression, found %s",
		                   type_of(json));
	else if (!check_plan_regex_is_good(pattern, why, sizeof why))
		check_plan_mistake(plan, where, "\"%.60s\" is no regular expression: %s",
		                   pattern, why);
	free(where);
}

/* The matchers that steps know; the station has more. */
static void
check_matcher(struct check_plan *plan, const char *path, const json_t *matcher,
              bool number)
{
	static const char *const of_number[] = { "min",    "max", "one_of",
		                                 "equals", "not", NULL };
	static const char *const of_text[] = { "contains", "matches", "one_of",
		                               "equals",   "not",     NULL };
	const json_t *not = json_object_get(matcher, "not");
	char *where;

	if (json_is_object(matcher)) {
		check_keys(plan, path, matcher, number ? of_number : of_text);
		where = xasprintf("%s.not", path);
		if (not )
			check_matcher(plan, where, not, number);
		free(where);
		if (json_object_get(matcher, "matches"))
			check_regex(plan, path, json_object_get(matcher, "matches"));
	} else if (number ? !json_is_integer(matcher) : !json_is_string(matcher)) {
		check_plan_mistake(plan, path, "expected %s, found %s",
		                   number ? "a status such as 200, or a matcher"
		                          : "a text, or a matcher",
		                   type_of(matcher));
	}
}

static void
check_url(struct check_plan *plan, const char *path, const json_t *step)
{
	const char *url;
	int n = 0;

	for (size_t i = 0; methods[i]; i++)
		n += json_object_get(step, methods[i]) != NULL;
	if (n + (json_object_get(step, "wait") != NULL) != 1) {
		check_plan_mistake(
			plan, path,
			"expected one of get, post, put, patch, delete or wait, "
			"found %s",
			n ? "several" : "none");
		return;
	}
	if (check_plan_method(step, &url) && !url)
		check_plan_mistake(plan, path, "the URL is a text");
	else if (url && strncmp(url, "http://", 7) != 0 &&
	         strncmp(url, "https://", 8) != 0 && strncmp(url, "${", 2) != 0)
		check_plan_mistake(
			plan, path,
			"the URL begins with http:// or with ${SERVICE}, found "
			"\"%.60s\"",
			url);
}

/* Expands it once, for mistakes that show only then; the numbers drawn are given back. */
static void
try_step(struct check_plan *plan, const char *path, const json_t *step,
         size_t *n_requests)
{
	struct check_random before = plan->random;
	json_t *own = json_copy(plan->values),
	       *copy = json_copy((json_t *)(uintptr_t)step), *done;
	char *let = xasprintf("%s.let", path), *times = xasprintf("%s.times", path);
	const json_t *n;
	const char *key, *url;
	json_t *value;

	draw_all(plan, let, json_object_get(step, "let"), own, NULL);
	json_object_del(copy, "let");
	json_object_del(copy, "hints");
	json_object_foreach(copy, key, value)
	{
		char *where = xasprintf("%s.%s", path, key);

		/* `times` is read once, before the step's own variables are drawn. */
		done = expand(plan, value, where,
		              !strcmp(key, "times") ? plan->values : own);
		if (done && !strcmp(key, "status"))
			check_matcher(plan, where, done, true);
		if (done && !strcmp(key, "answer"))
			check_matcher(plan, where, done, false);
		json_decref(done);
		free(where);
	}
	n = json_object_get(step, "times");
	if (n && json_array_size(plan->mistakes) == 0) {
		int count = check_plan_times(plan, step);

		if (count < 1 || count > CHECK_PLAN_MAX_TIMES)
			check_plan_mistake(plan, times,
			                   "expected an integer from 1 to %d",
			                   CHECK_PLAN_MAX_TIMES);
		*n_requests += (size_t)count;
	} else {
		*n_requests += check_plan_method(step, &url) != NULL;
	}
	json_decref(copy);
	json_decref(own);
	free(let);
	free(times);
	plan->random = before;
}

static void
check_step(struct check_plan *plan, const char *path, const json_t *step,
           size_t *n_requests)
{
	static const char *const keys[] = { "get",    "post",  "put",     "patch",
		                            "delete", "times", "headers", "body",
		                            "json",   "let",   "timeout", "status",
		                            "answer", "wait",  "id",      "say",
		                            "hints",  NULL };

	if (!json_is_object(step)) {
		check_plan_mistake(plan, path, "expected an object, found %s",
		                   type_of(step));
		return;
	}
	check_keys(plan, path, step, keys);
	check_url(plan, path, step);
	check_type(plan, path, step, "headers", JSON_OBJECT, "an object of texts");
	check_type(plan, path, step, "body", JSON_STRING, "a text");
	check_type(plan, path, step, "id", JSON_STRING, "a text");
	check_type(plan, path, step, "say", JSON_STRING, "a text");
	check_type(plan, path, step, "hints", JSON_ARRAY, "a list of texts");
	check_duration(plan, path, step, "timeout", 60e9);
	check_duration(plan, path, step, "wait", MAX_WAIT_NS);
	try_step(plan, path, step, n_requests);
}

static void
check_steps(struct check_plan *plan, const char *list, size_t *n_requests)
{
	const json_t *steps = json_object_get(plan->file, list);
	json_t *step;
	size_t i;

	if (steps && !json_is_array(steps))
		check_plan_mistake(plan, list, "expected a list of requests, found %s",
		                   type_of(steps));
	json_array_foreach(steps, i, step)
	{
		char *path = xasprintf("%s[%zu]", list, i);

		check_step(plan, path, step, n_requests);
		free(path);
	}
}

/* ---- the plan ---- */

void
check_plan_init(struct check_plan *plan, json_t *file, const json_t *services,
                const json_t *given, uint64_t seed)
{
	*plan = (struct check_plan){ .file = file,
		                     .values = json_object(),
		                     .mistakes = json_array(),
		                     .random = { seed } };
	json_object_update(plan->values, (json_t *)(uintptr_t)services);
	json_object_update(plan->values, (json_t *)(uintptr_t)given);
	plan->given = json_incref((json_t *)(uintptr_t)given);
}

void
check_plan_fini(struct check_plan *plan)
{
	json_decref(plan->file);
	json_decref(plan->values);
	json_decref(plan->given);
	json_decref(plan->mistakes);
}

void
check_plan_read(struct check_plan *plan)
{
	static const char *const keys[] = { "title", "within",  "settle", "let",
		                            "drive", "finally", "expect", NULL };
	size_t n_requests = 0;

	check_keys(plan, "", plan->file, keys);
	draw_all(plan, "let", json_object_get(plan->file, "let"), plan->values,
	         plan->given);
	check_steps(plan, "drive", &n_requests);
	check_steps(plan, "finally", &n_requests);
	if (n_requests > CHECK_PLAN_MAX_REQUESTS)
		check_plan_mistake(plan, "drive", "%zu requests; a run sends at most %d",
		                   n_requests, CHECK_PLAN_MAX_REQUESTS);
}
