/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why one item does not fit: a sentence for each kind of condition. What was found comes first, what was
 * expected last.
 */
#include <string.h>

#include "check-miss.h"
#include "check-names.h"
#include "check-series.h"
#include "near.h"

/* ---- who ---- */

static void
quote(struct buf *buf, const char *text, const char *mark)
{
	size_t len = strlen(text), shown = len;

	if (shown > 80)
		for (shown = 80; shown && (text[shown] & 0xc0) == 0x80; shown--)
			;
	buf_puts(buf, mark);
	for (size_t i = 0; i < shown; i++)
		buf_add(buf, (unsigned char)text[i] < ' ' ? " " : text + i, 1);
	buf_printf(buf, "%s%s", shown < len ? "…" : "", mark);
}

void
check_subject_describe(struct check_look *look, struct check_subject *subject,
                       struct buf *buf)
{
	struct check_value value;

	switch (subject->signal) {
	case CHECK_SPANS:
		buf_puts(buf, "span ");
		quote(buf, subject->item->name, "`");
		break;
	case CHECK_LOGS:
		buf_puts(buf, "log record");
		value = check_subject_value(look, subject, FIELD_BODY);
		if (value.type == CHECK_STRING) {
			buf_puts(buf, " ");
			quote(buf, value.text, "\"");
		}
		break;
	case CHECK_POINTS:
		buf_puts(buf, "metric ");
		quote(buf, subject->series->report->metric->name, "`");
		break;
	case CHECK_TRACES:
		value = check_subject_value(look, subject, FIELD_TRACE_ID);
		buf_printf(buf, "trace %.8s…", value.text);
		break;
	case CHECK_EVENTS:
		buf_puts(buf, "event ");
		quote(buf, subject->event->name, "`");
		break;
	case CHECK_RESOURCES:
		buf_puts(buf, "the Resource of ");
		if (*subject->service)
			quote(buf, subject->service, "`");
		else
			buf_puts(buf, "a service without a name");
	}
}

static void
expected(const struct check_match *match, bool name, struct buf *buf)
{
	buf_puts(buf, "; expected ");
	check_match_describe(match, name, buf);
}

/* ---- attributes ---- */

/* An attribute that may be meant: the old name, or a typing error. */
static const char *
meant(otlp_key_value **list, size_t n, const char *key, bool *old)
{
	const char *name;

	*old = true;
	for (size_t i = 0; (name = check_old_name(key, i)); i++)
		if (check_attribute(list, n, name).type != CHECK_ABSENT)
			return name;
	*old = false;
	for (size_t i = 0; i < n; i++)
		if (near_is_typo(key, list[i]->key))
			return list[i]->key;
	return NULL;
}

static void
why_attribute(struct check_look *look, const struct check_condition *condition,
              struct check_subject *subject, struct buf *buf)
{
	size_t n;
	otlp_key_value **list = check_subject_attributes(look, subject,
	                                                 condition->field->id, &n);
	struct check_value value = check_attribute(list, n, condition->key);
	const char *other, *stable = check_stable_name(condition->key);
	bool old;

	other = value.type == CHECK_ABSENT ? meant(list, n, condition->key, &old) : NULL;
	if (other) {
		buf_printf(buf, "`%s` found%s; expected `%s`", other,
		           old ? ", the old name" : "", condition->key);
		return;
	}
	buf_printf(buf, "`%s` is ", condition->key);
	check_value_describe(&value, condition->match, false, buf);
	expected(condition->match, false, buf);
	if (check_match_wants_absent(condition->match) && stable)
		buf_printf(buf, ", its stable name is `%s`", stable);
}

/* ---- other spans ---- */

/* How a selection names what it wants: by its name, else by its first condition. */
static void
describe_wanted(const struct check_select *select, struct buf *buf)
{
	for (size_t i = 0; i < select->n; i++)
		if (select->conditions[i].field->id == FIELD_NAME) {
			check_match_describe(select->conditions[i].match, true, buf);
			return;
		}
	if (!select->n) {
		buf_puts(buf, "one");
		return;
	}
	buf_printf(buf, "one whose %s is ",
	           select->conditions[0].key ? select->conditions[0].key
	                                     : select->conditions[0].field->name);
	if (select->conditions[0].match)
		check_match_describe(select->conditions[0].match, false, buf);
	else
		buf_puts(buf, "right");
}

/* "its parent is `GET /`; expected `x`", or why that parent is not the right one otherwise. */
static void
why_other(struct check_look *look, const struct check_select *select,
          const struct store_item *item, const char *what, struct buf *buf)
{
	struct check_subject other;

	check_subject_span(&other, item);
	for (size_t i = 0; i < select->n; i++) {
		const struct check_condition *condition = &select->conditions[i];

		if (check_condition(look, condition, &other) == CHECK_YES)
			continue;
		buf_printf(buf, "its %s is ", what);
		quote(buf, item->name, "`");
		if (condition->field->id == FIELD_NAME) {
			expected(condition->match, true, buf);
		} else if (condition->field->id == FIELD_SERVICE) {
			buf_puts(buf, " of ");
			quote(buf, item->owner->service->name, "`");
			buf_puts(buf, "; expected one of ");
			check_match_describe(condition->match, true, buf);
		} else {
			buf_puts(buf, ", and there ");
			(void)check_why(look, condition, &other, buf);
		}
		break;
	}
	check_subject_fini(&other);
}

static void
why_parent(struct check_look *look, const struct check_condition *condition,
           struct check_subject *subject, struct buf *buf)
{
	const struct store_item *above;

	if (!check_has_id(subject->item->parent_id)) {
		buf_puts(buf, "it is a root; expected ");
		if (condition->related) {
			buf_puts(buf, "the parent ");
			describe_wanted(condition->related, buf);
		} else {
			buf_puts(buf, "a parent");
		}
		return;
	}
	above = check_find_span(look, subject->trace, subject->item->parent_id);
	if (!above) {
		buf_puts(buf, "its parent has not arrived; expected ");
		if (condition->none)
			buf_puts(buf, "a root");
		else
			describe_wanted(condition->related, buf);
		buf_puts(buf, condition->none ? "" : " (is it ended on every path?)");
	} else if (condition->none) {
		buf_puts(buf, "its parent is ");
		quote(buf, above->name, "`");
		buf_puts(buf, "; expected a root");
	} else {
		why_other(look, condition->related, above, "parent", buf);
	}
}

static void
why_ancestor(struct check_look *look, const struct check_condition *condition,
             struct check_subject *subject, struct buf *buf)
{
	const struct store_item *item = subject->item;
	int n = 0;

	for (; n < 6 && item && check_has_id(item->parent_id); n++) {
		item = check_find_span(look, subject->trace, item->parent_id);
		buf_puts(buf, n ? ", " : "above it are ");
		if (item)
			quote(buf, item->name, "`");
		else
			buf_puts(buf, "a span that has not arrived");
	}
	if (!n)
		buf_puts(buf, "it is a root");
	buf_puts(buf, "; expected ");
	describe_wanted(condition->related, buf);
}

static void
why_order(struct check_look *look, const struct check_condition *condition,
          struct check_subject *subject, struct buf *buf)
{
	bool before = condition->field->id == FIELD_BEFORE;
	const struct store_item *other;

	if (!subject->trace) {
		buf_puts(buf, "it belongs to no trace; expected ");
		buf_puts(buf, before ? "one before " : "one after ");
		describe_wanted(condition->related, buf);
		return;
	}
	TAILQ_FOREACH (other, &subject->trace->spans, in_trace) {
		struct check_subject span;
		bool fits;

		check_subject_span(&span, other);
		fits = other != subject->item &&
		       check_select(look, condition->related, &span) == CHECK_YES;
		check_subject_fini(&span);
		if (!fits)
			continue;
		buf_puts(buf, before ? "it does not end before " : "it begins before ");
		quote(buf, other->name, "`");
		buf_puts(buf, before ? " begins" : " has ended");
		return;
	}
	buf_puts(buf, "its trace has no span to be compared with; expected ");
	describe_wanted(condition->related, buf);
}

static void
why_span_of_log(struct check_look *look, const struct check_condition *condition,
                struct check_subject *subject, struct buf *buf)
{
	const struct store_item *span = NULL;

	if (subject->trace && check_has_id(subject->item->span_id))
		span = check_find_span(look, subject->trace, subject->item->span_id);
	else if (!condition->none) {
		buf_puts(buf, "it belongs to no span");
		if (condition->related) {
			buf_puts(buf, "; expected ");
			describe_wanted(condition->related, buf);
		}
		buf_puts(buf, " (was it emitted while the span was current?)");
		return;
	}
	if (condition->none) {
		buf_puts(buf, "it belongs to a span; expected none");
	} else if (!span) {
		buf_puts(buf, "its span has not arrived; expected ");
		describe_wanted(condition->related, buf);
		buf_puts(buf, " (is it ended on every path?)");
	} else {
		why_other(look, condition->related, span, "span", buf);
	}
}

static void
why_event(struct check_look *look, const struct check_condition *condition,
          struct check_subject *subject, struct buf *buf)
{
	size_t n;

	(void)check_subject_attributes(look, subject, FIELD_ATTRIBUTES, &n);
	n = subject->span ? subject->span->n_events : 0;
	if (condition->none) {
		buf_printf(buf, "it has %zu event%s; expected none", n,
		           n == 1 ? "" : "s");
		return;
	}
	if (!n) {
		buf_puts(buf, "it has no event");
	} else {
		buf_puts(buf, n == 1 ? "its event is " : "its events are ");
		for (size_t i = 0; i < n && i < 4; i++) {
			buf_puts(buf, i ? ", " : "");
			quote(buf, subject->span->events[i]->name, "`");
		}
	}
	if (condition->related) {
		buf_puts(buf, "; expected ");
		describe_wanted(condition->related, buf);
	}
}

/* ---- traces ---- */

/* The services of a trace, each once; NULL past the last. */
static const char *
service_at(const struct store_trace *trace, size_t i)
{
	const struct store_item *span, *before;

	TAILQ_FOREACH (span, &trace->spans, in_trace) {
		TAILQ_FOREACH (before, &trace->spans, in_trace)
			if (before == span ||
			    before->owner->service == span->owner->service)
				break;
		if (before == span && i-- == 0)
			return span->owner->service->name;
	}
	return NULL;
}

static void
why_services(const struct check_condition *condition, const struct check_subject *subject,
             struct buf *buf)
{
	const struct check_match *match = condition->match;
	const char *name, *missing = NULL;
	size_t n = 0;

	buf_puts(buf, "it is over ");
	for (; n < 8 && (name = service_at(subject->trace, n)); n++) {
		buf_puts(buf, n == 0                              ? ""
		              : service_at(subject->trace, n + 1) ? ", "
		                                                  : " and ");
		quote(buf, name, "`");
	}
	for (size_t i = 0; !match && i < json_array_size(condition->list) && !missing;
	     i++) {
		missing = json_string_value(json_array_get(condition->list, i));
		for (size_t k = 0; (name = service_at(subject->trace, k)); k++)
			if (!strcmp(name, missing)) {
				missing = NULL;
				break;
			}
	}
	if (match) {
		expected(match, true, buf);
		buf_puts(buf, " among them");
	} else if (missing) {
		buf_puts(buf, "; expected ");
		quote(buf, missing, "`");
		buf_puts(buf, " too");
	} else {
		buf_printf(buf, "; expected %zu of them",
		           json_array_size(condition->list));
	}
}

static void
why_root(struct check_look *look, const struct check_condition *condition,
         struct check_subject *subject, struct buf *buf)
{
	const struct store_item *span;

	TAILQ_FOREACH (span, &subject->trace->spans, in_trace)
		if (!check_has_id(span->parent_id))
			break;
	if (!span) {
		buf_puts(buf, "its root has not arrived");
	} else if (condition->none) {
		buf_puts(buf, "its root is ");
		quote(buf, span->name, "`");
		buf_puts(buf, "; expected none");
	} else {
		why_other(look, condition->related, span, "root", buf);
	}
}

static void
why_has(struct check_look *look, const struct check_condition *condition,
        struct check_subject *subject, struct buf *buf)
{
	const struct store_item *span, *nearest = NULL;
	size_t most = 0;

	TAILQ_FOREACH (span, &subject->trace->spans, in_trace) {
		struct check_subject one;
		size_t n = 0;

		check_subject_span(&one, span);
		while (n < condition->related->n &&
		       check_condition(look, &condition->related->conditions[n], &one) ==
		               CHECK_YES)
			n++;
		check_subject_fini(&one);
		if (n > most) {
			nearest = span;
			most = n;
		}
	}
	buf_puts(buf, "it has no span ");
	describe_wanted(condition->related, buf);
	if (nearest) {
		struct check_subject one;

		buf_puts(buf, " that fits: ");
		check_subject_span(&one, nearest);
		(void)check_why_not(look, condition->related, &one, buf);
		check_subject_fini(&one);
	}
}

/* ---- fields ---- */

static void
why_bounds(const struct check_condition *condition, const struct check_subject *subject,
           struct buf *buf)
{
	size_t n;
	const double *bounds = check_subject_bounds(subject, &n);

	if (!bounds) {
		buf_puts(buf, "it is no histogram with bounds");
		return;
	}
	if (check_bounds_are_default(bounds, n)) {
		buf_puts(buf, "its buckets are the default ones");
	} else {
		buf_puts(buf, "its bounds are ");
		for (size_t i = 0; i < n && i < 16; i++)
			buf_printf(buf, "%s%.15g", i ? ", " : "", bounds[i]);
		buf_puts(buf, n > 16 ? ", …" : n ? "" : "none");
	}
	buf_puts(buf, "; expected ");
	if (condition->word)
		buf_puts(buf, *condition->word == 'd' ? "the default ones"
		                                      : "bounds of its own");
	for (size_t i = 0; i < json_array_size(condition->list); i++)
		buf_printf(buf, "%s%.15g", i ? ", " : "",
		           json_number_value(json_array_get(condition->list, i)));
}

static const char *
field_words(enum check_field_id field)
{
	switch (field) {
	case FIELD_STATUS_MESSAGE:
		return "status message";
	case FIELD_TRACE_ID:
		return "trace id";
	case FIELD_SPAN_ID:
		return "span id";
	case FIELD_EVENT_NAME:
		return "event name";
	case FIELD_SCOPE_NAME:
		return "scope's name";
	case FIELD_SCOPE_VERSION:
		return "scope's version";
	case FIELD_COUNT:
		return "count of recordings";
	default:
		return NULL;
	}
}

/* "it has 2 roots; expected 1" */
static bool
why_number_of(const struct check_condition *condition, const struct check_value *value,
              struct buf *buf)
{
	const char *what;

	switch (condition->field->id) {
	case FIELD_LINKS:
		what = "link";
		break;
	case FIELD_EXEMPLARS:
		what = "exemplar";
		break;
	case FIELD_SPANS:
		what = "span";
		break;
	case FIELD_ROOTS:
		what = "root";
		break;
	case FIELD_LOG_COUNT:
		what = "log record";
		break;
	case FIELD_ERRORS:
		what = "failed span";
		break;
	case FIELD_MISSING:
		what = "parent";
		break;
	default:
		return false;
	}
	buf_printf(buf, "it has %lld %s%s%s%s", (long long)value->integer, what,
	           value->integer == 1 ? "" : "s",
	           condition->field->id == FIELD_EXEMPLARS ? " with a trace id" : "",
	           condition->field->id == FIELD_MISSING ? " that never arrived" : "");
	expected(condition->match, false, buf);
	return true;
}

static void
why_value(struct check_look *look, const struct check_condition *condition,
          struct check_subject *subject, struct buf *buf)
{
	enum check_field_id field = condition->field->id;
	struct check_value value = check_subject_value(look, subject, field);
	const char *words = field_words(field);

	if (why_number_of(condition, &value, buf))
		return;
	if (field == FIELD_INCREASE) {
		buf_printf(buf, "it grew by %.15g", value.real);
		expected(condition->match, false, buf);
		return;
	}
	words = words ? words : condition->field->name;
	if (value.type == CHECK_ABSENT) {
		buf_printf(buf, "it has no %s", words);
		expected(condition->match, false, buf);
		if (subject->signal == CHECK_LOGS &&
		    (field == FIELD_TRACE_ID || field == FIELD_SPAN_ID))
			buf_puts(buf, " (was it emitted while a span was current?)");
		return;
	}
	buf_printf(buf, "its %s is ", words);
	if (condition->field->words) /* a word of the format itself */
		buf_puts(buf, value.text);
	else
		check_value_describe(&value, condition->match, false, buf);
	if (condition->field->words && check_match_text(condition->match))
		buf_printf(buf, "; expected %s", check_match_text(condition->match));
	else
		expected(condition->match, false, buf);
}

/* ---- all ---- */

static bool
why_name(const struct check_condition *condition, struct check_look *look,
         struct check_subject *subject, struct buf *buf)
{
	check_subject_describe(look, subject, buf);
	buf_puts(buf, " found");
	expected(condition->match, true, buf);
	return true;
}

static bool
why_service(const struct check_condition *condition, struct check_look *look,
            struct check_subject *subject, struct buf *buf)
{
	check_subject_describe(look, subject, buf);
	if (subject->signal == CHECK_RESOURCES) {
		buf_puts(buf, " found");
	} else if (*subject->service) {
		buf_puts(buf, " came from ");
		quote(buf, subject->service, "`");
	} else {
		buf_puts(buf, " came without a `service.name`");
	}
	expected(condition->match, true, buf);
	return true;
}

bool
check_why(struct check_look *look, const struct check_condition *condition,
          struct check_subject *subject, struct buf *buf)
{
	switch (condition->field->id) {
	case FIELD_SERVICE:
		return why_service(condition, look, subject, buf);
	case FIELD_NAME:
	case FIELD_METRIC:
		return why_name(condition, look, subject, buf);
	case FIELD_ATTRIBUTES:
	case FIELD_RESOURCE:
		why_attribute(look, condition, subject, buf);
		break;
	case FIELD_PARENT:
		why_parent(look, condition, subject, buf);
		break;
	case FIELD_ANCESTOR:
		why_ancestor(look, condition, subject, buf);
		break;
	case FIELD_BEFORE:
	case FIELD_AFTER:
		why_order(look, condition, subject, buf);
		break;
	case FIELD_SPAN:
		why_span_of_log(look, condition, subject, buf);
		break;
	case FIELD_EVENT:
		why_event(look, condition, subject, buf);
		break;
	case FIELD_BOUNDS:
		why_bounds(condition, subject, buf);
		break;
	case FIELD_SERVICES:
	case FIELD_TRACE_SERVICE:
		why_services(condition, subject, buf);
		break;
	case FIELD_ROOT:
		why_root(look, condition, subject, buf);
		break;
	case FIELD_HAS:
		why_has(look, condition, subject, buf);
		break;
	default:
		why_value(look, condition, subject, buf);
	}
	return false;
}

bool
check_why_not(struct check_look *look, const struct check_select *select,
              struct check_subject *subject, struct buf *buf)
{
	for (size_t i = 0; i < select->n; i++) {
		struct buf why = { 0 };
		bool whole;

		if (check_condition(look, &select->conditions[i], subject) == CHECK_YES)
			continue;
		whole = check_why(look, &select->conditions[i], subject, &why);
		if (!whole) {
			check_subject_describe(look, subject, buf);
			buf_puts(buf, ": ");
		}
		buf_add(buf, why.data ? why.data : "", why.len);
		buf->failed = buf->failed || why.failed;
		buf_fini(&why);
		return true;
	}
	return false;
}
