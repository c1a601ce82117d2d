/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime-dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "memory.h"

static int
make_with_parents(const char *path)
{
	char *copy = xstrdup(path);
	int r = 0;

	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			break; /* the last mkdir says it */
		*slash = '/';
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	free(copy);
	return r;
}

static int
open_own(const char *path, struct otel_error *err)
{
	int r = make_with_parents(path), fd;
	struct stat st;

	if (r < 0)
		return otel_error_set(
			err, r,
			"%s: make the runtime folder: %s; set runtime_dir in [host]",
			path, strerror(-r));
	fd = open(path, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return otel_error_set(
			err, r,
			"%s: open the runtime folder: %s; set runtime_dir in [host]",
			path, strerror(-r));
	}
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		close(fd);
		return otel_error_set(
			err, -EPERM,
			"%s: expected a folder of ours that nobody else can write to, found owner "
			"%u and mode %03o; set runtime_dir in [host]",
			path, (unsigned)st.st_uid, (unsigned)st.st_mode & 0777);
	}
	return fd;
}

/* 0, or -EBUSY with the pid that the file holds. */
static int
lock(struct host_rundir *runtime, struct otel_error *err)
{
	char text[32] = "";
	ssize_t n;
	int fd = openat(runtime->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return otel_error_set(err, -errno, "%s/lock: %s", runtime->path,
		                      strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		n = read(fd, text, sizeof text - 1);
		text[n > 0 ? n : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		close(fd);
		return otel_error_set(
			err, -EBUSY,
			"%s: a host is running there already (pid %s); `cupola stop` ends it, another "
			"host.runtime_dir makes a second one",
			runtime->path, *text ? text : "unknown");
	}
	runtime->lock_fd = fd;
	snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		return otel_error_set(err, -errno, "%s/lock: %s", runtime->path,
		                      strerror(errno));
	return 0;
}

static void
empty_copies(const struct host_rundir *runtime)
{
	int fd = openat(runtime->dir_fd, "copies", O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.')
			unlinkat(fd, entry->d_name, 0);
	closedir(dir);
}

static int
make_copies(struct host_rundir *runtime, const char *user, struct otel_error *err)
{
	const struct passwd *pw = *user ? getpwnam(user) : NULL;
	uid_t uid = pw ? pw->pw_uid : geteuid();
	gid_t gid = pw ? pw->pw_gid : getegid();

	empty_copies(runtime);
	if (mkdirat(runtime->dir_fd, "copies", 0700) < 0 && errno != EEXIST)
		return otel_error_set(err, -errno, "%s: %s", runtime->copies,
		                      strerror(errno));
	if (fchownat(runtime->dir_fd, "copies", uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (pw && (fchown(runtime->dir_fd, geteuid(), gid) < 0 ||
	            fchmod(runtime->dir_fd, 0710) < 0)) ||
	    (!pw && fchmod(runtime->dir_fd, 0700) < 0))
		return otel_error_set(err, -errno, "%s: hand it to the workers: %s",
		                      runtime->copies, strerror(errno));
	return 0;
}

int
host_rundir_init(struct host_rundir *runtime, const char *path, const char *user,
                  struct otel_error *err)
{
	int r;

	*runtime = (struct host_rundir){ .dir_fd = -1, .lock_fd = -1 };
	runtime->path = xstrdup(path);
	runtime->copies = xasprintf("%s/copies", path);
	runtime->dir_fd = r = open_own(path, err);
	if (r >= 0)
		r = lock(runtime, err);
	if (!r)
		r = make_copies(runtime, user, err);
	if (r < 0)
		host_rundir_fini(runtime);
	return r;
}

void
host_rundir_fini(struct host_rundir *runtime)
{
	if (runtime->lock_fd >= 0) {
		unlinkat(runtime->dir_fd, "control", 0);
		empty_copies(runtime);
		unlinkat(runtime->dir_fd, "copies", AT_REMOVEDIR);
		close(runtime->lock_fd);
	}
	if (runtime->dir_fd >= 0)
		close(runtime->dir_fd);
	free(runtime->path);
	free(runtime->copies);
	*runtime = (struct host_rundir){ .dir_fd = -1, .lock_fd = -1 };
}

/* ---- the control socket ---- */

static int
make_socket(int dir_fd, struct sockaddr_un *address)
{
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/control",
	         dir_fd);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int
host_rundir_listen(const struct host_rundir *runtime, struct otel_error *err)
{
	struct sockaddr_un address;
	int fd = make_socket(runtime->dir_fd, &address), r;
	mode_t mask;

	if (fd < 0)
		return otel_error_set(err, -errno, "control socket: %s", strerror(errno));
	unlinkat(runtime->dir_fd, "control",
	         0); /* we have the lock: it is a dead host's */
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	                    listen(fd, 64) < 0
	            ? -errno
	            : 0;
	umask(mask);
	if (r < 0) {
		close(fd);
		return otel_error_set(err, r, "%s/control: %s", runtime->path,
		                      strerror(-r));
	}
	return fd;
}

int
host_rundir_connect(const char *path, struct otel_error *err)
{
	int dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, r;
	struct sockaddr_un address;

	if (dir_fd < 0)
		return otel_error_set(
			err, -errno,
			"no host is running (%s: %s); start one with `cupola run`", path,
			strerror(errno));
	fd = make_socket(dir_fd, &address);
	r = fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0
	            ? -errno
	            : 0;
	close(dir_fd);
	if (!r)
		return fd;
	if (fd >= 0)
		close(fd);
	return otel_error_set(
		err, r,
		"no host is running (%s/control: %s); start one with `cupola run`", path,
		strerror(-r));
}
