/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a string: what is written is read again by decoders that refuse what is not UTF-8. */
#include <jansson.h>
#include <string.h>

#include "fuzz.h"
#include "otlp_priv.h"
#include "trace_service.pb-c.h"

#define Request Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest
#define unpack \
	opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack
#define release \
	opentelemetry__proto__collector__trace__v1__export_trace_service_request__free_unpacked

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct otel_scope_data scope = { .name = "",
		                                      .version = "",
		                                      .schema_url = "" };
	struct otel_attribute attributes[] = { OTEL_STRN("k", (const char *)data, size) };
	struct otel_span_data span = { .scope = &scope,
		                       .name = "n",
		                       .status_message = "",
		                       .attributes = attributes,
		                       .n_attributes = data ? 1 : 0 };
	const struct otel_span_data *spans[] = { &span };
	const struct otelp_items items = { spans, true, sizeof *spans, 1 };
	struct otelp_encoder encoder = { 0 };
	const uint8_t *bytes;
	Request *request;
	json_t *json;
	size_t len;

	FUZZ_CHECK(otelp_encode(&encoder, OTEL_SIGNAL_TRACES, &items) == 0);
	bytes = otelp_encoder_bytes(&encoder, &len);
	request = unpack(NULL, len, bytes);
	FUZZ_CHECK(request);
	if (span.n_attributes) {
		const char *text = request->resource_spans[0]
		                           ->scope_spans[0]
		                           ->spans[0]
		                           ->attributes[0]
		                           ->value->string_value;

		FUZZ_CHECK(otelp_utf8_valid(text, strlen(text)));
	}
	release(request, NULL);
	FUZZ_CHECK(otelp_encode_json(&encoder, OTEL_SIGNAL_TRACES, &items) == 0);
	bytes = otelp_encoder_bytes(&encoder, &len);
	json = json_loadb((const char *)bytes, len, JSON_ALLOW_NUL, NULL);
	FUZZ_CHECK(json);
	json_decref(json);
	otelp_encoder_fini(&encoder);
	return 0;
}
