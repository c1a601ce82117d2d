/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine: folders, room, clocks, the loopback interface.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"
#include "files.h"
#include "memory.h"

#define NEED_DISK_MIB   100
#define NEED_MEMORY_MIB 256
#define NEED_FILES      256
#define CLOCK_SLACK_S   2

/* ---- folders ---- */

/* A file in the folder of the working copy, or beside where that will be; written. 0 or -errno. Owned. */
static int
write_probe(const struct patient *patient, char **path)
{
	bool own = !strcmp(patient->near, patient->dir);

	*path = xasprintf("%s/%s.cupola-doctor-%ld", patient->near, own ? "" : ".",
	                  (long)getpid());
	return file_write(*path, "probe\n", 6, 0644);
}

enum verdict
doctor_folder(const struct patient *patient, struct finding *out)
{
	char *probe;
	int r = write_probe(patient, &probe);

	unlink(probe);
	free(probe);
	if (!r)
		return doctor_say(out, FINE, "folder: %s can be written to",
		                  patient->near);
	doctor_fix(out, "make it yours (chown, chmod u+w), or name another with --dir");
	return doctor_say(out, BAD, "folder: %s cannot be written to: %s", patient->near,
	                  strerror(-r));
}

enum verdict
doctor_noexec(const struct patient *patient, struct finding *out)
{
	struct statvfs fs;

	if (statvfs(patient->near, &fs) == 0 && (fs.f_flag & ST_NOEXEC)) {
		doctor_fix(out, "name a folder on another file system with --dir");
		return doctor_say(
			out, BAD,
			"noexec: %s is mounted so that nothing in it can be run",
			patient->near);
	}
	return doctor_say(out, FINE, "noexec: what is built in %s can be loaded",
	                  patient->near);
}

enum verdict
doctor_disk(const struct patient *patient, struct finding *out)
{
	struct statvfs fs;
	unsigned long long mib;

	if (statvfs(patient->near, &fs) < 0)
		return doctor_say(out, NOTE, "disk: %s: %s", patient->near,
		                  strerror(errno));
	mib = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
	if (mib >= NEED_DISK_MIB)
		return doctor_say(out, FINE, "disk: %llu MiB are free", mib);
	doctor_fix(out, "make room, or name a folder on another disk with --dir");
	return doctor_say(out, BAD, "disk: expected %d MiB in %s, found %llu",
	                  NEED_DISK_MIB, patient->near, mib);
}

/* ---- room ---- */

enum verdict
doctor_memory(const struct patient *patient, struct finding *out)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	bool known = false;
	char line[128];

	while (file && !known && fgets(line, sizeof line, file))
		known = sscanf(line, "MemAvailable: %llu kB", &kib) == 1;
	if (file)
		fclose(file);
	if (!known)
		return doctor_say(out, FINE,
		                  "memory: the system does not say how much is free");
	if (kib >> 10 >= NEED_MEMORY_MIB)
		return doctor_say(out, FINE, "memory: %llu MiB are free", kib >> 10);
	doctor_fix(
		out,
		"close what you do not need; the station keeps less with --set 'plugin station.budget=64M'");
	return doctor_say(out, NOTE, "memory: expected %d MiB, found %llu",
	                  NEED_MEMORY_MIB, kib >> 10);
}

enum verdict
doctor_files(const struct patient *patient, struct finding *out)
{
	struct rlimit limit = { 0, 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= NEED_FILES)
		return doctor_say(out, FINE, "files: %llu may be open",
		                  (unsigned long long)limit.rlim_cur);
	doctor_fix(out, "ulimit -n 1024");
	return doctor_say(out, NOTE, "files: expected that %d may be open, found %llu",
	                  NEED_FILES, (unsigned long long)limit.rlim_cur);
}

/* ---- clocks ---- */

static void
print_day(time_t when, char *buf, size_t size)
{
	struct tm tm;

	strftime(buf, size, "%Y-%m-%d %H:%M", gmtime_r(&when, &tm));
}

enum verdict
doctor_clock(const struct patient *patient, struct finding *out)
{
	char *steps = xasprintf("%s/steps.json", patient->tool->data), now_text[32],
	     then_text[32];
	time_t now = time(NULL);
	struct stat st = { .st_mtime = 0 };

	(void)!stat(steps, &st);
	free(steps);
	print_day(now, now_text, sizeof now_text);
	print_day(st.st_mtime, then_text, sizeof then_text);
	if (now + CLOCK_SLACK_S >= st.st_mtime)
		return doctor_say(out, FINE, "clock: %s UTC", now_text);
	doctor_fix(out,
	           "sudo timedatectl set-ntp true, or sudo date -s 'YYYY-MM-DD HH:MM'");
	return doctor_say(
		out, NOTE,
		"clock: it says %s, and this was installed on %s: telemetry would seem to come "
		"from the past",
		now_text, then_text);
}

enum verdict
doctor_mtime(const struct patient *patient, struct finding *out)
{
	struct stat st = { .st_mtime = 0 };
	char *probe;
	int r = write_probe(patient, &probe);
	long long ahead;

	if (!r && stat(probe, &st) < 0)
		r = -errno;
	ahead = (long long)st.st_mtime - (long long)time(NULL);
	unlink(probe);
	free(probe);
	if (r < 0)
		return doctor_say(out, NOTE,
		                  "mtime: not tried, as the folder cannot be written to");
	if (ahead <= CLOCK_SLACK_S && ahead >= -CLOCK_SLACK_S)
		return doctor_say(out, FINE, "mtime: files get the time of this clock");
	doctor_fix(
		out,
		"name a folder on a disk of this machine with --dir, or set both clocks");
	return doctor_say(
		out, NOTE,
		"mtime: a file saved now is %lld s %s: make would build too often, or not at all",
		ahead > 0 ? ahead : -ahead, ahead > 0 ? "in the future" : "in the past");
}

/* ---- notification ---- */

enum verdict
doctor_notify(const struct patient *patient, struct finding *out)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), error = fd < 0 ? errno : 0;
	struct pollfd polled = { fd, POLLIN, 0 };
	char *probe = NULL;
	bool told = false;

	if (fd >= 0 &&
	    inotify_add_watch(fd, patient->near, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
		error = errno;
	if (!error) {
		told = write_probe(patient, &probe) == 0 && poll(&polled, 1, 1000) > 0;
		unlink(probe);
		free(probe);
	}
	if (fd >= 0)
		close(fd);
	if (told)
		return doctor_say(out, FINE, "notify: a save is noticed at once");
	if (error == EMFILE || error == ENOSPC)
		doctor_fix(
			out,
			"sudo sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=65536");
	else
		doctor_fix(out, "cupola workshop --poll looks for saves twice a second");
	return doctor_say(out, NOTE,
	                  "notify: the system does not tell of a save in %s%s%s",
	                  patient->near, error ? ": " : "", error ? strerror(error) : "");
}

/* ---- loopback ---- */

enum verdict
doctor_loopback(const struct patient *patient, struct finding *out)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;

	if (server < 0 || client < 0 ||
	    bind(server, (struct sockaddr *)&address, len) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&address, &len) < 0 ||
	    connect(client, (struct sockaddr *)&address, len) < 0)
		error = errno;
	if (server >= 0)
		close(server);
	if (client >= 0)
		close(client);
	if (!error)
		return doctor_say(out, FINE, "loopback: 127.0.0.1 answers");
	doctor_fix(out, "sudo ip link set lo up");
	return doctor_say(out, BAD, "loopback: 127.0.0.1 does not answer: %s",
	                  strerror(error));
}
