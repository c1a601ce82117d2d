/* SPDX-License-Identifier: Apache-2.0 */
/* A host.conf. Mistakes are told by the line; what has none survives the way through JSON to a worker. */
#include <jansson.h>
#include <string.h>

#include "conf.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_problems problems = { NULL, 0 };
	struct host_conf *conf = host_conf_parse("f", (const char *)data, size,
	                                         &problems),
			 *copy = NULL;
	struct otel_error err = OTEL_ERROR_INIT;

	for (size_t i = 0; i < problems.n; i++)
		FUZZ_CHECK(strncmp(problems.lines[i], "f:", 2) == 0);
	if (!problems.n) {
		json_t *json = host_conf_to_json(conf), *again;

		FUZZ_CHECK(json && host_conf_from_json(json, &copy, &err) == 0);
		again = host_conf_to_json(copy);
		FUZZ_CHECK(json_equal(json, again));
		json_decref(json);
		json_decref(again);
		host_conf_free(copy);
	}
	host_problems_fini(&problems);
	host_conf_free(conf);
	return 0;
}
