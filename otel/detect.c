/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource detectors: a function each that fills a list of attributes, whose strings last as long as
 * the list's arena. What cannot be found out is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "arena_priv.h"
#include "percent_priv.h"
#include "pipeline_priv.h"
#include "resource_priv.h"

#define MAX_FOUND 160

struct findings {
	struct otelp_arena arena;
	struct otel_attribute attributes[MAX_FOUND];
	size_t n;
	bool no_memory;
};

static void
add_n(struct findings *found, const char *key, const char *text, size_t len)
{
	const char *copy;

	if (!text || !len || found->n == MAX_FOUND)
		return;
	copy = otelp_arena_string(&found->arena, text, len);
	if (copy)
		found->attributes[found->n++] = OTEL_STRN(key, copy, len);
	else
		found->no_memory = true;
}

static void
add(struct findings *found, const char *key, const char *text)
{
	add_n(found, key, text, text ? strlen(text) : 0);
}

/* Reads a small file; returns its length without the white space at its end, or -1. */
static ssize_t
read_small(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	while (n > 0 && strchr(" \t\r\n", buf[n - 1]))
		n--;
	buf[n] = '\0';
	return n;
}

static const char *
executable_name(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	const char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* resource semantic conventions: a service without a name is named after its program. */
static void
detect_sdk(struct findings *found)
{
	char path[PATH_MAX], name[PATH_MAX + 32];
	const char *program = executable_name(path, sizeof path);

	snprintf(name, sizeof name, "unknown_service%s%s", program ? ":" : "",
	         program ? program : "");
	add(found, "service.name", name);
	/* "opentelemetry" is reserved for the project's own SDKs. */
	add(found, "telemetry.sdk.name", "cupola-otel");
	add(found, "telemetry.sdk.language", "c");
	add(found, "telemetry.sdk.version", PACKAGE_VERSION);
}

/* The command line is left out: it is where passwords are found. */
static void
detect_process(struct findings *found)
{
	char path[PATH_MAX], buf[1024];
	const char *program = executable_name(path, sizeof path);
	struct passwd user, *entry = NULL;

	found->attributes[found->n++] = OTEL_INT("process.pid", getpid());
	found->attributes[found->n++] = OTEL_INT("process.parent_pid", getppid());
	if (program) {
		add(found, "process.executable.name", program);
		add(found, "process.executable.path", path);
	}
	if (getpwuid_r(geteuid(), &user, buf, sizeof buf, &entry) == 0 && entry)
		add(found, "process.owner", entry->pw_name);
}

static const char *
arch_name(const char *machine)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm32" },
		{ "armv6l", "arm32" }, { "i686", "x86" },      { "i386", "x86" },
		{ "ppc64", "ppc64" },  { "ppc64le", "ppc64" }, { "s390x", "s390x" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i][0], machine) == 0)
			return names[i][1];
	return machine;
}

static void
detect_host(struct findings *found)
{
	struct utsname name;
	char id[64];

	if (uname(&name) == 0) {
		add(found, "host.name", name.nodename);
		add(found, "host.arch", arch_name(name.machine));
	}
	if (read_small("/etc/machine-id", id, sizeof id) > 0)
		add(found, "host.id", id);
}

/* One KEY=VALUE of /etc/os-release, unquoted; NULL when it is not there. */
static const char *
os_release_value(const char *file, const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);

	for (const char *line = file; line; line = strchr(line, '\n')) {
		size_t n;

		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != '=')
			continue;
		line += len + 1;
		n = strcspn(line, "\n");
		if (n >= 2 && (*line == '"' || *line == '\'') && line[n - 1] == *line) {
			line++;
			n -= 2;
		}
		snprintf(buf, size, "%.*s", (int)n, line);
		return buf;
	}
	return NULL;
}

static void
detect_os(struct findings *found)
{
	struct utsname name;
	char file[4096], value[256];

	if (uname(&name) < 0)
		return;
	add(found, "os.type", "linux");
	if (read_small("/etc/os-release", file, sizeof file) > 0) {
		add(found, "os.name",
		    os_release_value(file, "NAME", value, sizeof value));
		add(found, "os.version",
		    os_release_value(file, "VERSION_ID", value, sizeof value));
		add(found, "os.description",
		    os_release_value(file, "PRETTY_NAME", value, sizeof value));
	}
	add(found, "os.build_id", name.release);
}

static const char *
trim(const char *text, size_t *len)
{
	while (*len && strchr(" \t", *text)) {
		text++;
		--*len;
	}
	while (*len && strchr(" \t", text[*len - 1]))
		--*len;
	return text;
}

static int
parse_list(struct findings *found, const char *text, struct otel_error *err)
{
	for (const char *next; text; text = next) {
		size_t len = strcspn(text, ","), key_len, value_len, decoded;
		const char *equals = memchr(text, '=', len), *key, *value;
		char *name, *content;

		next = text[len] ? text + len + 1 : NULL;
		key = trim(text, &len);
		if (!len)
			continue;
		if (!equals)
			return otel_error_set(err, -EINVAL, "'%.*s' has no '='", (int)len,
			                      key);
		key_len = (size_t)(equals - key);
		value_len = len - key_len - 1;
		key = trim(key, &key_len);
		value = trim(equals + 1, &value_len);
		if (!key_len)
			return otel_error_set(err, -EINVAL,
			                      "a value without a key: '%.*s'",
			                      (int)value_len, value);
		if (found->n ==
		    MAX_FOUND - 1) /* the last place is the service's name's */
			return otel_error_set(err, -EINVAL,
			                      "more attributes than there is room for");
		name = otelp_arena_string(&found->arena, key, key_len);
		content = otelp_arena_string(&found->arena, value, value_len);
		if (!name || !content)
			return otel_error_set(err, -ENOMEM, "out of memory");
		if (!otelp_percent_decode(key, key_len, name, &decoded))
			return otel_error_set(err, -EINVAL,
			                      "bad percent-encoding in '%s'", name);
		name[decoded] = '\0';
		if (!otelp_percent_decode(value, value_len, content, &decoded))
			return otel_error_set(err, -EINVAL,
			                      "bad percent-encoding in the value of '%s'",
			                      name);
		found->attributes[found->n++] = OTEL_STRN(name, content, decoded);
	}
	return 0;
}

/* resource/sdk.md: after any error the whole variable is discarded and the error reported. */
static void
detect_env(struct findings *found)
{
	const char *list = getenv("OTEL_RESOURCE_ATTRIBUTES"),
		   *name = getenv("OTEL_SERVICE_NAME");
	struct otel_error err = OTEL_ERROR_INIT;
	size_t before = found->n;
	int r = list ? parse_list(found, list, &err) : 0;

	if (r < 0)
		found->n = before;
	if (r == -ENOMEM)
		found->no_memory = true;
	else if (r < 0)
		otelp_diag(OTEL_DIAG_WARN, "OTEL_RESOURCE_ATTRIBUTES is ignored: %s",
		           err.message);
	add(found, "service.name", name);
}

static const struct detector {
	const char *name;
	void (*detect)(struct findings *found);
	bool conventional; /* its attributes are those of OTELP_SCHEMA_URL */
} detectors[] = {
	{ "sdk", detect_sdk, true },   { "process", detect_process, true },
	{ "host", detect_host, true }, { "os", detect_os, true },
	{ "env", detect_env, false }, /* last, for it wins */
};

static struct findings *
findings_new(void)
{
	struct findings *found = otelp_calloc(1, sizeof *found);

	if (found)
		otelp_arena_init(&found->arena, NULL, 0, SIZE_MAX);
	return found;
}

/* Takes `found`. */
static int
findings_to_resource(struct findings *found, const char *schema_url,
                     struct otel_resource **out, struct otel_error *err)
{
	int r = found->no_memory ? otel_error_set(err, -ENOMEM, "resource: out of memory")
	                         : otel_resource_new(found->attributes, found->n,
	                                             schema_url, out, err);

	otelp_arena_fini(&found->arena);
	otelp_free(found);
	return r;
}

int
otel_resource_detect(struct otel_resource **out, struct otel_error *err)
{
	struct findings *found = findings_new();

	if (!found)
		return otel_error_set(err, -ENOMEM, "resource: out of memory");
	for (size_t i = 0; i < sizeof detectors / sizeof *detectors; i++)
		detectors[i].detect(found);
	return findings_to_resource(found, OTELP_SCHEMA_URL, out, err);
}

int
otel_resource_create(const struct otel_attribute *attributes, size_t n,
                     struct otel_resource **out, struct otel_error *err)
{
	struct otel_resource *detected, *given = NULL;
	int r = otel_resource_detect(&detected, err);

	if (r < 0)
		return r;
	r = otel_resource_new(attributes, n, NULL, &given, err);
	if (r == 0) {
		r = otel_resource_merge(detected, given, out);
		if (r < 0)
			otel_error_set(err, r, "resource: out of memory");
	}
	otel_resource_unref(detected);
	otel_resource_unref(given);
	return r;
}

int
otel_resource_detect_one(const char *detector, struct otel_resource **out,
                         struct otel_error *err)
{
	const struct detector *d = detectors,
			      *end = d + sizeof detectors / sizeof *detectors;
	struct findings *found;

	while (d < end && strcmp(d->name, detector) != 0)
		d++;
	if (d == end)
		return otel_error_set(err, -ENOENT, "resource: there is no detector '%s'",
		                      detector);
	found = findings_new();
	if (!found)
		return otel_error_set(err, -ENOMEM, "resource: out of memory");
	d->detect(found);
	return findings_to_resource(found, d->conventional ? OTELP_SCHEMA_URL : "", out,
	                            err);
}

int
otelp_resource_parse(const char *text, struct otel_resource **out, struct otel_error *err)
{
	struct findings *found = findings_new();
	int r;

	if (!found)
		return otel_error_set(err, -ENOMEM, "resource: out of memory");
	r = parse_list(found, text, err);
	if (r == 0)
		return findings_to_resource(found, "", out, err);
	otelp_arena_fini(&found->arena);
	otelp_free(found);
	return r;
}
