/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define LARGEST (16u << 20) /* of a file that a person edits */

/* ---- files ---- */

static int
read_all(int fd, size_t size, char **out, size_t *len)
{
	char *bytes = xcalloc(1, size + 1);
	size_t at = 0;

	for (;;) {
		ssize_t n = read(fd, bytes + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int r = -errno;

			free(bytes);
			return r;
		}
		if (n == 0)
			break;
		at += (size_t)n;
	}
	*out = bytes;
	*len = at;
	return 0;
}

int
file_read(const char *path, char **out, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if (st.st_size > LARGEST)
		r = -EFBIG;
	else
		r = read_all(fd, (size_t)st.st_size, out, len);
	close(fd);
	return r;
}

static int
write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A name beside `path` that neither make nor an editor takes for a source. Owned. */
static char *
beside(const char *path)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path + 1) : 0;

	return xasprintf("%.*s.%s.%ld.new", folder, path, path + folder, (long)getpid());
}

int
file_write(const char *path, const void *bytes, size_t len, mode_t mode)
{
	char *temporary = beside(path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	              0600),
	    r = fd < 0 ? -errno : write_all(fd, bytes, len);

	if (!r && (fchmod(fd, mode & 07777) < 0 || fsync(fd) < 0))
		r = -errno;
	if (fd >= 0 && close(fd) < 0 && !r)
		r = -errno;
	if (!r && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		unlink(temporary);
	free(temporary);
	return r;
}

static int
link_copy(const char *from, const char *to)
{
	char target[PATH_MAX], *temporary;
	ssize_t n = readlink(from, target, sizeof target - 1);
	int r = 0;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	temporary = beside(to);
	unlink(temporary);
	if (symlink(target, temporary) < 0 || rename(temporary, to) < 0) {
		r = -errno;
		unlink(temporary);
	}
	free(temporary);
	return r;
}

int
file_copy(const char *from, const char *to)
{
	struct stat st;
	char *bytes;
	size_t len;
	int r;

	if (lstat(from, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return link_copy(from, to);
	r = file_read(from, &bytes, &len);
	if (r < 0)
		return r;
	r = file_write(to, bytes, len, st.st_mode);
	free(bytes);
	return r;
}

bool
file_same(const char *a, const char *b)
{
	char *one = NULL, *other = NULL;
	size_t n = 0, m = 0;
	bool same = file_read(a, &one, &n) == 0 && file_read(b, &other, &m) == 0 &&
	            n == m && !memcmp(one, other, n);

	free(one);
	free(other);
	return same;
}

bool
file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* ---- folders ---- */

int
dir_make(const char *path)
{
	char *copy = xstrdup(path);
	struct stat st;
	int r = 0;

	for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(copy, 0777) < 0) {
			r = -errno;
			if (r == -EEXIST ||
			    stat(copy, &st) == 0) /* it was there, and need not be ours */
				r = 0;
		}
		if (!slash || r < 0)
			break;
		*slash = '/';
	}
	if (!r && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
		r = -ENOTDIR;
	free(copy);
	return r;
}

int
dir_make_for(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int r;

	if (!slash || slash == path)
		return 0;
	folder = xstrndup(path, (size_t)(slash - path));
	r = dir_make(folder);
	free(folder);
	return r;
}

static int
copy_entry(const char *from, const char *to, char **at)
{
	struct stat st;
	int r;

	if (lstat(from, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		return dir_copy(from, to, at);
	else
		r = file_copy(from, to);
	if (r < 0)
		*at = xstrdup(to);
	return r;
}

int
dir_copy(const char *from, const char *to, char **at)
{
	DIR *dir = opendir(from);
	struct dirent *entry;
	int r = dir ? dir_make(to) : -errno;

	if (r < 0)
		*at = xstrdup(dir ? to : from);
	while (!r && (entry = readdir(dir))) {
		char *a, *b;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		a = xasprintf("%s/%s", from, entry->d_name);
		b = xasprintf("%s/%s", to, entry->d_name);
		r = copy_entry(a, b, at);
		free(a);
		free(b);
	}
	if (dir)
		closedir(dir);
	return r;
}

void
dir_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char *below;
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		below = xasprintf("%s/%s", path, entry->d_name);
		if (lstat(below, &st) == 0 && S_ISDIR(st.st_mode))
			dir_remove(below);
		else
			unlink(below);
		free(below);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

void
dir_flush(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!fsync(fd); /* a file system that cannot is no reason to stop */
	close(fd);
}

/* ---- hashes ---- */

uint64_t
hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 1099511628211ull;
	return hash;
}

uint64_t
hash_file(uint64_t hash, const char *path)
{
	char *bytes;
	size_t len;

	if (file_read(path, &bytes, &len) < 0)
		return hash_bytes(hash, "absent", 6);
	hash = hash_bytes(hash, bytes, len);
	hash = hash_bytes(hash, &len, sizeof len);
	free(bytes);
	return hash;
}
