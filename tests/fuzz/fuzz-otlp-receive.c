/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the station does with a body of OTLP/HTTP protobuf: guard, unpack, store, JSON out, and that JSON
 * in again. The first byte chooses the signal.
 */
#include <jansson.h>
#include <string.h>

#include "fuzz.h"
#include "otlp-guard.h"
#include "otlp-json.h"
#include "otlp.h"
#include "query.h"
#include "store.h"

static const ProtobufCMessageDescriptor *const descriptors[] = {
	&otlp_traces_descriptor, &otlp_logs_descriptor, &otlp_metrics_descriptor
};

static void
show(const struct store *store, int signal)
{
	const struct store_item *items[256];
	struct otel_error err = OTEL_ERROR_INIT;
	struct buf buf = { 0 };
	ProtobufCMessage *again = NULL;
	struct store_item *item;
	json_t *json;
	size_t n = 0;

	TAILQ_FOREACH (item, store_items(store, signal), all)
		if (n < 256)
			items[n++] = item;
	query_write(&buf, signal, items, n);
	FUZZ_CHECK(!buf.failed);
	/* Whatever came in, what goes out is JSON, and OTLP. jansson alone refuses NUL in keys and deep nesting. */
	json = json_loadb(buf.data, buf.len, JSON_ALLOW_NUL, NULL);
	FUZZ_CHECK(json != NULL);
	FUZZ_CHECK(otlp_json_read(descriptors[signal], json, &again, &err) == 0);
	protobuf_c_message_free_unpacked(again, NULL);
	json_decref(json);
	buf_fini(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int signal = size ? data[0] % STORE_N_SIGNALS : 0;
	struct otel_error err = OTEL_ERROR_INIT;
	struct store_stats stats;
	ProtobufCMessage *message;
	struct store *store;
	uint64_t rejected;
	long taken;

	if (!size ||
	    otlp_guard_protobuf(descriptors[signal], data + 1, size - 1, &err) < 0)
		return 0;
	message = protobuf_c_message_unpack(descriptors[signal], NULL, size - 1,
	                                    data + 1);
	if (!message)
		return 0;
	store = store_new(1 << 20);
	taken = store_add(store, signal, message, 5000, &rejected, &err);
	FUZZ_CHECK(taken >= 0);
	FUZZ_CHECK((rejected != 0) == (err.message[0] != '\0'));
	store_get_stats(store, &stats);
	FUZZ_CHECK(stats.received[signal] == (uint64_t)taken);
	show(store, signal);
	store_clear(store);
	store_get_stats(store, &stats);
	FUZZ_CHECK(stats.bytes == 0);
	store_free(store);
	protobuf_c_message_free_unpacked(message, NULL);
	return 0;
}
