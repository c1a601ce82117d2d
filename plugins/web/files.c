/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_BYTES ((size_t)16 << 20)
#define MAX_DEPTH 4

struct file {
	char *path; /* as it is asked for: "/js/map.js" */
	const char *type;
	char etag[24];
	char *data;
	size_t len;
};

struct files {
	struct file *list; /* sorted by path */
	size_t n, bytes;
};

static const char *
type_of(const char *path)
{
	static const char *const types[][2] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".json", "application/json" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".ico", "image/x-icon" },
		{ ".txt", "text/plain; charset=utf-8" },
		{ ".webmanifest", "application/manifest+json" },
	};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
		if (!strcmp(dot, types[i][0]))
			return types[i][1];
	return "application/octet-stream";
}

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

/* Takes `data`. */
static int
add(struct files *files, const char *path, const char *type, char *data, size_t len,
    struct otel_error *err)
{
	uint64_t hash =
		0xcbf29ce484222325u; /* FNV-1a: tells versions apart, no more is asked of it */
	struct file *more, file = { .type = type, .data = data, .len = len };

	file.path = strdup(path);
	more = realloc(files->list, (files->n + 1) * sizeof *more);
	if (more)
		files->list = more;
	if (!more || !file.path || !data) {
		free(file.path);
		free(data);
		return otel_error_set(err, -ENOMEM, "%s: out of memory", path);
	}
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)data[i]) * 0x100000001b3u;
	snprintf(file.etag, sizeof file.etag, "\"%016" PRIx64 "\"", hash);
	files->list[files->n++] = file;
	files->bytes += len;
	return 0;
}

static int
read_file(struct files *files, const char *name, const char *path, size_t size,
          struct otel_error *err)
{
	char *data;
	FILE *stream;

	if (files->bytes + size > MAX_BYTES)
		return otel_error_set(err, -EFBIG, "%s: the folder has more than %zu MiB",
		                      name, MAX_BYTES >> 20);
	data = calloc(1, size + 1);
	if (!data)
		return otel_error_set(err, -ENOMEM, "%s: out of memory", name);
	stream = fopen(name, "re");
	if (!stream || fread(data, 1, size, stream) != size) {
		if (stream)
			fclose(stream);
		free(data);
		return otel_error_set(err, -EIO, "%s: cannot be read", name);
	}
	fclose(stream);
	return add(files, path, type_of(path), data, size, err);
}

static int
read_folder(struct files *files, const char *dir, const char *path, int depth,
            struct otel_error *err)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return otel_error_set(err, -errno, "%s: %s", dir, strerror(errno));
	while (r == 0 && (entry = readdir(folder))) {
		char name[4096], below[1024];
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(name, sizeof name, "%s/%s", dir, entry->d_name) >=
		            sizeof name ||
		    (size_t)snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >=
		            sizeof below)
			r = otel_error_set(err, -ENAMETOOLONG,
			                   "%s/%s: the name is too long", dir,
			                   entry->d_name);
		else if (stat(name, &st) < 0)
			r = otel_error_set(err, -errno, "%s: %s", name, strerror(errno));
		else if (S_ISREG(st.st_mode))
			r = read_file(files, name, below, (size_t)st.st_size, err);
		else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
			r = read_folder(files, name, below, depth + 1, err);
	}
	closedir(folder);
	return r;
}

int
files_new(const char *dir, struct files **out, struct otel_error *err)
{
	struct files *files = calloc(1, sizeof *files);
	int r;

	if (!files)
		return otel_error_set(err, -ENOMEM, "out of memory");
	r = files_add_folder(files, "", dir, err);
	if (r < 0) {
		files_free(files);
		return r;
	}
	*out = files;
	return 0;
}

int
files_add_folder(struct files *files, const char *path, const char *dir,
                 struct otel_error *err)
{
	int r = read_folder(files, dir, path, 0, err);

	if (files->n)
		qsort(files->list, files->n, sizeof *files->list, compare);
	return r;
}

static struct file *
find(const struct files *files, const char *path)
{
	const struct file key = { .path = (char *)(uintptr_t)path };

	return files->n ? bsearch(&key, files->list, files->n, sizeof key, compare)
	                : NULL;
}

void
files_drop(struct files *files, const char *path)
{
	struct file *file = find(files, path), *end = files->list + files->n;

	if (!file)
		return;
	files->bytes -= file->len;
	free(file->path);
	free(file->data);
	memmove(file, file + 1, (size_t)(end - file - 1) * sizeof *file);
	files->n--;
}

int
files_add_page(struct files *files, const char *path, const char *html,
               struct otel_error *err)
{
	int r;

	files_drop(files, path);
	r = add(files, path, "text/html; charset=utf-8", strdup(html), strlen(html), err);
	qsort(files->list, files->n, sizeof *files->list, compare);
	return r;
}

const char *
files_get(const struct files *files, const char *path, size_t *len)
{
	const struct file *file = find(files, path);

	if (!file)
		return NULL;
	*len = file->len;
	return file->data;
}

void
files_free(struct files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->n; i++) {
		free(files->list[i].path);
		free(files->list[i].data);
	}
	free(files->list);
	free(files);
}

static int
reply(const struct file *file, struct svc_request *req, int status)
{
	const char *have;

	if (strcmp(req->method, "GET") != 0 && strcmp(req->method, "HEAD") != 0) {
		svc_reply_header(req, "Allow", "GET, HEAD");
		return svc_reply_text(req, 405, "pages are asked for by GET\n");
	}
	svc_reply_header(req, "ETag", file->etag);
	svc_reply_header(req, "Cache-Control",
	                 "no-cache"); /* kept, but asked for: a reload is seen at once */
	svc_reply_header(req, "X-Content-Type-Options", "nosniff");
	svc_reply_header(req, "Referrer-Policy", "no-referrer");
	svc_reply_header(req, "Content-Security-Policy",
	                 "default-src 'self'; img-src 'self' data:; base-uri 'none'; "
	                 "form-action 'self'; frame-ancestors 'self'; object-src 'none'");
	have = svc_header(req, "if-none-match");
	if (status == 200 && have && strstr(have, file->etag))
		return svc_reply(req, 304, NULL, NULL, 0);
	return svc_reply(req, status, file->type, file->data, file->len);
}

static const struct file *
asked_for(const struct files *files, struct svc_request *req)
{
	return find(files, strcmp(req->path, "/") ? req->path : "/index.html");
}

int
files_reply(const struct files *files, struct svc_request *req)
{
	const struct file *file = asked_for(files, req);

	if (!file)
		return svc_reply_text(req, 404, "there is no such page\n");
	return reply(file, req, 200);
}

int
files_reply_or(const struct files *files, struct svc_request *req, const char *path)
{
	const struct file *file = asked_for(files, req);

	return reply(file ? file : find(files, path), req, file ? 200 : 404);
}
