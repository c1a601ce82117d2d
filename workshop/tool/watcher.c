/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "build.h"
#include "course.h"
#include "files.h"
#include "job.h"
#include "memory.h"

#define QUIET_MS 120 /* after a save, before looking: editors write in several goes */
#define LOOK_MS  500 /* between two looks without inotify */

struct unit {
	const char *name; /* borrowed from the course */
	uint64_t hash;    /* of what was there when it was last told of */
	int descriptor;   /* -1: not watched by inotify */
	bool touched;     /* something happened there */
};

struct watcher {
	const struct tool *tool;
	struct unit *units;
	size_t n_units;
	int fd;
	long long look_ms; /* when to look, by now_ms(); 0: nothing happened */
};

static uint64_t
hash_unit(const struct tool *tool, const char *name)
{
	return strcmp(name, "host.conf") != 0 ? build_hash(tool, name)
	                                      : build_conf_hash(tool);
}

static void
add_unit(struct watcher *watcher, const char *name)
{
	struct unit *unit = xgrow(&watcher->units, &watcher->n_units, sizeof *unit);
	bool conf = !strcmp(name, "host.conf");
	char *path = conf ? xstrdup(watcher->tool->dir)
	                  : xasprintf("%s/%s", watcher->tool->dir, name);

	unit->name = name;
	unit->descriptor = -1;
	if (watcher->fd >= 0) {
		unit->descriptor = inotify_add_watch(watcher->fd, path,
		                                     IN_CLOSE_WRITE | IN_MOVED_TO |
		                                             IN_MOVED_FROM | IN_DELETE |
		                                             IN_CREATE | IN_ONLYDIR);
	}
	unit->hash = hash_unit(watcher->tool, name);
	free(path);
}

/* Whether the file system tells of changes that another machine makes: those of networks and containers do not. */
static bool
tells_everything(const char *dir)
{
	static const unsigned long silent[] = { NFS_SUPER_MAGIC,
		                                SMB_SUPER_MAGIC,
		                                0xff534d42 /* cifs */,
		                                0xfe534d42 /* smb2 */,
		                                V9FS_MAGIC,
		                                0x65735546 /* fuse, virtiofs */,
		                                0x786f4256 /* vboxsf */ };
	struct statfs fs;

	if (statfs(dir, &fs) < 0)
		return true;
	for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
		if ((unsigned long)fs.f_type == silent[i])
			return false;
	return true;
}

struct watcher *
watcher_new(const struct tool *tool)
{
	struct watcher *watcher = xcalloc(1, sizeof *watcher);
	bool complete = true;

	watcher->tool = tool;
	watcher->fd = tool->poll || !tells_everything(tool->dir)
	                      ? -1
	                      : inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (size_t i = 0; tool->course->services[i]; i++)
		add_unit(watcher, tool->course->services[i]);
	for (size_t i = 0; tool->course->build[i]; i++)
		add_unit(watcher, tool->course->build[i]);
	add_unit(watcher, "host.conf");
	for (size_t i = 0; i < watcher->n_units; i++)
		complete &= watcher->units[i].descriptor >= 0;
	if (watcher->fd >= 0 && !complete) {
		close(watcher->fd);
		watcher->fd = -1;
	}
	if (watcher->fd < 0)
		watcher->look_ms = now_ms() + LOOK_MS;
	return watcher;
}

void
watcher_free(struct watcher *watcher)
{
	if (!watcher)
		return;
	if (watcher->fd >= 0)
		close(watcher->fd);
	free(watcher->units);
	free(watcher);
}

int
watcher_fd(const struct watcher *watcher)
{
	return watcher->fd;
}

int
watcher_timeout(const struct watcher *watcher)
{
	long long left = watcher->look_ms - now_ms();

	return !watcher->look_ms ? -1 : left > 0 ? (int)left : 0;
}

/* ---- events ---- */

static bool
is_of(const struct unit *unit, const struct inotify_event *event)
{
	if (unit->descriptor != event->wd || !event->len)
		return false;
	return strcmp(unit->name, "host.conf") ? build_is_source(event->name)
	                                       : !strcmp(event->name, "host.conf");
}

/* A folder that was removed is not watched any more, nor is the one that takes its place. */
static void
look_instead(struct watcher *watcher)
{
	close(watcher->fd);
	watcher->fd = -1;
	watcher->look_ms = now_ms() + QUIET_MS;
}

static void
take_event(struct watcher *watcher, const struct inotify_event *event)
{
	for (size_t i = 0; i < watcher->n_units; i++)
		if (is_of(&watcher->units[i], event) || (event->mask & IN_Q_OVERFLOW)) {
			watcher->units[i].touched = true;
			watcher->look_ms = now_ms() + QUIET_MS;
		}
}

static void
read_events(struct watcher *watcher)
{
	union {
		char bytes[8192];
		struct inotify_event align;
	} buf;
	bool gone = false;
	ssize_t n;

	while (watcher->fd >= 0 &&
	       (n = read(watcher->fd, buf.bytes, sizeof buf.bytes)) > 0)
		for (char *at = buf.bytes; at < buf.bytes + n;) {
			const struct inotify_event *event = (const void *)at;

			take_event(watcher, event);
			gone |= event->mask & IN_IGNORED;
			at += sizeof *event + event->len;
		}
	if (gone)
		look_instead(watcher);
}

const char *
watcher_next(struct watcher *watcher)
{
	read_events(watcher);
	if (!watcher->look_ms || watcher_timeout(watcher) > 0)
		return NULL;
	for (size_t i = 0; i < watcher->n_units; i++) {
		struct unit *unit = &watcher->units[i];
		uint64_t hash;

		if (!unit->touched && watcher->fd >= 0)
			continue;
		unit->touched = false;
		hash = hash_unit(watcher->tool, unit->name);
		if (hash == unit->hash)
			continue;
		unit->hash = hash;
		return unit->name;
	}
	watcher->look_ms = watcher->fd >= 0 ? 0 : now_ms() + LOOK_MS;
	return NULL;
}
