/* SPDX-License-Identifier: Apache-2.0 */
#include "prometheus.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <otel/sdk.h>

/*
 * The format wants all samples of a family in one place, but providers come one after the other, so each
 * family collects its own lines and the text is put together at the end.
 */

struct family {
	struct family *next;
	char *name, *type, *head; /* head: HELP and TYPE lines */
	FILE *stream;
	char *lines;
	size_t len;
};

struct prometheus {
	struct family *families, **last;
	char *text;
	size_t len;
	bool failed;
};

struct prometheus *
prometheus_new(void)
{
	struct prometheus *page = calloc(1, sizeof *page);

	if (page)
		page->last = &page->families;
	return page;
}

void
prometheus_free(struct prometheus *page)
{
	struct family *family;

	if (!page)
		return;
	while ((family = page->families)) {
		page->families = family->next;
		if (family->stream)
			fclose(family->stream);
		free(family->lines);
		free(family->name);
		free(family->type);
		free(family->head);
		free(family);
	}
	free(page->text);
	free(page);
}

/* ---- text ---- */

static void
print_escaped(FILE *to, const char *text, size_t len, bool is_label)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n')
			fputs("\\n", to);
		else if (text[i] == '\\' || (is_label && text[i] == '"'))
			fprintf(to, "\\%c", text[i]);
		else
			fputc(text[i], to);
}

static struct family *
family_of(struct prometheus *page, const char *name, const char *help, const char *type)
{
	struct family *family;
	FILE *head;
	size_t len;

	for (family = page->families; family; family = family->next)
		if (strcmp(family->name, name) == 0)
			return strcmp(family->type, type) == 0 ? family : NULL;
	family = calloc(1, sizeof *family);
	if (!family)
		return NULL;
	*page->last = family;
	page->last = &family->next;
	family->name = strdup(name);
	family->type = strdup(type);
	family->stream = open_memstream(&family->lines, &family->len);
	head = open_memstream(&family->head, &len);
	if (head) {
		fprintf(head, "# HELP %s%s ", name,
		        strcmp(type, "counter") ? "" : "_total");
		print_escaped(head, help, strlen(help), false);
		fprintf(head, "\n# TYPE %s%s %s\n", name,
		        strcmp(type, "counter") ? "" : "_total", type);
		fclose(head);
	}
	if (!family->name || !family->type || !family->stream || !family->head) {
		page->failed = true;
		return NULL;
	}
	return family;
}

void
prometheus_family(struct prometheus *page, const char *name, const char *help,
                  const char *type)
{
	(void)family_of(page, name, help, type);
}

void
prometheus_sample(struct prometheus *page, const char *name, const char *suffix,
                  const char *label, const char *label_value, uint64_t value)
{
	for (struct family *family = page->families; family; family = family->next)
		if (strcmp(family->name, name) == 0 && family->stream) {
			fprintf(family->stream, "%s%s{%s=\"", name, suffix, label);
			print_escaped(family->stream, label_value, strlen(label_value),
			              true);
			fprintf(family->stream, "\"} %llu\n", (unsigned long long)value);
		}
}

const char *
prometheus_text(struct prometheus *page, size_t *len)
{
	FILE *text = open_memstream(&page->text, &page->len);

	if (!text)
		return NULL;
	for (struct family *family = page->families; family; family = family->next) {
		if (!family->stream || fflush(family->stream) || family->len == 0)
			continue;
		fputs(family->head, text);
		fwrite(family->lines, 1, family->len, text);
	}
	if (fclose(text) || page->failed)
		return NULL;
	*len = page->len;
	return page->text;
}

/* ---- names ---- */

static void
print_name(FILE *to, const char *name)
{
	if (isdigit((unsigned char)*name))
		fputc('_', to);
	for (; *name; name++)
		fputc(isalnum((unsigned char)*name) || *name == '_' || *name == ':'
		              ? *name
		              : '_',
		      to);
}

static const char *
unit_word(const char *unit)
{
	static const char *const words[][2] = {
		{ "s", "seconds" },
		{ "ms", "milliseconds" },
		{ "us", "microseconds" },
		{ "ns", "nanoseconds" },
		{ "min", "minutes" },
		{ "h", "hours" },
		{ "d", "days" },
		{ "By", "bytes" },
		{ "KiBy", "kibibytes" },
		{ "MiBy", "mebibytes" },
		{ "GiBy", "gibibytes" },
		{ "m", "meters" },
		{ "km", "kilometers" },
		{ "Cel", "celsius" },
		{ "Hz", "hertz" },
		{ "V", "volts" },
		{ "W", "watts" },
		{ "J", "joules" },
		{ "g", "grams" },
		{ "%", "percent" },
		{ "1", "" },
	};

	if (unit[0] == '{') /* an annotation names what is counted and is no unit */
		return "";
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(unit, words[i][0]) == 0)
			return words[i][1];
	return unit;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

/* "http.server.request.duration", "s" -> "http_server_request_duration_seconds"; owned */
static char *
family_name(const struct otel_metric_data *metric)
{
	const char *unit = unit_word(metric->unit);
	bool is_ratio = metric->type == OTEL_METRIC_GAUGE &&
	                strcmp(metric->unit, "1") == 0;
	char *name = NULL, *end;
	size_t len;
	FILE *to = open_memstream(&name, &len);

	if (!to)
		return NULL;
	print_name(to, metric->name);
	fflush(to);
	if (is_ratio)
		unit = "ratio";
	if (unit[0] && !ends_with(name, unit)) {
		fputc('_', to);
		print_name(to, unit);
	}
	if (fclose(to)) {
		free(name);
		return NULL;
	}
	end = name + strlen(name);
	if (metric->monotonic && ends_with(name, "_total"))
		end[-6] = '\0';
	return name;
}

/* ---- samples ---- */

static void
print_value(FILE *to, double value)
{
	if (isnan(value))
		fputs("NaN", to);
	else if (isinf(value))
		fputs(value > 0 ? "+Inf" : "-Inf", to);
	else
		fprintf(to, "%.17g", value);
}

static void
print_attribute(FILE *to, const struct otel_attribute *attribute)
{
	const struct otel_value *value = &attribute->value;

	fputc(',', to);
	print_name(to, attribute->key);
	fputs("=\"", to);
	switch (value->type) {
	case OTEL_TYPE_STRING:
		print_escaped(to, value->string, value->len, true);
		break;
	case OTEL_TYPE_BOOL:
		fputs(value->boolean ? "true" : "false", to);
		break;
	case OTEL_TYPE_INT:
		fprintf(to, "%lld", (long long)value->integer);
		break;
	case OTEL_TYPE_DOUBLE:
		print_value(to, value->number);
		break;
	default: /* bytes, arrays and maps have no short form */
		break;
	}
	fputc('"', to);
}

static const char *
service_of(const struct otel_metric_data *metric, size_t *len)
{
	size_t n;
	const struct otel_attribute *list = otel_resource_attributes(metric->resource,
	                                                             &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].key, "service.name") == 0 &&
		    list[i].value.type == OTEL_TYPE_STRING) {
			*len = list[i].value.len;
			return list[i].value.string;
		}
	*len = 0;
	return "";
}

/* NAME SUFFIX { labels [, le="BOUND"] } and a space */
static void
print_series(FILE *to, const char *name, const char *suffix,
             const struct otel_metric_data *metric, const struct otel_point_data *point,
             const double *bound)
{
	size_t len;
	const char *service = service_of(metric, &len);

	fprintf(to, "%s%s{job=\"", name, suffix);
	print_escaped(to, service, len, true);
	fputs("\",otel_scope_name=\"", to);
	print_escaped(to, metric->scope->name, strlen(metric->scope->name), true);
	fputc('"', to);
	for (size_t i = 0; i < point->n_attributes; i++)
		print_attribute(to, &point->attributes[i]);
	if (bound) {
		fputs(",le=\"", to);
		print_value(to, *bound);
		fputc('"', to);
	}
	fputs("} ", to);
}

static void
print_histogram(FILE *to, const char *name, const struct otel_metric_data *metric,
                const struct otel_point_data *point)
{
	const double infinity = INFINITY;
	uint64_t count = 0;

	for (size_t i = 0; i <= point->n_bounds; i++) {
		count += point->bucket_counts[i];
		print_series(to, name, "_bucket", metric, point,
		             i < point->n_bounds ? &point->bounds[i] : &infinity);
		fprintf(to, "%llu\n", (unsigned long long)count);
	}
	print_series(to, name, "_sum", metric, point, NULL);
	print_value(to, point->sum);
	print_series((fputc('\n', to), to), name, "_count", metric, point, NULL);
	fprintf(to, "%llu\n", (unsigned long long)point->count);
}

static int
print_metric(const struct otel_metric_data *metric, void *arg)
{
	struct prometheus *page = arg;
	bool is_counter = metric->type == OTEL_METRIC_SUM && metric->monotonic;
	const char *type = metric->type == OTEL_METRIC_HISTOGRAM ? "histogram"
	                   : is_counter                          ? "counter"
	                                                         : "gauge";
	char *name = family_name(metric);
	struct family *family = name ? family_of(page, name, metric->description, type)
	                             : NULL;

	for (size_t i = 0; family && i < metric->n_points; i++) {
		const struct otel_point_data *point = &metric->points[i];

		if (metric->type == OTEL_METRIC_HISTOGRAM) {
			print_histogram(family->stream, name, metric, point);
			continue;
		}
		print_series(family->stream, name, is_counter ? "_total" : "", metric,
		             point, NULL);
		if (point->is_double)
			print_value(family->stream, point->number);
		else
			fprintf(family->stream, "%lld", (long long)point->integer);
		fputc('\n', family->stream);
	}
	free(name);
	return 0;
}

void
prometheus_provider(struct prometheus *page, struct otel_meter_provider *provider)
{
	(void)otel_meter_provider_collect(provider, print_metric, page);
}
