/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading goes on after a mistake, so that a person hears of all of them at once. What is half read then
 * is freed as a whole at the end.
 */
#include "check-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "near.h"
#include "otlp-guard.h"
#include "vars.h"

#define MAX_DEPTH    16
#define WITHIN_NS    5e9
#define SETTLE_NS    300e6
#define MAX_EXPANDED ((size_t)1 << 20) /* bytes, of all ${names} of a file */
#define MAX_RELATED  4                 /* levels of parents of parents */

const char *const check_span_kinds[] = { "UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT",
	                                 "PRODUCER",    "CONSUMER", NULL };
const char *const check_statuses[] = { "UNSET", "OK", "ERROR", NULL };
const char *const check_point_kinds[] = { "counter",   "updowncounter",         "gauge",
	                                  "histogram", "exponential_histogram", "summary",
	                                  NULL };
const char *const check_temporalities[] = { "unspecified", "delta", "cumulative", NULL };

static const struct {
	const char *name;
	enum check_signal signal;
} signals[] = {
	{ "resources", CHECK_RESOURCES }, { "spans", CHECK_SPANS },
	{ "logs", CHECK_LOGS },           { "points", CHECK_POINTS },
	{ "traces", CHECK_TRACES },
};
#define N_SIGNALS (sizeof signals / sizeof *signals)

#define ITEMS (CHECK_SPANS | CHECK_LOGS | CHECK_POINTS)

/* clang-format off */
static const struct check_field fields[] = {
	{ "service", ITEMS | CHECK_RESOURCES, FIELD_SERVICE, FORM_VALUE },
	{ "service", CHECK_TRACES, FIELD_TRACE_SERVICE, FORM_VALUE },
	{ "resource", ITEMS | CHECK_RESOURCES, FIELD_RESOURCE, FORM_ATTRIBUTES },
	{ "attributes", ITEMS | CHECK_EVENTS, FIELD_ATTRIBUTES, FORM_ATTRIBUTES },
	{ "scope", ITEMS, FIELD_SCOPE, FORM_SCOPE },
	{ "name", CHECK_SPANS | CHECK_EVENTS, FIELD_NAME, FORM_VALUE },
	{ "kind", CHECK_SPANS, FIELD_SPAN_KIND, FORM_VALUE, .words = check_span_kinds },
	{ "status", CHECK_SPANS, FIELD_STATUS, FORM_VALUE, .words = check_statuses },
	{ "status_message", CHECK_SPANS, FIELD_STATUS_MESSAGE, FORM_VALUE },
	{ "duration", CHECK_SPANS | CHECK_TRACES, FIELD_DURATION, FORM_VALUE, CHECK_DURATION },
	{ "parent", CHECK_SPANS, FIELD_PARENT, FORM_RELATED },
	{ "ancestor", CHECK_SPANS, FIELD_ANCESTOR, FORM_RELATED },
	{ "before", CHECK_SPANS | CHECK_LOGS, FIELD_BEFORE, FORM_RELATED },
	{ "after", CHECK_SPANS | CHECK_LOGS, FIELD_AFTER, FORM_RELATED },
	{ "event", CHECK_SPANS, FIELD_EVENT, FORM_RELATED },
	{ "links", CHECK_SPANS, FIELD_LINKS, FORM_VALUE, CHECK_NUMERIC },
	{ "trace_id", CHECK_SPANS | CHECK_LOGS | CHECK_TRACES, FIELD_TRACE_ID, FORM_VALUE },
	{ "span_id", CHECK_SPANS | CHECK_LOGS, FIELD_SPAN_ID, FORM_VALUE },
	{ "severity", CHECK_LOGS, FIELD_SEVERITY, FORM_VALUE, CHECK_SEVERITY },
	{ "body", CHECK_LOGS, FIELD_BODY, FORM_VALUE },
	{ "event_name", CHECK_LOGS, FIELD_EVENT_NAME, FORM_VALUE },
	{ "span", CHECK_LOGS, FIELD_SPAN, FORM_RELATED },
	{ "metric", CHECK_POINTS, FIELD_METRIC, FORM_VALUE },
	{ "unit", CHECK_POINTS, FIELD_UNIT, FORM_VALUE },
	{ "description", CHECK_POINTS, FIELD_DESCRIPTION, FORM_VALUE },
	{ "kind", CHECK_POINTS, FIELD_POINT_KIND, FORM_VALUE, .words = check_point_kinds },
	{ "temporality", CHECK_POINTS, FIELD_TEMPORALITY, FORM_VALUE, .words = check_temporalities },
	{ "value", CHECK_POINTS, FIELD_VALUE, FORM_VALUE, CHECK_NUMERIC },
	{ "count", CHECK_POINTS, FIELD_COUNT, FORM_VALUE, CHECK_NUMERIC },
	{ "sum", CHECK_POINTS, FIELD_SUM, FORM_VALUE, CHECK_NUMERIC },
	{ "mean", CHECK_POINTS, FIELD_MEAN, FORM_VALUE, CHECK_NUMERIC },
	{ "increase", CHECK_POINTS, FIELD_INCREASE, FORM_VALUE, CHECK_NUMERIC },
	{ "bounds", CHECK_POINTS, FIELD_BOUNDS, FORM_BOUNDS },
	{ "exemplars", CHECK_POINTS, FIELD_EXEMPLARS, FORM_VALUE, CHECK_NUMERIC },
	{ "services", CHECK_TRACES, FIELD_SERVICES, FORM_SERVICES },
	{ "root", CHECK_TRACES, FIELD_ROOT, FORM_RELATED },
	{ "has", CHECK_TRACES, FIELD_HAS, FORM_LIST },
	{ "spans", CHECK_TRACES, FIELD_SPANS, FORM_VALUE, CHECK_NUMERIC },
	{ "roots", CHECK_TRACES, FIELD_ROOTS, FORM_VALUE, CHECK_NUMERIC },
	{ "errors", CHECK_TRACES, FIELD_ERRORS, FORM_VALUE, CHECK_NUMERIC },
	{ "logs", CHECK_TRACES, FIELD_LOG_COUNT, FORM_VALUE, CHECK_NUMERIC },
	{ "missing", CHECK_TRACES, FIELD_MISSING, FORM_VALUE, CHECK_NUMERIC },
};
/* clang-format on */
#define N_FIELDS (sizeof fields / sizeof *fields)

static const struct check_field scope_fields[] = {
	{ "name", ITEMS, FIELD_SCOPE_NAME, FORM_VALUE },
	{ "version", ITEMS, FIELD_SCOPE_VERSION, FORM_VALUE },
};

const char *
check_signal_name(enum check_signal signal)
{
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (signals[i].signal == signal)
			return signals[i].name;
	return "events";
}

/* ---- small things ---- */

static void *
more(struct check_reader *reader, void *list, size_t *n, size_t size)
{
	char *grown = realloc(list, (*n + 1) * size);

	if (!grown) {
		reader->out_of_memory = true;
		return NULL;
	}
	memset(grown + *n * size, 0, size);
	++*n;
	return grown;
}

static char *
dup_text(struct check_reader *reader, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		reader->out_of_memory = true;
	return copy;
}

static void
unknown_key(struct check_reader *reader, const struct check_at *at, const char *key,
            const char *best, const char *expected)
{
	if (best)
		check_mistake(reader, at, "unknown key \"%.60s\"; did you mean \"%s\"?",
		              key, best);
	else
		check_mistake(reader, at, "unknown key \"%.60s\"; expected %s", key,
		              expected);
}

/* The nearest of a list of keys that ends with NULL. */
static const char *
nearest(const char *key, const char *const *keys)
{
	const char *best = NULL;
	size_t least = NEAR_FAR;

	for (; *keys; keys++)
		if (near_is_typo(key, *keys) && near_distance(key, *keys) < least) {
			best = *keys;
			least = near_distance(key, best);
		}
	return best;
}

static bool
is_object(struct check_reader *reader, const struct check_at *at, const json_t *json)
{
	if (json_is_object(json))
		return true;
	check_mistake(reader, at, "expected an object, found %s", check_json_type(json));
	return false;
}

/* A duration of at most `max`. */
static void
read_duration(struct check_reader *reader, const struct check_at *at, const json_t *json,
              double max, double *ns)
{
	const char *text = json_string_value(json);

	if (!text || vars_duration(text, ns) < 0)
		check_mistake(
			reader, at,
			"expected a duration such as \"500ms\" or \"5s\", found %s%s%.40s%s",
			text ? "\"" : "", text ? "" : check_json_type(json),
			text ? text : "", text ? "\"" : "");
	else if (*ns > max)
		check_mistake(reader, at, "at most 60s, found \"%.40s\"", text);
}

/* ---- fields ---- */

static void read_select(struct check_reader *reader, const struct check_at *at,
                        const json_t *json, int level, struct check_select *select);

static const struct check_field *
find_field(const char *name, enum check_signal signal)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		if ((fields[i].signals & signal) && !strcmp(fields[i].name, name))
			return &fields[i];
	return NULL;
}

static void
unknown_field(struct check_reader *reader, const struct check_at *at, const char *name,
              enum check_signal signal)
{
	struct buf all = { 0 };
	const char *best = NULL;
	size_t least = NEAR_FAR;

	for (size_t i = 0; i < N_FIELDS; i++) {
		if (!(fields[i].signals & signal))
			continue;
		buf_printf(&all, "%s%s", all.len ? ", " : "", fields[i].name);
		if (near_is_typo(name, fields[i].name) &&
		    near_distance(name, fields[i].name) < least) {
			best = fields[i].name;
			least = near_distance(name, best);
		}
	}
	for (size_t i = 0; i < N_FIELDS && !best; i++)
		if (!strcmp(fields[i].name, name)) {
			check_mistake(reader, at, "%s have no \"%s\"; they have %s",
			              check_signal_name(signal), name,
			              all.data ? all.data : "");
			buf_fini(&all);
			return;
		}
	unknown_key(reader, at, name, best, all.data ? all.data : "");
	buf_fini(&all);
}

static struct check_condition *
add_condition(struct check_reader *reader, struct check_select *select,
              const struct check_field *field)
{
	struct check_condition *list = more(reader, select->conditions, &select->n,
	                                    sizeof *select->conditions);

	if (!list)
		return NULL;
	select->conditions = list;
	list[select->n - 1].field = field;
	return &list[select->n - 1];
}

static void
read_attributes(struct check_reader *reader, const struct check_at *at,
                const json_t *json, const struct check_field *field,
                struct check_select *select)
{
	const char *key;
	json_t *value;

	if (!is_object(reader, at, json))
		return;
	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		struct check_condition *condition = add_condition(reader, select, field);
		struct check_at member = { at, key, 0 };

		if (!condition)
			return;
		condition->key = dup_text(reader, key);
		condition->match = check_match_read(reader, &member, value, CHECK_STRICT,
		                                    NULL);
	}
}

static enum check_signal
related_signal(enum check_field_id id)
{
	return id == FIELD_EVENT ? CHECK_EVENTS : CHECK_SPANS;
}

static void
read_related(struct check_reader *reader, const struct check_at *at, const json_t *json,
             const struct check_field *field, int level, struct check_select *select)
{
	struct check_condition *condition = add_condition(reader, select, field);
	const char *text = json_string_value(json);
	bool may_be_none = field->id == FIELD_PARENT || field->id == FIELD_ROOT ||
	                   field->id == FIELD_EVENT || field->id == FIELD_SPAN;

	if (!condition)
		return;
	condition->none = text && may_be_none &&
	                  (!strcmp(text, "none") || !strcmp(text, "absent"));
	condition->present = text && may_be_none && !strcmp(text, "present");
	if (condition->none || condition->present)
		return;
	if (!json_is_object(json)) {
		check_mistake(reader, at,
		              "expected fields of another %s%s, found %s%s%.40s%s",
		              field->id == FIELD_EVENT ? "event" : "span",
		              may_be_none ? ", \"none\" or \"present\"" : "",
		              text ? "\"" : "", text ? "" : check_json_type(json),
		              text ? text : "", text ? "\"" : "");
		return;
	}
	if (level == MAX_RELATED) {
		check_mistake(reader, at, "more than %d spans within each other",
		              MAX_RELATED);
		return;
	}
	condition->related = calloc(1, sizeof *condition->related);
	if (!condition->related) {
		reader->out_of_memory = true;
		return;
	}
	condition->related->signal = related_signal(field->id);
	read_select(reader, at, json, level + 1, condition->related);
}

static void
read_list(struct check_reader *reader, const struct check_at *at, const json_t *json,
          const struct check_field *field, int level, struct check_select *select)
{
	size_t i;
	json_t *value;

	if (!json_array_size(json)) {
		check_mistake(reader, at, "expected a list of objects, found %s",
		              json_is_array(json) ? "an empty one"
		                                  : check_json_type(json));
		return;
	}
	json_array_foreach(json, i, value)
	{
		struct check_at element = { at, NULL, i };

		read_related(reader, &element, value, field, level, select);
	}
}

static bool
all_are(const json_t *list, bool numbers)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (numbers ? !json_is_number(json_array_get(list, i))
		            : !json_is_string(json_array_get(list, i)))
			return false;
	return true;
}

static void
read_bounds(struct check_reader *reader, const struct check_at *at, const json_t *json,
            const struct check_field *field, struct check_select *select)
{
	struct check_condition *condition = add_condition(reader, select, field);
	const char *text = json_string_value(json);

	if (!condition)
		return;
	if (text && !strcmp(text, "default"))
		condition->word = "default";
	else if (text && !strcmp(text, "own"))
		condition->word = "own";
	else if (json_is_array(json) && all_are(json, true))
		condition->list = json_incref((json_t *)(uintptr_t)json);
	else
		check_mistake(
			reader, at,
			"expected a list of numbers, \"default\" or \"own\", found %s",
			check_json_type(json));
}

static void
read_services(struct check_reader *reader, const struct check_at *at, const json_t *json,
              const struct check_field *field, struct check_select *select)
{
	static const struct check_field one = { "services", CHECK_TRACES,
		                                FIELD_TRACE_SERVICE, FORM_VALUE };
	struct check_condition *condition;
	json_t *name = json_object_get(json, "contains");

	if (json_object_size(json) == 1 && json_is_string(name)) {
		condition = add_condition(reader, select, &one);
		if (condition)
			condition->match = check_match_read(reader, at, name,
			                                    CHECK_STRICT, NULL);
		return;
	}
	if (!json_array_size(json) || !all_are(json, false)) {
		check_mistake(
			reader, at,
			"expected a list of names, or {\"contains\": \"name\"}, found %s",
			check_json_type(json));
		return;
	}
	condition = add_condition(reader, select, field);
	if (condition)
		condition->list = json_incref((json_t *)(uintptr_t)json);
}

static void
read_value(struct check_reader *reader, const struct check_at *at, const json_t *json,
           const struct check_field *field, struct check_select *select)
{
	struct check_condition *condition = add_condition(reader, select, field);

	if (condition)
		condition->match = check_match_read(reader, at, json, field->scale,
		                                    field->words);
}

static void
read_scope(struct check_reader *reader, const struct check_at *at, const json_t *json,
           struct check_select *select)
{
	const char *key;
	json_t *value;

	if (!is_object(reader, at, json))
		return;
	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		struct check_at member = { at, key, 0 };

		if (!strcmp(key, "name"))
			read_value(reader, &member, value, &scope_fields[0], select);
		else if (!strcmp(key, "version"))
			read_value(reader, &member, value, &scope_fields[1], select);
		else
			unknown_key(reader, &member, key, NULL, "name or version");
	}
}

static void
read_field(struct check_reader *reader, const struct check_at *at, const json_t *json,
           const struct check_field *field, int level, struct check_select *select)
{
	switch (field->form) {
	case FORM_VALUE:
		read_value(reader, at, json, field, select);
		break;
	case FORM_ATTRIBUTES:
		read_attributes(reader, at, json, field, select);
		break;
	case FORM_RELATED:
		read_related(reader, at, json, field, level, select);
		break;
	case FORM_LIST:
		read_list(reader, at, json, field, level, select);
		break;
	case FORM_BOUNDS:
		read_bounds(reader, at, json, field, select);
		break;
	case FORM_SERVICES:
		read_services(reader, at, json, field, select);
		break;
	case FORM_SCOPE:
		read_scope(reader, at, json, select);
		break;
	}
}

static int
by_field(const void *a, const void *b)
{
	const struct check_condition *x = a, *y = b;

	return (x->field->id > y->field->id) - (x->field->id < y->field->id);
}

static void
read_select(struct check_reader *reader, const struct check_at *at, const json_t *json,
            int level, struct check_select *select)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		struct check_at member = { at, key, 0 };
		const struct check_field *field = find_field(key, select->signal);

		if ((level == 0 && !strcmp(key, "signal")) || !strcmp(key, "note"))
			continue;
		if (field)
			read_field(reader, &member, value, field, level, select);
		else
			unknown_field(reader, &member, key, select->signal);
	}
	if (select->n)
		qsort(select->conditions, select->n, sizeof *select->conditions,
		      by_field);
}

/* ---- assertions ---- */

static void
read_signal(struct check_reader *reader, const struct check_at *at, const json_t *json,
            struct check_select *select)
{
	const char *name = json_string_value(json_object_get(json, "signal"));
	struct check_at member = { at, "signal", 0 };
	const char *names[N_SIGNALS + 1] = { NULL }, *best;

	for (size_t i = 0; i < N_SIGNALS; i++) {
		if (name && !strcmp(name, signals[i].name)) {
			select->signal = signals[i].signal;
			return;
		}
		names[i] = signals[i].name;
	}
	best = name ? nearest(name, names) : NULL;
	if (!json_object_get(json, "signal"))
		check_mistake(
			reader, at,
			"\"signal\" is missing: resources, spans, logs, points or traces");
	else if (best)
		check_mistake(reader, &member,
		              "unknown signal \"%.40s\"; did you mean \"%s\"?", name,
		              best);
	else
		check_mistake(reader, &member,
		              "expected resources, spans, logs, points or traces");
}

static void
read_set_list(struct check_reader *reader, const struct check_at *at, const char *key,
              json_t *json, json_t **out)
{
	struct check_at member = { at, key, 0 };

	if (json_is_array(json) && json_array_size(json) <= CHECK_MAX_INCLUDE)
		*out = json_incref(json);
	else if (json_is_array(json))
		check_mistake(reader, &member, "at most %d values, found %zu",
		              CHECK_MAX_INCLUDE, json_array_size(json));
	else
		check_mistake(reader, &member, "expected a list of values, found %s",
		              check_json_type(json));
}

static void
read_values_of(struct check_reader *reader, const struct check_at *at, json_t *json,
               struct check_values *values)
{
	const char *key;
	json_t *value;

	if (!is_object(reader, at, json))
		return;
	json_object_foreach(json, key, value)
	{
		struct check_at member = { at, key, 0 };

		if (!strcmp(key, "only"))
			read_set_list(reader, at, key, value, &values->only);
		else if (!strcmp(key, "include"))
			read_set_list(reader, at, key, value, &values->include);
		else if (!strcmp(key, "distinct"))
			values->distinct = check_match_read(reader, &member, value,
			                                    CHECK_NUMERIC, NULL);
		else if (strcmp(key, "note") != 0)
			unknown_key(reader, &member, key, NULL,
			            "only, include or distinct");
	}
	if (!values->only && !values->include && !values->distinct)
		check_mistake(reader, at, "expected only, include or distinct");
}

static void
read_values(struct check_reader *reader, const struct check_at *at, json_t *json,
            struct check_assertion *assertion)
{
	const char *key;
	json_t *value;

	if (!is_object(reader, at, json))
		return;
	if (assertion->select.signal == CHECK_RESOURCES ||
	    assertion->select.signal == CHECK_TRACES)
		check_mistake(reader, at, "values are of spans, logs or points");
	json_object_foreach(json, key, value)
	{
		struct check_at member = { at, key, 0 };
		struct check_values *list = more(reader, assertion->values,
		                                 &assertion->n_values, sizeof *list);

		if (!list)
			return;
		assertion->values = list;
		list[assertion->n_values - 1].key = dup_text(reader, key);
		read_values_of(reader, &member, value, &list[assertion->n_values - 1]);
	}
}

static void
read_text(struct check_reader *reader, const struct check_at *at, const json_t *json,
          char **out)
{
	const char *text = json_string_value(json);

	if (!text || !*text)
		check_mistake(reader, at, "expected a text, found %s",
		              text ? "an empty one" : check_json_type(json));
	else
		*out = dup_text(reader, text);
}

static void
read_hints(struct check_reader *reader, const struct check_at *at, json_t *json,
           json_t **out)
{
	if (json_is_array(json) && all_are(json, false))
		*out = json_incref(json);
	else
		check_mistake(reader, at, "expected a list of texts, found %s",
		              check_json_type(json));
}

static void
read_member(struct check_reader *reader, const struct check_at *at, const char *key,
            json_t *json, struct check_assertion *assertion)
{
	static const char *const keys[] = { "id",       "say",   "select",
		                            "count",    "each",  "values",
		                            "increase", "hints", NULL };

	if (!strcmp(key, "id")) {
		read_text(reader, at, json, &assertion->id);
	} else if (!strcmp(key, "say")) {
		read_text(reader, at, json, &assertion->say);
	} else if (!strcmp(key, "hints")) {
		read_hints(reader, at, json, &assertion->hints);
	} else if (!strcmp(key, "count")) {
		assertion->count = check_match_read(reader, at, json, CHECK_NUMERIC,
		                                    NULL);
	} else if (!strcmp(key, "increase")) {
		if (assertion->select.signal && assertion->select.signal != CHECK_POINTS)
			check_mistake(reader, at, "only points increase");
		assertion->increase = check_match_read(reader, at, json, CHECK_NUMERIC,
		                                       NULL);
	} else if (!strcmp(key, "values")) {
		read_values(reader, at, json, assertion);
	} else if (!strcmp(key, "select") || !strcmp(key, "each")) {
		struct check_select *select = *key == 's' ? &assertion->select
		                                          : &assertion->each;

		if (is_object(reader, at, json) && select->signal)
			read_select(reader, at, json, *key == 's' ? 0 : 1, select);
	} else if (strcmp(key, "note") != 0) {
		unknown_key(reader, at, key, nearest(key, keys),
		            "id, say, select, count, each, values, increase or hints");
	}
}

static void
read_assertion(struct check_reader *reader, const struct check_at *at, json_t *json,
               struct check_assertion *assertion)
{
	json_t *select = json_object_get(json, "select"), *value;
	struct check_at select_at = { at, "select", 0 };
	const char *key;

	if (!is_object(reader, at, json))
		return;
	if (!select)
		check_mistake(reader, at, "\"select\" is missing: what is looked at");
	else if (json_is_object(select))
		read_signal(reader, &select_at, select, &assertion->select);
	assertion->each.signal = assertion->select.signal;
	json_object_foreach(json, key, value)
	{
		struct check_at member = { at, key, 0 };

		read_member(reader, &member, key, value, assertion);
	}
	if (!json_object_get(json, "id"))
		check_mistake(reader, at, "\"id\" is missing: a short name of its own");
}

static void
check_id_is_new(struct check_reader *reader, const struct check_at *at,
                const struct check_file *file)
{
	const char *id = file->assertions[file->n - 1].id;
	struct check_at member = { at, "id", 0 };

	for (size_t i = 0; id && i + 1 < file->n; i++)
		if (file->assertions[i].id && !strcmp(file->assertions[i].id, id)) {
			check_mistake(reader, &member,
			              "\"%.60s\" is the id of expect[%zu] already", id,
			              i);
			return;
		}
}

static void
read_expect(struct check_reader *reader, const struct check_at *at, json_t *json,
            struct check_file *file)
{
	size_t i;
	json_t *value;

	if (!json_array_size(json)) {
		check_mistake(reader, at, "expected a list of assertions, found %s",
		              json_is_array(json) ? "an empty one"
		                                  : check_json_type(json));
		return;
	}
	if (json_array_size(json) > CHECK_MAX_ASSERTIONS) {
		check_mistake(reader, at, "at most %d assertions, found %zu",
		              CHECK_MAX_ASSERTIONS, json_array_size(json));
		return;
	}
	json_array_foreach(json, i, value)
	{
		struct check_at element = { at, NULL, i };
		struct check_assertion *list = more(reader, file->assertions, &file->n,
		                                    sizeof *file->assertions);

		if (!list)
			return;
		file->assertions = list;
		read_assertion(reader, &element, value, &list[i]);
		check_id_is_new(reader, &element, file);
	}
}

/* ---- ${names} ---- */

/* A copy of `json` with the variables in its texts, keys excepted, replaced; NULL after a mistake. */
static json_t *
expand(struct check_reader *reader, const struct check_at *at, json_t *json,
       const json_t *set)
{
	char name[VARS_NAME_MAX];
	json_t *copy = NULL, *value;
	const char *key;
	size_t i;
	int r;

	if (json_is_string(json) && !strchr(json_string_value(json), '$'))
		return json_incref(json);
	if (json_is_string(json)) {
		r = reader->expanded > MAX_EXPANDED
		            ? -E2BIG
		            : vars_expand(json_string_value(json), set, &copy, name);
		if (r == 0)
			reader->expanded += json_dumpb(copy, NULL, 0, JSON_ENCODE_ANY);
		if (r == -E2BIG)
			check_mistake(reader, at, "it becomes too large by its values");
		else if (r == -ENOENT)
			check_mistake(reader, at, "${%s} has no value", name);
		else if (r == -EINVAL)
			check_mistake(reader, at, "${%.40s has no end", name);
		else if (r < 0)
			reader->out_of_memory = true;
		return r == 0 ? copy : NULL;
	}
	if (json_is_object(json)) {
		copy = json_object();
		json_object_foreach(json, key, value)
		{
			struct check_at member = { at, key, 0 };
			/* Hints are code, and handed back as they are. */
			bool plain = !strcmp(key, "hints") && at->up && !at->up->up;
			json_t *new = plain ? json_incref(value)
			                    : expand(reader, &member, value, set);

			/* A mistake was told; go on for the others, with anything. */
			if (json_object_set_new(copy, key, new ? new : json_null()) < 0)
				reader->out_of_memory = true;
		}
	} else if (json_is_array(json)) {
		copy = json_array();
		json_array_foreach(json, i, value)
		{
			struct check_at element = { at, NULL, i };
			json_t *new = expand(reader, &element, value, set);

			if (json_array_append_new(copy, new ? new : json_null()) < 0)
				reader->out_of_memory = true;
		}
	} else {
		return json_incref(json);
	}
	if (!copy)
		reader->out_of_memory = true;
	return copy;
}

/* ---- the file ---- */

static void
read_natural(struct check_reader *reader, const struct check_at *at, const json_t *json,
             const char *expected, uint64_t *out)
{
	if (json_is_integer(json) && json_integer_value(json) >= 0)
		*out = (uint64_t)json_integer_value(json);
	else
		check_mistake(reader, at, "expected %s, found %s", expected,
		              check_json_type(json));
}

static void
read_file(struct check_reader *reader, json_t *json, struct check_file *file)
{
	static const char *const keys[] = { "title", "within", "settle", "expect", "set",
		                            "since", "until",  "note",   NULL };
	const json_t *set = json_object_get(json, "set");
	const char *key;
	json_t *value, *expect;

	if (!is_object(reader, NULL, json))
		return;
	json_object_foreach(json, key, value)
	{
		struct check_at at = { NULL, key, 0 };

		if (!strcmp(key, "within")) {
			read_duration(reader, &at, value, CHECK_MAX_WITHIN_NS,
			              &file->within_ns);
		} else if (!strcmp(key, "settle")) {
			read_duration(reader, &at, value, CHECK_MAX_WITHIN_NS,
			              &file->settle_ns);
		} else if (!strcmp(key, "since")) {
			file->driven = true;
			read_natural(reader, &at, value, "a number of arrival",
			             &file->since);
		} else if (!strcmp(key, "until")) {
			read_natural(reader, &at, value, "Unix nanoseconds",
			             &file->until_unix_ns);
		} else if (!strcmp(key, "set")) {
			(void)is_object(reader, &at, value);
		} else if (!strcmp(key, "title")) {
			if (!json_is_string(value))
				check_mistake(reader, &at, "expected a text, found %s",
				              check_json_type(value));
		} else if (!strcmp(key, "let") || !strcmp(key, "drive") ||
		           !strcmp(key, "finally")) {
			check_mistake(
				reader, &at,
				"requests are sent by `cupola check`; the station only judges");
		} else if (!strcmp(key, "expect")) {
			size_t before = json_array_size(reader->mistakes);

			expect = expand(reader, &at, value, set);
			if (json_array_size(reader->mistakes) == before)
				read_expect(reader, &at, expect, file);
			json_decref(expect);
		} else if (strcmp(key, "note") != 0) {
			unknown_key(reader, &at, key, nearest(key, keys),
			            "title, within, settle or expect");
		}
	}
	if (!json_object_get(json, "expect"))
		check_mistake(reader, NULL,
		              "\"expect\" is missing: the list of assertions");
}

static bool
too_deep(const char *text, size_t len)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!quoted && (text[i] == '}' || text[i] == ']') && depth)
			depth--;
		if (depth > MAX_DEPTH)
			return true;
	}
	return false;
}

static int
read_text_of_file(struct check_reader *reader, const char *text, size_t len,
                  struct check_file *file)
{
	json_error_t error;
	json_t *json;

	if (too_deep(text, len)) {
		check_mistake(reader, NULL, "nested deeper than %d levels", MAX_DEPTH);
		return -EINVAL;
	}
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json &&
	    (!*error.text || json_error_code(&error) == json_error_out_of_memory))
		return -ENOMEM; /* jansson has no word for it everywhere */
	if (!json) {
		check_mistake(reader, NULL, "line %d, column %d: not JSON: %s",
		              error.line, error.column, error.text);
		return -EINVAL;
	}
	read_file(reader, json, file);
	json_decref(json);
	return 0;
}

int
check_file_read(const char *text, size_t len, struct check_file **out, json_t **mistakes)
{
	struct check_reader reader = { .mistakes = json_array() };
	struct check_file *file = calloc(1, sizeof *file);
	int r = -ENOMEM;

	if (!file || !reader.mistakes)
		goto out;
	file->within_ns = WITHIN_NS;
	file->settle_ns = SETTLE_NS;
	r = read_text_of_file(&reader, text, len, file);
	if (reader.out_of_memory)
		r = -ENOMEM;
	else if (r == 0 && json_array_size(reader.mistakes))
		r = -EINVAL;
out:
	if (r == 0) {
		*out = file;
		file = NULL;
	} else if (r == -EINVAL) {
		*mistakes = json_incref(reader.mistakes);
	}
	json_decref(reader.mistakes);
	check_file_free(file);
	return r;
}

static void
select_fini(struct check_select *select)
{
	for (size_t i = 0; i < select->n; i++) {
		struct check_condition *condition = &select->conditions[i];

		free(condition->key);
		check_match_free(condition->match);
		json_decref(condition->list);
		if (condition->related)
			select_fini(condition->related);
		free(condition->related);
	}
	free(select->conditions);
}

static void
assertion_fini(struct check_assertion *assertion)
{
	free(assertion->id);
	free(assertion->say);
	json_decref(assertion->hints);
	select_fini(&assertion->select);
	select_fini(&assertion->each);
	check_match_free(assertion->count);
	check_match_free(assertion->increase);
	for (size_t i = 0; i < assertion->n_values; i++) {
		free(assertion->values[i].key);
		json_decref(assertion->values[i].only);
		json_decref(assertion->values[i].include);
		check_match_free(assertion->values[i].distinct);
	}
	free(assertion->values);
}

void
check_file_free(struct check_file *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->n; i++)
		assertion_fini(&file->assertions[i]);
	free(file->assertions);
	free(file);
}
