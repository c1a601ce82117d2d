/* SPDX-License-Identifier: Apache-2.0 */
/* What a page needs of logs and metrics before it asks for all of them: counts over time, names, numbers of series. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "filter.h"
#include "otlp-json.h"
#include "otlp.h"
#include "views.h"

#define SLOTS_MAX   240
#define SLOTS       60
#define SECOND_NS   UINT64_C(1000000000)
#define METRICS_MAX 1000
#define MANY_SERIES 50 /* from here on, the attribute that has most values is sought */
#define KEYS_MAX    32
#define SINCE_NS    (15 * 60 * SECOND_NS)

/* ---- log records by severity over time ---- */

enum level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR, N_LEVELS };

static enum level
level_of(const struct store_item *record)
{
	return record->status >= 17   ? LEVEL_ERROR
	       : record->status >= 13 ? LEVEL_WARN
	       : record->status >= 9  ? LEVEL_INFO
	                              : LEVEL_DEBUG;
}

/* A slot of whole seconds, so that the slots of one answer and the next have the same bounds. */
static uint64_t
slot_length(uint64_t span_ns, unsigned slots)
{
	uint64_t seconds = span_ns / slots / SECOND_NS;

	return (seconds ? seconds : 1) * SECOND_NS;
}

int
views_log_counts(struct svc_request *req, const struct store *store)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	static uint32_t counts[N_LEVELS]
			      [SLOTS_MAX + 1]; /* too large for a fiber's stack */
	struct filter f = { .signal = STORE_LOGS };
	const char *wrong = filter_read(req, &f);
	const struct store_item *record;
	uint64_t now = station_now(), slot, from;
	unsigned n = SLOTS;
	struct buf buf = { 0 };

	if (wrong)
		return svc_reply_text(req, 400, wrong);
	if (!f.since || f.since > now)
		f.since = now > SINCE_NS ? now - SINCE_NS : 0;
	slot = slot_length(now - f.since, n);
	from = f.since / slot * slot;
	n = (unsigned)((now - from) / slot) + 1;
	n = n > SLOTS_MAX ? SLOTS_MAX : n;
	memset(counts, 0, sizeof counts);
	TAILQ_FOREACH_REVERSE(record, store_items(store, STORE_LOGS), store_items, all)
	{
		uint64_t at = (record->time_unix_ns - from) / slot;

		if (record->arrived_unix_ns < f.since)
			break;
		if (record->time_unix_ns >= from && at < n && filter_matches(&f, record))
			counts[level_of(record)][at]++;
	}
	buf_printf(&buf, "{\"fromUnixNano\":\"%" PRIu64 "\",\"slotSeconds\":%" PRIu64,
	           from, slot / SECOND_NS);
	for (int level = 0; level < N_LEVELS; level++) {
		buf_printf(&buf, ",\"%s\":[", names[level]);
		for (unsigned i = 0; i < n; i++)
			buf_printf(&buf, "%s%" PRIu32, i ? "," : "", counts[level][i]);
		buf_puts(&buf, "]");
	}
	buf_puts(&buf, "}");
	return views_reply(req, &buf);
}

/* ---- metrics by name ---- */

struct metric_row {
	const struct store_item *newest; /* of this owner and name */
	uint64_t before_unix_ns;         /* the arrival before that; 0: none */
};

static struct metric_row *
row_of(struct metric_row *rows, size_t *n, const struct store_item *item)
{
	for (size_t i = 0; i < *n; i++)
		if (rows[i].newest->owner == item->owner &&
		    !strcmp(rows[i].newest->name, item->name))
			return &rows[i];
	if (*n == METRICS_MAX)
		return NULL;
	rows[*n].newest = item;
	rows[*n].before_unix_ns = 0;
	return &rows[(*n)++];
}

struct points {
	size_t n;
	Opentelemetry__Proto__Common__V1__KeyValue ***attributes; /* of each point */
	size_t *n_attributes;
};

#define TAKE_POINTS(out, data)                                                           \
	do {                                                                             \
		for (size_t i_ = 0; i_ < (data)->n_data_points; i_++) {                  \
			(out)->attributes[i_] = (data)->data_points[i_]->attributes;     \
			(out)->n_attributes[i_] = (data)->data_points[i_]->n_attributes; \
		}                                                                        \
		(out)->n = (data)->n_data_points;                                        \
	} while (0)

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many different values this key has; counts to the end, by sorting them as JSON. */
static size_t
count_values(const struct points *points, const char *key)
{
	char **texts = calloc(points->n + 1, sizeof *texts);
	size_t n = 0, different = 0;

	for (size_t i = 0; texts && i < points->n; i++)
		for (size_t k = 0; k < points->n_attributes[i]; k++) {
			const otlp_key_value *kv = points->attributes[i][k];
			struct buf text = { 0 };

			if (strcmp(kv->key, key) != 0 || !kv->value)
				continue;
			otlp_json_write(&text, &kv->value->base);
			if (text.failed || !text.data)
				buf_fini(&text);
			else
				texts[n++] = text.data;
			break;
		}
	if (n)
		qsort(texts, n, sizeof *texts, by_text);
	for (size_t i = 0; i < n; i++)
		different += !i || strcmp(texts[i], texts[i - 1]) != 0;
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
	return different;
}

/* Names the attribute that makes the series many. */
static void
write_widest(struct buf *buf, const struct points *points)
{
	const char *keys[KEYS_MAX], *widest = NULL;
	size_t n_keys = 0, most = 0;

	for (size_t i = 0; i < points->n; i++)
		for (size_t k = 0; k < points->n_attributes[i]; k++) {
			const char *key = points->attributes[i][k]->key;
			size_t j = 0;

			while (j < n_keys && strcmp(keys[j], key) != 0)
				j++;
			if (j == n_keys && n_keys < KEYS_MAX)
				keys[n_keys++] = key;
		}
	for (size_t j = 0; j < n_keys; j++) {
		size_t values = count_values(points, keys[j]);

		if (values > most) {
			most = values;
			widest = keys[j];
		}
	}
	if (!widest)
		return;
	buf_puts(buf, ",\"widest\":{\"key\":");
	buf_json_string(buf, widest, strlen(widest));
	buf_printf(buf, ",\"values\":%zu}", most);
}

static void
write_series(struct buf *buf, const otlp_metric *metric, size_t n_points)
{
	struct points points = { 0 };

	points.attributes = calloc(n_points + 1, sizeof *points.attributes);
	points.n_attributes = calloc(n_points + 1, sizeof *points.n_attributes);
	if (points.attributes && points.n_attributes) {
		switch (metric->data_case) {
		case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_GAUGE:
			TAKE_POINTS(&points, metric->gauge);
			break;
		case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUM:
			TAKE_POINTS(&points, metric->sum);
			break;
		case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_HISTOGRAM:
			TAKE_POINTS(&points, metric->histogram);
			break;
		case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_EXPONENTIAL_HISTOGRAM:
			TAKE_POINTS(&points, metric->exponential_histogram);
			break;
		case OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUMMARY:
			TAKE_POINTS(&points, metric->summary);
			break;
		default:
			break;
		}
		write_widest(buf, &points);
	}
	free(points.attributes);
	free(points.n_attributes);
}

static void
write_metric(struct buf *buf, const struct metric_row *row)
{
	static const char *const types[] = {
		[OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_GAUGE] = "gauge",
		[OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUM] = "sum",
		[OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_HISTOGRAM] = "histogram",
		[OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_EXPONENTIAL_HISTOGRAM] =
			"exponentialHistogram",
		[OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUMMARY] = "summary",
	};
	const struct store_item *item = row->newest;
	const char *type = item->kind < sizeof types / sizeof *types && types[item->kind]
	                           ? types[item->kind]
	                           : "";
	otlp_metric *metric;

	buf_puts(buf, "{\"name\":");
	buf_json_string(buf, item->name, strlen(item->name));
	buf_puts(buf, ",\"service\":");
	buf_json_string(buf, item->owner->service->name,
	                strlen(item->owner->service->name));
	buf_printf(buf,
	           ",\"type\":\"%s\",\"series\":%" PRIu32 ",\"lastUnixNano\":\"%" PRIu64
	           "\"",
	           type, item->n_points, item->arrived_unix_ns);
	if (row->before_unix_ns)
		buf_printf(buf, ",\"everyNano\":\"%" PRIu64 "\"",
		           item->arrived_unix_ns - row->before_unix_ns);
	if (item->n_points >= MANY_SERIES) {
		metric = (otlp_metric *)protobuf_c_message_unpack(
			&otlp_metric_descriptor, NULL, item->len, item->bytes);
		if (metric) {
			write_series(buf, metric, item->n_points);
			protobuf_c_message_free_unpacked(&metric->base, NULL);
		}
	}
	buf_puts(buf, "}");
}

int
views_metrics(struct svc_request *req, const struct store *store)
{
	struct metric_row *rows = calloc(METRICS_MAX, sizeof *rows);
	struct filter f = { .signal = STORE_METRICS };
	const char *wrong = filter_read(req, &f);
	const struct store_item *item;
	uint64_t now = station_now();
	struct buf buf = { 0 };
	size_t n = 0;

	if (wrong || !rows) {
		free(rows);
		return svc_reply_text(req, wrong ? 400 : 503,
		                      wrong ? wrong : "out of memory\n");
	}
	if (!f.since)
		f.since = now > SINCE_NS ? now - SINCE_NS : 0;
	TAILQ_FOREACH_REVERSE(item, store_items(store, STORE_METRICS), store_items, all)
	{
		struct metric_row *row;

		if (item->arrived_unix_ns < f.since)
			break;
		if (!filter_matches(&f, item))
			continue;
		row = row_of(rows, &n, item);
		if (row && row->newest != item && !row->before_unix_ns)
			row->before_unix_ns = item->arrived_unix_ns;
	}
	buf_puts(&buf, "{\"metrics\":[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(&buf, i ? "," : "");
		write_metric(&buf, &rows[i]);
	}
	buf_puts(&buf, "]}");
	free(rows);
	return views_reply(req, &buf);
}
