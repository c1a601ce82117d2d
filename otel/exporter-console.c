/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telemetry for people: one block per span, log record or metric on stdout.
 *
 *	span getting-iss-coordinates  client  12.345 ms  OK
 *	  at 2026-01-02T03:04:05.123456789Z by iss-distance-service, scope app 1.0
 *	  trace 0af7651916cd43dd8448eb211c80319c span b7ad6b7169203331 parent 00f067aa0ba902b7
 *	  http.response.status_code = 200
 *
 * A block is written with one call, so that those of several threads don't mix.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline_priv.h"
#include <otel/sdk.h>

/* ---- writing ---- */

static const uint8_t no_id[16];

static void
put_time(FILE *out, uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / 1000000000);
	struct tm tm;
	char text[32];

	if (!gmtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(text, sizeof text, "%" PRIu64, unix_ns);
	fprintf(out, "%s.%09uZ", text, (unsigned)(unix_ns % 1000000000));
}

/* A control character would let telemetry drive the terminal. */
static void
put_text(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= ' ' && c != 0x7f)
			putc(c, out);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c == '\t')
			fputs("\\t", out);
		else
			fprintf(out, "\\x%02x", c);
	}
}

static void
put_string(FILE *out, const char *text)
{
	put_text(out, text, strlen(text));
}

static void put_value(FILE *out, const struct otel_value *value, int depth);

static void
put_list(FILE *out, const struct otel_value *value, int depth)
{
	bool map = value->type == OTEL_TYPE_MAP;

	putc(map ? '{' : '[', out);
	for (uint32_t i = 0; i < value->len; i++) {
		if (i)
			fputs(", ", out);
		if (map) {
			put_string(out,
			           value->entries[i].key ? value->entries[i].key : "");
			fputs(": ", out);
		}
		put_value(out, map ? &value->entries[i].value : &value->values[i],
		          depth + 1);
	}
	putc(map ? '}' : ']', out);
}

static void
put_value(FILE *out, const struct otel_value *value, int depth)
{
	switch (value->type) {
	case OTEL_TYPE_STRING:
		put_text(out, value->string, value->len);
		break;
	case OTEL_TYPE_BOOL:
		fputs(value->boolean ? "true" : "false", out);
		break;
	case OTEL_TYPE_INT:
		fprintf(out, "%" PRId64, value->integer);
		break;
	case OTEL_TYPE_DOUBLE:
		fprintf(out, "%.17g", value->number);
		break;
	case OTEL_TYPE_BYTES:
		for (uint32_t i = 0; i < value->len; i++)
			fprintf(out, "%02x", ((const unsigned char *)value->bytes)[i]);
		break;
	case OTEL_TYPE_ARRAY:
	case OTEL_TYPE_MAP:
		if (depth < 16)
			put_list(out, value, depth);
		else
			fputs("...", out);
		break;
	default:
		fputs("(none)", out);
	}
}

static void
put_attributes(FILE *out, const struct otel_attribute *attributes, size_t n,
               const char *indent)
{
	for (size_t i = 0; i < n; i++) {
		if (!attributes[i].key || !attributes[i].value.type)
			continue;
		fputs(indent, out);
		put_string(out, attributes[i].key);
		fputs(" = ", out);
		put_value(out, &attributes[i].value, 0);
		putc('\n', out);
	}
}

static void
put_source(FILE *out, struct otel_resource *resource, const struct otel_scope_data *scope)
{
	size_t n = 0;
	const struct otel_attribute *a = resource ? otel_resource_attributes(resource, &n)
	                                          : NULL;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(a[i].key, "service.name") == 0 &&
		    a[i].value.type == OTEL_TYPE_STRING) {
			fputs(" by ", out);
			put_text(out, a[i].value.string, a[i].value.len);
		}
	}
	if (scope && *scope->name) {
		fputs(", scope ", out);
		put_string(out, scope->name);
		if (*scope->version) {
			putc(' ', out);
			put_string(out, scope->version);
		}
	}
	putc('\n', out);
}

static void
put_id(FILE *out, const char *label, const uint8_t *id, size_t len)
{
	if (memcmp(id, no_id, len) == 0)
		return;
	fputs(label, out);
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", id[i]);
}

/* ---- spans ---- */

static void
put_span(FILE *out, const struct otel_span_data *s)
{
	static const char *const kinds[] = { "unspecified", "internal", "server",
		                             "client",      "producer", "consumer" };
	static const char *const statuses[] = { "", "  OK", "  ERROR" };
	double ms = s->end_unix_ns >= s->start_unix_ns
	                    ? (double)(s->end_unix_ns - s->start_unix_ns) / 1e6
	                    : 0;

	fputs("span ", out);
	put_string(out, s->name);
	fprintf(out, "  %s  %.3f ms%s",
	        s->kind >= 0 && s->kind <= 5 ? kinds[s->kind] : "?", ms,
	        s->status >= 0 && s->status <= 2 ? statuses[s->status] : "");
	if (*s->status_message) {
		fputs(": ", out);
		put_string(out, s->status_message);
	}
	fputs("\n  at ", out);
	put_time(out, s->start_unix_ns);
	put_source(out, s->resource, s->scope);
	put_id(out, "  trace ", s->context.trace_id, 16);
	put_id(out, " span ", s->context.span_id, 8);
	put_id(out, s->parent_remote ? " remote parent " : " parent ", s->parent_span_id,
	       8);
	putc('\n', out);
	put_attributes(out, s->attributes, s->n_attributes, "  ");
	for (size_t i = 0; i < s->n_events; i++) {
		fputs("  event ", out);
		put_string(out, s->events[i].name);
		fputs(" at ", out);
		put_time(out, s->events[i].time_unix_ns);
		putc('\n', out);
		put_attributes(out, s->events[i].attributes, s->events[i].n_attributes,
		               "    ");
	}
	for (size_t i = 0; i < s->n_links; i++) {
		put_id(out, "  link to trace ", s->links[i].context.trace_id, 16);
		put_id(out, " span ", s->links[i].context.span_id, 8);
		putc('\n', out);
		put_attributes(out, s->links[i].attributes, s->links[i].n_attributes,
		               "    ");
	}
	if (s->dropped_attributes || s->dropped_events || s->dropped_links)
		fprintf(out, "  dropped: %u attributes, %u events, %u links\n",
		        s->dropped_attributes, s->dropped_events, s->dropped_links);
}

/* ---- log records ---- */

static void
put_log(FILE *out, const struct otel_log_data *l)
{
	fputs("log ", out);
	put_string(out, *l->severity_text ? l->severity_text : "-");
	if (*l->event_name) {
		fputs(" event ", out);
		put_string(out, l->event_name);
	}
	fputs("  ", out);
	put_value(out, &l->body, 0);
	fputs("\n  at ", out);
	put_time(out, l->time_unix_ns ? l->time_unix_ns : l->observed_unix_ns);
	put_source(out, l->resource, l->scope);
	put_id(out, "  trace ", l->trace_id, 16);
	put_id(out, " span ", l->span_id, 8);
	if (memcmp(l->trace_id, no_id, 16) != 0)
		putc('\n', out);
	put_attributes(out, l->attributes, l->n_attributes, "  ");
	if (l->dropped_attributes)
		fprintf(out, "  dropped: %u attributes\n", l->dropped_attributes);
}

/* ---- metrics ---- */

static void
put_histogram(FILE *out, const struct otel_point_data *p)
{
	fprintf(out, "  count %" PRIu64 ", sum %.17g", p->count, p->sum);
	if (p->count && p->min <= p->max)
		fprintf(out, ", min %.17g, max %.17g", p->min, p->max);
	putc('\n', out);
	for (size_t i = 0; p->bucket_counts && i <= p->n_bounds; i++) {
		if (!p->bucket_counts[i])
			continue;
		if (i < p->n_bounds)
			fprintf(out, "    <= %.17g: ", p->bounds[i]);
		else if (p->n_bounds)
			fprintf(out, "    > %.17g: ", p->bounds[i - 1]);
		else
			fputs("    all: ", out);
		fprintf(out, "%" PRIu64 "\n", p->bucket_counts[i]);
	}
}

static void
put_metric(FILE *out, const struct otel_metric_data *m)
{
	static const char *const types[] = { "gauge", "sum", "histogram" };

	fputs("metric ", out);
	put_string(out, m->name);
	fprintf(out, "  %s%s", m->type >= 0 && m->type <= 2 ? types[m->type] : "?",
	        m->type == OTEL_METRIC_GAUGE               ? ""
	        : m->temporality == OTEL_TEMPORALITY_DELTA ? " (delta)"
	                                                   : " (cumulative)");
	if (*m->unit) {
		fputs("  in ", out);
		put_string(out, m->unit);
	}
	fputs("\n ", out);
	put_source(out, m->resource, m->scope);
	for (size_t i = 0; i < m->n_points; i++) {
		const struct otel_point_data *p = &m->points[i];

		if (m->type == OTEL_METRIC_HISTOGRAM)
			put_histogram(out, p);
		else if (p->is_double)
			fprintf(out, "  %.17g\n", p->number);
		else
			fprintf(out, "  %" PRId64 "\n", p->integer);
		put_attributes(out, p->attributes, p->n_attributes, "    ");
	}
}

/* ---- the exporter ---- */

/* Makes a block in memory and writes it whole. */
struct block {
	char *text;
	size_t len;
	FILE *out;
};

static int
block_open(struct block *block)
{
	block->out = open_memstream(&block->text, &block->len);
	return block->out ? 0 : -errno;
}

static int
block_close(struct block *block)
{
	int r = fclose(block->out) == 0 ? 0 : -errno;

	if (r == 0 && (fwrite(block->text, 1, block->len, stdout) != block->len ||
	               fflush(stdout) != 0))
		r = -errno;
	free(block->text);
	return r;
}

static int
console_spans(struct otel_exporter *self, const struct otel_span_data *const *spans,
              size_t n, int timeout_ms, struct otel_error *err)
{
	struct block block;
	int r = block_open(&block);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		put_span(block.out, spans[i]);
	return block_close(&block);
}

static int
console_logs(struct otel_exporter *self, const struct otel_log_data *const *logs,
             size_t n, int timeout_ms, struct otel_error *err)
{
	struct block block;
	int r = block_open(&block);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		put_log(block.out, logs[i]);
	return block_close(&block);
}

static int
console_metrics(struct otel_exporter *self, const struct otel_metric_data *metrics,
                size_t n, int timeout_ms, struct otel_error *err)
{
	struct block block;
	int r = block_open(&block);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		put_metric(block.out, &metrics[i]);
	return block_close(&block);
}

static void
console_free(struct otel_exporter *self)
{
	otelp_free(self);
}

int
otelp_exporter_console_new(struct otel_exporter **out, struct otel_error *err)
{
	struct otel_exporter *exporter = otelp_calloc(1, sizeof *exporter);

	if (!exporter)
		return otel_error_set(err, -ENOMEM, "console exporter: no memory");
	*exporter = (struct otel_exporter){
		.name = "console",
		.export_spans = console_spans,
		.export_logs = console_logs,
		.export_metrics = console_metrics,
		.free = console_free,
	};
	*out = exporter;
	return 0;
}
