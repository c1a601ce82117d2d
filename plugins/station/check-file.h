/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-file.h - a check file, read: assertions, what they select and what they expect.
 *
 * Everything is immutable once it is read. docs/checking.md describes the format.
 */
#ifndef STATION_CHECK_FILE_H
#define STATION_CHECK_FILE_H

#include <jansson.h>

#include "check-match.h"

#define CHECK_MAX_FILE       ((size_t)256 << 10)
#define CHECK_MAX_ASSERTIONS 200
#define CHECK_MAX_WITHIN_NS  60e9
#define CHECK_MAX_INCLUDE    64 /* values in "only" and "include" */

/* What is looked at: the signals, and what stands in them. Bits, for the table of fields. */
enum check_signal {
	CHECK_RESOURCES = 1 << 0,
	CHECK_SPANS = 1 << 1,
	CHECK_LOGS = 1 << 2,
	CHECK_POINTS = 1 << 3,
	CHECK_TRACES = 1 << 4,
	CHECK_EVENTS = 1 << 5, /* of spans */
};

/* The cheap ones first: a selection is held against an item in this order, and ends at the first that fails. */
enum check_field_id {
	FIELD_SERVICE,
	FIELD_NAME,
	FIELD_METRIC,
	FIELD_SPAN_KIND,
	FIELD_STATUS,
	FIELD_SEVERITY,
	FIELD_TRACE_ID,
	FIELD_SPAN_ID,
	FIELD_DURATION,
	FIELD_EVENT_NAME,
	FIELD_UNIT,
	FIELD_DESCRIPTION,
	FIELD_POINT_KIND,
	FIELD_TEMPORALITY,
	FIELD_BODY,
	FIELD_STATUS_MESSAGE,
	FIELD_ATTRIBUTES,
	FIELD_RESOURCE,
	FIELD_SCOPE, /* an object of the next two */
	FIELD_SCOPE_NAME,
	FIELD_SCOPE_VERSION,
	FIELD_LINKS,
	FIELD_EVENT,
	FIELD_VALUE,
	FIELD_COUNT,
	FIELD_SUM,
	FIELD_MEAN,
	FIELD_INCREASE,
	FIELD_BOUNDS,
	FIELD_EXEMPLARS,
	FIELD_TRACE_SERVICE,
	FIELD_SPANS,
	FIELD_ERRORS,
	FIELD_LOG_COUNT,
	FIELD_SERVICES,
	FIELD_ROOTS,
	FIELD_ROOT,
	FIELD_MISSING,
	FIELD_HAS,
	FIELD_PARENT,
	FIELD_SPAN,
	FIELD_ANCESTOR,
	FIELD_BEFORE,
	FIELD_AFTER,
};

/* How a field is written, and so what its condition holds. */
enum check_form {
	FORM_VALUE,      /* match */
	FORM_ATTRIBUTES, /* key and match, one condition for each */
	FORM_RELATED,    /* related, or none or present */
	FORM_LIST,       /* related, one condition for each element */
	FORM_BOUNDS,     /* match, or word */
	FORM_SERVICES,   /* list, or match */
	FORM_SCOPE,      /* two fields of FORM_VALUE */
};

struct check_field {
	const char *name;
	unsigned signals;
	enum check_field_id id;
	enum check_form form;
	enum check_scale scale;
	const char *const *words;
};

struct check_select;

struct check_condition {
	const struct check_field *field;
	char *key;                    /* of an attribute */
	struct check_match *match;    /* NULL: by one of the others */
	struct check_select *related; /* fields of another item */
	bool none, present;           /* there is no other item; there is any */
	const char *word;             /* bounds: "default", "own" */
	json_t *list;                 /* bounds, services */
};

/* All of its conditions must hold. */
struct check_select {
	enum check_signal signal;
	struct check_condition *conditions;
	size_t n;
};

struct check_values {
	char *key;
	json_t *only, *include; /* lists, or NULL */
	struct check_match *distinct;
};

struct check_assertion {
	char *id, *say;
	json_t *hints; /* a list, or NULL */
	struct check_select select, each;
	struct check_match *count, *increase; /* NULL: not asked for */
	struct check_values *values;
	size_t n_values;
};

struct check_file {
	double within_ns, settle_ns;
	uint64_t since;         /* the number of arrival after which telemetry counts */
	bool driven;            /* it was given: something was done since then */
	uint64_t until_unix_ns; /* when that was over; 0: not said */
	struct check_assertion *assertions;
	size_t n;
};

/*
 * Reads the text of a file: JSON without let, drive and finally. 0 and an owned *out; -EINVAL with a list
 * of mistakes in *mistakes, {"path","message"} each, owned; -ENOMEM.
 */
OTEL_MUST_USE int check_file_read(const char *text, size_t len, struct check_file **out,
                                  json_t **mistakes);
void check_file_free(struct check_file *file); /* NULL is fine */

/* The signal's name in files: "spans". */
const char *check_signal_name(enum check_signal signal);
extern const char *const check_span_kinds[],
	*const check_statuses[], *const check_point_kinds[], *const check_temporalities[];

#endif
