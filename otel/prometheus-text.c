/* SPDX-License-Identifier: Apache-2.0 */
/* Names, units and values as Prometheus writes them. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline_priv.h"
#include "prometheus_priv.h"

void
otelp_text_add(struct otelp_text_buf *buf, const char *bytes, size_t len)
{
	size_t size = buf->size ? buf->size : 256;
	char *grown;

	if (buf->failed)
		return;
	while (size - buf->len < len)
		size *= 2;
	if (size != buf->size) {
		grown = otelp_realloc(buf->bytes, size);
		if (!grown) {
			buf->failed = true;
			return;
		}
		buf->bytes = grown;
		buf->size = size;
	}
	if (len)
		memcpy(buf->bytes + buf->len, bytes, len);
	buf->len += len;
}

void
otelp_text_free(struct otelp_text_buf *buf)
{
	otelp_free(buf->bytes);
	memset(buf, 0, sizeof *buf);
}

void
otelp_text_puts(struct otelp_text_buf *buf, const char *text)
{
	otelp_text_add(buf, text, strlen(text));
}

void
otelp_text_putc(struct otelp_text_buf *buf, char c)
{
	otelp_text_add(buf, &c, 1);
}

void
otelp_text_int(struct otelp_text_buf *buf, int64_t value)
{
	char digits[24];

	otelp_text_add(buf, digits,
	               (size_t)snprintf(digits, sizeof digits, "%" PRId64, value));
}

void
otelp_text_unsigned(struct otelp_text_buf *buf, uint64_t value)
{
	char digits[24];

	otelp_text_add(buf, digits,
	               (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value));
}

void
otelp_text_double(struct otelp_text_buf *buf, double value, bool point)
{
	char digits[40];

	if (isnan(value)) {
		otelp_text_puts(buf, "NaN");
		return;
	}
	if (isinf(value)) {
		otelp_text_puts(buf, value > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof digits, "%.*g", precision, value);
		if (strtod(digits, NULL) == value)
			break;
	}
	for (char *p = digits; *p; p++)
		if (*p == ',')
			*p = '.';
	otelp_text_puts(buf, digits);
	if (point && !strpbrk(digits, ".e"))
		otelp_text_puts(buf, ".0");
}

/* Bytes of the UTF-8 sequence that `text` begins with; 0 when there is none. */
static size_t
sequence(const unsigned char *text, size_t len)
{
	unsigned char c = text[0], low = 0x80, high = 0xbf;
	size_t n = c < 0x80                ? 1
	           : c >= 0xc2 && c < 0xe0 ? 2
	           : (c & 0xf0) == 0xe0    ? 3
	           : c >= 0xf0 && c < 0xf5 ? 4
	                                   : 0;

	if (!n || n > len)
		return 0;
	/* no overlong forms, no surrogates, nothing past U+10FFFF */
	low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : low;
	high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : high;
	for (size_t i = 1; i < n; i++, low = 0x80, high = 0xbf)
		if (text[i] < low || text[i] > high)
			return 0;
	return n;
}

void
otelp_text_escaped(struct otelp_text_buf *buf, const char *text, size_t len, bool quotes)
{
	size_t n;

	for (size_t i = 0; i < len; i += n ? n : 1) {
		n = sequence((const unsigned char *)text + i, len - i);
		if (!n)
			otelp_text_puts(buf, "\xef\xbf\xbd");
		else if (text[i] == '\n')
			otelp_text_puts(buf, "\\n");
		else if (text[i] == '\\' || (text[i] == '"' && quotes))
			otelp_text_add(buf, (const char[]){ '\\', text[i] }, 2);
		else
			otelp_text_add(buf, text + i, n);
	}
}

static void
base64(struct otelp_text_buf *buf, const unsigned char *bytes, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t word;

	for (size_t i = 0; i < n; i += 3) {
		word = (uint32_t)bytes[i] << 16 |
		       (i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0) |
		       (i + 2 < n ? bytes[i + 2] : 0);
		otelp_text_putc(buf, digits[word >> 18]);
		otelp_text_putc(buf, digits[word >> 12 & 63]);
		otelp_text_putc(buf, i + 1 < n ? digits[word >> 6 & 63] : '=');
		otelp_text_putc(buf, i + 2 < n ? digits[word & 63] : '=');
	}
}

static void
json_string(struct otelp_text_buf *buf, const char *text, size_t len)
{
	char escape[8];

	otelp_text_putc(buf, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\') {
			otelp_text_add(buf, (const char[]){ '\\', text[i] }, 2);
		} else if ((unsigned char)text[i] < 0x20) {
			snprintf(escape, sizeof escape, "\\u%04x", (unsigned)text[i]);
			otelp_text_puts(buf, escape);
		} else {
			otelp_text_putc(buf, text[i]);
		}
	}
	otelp_text_putc(buf, '"');
}

static void
add_value(struct otelp_text_buf *buf, const struct otel_value *value, bool nested)
{
	switch (value->type) {
	case OTEL_TYPE_STRING:
		if (nested)
			json_string(buf, value->string, value->len);
		else
			otelp_text_add(buf, value->string, value->len);
		break;
	case OTEL_TYPE_BOOL:
		otelp_text_puts(buf, value->boolean ? "true" : "false");
		break;
	case OTEL_TYPE_INT:
		otelp_text_int(buf, value->integer);
		break;
	case OTEL_TYPE_DOUBLE:
		otelp_text_double(buf, value->number, false);
		break;
	case OTEL_TYPE_BYTES:
		if (nested)
			otelp_text_putc(buf, '"');
		base64(buf, value->bytes, value->len);
		if (nested)
			otelp_text_putc(buf, '"');
		break;
	case OTEL_TYPE_ARRAY:
		otelp_text_putc(buf, '[');
		for (uint32_t i = 0; i < value->len; i++) {
			if (i)
				otelp_text_putc(buf, ',');
			add_value(buf, &value->values[i], true);
		}
		otelp_text_putc(buf, ']');
		break;
	case OTEL_TYPE_MAP:
		otelp_text_putc(buf, '{');
		for (uint32_t i = 0; i < value->len; i++) {
			const char *key = value->entries[i].key ? value->entries[i].key
			                                        : "";

			if (i)
				otelp_text_putc(buf, ',');
			json_string(buf, key, strlen(key));
			otelp_text_putc(buf, ':');
			add_value(buf, &value->entries[i].value, true);
		}
		otelp_text_putc(buf, '}');
		break;
	default:
		if (nested)
			otelp_text_puts(buf, "null");
		break;
	}
}

void
otelp_text_value(struct otelp_text_buf *buf, const struct otel_value *value)
{
	add_value(buf, value, false);
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void
sanitised(struct otelp_text_buf *buf, const char *text, size_t len, bool colons)
{
	size_t start = buf->len;

	if (len && text[0] >= '0' && text[0] <= '9')
		otelp_text_putc(buf, '_');
	for (size_t i = 0; i < len; i++) {
		if (is_alnum(text[i]) || (colons && text[i] == ':'))
			otelp_text_putc(buf, text[i]);
		else if (buf->len == start ||
		         (!buf->failed && buf->bytes[buf->len - 1] != '_'))
			otelp_text_putc(buf, '_');
	}
	if (buf->len == start)
		otelp_text_putc(buf, '_');
}

void
otelp_prometheus_key(struct otelp_text_buf *buf, const char *key)
{
	sanitised(buf, key, strlen(key), false);
}

struct word {
	const char *unit, *word;
};

static const struct word units[] = { { "d", "days" },
	                             { "h", "hours" },
	                             { "min", "minutes" },
	                             { "s", "seconds" },
	                             { "ms", "milliseconds" },
	                             { "us", "microseconds" },
	                             { "ns", "nanoseconds" },
	                             { "By", "bytes" },
	                             { "KiBy", "kibibytes" },
	                             { "MiBy", "mebibytes" },
	                             { "GiBy", "gibibytes" },
	                             { "TiBy", "tibibytes" },
	                             { "KBy", "kilobytes" },
	                             { "kBy", "kilobytes" },
	                             { "MBy", "megabytes" },
	                             { "GBy", "gigabytes" },
	                             { "TBy", "terabytes" },
	                             { "m", "meters" },
	                             { "km", "kilometers" },
	                             { "V", "volts" },
	                             { "A", "amperes" },
	                             { "J", "joules" },
	                             { "W", "watts" },
	                             { "g", "grams" },
	                             { "Cel", "celsius" },
	                             { "Hz", "hertz" },
	                             { "%", "percent" },
	                             { "deg", "degrees" },
	                             { NULL, NULL } };
static const struct word per_units[] = { { "s", "second" },   { "m", "minute" },
	                                 { "min", "minute" }, { "h", "hour" },
	                                 { "d", "day" },      { "w", "week" },
	                                 { "mo", "month" },   { "y", "year" },
	                                 { NULL, NULL } };

/* One part of a unit; annotations in braces say nothing that the name does not. */
static void
unit_word(struct otelp_text_buf *buf, const struct word *words, const char *unit,
          size_t len)
{
	const char *brace = memchr(unit, '{', len);

	if (brace)
		len = (size_t)(brace - unit);
	if (!len)
		return;
	for (; words->unit; words++)
		if (strlen(words->unit) == len && !memcmp(words->unit, unit, len)) {
			otelp_text_puts(buf, words->word);
			return;
		}
	sanitised(buf, unit, len, false);
}

void
otelp_prometheus_unit(struct otelp_text_buf *buf, const char *unit, bool is_gauge)
{
	const char *slash = strchr(unit, '/');
	size_t before = buf->len;

	if (!strcmp(unit, "1")) {
		if (is_gauge)
			otelp_text_puts(buf, "ratio");
		return;
	}
	unit_word(buf, units, unit, slash ? (size_t)(slash - unit) : strlen(unit));
	if (!slash || !slash[1] || slash[1] == '{')
		return;
	otelp_text_puts(buf, buf->len == before ? "per_" : "_per_");
	unit_word(buf, per_units, slash + 1, strlen(slash + 1));
}

/* As a word of its own, or all there is. */
static bool
ends_with(const struct otelp_text_buf *buf, const char *end, size_t end_len)
{
	if (buf->len < end_len || memcmp(buf->bytes + buf->len - end_len, end, end_len))
		return false;
	return buf->len == end_len || buf->bytes[buf->len - end_len - 1] == '_';
}

void
otelp_prometheus_name(struct otelp_text_buf *buf, const char *name, const char *unit,
                      bool is_counter, bool is_gauge, bool total, size_t *family_len)
{
	struct otelp_text_buf words = { 0 };

	sanitised(buf, name, strlen(name), true);
	if (is_counter && total && !buf->failed && buf->len > 6 &&
	    ends_with(buf, "total", 5))
		buf->len -= 6; /* it comes last */
	otelp_prometheus_unit(&words, unit, is_gauge);
	if (words.failed)
		buf->failed = true;
	if (!buf->failed && words.len && !ends_with(buf, words.bytes, words.len)) {
		if (buf->bytes[buf->len - 1] != '_')
			otelp_text_putc(buf, '_');
		otelp_text_add(buf, words.bytes, words.len);
	}
	otelp_text_free(&words);
	*family_len = buf->len;
	if (is_counter && total)
		otelp_text_puts(buf, "_total");
}
