/* SPDX-License-Identifier: Apache-2.0 */
#include "check-subject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check-series.h"
#include "otlp-json.h"

#define SLICE_NS   2000000u /* how long the loop is kept at a stretch */
#define MAX_OWNERS 1024     /* resources and scopes kept unpacked */
#define INDEX_FROM 32       /* spans of a trace worth an index */

/* A resource and a scope as messages, kept by the number of the owner in the store. */
struct check_owner {
	uint64_t serial;
	otlp_resource *resource;
	otlp_scope *scope;
};

static const uint8_t no_id[8];

bool
check_has_id(const uint8_t id[8])
{
	return memcmp(id, no_id, sizeof no_id) != 0;
}

/* ---- the look ---- */

void
check_look_init(struct check_look *look, const struct store *store, uint64_t since)
{
	*look = (struct check_look){ .store = store, .since = since };
}

static void
forget_owners(struct check_look *look)
{
	for (size_t i = 0; i < look->n_owners; i++) {
		if (look->owners[i].resource)
			protobuf_c_message_free_unpacked(&look->owners[i].resource->base,
			                                 NULL);
		if (look->owners[i].scope)
			protobuf_c_message_free_unpacked(&look->owners[i].scope->base,
			                                 NULL);
	}
	if (look->owners) /* a subject may still name one of them: by its number it finds that it is gone */
		memset(look->owners, 0, MAX_OWNERS * sizeof *look->owners);
	look->n_owners = 0;
}

void
check_look_fini(struct check_look *look)
{
	forget_owners(look);
	free(look->owners);
	check_series_fini(look);
	free(look->index);
	*look = (struct check_look){ 0 };
}

int
check_breathe(struct check_look *look)
{
	uint64_t now;
	int r;

	if (!look->yield)
		return 0;
	now = look->clock_ns();
	if (now - look->slice_ns < SLICE_NS)
		return 0;
	look->indexed = NULL;
	r = look->yield(look->arg);
	look->slice_ns = look->clock_ns();
	return r;
}

/* ---- resources and scopes ---- */

/* {"resource":...} or {"scope":...} of an owner, as a message; NULL when it cannot be read. */
static ProtobufCMessage *
read_part(struct check_look *look, const char *part, const char *name,
          const ProtobufCMessageDescriptor *descriptor)
{
	ProtobufCMessage *message = NULL;
	struct buf text = { 0 };
	json_error_t error;
	json_t *json;

	buf_printf(&text, "{%s}", part);
	if (text.failed) {
		look->out_of_memory = true;
		return NULL;
	}
	json = json_loadb(text.data, text.len, JSON_ALLOW_NUL, &error);
	buf_fini(&text);
	if (json ? otlp_json_read(descriptor, json_object_get(json, name), &message,
	                          NULL) == -ENOMEM
	         : !*error.text || json_error_code(&error) == json_error_out_of_memory)
		look->out_of_memory = true;
	json_decref(json);
	return message;
}

/*
 * The messages of a subject's owner. Where its text cannot be read again, which only jansson's bounds on
 * keys can bring about, it is as if it had no attributes.
 */
static const struct check_owner *
owner_of(struct check_look *look, struct check_subject *subject)
{
	struct check_owner *owner;

	if (subject->owner && subject->owner->serial == subject->owner_serial)
		return subject->owner;
	for (size_t i = 0; i < look->n_owners; i++)
		if (look->owners[i].serial == subject->owner_serial)
			return subject->owner = &look->owners[i];
	if (!look->owners) {
		look->owners = calloc(MAX_OWNERS, sizeof *look->owners);
		if (!look->owners) {
			look->out_of_memory = true;
			return NULL;
		}
	}
	if (look->n_owners == MAX_OWNERS)
		forget_owners(look);
	owner = &look->owners[look->n_owners++];
	owner->serial = subject->owner_serial;
	owner->resource = (otlp_resource *)read_part(
		look, subject->resource_json, "resource",
		&opentelemetry__proto__resource__v1__resource__descriptor);
	owner->scope = (otlp_scope *)read_part(
		look, subject->scope_json, "scope",
		&opentelemetry__proto__common__v1__instrumentation_scope__descriptor);
	return subject->owner = owner;
}

/* ---- subjects ---- */

static void
set_owner(struct check_subject *subject, const struct store_owner *owner)
{
	subject->service = owner->service->name;
	subject->owner_serial = owner->serial;
	subject->resource_json = owner->resource_json;
	subject->scope_json = owner->scope_json;
}

void
check_subject_span(struct check_subject *subject, const struct store_item *item)
{
	*subject = (struct check_subject){ .signal = CHECK_SPANS,
		                           .item = item,
		                           .trace = item->trace };
	set_owner(subject, item->owner);
}

static void
subject_log(struct check_subject *subject, const struct store_item *item)
{
	*subject = (struct check_subject){ .signal = CHECK_LOGS,
		                           .item = item,
		                           .trace = item->trace };
	set_owner(subject, item->owner);
}

void
check_subject_series(struct check_subject *subject, const struct check_series *series)
{
	*subject = (struct check_subject){ .signal = CHECK_POINTS,
		                           .series = series,
		                           .service = series->service,
		                           .owner_serial = series->owner_serial,
		                           .resource_json = series->resource_json,
		                           .scope_json = series->scope_json };
}

void
check_subject_fini(struct check_subject *subject)
{
	if (subject->span)
		protobuf_c_message_free_unpacked(&subject->span->base, NULL);
	if (subject->log)
		protobuf_c_message_free_unpacked(&subject->log->base, NULL);
	subject->span = NULL;
	subject->log = NULL;
}

/* The item's message, unpacked once. False without memory. */
static bool
unpack(struct check_look *look, struct check_subject *subject)
{
	const struct store_item *item = subject->item;

	if (subject->signal == CHECK_SPANS && !subject->span)
		subject->span = (otlp_span *)protobuf_c_message_unpack(
			&otlp_span_descriptor, NULL, item->len, item->bytes);
	else if (subject->signal == CHECK_LOGS && !subject->log)
		subject->log = (otlp_log *)protobuf_c_message_unpack(
			&otlp_log_descriptor, NULL, item->len, item->bytes);
	if (subject->span || subject->log)
		return true;
	look->out_of_memory = true;
	return false;
}

/* ---- fields ---- */

static struct check_value
hex(struct check_subject *subject, const uint8_t *id, size_t len)
{
	static const uint8_t zeros[16];

	if (!memcmp(id, zeros, len))
		return check_text(NULL);
	for (size_t i = 0; i < len; i++) {
		subject->hex[2 * i] = "0123456789abcdef"[id[i] >> 4];
		subject->hex[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
	}
	subject->hex[2 * len] = '\0';
	return check_text(subject->hex);
}

static struct check_value
item_value(struct check_look *look, struct check_subject *subject,
           enum check_field_id field)
{
	const struct store_item *item = subject->item;

	switch (field) {
	case FIELD_NAME:
		return check_text(item->name);
	case FIELD_SPAN_KIND:
		return check_text(check_span_kinds[item->kind <= 5 ? item->kind : 0]);
	case FIELD_STATUS:
		return check_text(check_statuses[item->status <= 2 ? item->status : 0]);
	case FIELD_DURATION:
		return check_double(
			item->end_unix_ns > item->time_unix_ns
				? (double)(item->end_unix_ns - item->time_unix_ns)
				: 0);
	case FIELD_SEVERITY:
		return check_integer(item->status);
	case FIELD_EVENT_NAME:
		return check_text(*item->name ? item->name : NULL);
	case FIELD_TRACE_ID:
		return subject->trace ? hex(subject, subject->trace->id, 16)
		                      : check_text(NULL);
	case FIELD_SPAN_ID:
		return hex(subject, item->span_id, 8);
	default:
		break;
	}
	if (!unpack(look, subject))
		return check_text(NULL);
	switch (field) {
	case FIELD_STATUS_MESSAGE:
		return check_text(subject->span->status && *subject->span->status->message
		                          ? subject->span->status->message
		                          : NULL);
	case FIELD_LINKS:
		return check_integer((int64_t)subject->span->n_links);
	case FIELD_BODY:
		return check_value_of(subject->log->body);
	default:
		return check_text(NULL);
	}
}

static struct check_value
point_value(struct check_subject *subject, enum check_field_id field)
{
	const struct check_series *series = subject->series;
	const otlp_metric *metric = series->report->metric;
	struct check_point point;
	int64_t n = 0;

	(void)check_point_get(metric, series->point, &point);
	switch (field) {
	case FIELD_METRIC:
		return check_text(metric->name);
	case FIELD_UNIT:
		return check_text(*metric->unit ? metric->unit : NULL);
	case FIELD_DESCRIPTION:
		return check_text(*metric->description ? metric->description : NULL);
	case FIELD_POINT_KIND:
		return check_text(check_point_kinds[check_point_kind(metric)]);
	case FIELD_TEMPORALITY:
		n = check_temporality(metric);
		return check_text(n == 1 || n == 2 ? check_temporalities[n] : NULL);
	case FIELD_VALUE:
		if (point.is_histogram)
			return check_text(NULL);
		return point.is_integer ? check_integer(point.integer)
		                        : check_double(point.value);
	case FIELD_COUNT:
		return point.is_histogram ? check_integer(point.integer)
		                          : check_text(NULL);
	case FIELD_SUM:
		return point.has_sum ? check_double(point.sum) : check_text(NULL);
	case FIELD_MEAN:
		return point.has_sum && series->increase > 0
		               ? check_double(series->sum_increase / series->increase)
		               : check_text(NULL);
	case FIELD_INCREASE:
		return check_double(series->increase);
	case FIELD_EXEMPLARS:
		for (size_t i = 0; i < point.n_exemplars; i++)
			n += point.exemplars[i]->trace_id.len == 16;
		return check_integer(n);
	default:
		return check_text(NULL);
	}
}

static int64_t
count_roots(const struct store_trace *trace)
{
	const struct store_item *span;
	int64_t n = 0;

	TAILQ_FOREACH (span, &trace->spans, in_trace)
		n += !check_has_id(span->parent_id);
	return n;
}

static int64_t
count_missing(struct check_look *look, const struct store_trace *trace)
{
	const struct store_item *span;
	int64_t n = 0;

	TAILQ_FOREACH (span, &trace->spans, in_trace)
		n += check_has_id(span->parent_id) &&
		     !check_find_span(look, trace, span->parent_id);
	return n;
}

static struct check_value
trace_value(struct check_look *look, struct check_subject *subject,
            enum check_field_id field)
{
	struct store_trace *trace = subject->trace;

	switch (field) {
	case FIELD_TRACE_ID:
		return hex(subject, trace->id, 16);
	case FIELD_DURATION:
		store_trace_settle(trace);
		return check_double(
			trace->end_unix_ns > trace->start_unix_ns
				? (double)(trace->end_unix_ns - trace->start_unix_ns)
				: 0);
	case FIELD_SPANS:
		return check_integer((int64_t)trace->n_spans);
	case FIELD_ERRORS:
		return check_integer((int64_t)trace->n_errors);
	case FIELD_LOG_COUNT:
		return check_integer((int64_t)trace->n_logs);
	case FIELD_ROOTS:
		return check_integer(count_roots(trace));
	case FIELD_MISSING:
		return check_integer(count_missing(look, trace));
	default:
		return check_text(NULL);
	}
}

struct check_value
check_subject_value(struct check_look *look, struct check_subject *subject,
                    enum check_field_id field)
{
	const struct check_owner *owner;

	switch (field) {
	case FIELD_SERVICE:
		return check_text(subject->service && *subject->service ? subject->service
		                                                        : NULL);
	case FIELD_SCOPE_NAME:
	case FIELD_SCOPE_VERSION: {
		const char *text;

		owner = owner_of(look, subject);
		if (!owner || !owner->scope)
			return check_text(NULL);
		text = field == FIELD_SCOPE_NAME ? owner->scope->name
		                                 : owner->scope->version;
		return check_text(*text ? text : NULL);
	}
	default:
		break;
	}
	switch (subject->signal) {
	case CHECK_SPANS:
	case CHECK_LOGS:
		return item_value(look, subject, field);
	case CHECK_POINTS:
		return point_value(subject, field);
	case CHECK_TRACES:
		return trace_value(look, subject, field);
	case CHECK_EVENTS:
		return check_text(subject->event->name);
	default:
		return check_text(NULL);
	}
}

otlp_key_value **
check_subject_attributes(struct check_look *look, struct check_subject *subject,
                         enum check_field_id field, size_t *n)
{
	const struct check_owner *owner;
	struct check_point point;

	*n = 0;
	if (field == FIELD_RESOURCE) {
		owner = owner_of(look, subject);
		if (!owner || !owner->resource)
			return NULL;
		*n = owner->resource->n_attributes;
		return owner->resource->attributes;
	}
	switch (subject->signal) {
	case CHECK_SPANS:
		if (!unpack(look, subject))
			return NULL;
		*n = subject->span->n_attributes;
		return subject->span->attributes;
	case CHECK_LOGS:
		if (!unpack(look, subject))
			return NULL;
		*n = subject->log->n_attributes;
		return subject->log->attributes;
	case CHECK_POINTS:
		(void)check_point_get(subject->series->report->metric,
		                      subject->series->point, &point);
		*n = point.n_attributes;
		return point.attributes;
	case CHECK_EVENTS:
		*n = subject->event->n_attributes;
		return subject->event->attributes;
	default:
		return NULL;
	}
}

struct check_value
check_attribute(otlp_key_value **attributes, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(attributes[i]->key, key)) {
			struct check_value value = check_value_of(attributes[i]->value);

			if (value.type == CHECK_ABSENT)
				value.type = CHECK_EMPTY;
			return value;
		}
	return check_text(NULL);
}

const double *
check_subject_bounds(const struct check_subject *subject, size_t *n)
{
	static const double none;
	struct check_point point;

	*n = 0;
	if (check_point_kind(subject->series->report->metric) != 3)
		return NULL;
	(void)check_point_get(subject->series->report->metric, subject->series->point,
	                      &point);
	*n = point.n_bounds;
	return point.bounds ? point.bounds : &none;
}

/* Specification: metrics/sdk.md, "Explicit Bucket Histogram Aggregation". */
bool
check_bounds_are_default(const double *bounds, size_t n)
{
	static const double standard[] = { 0,   5,   10,   25,   50,   75,   100,  250,
		                           500, 750, 1000, 2500, 5000, 7500, 10000 };

	return n == sizeof standard / sizeof *standard &&
	       !memcmp(bounds, standard, sizeof standard);
}

/* ---- the spans of one trace ---- */

static int
by_span_id(const void *a, const void *b)
{
	const struct store_item *x = *(const struct store_item *const *)a,
				*y = *(const struct store_item *const *)b;

	return memcmp(x->span_id, y->span_id, sizeof x->span_id);
}

static bool
make_index(struct check_look *look, const struct store_trace *trace)
{
	const struct store_item *span;

	if (look->indexed == trace)
		return true;
	if (trace->n_spans > look->index_size) {
		const struct store_item **index = realloc(look->index,
		                                          trace->n_spans * sizeof *index);

		if (!index) /* without it, it takes longer */
			return false;
		look->index = index;
		look->index_size = trace->n_spans;
	}
	look->n_index = 0;
	TAILQ_FOREACH (span, &trace->spans, in_trace)
		look->index[look->n_index++] = span;
	qsort(look->index, look->n_index, sizeof *look->index, by_span_id);
	look->indexed = trace;
	return true;
}

const struct store_item *
check_find_span(struct check_look *look, const struct store_trace *trace,
                const uint8_t id[8])
{
	const struct store_item *span;
	size_t low = 0, high;

	if (trace->n_spans < INDEX_FROM || !make_index(look, trace)) {
		TAILQ_FOREACH (span, &trace->spans, in_trace)
			if (!memcmp(span->span_id, id, sizeof span->span_id))
				return span;
		return NULL;
	}
	for (high = look->n_index; low < high;) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(look->index[middle]->span_id, id, 8);

		if (order == 0)
			return look->index[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- visiting ---- */

/*
 * The one behind `item`, whose number was `seq`: it may be gone by now, and then all before it are too, as
 * the oldest go first.
 */
const struct store_item *
check_next(const struct store_items *all, const struct store_item *item, uint64_t seq)
{
	const struct store_item *first = TAILQ_FIRST(all);

	return first && first->seq <= seq ? TAILQ_NEXT(item, all) : first;
}

/* The first item of a signal behind that number. */
static const struct store_item *
first_after(const struct store *store, int signal, uint64_t seq)
{
	const struct store_items *all = store_items(store, signal);
	const struct store_item *item = TAILQ_LAST(all, store_items), *found = NULL;

	for (; item && item->seq > seq; item = TAILQ_PREV(item, store_items, all))
		found = item;
	return found;
}

/* The first span of its trace that is behind the number: for it the trace is visited. */
static bool
stands_for_its_trace(const struct check_look *look, const struct store_item *item)
{
	const struct store_item *span;

	TAILQ_FOREACH (span, &item->trace->spans, in_trace)
		if (span->seq > look->since)
			return span == item;
	return false;
}

static int
visit_item(struct check_look *look, enum check_signal signal,
           const struct store_item *item, check_visit *visit, void *arg)
{
	struct check_subject subject;
	int r;

	if (signal == CHECK_TRACES) {
		if (!stands_for_its_trace(look, item))
			return 0;
		subject = (struct check_subject){ .signal = CHECK_TRACES,
			                          .trace = item->trace,
			                          .service = "" };
	} else if (signal == CHECK_LOGS) {
		subject_log(&subject, item);
	} else {
		check_subject_span(&subject, item);
	}
	r = visit(look, &subject, arg);
	check_subject_fini(&subject);
	return r;
}

static int
walk_items(struct check_look *look, enum check_signal signal, check_visit *visit,
           void *arg)
{
	int of = signal == CHECK_LOGS ? STORE_LOGS : STORE_SPANS, r = 0;
	const struct store_item *item = first_after(look->store, of, look->since);

	while (r == 0 && item) {
		uint64_t seq = item->seq;

		r = visit_item(look, signal, item, visit, arg);
		if (r == 0 && (++look->n_visited & 15) == 0)
			r = check_breathe(look);
		item = check_next(store_items(look->store, of), item, seq);
	}
	return r;
}

static int
walk_series(struct check_look *look, check_visit *visit, void *arg)
{
	int r = check_series_update(look);

	for (size_t i = 0; r == 0 && i < look->n_series; i++) {
		struct check_subject subject;

		if (!look->series[i]->reported)
			continue;
		check_subject_series(&subject, look->series[i]);
		r = visit(look, &subject, arg);
		if (r == 0)
			r = check_breathe(look);
	}
	return r;
}

/* ---- resources ---- */

/* The newest Resource of an instance of a service. */
struct newest {
	char *service, *instance, *resource_json;
	uint64_t serial, seq;
	bool since;
};

struct newest_list {
	struct newest *list;
	size_t n;
};

/* Whether it is the same: instances are told apart where they are named, else by the Resource itself. */
static bool
is_same(const struct newest *newest, const struct store_item *item, const char *instance)
{
	if (strcmp(newest->service, item->owner->service->name) != 0)
		return false;
	if (!instance || !*newest->instance)
		return !strcmp(newest->resource_json, item->owner->resource_json);
	return !strcmp(newest->instance, instance);
}

static int
note_resource(struct check_look *look, struct newest_list *all,
              const struct store_item *item)
{
	struct check_subject subject = { .signal = CHECK_RESOURCES };
	struct newest *newest = NULL;
	struct check_value id;
	otlp_key_value **attributes;
	size_t n;
	char *json;

	set_owner(&subject, item->owner);
	for (size_t i = 0; i < all->n && !newest; i++)
		if (all->list[i].serial == item->owner->serial)
			newest = &all->list[i];
	if (!newest) {
		attributes = check_subject_attributes(look, &subject, FIELD_RESOURCE, &n);
		id = check_attribute(attributes, n, "service.instance.id");
		for (size_t i = 0; i < all->n && !newest; i++)
			if (is_same(&all->list[i], item, id.text))
				newest = &all->list[i];
		if (!newest) {
			struct newest *list = realloc(all->list,
			                              (all->n + 1) * sizeof *list);

			if (!list)
				return -ENOMEM;
			all->list = list;
			newest = &list[all->n++];
			*newest = (struct newest){
				.service = strdup(item->owner->service->name),
				.instance = strdup(id.text ? id.text : "")
			};
			if (!newest->service || !newest->instance)
				return -ENOMEM;
		}
	}
	newest->since = newest->since || item->seq > look->since;
	if (newest->resource_json && item->seq < newest->seq)
		return 0;
	newest->seq = item->seq;
	newest->serial = item->owner->serial;
	if (newest->resource_json &&
	    !strcmp(newest->resource_json, item->owner->resource_json))
		return 0;
	json = strdup(item->owner->resource_json);
	if (!json)
		return -ENOMEM;
	free(newest->resource_json);
	newest->resource_json = json;
	return 0;
}

/* Whether it is to be seen: what sent since then, or else the service's last. */
static bool
is_current(const struct newest_list *all, const struct newest *newest)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct newest *other = &all->list[i];

		if (other == newest || strcmp(other->service, newest->service) != 0)
			continue;
		if (!newest->since && (other->since || other->seq > newest->seq))
			return false;
	}
	return true;
}

static int
walk_resources(struct check_look *look, check_visit *visit, void *arg)
{
	struct newest_list all = { 0 };
	int r = 0;

	for (int signal = 0; r == 0 && signal < STORE_N_SIGNALS; signal++) {
		const struct store_items *items = store_items(look->store, signal);
		const struct store_item *item = TAILQ_FIRST(items), *next;

		while (r == 0 && item) {
			uint64_t seq = item->seq;

			/* Of a row with one owner the last is enough. */
			next = TAILQ_NEXT(item, all);
			if (!next || next->owner != item->owner)
				r = note_resource(look, &all, item);
			if (r == 0 && (++look->n_visited & 15) == 0)
				r = check_breathe(look);
			item = check_next(items, item, seq);
		}
	}
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		struct check_subject subject = {
			.signal = CHECK_RESOURCES,
			.service = all.list[i].service,
			.owner_serial = all.list[i].serial,
			.resource_json = all.list[i].resource_json,
			.scope_json = "\"scope\":{}"
		};

		if (is_current(&all, &all.list[i]))
			r = visit(look, &subject, arg);
	}
	for (size_t i = 0; i < all.n; i++) {
		free(all.list[i].service);
		free(all.list[i].instance);
		free(all.list[i].resource_json);
	}
	free(all.list);
	return r;
}

int
check_walk(struct check_look *look, enum check_signal signal, check_visit *visit,
           void *arg)
{
	int r;

	look->indexed = NULL;
	switch (signal) {
	case CHECK_RESOURCES:
		r = walk_resources(look, visit, arg);
		break;
	case CHECK_POINTS:
		r = walk_series(look, visit, arg);
		break;
	default:
		r = walk_items(look, signal, visit, arg);
	}
	look->indexed = NULL;
	return r == 0 && look->out_of_memory ? -ENOMEM : r;
}
