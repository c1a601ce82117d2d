/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-subject.h - one look at the store: the items since a number of arrival, and their fields.
 *
 * The store may change whenever a look yields, which it does between two items only; within one visit all
 * pointers stay good. [fiber], of the station's own loop.
 */
#ifndef STATION_CHECK_SUBJECT_H
#define STATION_CHECK_SUBJECT_H

#include "check-file.h"
#include "store.h"

struct check_series;
struct check_owner;

/* What is held against a selection: one item of a signal. Made by check_walk and check_subject_*. */
struct check_subject {
	enum check_signal signal;
	const struct store_item *item; /* spans, logs */
	struct store_trace *trace;     /* traces; of spans and logs: theirs, or NULL */
	const struct check_series *series;
	const struct check_owner *owner; /* NULL until asked for */
	const char *service;
	uint64_t owner_serial;
	const char *resource_json, *scope_json; /* borrowed */
	otlp_span *span;                        /* unpacked when asked for; owned */
	otlp_log *log;
	const Opentelemetry__Proto__Trace__V1__Span__Event *event;
	char hex[33];
};

struct check_look {
	const struct store *store;
	uint64_t since;
	/* Lets others run; 0, or a negative errno that ends the look. NULL: never. */
	int (*yield)(void *arg);
	void *arg;
	uint64_t (*clock_ns)(void); /* monotonic; NULL with yield */

	/* Its own. */
	bool out_of_memory, too_many_series;
	struct check_owner *owners; /* resources and scopes, unpacked */
	size_t n_owners;
	struct check_series **series;
	size_t n_series;
	struct check_series **buckets;
	uint64_t points_seq; /* metrics up to here are in the series */
	bool points_begun;
	const struct store_item **index; /* spans of one trace, by id; within one visit */
	size_t n_index, index_size;
	const struct store_trace *indexed;
	uint64_t slice_ns;
	unsigned n_visited;
};

void check_look_init(struct check_look *look, const struct store *store, uint64_t since);
void check_look_fini(struct check_look *look);

/* Visits every item of a signal. 0, or what visit or yield returned that was not 0; -ENOMEM. */
typedef int check_visit(struct check_look *look, struct check_subject *subject,
                        void *arg);
OTEL_MUST_USE int check_walk(struct check_look *look, enum check_signal signal,
                             check_visit *visit, void *arg);

/* Fills a subject with a span of the store, or with a series; frees what it came to own. */
void check_subject_span(struct check_subject *subject, const struct store_item *item);
void check_subject_series(struct check_subject *subject,
                          const struct check_series *series);
void check_subject_fini(struct check_subject *subject);

/* The value of a field of FORM_VALUE; borrowed until the subject's end. */
struct check_value check_subject_value(struct check_look *look,
                                       struct check_subject *subject,
                                       enum check_field_id field);
/* The attributes of the item, or of its Resource. */
otlp_key_value **check_subject_attributes(struct check_look *look,
                                          struct check_subject *subject,
                                          enum check_field_id field, size_t *n);
struct check_value check_attribute(otlp_key_value **attributes, size_t n,
                                   const char *key);
/* The histogram's bounds; NULL where there are none. */
const double *check_subject_bounds(const struct check_subject *subject, size_t *n);
bool check_bounds_are_default(const double *bounds, size_t n);

/* The span with that id in a trace, or NULL. */
const struct store_item *check_find_span(struct check_look *look,
                                         const struct store_trace *trace,
                                         const uint8_t id[8]);
/* Whether an id is other than all zeros. */
bool check_has_id(const uint8_t id[8]);
/* The item behind one whose number was `seq`, and that may have been dropped meanwhile. */
const struct store_item *check_next(const struct store_items *all,
                                    const struct store_item *item, uint64_t seq);
/* Yields when the look has had its share of time. */
OTEL_MUST_USE int check_breathe(struct check_look *look);

#endif
