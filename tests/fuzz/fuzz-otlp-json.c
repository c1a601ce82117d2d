/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the station does with a body of OTLP/HTTP JSON: guard, parse, read; what it took can be packed and
 * comes out as JSON that says the same. The first byte chooses the signal.
 */
#include <jansson.h>
#include <string.h>

#include "fuzz.h"
#include "otlp-guard.h"
#include "otlp-json.h"
#include "otlp.h"

static const ProtobufCMessageDescriptor *const descriptors[] = {
	&otlp_traces_descriptor, &otlp_logs_descriptor, &otlp_metrics_descriptor
};

/* The message as JSON, and that read again. */
static ProtobufCMessage *
around(const ProtobufCMessageDescriptor *descriptor, const ProtobufCMessage *message,
       struct buf *text)
{
	struct otel_error err = OTEL_ERROR_INIT;
	ProtobufCMessage *again = NULL;
	json_t *json;

	otlp_json_write(text, message);
	json = json_loadb(text->data, text->len, 0, NULL);
	FUZZ_CHECK(json != NULL);
	FUZZ_CHECK(otlp_json_read(descriptor, json, &again, &err) == 0);
	json_decref(json);
	return again;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMessageDescriptor *descriptor =
		descriptors[size ? data[0] % 3 : 0];
	struct otel_error err = OTEL_ERROR_INIT;
	ProtobufCMessage *message = NULL, *second, *third;
	struct buf a = { 0 }, b = { 0 };
	json_t *json;
	int r;

	if (!size || otlp_guard_json((const char *)data + 1, size - 1, &err) < 0)
		return 0;
	json = json_loadb((const char *)data + 1, size - 1, 0, NULL);
	if (!json)
		return 0;
	r = otlp_json_read(descriptor, json, &message, &err);
	json_decref(json);
	if (r < 0) {
		FUZZ_CHECK(err.message[0] != '\0');
		return 0;
	}
	second = around(descriptor, message, &a);
	third = around(descriptor, second, &b);
	FUZZ_CHECK(!strcmp(a.data, b.data));
	protobuf_c_message_free_unpacked(message, NULL);
	protobuf_c_message_free_unpacked(second, NULL);
	protobuf_c_message_free_unpacked(third, NULL);
	buf_fini(&a);
	buf_fini(&b);
	return 0;
}
