/* SPDX-License-Identifier: Apache-2.0 */
#include "check-drive.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "memory.h"
#include "utf8.h"
#include "vars.h"

#define MAX_ANSWER ((size_t)1 << 20)
#define TIMEOUT_MS 10000
#define SHOWN      100 /* bytes of an answer in a sentence */

static volatile sig_atomic_t interrupted;

/* ---- Ctrl-C ---- */

static void
on_signal(int signal)
{
	interrupted = signal;
}

void
check_drive_begin(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool
check_drive_interrupted(void)
{
	return interrupted != 0;
}

void
check_drive_forget(void)
{
	interrupted = 0;
}

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	return interrupted != 0;
}

/* ---- one request ---- */

struct received {
	struct check_answer *answer;
	size_t max;
};

/* What is past the limit is read and forgotten. */
static size_t
on_data(char *data, size_t size, size_t n, void *arg)
{
	struct received *received = arg;
	struct check_answer *answer = received->answer;
	size_t len = size * n, room = received->max - answer->len;
	char *text;

	if (len < room)
		room = len;
	text = realloc(answer->text, answer->len + room + 1);
	if (!text)
		return 0;
	memcpy(text + answer->len, data, room);
	answer->len += room;
	text[answer->len] = '\0';
	answer->text = text;
	return len;
}

static struct curl_slist *
add_header(struct curl_slist *list, const char *name, const char *value)
{
	char *line = xasprintf(*value ? "%s: %s" : "%s;", name, value);
	struct curl_slist *longer = curl_slist_append(list, line);

	free(line);
	return longer ? longer : list;
}

static struct curl_slist *
make_headers(const struct check_request *request)
{
	struct curl_slist *list = NULL;
	const char *name;
	json_t *value;

	if (request->type)
		list = add_header(list, "Content-Type", request->type);
	if (request->body)
		list = curl_slist_append(list, "Expect:"); /* no waiting for 100 */
	json_object_foreach((json_t *)(uintptr_t)request->headers, name, value)
	{
		const char *text = json_string_value(value);
		char *dump = text ? NULL : json_dumps(value, JSON_ENCODE_ANY);

		list = add_header(list, name, text ? text : dump ? dump : "");
		free(dump);
	}
	return list;
}

void
check_send(const struct check_request *request, struct check_answer *answer)
{
	static CURL *curl; /* kept: its connections serve the next request */
	struct received received = { answer, request->max_answer };
	struct curl_slist *headers = make_headers(request);
	char error[CURL_ERROR_SIZE] = "";
	CURLcode r;

	*answer = (struct check_answer){ 0 };
	if (!curl)
		curl = curl_easy_init();
	if (!curl) {
		snprintf(answer->why, sizeof answer->why, "libcurl cannot be started");
		curl_slist_free_all(headers);
		return;
	}
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "cupola-check");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	if (request->body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
		                 (curl_off_t)strlen(request->body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	} else if (!strcmp(request->method, "POST")) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	}
	r = curl_easy_perform(curl);
	curl_slist_free_all(headers);
	if (r == CURLE_OK) {
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
		if (!answer->text)
			answer->text = xstrdup("");
		return;
	}
	free(answer->text);
	answer->text = NULL;
	snprintf(answer->why, sizeof answer->why, "%s",
	         interrupted ? "interrupted"
	         : *error    ? error
	                     : curl_easy_strerror(r));
}

void
check_answer_fini(struct check_answer *answer)
{
	free(answer->text);
	answer->text = NULL;
}

/* ---- a step ---- */

static void
sleep_ns(double ns)
{
	struct timespec ts = { (time_t)(ns / 1e9), 0 };

	ts.tv_nsec = (long)(ns - (double)ts.tv_sec * 1e9);
	nanosleep(&ts, NULL); /* a signal ends it, as it should */
}

/* The beginning of an answer, on one line; owned. */
static char *
beginning(const char *text)
{
	size_t len = strcspn(text, "\r\n"), shown = len;
	char *out;

	if (shown > SHOWN)
		for (shown = SHOWN; shown && (text[shown] & 0xc0) == 0x80; shown--)
			;
	out = xasprintf("%.*s%s", (int)shown, text, shown < len ? "…" : "");
	return utf8_mend(out);
}

static char *
judge_answer(const json_t *step, const struct check_answer *answer)
{
	const json_t *status = json_object_get(step, "status"),
		     *text = json_object_get(step, "answer");
	char *expected, *shown, *miss = NULL;

	if (!answer->text)
		return xasprintf("no answer: %s", answer->why);
	shown = beginning(answer->text);
	if (status && !check_plan_status_fits(status, answer->status)) {
		expected = check_plan_describe(status);
		miss = xasprintf("the answer is %ld%s%s%s; expected %s", answer->status,
		                 *shown ? " \"" : "", shown, *shown ? "\"" : "",
		                 expected);
		free(expected);
	} else if (text && !check_plan_answer_fits(text, answer->text)) {
		expected = check_plan_describe(text);
		miss = xasprintf("the answer is \"%s\"; expected %s", shown, expected);
		free(expected);
	}
	free(shown);
	return miss;
}

/* Sends it once. */
static char *
run_once(const json_t *step)
{
	const char *text = json_string_value(json_object_get(step, "body")),
		   *timeout = json_string_value(json_object_get(step, "timeout"));
	const json_t *json = json_object_get(step, "json");
	char *dump = json ? json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT) : NULL,
	     *miss;
	struct check_request request = { .headers = json_object_get(step, "headers"),
		                         .body = dump ? dump : text,
		                         .type = dump ? "application/json" : NULL,
		                         .timeout_ms = TIMEOUT_MS,
		                         .max_answer = MAX_ANSWER };
	struct check_answer answer;
	double ns;

	request.method = check_plan_method(step, &request.url);
	if (timeout && vars_duration(timeout, &ns) == 0)
		request.timeout_ms = (long)(ns / 1e6) + (ns < 1e6);
	check_send(&request, &answer);
	miss = judge_answer(step, &answer);
	check_answer_fini(&answer);
	free(dump);
	return miss;
}

char *
check_drive_step(struct check_plan *plan, const json_t *step)
{
	const char *wait = json_string_value(json_object_get(step, "wait"));
	int times = check_plan_times(plan, step), n_missed = 0;
	char *first = NULL, *all;
	double ns;

	if (wait && vars_duration(wait, &ns) == 0) {
		sleep_ns(ns);
		return NULL;
	}
	for (int i = 0; i < times && !interrupted; i++) {
		json_t *one = check_plan_expand(plan, step);
		char *miss = one ? run_once(one) : xstrdup("it cannot be sent");

		json_decref(one);
		n_missed += miss != NULL;
		if (first)
			free(miss);
		else
			first = miss;
	}
	if (n_missed < 1 || times == 1)
		return first;
	all = xasprintf("%s (%d of %d)", first, n_missed, times);
	free(first);
	return all;
}

char *
check_drive_describe(struct check_plan *plan, const json_t *step)
{
	int times = check_plan_times(plan, step);
	const char *url, *method = check_plan_method(step, &url);
	const json_t *status = json_object_get(step, "status");
	char *expected, *text, *address;

	if (!method)
		return xstrdup("a pause");
	address = check_plan_show(plan, url);
	expected = status ? check_plan_describe(status) : xstrdup("something");
	text = times > 1 ? xasprintf("%s %s answers %s, %d times", method, address,
	                             expected, times)
	                 : xasprintf("%s %s answers %s", method, address, expected);
	free(expected);
	free(address);
	return text;
}

/* ---- a command ---- */

char *
check_drive_command(const char *const *argv, bool quiet)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return xasprintf("it could not be started: %s", strerror(errno));
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		if (quiet)
			dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		fprintf(stderr, "cupola check: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return xasprintf("it was lost: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return xasprintf("it was ended by signal %d (%s)", WTERMSIG(status),
		                 strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		return xasprintf("its exit status is %d; expected 0",
		                 WEXITSTATUS(status));
	return NULL;
}
