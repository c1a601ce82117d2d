/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table says which OTEL_* variable sets which member and what it may be; otel_config_set looks a
 * name up in it, the environment is walked in the table's order. Since a variable for all signals
 * stands before those for one signal, the latter win, as the specification wants.
 *
 * Specification: configuration/sdk-environment-variables.md, protocol/exporter.md.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "otlp_priv.h"
#include "pipeline_priv.h"
#include <otel/sdk.h>

enum { ALL = -1 }; /* beside the signals themselves */

struct variable {
	const char *name;
	int (*set)(struct otel_config *config, const struct variable *var,
	           const char *value, struct otel_error *err);
	size_t offset; /* into struct otel_config, or into struct otel_signal_config */
	int signal; /* enum otel_signal, or ALL; where `offset` is of a signal's config */
	int min;    /* numbers: the least that makes sense */
	size_t size; /* texts: of the array; numbers: the most there may be, 0: any */
};

static int
mistake(struct otel_error *err, const struct variable *var, const char *value,
        const char *expected)
{
	return otel_error_set(err, -EINVAL, "%s: \"%.80s\" is not %s", var->name, value,
	                      expected);
}

/* Calls back for the member of each signal that the variable speaks of. */
#define FOR_SIGNALS(var, i)                                    \
	for (int i = (var)->signal == ALL ? 0 : (var)->signal; \
	     i <= ((var)->signal == ALL ? OTEL_N_SIGNALS - 1 : (var)->signal); i++)

static void *
member(struct otel_config *config, const struct variable *var)
{
	return (char *)config + var->offset;
}

static void *
signal_member(struct otel_config *config, int signal, const struct variable *var)
{
	return (char *)&config->signal[signal] + var->offset;
}

/* ---- numbers, booleans, texts ---- */

static int
parse_number(const struct variable *var, const char *value, int *out,
             struct otel_error *err)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(value, &end, 10);
	if (end == value || *end || errno || n < var->min || n > INT_MAX)
		return mistake(err, var, value,
		               var->min ? "a whole number above 0"
		                        : "a whole number from 0");
	if (var->size && n > (long)var->size)
		return otel_error_set(err, -EINVAL,
		                      "%s: \"%.80s\" is not a whole number up to %zu",
		                      var->name, value, var->size);
	*out = (int)n;
	return 0;
}

static int
set_number(struct otel_config *config, const struct variable *var, const char *value,
           struct otel_error *err)
{
	return parse_number(var, value, member(config, var), err);
}

static int
set_signal_number(struct otel_config *config, const struct variable *var,
                  const char *value, struct otel_error *err)
{
	int n, r = parse_number(var, value, &n, err);

	if (r < 0)
		return r;
	FOR_SIGNALS(var, i)
	*(int *)signal_member(config, i, var) = n;
	return 0;
}

/* What is neither true nor false counts as false, and is told. */
static int
parse_bool(const struct variable *var, const char *value, bool *out,
           struct otel_error *err)
{
	*out = strcasecmp(value, "true") == 0;
	if (*out || strcasecmp(value, "false") == 0)
		return 0;
	return mistake(err, var, value, "true or false, and counts as false");
}

static int
set_bool(struct otel_config *config, const struct variable *var, const char *value,
         struct otel_error *err)
{
	return parse_bool(var, value, member(config, var), err);
}

static int
set_signal_bool(struct otel_config *config, const struct variable *var, const char *value,
                struct otel_error *err)
{
	bool flag;
	int r = parse_bool(var, value, &flag, err);

	FOR_SIGNALS(var, i)
	*(bool *)signal_member(config, i, var) = flag;
	return r;
}

static int
set_signal_text(struct otel_config *config, const struct variable *var, const char *value,
                struct otel_error *err)
{
	size_t len = strlen(value);

	if (len >= var->size)
		return otel_error_set(err, -EINVAL,
		                      "%s: %zu bytes, at most %zu are taken", var->name,
		                      len, var->size - 1);
	FOR_SIGNALS(var, i)
	memcpy(signal_member(config, i, var), value, len + 1);
	return 0;
}

static int
set_headers(struct otel_config *config, const struct variable *var, const char *value,
            struct otel_error *err)
{
	int r = otelp_otlp_headers_check(value, err);

	if (r < 0)
		return otel_error_prefix(err, "%s", var->name), r;
	return set_signal_text(config, var, value, err);
}

static int
set_endpoint(struct otel_config *config, const struct variable *var, const char *value,
             struct otel_error *err)
{
	int r = set_signal_text(config, var, value, err);

	if (r < 0)
		return r;
	FOR_SIGNALS(var, i)
	config->signal[i].otlp.endpoint_is_signal = var->signal != ALL;
	return 0;
}

/* ---- choices ---- */

struct choice {
	const char *name;
	int value;
};

static const struct choice exporters[] = { { "otlp", OTEL_EXPORTER_OTLP },
	                                   { "console", OTEL_EXPORTER_CONSOLE },
	                                   { "none", OTEL_EXPORTER_NONE },
	                                   { NULL, 0 } };
static const struct choice protocols[] = { { "http/protobuf",
	                                     OTEL_PROTOCOL_HTTP_PROTOBUF },
	                                   { "grpc", OTEL_PROTOCOL_GRPC },
	                                   { "http/json", OTEL_PROTOCOL_HTTP_JSON },
	                                   { NULL, 0 } };
static const struct choice compressions[] = { { "none", false },
	                                      { "gzip", true },
	                                      { NULL, 0 } };
static const struct choice processors[] = { { "batch", OTEL_PROCESSOR_BATCH },
	                                    { "simple", OTEL_PROCESSOR_SIMPLE },
	                                    { NULL, 0 } };
static const struct choice samplers[] = {
	{ "parentbased_always_on", OTEL_SAMPLER_PARENTBASED_ALWAYS_ON },
	{ "parentbased_always_off", OTEL_SAMPLER_PARENTBASED_ALWAYS_OFF },
	{ "parentbased_traceidratio", OTEL_SAMPLER_PARENTBASED_TRACEIDRATIO },
	{ "always_on", OTEL_SAMPLER_ALWAYS_ON },
	{ "always_off", OTEL_SAMPLER_ALWAYS_OFF },
	{ "traceidratio", OTEL_SAMPLER_TRACEIDRATIO },
	{ NULL, 0 }
};
static const struct choice temporalities[] = {
	{ "cumulative", OTEL_TEMPORALITY_CUMULATIVE },
	{ "delta", OTEL_TEMPORALITY_DELTA },
	{ "lowmemory", OTEL_TEMPORALITY_LOWMEMORY },
	{ NULL, 0 }
};

static int
choose(const struct variable *var, const struct choice *choices, const char *value,
       int *out, struct otel_error *err)
{
	char names[200] = "";

	for (const struct choice *c = choices; c->name; c++) {
		if (strcasecmp(c->name, value) == 0) {
			*out = c->value;
			return 0;
		}
		if (*names)
			strncat(names, c[1].name ? ", " : " or ",
			        sizeof names - strlen(names) - 1);
		strncat(names, c->name, sizeof names - strlen(names) - 1);
	}
	return mistake(err, var, value, names);
}

#define SIGNAL_CHOICE(function, choices, type, lvalue)                              \
	static int function(struct otel_config *config, const struct variable *var, \
	                    const char *value, struct otel_error *err)              \
	{                                                                           \
		int chosen, r = choose(var, choices, value, &chosen, err);          \
                                                                                    \
		if (r < 0)                                                          \
			return r;                                                   \
		FOR_SIGNALS(var, i)                                                 \
		config->signal[i].lvalue = (type)chosen;                            \
		return 0;                                                           \
	}
SIGNAL_CHOICE(set_exporter, exporters, int, exporter)
SIGNAL_CHOICE(set_protocol, protocols, int, otlp.protocol)
SIGNAL_CHOICE(set_compression, compressions, bool, otlp.gzip)
SIGNAL_CHOICE(set_processor, processors, int, processor)

static int
set_sampler(struct otel_config *config, const struct variable *var, const char *value,
            struct otel_error *err)
{
	return choose(var, samplers, value, &config->sampler.kind, err);
}

static int
set_temporality(struct otel_config *config, const struct variable *var, const char *value,
                struct otel_error *err)
{
	return choose(var, temporalities, value, &config->temporality, err);
}

static int
set_ratio(struct otel_config *config, const struct variable *var, const char *value,
          struct otel_error *err)
{
	locale_t c = newlocale(LC_NUMERIC_MASK, "C",
	                       (locale_t)0); /* a point is a point everywhere */
	char *end;
	double ratio;

	if (!c)
		return -ENOMEM;
	ratio = strtod_l(value, &end, c);
	freelocale(c);
	if (end == value || *end || !isfinite(ratio) || ratio < 0 || ratio > 1)
		return mistake(err, var, value, "a ratio from 0 to 1");
	config->sampler.ratio = ratio;
	return 0;
}

/* ---- limits, of which the general ones set those of spans and of log records ---- */

static int
set_attribute_count(struct otel_config *config, const struct variable *var,
                    const char *value, struct otel_error *err)
{
	int r = parse_number(var, value, &config->limits.attribute_count, err);

	if (r == 0)
		config->limits.log_attribute_count = config->limits.attribute_count;
	return r;
}

static int
set_attribute_length(struct otel_config *config, const struct variable *var,
                     const char *value, struct otel_error *err)
{
	int r = parse_number(var, value, &config->limits.attribute_value_length, err);

	if (r == 0)
		config->limits.log_attribute_value_length =
			config->limits.attribute_value_length;
	return r;
}

/* ---- known, of which only the default is available ---- */

static int
set_histogram_aggregation(struct otel_config *config, const struct variable *var,
                          const char *value, struct otel_error *err)
{
	if (strcasecmp(value, "explicit_bucket_histogram") == 0)
		return 0;
	return mistake(err, var, value,
	               "explicit_bucket_histogram, the only one that there is");
}

static int
set_exemplar_filter(struct otel_config *config, const struct variable *var,
                    const char *value, struct otel_error *err)
{
	static const char *const filters[] = { "trace_based", "always_on", "always_off" };

	for (int i = 0; i < 3; i++)
		if (strcasecmp(value, filters[i]) == 0) {
			config->exemplar_filter = i; /* in the order of the enumeration */
			return 0;
		}
	return mistake(err, var, value, "trace_based, always_on or always_off");
}

static int
set_config_file(struct otel_config *config, const struct variable *var, const char *value,
                struct otel_error *err)
{
	return otel_error_set(
		err, -EINVAL,
		"%s: configuration files are not read; the other variables apply",
		var->name);
}

/* ---- the table ---- */

#define CONFIG(member_) offsetof(struct otel_config, member_)
#define SIGNAL(member_) offsetof(struct otel_signal_config, member_)
#define TEXT(member_)   sizeof(((struct otel_signal_config *)NULL)->member_)

/* One setting of the OTLP exporter: for all signals, then for each. */
#define OTLP_ALL(suffix, set_, member_, size_)                                          \
	{                                                                               \
		"OTEL_EXPORTER_OTLP_" suffix, set_, SIGNAL(otlp.member_), ALL, 0, size_ \
	}
#define OTLP_ONE(prefix, suffix, signal_, set_, member_, size_)                  \
	{                                                                        \
		"OTEL_EXPORTER_OTLP_" prefix suffix, set_, SIGNAL(otlp.member_), \
			signal_, 0, size_                                        \
	}
#define OTLP_EACH(suffix, set_, member_, size_)                                          \
	OTLP_ONE("TRACES_", suffix, OTEL_SIGNAL_TRACES, set_, member_, size_),           \
		OTLP_ONE("METRICS_", suffix, OTEL_SIGNAL_METRICS, set_, member_, size_), \
		OTLP_ONE("LOGS_", suffix, OTEL_SIGNAL_LOGS, set_, member_, size_)
#define OTLP(suffix, set_, member_, size_) \
	OTLP_ALL(suffix, set_, member_, size_), OTLP_EACH(suffix, set_, member_, size_)
#define BATCH(prefix, signal_)                                                         \
	{ prefix "_SCHEDULE_DELAY",                                                    \
	  set_signal_number,                                                           \
	  SIGNAL(schedule_delay_ms),                                                   \
	  signal_,                                                                     \
	  0,                                                                           \
	  0 },                                                                         \
		{ prefix "_EXPORT_TIMEOUT",                                            \
		  set_signal_number,                                                   \
		  SIGNAL(export_timeout_ms),                                           \
		  signal_,                                                             \
		  0,                                                                   \
		  0 },                                                                 \
		{ prefix "_MAX_QUEUE_SIZE",                                            \
		  set_signal_number,                                                   \
		  SIGNAL(max_queue),                                                   \
		  signal_,                                                             \
		  1,                                                                   \
		  OTELP_MAX_QUEUE },                                                   \
	{                                                                              \
		prefix "_MAX_EXPORT_BATCH_SIZE", set_signal_number, SIGNAL(max_batch), \
			signal_, 1, 0                                                  \
	}

static const struct variable variables[] = {
	{ "OTEL_CONFIG_FILE", set_config_file, 0, 0, 0, 0 },
	{ "OTEL_SDK_DISABLED", set_bool, CONFIG(disabled), 0, 0, 0 },

	{ "OTEL_TRACES_EXPORTER", set_exporter, 0, OTEL_SIGNAL_TRACES, 0, 0 },
	{ "OTEL_METRICS_EXPORTER", set_exporter, 0, OTEL_SIGNAL_METRICS, 0, 0 },
	{ "OTEL_LOGS_EXPORTER", set_exporter, 0, OTEL_SIGNAL_LOGS, 0, 0 },
	{ "OTEL_C_TRACES_PROCESSOR", set_processor, 0, OTEL_SIGNAL_TRACES, 0, 0 },
	{ "OTEL_C_LOGS_PROCESSOR", set_processor, 0, OTEL_SIGNAL_LOGS, 0, 0 },

	OTLP("PROTOCOL", set_protocol, protocol, 0),
	OTLP("ENDPOINT", set_endpoint, endpoint, TEXT(otlp.endpoint)),
	OTLP("HEADERS", set_headers, headers, TEXT(otlp.headers)),
	OTLP("CERTIFICATE", set_signal_text, certificate, TEXT(otlp.certificate)),
	OTLP("CLIENT_KEY", set_signal_text, client_key, TEXT(otlp.client_key)),
	OTLP("CLIENT_CERTIFICATE", set_signal_text, client_certificate,
	     TEXT(otlp.client_certificate)),
	OTLP_ALL("INSECURE", set_signal_bool, insecure, 0),
	OTLP_ONE("SPAN_", "INSECURE", OTEL_SIGNAL_TRACES, set_signal_bool, insecure,
	         0), /* obsolete */
	OTLP_ONE("METRIC_", "INSECURE", OTEL_SIGNAL_METRICS, set_signal_bool, insecure,
	         0),
	OTLP_EACH("INSECURE", set_signal_bool, insecure, 0),
	OTLP("COMPRESSION", set_compression, gzip, 0),
	OTLP("TIMEOUT", set_signal_number, timeout_ms, 0),

	BATCH("OTEL_BSP", OTEL_SIGNAL_TRACES),
	BATCH("OTEL_BLRP", OTEL_SIGNAL_LOGS),

	{ "OTEL_TRACES_SAMPLER", set_sampler, 0, 0, 0, 0 },
	{ "OTEL_TRACES_SAMPLER_ARG", set_ratio, 0, 0, 0, 0 },

	{ "OTEL_ATTRIBUTE_COUNT_LIMIT", set_attribute_count, 0, 0, 0, 0 },
	{ "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", set_attribute_length, 0, 0, 0, 0 },
	{ "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", set_number, CONFIG(limits.attribute_count),
	  0, 0, 0 },
	{ "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", set_number,
	  CONFIG(limits.attribute_value_length), 0, 0, 0 },
	{ "OTEL_SPAN_EVENT_COUNT_LIMIT", set_number, CONFIG(limits.span_events), 0, 0,
	  0 },
	{ "OTEL_SPAN_LINK_COUNT_LIMIT", set_number, CONFIG(limits.span_links), 0, 0, 0 },
	{ "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", set_number, CONFIG(limits.event_attributes),
	  0, 0, 0 },
	{ "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", set_number, CONFIG(limits.link_attributes),
	  0, 0, 0 },
	{ "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", set_number,
	  CONFIG(limits.log_attribute_count), 0, 0, 0 },
	{ "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", set_number,
	  CONFIG(limits.log_attribute_value_length), 0, 0, 0 },

	{ "OTEL_METRIC_EXPORT_INTERVAL", set_number, CONFIG(metric_interval_ms), 0, 1,
	  0 },
	{ "OTEL_METRIC_EXPORT_TIMEOUT", set_number, CONFIG(metric_timeout_ms), 0, 0, 0 },
	{ "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", set_temporality, 0, 0, 0,
	  0 },
	{ "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
	  set_histogram_aggregation, 0, 0, 0, 0 },
	{ "OTEL_METRICS_EXEMPLAR_FILTER", set_exemplar_filter, 0, 0, 0, 0 },
};

#define N_VARIABLES (sizeof variables / sizeof *variables)

void
otel_config_init(struct otel_config *config)
{
	memset(config, 0, sizeof *config);
	for (int i = 0; i < OTEL_N_SIGNALS; i++) {
		struct otel_signal_config *signal = &config->signal[i];

		signal->exporter = OTEL_EXPORTER_OTLP;
		signal->otlp.protocol = OTEL_PROTOCOL_HTTP_PROTOBUF;
		signal->otlp.timeout_ms = 10000;
		signal->processor = OTEL_PROCESSOR_BATCH;
		signal->schedule_delay_ms = i == OTEL_SIGNAL_LOGS ? 1000 : 5000;
		signal->export_timeout_ms = 30000;
		signal->max_queue = 2048;
		signal->max_batch = 512;
	}
	config->sampler.kind = OTEL_SAMPLER_PARENTBASED_ALWAYS_ON;
	config->sampler.ratio = 1.0;
	config->limits = (struct otel_limits){
		.attribute_count = 128,
		.attribute_value_length = -1,
		.span_events = 128,
		.span_links = 128,
		.event_attributes = 128,
		.link_attributes = 128,
		.log_attribute_count = 128,
		.log_attribute_value_length = -1,
	};
	config->metric_interval_ms = 60000;
	config->metric_timeout_ms = 30000;
	config->temporality = OTEL_TEMPORALITY_CUMULATIVE;
	config->cardinality_limit = 2000;
	config->exemplar_filter = OTEL_EXEMPLAR_FILTER_TRACE_BASED;
}

/* Applies a value without the white space around it; an empty one means that there is none. */
static int
apply(struct otel_config *config, const struct variable *var, const char *value,
      struct otel_error *err)
{
	char text[2048];
	size_t len;

	while (isspace((unsigned char)*value))
		value++;
	len = strlen(value);
	while (len && isspace((unsigned char)value[len - 1]))
		len--;
	if (!len)
		return 0;
	if (len >= sizeof text)
		return otel_error_set(err, -EINVAL, "%s: %zu bytes are too many",
		                      var->name, len);
	memcpy(text, value, len);
	text[len] = '\0';
	return var->set(config, var, text, err);
}

int
otel_config_set(struct otel_config *config, const char *variable, const char *value,
                struct otel_error *err)
{
	for (size_t i = 0; i < N_VARIABLES; i++)
		if (strcmp(variables[i].name, variable) == 0)
			return apply(config, &variables[i], value, err);
	return OTEL_CONFIG_UNKNOWN;
}

void
otel_config_from_env(struct otel_config *config)
{
	for (size_t i = 0; i < N_VARIABLES; i++) {
		struct otel_error err = OTEL_ERROR_INIT;
		const char *value = getenv(variables[i].name);

		if (value && apply(config, &variables[i], value, &err) < 0)
			otelp_diag(OTEL_DIAG_WARN, "environment: %s", err.message);
	}
}
