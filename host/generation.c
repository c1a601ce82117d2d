/* SPDX-License-Identifier: Apache-2.0 */
#include "generation.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "crash.h"
#include "current.h"
#include "log.h"
#include "loop.h"
#include "mount.h"
#include "plugin.h"
#include "service.h"
#include "telemetry.h"
#include "try.h"

double
host_ms_since(uint64_t *then)
{
	uint64_t now = host_now_ns(), before = *then;

	*then = now;
	return (double)(now - before) / 1e6;
}

struct generation *
generation_new(struct mount *mount, const struct load_order *order)
{
	struct generation *gen = calloc(1, sizeof *gen);
	int r;

	if (!gen)
		return NULL;
	gen->mount = mount;
	gen->number = order->copy ? order->number : mount->last_number + 1;
	r = order->copy ? asprintf(&gen->copy, "%s", order->copy)
	                : asprintf(&gen->copy, "%s/%s.%u.so", mount->site->copies_dir,
	                           mount->name, gen->number);
	if (r < 0) {
		free(gen);
		return NULL;
	}
	return gen;
}

int
generation_try(const struct generation *gen, const struct load_order *order,
               const struct host_plugin *conf, struct load_report *report,
               struct otel_error *err)
{
	const struct generation *serving = atomic_load(&gen->mount->current);
	const struct site *site = gen->mount->site;
	const struct trial trial = { .copy = gen->copy,
		                     .source = conf->path,
		                     .conf = conf,
		                     .folder = site->folder,
		                     .data_dir = site->data_dir,
		                     .program = site->program,
		                     .timeout_ms = site->start_ms };
	uint64_t then = host_now_ns();
	int r = plugin_copy(order->same_code ? serving->copy : conf->path, gen->copy,
	                    err);

	report->copy_ms = host_ms_since(&then);
	if (r < 0 || order->only_telemetry)
		return r;
	r = try_plugin(&trial, err);
	report->try_ms = host_ms_since(&then);
	return r;
}

static int
check_flags(const struct mount *mount, const struct svc_plugin *table, const char *source,
            struct otel_error *err)
{
	if (!mount->has_flags || ((mount->flags ^ table->flags) & SVC_CONCURRENT) == 0)
		return 0;
	return otel_error_set(
		err, -EINVAL,
		"%s: SVC_CONCURRENT is %s in it and %s in what serves; a reload may not "
		"change that: restart the host",
		source, table->flags & SVC_CONCURRENT ? "set" : "not set",
		mount->flags & SVC_CONCURRENT ? "set" : "not set");
}

OTEL_PRINTF(3, 0)
static void
log_of_service(void *arg, int level, const char *fmt, va_list ap)
{
	const struct mount *mount = arg;

	host_vlog_about(level, mount->name, fmt, ap);
}

static int
make_voice(struct generation *gen, const struct host_plugin *conf, struct otel_error *err)
{
	const struct mount *mount = gen->mount;
	const struct svc_plugin *table = gen->plugin->table;
	int r;

	if (!mount->site->telemetry)
		return 0;
	r = telemetry_voice(mount->site->telemetry, mount->name, plugin_version(table),
	                    mount->instance_id, &conf->telemetry, &gen->voice, err);
	if (r < 0)
		return r;
	gen->meter = voice_meter(gen->voice, table->name, plugin_version(table));
	gen->http_meter = voice_meter(gen->voice, "cupola", PACKAGE_VERSION);
	return 0;
}

static int
make_service(struct generation *gen, const struct host_plugin *conf,
             struct otel_error *err)
{
	struct mount *mount = gen->mount;
	const struct svc_plugin *table = gen->plugin->table;
	struct host_service_config config = {
		.plugin = table,
		.name = mount->name,
		.generation = gen->number,
		.data_dir = mount->site->data_dir,
		.settings = gen->settings.values,
		.n_settings = gen->settings.n,
		.log = log_of_service,
		.log_arg = mount,
		.tracer = voice_tracer(gen->voice, table->name, plugin_version(table)),
		.meter = gen->meter,
		.logger = voice_logger(gen->voice, table->name, plugin_version(table)),
		.instrument = conf->instrument,
		.untraced = gen->untraced,
		.http_tracer = gen->voice ? gen->voice->http_tracer : NULL,
		.http_meter = gen->http_meter,
		.http_logger = gen->voice ? gen->voice->http_logger : NULL,
		.admission = &mount->admission,
		.offload = mount->site->offload,
		.deadline_ms = (int)conf->request_timeout_ms,
	};

	return host_service_new(&config, &gen->service, err);
}

/* Maps the file, which runs its constructors: a crash in one is the plugin's. */
static int
open_plugin(struct generation *gen, const char *source, struct otel_error *err)
{
	const struct host_current here = { .plugin = gen->mount->name,
		                           .generation = gen->number,
		                           .doing = "load",
		                           .detail = "" };
	int r;

	host_current = &here;
	r = plugin_open(gen->copy, source, gen->mount->name, &gen->plugin, err);
	host_current = NULL;
	if (r == 0)
		crash_know(gen->plugin->base);
	return r;
}

int
generation_start(struct generation *gen, const struct host_plugin *conf,
                 struct otel_error *err)
{
	const struct mount *mount = gen->mount;
	int r = open_plugin(gen, conf->path, err);

	if (r == 0)
		r = check_flags(mount, gen->plugin->table, conf->path, err);
	if (r == 0)
		r = settings_init(&gen->settings, conf, mount->site->folder,
		                  gen->plugin->table->keys, err);
	if (r == 0 && conf->untraced && !(gen->untraced = strdup(conf->untraced)))
		r = otel_error_set(err, -ENOMEM, "%s: out of memory", conf->path);
	if (r == 0)
		r = make_voice(gen, conf, err);
	if (r == 0)
		r = make_service(gen, conf, err);
	if (r < 0)
		return r;
	r = host_service_start(gen->service, mount->site->start_ms, err);
	if (r < 0)
		otel_error_prefix(err, "%s", conf->path);
	return r;
}

int
generation_attach(struct generation *gen, struct otel_error *err)
{
	struct mount *mount = gen->mount;
	const struct site *site = mount->site;

	if (atomic_load(&mount->is_on_all_loops))
		return host_service_attach(gen->service, site->loops, site->n_loops, err);
	return host_service_attach(gen->service, &mount->home, 1, err);
}

void
generation_release(struct generation *gen)
{
	host_service_free(gen->service);
	gen->service = NULL;
	otel_meter_close(gen->meter);
	otel_meter_close(gen->http_meter);
	gen->meter = gen->http_meter = NULL;
	voice_unref(gen->voice);
	gen->voice = NULL;
	settings_fini(&gen->settings);
	free(gen->untraced);
	gen->untraced = NULL;
}

void
generation_free(struct generation *gen)
{
	if (!gen)
		return;
	generation_release(gen);
	if (gen->plugin && !gen->plugin->keep)
		crash_forget(gen->plugin->base);
	plugin_close(gen->plugin);
	free(gen->copy);
	free(gen);
}
