/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --watch: the folders of the plugins' files are watched, not the files, because builds replace files. A
 * save is a close after writing or a rename; the reload follows when the folder has been quiet for
 * QUIET_MS, since linkers write in several goes. A file that is not whole is refused by the reload itself.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "master_priv.h"
#include "memory.h"

#define QUIET_MS 100

struct watched {
	LIST_ENTRY(watched) link;
	struct watch *watch;
	char *plugin, *file; /* the file's name in its folder */
	int descriptor;
	struct event *quiet;
};

struct watch {
	struct master *master;
	int fd;
	struct event *readable;
	LIST_HEAD(, watched) files;
};

static void
on_reloaded(json_t *answer, void *arg)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	char *plugin = arg;

	if (error)
		host_log(HOST_ERROR, "plugin %s was saved, and not reloaded: %s", plugin,
		         error);
	else
		host_log(HOST_INFO, "plugin %s was saved and reloaded: generation %d",
		         plugin,
		         (int)json_integer_value(json_object_get(answer, "generation")));
	free(plugin);
}

static void
on_quiet(evutil_socket_t fd, short what, void *arg)
{
	struct watched *watched = arg;
	struct master *master = watched->watch->master;

	if (!master->stopping && master_plugin(master, watched->plugin))
		control_reload(master, watched->plugin, on_reloaded,
		               xstrdup(watched->plugin));
}

static void
on_saved(struct watch *watch, const struct inotify_event *event)
{
	struct timeval quiet = { 0, QUIET_MS * 1000 };
	struct watched *watched;

	LIST_FOREACH (watched, &watch->files, link)
		if (watched->descriptor == event->wd && event->len &&
		    !strcmp(event->name, watched->file))
			event_add(watched->quiet, &quiet);
}

static void
on_inotify(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;
	union {
		char bytes[8192];
		struct inotify_event align;
	} buf;
	ssize_t n;

	while ((n = read(watch->fd, buf.bytes, sizeof buf.bytes)) > 0)
		for (char *at = buf.bytes; at < buf.bytes + n;) {
			const struct inotify_event *event = (const void *)at;

			on_saved(watch, event);
			at += sizeof *event + event->len;
		}
}

static void
watched_free(struct watched *watched)
{
	LIST_REMOVE(watched, link);
	event_free(watched->quiet);
	free(watched->plugin);
	free(watched->file);
	free(watched);
}

/* The folder stays watched: another plugin may live there. */
static void
forget(struct watch *watch, const char *plugin)
{
	struct watched *watched;

	LIST_FOREACH (watched, &watch->files, link)
		if (!strcmp(watched->plugin, plugin)) {
			watched_free(watched);
			return;
		}
}

void
watch_plugin(struct watch *watch, const struct plugin *plugin)
{
	const char *path = plugin->conf->path, *slash = strrchr(path, '/');
	struct watched *watched;
	char *folder;

	if (!watch || !slash)
		return;
	forget(watch, plugin->name);
	watched = xcalloc(1, sizeof *watched);
	folder = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	watched->watch = watch;
	watched->plugin = xstrdup(plugin->name);
	watched->file = xstrdup(slash + 1);
	watched->quiet = event_new(watch->master->base, -1, 0, on_quiet, watched);
	watched->descriptor = inotify_add_watch(watch->fd, folder,
	                                        IN_CLOSE_WRITE | IN_MOVED_TO);
	if (watched->descriptor < 0)
		host_log(HOST_WARN, "plugin %s: %s cannot be watched: %s", plugin->name,
		         folder, strerror(errno));
	free(folder);
	LIST_INSERT_HEAD(&watch->files, watched, link);
}

struct watch *
watch_new(struct master *master)
{
	struct watch *watch = xcalloc(1, sizeof *watch);

	watch->master = master;
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->fd < 0) {
		host_log(HOST_WARN, "--watch: %s; nothing is reloaded by itself",
		         strerror(errno));
		free(watch);
		return NULL;
	}
	watch->readable = event_new(master->base, watch->fd, EV_READ | EV_PERSIST,
	                            on_inotify, watch);
	event_add(watch->readable, NULL);
	return watch;
}

void
watch_free(struct watch *watch)
{
	struct watched *watched;

	if (!watch)
		return;
	while ((watched = LIST_FIRST(&watch->files)))
		watched_free(watched);
	event_free(watch->readable);
	close(watch->fd);
	free(watch);
}
