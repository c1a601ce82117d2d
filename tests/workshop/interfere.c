/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded by test-tool.py into the workshop's program: a machine that ends, fills up, or lacks something.
 *
 *	INTERFERE_KILL=N      the Nth call that changes a file ends the process instead, as kill -9 does
 *	INTERFERE_FAIL=N:E    the Nth such call, and all after it, fail with errno E
 *	INTERFERE_SAVE=N:FILE   before the Nth such call, somebody saves FILE
 *	INTERFERE_NOSYNC=1      the disk is not waited for
 *	INTERFERE_STATVFS=noexec|full   INTERFERE_TIME=SECONDS (added to the clock)
 *	INTERFERE_INOTIFY=E   INTERFERE_SOCKET=E   INTERFERE_MEMINFO=FILE
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Whether this is the program itself: the front door and make are left alone. */
static int
is_program(void)
{
	static int known = -1;
	char path[512];
	ssize_t n;

	if (known < 0) {
		n = readlink("/proc/self/exe", path, sizeof path - 1);
		path[n > 0 ? n : 0] = '\0';
		known = strstr(path, "cupola-workshop") != NULL;
	}
	return known;
}

static void
save(const char *path)
{
	static const char words[] = "/* saved */\n";
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND);

	if (fd < 0 || syscall(SYS_write, fd, words, sizeof words - 1) < 0)
		abort();
	close(fd);
}

/* 0, or the errno that this call shall fail with. */
static int
count(void)
{
	static long calls;
	const char *kill_at = getenv("INTERFERE_KILL"),
		   *fail_at = getenv("INTERFERE_FAIL"),
		   *save_at = getenv("INTERFERE_SAVE");

	if (!is_program())
		return 0;
	calls++;
	if (save_at && calls == atol(save_at))
		save(strchr(save_at, ':') + 1);
	if (kill_at && calls == atol(kill_at))
		kill(getpid(), SIGKILL);
	return fail_at && calls >= atol(fail_at) ? atoi(strchr(fail_at, ':') + 1) : 0;
}

#define CHANGE(call)                   \
	do {                           \
		int error = count();   \
		if (error) {           \
			errno = error; \
			return -1;     \
		}                      \
		return call;           \
	} while (0)

int
rename(const char *from, const char *to)
{
	CHANGE(REAL(rename)(from, to));
}

int
mkdir(const char *path, mode_t mode)
{
	CHANGE(REAL(mkdir)(path, mode));
}

int
symlink(const char *target, const char *path)
{
	CHANGE(REAL(symlink)(target, path));
}

int
fsync(int fd)
{
	CHANGE(getenv("INTERFERE_NOSYNC") ? 0 : REAL(fsync)(fd));
}

int
unlink(const char *path)
{
	if (getenv("INTERFERE_KILL"))
		count(); /* what is full can still be tidied */
	return REAL(unlink)(path);
}

int
chmod(const char *path, mode_t mode)
{
	CHANGE(REAL(chmod)(path, mode));
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
	if (fd > 2)
		CHANGE(REAL(write)(fd, bytes, len));
	return REAL(write)(fd, bytes, len);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
		/* The lock is not a file of anybody's. */
		if (!strstr(path, "lock"))
			CHANGE(REAL(open)(path, flags, mode));
	}
	return REAL(open)(path, flags, mode);
}

/* ---- a machine that lacks something ---- */

int
statvfs(const char *path, struct statvfs *out)
{
	const char *how = getenv("INTERFERE_STATVFS");
	int r = REAL(statvfs)(path, out);

	if (r == 0 && how && !strcmp(how, "noexec"))
		out->f_flag |= ST_NOEXEC;
	if (r == 0 && how && !strcmp(how, "full"))
		out->f_bavail = 1;
	return r;
}

time_t
time(time_t *out)
{
	const char *more = getenv("INTERFERE_TIME");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (more)
		now.tv_sec += atol(more);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

int
inotify_init1(int flags)
{
	const char *error = getenv("INTERFERE_INOTIFY");
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "inotify_init1");

	if (error) {
		errno = atoi(error);
		return -1;
	}
	return real(flags);
}

int
socket(int domain, int type, int protocol)
{
	const char *error = getenv("INTERFERE_SOCKET");
	int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");

	if (error && is_program()) {
		errno = atoi(error);
		return -1;
	}
	return real(domain, type, protocol);
}

FILE *
fopen(const char *path, const char *mode)
{
	const char *other = getenv("INTERFERE_MEMINFO");

	if (other && !strcmp(path, "/proc/meminfo"))
		path = other;
	return REAL(fopen)(path, mode);
}
