/* SPDX-License-Identifier: Apache-2.0 */
#include "copy.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "course.h"
#include "run.h"

#define LOOK_MS     250   /* between two looks at the files */
#define BEAT_MS     4000  /* the program is asked this often, whatever the files say */
#define PING_MS     15000 /* so that a page that has gone is noticed */
#define PROGRESS_MS 10000
#define ACTION_MS   180000
#define MAX_ENTRIES 64

struct copy {
	const struct svc_host *host;
	const struct course *course;
	const char *program, *dir;
	bool asking, acting; /* a progress, an action is running; each at most once */
	char *state;         /* what pages get, one line of JSON; NULL: not yet known */
	uint64_t version;    /* of that */
	uint64_t files;      /* a sum over the copy's own files */
	int64_t looked_ms, asked_ms;
};

int
copy_new(const struct svc_host *host, const struct course *course, const char *program,
         const char *dir, struct copy **out)
{
	struct copy *copy = calloc(1, sizeof *copy);

	if (!copy)
		return -ENOMEM;
	copy->host = host;
	copy->course = course;
	copy->program = program;
	copy->dir = dir;
	*out = copy;
	return 0;
}

void
copy_free(struct copy *copy)
{
	if (copy)
		free(copy->state);
	free(copy);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the state ---- */

/* Differs when a file of .workshop/ has come, gone or changed; the log's does not count. */
static uint64_t
sum_of_files(const char *dir)
{
	uint64_t sum = 1;
	char path[4096];
	struct dirent *entry;
	DIR *folder;
	int n = 0;

	snprintf(path, sizeof path, "%s/.workshop", dir);
	folder = opendir(path);
	while (folder && n++ < MAX_ENTRIES && (entry = readdir(folder))) {
		struct stat st;

		snprintf(path, sizeof path, "%s/.workshop/%s", dir, entry->d_name);
		if (strcmp(entry->d_name, "log") != 0 && stat(path, &st) == 0 &&
		    S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_ino * 31 + (uint64_t)st.st_size * 17 +
			       (uint64_t)st.st_mtim.tv_sec * 1000000007u +
			       (uint64_t)st.st_mtim.tv_nsec;
	}
	if (folder)
		closedir(folder);
	return sum;
}

/* Keeps what is known now. Takes `progress`, which may be NULL; `problem` says why, or is NULL. */
static void
keep(struct copy *copy, json_t *progress, const char *problem)
{
	json_t *json = json_pack("{s:s?, s:o?, s:s?}", "copy",
	                         *copy->dir ? copy->dir : NULL, "progress", progress,
	                         "problem", problem);
	char *state = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (!state || (copy->state && !strcmp(copy->state, state))) {
		free(state);
		return;
	}
	free(copy->state);
	copy->state = state;
	copy->version++;
}

/* The last line of its output that is an object; NULL, with the reason, when there is none. [fiber] */
static json_t *
ask(struct copy *copy, char *problem, size_t size)
{
	const char *argv[] = { copy->program, "workshop", "progress", "--json",
		               "--dir",       copy->dir,  NULL };
	struct otel_error err = OTEL_ERROR_INIT;
	json_t *progress = NULL;
	struct run *run;
	char *line;
	int r = run_start(copy->host, argv, PROGRESS_MS, &copy->asking, &run, &err);

	if (r < 0) {
		snprintf(problem, size, "%s", err.message);
		return NULL;
	}
	while ((r = run_line(run, &line)) > 0) {
		json_decref(progress);
		progress = json_loads(line, 0, NULL);
	}
	if (r == 0 && (run_status(run) != 0 || !json_is_object(progress))) {
		json_decref(progress);
		progress = NULL;
		snprintf(problem, size, "%s",
		         *run_message(run) ? run_message(run)
		                           : "it says nothing about it");
	}
	run_leave(run);
	if (r < 0) {
		json_decref(progress);
		return NULL;
	}
	return progress;
}

/* Brings the state up to date when that is due. Others that come meanwhile take what there is. [fiber] */
static void
look(struct copy *copy)
{
	int64_t now = now_ms();
	char problem[512] = "";
	json_t *progress;
	uint64_t files;

	if (!*copy->dir) {
		keep(copy, NULL, NULL);
		return;
	}
	if (copy->asking || (copy->state && now - copy->looked_ms < LOOK_MS))
		return;
	copy->looked_ms = now;
	files = sum_of_files(copy->dir);
	if (copy->state && files == copy->files && now - copy->asked_ms < BEAT_MS)
		return;
	copy->files = files;
	copy->asked_ms = now;
	progress = ask(copy, problem, sizeof problem);
	if (progress || *problem)
		keep(copy, progress, progress ? NULL : problem);
	else
		copy->asked_ms = 0; /* the page that asked has gone: the next one asks */
}

static const char nothing[] = "{\"copy\":null,\"progress\":null,\"problem\":null}";

int
copy_progress(struct copy *copy, struct svc_request *req)
{
	const char *state;

	look(copy);
	state = copy->state ? copy->state : nothing;
	svc_reply_header(req, "Cache-Control", "no-store");
	return svc_reply(req, 200, "application/json", state, strlen(state));
}

static int
send_event(const struct copy *copy, struct svc_request *req)
{
	char *event;
	int len = asprintf(&event, "data: %s\n\n", copy->state), r;

	if (len < 0)
		return -ENOMEM;
	r = svc_reply_write(req, event, (size_t)len);
	free(event);
	return r;
}

int
copy_events(struct copy *copy, struct svc_request *req)
{
	int64_t sent_ms = now_ms();
	uint64_t seen = 0;
	int r;

	svc_reply_header(req, "Cache-Control", "no-store");
	svc_reply_header(req, "X-Content-Type-Options", "nosniff");
	r = svc_reply_begin(req, 200, "text/event-stream");
	while (r == 0) {
		look(copy);
		if (copy->state && copy->version != seen) {
			seen = copy->version;
			sent_ms = now_ms();
			r = send_event(copy, req);
		} else if (now_ms() - sent_ms > PING_MS) {
			sent_ms = now_ms();
			r = svc_reply_write(req, ":\n\n", 3);
		}
		if (r == 0)
			r = svc_sleep(copy->host, LOOK_MS);
	}
	return r == -ECANCELED ? 0 : r;
}

/* ---- actions ---- */

enum subject { NOTHING, STEP, ASSERTION };

struct action {
	const char *name;
	enum subject subject; /* what it is asked about */
	bool json;            /* takes --json */
};

static const struct action actions[] = {
	{ "check", STEP, true },     { "hint", ASSERTION, true },
	{ "solution", STEP, false }, { "catch-up", STEP, false },
	{ "undo", NOTHING, false },
};

static const struct action *
action_of(const char *name)
{
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (!strcmp(actions[i].name, name))
			return &actions[i];
	return NULL;
}

/* The identifier of an assertion, "warn-on-400": nothing that could be taken for an option. */
static bool
is_id(const char *text)
{
	size_t len = strspn(
		text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return len && len <= 80 && !text[len] && *text != '-';
}

/* Borrows what the action is asked about: "" for nothing, NULL when it may not be asked about that. */
static const char *
subject_of(const struct copy *copy, const struct action *action, struct svc_request *req)
{
	const char *step = svc_query(req, "step"), *id = svc_query(req, "id");

	if (action->subject == STEP)
		return step && course_has_step(copy->course, step) ? step : NULL;
	if (action->subject == ASSERTION)
		return id && is_id(id) ? id : NULL;
	return "";
}

static int
refuse(struct svc_request *req, int status, const char *message)
{
	return svc_reply_json(req, status, json_pack("{s:s}", "error", message));
}

/* Takes `json`. */
static int
write_json(struct svc_request *req, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int r = text ? svc_reply_write(req, text, strlen(text)) : -ENOMEM;

	if (r == 0)
		r = svc_reply_write(req, "\n", 1);
	free(text);
	json_decref(json);
	return r;
}

static int
write_line(struct svc_request *req, const char *line)
{
	json_t *json = *line == '{' ? json_loads(line, 0, NULL) : NULL;

	if (!json)
		json = json_pack("{s:s%}", "text", line, strlen(line));
	if (!json) /* not UTF-8 */
		json = json_pack("{s:s}", "text", "(a line that cannot be shown)");
	return write_json(req, json);
}

/* What the program says, as it says it. [fiber] */
static int
stream(struct svc_request *req, struct run *run)
{
	char *line;
	int r;

	svc_reply_header(req, "Cache-Control", "no-store");
	svc_reply_header(req, "X-Content-Type-Options", "nosniff");
	r = svc_reply_begin(req, 200, "application/x-ndjson");
	while (r == 0 && (r = run_line(run, &line)) > 0)
		r = write_line(req, line);
	if (r == 0)
		r = write_json(req,
		               json_pack("{s:b, s:i, s:s}", "end", 1, "status",
		                         run_status(run), "message", run_message(run)));
	if (r == 0)
		r = svc_reply_end(req);
	return r == -ECANCELED ? 0 : r;
}

int
copy_run(struct copy *copy, struct svc_request *req, const char *name)
{
	const struct action *action = action_of(name);
	const char *subject, *argv[8] = { copy->program, "workshop", name };
	struct otel_error err = OTEL_ERROR_INIT;
	size_t n = 3;
	struct run *run;
	int r;

	if (!action)
		return refuse(req, 404, "there is nothing of that name to run");
	if (!*copy->dir)
		return refuse(
			req, 409,
			"the guide has no working copy; `cupola workshop` starts it with one");
	subject = subject_of(copy, action, req);
	if (!subject)
		return refuse(req, 400, "there is no such step, section or assertion");
	if (*subject)
		argv[n++] = subject;
	if (action->json)
		argv[n++] = "--json";
	argv[n++] = "--dir";
	argv[n++] = copy->dir;
	r = run_start(copy->host, argv, ACTION_MS, &copy->acting, &run, &err);
	if (r == -EBUSY)
		return refuse(req, 409,
		              "something is running already; wait until it is done");
	if (r < 0)
		return refuse(req, 500, err.message);
	r = stream(req, run);
	run_leave(run);
	copy->asked_ms = 0; /* pages see soon what came of it */
	return r;
}
