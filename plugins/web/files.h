/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web/files.h - a folder of page files, read once at start and served from memory.
 *
 * Only what was in the folder can be asked for, so no path has to be trusted. Answers carry an ETag and a
 * Content-Security-Policy that allows nothing but the page's own files. Immutable once it has been filled:
 * any thread may serve.
 */
#ifndef WEB_FILES_H
#define WEB_FILES_H

#include <cupola/service.h>

struct files;

/* Reads `dir` and the folders in it; hidden files are left out. At most 16 MiB. Blocks: in start() only. */
OTEL_MUST_USE int files_new(const char *dir, struct files **out, struct otel_error *err);
/* Adds what is in `dir`, below `path` ("/pictures"). As files_new; on failure some of it may be there. */
OTEL_MUST_USE int files_add_folder(struct files *files, const char *path, const char *dir,
                                   struct otel_error *err);
/* Adds a page that is made and not read, at `path`, in place of what was there. In start() only. */
OTEL_MUST_USE int files_add_page(struct files *files, const char *path, const char *html,
                                 struct otel_error *err);
/* Takes a file out: nobody can ask for it any more. In start() only. */
void files_drop(struct files *files, const char *path);
/* Borrows the content of the file at `path`, followed by a NUL that is not counted; NULL when there is none. */
const char *files_get(const struct files *files, const char *path, size_t *len);
void files_free(struct files *files); /* NULL is fine */

/* Answers GET and HEAD of "/" (index.html) and of each file; 404 and 405 otherwise. */
int files_reply(const struct files *files, struct svc_request *req);
/* The same with another page, at `path`, in place of the 404's text; it has to be there. */
int files_reply_or(const struct files *files, struct svc_request *req, const char *path);

#endif
