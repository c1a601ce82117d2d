/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "memory.h"

bool
state_is_in(const char *dir)
{
	char *path = xasprintf("%s/.workshop/state.json", dir);
	bool is = file_exists(path);

	free(path);
	return is;
}

static int
take_lock(const struct tool *tool, struct otel_error *err)
{
	char *path = xasprintf("%s/.workshop/lock", tool->dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), r = fd < 0 ? -errno : fd;

	while (fd >= 0 && flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			r = -errno;
			close(fd);
			break;
		}
	if (r < 0)
		otel_error_set(err, r, "%s: %s", path, strerror(-r));
	free(path);
	return r;
}

/* Keeps what cannot be read, under another name, and says so. */
static void
keep_aside(const struct state *state, const json_error_t *problem)
{
	char *aside = xasprintf("%s.broken-%lld", state->path, (long long)time(NULL));

	if (rename(state->path, aside) == 0)
		fprintf(stderr,
		        "cupola workshop: %s could not be read (line %d: %s) and is kept as %s; "
		        "`cupola workshop check all` finds out again what is solved\n",
		        state->path, problem->line, problem->text, aside);
	free(aside);
}

int
state_open(const struct tool *tool, bool change, struct state *out,
           struct otel_error *err)
{
	json_error_t problem = { .line = 0 };

	*out = (struct state){ .lock = -1 };
	if (change) {
		int r = take_lock(tool, err);

		if (r < 0)
			return r;
		out->lock = r;
	}
	out->path = xasprintf("%s/.workshop/state.json", tool->dir);
	out->json = json_load_file(out->path, 0, &problem);
	if (!json_is_object(out->json)) {
		json_decref(out->json);
		if (change && file_exists(out->path))
			keep_aside(out, &problem);
		out->json = json_pack("{s:i,s:{}}", "version", 1, "steps");
	}
	if (!json_is_object(json_object_get(out->json, "steps")))
		json_object_set_new(out->json, "steps", json_object());
	return 0;
}

int
state_save(struct state *state, struct otel_error *err)
{
	char *text = json_dumps(state->json, JSON_INDENT(2));
	int r = text ? file_write(state->path, text, strlen(text), 0644) : -ENOMEM;

	free(text);
	return r < 0 ? otel_error_set(err, r, "%s: %s", state->path, strerror(-r)) : 0;
}

void
state_close(struct state *state)
{
	free(state->path);
	json_decref(state->json);
	if (state->lock >= 0)
		close(state->lock);
	*state = (struct state){ .lock = -1 };
}

/* ---- steps ---- */

static const json_t *
look(const struct state *state, const char *step)
{
	return json_object_get(json_object_get(state->json, "steps"), step);
}

json_t *
state_step(struct state *state, const char *step)
{
	json_t *steps = json_object_get(state->json, "steps");

	if (!json_is_object(json_object_get(steps, step)))
		json_object_set_new(steps, step, json_object());
	return json_object_get(steps, step);
}

bool
state_is_passed(const struct state *state, const char *step)
{
	return json_is_integer(json_object_get(look(state, step), "passed_at"));
}

bool
state_is_caught_up(const struct state *state, const char *step)
{
	return json_is_true(json_object_get(look(state, step), "caught_up"));
}

size_t
state_now(const struct state *state, const struct course *course)
{
	size_t i = 0;

	while (i < course->n_steps && (state_is_passed(state, course->steps[i].name) ||
	                               state_is_caught_up(state, course->steps[i].name)))
		i++;
	return i;
}

void
state_move(struct state *state, const struct course *course, size_t i)
{
	for (size_t j = 0; j < course->n_steps; j++) {
		const char *name = course->steps[j].name;
		json_t *step = state_step(state, name);

		if (j >= i) {
			json_object_del(step, "passed_at");
			json_object_del(step, "caught_up");
		} else if (!state_is_passed(state, name)) {
			json_object_set_new(step, "caught_up", json_true());
		}
	}
	json_object_del(state->json, "last_check");
	if (i > 0) /* the tour is behind */
		state_set_reloads(state);
}

bool
state_reloads_by_itself(const struct state *state)
{
	return json_is_true(json_object_get(state->json, "by_hand_reload"));
}

void
state_set_reloads(struct state *state)
{
	json_object_set_new(state->json, "by_hand_reload", json_true());
}
