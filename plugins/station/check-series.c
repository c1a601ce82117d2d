/* SPDX-License-Identifier: Apache-2.0 */
#include "check-series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_BUCKETS 1024u /* a power of two */
#define BASE_ITEMS \
	5000 /* metrics before the look's number that are read for where series stood */
#define NO_VALUE   1u /* of DataPointFlags */
#define CUMULATIVE 2  /* of AggregationTemporality */
#define DELTA      1
#define KIND_GAUGE 2 /* of check_point_kinds */

#define DATA(name) OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_##name
#define AS_INT     OPENTELEMETRY__PROTO__METRICS__V1__NUMBER_DATA_POINT__VALUE_AS_INT

/* ---- points ---- */

static void
number_point(const Opentelemetry__Proto__Metrics__V1__NumberDataPoint *p,
             struct check_point *out)
{
	*out = (struct check_point){ .attributes = p->attributes,
		                     .n_attributes = p->n_attributes,
		                     .start_unix_ns = p->start_time_unix_nano,
		                     .time_unix_ns = p->time_unix_nano,
		                     .exemplars = p->exemplars,
		                     .n_exemplars = p->n_exemplars };
	out->is_integer = p->value_case == AS_INT;
	out->integer = out->is_integer ? p->as_int : 0;
	out->value = out->is_integer ? (double)p->as_int : p->as_double;
}

/* The fields that all kinds of histogram have, under the same names. */
#define HISTOGRAM_POINT(p, out)                                                     \
	(*(out) = (struct check_point){ .attributes = (p)->attributes,              \
	                                .n_attributes = (p)->n_attributes,          \
	                                .start_unix_ns = (p)->start_time_unix_nano, \
	                                .time_unix_ns = (p)->time_unix_nano,        \
	                                .is_integer = true,                         \
	                                .integer = (int64_t)(p)->count,             \
	                                .value = (double)(p)->count,                \
	                                .sum = (p)->sum,                            \
	                                .is_histogram = true })

bool
check_point_get(const otlp_metric *metric, size_t i, struct check_point *out)
{
	switch (metric->data_case) {
	case DATA(GAUGE):
		if (i >= metric->gauge->n_data_points)
			return false;
		number_point(metric->gauge->data_points[i], out);
		return true;
	case DATA(SUM):
		if (i >= metric->sum->n_data_points)
			return false;
		number_point(metric->sum->data_points[i], out);
		return true;
	case DATA(HISTOGRAM): {
		const Opentelemetry__Proto__Metrics__V1__HistogramDataPoint *p;

		if (i >= metric->histogram->n_data_points)
			return false;
		p = metric->histogram->data_points[i];
		HISTOGRAM_POINT(p, out);
		out->has_sum = p->optional_sum_case != 0;
		out->bounds = p->explicit_bounds;
		out->n_bounds = p->n_explicit_bounds;
		out->exemplars = p->exemplars;
		out->n_exemplars = p->n_exemplars;
		return true;
	}
	case DATA(EXPONENTIAL_HISTOGRAM): {
		const Opentelemetry__Proto__Metrics__V1__ExponentialHistogramDataPoint *p;

		if (i >= metric->exponential_histogram->n_data_points)
			return false;
		p = metric->exponential_histogram->data_points[i];
		HISTOGRAM_POINT(p, out);
		out->has_sum = p->optional_sum_case != 0;
		out->exemplars = p->exemplars;
		out->n_exemplars = p->n_exemplars;
		return true;
	}
	case DATA(SUMMARY): {
		const Opentelemetry__Proto__Metrics__V1__SummaryDataPoint *p;

		if (i >= metric->summary->n_data_points)
			return false;
		p = metric->summary->data_points[i];
		HISTOGRAM_POINT(p, out);
		out->has_sum = true;
		return true;
	}
	default:
		return false;
	}
}

static uint32_t
point_flags(const otlp_metric *metric, size_t i)
{
	switch (metric->data_case) {
	case DATA(GAUGE):
		return metric->gauge->data_points[i]->flags;
	case DATA(SUM):
		return metric->sum->data_points[i]->flags;
	case DATA(HISTOGRAM):
		return metric->histogram->data_points[i]->flags;
	case DATA(EXPONENTIAL_HISTOGRAM):
		return metric->exponential_histogram->data_points[i]->flags;
	default:
		return metric->summary->data_points[i]->flags;
	}
}

int
check_temporality(const otlp_metric *metric)
{
	switch (metric->data_case) {
	case DATA(SUM):
		return (int)metric->sum->aggregation_temporality;
	case DATA(HISTOGRAM):
		return (int)metric->histogram->aggregation_temporality;
	case DATA(EXPONENTIAL_HISTOGRAM):
		return (int)metric->exponential_histogram->aggregation_temporality;
	default:
		return 0;
	}
}

int
check_point_kind(const otlp_metric *metric)
{
	switch (metric->data_case) {
	case DATA(SUM):
		return metric->sum->is_monotonic ? 0 : 1;
	case DATA(GAUGE):
		return KIND_GAUGE;
	case DATA(HISTOGRAM):
		return 3;
	case DATA(EXPONENTIAL_HISTOGRAM):
		return 4;
	case DATA(SUMMARY):
		return 5;
	default:
		return -1;
	}
}

/* ---- which series ---- */

static int
by_key(const void *a, const void *b)
{
	const otlp_key_value *x = *(otlp_key_value *const *)a,
			     *y = *(otlp_key_value *const *)b;

	return strcmp(x->key, y->key);
}

static void
add_attributes(struct buf *key, struct check_point *point)
{
	/* Their order says nothing; the message is ours to sort. */
	if (point->n_attributes)
		qsort(point->attributes, point->n_attributes, sizeof *point->attributes,
		      by_key);
	for (size_t i = 0; i < point->n_attributes && !key->failed; i++) {
		const ProtobufCMessage *kv = &point->attributes[i]->base;
		size_t len = protobuf_c_message_get_packed_size(kv);
		uint8_t *packed = malloc(len + 1);

		if (!packed) {
			key->failed = true;
			return;
		}
		protobuf_c_message_pack(kv, packed);
		buf_add(key, packed, len);
		free(packed);
	}
}

/*
 * The Resource itself is part of it only where no instance is named: a service keeps its counters when it
 * is loaded anew with another version.
 */
static void
write_key(struct buf *key, const char *service, const char *instance,
          const struct store_item *item, const otlp_metric *metric,
          struct check_point *point)
{
	buf_add(key, service, strlen(service) + 1);
	if (!instance)
		instance = item->owner->resource_json;
	buf_add(key, instance, strlen(instance) + 1);
	buf_add(key, item->owner->scope_json, strlen(item->owner->scope_json) + 1);
	buf_add(key, item->name, strlen(item->name) + 1);
	/* A metric of another unit or kind is another one, whatever its name. */
	buf_add(key, metric->unit, strlen(metric->unit) + 1);
	buf_printf(key, "%d %d;", check_point_kind(metric), check_temporality(metric));
	add_attributes(key, point);
}

static uint64_t
hash(const char *bytes, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)bytes[i]) * 0x100000001b3u; /* FNV-1a */
	return h ^ h >> 32;
}

static void
report_unref(struct check_report *report)
{
	if (!report || --report->refs)
		return;
	protobuf_c_message_free_unpacked(&report->metric->base, NULL);
	free(report);
}

static void
series_free(struct check_series *series)
{
	if (!series)
		return;
	report_unref(series->report);
	free(series->key);
	free(series->service);
	free(series->resource_json);
	free(series->scope_json);
	free(series);
}

/* Takes the key's bytes. */
static struct check_series *
series_new(struct check_look *look, struct buf *key, const struct store_owner *owner)
{
	struct check_series *series = calloc(1, sizeof *series), **list;

	if (!series)
		return NULL;
	series->service = strdup(owner->service->name);
	series->resource_json = strdup(owner->resource_json);
	series->scope_json = strdup(owner->scope_json);
	if ((look->n_series & (look->n_series - 1)) == 0) {
		list = realloc(look->series,
		               (look->n_series ? 2 * look->n_series : 1) * sizeof *list);
		if (!list)
			goto fail;
		look->series = list;
	}
	if (!series->service || !series->resource_json || !series->scope_json)
		goto fail;
	series->key = key->data;
	series->key_len = key->len;
	*key = (struct buf){ 0 };
	look->series[look->n_series++] = series;
	return series;
fail:
	series_free(series);
	return NULL;
}

/* Finds or makes it; NULL without memory, or when there are too many. */
static struct check_series *
series_get(struct check_look *look, struct buf *key, const struct store_owner *owner)
{
	struct check_series **bucket, *series;

	bucket = &look->buckets[hash(key->data, key->len) & (N_BUCKETS - 1)];
	for (series = *bucket; series; series = series->next)
		if (series->key_len == key->len &&
		    !memcmp(series->key, key->data, key->len))
			return series;
	if (look->n_series == CHECK_MAX_SERIES) {
		look->too_many_series = true;
		return NULL;
	}
	series = series_new(look, key, owner);
	if (!series) {
		look->out_of_memory = true;
		return NULL;
	}
	series->next = *bucket;
	*bucket = series;
	return series;
}

/* ---- from one report to the next ---- */

static double
growth(const struct check_series *series, const otlp_metric *metric,
       const struct check_point *point)
{
	int kind = check_point_kind(metric);
	bool falls = kind == 1 || kind == KIND_GAUGE;

	if (check_temporality(metric) == DELTA)
		return point->value;
	if (!series->begun)
		return kind == KIND_GAUGE ? 0 : point->value;
	if (kind != KIND_GAUGE && point->start_unix_ns > series->time_unix_ns)
		return point->value;
	if (!falls && point->value < series->value)
		return point->value;
	return point->value - series->value;
}

/* By how much a histogram's sum grew; a reset is told by its count. */
static double
sum_growth(const struct check_series *series, const otlp_metric *metric,
           const struct check_point *point)
{
	bool goes_on = series->begun && check_temporality(metric) != DELTA &&
	               point->start_unix_ns <= series->time_unix_ns &&
	               point->value >= series->value;

	return goes_on ? point->sum - series->sum : point->sum;
}

static int
take_point(struct check_look *look, const struct store_item *item,
           struct check_report *report, size_t i, struct check_point *point,
           const char *instance)
{
	struct check_series *series;
	struct buf key = { 0 };
	char *json;

	write_key(&key, item->owner->service->name, instance, item, report->metric,
	          point);
	series = key.failed ? NULL : series_get(look, &key, item->owner);
	look->out_of_memory = look->out_of_memory || key.failed;
	buf_fini(&key);
	if (!series)
		return look->out_of_memory ? -ENOMEM : 0;
	if (item->seq > look->since) {
		series->increase += growth(series, report->metric, point);
		series->sum_increase += sum_growth(series, report->metric, point);
		series->reported = true;
	}
	if (strcmp(series->resource_json, item->owner->resource_json) != 0) {
		json = strdup(item->owner->resource_json);
		if (!json)
			return -ENOMEM;
		free(series->resource_json);
		series->resource_json = json;
	}
	if (series->begun && point->time_unix_ns > series->time_unix_ns)
		series->gap_ns = point->time_unix_ns - series->time_unix_ns;
	series->begun = true;
	series->value = point->value;
	series->sum = point->sum;
	series->time_unix_ns = point->time_unix_ns;
	series->owner_serial = item->owner->serial;
	report_unref(series->report);
	series->report = report;
	series->point = i;
	report->refs++;
	return 0;
}

static int
take_metric(struct check_look *look, const struct store_item *item)
{
	struct check_subject subject = { .signal = CHECK_RESOURCES,
		                         .owner_serial = item->owner->serial,
		                         .resource_json = item->owner->resource_json,
		                         .scope_json = item->owner->scope_json };
	struct check_report *report = calloc(1, sizeof *report);
	otlp_key_value **attributes;
	struct check_value instance;
	struct check_point point;
	size_t n;
	int r = 0;

	if (!report)
		return -ENOMEM;
	report->metric = (otlp_metric *)protobuf_c_message_unpack(
		&otlp_metric_descriptor, NULL, item->len, item->bytes);
	if (!report->metric) { /* the bytes are our own, so it is memory that lacks */
		free(report);
		return -ENOMEM;
	}
	report->refs = 1;
	attributes = check_subject_attributes(look, &subject, FIELD_RESOURCE, &n);
	instance = check_attribute(attributes, n, "service.instance.id");
	for (size_t i = 0; r == 0 && check_point_get(report->metric, i, &point); i++)
		if (!(point_flags(report->metric, i) & NO_VALUE))
			r = take_point(look, item, report, i, &point, instance.text);
	report_unref(report);
	return look->out_of_memory ? -ENOMEM : r;
}

/* ---- reading on ---- */

/* The first metric to read: behind the last one that was; at first some before the look's number too. */
static const struct store_item *
first_unread(struct check_look *look)
{
	const struct store_items *all = store_items(look->store, STORE_METRICS);
	const struct store_item *item = TAILQ_LAST(all, store_items), *found = NULL;
	size_t before = 0;

	for (; item; item = TAILQ_PREV(item, store_items, all)) {
		if (look->points_begun && item->seq <= look->points_seq)
			break;
		if (!look->points_begun && item->seq <= look->since &&
		    ++before > BASE_ITEMS)
			break;
		found = item;
	}
	return found;
}

int
check_series_update(struct check_look *look)
{
	const struct store_item *item;
	int r = 0;

	if (!look->buckets) {
		look->buckets = calloc(N_BUCKETS, sizeof *look->buckets);
		if (!look->buckets)
			return -ENOMEM;
	}
	item = first_unread(look);
	while (r == 0 && item) {
		uint64_t seq = item->seq;

		r = take_metric(look, item);
		look->points_begun = true;
		look->points_seq = seq;
		if (r == 0)
			r = check_breathe(look);
		item = check_next(store_items(look->store, STORE_METRICS), item, seq);
	}
	look->points_begun = true;
	return r;
}

void
check_series_fini(struct check_look *look)
{
	for (size_t i = 0; i < look->n_series; i++)
		series_free(look->series[i]);
	free(look->series);
	free(look->buckets);
}
