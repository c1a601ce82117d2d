/* SPDX-License-Identifier: Apache-2.0 */
/* A line of headers, then an endpoint. What is accepted is fit for HTTP. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "otlp_priv.h"

static int
see(const char *name, const char *value, void *userdata)
{
	FUZZ_CHECK(*name && !strpbrk(name, " \t\r\n:\"(),/;<=>?@[\\]{}"));
	FUZZ_CHECK(!strpbrk(value, "\r\n"));
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otel_otlp_config config = { .headers = "" };
	const char *text = (const char *)data;
	size_t line = size && memchr(data, '\n', size)
	                      ? (size_t)((const uint8_t *)memchr(data, '\n', size) - data)
	                      : size;
	char url[700];
	bool loopback;

	if (line >= sizeof config.headers || size - line > sizeof config.endpoint)
		return 0;
	memcpy(config.headers, text, line);
	otelp_otlp_headers_each(config.headers, see, NULL, NULL);
	if (line < size)
		memcpy(config.endpoint, text + line + 1, size - line - 1);
	for (int protocol = OTEL_PROTOCOL_HTTP_PROTOBUF; protocol <= OTEL_PROTOCOL_GRPC;
	     protocol++) {
		config.protocol = protocol;
		config.endpoint_is_signal = line & 1;
		if (otelp_otlp_url(&config, OTEL_SIGNAL_LOGS, url, sizeof url, &loopback,
		                   NULL) == 0)
			FUZZ_CHECK(strncasecmp(url, "http", 4) == 0 &&
			           !strpbrk(url, "\r\n"));
	}
	return 0;
}
