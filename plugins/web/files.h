/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web/files.h - a folder of page files, read once at start and served from memory.
 *
 * Only what was in the folder can be asked for, so no path has to be trusted. Answers carry an ETag and a
 * Content-Security-Policy that allows nothing but the page's own files. Immutable after files_new: any
 * thread may serve.
 */
#ifndef WEB_FILES_H
#define WEB_FILES_H

#include <cupola/service.h>

struct files;

/* Reads `dir` and the folders in it; hidden files are left out. At most 16 MiB. Blocks: in start() only. */
OTEL_MUST_USE int files_new(const char *dir, struct files **out, struct otel_error *err);
void files_free(struct files *files); /* NULL is fine */

/* Answers GET and HEAD of "/" (index.html) and of each file; 404 and 405 otherwise. */
int files_reply(const struct files *files, struct svc_request *req);

#endif
