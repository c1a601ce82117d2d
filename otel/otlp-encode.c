/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes OTLP's protobuf from back to front. A message stands behind its length, and the length is
 * known only when the message is written; going backwards each is written once, into its place, and
 * nothing is measured beforehand:
 *
 *	bytes ........................... pos [tag][len][ message, its last field written first ] size
 *	                  free              <-- grows this way
 *
 * So every function here writes its fields in falling order, and lists from their end.
 *
 * Specification: the field table of OTLP 1.x; proto/ has the same as schema, and the tests hold what is
 * written here against the decoder that is generated from it.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "otlp_priv.h"
#include "pipeline_priv.h"

enum { FIRST_SIZE = 16 * 1024, KEEP_SIZE = 1024 * 1024, MAX_DEPTH = 32 };

size_t otelp_otlp_max_request = 64 * 1024 * 1024;

/* ---- the buffer ---- */

static void
fail(struct otelp_encoder *e, int error)
{
	if (!e->error)
		e->error = error;
}

/* Makes room for `n` bytes before pos; false once something has failed. */
static bool
grow(struct otelp_encoder *e, size_t n)
{
	size_t len = e->size - e->pos, size = e->size ? e->size : FIRST_SIZE;
	uint8_t *bytes;

	if (e->error)
		return false;
	if (n > otelp_otlp_max_request || len + n > otelp_otlp_max_request) {
		fail(e, -EMSGSIZE);
		return false;
	}
	while (size < len + n)
		size *= 2;
	bytes = otelp_malloc(size);
	if (!bytes) {
		fail(e, -ENOMEM);
		return false;
	}
	if (len)
		memcpy(bytes + size - len, e->bytes + e->pos, len);
	otelp_free(e->bytes);
	e->bytes = bytes;
	e->pos = size - len;
	e->size = size;
	return true;
}

static inline bool
room(struct otelp_encoder *e, size_t n)
{
	return e->pos >= n || grow(e, n);
}

/* The unchecked writers: whoever calls them has made room. */

static inline void
raw_byte(struct otelp_encoder *e, uint8_t byte)
{
	e->bytes[--e->pos] = byte;
}

static inline void
raw_bytes(struct otelp_encoder *e, const void *bytes, size_t len)
{
	e->pos -= len;
	if (len)
		memcpy(e->bytes + e->pos, bytes, len);
}

static inline void
raw_varint(struct otelp_encoder *e, uint64_t n)
{
	uint8_t text[10];
	size_t len = 0;

	if (n < 0x80) {
		raw_byte(e, (uint8_t)n);
		return;
	}
	for (; n >= 0x80; n >>= 7)
		text[len++] = (uint8_t)(n | 0x80);
	text[len++] = (uint8_t)n;
	raw_bytes(e, text, len);
}

static inline void
raw_fixed64(struct otelp_encoder *e, uint64_t n)
{
	n = htole64(n);
	raw_bytes(e, &n, sizeof n);
}

typedef void put_item(struct otelp_encoder *e, unsigned field, const void *item);

/* ---- fields ---- */

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum { FIELD_ROOM = 16 }; /* a tag and a number or a length: 2 + 10, and to spare */

/* All field numbers of OTLP fit into two bytes of tag. */
static inline void
raw_tag(struct otelp_encoder *e, unsigned field, enum wire_type type)
{
	unsigned tag = field << 3 | type;

	if (tag >= 0x80) {
		raw_byte(e, (uint8_t)(tag >> 7));
		raw_byte(e, (uint8_t)(tag | 0x80));
	} else {
		raw_byte(e, (uint8_t)tag);
	}
}

/* The place where a message ends; message_end puts its tag and length before what was written since. */
static inline size_t
message_begin(const struct otelp_encoder *e)
{
	return e->size - e->pos;
}

static inline void
message_end(struct otelp_encoder *e, unsigned field, size_t begin)
{
	size_t len = e->size - e->pos - begin;

	if (!room(e, FIELD_ROOM))
		return;
	raw_varint(e, len);
	raw_tag(e, field, BYTES);
}

static void
put_varint(struct otelp_encoder *e, unsigned field, uint64_t n)
{
	if (!n || !room(e, FIELD_ROOM))
		return;
	raw_varint(e, n);
	raw_tag(e, field, VARINT);
}

/* Members of a oneof are written even when they are zero. */
static void
put_fixed64_always(struct otelp_encoder *e, unsigned field, uint64_t n)
{
	if (!room(e, FIELD_ROOM))
		return;
	raw_fixed64(e, n);
	raw_tag(e, field, FIXED64);
}

static void
put_fixed64(struct otelp_encoder *e, unsigned field, uint64_t n)
{
	if (n)
		put_fixed64_always(e, field, n);
}

static void
put_double_always(struct otelp_encoder *e, unsigned field, double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof bits);
	put_fixed64_always(e, field, bits);
}

static void
put_fixed32(struct otelp_encoder *e, unsigned field, uint32_t n)
{
	if (!n || !room(e, FIELD_ROOM))
		return;
	n = htole32(n);
	raw_bytes(e, &n, sizeof n);
	raw_tag(e, field, FIXED32);
}

static void
put_bytes_always(struct otelp_encoder *e, unsigned field, const void *bytes, size_t len)
{
	if (!room(e, len + FIELD_ROOM))
		return;
	raw_bytes(e, bytes, len);
	raw_varint(e, len);
	raw_tag(e, field, BYTES);
}

/* An id of all zeros is no id. */
static void
put_id(struct otelp_encoder *e, unsigned field, const uint8_t *id, size_t len)
{
	static const uint8_t none[16];

	if (memcmp(id, none, len) != 0)
		put_bytes_always(e, field, id, len);
}

/* Puts U+FFFD in the place of each byte that is not UTF-8: receivers refuse a whole request for one. */
static void
put_mended(struct otelp_encoder *e, unsigned field, const char *text, size_t len)
{
	size_t begin = message_begin(e), mended = 0;
	uint8_t *out;

	for (size_t i = 0; i < len;) {
		size_t n = otelp_utf8_len(text + i, len - i);

		mended += n ? n : 3;
		i += n ? n : 1;
	}
	if (!room(e, mended))
		return;
	e->pos -= mended;
	out = e->bytes + e->pos;
	for (size_t i = 0; i < len;) {
		size_t n = otelp_utf8_len(text + i, len - i);

		memcpy(out, n ? text + i : "\xef\xbf\xbd", n ? n : 3);
		out += n ? n : 3;
		i += n ? n : 1;
	}
	message_end(e, field, begin);
}

static void
put_string_always(struct otelp_encoder *e, unsigned field, const char *text, size_t len)
{
	if (otelp_utf8_valid(text, len))
		put_bytes_always(e, field, text, len);
	else
		put_mended(e, field, text, len);
}

static void
put_string(struct otelp_encoder *e, unsigned field, const char *text)
{
	if (text && *text)
		put_string_always(e, field, text, strlen(text));
}

/* ---- values and attributes ---- */

static void put_attributes(struct otelp_encoder *e, unsigned field,
                           const struct otel_attribute *attributes, size_t n, int depth);

static void put_any_value(struct otelp_encoder *e, unsigned field,
                          const struct otel_value *value, int depth);

/* The contents of an AnyValue; nothing for the empty value, and for what is nested past reason. */
static void
put_value(struct otelp_encoder *e, const struct otel_value *value, int depth)
{
	size_t begin;

	switch (value->type) {
	case OTEL_TYPE_STRING:
		put_string_always(e, 1, value->string, value->len);
		break;
	case OTEL_TYPE_BOOL:
		if (room(e, FIELD_ROOM)) {
			raw_byte(e, value->boolean);
			raw_tag(e, 2, VARINT);
		}
		break;
	case OTEL_TYPE_INT:
		if (room(e, FIELD_ROOM)) {
			raw_varint(e, (uint64_t)value->integer);
			raw_tag(e, 3, VARINT);
		}
		break;
	case OTEL_TYPE_DOUBLE:
		put_double_always(e, 4, value->number);
		break;
	case OTEL_TYPE_BYTES:
		put_bytes_always(e, 7, value->bytes, value->len);
		break;
	case OTEL_TYPE_ARRAY:
		if (depth >= MAX_DEPTH)
			break;
		begin = message_begin(e);
		for (uint32_t i = value->len; i-- > 0;)
			put_any_value(e, 1, &value->values[i], depth + 1);
		message_end(e, 5, begin);
		break;
	case OTEL_TYPE_MAP:
		if (depth >= MAX_DEPTH)
			break;
		begin = message_begin(e);
		put_attributes(e, 1, value->entries, value->len, depth + 1);
		message_end(e, 6, begin);
		break;
	default:
		break;
	}
}

static void
put_any_value(struct otelp_encoder *e, unsigned field, const struct otel_value *value,
              int depth)
{
	size_t begin = message_begin(e);

	put_value(e, value, depth);
	message_end(e, field, begin);
}

static void
put_attributes(struct otelp_encoder *e, unsigned field,
               const struct otel_attribute *attributes, size_t n, int depth)
{
	for (size_t i = n; i-- > 0;) {
		const struct otel_attribute *a = &attributes[i];
		size_t begin = message_begin(e);

		if (!a->key || !*a->key)
			continue;
		put_any_value(e, 2, &a->value, depth);
		put_string_always(e, 1, a->key, strlen(a->key));
		message_end(e, field, begin);
	}
}

static void
put_scope(struct otelp_encoder *e, unsigned field, const struct otel_scope_data *scope)
{
	size_t begin = message_begin(e);

	if (!scope)
		return;
	put_attributes(e, 3, scope->attributes, scope->n_attributes, 0);
	put_string(e, 2, scope->version);
	put_string(e, 1, scope->name);
	message_end(e, field, begin);
}

static void
put_resource(struct otelp_encoder *e, unsigned field, struct otel_resource *resource)
{
	const struct otel_attribute *attributes;
	size_t begin = message_begin(e), n;

	if (!resource)
		return;
	attributes = otel_resource_attributes(resource, &n);
	put_attributes(e, 1, attributes, n, 0);
	message_end(e, field, begin);
}

/* ---- spans ---- */

/* Whether the parent (or the linked span) is of another process is known, and said. */
static uint32_t
span_flags(uint8_t trace_flags, bool remote)
{
	return trace_flags | 0x100u | (remote ? 0x200u : 0);
}

static void
put_event(struct otelp_encoder *e, const struct otel_event_data *event)
{
	size_t begin = message_begin(e);

	put_varint(e, 4, event->dropped_attributes);
	put_attributes(e, 3, event->attributes, event->n_attributes, 0);
	put_string(e, 2, event->name);
	put_fixed64(e, 1, event->time_unix_ns);
	message_end(e, 11, begin);
}

static void
put_link(struct otelp_encoder *e, const struct otel_link_data *link)
{
	size_t begin = message_begin(e);

	put_fixed32(e, 6, span_flags(link->context.flags, link->context.remote));
	put_varint(e, 5, link->dropped_attributes);
	put_attributes(e, 4, link->attributes, link->n_attributes, 0);
	put_string(e, 3, link->context.trace_state);
	put_id(e, 2, link->context.span_id, 8);
	put_id(e, 1, link->context.trace_id, 16);
	message_end(e, 13, begin);
}

static void
put_status(struct otelp_encoder *e, const struct otel_span_data *span)
{
	size_t begin = message_begin(e);

	if (span->status == OTEL_STATUS_UNSET)
		return;
	put_varint(e, 3, (uint64_t)span->status);
	put_string(e, 2, span->status_message);
	message_end(e, 15, begin);
}

static void
put_span(struct otelp_encoder *e, unsigned field, const void *item)
{
	const struct otel_span_data *s = item;
	size_t begin = message_begin(e);

	put_fixed32(e, 16, span_flags(s->context.flags, s->parent_remote));
	put_status(e, s);
	put_varint(e, 14, s->dropped_links);
	for (size_t i = s->n_links; i-- > 0;)
		put_link(e, &s->links[i]);
	put_varint(e, 12, s->dropped_events);
	for (size_t i = s->n_events; i-- > 0;)
		put_event(e, &s->events[i]);
	put_varint(e, 10, s->dropped_attributes);
	put_attributes(e, 9, s->attributes, s->n_attributes, 0);
	put_fixed64(e, 8, s->end_unix_ns);
	put_fixed64(e, 7, s->start_unix_ns);
	put_varint(e, 6, s->kind ? (uint64_t)s->kind : OTEL_SPAN_KIND_INTERNAL);
	put_string(e, 5, s->name);
	put_id(e, 4, s->parent_span_id, 8);
	put_string(e, 3, s->context.trace_state);
	put_id(e, 2, s->context.span_id, 8);
	put_id(e, 1, s->context.trace_id, 16);
	message_end(e, field, begin);
}

/* ---- log records ---- */

static void
put_log(struct otelp_encoder *e, unsigned field, const void *item)
{
	const struct otel_log_data *l = item;
	size_t begin = message_begin(e);

	put_string(e, 12, l->event_name);
	put_fixed64(e, 11, l->observed_unix_ns);
	put_id(e, 10, l->span_id, 8);
	put_id(e, 9, l->trace_id, 16);
	put_fixed32(e, 8, l->flags);
	put_varint(e, 7, l->dropped_attributes);
	put_attributes(e, 6, l->attributes, l->n_attributes, 0);
	if (l->body.type != OTEL_TYPE_NONE)
		put_any_value(e, 5, &l->body, 0);
	put_string(e, 3, l->severity_text);
	put_varint(e, 2, (uint64_t)l->severity);
	put_fixed64(e, 1, l->time_unix_ns);
	message_end(e, field, begin);
}

/* ---- metrics ---- */

static void
put_exemplars(struct otelp_encoder *e, unsigned field, const struct otel_point_data *p)
{
	for (size_t i = p->n_exemplars; i-- > 0;) {
		const struct otel_exemplar_data *x = &p->exemplars[i];
		size_t begin = message_begin(e);

		if (!x->is_double)
			put_fixed64_always(e, 6, (uint64_t)x->integer);
		put_id(e, 5, x->trace_id, 16);
		put_id(e, 4, x->span_id, 8);
		if (x->is_double)
			put_double_always(e, 3, x->number);
		put_fixed64(e, 2, x->time_unix_ns);
		message_end(e, field, begin);
	}
}

static void
put_number_point(struct otelp_encoder *e, const struct otel_point_data *p)
{
	size_t begin = message_begin(e);

	put_attributes(e, 7, p->attributes, p->n_attributes, 0);
	if (!p->is_double)
		put_fixed64_always(e, 6, (uint64_t)p->integer);
	put_exemplars(e, 5, p);
	if (p->is_double)
		put_double_always(e, 4, p->number);
	put_fixed64(e, 3, p->time_unix_ns);
	put_fixed64(e, 2, p->start_unix_ns);
	message_end(e, 1, begin);
}

static void
put_histogram_point(struct otelp_encoder *e, const struct otel_point_data *p)
{
	size_t begin = message_begin(e), list;

	if (p->count && p->min <= p->max) {
		put_double_always(e, 12, p->max);
		put_double_always(e, 11, p->min);
	}
	put_attributes(e, 9, p->attributes, p->n_attributes, 0);
	put_exemplars(e, 8, p);
	if (p->bucket_counts && room(e, (2 * p->n_bounds + 1) * 8 + 2 * FIELD_ROOM)) {
		list = message_begin(e);
		for (size_t i = p->n_bounds; i-- > 0;) {
			uint64_t bits;

			memcpy(&bits, &p->bounds[i], sizeof bits);
			raw_fixed64(e, bits);
		}
		if (p->n_bounds)
			message_end(e, 7, list);
		list = message_begin(e);
		for (size_t i = p->n_bounds + 1; i-- > 0;)
			raw_fixed64(e, p->bucket_counts[i]);
		message_end(e, 6, list);
	}
	put_double_always(e, 5, p->sum);
	put_fixed64(e, 4, p->count);
	put_fixed64(e, 3, p->time_unix_ns);
	put_fixed64(e, 2, p->start_unix_ns);
	message_end(e, 1, begin);
}

static void
put_metric(struct otelp_encoder *e, unsigned field, const void *item)
{
	static const unsigned data_fields[] = { 5, 7, 9 };
	const struct otel_metric_data *m = item;
	size_t begin = message_begin(e), data = begin;

	if (m->type == OTEL_METRIC_SUM)
		put_varint(e, 3, m->monotonic);
	if (m->type != OTEL_METRIC_GAUGE)
		put_varint(e, 2, (uint64_t)m->temporality);
	for (size_t i = m->n_points; i-- > 0;) {
		if (m->type == OTEL_METRIC_HISTOGRAM)
			put_histogram_point(e, &m->points[i]);
		else
			put_number_point(e, &m->points[i]);
	}
	message_end(e, data_fields[m->type], data);
	put_string(e, 3, m->unit);
	put_string(e, 2, m->description);
	put_string(e, 1, m->name);
	message_end(e, field, begin);
}

/* ---- requests ---- */

static void
put_group(struct otelp_encoder *e, const struct otelp_group *group,
          const struct otelp_items *items, put_item *put)
{
	const uint32_t *order = e->sorter.order + group->first;
	size_t begin = message_begin(e);

	if (group->scope)
		put_string(e, 3, group->scope->schema_url);
	for (uint32_t i = group->n; i-- > 0;)
		put(e, 2, otelp_item_at(items, order[i]));
	put_scope(e, 1, group->scope);
	message_end(e, 2, begin);
}

static int
encode(struct otelp_encoder *e, const struct otelp_items *items, put_item *put)
{
	e->forward = false;
	e->error = otelp_sort(&e->sorter, items);
	e->pos = e->size;
	for (uint32_t owner = e->sorter.n_owners; owner-- > 0 && !e->error;) {
		struct otel_resource *resource = otelp_sorter_resource(&e->sorter, owner);
		size_t begin = message_begin(e);

		if (resource)
			put_string(e, 3, otel_resource_schema_url(resource));
		for (uint32_t g = e->sorter.n_groups; g-- > 0;)
			if (e->sorter.groups[g].owner == owner)
				put_group(e, &e->sorter.groups[g], items, put);
		put_resource(e, 1, resource);
		message_end(e, 1, begin);
	}
	return e->error;
}

int
otelp_encode(struct otelp_encoder *e, int signal, const struct otelp_items *items)
{
	static put_item *const put[] = { put_span, put_metric, put_log };

	return encode(e, items, put[signal]);
}

int
otelp_encoder_prepend(struct otelp_encoder *e, const void *bytes, size_t len)
{
	if (!room(e, len))
		return e->error;
	raw_bytes(e, bytes, len);
	return 0;
}

const uint8_t *
otelp_encoder_bytes(const struct otelp_encoder *e, size_t *len)
{
	*len = e->forward ? e->pos : e->size - e->pos;
	return !e->bytes || e->forward ? e->bytes : e->bytes + e->pos;
}

void
otelp_encoder_trim(struct otelp_encoder *e)
{
	if (e->size <= KEEP_SIZE)
		return;
	otelp_free(e->bytes);
	e->bytes = NULL;
	e->size = e->pos = 0;
}

void
otelp_encoder_fini(struct otelp_encoder *e)
{
	otelp_free(e->bytes);
	otelp_sorter_fini(&e->sorter);
	memset(e, 0, sizeof *e);
}
