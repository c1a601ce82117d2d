/* SPDX-License-Identifier: Apache-2.0 */
#include "conf-keys.h"

#define HOST(field)   offsetof(struct host_conf, field)
#define PLUGIN(field) offsetof(struct host_plugin, field)

/* clang-format off */
const struct conf_key conf_host_keys[] = {
	{ "workers",         CONF_SMALL,   HOST(workers),            NULL,             1, 256 },
	{ "runtime_dir",     SVC_PATH,     HOST(runtime_dir),        NULL },
	{ "plugin_dir",      SVC_PATH,     HOST(plugin_dir),         NULL },
	{ "data_dir",        SVC_PATH,     HOST(data_dir),           NULL },
	{ "admin",           CONF_LISTEN,  HOST(admin),              "127.0.0.1:5090" },
	{ "user",            SVC_STRING,   HOST(user),               "" },
	{ "grace",           SVC_DURATION, HOST(grace_ms),           "10s",            0, 3600000 },
	{ "start_timeout",   SVC_DURATION, HOST(start_timeout_ms),   "10s",            100, 3600000 },
	{ "stall_report",    SVC_DURATION, HOST(stall_report_ms),    "100ms",          10, 3600000 },
	{ "stall_kill",      SVC_DURATION, HOST(stall_kill_ms),      "5s",             0, 3600000 },
	{ "max_connections", SVC_INT,      HOST(max_connections),    "10000",          1, 10000000 },
	{ "max_requests",    SVC_INT,      HOST(max_requests),       "1000",           1, 1000000 },
	{ "max_body",        SVC_SIZE,     HOST(max_body),           "1M",             0, INT64_C(1) << 40 },
	{ "max_head",        SVC_SIZE,     HOST(max_head),           "16k",            1024, 1 << 20 },
	{ "head_timeout",    SVC_DURATION, HOST(head_timeout_ms),    "10s",            1, 3600000 },
	{ "idle_timeout",    SVC_DURATION, HOST(idle_timeout_ms),    "75s",            1, 86400000 },
	{ "request_timeout", SVC_DURATION, HOST(request_timeout_ms), "30s",            1, 86400000 },
	{ "fiber_stack",     SVC_SIZE,     HOST(fiber_stack),        "256k",           65536, 64 << 20 },
	{ "offload_threads", SVC_INT,      HOST(offload_threads),    "4",              1, 1024 },
	{ "log_level",       CONF_LEVEL,   HOST(log_level),          "info" },
	{ "log_format",      CONF_FORMAT,  HOST(log_format),         "text" },
	{ NULL },
};

const struct conf_key conf_plugin_keys[] = {
	{ "enabled",         CONF_FLAG,    PLUGIN(enabled),            "yes" },
	{ "path",            SVC_PATH,     PLUGIN(path),               NULL },
	{ "process",         CONF_NAME,    PLUGIN(process),            "main" },
	{ "instrument",      CONF_FLAG,    PLUGIN(instrument),         NULL },
	{ "untraced",        CONF_PATHS,   PLUGIN(untraced),           "" },
	{ "listen",          CONF_LISTEN,  PLUGIN(listen),             "" },
	{ "max_body",        SVC_SIZE,     PLUGIN(max_body),           NULL, 0, INT64_C(1) << 40 },
	{ "max_requests",    SVC_INT,      PLUGIN(max_requests),       NULL, 1, 1000000 },
	{ "request_timeout", SVC_DURATION, PLUGIN(request_timeout_ms), NULL, 1, 86400000 },
	{ NULL },
};

#define EXPORTERS "otlp|console|none"

const struct conf_telemetry_key conf_telemetry_keys[HOST_N_T] = {
	[HOST_T_ENDPOINT]           = { "endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", SVC_URL },
	[HOST_T_PROTOCOL]           = { "protocol", "OTEL_EXPORTER_OTLP_PROTOCOL", CONF_CHOICE, "grpc|http/protobuf|http/json" },
	[HOST_T_HEADERS]            = { "headers", "OTEL_EXPORTER_OTLP_HEADERS", SVC_STRING },
	[HOST_T_TIMEOUT]            = { "timeout", "OTEL_EXPORTER_OTLP_TIMEOUT", SVC_DURATION },
	[HOST_T_COMPRESSION]        = { "compression", "OTEL_EXPORTER_OTLP_COMPRESSION", CONF_CHOICE, "gzip|none" },
	[HOST_T_CERTIFICATE]        = { "certificate", "OTEL_EXPORTER_OTLP_CERTIFICATE", SVC_PATH },
	[HOST_T_CLIENT_CERTIFICATE] = { "client_certificate", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", SVC_PATH },
	[HOST_T_CLIENT_KEY]         = { "client_key", "OTEL_EXPORTER_OTLP_CLIENT_KEY", SVC_PATH },
	[HOST_T_TRACES]             = { "traces", "OTEL_TRACES_EXPORTER", CONF_CHOICE, EXPORTERS },
	[HOST_T_METRICS]            = { "metrics", "OTEL_METRICS_EXPORTER", CONF_CHOICE, EXPORTERS },
	[HOST_T_LOGS]               = { "logs", "OTEL_LOGS_EXPORTER", CONF_CHOICE, EXPORTERS },
	[HOST_T_TRACES_PROCESSOR]   = { "traces.processor", NULL, CONF_CHOICE, "batch|simple" },
	[HOST_T_LOGS_PROCESSOR]     = { "logs.processor", NULL, CONF_CHOICE, "batch|simple" },
	[HOST_T_TRACES_DELAY]       = { "traces.delay", "OTEL_BSP_SCHEDULE_DELAY", SVC_DURATION },
	[HOST_T_LOGS_DELAY]         = { "logs.delay", "OTEL_BLRP_SCHEDULE_DELAY", SVC_DURATION },
	[HOST_T_TRACES_SAMPLER]     = { "traces.sampler", "OTEL_TRACES_SAMPLER", CONF_CHOICE,
		"always_on|always_off|traceidratio|parentbased_always_on|parentbased_always_off|parentbased_traceidratio" },
	[HOST_T_TRACES_SAMPLER_ARG] = { "traces.sampler_arg", "OTEL_TRACES_SAMPLER_ARG", SVC_NUMBER },
	[HOST_T_METRICS_INTERVAL]   = { "metrics.interval", "OTEL_METRIC_EXPORT_INTERVAL", SVC_DURATION },
	[HOST_T_METRICS_TEMPORALITY] = { "metrics.temporality",
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", CONF_CHOICE, "cumulative|delta|lowmemory" },
	[HOST_T_PROPAGATORS]        = { "propagators", "OTEL_PROPAGATORS", SVC_STRING, NULL, true },
	[HOST_T_DISABLED]           = { "disabled", "OTEL_SDK_DISABLED", SVC_BOOL, NULL, true },
};
/* clang-format on */

const char *
host_telemetry_variable(enum host_telemetry_key key)
{
	return conf_telemetry_keys[key].variable;
}
