/* SPDX-License-Identifier: Apache-2.0 */
#include "worker-boot.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf.h"
#include "memory.h"

/* ---- in the master ---- */

static json_t *
sockets_to_json(const struct worker_boot *boot)
{
	json_t *array = json_array();

	for (size_t i = 0; i < boot->n_sockets; i++) {
		const struct worker_socket *s = &boot->sockets[i];

		json_array_append_new(
			array, json_pack("{s:s,s:s,s:s,s:i,s:i,s:i}", "plugin", s->plugin,
		                         "label", s->label, "address", s->address, "port",
		                         (int)s->port, "loop", s->loop, "fd", s->fd));
	}
	return array;
}

static json_t *
plugins_to_json(const struct worker_boot *boot)
{
	json_t *array = json_array();

	for (size_t i = 0; i < boot->n_plugins; i++) {
		const struct worker_plugin *p = &boot->plugins[i];
		json_t *item = json_pack(
			"{s:s,s:s,s:s?,s:i,s:i,s:s?,s:s?}", "name", p->name,
			"instance_id", p->instance_id, "start_from", p->start_from,
			"generation", p->generation, "last_generation",
			p->last_generation, "failed", p->failed, "crash", p->crash);

		if (p->own)
			json_object_set_new(item, "own", host_plugin_to_json(p->own));
		json_array_append_new(array, item);
	}
	return array;
}

int
worker_boot_write(const struct worker_boot *boot, struct otel_error *err)
{
	json_t *json = json_pack(
		"{s:s,s:o,s:i,s:i,s:i,s:i,s:s,s:o,s:o}", "process", boot->process, "conf",
		host_conf_to_json(boot->conf), "restarts", boot->restarts, "control_fd",
		boot->control_fd, "life_fd", boot->life_fd, "crash_fd", boot->crash_fd,
		"copies_dir", boot->copies_dir, "sockets", sockets_to_json(boot),
		"plugins", plugins_to_json(boot));
	int fd = json ? memfd_create("cupola-boot", 0) : -1, r = 0;

	if (!json)
		return otel_error_set(err, -ENOMEM,
		                      "worker %s: boot information: out of memory",
		                      boot->process);
	if (fd < 0)
		r = -errno;
	else if (json_dumpfd(json, fd, JSON_COMPACT) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		r = -EIO;
	json_decref(json);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return otel_error_set(err, r, "worker %s: boot information: %s",
		                      boot->process, strerror(-r));
	}
	return fd;
}

/* ---- in the worker ---- */

static char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? xstrdup(text) : NULL;
}

static int
number_of(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	return json_is_integer(value) ? (int)json_integer_value(value) : -1;
}

int
worker_sockets_from_json(const struct json_t *array, struct worker_socket **sockets,
                         size_t *n)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		struct worker_socket *s = xgrow(sockets, n, sizeof *s);

		s->plugin = text_of(item, "plugin");
		s->label = text_of(item, "label");
		s->address = text_of(item, "address");
		s->port = (uint16_t)number_of(item, "port");
		s->loop = number_of(item, "loop");
		s->fd = number_of(item, "fd");
		if (!s->plugin || !s->label || !s->address || s->loop < 0 || s->fd < 0)
			return -EBADMSG;
	}
	return 0;
}

static int
plugins_from_json(const json_t *array, struct worker_boot *boot)
{
	const json_t *item, *own;
	size_t i;

	json_array_foreach(array, i, item)
	{
		struct worker_plugin *p = xgrow(&boot->plugins, &boot->n_plugins,
		                                sizeof *p);

		p->name = text_of(item, "name");
		p->instance_id = text_of(item, "instance_id");
		p->start_from = text_of(item, "start_from");
		p->generation = number_of(item, "generation");
		p->last_generation = number_of(item, "last_generation");
		p->failed = text_of(item, "failed");
		p->crash = text_of(item, "crash");
		own = json_object_get(item, "own");
		if (!p->name || !p->instance_id ||
		    (own && host_plugin_from_json(own, &p->own, NULL) < 0))
			return -EBADMSG;
	}
	return 0;
}

static void
keep_from_children(const struct worker_boot *boot)
{
	fcntl(boot->control_fd, F_SETFD, FD_CLOEXEC);
	fcntl(boot->life_fd, F_SETFD, FD_CLOEXEC);
	fcntl(boot->crash_fd, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < boot->n_sockets; i++)
		fcntl(boot->sockets[i].fd, F_SETFD, FD_CLOEXEC);
}

int
worker_boot_read(int fd, struct worker_boot **out, struct otel_error *err)
{
	struct worker_boot *boot = xcalloc(1, sizeof *boot);
	json_error_t why;
	json_t *json = json_loadfd(fd, 0, &why);
	int r;

	close(fd);
	if (!json) {
		free(boot);
		return otel_error_set(
			err, -EBADMSG,
			"boot information: %s; --worker is for `cupola run` alone",
			why.text);
	}
	boot->process = text_of(json, "process");
	boot->copies_dir = text_of(json, "copies_dir");
	boot->restarts = number_of(json, "restarts");
	boot->control_fd = number_of(json, "control_fd");
	boot->life_fd = number_of(json, "life_fd");
	boot->crash_fd = number_of(json, "crash_fd");
	r = host_conf_from_json(json_object_get(json, "conf"), &boot->conf, err);
	if (!r)
		r = worker_sockets_from_json(json_object_get(json, "sockets"),
		                             &boot->sockets, &boot->n_sockets);
	if (!r)
		r = plugins_from_json(json_object_get(json, "plugins"), boot);
	if (!r && (!boot->process || !boot->copies_dir || boot->control_fd < 0 ||
	           boot->life_fd < 0 || boot->crash_fd < 0))
		r = -EBADMSG;
	json_decref(json);
	if (r < 0) {
		worker_boot_free(boot);
		return otel_error_set(err, r, "boot information: incomplete");
	}
	keep_from_children(boot);
	*out = boot;
	return 0;
}

void
worker_sockets_free(struct worker_socket *sockets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(sockets[i].plugin);
		free(sockets[i].label);
		free(sockets[i].address);
	}
	free(sockets);
}

void
worker_boot_free(struct worker_boot *boot)
{
	if (!boot)
		return;
	worker_sockets_free(boot->sockets, boot->n_sockets);
	for (size_t i = 0; i < boot->n_plugins; i++) {
		struct worker_plugin *p = &boot->plugins[i];

		free(p->name);
		free(p->instance_id);
		free(p->start_from);
		free(p->failed);
		free(p->crash);
		host_plugin_free(p->own);
	}
	free(boot->plugins);
	host_conf_free(boot->conf);
	free(boot->process);
	free(boot->copies_dir);
	free(boot);
}
