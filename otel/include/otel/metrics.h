/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otel/metrics.h - instruments: what is counted, measured and watched.
 *
 *	counter = otel_counter_new(meter, "incoming.requests", "{request}", "requests received");
 *	otel_counter_add(counter, 1, OTEL_INT("http.response.status_code", 200));
 *
 * An instrument belongs to its meter and dies with it. Aggregation belongs to the provider and is keyed
 * by scope, name, kind and unit: an instrument that is made again, by the next version of a service
 * say, goes on where the last one was. Recording takes no lock, makes no system call and, once a set of
 * attributes has been seen, allocates nothing. What nobody has a handle for any more is reported once
 * more and then rests, until it is made again. Every call accepts NULL and does nothing.
 *
 * Specification: metrics/api.md.
 */
#ifndef OTEL_METRICS_H
#define OTEL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>
#include <otel/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct otel_meter;
struct otel_counter;         /* monotonic sum of integers */
struct otel_counter_double;  /* monotonic sum of floating-point numbers */
struct otel_up_down_counter; /* sum of integers that may fall */
struct otel_histogram;       /* distribution of floating-point numbers */
struct otel_gauge;           /* last value */

/*
 * Names: a letter, then up to 254 letters, digits, `_`, `.`, `-`, `/`. Units: UCUM, up to 63 ASCII
 * characters, e.g. "s", "By", "{request}". unit and description may be NULL. All strings are copied. A
 * name that does not conform, or one that conflicts with an instrument of another kind or unit, is
 * warned of once and still works. NULL only for a NULL meter or without memory. [any]
 */
OTEL_EXPORT struct otel_counter *otel_counter_new(struct otel_meter *meter, const char *name,
                                                  const char *unit, const char *description);
OTEL_EXPORT struct otel_counter_double *otel_counter_double_new(struct otel_meter *meter,
                                                                const char *name, const char *unit,
                                                                const char *description);
OTEL_EXPORT struct otel_up_down_counter *otel_up_down_counter_new(struct otel_meter *meter,
                                                                  const char *name,
                                                                  const char *unit,
                                                                  const char *description);
OTEL_EXPORT struct otel_gauge *otel_gauge_new(struct otel_meter *meter, const char *name,
                                              const char *unit, const char *description);
/*
 * `bounds`: n upper bounds, increasing; NULL for the specification's default. When one meter asks twice
 * the first bounds hold; those of a later meter of the scope take over, and the histogram starts anew.
 */
OTEL_EXPORT struct otel_histogram *otel_histogram_new(struct otel_meter *meter, const char *name,
                                                      const char *unit, const char *description,
                                                      const double *bounds, size_t n_bounds);

/* Adds; a negative value is ignored, and warned of once. [any] */
OTEL_EXPORT void otel_counter_add_n(struct otel_counter *counter, int64_t value,
                                    const struct otel_attribute *attributes, size_t n);
OTEL_EXPORT void otel_counter_double_add_n(struct otel_counter_double *counter, double value,
                                           const struct otel_attribute *attributes, size_t n);
OTEL_EXPORT void otel_up_down_counter_add_n(struct otel_up_down_counter *counter, int64_t value,
                                            const struct otel_attribute *attributes, size_t n);
OTEL_EXPORT void otel_gauge_record_n(struct otel_gauge *gauge, double value,
                                     const struct otel_attribute *attributes, size_t n);
/* Records; a negative or not finite value is ignored. [any] */
OTEL_EXPORT void otel_histogram_record_n(struct otel_histogram *histogram, double value,
                                         const struct otel_attribute *attributes, size_t n);

/* The same with the attributes written out; none are fine. */
#define otel_counter_add(counter, value, ...) \
	otel_counter_add_n((counter), (value), OTEL_ATTRIBUTES(__VA_ARGS__))
#define otel_counter_double_add(counter, value, ...) \
	otel_counter_double_add_n((counter), (value), OTEL_ATTRIBUTES(__VA_ARGS__))
#define otel_up_down_counter_add(counter, value, ...) \
	otel_up_down_counter_add_n((counter), (value), OTEL_ATTRIBUTES(__VA_ARGS__))
#define otel_gauge_record(gauge, value, ...) \
	otel_gauge_record_n((gauge), (value), OTEL_ATTRIBUTES(__VA_ARGS__))
#define otel_histogram_record(histogram, value, ...) \
	otel_histogram_record_n((histogram), (value), OTEL_ATTRIBUTES(__VA_ARGS__))

/*
 * Observable instruments: `observe` runs on the reader's thread, once per collection, and reports the
 * value of each set of attributes by otel_observe; it must not block, suspend or collect. For sums the
 * value is the total so far. A set that is not reported again ends. It stops when the instrument is freed or its meter is closed: neither returns while
 * the callback runs.
 */
struct otel_observable;
struct otel_observation; /* opaque; valid during the callback */
typedef void otel_observe_fn(struct otel_observation *observation, void *userdata);

enum otel_observable_kind {
	OTEL_OBSERVABLE_COUNTER,
	OTEL_OBSERVABLE_UP_DOWN_COUNTER,
	OTEL_OBSERVABLE_GAUGE
};
/* `kind`: enum otel_observable_kind. NULL for a NULL meter or callback, a kind that is none, or without memory. [any] */
OTEL_EXPORT struct otel_observable *otel_observable_new(struct otel_meter *meter, int kind,
                                                        const char *name, const char *unit,
                                                        const char *description,
                                                        otel_observe_fn *observe, void *userdata);
/*
 * Ends the callback: waits for one that runs on another thread, so hold no lock that it wants; from
 * within the callback it returns at once. Sums are reported once more, gauges are not. NULL is fine. [any]
 */
OTEL_EXPORT void otel_observable_free(struct otel_observable *observable);
/* From within the callback; of one set of attributes the last value counts. */
OTEL_EXPORT void otel_observe_int_n(struct otel_observation *observation, int64_t value,
                                    const struct otel_attribute *attributes, size_t n);
OTEL_EXPORT void otel_observe_double_n(struct otel_observation *observation, double value,
                                       const struct otel_attribute *attributes, size_t n);
#define otel_observe_int(observation, value, ...) \
	otel_observe_int_n((observation), (value), OTEL_ATTRIBUTES(__VA_ARGS__))
#define otel_observe_double(observation, value, ...) \
	otel_observe_double_n((observation), (value), OTEL_ATTRIBUTES(__VA_ARGS__))

#ifdef __cplusplus
}
#endif

#endif
