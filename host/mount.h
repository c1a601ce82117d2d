/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/mount.h - the plugins of a process, and how one version of a plugin takes over from another.
 *
 *	socket -> mount -> generation -> service
 *	          (a plugin's place,     (one load of its file)
 *	           for ever)
 *
 * A loop reads mount->current once per request. A load goes, on a thread of its own,
 *	copy the file -> try it in another process -> load and start it -> swap the pointer
 *	-> wait until no loop can hold the old one -> let its requests end -> stop it -> unload it
 * and up to the swap any failure leaves the old one serving. An old one that does not end, or that may not
 * be unloaded, is parked: kept for ever, and counted.
 */
#ifndef HOST_MOUNT_H
#define HOST_MOUNT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admission.h"
#include "http-server.h"
#include <otel/error.h>

struct generation;
struct host_loop;
struct host_offload;
struct host_plugin;
struct host_service;
struct json_t;
struct load_report;
struct telemetry;
struct voice;

/* What all mounts of a process share. Borrowed by them, constant once loops run. */
struct site {
	struct host_loop **loops;
	size_t n_loops;
	const char *folder, *data_dir, *copies_dir;
	struct telemetry *telemetry;
	struct host_offload *offload;
	const char *program; /* for trials; NULL: this program */
	atomic_int start_ms; /* for start(), in the trial and in earnest */
	atomic_int drain_ms; /* for the requests of an old generation */
	/* A generation serves now; from the loader's thread. May be NULL. */
	void (*loaded)(void *arg, const char *plugin, const struct load_report *report,
	               const char *copy, const char *source);
	void *arg;
};

enum mount_state { MOUNT_EMPTY, MOUNT_SERVING, MOUNT_FAILED, MOUNT_STOPPED };

struct mount {
	const struct site *site;
	char *name;
	/* read by loops: */
	_Atomic(struct generation *) current; /* NULL: why says why */
	_Atomic(const char *)
		why; /* text of the 503; old ones are kept until mount_free */
	struct host_admission admission;
	atomic_size_t max_body; /* of a request */

	pthread_mutex_t lock; /* one load at a time */
	/* guarded by lock: */
	uint32_t flags;
	bool has_flags; /* set by the first load */
	unsigned last_number;
	struct generation *parked; /* those that will never go */
	struct text *texts;        /* every `why` so far */

	pthread_mutex_t peek; /* taken inside lock, and held for moments only */
	/* guarded by peek, and changed under lock: */
	struct host_plugin *conf; /* owned */
	struct voice *voice;      /* of the last load */

	char *instance_id;
	struct host_loop *home;   /* the loop of a service that is not concurrent */
	atomic_bool is_listening; /* its sockets are accepted from */
	/* Settled by the first load, or by listening without one. */
	atomic_bool is_on_all_loops;
	atomic_uint state, n_parked; /* state: enum mount_state */
	atomic_uint previous;        /* the generation before the current one; 0: none */
	atomic_uint_fast64_t reloads, refused_loads;
	atomic_uint_fast64_t tls_told_ns; /* when mount_tell_tls last did; 0: never */
	atomic_uint_fast64_t errors;      /* of generations that are gone */
};

/* Takes `conf`, a copy of the section. `instance_id` is copied. `home`: see above. */
OTEL_MUST_USE int mount_new(const struct site *site, struct host_plugin *conf,
                            const char *instance_id, struct host_loop *home,
                            struct mount **out);
/* Nothing may be routed to it any more, and mount_stop has been called. NULL is fine. */
void mount_free(struct mount *mount);

struct load_order {
	const char *
		copy; /* a kept copy, loaded as it is and without a trial; NULL: the configured file */
	unsigned number;          /* of that copy */
	struct host_plugin *conf; /* a new section, taken; NULL: as before */
	/* The code that serves now, again, from its own copy: what the file has become meanwhile stays out. */
	bool same_code;
	/* ... and with the settings that it has: nothing but telemetry has changed, so it needs no trial. */
	bool only_telemetry;
};

struct load_report {
	unsigned generation;
	double copy_ms, try_ms, start_ms, swap_ms, drain_ms;
	bool is_same_code;
	bool is_draining; /* the old one still had requests when the report was made */
	bool is_parked;   /* ... or was parked */
	bool is_kept; /* nothing was loaded: only what the host tells of it follows the change */
};

/* Called once the old one has gone, or after a while during which it has not; from the loader's thread. */
typedef void mount_report(void *arg, const struct load_report *report);

/*
 * Loads and swaps as above; blocks until all is done, but `report` comes earlier where the old one drains long.
 * 0, or a negative errno with *err, and then nothing has changed and report is not called. Not [loop].
 */
int mount_load(struct mount *mount, const struct load_order *order, mount_report *report,
               void *arg, struct otel_error *err);

/* It must not be loaded, because of `why`: its listeners answer 503 with it. Not [loop]. */
void mount_fail(struct mount *mount, const char *why);

/*
 * Ends what serves: requests get `grace_ms`, then they are cancelled; then stop(). 0, or -ETIMEDOUT when a load was
 * under way for so long: then nothing has changed. Not [loop].
 */
int mount_stop(struct mount *mount, int grace_ms);

/* on_head: admits a request to what serves now, or answers 503. [loop] */
enum http_body mount_head(struct mount *mount, struct host_loop *loop,
                          struct http_exchange *x);

/* Cancels streams of what serves now, and with `all` its requests too; for a stop. [any] */
void mount_cancel(struct mount *mount, bool all);

struct mount_status {
	enum mount_state state;
	unsigned generation, previous, parked, in_flight, streams;
	uint64_t requests, refused, errors, reloads, refused_loads;
	char version[64], copy[512];
	char why[400];
};
/* Not [loop]. */
void mount_status(struct mount *mount, struct mount_status *out);
/* Owned; NULL without memory. Not [loop]. */
struct json_t *mount_status_json(struct mount *mount);

/* The voice of its last load, with a reference, or NULL. Not [loop]. */
struct voice *mount_voice(struct mount *mount);
/* The same, or else one without a version, for what happened before there was any. */
struct voice *mount_some_voice(struct mount *mount);
/* A client has spoken TLS to one of its listeners: tells of it, once a minute at most. [loop] */
void mount_tell_tls(struct mount *mount);

#endif
