/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's propagator: the one that was set, or a composite of those that OTEL_PROPAGATORS names,
 * made at the first use.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pipeline_priv.h"
#include <otel/propagation.h>

/* ---- none ---- */

static void
none_inject(const struct otel_propagator *self, const struct otel_context *context,
            otel_carrier_set *set, void *carrier)
{
}

static struct otel_context *
none_extract(const struct otel_propagator *self, struct otel_context *parent,
             otel_carrier_get *get, void *carrier)
{
	return otel_context_ref(parent);
}

static const char *const no_fields[] = { NULL };

const struct otel_propagator otel_propagator_none = { "none", no_fields, none_inject,
	                                              none_extract, NULL };

/* ---- composite: one after the other, each on the context that the last one made ---- */

static void
composite_inject(const struct otel_propagator *self, const struct otel_context *context,
                 otel_carrier_set *set, void *carrier)
{
	for (const struct otel_propagator *const *p = self->data; *p; p++)
		(*p)->inject(*p, context, set, carrier);
}

static struct otel_context *
composite_extract(const struct otel_propagator *self, struct otel_context *parent,
                  otel_carrier_get *get, void *carrier)
{
	struct otel_context *context = otel_context_ref(parent);

	for (const struct otel_propagator *const *p = self->data; *p; p++) {
		struct otel_context *next = (*p)->extract(*p, context, get, carrier);

		otel_context_unref(context);
		context = next;
	}
	return context;
}

/* ---- the global one ---- */

static const struct otel_propagator *const known[] = {
	&otel_propagator_tracecontext,
	&otel_propagator_baggage,
	&otel_propagator_b3,
	&otel_propagator_b3multi,
	&otel_propagator_none,
};

#define N_KNOWN    (sizeof known / sizeof *known)
#define MAX_FIELDS 16

static const struct otel_propagator *members[N_KNOWN + 1];
static const char *member_fields[MAX_FIELDS];
static struct otel_propagator from_env = { "composite", member_fields, composite_inject,
	                                   composite_extract, members };
static _Atomic(const struct otel_propagator *) global;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A name that comes twice counts once. */
static void
add_member(const struct otel_propagator *propagator)
{
	size_t n = 0, n_fields = 0;

	for (; members[n]; n++)
		if (members[n] == propagator)
			return;
	members[n] = propagator;
	while (member_fields[n_fields])
		n_fields++;
	for (const char *const *f = propagator->fields; *f && n_fields < MAX_FIELDS - 1;
	     f++)
		member_fields[n_fields++] = *f;
}

static void
add_named(const char *name, size_t len)
{
	for (size_t i = 0; i < N_KNOWN; i++)
		if (strlen(known[i]->name) == len &&
		    !strncasecmp(known[i]->name, name, len)) {
			add_member(known[i]);
			return;
		}
	otelp_diag(OTEL_DIAG_WARN,
	           "OTEL_PROPAGATORS: there is no propagator '%.*s' here; it is ignored",
	           (int)len, name);
}

static void
read_env(void)
{
	const char *list = getenv("OTEL_PROPAGATORS");

	if (!list || !*list)
		list = "tracecontext,baggage";
	while (*list) {
		size_t len;

		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (len)
			add_named(list, len);
		list += len;
	}
}

const struct otel_propagator *
otel_propagator_global(void)
{
	const struct otel_propagator *set = atomic_load_explicit(&global,
	                                                         memory_order_acquire);

	if (set)
		return set;
	pthread_once(&once, read_env);
	return &from_env;
}

void
otel_propagator_set_global(const struct otel_propagator *propagator)
{
	atomic_store_explicit(&global, propagator, memory_order_release);
}

void
otel_inject(const struct otel_context *context, otel_carrier_set *set, void *carrier)
{
	const struct otel_propagator *propagator = otel_propagator_global();

	propagator->inject(propagator, context ? context : otel_context_current(), set,
	                   carrier);
}

struct otel_context *
otel_extract(struct otel_context *parent, otel_carrier_get *get, void *carrier)
{
	const struct otel_propagator *propagator = otel_propagator_global();

	return propagator->extract(propagator, parent, get, carrier);
}
