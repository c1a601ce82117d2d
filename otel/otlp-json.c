/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes OTLP/JSON: the mapping of protobuf to JSON, except that trace and span ids are hexadecimal and
 * enums are numbers. 64-bit integers are strings, since JavaScript's numbers cannot hold them; what has
 * its default value is left out, except where a oneof is told apart by it.
 *
 * Specification: protocol/otlp.md, JSON Protobuf Encoding.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "otlp_priv.h"
#include "pipeline_priv.h"

enum { FIRST_SIZE = 16 * 1024, MAX_DEPTH = 32 };

/* ---- the buffer ---- */

static bool
room(struct otelp_encoder *e, size_t n)
{
	size_t size = e->size ? e->size : FIRST_SIZE;
	uint8_t *bytes;

	if (e->error)
		return false;
	if (e->size - e->pos >= n)
		return true;
	if (n > otelp_otlp_max_request || e->pos + n > otelp_otlp_max_request) {
		e->error = -EMSGSIZE;
		return false;
	}
	while (size < e->pos + n)
		size *= 2;
	bytes = otelp_realloc(e->bytes, size);
	if (!bytes) {
		e->error = -ENOMEM;
		return false;
	}
	e->bytes = bytes;
	e->size = size;
	return true;
}

static void
put_raw(struct otelp_encoder *e, const char *text, size_t len)
{
	if (!room(e, len))
		return;
	memcpy(e->bytes + e->pos, text, len);
	e->pos += len;
}

static void
put_text(struct otelp_encoder *e, const char *text)
{
	put_raw(e, text, strlen(text));
}

static void
put_char(struct otelp_encoder *e, char c)
{
	put_raw(e, &c, 1);
}

/* A comma, unless something has just been opened. Values never end in one of these. */
static void
put_comma(struct otelp_encoder *e)
{
	if (e->pos && e->bytes[e->pos - 1] != '{' && e->bytes[e->pos - 1] != '[')
		put_char(e, ',');
}

static void
put_key(struct otelp_encoder *e, const char *key)
{
	put_comma(e);
	put_char(e, '"');
	put_text(e, key);
	put_text(e, "\":");
}

static void
open_list(struct otelp_encoder *e, const char *key)
{
	put_key(e, key);
	put_char(e, '[');
}

/* ---- values ---- */

/* How much of the text stands in JSON as it is, without a look at more than its bytes. */
static size_t
plain_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= ' ' && text[n] < 0x7f && text[n] != '"' &&
	       text[n] != '\\')
		n++;
	return n;
}

static void
put_quoted(struct otelp_encoder *e, const char *text, size_t len)
{
	put_char(e, '"');
	for (size_t i = 0; i < len && !e->error;) {
		unsigned char c = (unsigned char)text[i];
		size_t n = plain_len(text + i, len - i);
		char escaped[8];

		if (n) {
			put_raw(e, text + i, n);
		} else if (!(n = otelp_utf8_len(text + i, len - i))) {
			put_text(e, "\xef\xbf\xbd");
			n = 1;
		} else if (c == '"' || c == '\\') {
			snprintf(escaped, sizeof escaped, "\\%c", c);
			put_text(e, escaped);
		} else if (c < ' ') {
			snprintf(escaped, sizeof escaped, "\\u%04x", c);
			put_text(e, escaped);
		} else {
			put_raw(e, text + i, n);
		}
		i += n;
	}
	put_char(e, '"');
}

static void
put_string(struct otelp_encoder *e, const char *key, const char *text)
{
	if (!text || !*text)
		return;
	put_key(e, key);
	put_quoted(e, text, strlen(text));
}

static void
put_number(struct otelp_encoder *e, const char *key, uint32_t n)
{
	char text[16];

	if (!n)
		return;
	put_key(e, key);
	snprintf(text, sizeof text, "%" PRIu32, n);
	put_text(e, text);
}

static void
put_uint64_text(struct otelp_encoder *e, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "\"%" PRIu64 "\"", n);
	put_text(e, text);
}

static void
put_uint64(struct otelp_encoder *e, const char *key, uint64_t n)
{
	if (!n)
		return;
	put_key(e, key);
	put_uint64_text(e, n);
}

static void
put_int64(struct otelp_encoder *e, const char *key, int64_t n)
{
	char text[24];

	put_key(e, key);
	snprintf(text, sizeof text, "\"%" PRId64 "\"", n);
	put_text(e, text);
}

static void
put_double_text(struct otelp_encoder *e, double number)
{
	char text[40], *comma;

	if (isnan(number)) {
		put_text(e, "\"NaN\"");
		return;
	}
	if (isinf(number)) {
		put_text(e, number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	snprintf(text, sizeof text, "%.17g", number);
	comma = strchr(text, ','); /* a program's locale may write one; JSON does not */
	if (comma)
		*comma = '.';
	put_text(e, text);
}

static void
put_double(struct otelp_encoder *e, const char *key, double number)
{
	put_key(e, key);
	put_double_text(e, number);
}

static void
put_bool(struct otelp_encoder *e, const char *key, bool flag)
{
	put_key(e, key);
	put_text(e, flag ? "true" : "false");
}

static void
put_id(struct otelp_encoder *e, const char *key, const uint8_t *id, size_t len)
{
	static const uint8_t none[16];
	char text[33];

	if (memcmp(id, none, len) == 0)
		return;
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	put_key(e, key);
	put_quoted(e, text, 2 * len);
}

static void
put_base64(struct otelp_encoder *e, const uint8_t *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	put_char(e, '"');
	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = (uint32_t)bytes[i] << 16;
		char four[4];

		bits |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		bits |= i + 2 < len ? bytes[i + 2] : 0;
		for (int k = 0; k < 4; k++)
			four[k] = digits[bits >> (18 - 6 * k) & 63];
		if (i + 1 >= len)
			four[2] = '=';
		if (i + 2 >= len)
			four[3] = '=';
		put_raw(e, four, 4);
	}
	put_char(e, '"');
}

static void put_attributes(struct otelp_encoder *e, const char *key,
                           const struct otel_attribute *attributes, size_t n, int depth);

static void
put_any_value(struct otelp_encoder *e, const struct otel_value *value, int depth)
{
	put_char(e, '{');
	switch (value->type) {
	case OTEL_TYPE_STRING:
		put_key(e, "stringValue");
		put_quoted(e, value->string, value->len);
		break;
	case OTEL_TYPE_BOOL:
		put_bool(e, "boolValue", value->boolean);
		break;
	case OTEL_TYPE_INT:
		put_int64(e, "intValue", value->integer);
		break;
	case OTEL_TYPE_DOUBLE:
		put_double(e, "doubleValue", value->number);
		break;
	case OTEL_TYPE_BYTES:
		put_key(e, "bytesValue");
		put_base64(e, value->bytes, value->len);
		break;
	case OTEL_TYPE_ARRAY:
		if (depth >= MAX_DEPTH)
			break;
		put_text(e, "\"arrayValue\":{");
		open_list(e, "values");
		for (uint32_t i = 0; i < value->len; i++) {
			put_comma(e);
			put_any_value(e, &value->values[i], depth + 1);
		}
		put_text(e, "]}");
		break;
	case OTEL_TYPE_MAP:
		if (depth >= MAX_DEPTH)
			break;
		put_text(e, "\"kvlistValue\":{");
		put_attributes(e, "values", value->entries, value->len, depth + 1);
		put_char(e, '}');
		break;
	default:
		break;
	}
	put_char(e, '}');
}

static void
put_attributes(struct otelp_encoder *e, const char *key,
               const struct otel_attribute *attributes, size_t n, int depth)
{
	if (!n)
		return;
	open_list(e, key);
	for (size_t i = 0; i < n; i++) {
		if (!attributes[i].key || !*attributes[i].key)
			continue;
		put_comma(e);
		put_text(e, "{\"key\":");
		put_quoted(e, attributes[i].key, strlen(attributes[i].key));
		put_text(e, ",\"value\":");
		put_any_value(e, &attributes[i].value, depth);
		put_char(e, '}');
	}
	put_char(e, ']');
}

/* ---- spans ---- */

static uint32_t
span_flags(uint8_t trace_flags, bool remote)
{
	return trace_flags | 0x100u | (remote ? 0x200u : 0);
}

static void
put_events(struct otelp_encoder *e, const struct otel_event_data *events, size_t n)
{
	if (!n)
		return;
	open_list(e, "events");
	for (size_t i = 0; i < n; i++) {
		put_comma(e);
		put_char(e, '{');
		put_uint64(e, "timeUnixNano", events[i].time_unix_ns);
		put_string(e, "name", events[i].name);
		put_attributes(e, "attributes", events[i].attributes,
		               events[i].n_attributes, 0);
		put_number(e, "droppedAttributesCount", events[i].dropped_attributes);
		put_char(e, '}');
	}
	put_char(e, ']');
}

static void
put_links(struct otelp_encoder *e, const struct otel_link_data *links, size_t n)
{
	if (!n)
		return;
	open_list(e, "links");
	for (size_t i = 0; i < n; i++) {
		const struct otel_span_context *context = &links[i].context;

		put_comma(e);
		put_char(e, '{');
		put_id(e, "traceId", context->trace_id, 16);
		put_id(e, "spanId", context->span_id, 8);
		put_string(e, "traceState", context->trace_state);
		put_attributes(e, "attributes", links[i].attributes,
		               links[i].n_attributes, 0);
		put_number(e, "droppedAttributesCount", links[i].dropped_attributes);
		put_number(e, "flags", span_flags(context->flags, context->remote));
		put_char(e, '}');
	}
	put_char(e, ']');
}

static void
put_span(struct otelp_encoder *e, const void *item)
{
	const struct otel_span_data *s = item;

	put_id(e, "traceId", s->context.trace_id, 16);
	put_id(e, "spanId", s->context.span_id, 8);
	put_string(e, "traceState", s->context.trace_state);
	put_id(e, "parentSpanId", s->parent_span_id, 8);
	put_string(e, "name", s->name);
	put_number(e, "kind", s->kind ? (uint32_t)s->kind : OTEL_SPAN_KIND_INTERNAL);
	put_uint64(e, "startTimeUnixNano", s->start_unix_ns);
	put_uint64(e, "endTimeUnixNano", s->end_unix_ns);
	put_attributes(e, "attributes", s->attributes, s->n_attributes, 0);
	put_number(e, "droppedAttributesCount", s->dropped_attributes);
	put_events(e, s->events, s->n_events);
	put_number(e, "droppedEventsCount", s->dropped_events);
	put_links(e, s->links, s->n_links);
	put_number(e, "droppedLinksCount", s->dropped_links);
	if (s->status != OTEL_STATUS_UNSET) {
		put_key(e, "status");
		put_char(e, '{');
		put_string(e, "message", s->status_message);
		put_number(e, "code", (uint32_t)s->status);
		put_char(e, '}');
	}
	put_number(e, "flags", span_flags(s->context.flags, s->parent_remote));
}

/* ---- log records ---- */

static void
put_log(struct otelp_encoder *e, const void *item)
{
	const struct otel_log_data *l = item;

	put_uint64(e, "timeUnixNano", l->time_unix_ns);
	put_uint64(e, "observedTimeUnixNano", l->observed_unix_ns);
	put_number(e, "severityNumber", (uint32_t)l->severity);
	put_string(e, "severityText", l->severity_text);
	if (l->body.type != OTEL_TYPE_NONE) {
		put_key(e, "body");
		put_any_value(e, &l->body, 0);
	}
	put_attributes(e, "attributes", l->attributes, l->n_attributes, 0);
	put_number(e, "droppedAttributesCount", l->dropped_attributes);
	put_number(e, "flags", l->flags);
	put_id(e, "traceId", l->trace_id, 16);
	put_id(e, "spanId", l->span_id, 8);
	put_string(e, "eventName", l->event_name);
}

/* ---- metrics ---- */

static void
put_histogram_point(struct otelp_encoder *e, const struct otel_point_data *p)
{
	put_uint64(e, "count", p->count);
	put_double(e, "sum", p->sum);
	if (p->count && p->min <= p->max) {
		put_double(e, "min", p->min);
		put_double(e, "max", p->max);
	}
	if (!p->bucket_counts)
		return;
	open_list(e, "bucketCounts");
	for (size_t i = 0; i <= p->n_bounds; i++) {
		put_comma(e);
		put_uint64_text(e, p->bucket_counts[i]);
	}
	put_char(e, ']');
	if (!p->n_bounds)
		return;
	open_list(e, "explicitBounds");
	for (size_t i = 0; i < p->n_bounds; i++) {
		put_comma(e);
		put_double_text(e, p->bounds[i]);
	}
	put_char(e, ']');
}

static void
put_exemplars(struct otelp_encoder *e, const struct otel_point_data *p)
{
	if (!p->n_exemplars)
		return;
	open_list(e, "exemplars");
	for (size_t i = 0; i < p->n_exemplars; i++) {
		const struct otel_exemplar_data *x = &p->exemplars[i];

		put_comma(e);
		put_char(e, '{');
		put_uint64(e, "timeUnixNano", x->time_unix_ns);
		if (x->is_double)
			put_double(e, "asDouble", x->number);
		else
			put_int64(e, "asInt", x->integer);
		put_id(e, "spanId", x->span_id, 8);
		put_id(e, "traceId", x->trace_id, 16);
		put_char(e, '}');
	}
	put_char(e, ']');
}

static void
put_point(struct otelp_encoder *e, int type, const struct otel_point_data *p)
{
	put_comma(e);
	put_char(e, '{');
	put_attributes(e, "attributes", p->attributes, p->n_attributes, 0);
	put_uint64(e, "startTimeUnixNano", p->start_unix_ns);
	put_uint64(e, "timeUnixNano", p->time_unix_ns);
	if (type == OTEL_METRIC_HISTOGRAM)
		put_histogram_point(e, p);
	else if (p->is_double)
		put_double(e, "asDouble", p->number);
	else
		put_int64(e, "asInt", p->integer);
	put_exemplars(e, p);
	put_char(e, '}');
}

static void
put_metric(struct otelp_encoder *e, const void *item)
{
	static const char *const data_keys[] = { "gauge", "sum", "histogram" };
	const struct otel_metric_data *m = item;

	put_string(e, "name", m->name);
	put_string(e, "description", m->description);
	put_string(e, "unit", m->unit);
	put_key(e, data_keys[m->type]);
	put_char(e, '{');
	open_list(e, "dataPoints");
	for (size_t i = 0; i < m->n_points; i++)
		put_point(e, m->type, &m->points[i]);
	put_char(e, ']');
	if (m->type != OTEL_METRIC_GAUGE)
		put_number(e, "aggregationTemporality", (uint32_t)m->temporality);
	if (m->type == OTEL_METRIC_SUM && m->monotonic)
		put_bool(e, "isMonotonic", true);
	put_char(e, '}');
}

/* ---- requests ---- */

static const struct layout {
	const char *resources, *scopes, *items;
	void (*put)(struct otelp_encoder *e, const void *item);
} layouts[] = {
	{ "resourceSpans", "scopeSpans", "spans", put_span },
	{ "resourceMetrics", "scopeMetrics", "metrics", put_metric },
	{ "resourceLogs", "scopeLogs", "logRecords", put_log },
};

static void
put_scope(struct otelp_encoder *e, const struct otel_scope_data *scope)
{
	put_key(e, "scope");
	put_char(e, '{');
	put_string(e, "name", scope->name);
	put_string(e, "version", scope->version);
	put_attributes(e, "attributes", scope->attributes, scope->n_attributes, 0);
	put_char(e, '}');
}

static void
put_group(struct otelp_encoder *e, const struct otelp_group *group,
          const struct otelp_items *items, const struct layout *layout)
{
	const uint32_t *order = e->sorter.order + group->first;

	put_comma(e);
	put_char(e, '{');
	if (group->scope)
		put_scope(e, group->scope);
	open_list(e, layout->items);
	for (uint32_t i = 0; i < group->n; i++) {
		put_comma(e);
		put_char(e, '{');
		layout->put(e, otelp_item_at(items, order[i]));
		put_char(e, '}');
	}
	put_char(e, ']');
	if (group->scope)
		put_string(e, "schemaUrl", group->scope->schema_url);
	put_char(e, '}');
}

static void
put_owner(struct otelp_encoder *e, uint32_t owner, const struct otelp_items *items,
          const struct layout *layout)
{
	struct otel_resource *resource = otelp_sorter_resource(&e->sorter, owner);
	size_t n;

	put_comma(e);
	put_char(e, '{');
	if (resource) {
		const struct otel_attribute *attributes = otel_resource_attributes(
			resource, &n);

		put_key(e, "resource");
		put_char(e, '{');
		put_attributes(e, "attributes", attributes, n, 0);
		put_char(e, '}');
	}
	open_list(e, layout->scopes);
	for (uint32_t g = 0; g < e->sorter.n_groups; g++)
		if (e->sorter.groups[g].owner == owner)
			put_group(e, &e->sorter.groups[g], items, layout);
	put_char(e, ']');
	if (resource)
		put_string(e, "schemaUrl", otel_resource_schema_url(resource));
	put_char(e, '}');
}

int
otelp_encode_json(struct otelp_encoder *e, int signal, const struct otelp_items *items)
{
	const struct layout *layout = &layouts[signal];

	e->forward = true;
	e->pos = 0;
	e->error = otelp_sort(&e->sorter, items);
	put_char(e, '{');
	open_list(e, layout->resources);
	for (uint32_t owner = 0; owner < e->sorter.n_owners && !e->error; owner++)
		put_owner(e, owner, items, layout);
	put_text(e, "]}");
	return e->error;
}
