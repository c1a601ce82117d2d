/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guide - the workshop's text in the browser, with what a page on a forge cannot have.
 *
 *	GET /, /section-1-logging, ...   the course's pages, made at start (course.h, markdown.h)
 *	GET /pictures/...                its pictures
 *	GET /api/progress, /api/events   where the learner is (copy.h)
 *	POST /api/run/check?step=1.2     checks, hints, catching up: `cupola workshop` does them (copy.h, run.h)
 *
 * Only the guide's own page may run anything: a page of somebody else's that the browser shows could
 * otherwise change the learner's files.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "course.h"
#include "files.h"
#include "origin.h"
#include <cupola/service.h>

struct guide {
	const struct svc_host *host;
	struct course *course;
	struct files *files;
	struct copy *copy;
	char program[4096];
};

static void
guide_stop(void *self)
{
	struct guide *guide = self;

	copy_free(guide->copy);
	files_free(guide->files);
	course_free(guide->course);
	free(guide);
}

static int
load(struct guide *guide, struct otel_error *err)
{
	const struct svc_host *host = guide->host;
	const char *text = svc_config(host, "text"),
		   *program = svc_config(host, "program");
	struct otel_error pictures_err = OTEL_ERROR_INIT;
	char dir[4096];
	int r;

	if (*program)
		snprintf(guide->program, sizeof guide->program, "%s", program);
	else
		snprintf(guide->program, sizeof guide->program, "%s/../../bin/cupola",
		         host->data_dir);
	snprintf(dir, sizeof dir, "%s/frontend/guide", host->data_dir);
	r = files_new(dir, &guide->files, err);
	if (r < 0)
		return r;
	if (*text)
		snprintf(dir, sizeof dir, "%s", text);
	else
		snprintf(dir, sizeof dir, "%s/workshop", host->data_dir);
	r = course_load(dir, &guide->course, err);
	if (r == 0)
		r = course_pages(guide->course, guide->files, err);
	if (r < 0)
		return r;
	strncat(dir, "/pictures", sizeof dir - strlen(dir) - 1);
	r = files_add_folder(guide->files, "/pictures", dir, &pictures_err);
	if (r < 0 && r != -ENOENT)
		return otel_error_set(err, r, "%s", pictures_err.message);
	r = copy_new(host, guide->course, guide->program, svc_config(host, "copy"),
	             &guide->copy);
	return r < 0 ? otel_error_set(err, r, "out of memory") : 0;
}

static int
guide_start(const struct svc_host *host, void **self, struct otel_error *err)
{
	struct guide *guide = calloc(1, sizeof *guide);
	int r;

	if (!guide)
		return otel_error_set(err, -ENOMEM, "out of memory");
	guide->host = host;
	r = load(guide, err);
	if (r < 0) {
		guide_stop(guide);
		return r;
	}
	*self = guide;
	return 0;
}

static int
act(struct guide *guide, struct svc_request *req, const char *action)
{
	if (strcmp(req->method, "POST") != 0) {
		svc_reply_header(req, "Allow", "POST");
		return svc_reply_text(req, 405, "things are run by POST\n");
	}
	if (!web_is_same_origin(req))
		return svc_reply_text(req, 403,
		                      "only the guide's own page may run anything\n");
	return copy_run(guide->copy, req, action);
}

/* Where things are when the copy does not say; ports may have moved, so the page asks. */
static int
about(const struct guide *guide, struct svc_request *req)
{
	return svc_reply_json(
		req, 200,
		json_pack("{s:s, s:s}", "station", svc_config(guide->host, "station_url"),
	                  "frontend", svc_config(guide->host, "frontend_url")));
}

static int
guide_handle(void *self, struct svc_request *req)
{
	struct guide *guide = self;
	const char *path = req->path;

	if (!web_host_is_ours(req, svc_config(guide->host, "hosts")))
		return svc_reply_text(
			req, 403,
			"The guide does not answer to that name in the address. Use localhost or an\n"
			"IP address, or add the name to `hosts` in [plugin guide].\n");
	if (!strncmp(path, "/api/run/", 9))
		return act(guide, req, path + 9);
	if (!strncmp(path, "/api/", 5) && strcmp(req->method, "GET") != 0 &&
	    strcmp(req->method, "HEAD") != 0) {
		svc_reply_header(req, "Allow", "GET, HEAD");
		return svc_reply_text(req, 405, "this is asked by GET\n");
	}
	if (!strcmp(path, "/api/progress"))
		return copy_progress(guide->copy, req);
	if (!strcmp(path, "/api/events"))
		return copy_events(guide->copy, req);
	if (!strcmp(path, "/api/about"))
		return about(guide, req);
	if (!strncmp(path, "/api/", 5))
		return svc_reply_text(req, 404, "no such call\n");
	return files_reply_or(guide->files, req, "/missing");
}

static const struct svc_key keys[] = {
	{ "copy", SVC_PATH, "",
	  "the learner's folder; empty: the text alone, without checks" },
	{ "program", SVC_PATH, "",
	  "path of cupola, which runs the checks; empty: the installed one" },
	{ "text", SVC_PATH, "",
	  "folder of the course's pages; empty: those that came along" },
	{ "station_url", SVC_URL, "http://127.0.0.1:5050",
	  "where the page's links find the station" },
	{ "frontend_url", SVC_URL, "http://127.0.0.1:5000",
	  "where they find the application" },
	{ "hosts", SVC_STRING, "",
	  "names by which the page is reached, besides addresses and localhost" },
	{ NULL },
};

SVC_PLUGIN = {
	SVC_ABI,
	.name = "guide",
	.version = PACKAGE_VERSION,
	.flags =
		SVC_STATEFUL, /* the check that runs, while a learner's host.conf is taken up */
	.keys = keys,
	.start = guide_start,
	.handle = guide_handle,
	.stop = guide_stop,
};
