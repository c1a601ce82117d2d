/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says what the rest is: an answer of a signal, as protobuf or JSON, a status, or base64 of one. */
#include <string.h>

#include "fuzz.h"
#include "otlp_priv.h"
#include "pipeline_priv.h"

static void
base64(const uint8_t *data, size_t size, struct otelp_otlp_answer *answer)
{
	char *text = otelp_malloc(size + 1);
	uint8_t *bytes;
	size_t len;

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	bytes = otelp_otlp_base64(text, &len);
	if (bytes) {
		FUZZ_CHECK(len <= size);
		otelp_otlp_status_parse(bytes, len, answer);
	}
	otelp_free(bytes);
	otelp_free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otelp_otlp_answer answer = { .retry_after_ms = -1 };
	unsigned what;

	if (!size)
		return 0;
	what = data[0] % 9;
	data++;
	size--;
	if (what < 6)
		otelp_otlp_answer_parse((int)what % OTEL_N_SIGNALS, what / OTEL_N_SIGNALS,
		                        data, size, &answer);
	else if (what == 6)
		otelp_otlp_status_parse(data, size, &answer);
	else if (what == 7)
		otelp_otlp_status_parse_json(data, size, &answer);
	else
		base64(data, size, &answer);
	FUZZ_CHECK(memchr(answer.message, '\0', sizeof answer.message));
	for (const char *c = answer.message; *c; c++)
		FUZZ_CHECK(*c >= ' ' && *c < 0x7f);
	FUZZ_CHECK(answer.retry_after_ms >= -1);
	return 0;
}
