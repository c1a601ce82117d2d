/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: samples of one name must stand together under one HELP and one TYPE, while providers tell of
 * their metrics one by one. So each family collects its lines in a buffer of its own as the providers
 * are visited, and the families are written at the end.
 */
#include <errno.h>
#include <stdlib.h>

#include "pipeline_priv.h"
#include "prometheus_priv.h"
#include <otel/prometheus.h>

struct family {
	char *name; /* with _total */
	size_t family_len;
	const char *type;
	struct otelp_text_buf help, unit, lines;
	const struct otel_scope_data
		*scope; /* who wrote last: one scope's metrics come together */
};

struct page {
	uint32_t flags;
	struct family *families;
	size_t n, size;
	bool whose;                     /* series have job and instance */
	struct otelp_text_buf labels;   /* of the point at hand, without braces */
	struct otelp_text_buf resource; /* job and instance of the provider at hand */
	struct otelp_text_buf scope;    /* and the scope's labels */
	const struct otel_scope_data *scope_at_hand;
	bool info_done;
};

struct label {
	const struct otel_attribute *attribute;
	char *key; /* sanitised, and renamed where it is reserved */
};

static bool
is_open(const struct page *page)
{
	return page->flags & OTEL_PROMETHEUS_OPENMETRICS;
}

static void
add_label(struct otelp_text_buf *buf, const char *key, size_t key_len, const char *text,
          size_t len)
{
	if (buf->len)
		otelp_text_putc(buf, ',');
	otelp_text_add(buf, key, key_len);
	otelp_text_puts(buf, "=\"");
	otelp_text_escaped(buf, text, len, true);
	otelp_text_putc(buf, '"');
}

/* By sanitised key, then by original key: that is the order in which values of one key are joined. */
static int
by_key(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : strcmp(x->attribute->key, y->attribute->key);
}

/* What a series may not be told by an attribute, since the page says it. */
static bool
is_reserved(const struct page *page, const char *key, const char *prefix,
            bool is_histogram)
{
	if (*prefix)
		return !strcmp(key, "name") || !strcmp(key, "version") ||
		       !strcmp(key, "schema_url");
	return (is_histogram && !strcmp(key, "le")) ||
	       (page->whose && (!strcmp(key, "job") || !strcmp(key, "instance"))) ||
	       (!(page->flags & OTEL_PROMETHEUS_NO_SCOPE) &&
	        !strncmp(key, "otel_scope_", 11));
}

static int
add_attributes(const struct page *page, struct otelp_text_buf *to, const char *prefix,
               const struct otel_attribute *attributes, size_t n, bool is_histogram)
{
	struct otelp_text_buf text = { 0 }, key = { 0 };
	struct label *labels;
	int r = -ENOMEM;

	if (!n)
		return 0;
	labels = otelp_calloc(n, sizeof *labels);
	if (!labels)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		size_t start;

		key.len = 0;
		otelp_text_puts(&key, "exported_");
		start = key.len;
		otelp_prometheus_key(&key, attributes[i].key);
		otelp_text_putc(&key, '\0');
		if (!key.failed &&
		    is_reserved(page, key.bytes + start, prefix, is_histogram))
			start = 0;
		labels[i].attribute = &attributes[i];
		labels[i].key = key.failed ? NULL : otelp_strdup(key.bytes + start);
		if (!labels[i].key)
			goto out;
	}
	qsort(labels, n, sizeof *labels, by_key);
	for (size_t i = 0, next; i < n; i = next) {
		text.len = key.len = 0;
		for (next = i; next < n && !strcmp(labels[next].key, labels[i].key);
		     next++) {
			if (next > i)
				otelp_text_putc(&text, ';');
			otelp_text_value(&text, &labels[next].attribute->value);
		}
		otelp_text_puts(&key, prefix);
		otelp_text_puts(&key, labels[i].key);
		if (text.failed || key.failed)
			goto out;
		add_label(to, key.bytes, key.len, text.bytes, text.len);
	}
	r = to->failed ? -ENOMEM : 0;
out:
	for (size_t i = 0; i < n; i++)
		otelp_free(labels[i].key);
	otelp_free(labels);
	otelp_text_free(&text);
	otelp_text_free(&key);
	return r;
}

static const struct otel_value *
find_attribute(const struct otel_attribute *attributes, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(attributes[i].key, key))
			return &attributes[i].value;
	return NULL;
}

/* job and instance, by which Prometheus tells targets apart. */
static void
set_resource(struct page *page, const struct otel_attribute *attributes, size_t n)
{
	const struct otel_value *space = find_attribute(attributes, n,
	                                                "service.namespace");
	const struct otel_value *name = find_attribute(attributes, n, "service.name");
	const struct otel_value *instance = find_attribute(attributes, n,
	                                                   "service.instance.id");
	struct otelp_text_buf text = { 0 };

	page->resource.len = 0;
	if (!page->whose)
		return;
	if (name) {
		if (space) {
			otelp_text_value(&text, space);
			otelp_text_putc(&text, '/');
		}
		otelp_text_value(&text, name);
		add_label(&page->resource, "job", 3, text.bytes, text.len);
	}
	text.len = 0;
	if (instance) {
		otelp_text_value(&text, instance);
		add_label(&page->resource, "instance", 8, text.bytes, text.len);
	}
	page->resource.failed |= text.failed;
	otelp_text_free(&text);
}

static int
set_scope(struct page *page, const struct otel_scope_data *scope)
{
	struct otelp_text_buf *to = &page->scope;

	to->len = 0;
	page->scope_at_hand = scope;
	if (page->flags & OTEL_PROMETHEUS_NO_SCOPE)
		return 0;
	add_label(to, "otel_scope_name", 15, scope->name, strlen(scope->name));
	if (*scope->version)
		add_label(to, "otel_scope_version", 18, scope->version,
		          strlen(scope->version));
	if (*scope->schema_url)
		add_label(to, "otel_scope_schema_url", 21, scope->schema_url,
		          strlen(scope->schema_url));
	return add_attributes(page, to, "otel_scope_", scope->attributes,
	                      scope->n_attributes, false);
}

static void
append(struct otelp_text_buf *to, const struct otelp_text_buf *from)
{
	if (to->len && from->len)
		otelp_text_putc(to, ',');
	otelp_text_add(to, from->bytes, from->len);
	to->failed |= from->failed;
}

/* Labels of a point: whose, its own, its scope's. */
static int
set_labels(struct page *page, const struct otel_attribute *attributes, size_t n,
           bool is_histogram, bool scope)
{
	int r;

	page->labels.len = 0;
	append(&page->labels, &page->resource);
	r = add_attributes(page, &page->labels, "", attributes, n, is_histogram);
	if (scope)
		append(&page->labels, &page->scope);
	return r < 0 ? r : page->labels.failed ? -ENOMEM : 0;
}

/* NAME SUFFIX {LABELS, le="LE"} and the space before the value. */
static void
add_series(const struct page *page, struct family *family, size_t name_len,
           const char *suffix, const double *le)
{
	struct otelp_text_buf *to = &family->lines;

	otelp_text_add(to, family->name, name_len);
	otelp_text_puts(to, suffix);
	if (page->labels.len || le) {
		otelp_text_putc(to, '{');
		otelp_text_add(to, page->labels.bytes, page->labels.len);
		if (le) {
			otelp_text_puts(to, page->labels.len ? ",le=\"" : "le=\"");
			otelp_text_double(to, *le, is_open(page));
			otelp_text_putc(to, '"');
		}
		otelp_text_putc(to, '}');
	}
	otelp_text_putc(to, ' ');
}

static void
add_histogram(const struct page *page, struct family *family,
              const struct otel_point_data *point)
{
	struct otelp_text_buf *to = &family->lines;
	double infinity = __builtin_inf();
	uint64_t count = 0;

	for (size_t i = 0; i <= point->n_bounds; i++) {
		count += point->bucket_counts[i];
		add_series(page, family, family->family_len, "_bucket",
		           i < point->n_bounds ? &point->bounds[i] : &infinity);
		otelp_text_unsigned(to, count);
		otelp_text_putc(to, '\n');
	}
	add_series(page, family, family->family_len, "_sum", NULL);
	otelp_text_double(to, point->sum, false);
	otelp_text_putc(to, '\n');
	add_series(page, family, family->family_len, "_count", NULL);
	otelp_text_unsigned(to, point->count);
	otelp_text_putc(to, '\n');
}

static void
add_number(const struct page *page, struct family *family,
           const struct otel_point_data *point)
{
	add_series(page, family, strlen(family->name), "", NULL);
	if (point->is_double)
		otelp_text_double(&family->lines, point->number, false);
	else
		otelp_text_int(&family->lines, point->integer);
	otelp_text_putc(&family->lines, '\n');
}

/* The family of that name, made when it is new; NULL without memory. */
static struct family *
family_named(struct page *page, const char *name, size_t len, size_t family_len)
{
	struct family *family;
	size_t size;

	for (size_t i = 0; i < page->n; i++) {
		family = &page->families[i];
		/* In OpenMetrics a family has its name without _total. */
		if (is_open(page) ? family->family_len == family_len &&
		                            !memcmp(family->name, name, family_len)
		                  : strlen(family->name) == len &&
		                            !memcmp(family->name, name, len))
			return family;
	}
	if (page->n == page->size) {
		size = page->size ? page->size * 2 : 32;
		family = otelp_realloc(page->families, size * sizeof *family);
		if (!family)
			return NULL;
		page->families = family;
		page->size = size;
	}
	family = &page->families[page->n];
	memset(family, 0, sizeof *family);
	family->name = otelp_malloc(len + 1);
	if (!family->name)
		return NULL;
	memcpy(family->name, name, len);
	family->name[len] = '\0';
	family->family_len = family_len;
	page->n++;
	return family;
}

static const char *
type_of(const struct otel_metric_data *metric)
{
	switch (metric->type) {
	case OTEL_METRIC_HISTOGRAM:
		return "histogram";
	case OTEL_METRIC_SUM:
		return metric->monotonic ? "counter" : "gauge";
	default:
		return "gauge";
	}
}

static struct family *
family_of(struct page *page, const struct otel_metric_data *metric)
{
	bool is_counter = metric->type == OTEL_METRIC_SUM && metric->monotonic;
	bool total = is_open(page) || !(page->flags & OTEL_PROMETHEUS_NO_TOTAL);
	const char *unit = page->flags & OTEL_PROMETHEUS_NO_UNITS ? "" : metric->unit;
	struct otelp_text_buf name = { 0 };
	struct family *family = NULL;
	size_t family_len;

	otelp_prometheus_name(&name, metric->name, unit, is_counter,
	                      metric->type == OTEL_METRIC_GAUGE, total, &family_len);
	if (!name.failed)
		family = family_named(page, name.bytes, name.len, family_len);
	otelp_text_free(&name);
	if (family && !family->type) {
		family->type = type_of(metric);
		otelp_text_escaped(&family->help, metric->description,
		                   strlen(metric->description), is_open(page));
		otelp_prometheus_unit(&family->unit, unit,
		                      metric->type == OTEL_METRIC_GAUGE);
	}
	return family;
}

/* target_info: what a resource says of itself, once for each provider. */
static int
add_target_info(struct page *page, const struct otel_attribute *attributes, size_t n)
{
	struct family *family;
	int r;

	if (page->info_done || (page->flags & OTEL_PROMETHEUS_NO_TARGET_INFO) || !n)
		return 0;
	page->info_done = true;
	family = family_named(page, "target_info", 11, is_open(page) ? 6 : 11);
	if (!family)
		return -ENOMEM;
	if (!family->type) {
		family->type = is_open(page) ? "info" : "gauge";
		otelp_text_puts(&family->help, "Target metadata");
	}
	r = set_labels(page, attributes, n, false, false);
	if (r < 0)
		return r;
	add_series(page, family, strlen(family->name), "", NULL);
	otelp_text_puts(&family->lines, "1\n");
	return 0;
}

static int
add_metric(const struct otel_metric_data *metric, void *userdata)
{
	struct page *page = userdata;
	struct family *family;
	int r = 0;

	if (!page->info_done && metric->resource) {
		size_t n;
		const struct otel_attribute *attributes = otel_resource_attributes(
			metric->resource, &n);

		set_resource(page, attributes, n);
		r = add_target_info(page, attributes, n);
	}
	if (!r && page->scope_at_hand != metric->scope)
		r = set_scope(page, metric->scope);
	family = r < 0 ? NULL : family_of(page, metric);
	if (!family)
		return -ENOMEM;
	if (strcmp(family->type, type_of(metric)) || family->scope == metric->scope) {
		otelp_diag_once(
			OTEL_DIAG_WARN,
			"prometheus: more than one metric is called %s; the first is shown",
			family->name);
		return 0;
	}
	family->scope = metric->scope;
	for (size_t i = 0; i < metric->n_points; i++) {
		const struct otel_point_data *point = &metric->points[i];
		bool is_histogram = metric->type == OTEL_METRIC_HISTOGRAM;

		r = set_labels(page, point->attributes, point->n_attributes, is_histogram,
		               true);
		if (r < 0)
			return r;
		if (is_histogram)
			add_histogram(page, family, point);
		else
			add_number(page, family, point);
	}
	return family->lines.failed ? -ENOMEM : 0;
}

static void
add_meta(struct otelp_text_buf *to, const char *what, const char *name, size_t name_len,
         const char *text, size_t len)
{
	otelp_text_puts(to, what);
	otelp_text_add(to, name, name_len);
	otelp_text_putc(to, ' ');
	otelp_text_add(to, text, len);
	otelp_text_putc(to, '\n');
}

static int
write_family(const struct page *page, const struct family *family,
             otel_prometheus_write_fn *write, void *userdata)
{
	size_t name_len = is_open(page) ? family->family_len : strlen(family->name);
	struct otelp_text_buf head = { 0 };
	int r = -ENOMEM;

	if (!family->lines.len)
		return family->lines.failed ? -ENOMEM : 0;
	if (family->help.len)
		add_meta(&head, "# HELP ", family->name, name_len, family->help.bytes,
		         family->help.len);
	add_meta(&head, "# TYPE ", family->name, name_len, family->type,
	         strlen(family->type));
	/* OpenMetrics wants the unit to be the end of the name. */
	if (is_open(page) && family->unit.len && family->unit.len < name_len &&
	    !memcmp(family->name + name_len - family->unit.len, family->unit.bytes,
	            family->unit.len))
		add_meta(&head, "# UNIT ", family->name, name_len, family->unit.bytes,
		         family->unit.len);
	if (!head.failed && !family->help.failed && !family->unit.failed &&
	    !family->lines.failed) {
		r = write(userdata, head.bytes, head.len);
		if (!r)
			r = write(userdata, family->lines.bytes, family->lines.len);
	}
	otelp_text_free(&head);
	return r;
}

int
otel_prometheus_write(struct otel_meter_provider *const *providers, size_t n_providers,
                      uint32_t flags, otel_prometheus_write_fn *write, void *userdata)
{
	struct page page = { .flags = flags,
		             .whose = n_providers > 1 || (flags & OTEL_PROMETHEUS_JOB) };
	int r = 0;

	for (size_t i = 0; i < n_providers && !r; i++) {
		page.info_done = false;
		page.scope_at_hand = NULL;
		page.resource.len = 0;
		r = otel_meter_provider_collect(providers[i], add_metric, &page);
	}
	for (size_t i = 0; i < page.n && !r; i++)
		r = write_family(&page, &page.families[i], write, userdata);
	if (!r && is_open(&page))
		r = write(userdata, "# EOF\n", 6);
	for (size_t i = 0; i < page.n; i++) {
		otelp_free(page.families[i].name);
		otelp_text_free(&page.families[i].help);
		otelp_text_free(&page.families[i].unit);
		otelp_text_free(&page.families[i].lines);
	}
	otelp_free(page.families);
	otelp_text_free(&page.labels);
	otelp_text_free(&page.resource);
	otelp_text_free(&page.scope);
	return r;
}
