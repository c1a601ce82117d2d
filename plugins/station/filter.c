/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "otlp-json.h"
#include "otlp.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX     100000
#define DAY_NS        (UINT64_C(86400) * 1000000000)

uint64_t
station_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool
query_id(const char *text, uint8_t *id, size_t len)
{
	if (strlen(text) != 2 * len || strspn(text, "0123456789abcdefABCDEF") != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };

		id[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return true;
}

int
query_since(const char *text, uint64_t now_unix_ns, uint64_t *unix_ns)
{
	double number, back;
	char *unit;

	errno = 0;
	number = strtod(text, &unit);
	if (unit == text || errno || number < 0 || !(number < 1e19))
		return -EINVAL;
	if (!*unit) { /* seconds, milliseconds or nanoseconds, told apart by their size */
		*unix_ns = number < 1e11   ? (uint64_t)(number * 1e9)
		           : number < 1e15 ? (uint64_t)(number * 1e6)
		                           : strtoull(text, NULL, 10);
		return 0;
	}
	if (!strcmp(unit, "ms"))
		back = number * 1e6;
	else if (!strcmp(unit, "s"))
		back = number * 1e9;
	else if (!strcmp(unit, "m"))
		back = number * 60e9;
	else if (!strcmp(unit, "h"))
		back = number * 3600e9;
	else
		return -EINVAL;
	*unix_ns = back < (double)now_unix_ns ? now_unix_ns - (uint64_t)back : 0;
	return 0;
}

/* A number from 0 to 24, or the name of a range as people say it. */
static bool
severity_read(const char *text, unsigned *out)
{
	static const char *const names[] = { "trace", "debug", "info",
		                             "warn",  "error", "fatal" };
	unsigned long number;
	char *end;

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcasecmp(text, names[i])) {
			*out = 4 * i + 1;
			return true;
		}
	number = strtoul(text, &end, 10);
	*out = (unsigned)number;
	return *text && !*end && number <= 24;
}

const char *
filter_read(struct svc_request *req, struct filter *f)
{
	const char *text;
	char *end;

	f->limit = LIMIT_DEFAULT;
	f->service = svc_query(req, "service");
	f->name = svc_query(req, "name");
	f->text = svc_query(req, "q");
	text = svc_query(req, "severity");
	if (text && !severity_read(text, &f->min_severity))
		return "severity: expected a severity number from 0 to 24, or debug, info, warn or error\n";
	text = svc_query(req, "trace_id");
	f->has_trace = text != NULL;
	if (text && !query_id(text, f->trace_id, 16))
		return "trace_id: expected 32 hexadecimal digits\n";
	text = svc_query(req, "span_id");
	f->has_span = text != NULL;
	if (text && !query_id(text, f->span_id, 8))
		return "span_id: expected 16 hexadecimal digits\n";
	text = svc_query(req, "since");
	if (text && query_since(text, station_now(), &f->since) < 0)
		return "since: expected a duration such as 90s, 5m or 1h, or a Unix time\n";
	text = svc_query(req, "limit");
	if (text) {
		f->limit = strtoul(text, &end, 10);
		if (!*text || *end || !f->limit || f->limit > LIMIT_MAX)
			return "limit: expected a number from 1 to 100000\n";
	}
	text = svc_query(req, "max_series");
	if (text) {
		f->max_series = strtoul(text, &end, 10);
		if (!*text || *end || !f->max_series)
			return "max_series: expected a number of 1 or more\n";
	}
	text = svc_query(req, "every");
	if (text) { /* as a time before the end of time, which a Unix time is not */
		if (query_since(text, UINT64_MAX, &f->every_ns) < 0)
			f->every_ns = 0;
		f->every_ns = UINT64_MAX - f->every_ns;
		if (!f->every_ns || f->every_ns > DAY_NS)
			return "every: expected a duration such as 500ms or 5s\n";
	}
	text = svc_query(req, "follow");
	if (text && strcmp(text, "true") && strcmp(text, "false"))
		return "follow: expected true or false\n";
	f->follow = text && !strcmp(text, "true");
	return NULL;
}

/*
 * Whether the text is in a string of the message, whatever the case. Protobuf keeps strings as they are,
 * so its bytes are searched without unpacking them.
 */
static bool
has_text(const struct store_item *item, const char *text)
{
	const char *bytes = (const char *)item->bytes;
	int low = tolower((unsigned char)*text), high = toupper((unsigned char)*text);
	size_t n = strlen(text);

	for (size_t i = 0; n && i + n <= item->len; i++)
		if ((item->bytes[i] == low || item->bytes[i] == high) &&
		    !strncasecmp(bytes + i, text, n))
			return true;
	return !n;
}

static bool
value_is(const otlp_any *value, const char *text)
{
	struct buf json = { 0 };
	bool same;

	switch (value->value_case) {
	case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE:
		return !strcasecmp(value->string_value, text);
	case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BOOL_VALUE:
		return !strcasecmp(value->bool_value ? "true" : "false", text);
	case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE:
		buf_printf(&json, "%" PRId64, value->int_value);
		break;
	case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_DOUBLE_VALUE:
		buf_printf(&json, "%.15g", value->double_value);
		break;
	default:
		otlp_json_write(&json, &value->base);
		break;
	}
	same = !json.failed && json.data && !strcmp(json.data, text);
	buf_fini(&json);
	return same;
}

bool
filter_span_has(const struct store_item *item, const char *key, size_t key_len,
                const char *value)
{
	otlp_span *span;
	bool found = false;

	/* Most have no such key: that is seen in the bytes, without unpacking them. */
	if (!memmem(item->bytes, item->len, key, key_len))
		return false;
	span = (otlp_span *)protobuf_c_message_unpack(&otlp_span_descriptor, NULL,
	                                              item->len, item->bytes);
	for (size_t i = 0; span && i < span->n_attributes && !found; i++) {
		const otlp_key_value *kv = span->attributes[i];

		found = kv->value && strlen(kv->key) == key_len &&
		        !memcmp(kv->key, key, key_len) && value_is(kv->value, value);
	}
	if (span)
		protobuf_c_message_free_unpacked(&span->base, NULL);
	return found;
}

bool
filter_matches(const struct filter *f, const struct store_item *item)
{
	if (item->signal == STORE_LOGS && item->status < f->min_severity)
		return false;
	if (f->max_series && item->n_points > f->max_series)
		return false;
	if (item->arrived_unix_ns < f->since)
		return false;
	if (f->service && strcmp(item->owner->service->name, f->service) != 0)
		return false;
	if (f->name && strcmp(item->name, f->name) != 0)
		return false;
	if (f->has_trace &&
	    (!item->trace || memcmp(item->trace->id, f->trace_id, 16) != 0))
		return false;
	if (f->has_span && memcmp(item->span_id, f->span_id, 8) != 0)
		return false;
	return !f->text || has_text(item, f->text);
}
