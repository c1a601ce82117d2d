/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-series.h - the series of metrics: where each stood, where it stands, how much it grew.
 *
 * A series is a metric's name, unit, kind and attributes, of one scope of one instance of a service. A start that lies
 * behind the point before, or a total that fell, is a reset: the series counts from zero again.
 */
#ifndef STATION_CHECK_SERIES_H
#define STATION_CHECK_SERIES_H

#include "check-subject.h"

#define CHECK_MAX_SERIES 20000

/* A metric as it was reported; all its series hold it. */
struct check_report {
	size_t refs;
	otlp_metric *metric; /* owned */
};

struct check_series {
	struct check_series *next; /* in its bucket */
	char *key;
	size_t key_len;
	char *service, *resource_json, *scope_json; /* owned */
	uint64_t owner_serial;
	struct check_report *report; /* the newest */
	size_t point;                /* which of its points */
	bool reported;               /* since the look's number */
	bool begun;                  /* has a value to compare the next one with */
	double value, sum;           /* of the newest point */
	uint64_t time_unix_ns;       /* the same */
	uint64_t gap_ns; /* from the point before to it; 0 while there is one only */
	double increase, sum_increase; /* since the look's number */
};

/* A point of any kind, as numbers. */
struct check_point {
	otlp_key_value **attributes;
	size_t n_attributes;
	uint64_t start_unix_ns, time_unix_ns;
	bool is_integer;
	int64_t integer;
	double value; /* or a histogram's count */
	double sum;
	bool has_sum, is_histogram;
	const double *bounds;
	size_t n_bounds;
	Opentelemetry__Proto__Metrics__V1__Exemplar **exemplars;
	size_t n_exemplars;
};

/* Reads what has arrived since the last call into the series. 0, -ENOMEM, or what yield returned. */
OTEL_MUST_USE int check_series_update(struct check_look *look);
void check_series_fini(struct check_look *look);

/* The i-th point of a metric; false past the end. */
bool check_point_get(const otlp_metric *metric, size_t i, struct check_point *out);
/* Of enum AggregationTemporality; 0 where there is none. */
int check_temporality(const otlp_metric *metric);
/* Index into check_point_kinds, or -1. */
int check_point_kind(const otlp_metric *metric);

#endif
