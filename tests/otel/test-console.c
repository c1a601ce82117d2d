/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check-main.h"
#include "pipeline_priv.h"

static struct otel_exporter *exporter;
static struct otel_resource *resource;
static const struct otel_scope_data scope = { .name = "app",
	                                      .version = "1.0",
	                                      .schema_url = "" };
static char said[8192];
static int saved, file;

static void
setup(void)
{
	struct otel_attribute service[] = { OTEL_STR("service.name",
		                                     "iss-distance-service") };

	ck_assert_int_eq(otelp_exporter_console_new(&exporter, NULL), 0);
	ck_assert_int_eq(otel_resource_new(service, 1, NULL, &resource, NULL), 0);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	file = memfd_create("stdout", MFD_CLOEXEC);
	ck_assert_int_ge(file, 0);
	dup2(file, STDOUT_FILENO);
}

static void
read_stdout(void)
{
	ssize_t n = pread(file, said, sizeof said - 1, 0);

	dup2(saved, STDOUT_FILENO);
	ck_assert_int_ge(n, 0);
	said[n] = '\0';
}

static void
teardown(void)
{
	exporter->free(exporter);
	otel_resource_unref(resource);
	close(saved);
	close(file);
}

START_TEST(a_span_is_a_block)
{
	struct otel_attribute attributes[] = { OTEL_INT("http.response.status_code", 200),
		                               OTEL_STR("text", "two\nlines\x1b[31m") };
	struct otel_event_data events[] = { { 1767323045000000000, "an event", NULL, 0,
		                              0 } };
	struct otel_span_data span = {
		.resource = resource,
		.scope = &scope,
		.kind = OTEL_SPAN_KIND_CLIENT,
		.status = OTEL_STATUS_ERROR,
		.status_message = "broken",
		.name = "getting-iss-coordinates",
		.start_unix_ns = 1767323045123456789,
		.end_unix_ns = 1767323045123456789 + 12345000,
		.attributes = attributes,
		.n_attributes = 2,
		.events = events,
		.n_events = 1,
		.dropped_links = 3,
	};
	const struct otel_span_data *spans[] = { &span };

	memset(span.context.trace_id, 0xab, 16);
	memset(span.context.span_id, 0x01, 8);
	memset(span.parent_span_id, 0x02, 8);
	ck_assert_int_eq(exporter->export_spans(exporter, spans, 1, 1000, NULL), 0);
	read_stdout();
	ck_assert_str_eq(
		said,
		"span getting-iss-coordinates  client  12.345 ms  ERROR: broken\n"
		"  at 2026-01-02T03:04:05.123456789Z by iss-distance-service, scope app 1.0\n"
		"  trace abababababababababababababababab span 0101010101010101 parent 0202020202020202\n"
		"  http.response.status_code = 200\n"
		"  text = two\\nlines\\x1b[31m\n"
		"  event an event at 2026-01-02T03:04:05.000000000Z\n"
		"  dropped: 0 attributes, 0 events, 3 links\n");
}
END_TEST

START_TEST(a_log_record_is_a_block)
{
	struct otel_attribute map[] = { OTEL_BOOL("b", true), OTEL_DOUBLE("d", 0.5) };
	struct otel_log_data log = {
		.resource = resource,
		.scope = &scope,
		.observed_unix_ns = 1767323045000000000,
		.severity = 13,
		.severity_text = "WARN",
		.event_name = "cold",
		.body = otel_value_map(map, 2),
	};
	const struct otel_log_data *logs[] = { &log };

	ck_assert_int_eq(exporter->export_logs(exporter, logs, 1, 1000, NULL), 0);
	read_stdout();
	ck_assert_str_eq(
		said,
		"log WARN event cold  {b: true, d: 0.5}\n"
		"  at 2026-01-02T03:04:05.000000000Z by iss-distance-service, scope app 1.0\n");
}
END_TEST

START_TEST(metrics_are_blocks)
{
	static const double bounds[] = { 1, 2.5 };
	static const uint64_t counts[] = { 1, 0, 2 };
	struct otel_attribute attributes[] = { OTEL_INT("http.response.status_code",
		                                        200) };
	struct otel_point_data sums[] = {
		{ .attributes = attributes, .n_attributes = 1, .integer = 3 }
	};
	struct otel_point_data histograms[] = { { .count = 3,
		                                  .sum = 9.5,
		                                  .min = 0.5,
		                                  .max = 5,
		                                  .bucket_counts = counts,
		                                  .bounds = bounds,
		                                  .n_bounds = 2 } };
	struct otel_metric_data metrics[] = {
		{ resource, &scope, "incoming.requests", "{request}", "", OTEL_METRIC_SUM,
		  OTEL_TEMPORALITY_CUMULATIVE, true, sums, 1 },
		{ resource, &scope, "duration", "s", "", OTEL_METRIC_HISTOGRAM,
		  OTEL_TEMPORALITY_DELTA, false, histograms, 1 },
	};

	ck_assert_int_eq(exporter->export_metrics(exporter, metrics, 2, 1000, NULL), 0);
	read_stdout();
	ck_assert_str_eq(said,
	                 "metric incoming.requests  sum (cumulative)  in {request}\n"
	                 "  by iss-distance-service, scope app 1.0\n"
	                 "  3\n"
	                 "    http.response.status_code = 200\n"
	                 "metric duration  histogram (delta)  in s\n"
	                 "  by iss-distance-service, scope app 1.0\n"
	                 "  count 3, sum 9.5, min 0.5, max 5\n"
	                 "    <= 1: 1\n"
	                 "    > 2.5: 2\n");
}
END_TEST

START_TEST(a_stdout_that_is_full_is_a_failure)
{
	struct otel_span_data span = { .name = "n", .status_message = "" };
	const struct otel_span_data *spans[] = { &span };
	FILE *full = fopen("/dev/full", "w");
	int r;

	ck_assert_ptr_nonnull(full);
	dup2(fileno(full), STDOUT_FILENO);
	r = exporter->export_spans(exporter, spans, 1, 1000, NULL);
	dup2(saved, STDOUT_FILENO);
	fclose(full);
	ck_assert_int_eq(r, -ENOSPC);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("console");
	TCase *blocks = tcase_create("blocks");

	tcase_add_checked_fixture(blocks, setup, teardown);
	tcase_add_test(blocks, a_span_is_a_block);
	tcase_add_test(blocks, a_log_record_is_a_block);
	tcase_add_test(blocks, metrics_are_blocks);
	tcase_add_test(blocks, a_stdout_that_is_full_is_a_failure);
	suite_add_tcase(suite, blocks);
	return check_main(suite);
}
