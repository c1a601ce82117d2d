/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's propagator: the one that was set; or a composite of those that OTEL_PROPAGATORS names;
 * or of those that the program names; or of tracecontext and baggage.
 */
#include <errno.h>
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
	&otel_propagator_tracecontext, &otel_propagator_baggage, &otel_propagator_b3,
	&otel_propagator_b3multi,      &otel_propagator_none,
};

#define N_KNOWN    (sizeof known / sizeof *known)
#define MAX_FIELDS 16

/* Never freed, for somebody may be using it; there is one for each change of the configuration. */
struct composite {
	struct otel_propagator propagator;
	const struct otel_propagator *members[N_KNOWN + 1];
	const char *fields[MAX_FIELDS];
	struct composite *before;
};

static struct composite from_env;
static _Atomic(struct composite *) chosen; /* the default of the program's, newest */
static _Atomic(const struct otel_propagator *) global;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A name that comes twice counts once. */
static void
add_member(struct composite *composite, const struct otel_propagator *propagator)
{
	size_t n = 0, n_fields = 0;

	for (; composite->members[n]; n++)
		if (composite->members[n] == propagator)
			return;
	composite->members[n] = propagator;
	while (composite->fields[n_fields])
		n_fields++;
	for (const char *const *f = propagator->fields; *f && n_fields < MAX_FIELDS - 1;
	     f++)
		composite->fields[n_fields++] = *f;
}

static void
add_named(struct composite *composite, const char *name, size_t len)
{
	for (size_t i = 0; i < N_KNOWN; i++)
		if (strlen(known[i]->name) == len &&
		    !strncasecmp(known[i]->name, name, len)) {
			add_member(composite, known[i]);
			return;
		}
	otelp_diag(OTEL_DIAG_WARN,
	           "propagators: there is none named '%.*s' here; it is ignored",
	           (int)len, name);
}

/* `composite` is zeroed. */
static void
compose(struct composite *composite, const char *list)
{
	while (*list) {
		size_t len;

		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (len)
			add_named(composite, list, len);
		list += len;
	}
	composite->propagator = (struct otel_propagator){ "composite", composite->fields,
		                                          composite_inject,
		                                          composite_extract,
		                                          composite->members };
}

static const char *
env_list(void)
{
	const char *list = getenv("OTEL_PROPAGATORS");

	return list && *list ? list : NULL;
}

static void
read_env(void)
{
	compose(&from_env, env_list() ? env_list() : "tracecontext,baggage");
}

const struct otel_propagator *
otel_propagator_global(void)
{
	const struct otel_propagator *set = atomic_load_explicit(&global,
	                                                         memory_order_acquire);
	struct composite *own = set ? NULL
	                            : atomic_load_explicit(&chosen, memory_order_acquire);

	if (set)
		return set;
	if (own)
		return &own->propagator;
	pthread_once(&once, read_env);
	return &from_env.propagator;
}

int
otel_propagator_set_default(const char *names)
{
	struct composite *composite, *before;

	if (env_list())
		return 0;
	composite = otelp_calloc(1, sizeof *composite);
	if (!composite)
		return -ENOMEM;
	compose(composite, names);
	before = atomic_load_explicit(&chosen, memory_order_relaxed);
	if (before &&
	    memcmp(before->members, composite->members, sizeof before->members) == 0) {
		otelp_free(composite);
		return 0;
	}
	composite->before = before;
	atomic_store_explicit(&chosen, composite, memory_order_release);
	return 0;
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
