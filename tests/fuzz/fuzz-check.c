/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check file: read, its mistakes found again in the text, judged over a small store, and explained. What
 * is read must be judged, and whatever is said about it must be one line of text.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check-judge.h"
#include "check-miss.h"
#include "check-place.h"
#include "fuzz.h"
#include "otlp-json.h"
#include "otlp.h"

static const struct {
	int signal;
	const ProtobufCMessageDescriptor *descriptor;
	const char *json;
} arrivals[] = {
	{ STORE_SPANS, &otlp_traces_descriptor,
	  "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":"
	  "\"gateway\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"lib\"},\"spans\":["
	  "{\"traceId\":\"0000000000000000000000000000000a\",\"spanId\":\"0000000000000001\",\"name\":\"GET /\",\"kind\":2,"
	  "\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":\"9\",\"attributes\":[{\"key\":\"http.status_code\",\"value\":"
	  "{\"intValue\":\"200\"}},{\"key\":\"list\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"a\"}]}}}]},"
	  "{\"traceId\":\"0000000000000000000000000000000a\",\"spanId\":\"0000000000000002\",\"parentSpanId\":"
	  "\"0000000000000001\",\"name\":\"ask\",\"kind\":3,\"startTimeUnixNano\":\"2\",\"endTimeUnixNano\":\"5\",\"status\":"
	  "{\"code\":2,\"message\":\"no\"},\"events\":[{\"name\":\"exception\"}]},"
	  "{\"traceId\":\"0000000000000000000000000000000b\",\"spanId\":\"0000000000000003\",\"parentSpanId\":"
	  "\"0000000000000009\",\"name\":\"lost\",\"startTimeUnixNano\":\"2\",\"endTimeUnixNano\":\"5\"}]}]}]}" },
	{ STORE_LOGS, &otlp_logs_descriptor,
	  "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"iss\"}}]},"
	  "\"scopeLogs\":[{\"logRecords\":[{\"severityNumber\":9,\"body\":{\"stringValue\":\"a line\\nand more\"},\"traceId\":"
	  "\"0000000000000000000000000000000a\",\"spanId\":\"0000000000000002\"},{\"severityNumber\":99}]}]}]}" },
	{ STORE_METRICS, &otlp_metrics_descriptor,
	  "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"requests\",\"unit\":\"1\",\"sum\":"
	  "{\"aggregationTemporality\":2,\"isMonotonic\":true,\"dataPoints\":[{\"timeUnixNano\":\"5\",\"asInt\":\"7\"}]}},"
	  "{\"name\":\"duration\",\"unit\":\"s\",\"histogram\":{\"aggregationTemporality\":1,\"dataPoints\":[{\"count\":\"2\","
	  "\"sum\":3.5,\"explicitBounds\":[1,2],\"bucketCounts\":[\"1\",\"1\",\"0\"]}]}}]}]}]}" },
};

static struct store *
make_store(void)
{
	struct store *store = store_new(1 << 20);

	for (size_t i = 0; i < sizeof arrivals / sizeof *arrivals; i++) {
		struct otel_error err = OTEL_ERROR_INIT;
		ProtobufCMessage *message = NULL;
		json_t *json = json_loads(arrivals[i].json, 0, NULL);
		uint64_t rejected;

		FUZZ_CHECK(otlp_json_read(arrivals[i].descriptor, json, &message, &err) ==
		           0);
		FUZZ_CHECK(store_add(store, arrivals[i].signal, message, 5000, &rejected,
		                     &err) > 0);
		protobuf_c_message_free_unpacked(message, NULL);
		json_decref(json);
	}
	return store;
}

static void
explain(struct check_judge *judge, size_t i)
{
	struct buf miss = { 0 };

	FUZZ_CHECK(check_miss_write(judge, i, &miss) == 0);
	FUZZ_CHECK(miss.len > 0 && !strchr(miss.data, '\n'));
	buf_fini(&miss);
}

static void
judge(const struct store *store, const struct check_file *file)
{
	struct check_judge judge;
	int ms;

	FUZZ_CHECK(check_judge_init(&judge, file, store, 0, 6) == 0);
	FUZZ_CHECK(check_judge_evaluate(&judge, 0) == 0);
	(void)check_judge_is_decided(&judge, 1000, &ms);
	(void)check_judge_is_behind(&judge, 6, 7);
	for (size_t i = 0; i < file->n; i++)
		explain(&judge, i); /* of what holds, too: it must not crash */
	check_judge_fini(&judge);
}

static void
find_mistakes(const char *text, const json_t *mistakes)
{
	json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *mistake;
	size_t i;

	FUZZ_CHECK(json_array_size(mistakes) > 0);
	json_array_foreach(mistakes, i, mistake)
	{
		int line = 0, column = 0;

		if (parsed)
			FUZZ_CHECK(check_place(text,
			                       json_string_value(
						       json_object_get(mistake, "path")),
			                       &line, &column) &&
			           line > 0 && column > 0);
	}
	json_decref(parsed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct store *store;
	char *text = malloc(size + 1);
	struct check_file *file = NULL;
	json_t *mistakes = NULL;
	int r;

	if (!store)
		store = make_store();
	memcpy(text, data, size);
	text[size] = '\0';
	r = check_file_read(text, size, &file, &mistakes);
	FUZZ_CHECK(r == 0 || r == -EINVAL);
	if (r == 0) {
		judge(store, file);
		check_file_free(file);
	} else {
		find_mistakes(text, mistakes);
		json_decref(mistakes);
	}
	free(text);
	return 0;
}
