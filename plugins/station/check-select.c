/* SPDX-License-Identifier: Apache-2.0 */
#include "check-select.h"

#include <string.h>

#define MAX_ANCESTORS 1000 /* a chain of parents may go in a circle */

static enum check_verdict
yes_or(bool yes, enum check_verdict no)
{
	return yes ? CHECK_YES : no;
}

/* What an item says of itself is as it is; traces, series and Resources go on. */
static enum check_verdict
no_of(const struct check_subject *subject)
{
	return subject->signal == CHECK_SPANS || subject->signal == CHECK_LOGS ||
	                       subject->signal == CHECK_EVENTS
	               ? CHECK_NO
	               : CHECK_NOT_YET;
}

/* ---- other items ---- */

static enum check_verdict
span_fits(struct check_look *look, const struct check_select *select,
          const struct store_item *item)
{
	struct check_subject subject;
	enum check_verdict verdict;

	check_subject_span(&subject, item);
	verdict = check_select(look, select, &subject);
	check_subject_fini(&subject);
	return verdict;
}

static enum check_verdict
parent(struct check_look *look, const struct check_condition *condition,
       const struct check_subject *subject)
{
	const struct store_item *item = subject->item, *above;
	bool has = check_has_id(item->parent_id);

	if (condition->none || condition->present || !has)
		return yes_or(condition->none ? !has : has && !condition->related,
		              CHECK_NO);
	above = check_find_span(look, subject->trace, item->parent_id);
	return above ? span_fits(look, condition->related, above) : CHECK_NOT_YET;
}

static enum check_verdict
ancestor(struct check_look *look, const struct check_condition *condition,
         const struct check_subject *subject)
{
	const struct store_item *item = subject->item;
	enum check_verdict best = CHECK_NO, verdict;

	for (int i = 0; i < MAX_ANCESTORS && check_has_id(item->parent_id); i++) {
		item = check_find_span(look, subject->trace, item->parent_id);
		if (!item)
			return CHECK_NOT_YET;
		verdict = span_fits(look, condition->related, item);
		if (verdict == CHECK_YES)
			return verdict;
		best = verdict > best ? verdict : best;
	}
	return best;
}

/* A log record is a moment; a span begins and ends. */
static enum check_verdict
order(struct check_look *look, const struct check_condition *condition,
      const struct check_subject *subject)
{
	const struct store_item *item = subject->item, *other;
	uint64_t begin = item->time_unix_ns,
		 end = item->signal == STORE_SPANS ? item->end_unix_ns : begin;
	bool before = condition->field->id == FIELD_BEFORE;

	if (!subject->trace)
		return CHECK_NO;
	TAILQ_FOREACH (other, &subject->trace->spans, in_trace) {
		if (other == item ||
		    (before ? other->time_unix_ns < end : other->end_unix_ns > begin))
			continue;
		if (span_fits(look, condition->related, other) == CHECK_YES)
			return CHECK_YES;
	}
	return CHECK_NOT_YET;
}

static enum check_verdict
span_of_log(struct check_look *look, const struct check_condition *condition,
            const struct check_subject *subject)
{
	const struct store_item *span;
	bool has = subject->trace && check_has_id(subject->item->span_id);

	if (condition->none || condition->present || !has)
		return yes_or(condition->none ? !has : has && !condition->related,
		              CHECK_NO);
	span = check_find_span(look, subject->trace, subject->item->span_id);
	return span ? span_fits(look, condition->related, span) : CHECK_NOT_YET;
}

static enum check_verdict
event(struct check_look *look, const struct check_condition *condition,
      struct check_subject *subject)
{
	size_t n;

	/* Unpacks the span. */
	(void)check_subject_attributes(look, subject, FIELD_ATTRIBUTES, &n);
	if (!subject->span)
		return CHECK_NO;
	n = subject->span->n_events;
	if (condition->none || condition->present)
		return yes_or(condition->none ? n == 0 : n > 0, CHECK_NO);
	for (size_t i = 0; i < n; i++) {
		struct check_subject one = { .signal = CHECK_EVENTS,
			                     .event = subject->span->events[i] };

		if (check_select(look, condition->related, &one) == CHECK_YES)
			return CHECK_YES;
	}
	return CHECK_NO;
}

/* ---- traces ---- */

/* Whether a span of the trace fits; only roots, or any. */
static enum check_verdict
span_in(struct check_look *look, const struct check_condition *condition,
        const struct check_subject *subject, bool roots)
{
	const struct store_item *span;
	bool any = false;

	TAILQ_FOREACH (span, &subject->trace->spans, in_trace) {
		if (roots && check_has_id(span->parent_id))
			continue;
		any = true;
		if (condition->related &&
		    span_fits(look, condition->related, span) == CHECK_YES)
			return CHECK_YES;
	}
	if (condition->none || condition->present)
		return yes_or(condition->none ? !any : any, CHECK_NOT_YET);
	return CHECK_NOT_YET;
}

static bool
list_has(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(json_string_value(json_array_get(list, i)), name))
			return true;
	return false;
}

static bool
trace_has(const struct store_trace *trace, const char *service)
{
	const struct store_item *span;

	TAILQ_FOREACH (span, &trace->spans, in_trace)
		if (!strcmp(span->owner->service->name, service))
			return true;
	return false;
}

/* Whether the trace is of these services and of no other. */
static bool
services_are(const json_t *list, const struct store_trace *trace)
{
	const struct store_item *span;

	TAILQ_FOREACH (span, &trace->spans, in_trace)
		if (!list_has(list, span->owner->service->name))
			return false;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!trace_has(trace, json_string_value(json_array_get(list, i))))
			return false;
	return true;
}

static bool
service_in(const struct check_match *match, const struct store_trace *trace)
{
	const struct store_item *span;

	TAILQ_FOREACH (span, &trace->spans, in_trace) {
		struct check_value name = check_text(span->owner->service->name);

		if (check_match_fits(match, &name))
			return true;
	}
	return false;
}

/* ---- all of it ---- */

static bool
bounds_fit(const struct check_condition *condition, const struct check_subject *subject)
{
	size_t n;
	const double *bounds = check_subject_bounds(subject, &n);

	if (!bounds)
		return false;
	if (condition->word)
		return check_bounds_are_default(bounds, n) == (*condition->word == 'd');
	if (n != json_array_size(condition->list))
		return false;
	for (size_t i = 0; i < n; i++)
		if (bounds[i] != json_number_value(json_array_get(condition->list, i)))
			return false;
	return true;
}

static enum check_verdict
attribute(struct check_look *look, const struct check_condition *condition,
          struct check_subject *subject)
{
	size_t n;
	otlp_key_value **list = check_subject_attributes(look, subject,
	                                                 condition->field->id, &n);
	struct check_value value = check_attribute(list, n, condition->key);

	return yes_or(check_match_fits(condition->match, &value), no_of(subject));
}

enum check_verdict
check_condition(struct check_look *look, const struct check_condition *condition,
                struct check_subject *subject)
{
	struct check_value value;

	switch (condition->field->id) {
	case FIELD_ATTRIBUTES:
	case FIELD_RESOURCE:
		return attribute(look, condition, subject);
	case FIELD_PARENT:
		return parent(look, condition, subject);
	case FIELD_ANCESTOR:
		return ancestor(look, condition, subject);
	case FIELD_BEFORE:
	case FIELD_AFTER:
		return order(look, condition, subject);
	case FIELD_SPAN:
		return span_of_log(look, condition, subject);
	case FIELD_EVENT:
		return event(look, condition, subject);
	case FIELD_BOUNDS:
		return yes_or(bounds_fit(condition, subject), CHECK_NOT_YET);
	case FIELD_SERVICES:
		return yes_or(services_are(condition->list, subject->trace),
		              CHECK_NOT_YET);
	case FIELD_TRACE_SERVICE:
		return yes_or(service_in(condition->match, subject->trace),
		              CHECK_NOT_YET);
	case FIELD_ROOT:
		return span_in(look, condition, subject, true);
	case FIELD_HAS:
		return span_in(look, condition, subject, false);
	default:
		value = check_subject_value(look, subject, condition->field->id);
		return yes_or(check_match_fits(condition->match, &value), no_of(subject));
	}
}

enum check_verdict
check_select(struct check_look *look, const struct check_select *select,
             struct check_subject *subject)
{
	enum check_verdict least = CHECK_YES, verdict;

	for (size_t i = 0; i < select->n && least != CHECK_NO; i++) {
		verdict = check_condition(look, &select->conditions[i], subject);
		least = verdict < least ? verdict : least;
	}
	return least;
}
