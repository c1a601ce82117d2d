/* SPDX-License-Identifier: Apache-2.0 */
#include "running.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "memory.h"

int
running_ask(const struct tool *tool, struct job **out, struct otel_error *err)
{
	char *conf = tool_conf(tool);
	const char *const argv[] = { tool->cupola, "status", "--json", "-c", conf, NULL };
	struct job_how how = { .quiet = true };
	int r = job_start(argv, &how, out, err);

	free(conf);
	return r;
}

json_t *
running_read(const struct job *job)
{
	return job->status == 0 ? json_loads(job->text[0], 0, NULL) : NULL;
}

json_t *
running_status(const struct tool *tool)
{
	struct otel_error err = OTEL_ERROR_INIT;
	struct job *job;
	json_t *status;

	if (running_ask(tool, &job, &err) < 0)
		return NULL;
	job_wait(job);
	status = running_read(job);
	job_free(job);
	return status;
}

const json_t *
running_plugin(const json_t *status, const char *name)
{
	const json_t *plugin;
	size_t i;

	json_array_foreach(json_object_get(status, "plugins"), i, plugin)
	{
		const char *its = json_string_value(json_object_get(plugin, "name"));

		if (its && !strcmp(its, name))
			return plugin;
	}
	return NULL;
}

char *
running_url(const json_t *status, const char *name, const char *label)
{
	const json_t *item;
	size_t i, len = strlen(label);

	json_array_foreach(json_object_get(running_plugin(status, name), "listen"), i,
	                   item)
	{
		const char *text = json_string_value(item), *equals = strchr(text, '=');

		if (len && (!equals || (size_t)(equals - text) != len ||
		            strncmp(text, label, len)))
			continue;
		text = equals ? equals + 1 : text;
		if (!strncmp(text,
		             "0.0.0.0:", 8)) /* every address: this machine's will do */
			return xasprintf("http://127.0.0.1:%s", text + 8);
		return xasprintf("http://%s", text);
	}
	return NULL;
}

int
running_generation(const json_t *status, const char *name)
{
	return (int)json_integer_value(
		json_object_get(running_plugin(status, name), "generation"));
}

/* ---- HTTP ---- */

struct body {
	char *text;
	size_t len;
};

static size_t
on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct body *body = arg;
	char *grown = realloc(body->text, body->len + n + 1);

	if (!grown)
		return 0;
	memcpy(grown + body->len, bytes, n);
	body->text = grown;
	body->len += n;
	grown[body->len] = '\0';
	return n;
}

int
running_http(const char *method, const char *url, char **body)
{
	struct body got = { xstrdup(""), 0 };
	CURL *curl = curl_easy_init();
	long status = 0;
	int r;

	if (!curl) {
		free(got.text);
		return -ENOMEM;
	}
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 10000L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got);
	r = curl_easy_perform(curl) == CURLE_OK ? 0 : -ECONNREFUSED;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (!r && body)
		*body = got.text;
	else
		free(got.text);
	return r < 0 ? r : (int)status;
}
