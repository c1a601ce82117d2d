/* SPDX-License-Identifier: Apache-2.0 */
/* OTEL_RESOURCE_ATTRIBUTES: whatever is accepted has keys and values that end. */
#include <string.h>

#include "fuzz.h"
#include "resource_priv.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otel_resource *resource;
	const struct otel_attribute *attributes;
	char *text = malloc(size + 1);
	size_t n;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (otelp_resource_parse(text, &resource, NULL) == 0) {
		attributes = otel_resource_attributes(resource, &n);
		for (size_t i = 0; i < n; i++)
			FUZZ_CHECK(*attributes[i].key &&
			           attributes[i].value.len <= size &&
			           attributes[i].value.string[attributes[i].value.len] ==
			                   '\0');
		otel_resource_unref(resource);
	}
	free(text);
	return 0;
}
