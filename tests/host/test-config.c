/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.conf: each mistake has its file, its line, its key and its expectation; what is right arrives.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check-main.h"
#include "conf-keys.h"
#include "conf.h"
#include "log.h"
#include <cupola/service.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

static char folder[PATH_MAX];

static void
enter_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof folder, "%s/cupola-conf-XXXXXX",
	         tmp && *tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	unsetenv("CUPOLA_TEST_UNSET");
	setenv("CUPOLA_TEST_SET", "from the environment", 1);
}

static void
leave_folder(void)
{
	unlink("host.conf");
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(folder);
}

static void
write_conf(const char *text, size_t len)
{
	FILE *file = fopen("host.conf", "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

/* Reads `text` with at most one --set; the problems are the caller's. */
static int
read_text(const char *text, const char *set, struct host_conf **conf,
          struct host_problems *problems)
{
	write_conf(text, strlen(text));
	return host_conf_read("host.conf", &set, set != NULL, conf, problems);
}

static struct host_conf *
must_read(const char *text, const char *set)
{
	struct host_problems problems = { NULL, 0 };
	struct host_conf *conf = NULL;
	int r = read_text(text, set, &conf, &problems);

	ck_assert_msg(r == 0, "%s", problems.n ? problems.lines[0] : "?");
	return conf;
}

/* ---- what is wrong ---- */

static const struct {
	const char *text, *set, *expected;
} mistakes[] = {
	/* lines */
	{ "workers = 2\n", NULL,
	  "host.conf:1: workers: expected a section before the first key, found none; begin with [host]" },
	{ "[host]\n\n# a comment\nworkers\n", NULL,
	  "host.conf:4: expected \"key = value\", \"[section]\" or a comment, found \"workers\"" },
	{ "[host\nworkers = 2\n", NULL,
	  "host.conf:1: expected ] at the end of the section's name, found \"[host\"" },
	{ "[host] x\n", NULL,
	  "host.conf:1: [host]: expected nothing but a comment after ], found \"x\"" },
	{ "[]\n", NULL,
	  "host.conf:1: expected a section's name between [ and ], found none" },
	{ "[host]\n= 2\n", NULL,
	  "host.conf:2: expected a key of letters, digits, '_', '.' and '-' before =, found \"\"" },
	{ "[host]\nwork ers = 2\n", NULL,
	  "host.conf:2: expected a key of letters, digits, '_', '.' and '-' before =, found \"work ers\"" },
	{ "[host]\nworkers = 2\nuser =\nworkers = 3\n", NULL,
	  "host.conf:4: [host] workers: expected each key once, found it again; it was set at host.conf:2: "
	  "remove one of the two" },
	{ "[host]\n[telemetry]\n[ host ]\n", NULL,
	  "host.conf:3: [host]: expected each section once, found it again; it began at host.conf:1: put the "
	  "keys there" },
	{ "[host]\nuser = \"root\n", NULL,
	  "host.conf:2: [host] user: expected a closing \" at the end of the value, found none; write \\\" for "
	  "a quote inside it" },
	{ "[host]\nuser = \"root\" x\n", NULL,
	  "host.conf:2: [host] user: expected nothing but a comment after the closing \", found \"x\"" },
	/* variables */
	{ "[host]\ndata_dir = ${CUPOLA_TEST_UNSET}\n", NULL,
	  "host.conf:2: [host] data_dir: expected the environment variable CUPOLA_TEST_UNSET to be set, found "
	  "that it is not; set it, or write ${CUPOLA_TEST_UNSET:-default}" },
	{ "[host]\ndata_dir = ${CUPOLA_TEST_SET\n", NULL,
	  "host.conf:2: [host] data_dir: expected } after ${, found the end of the value; write $${ for the two "
	  "characters themselves" },
	{ "[host]\ndata_dir = ${A B}\n", NULL,
	  "host.conf:2: [host] data_dir: expected the name of an environment variable in ${...}, found \"A B\"" },
	{ "[host]\nuser = caf\xe9\n", NULL,
	  "host.conf:2: expected UTF-8, found bytes that are none; save the file as UTF-8" },
	{ "", "resource.a=caf\xe9", "--set: expected UTF-8, found bytes that are none" },
	/* sections and keys */
	{ "[hosts]\n", NULL,
	  "host.conf:1: [hosts]: expected [host], [telemetry], [resource] or [plugin NAME], found an unknown "
	  "section; did you mean host?" },
	{ "[plugin]\n", NULL,
	  "host.conf:1: [plugin]: expected [host], [telemetry], [resource] or [plugin NAME], found an unknown "
	  "section; did you mean plugin NAME?" },
	{ "[host]\ngrcae = 5s\n", NULL,
	  "host.conf:2: [host] grcae: expected a key of [host], found an unknown one; did you mean grace?" },
	{ "[host]\nelephant = 5s\n", NULL,
	  "host.conf:2: [host] elephant: expected a key of [host], found an unknown one" },
	{ "[telemetry]\nendpont = http://127.0.0.1:4318\n", NULL,
	  "host.conf:2: [telemetry] endpont: expected a key of [telemetry], found an unknown one; did you mean "
	  "endpoint?" },
	{ "[plugin ../hello]\n", NULL,
	  "host.conf:1: [plugin ../hello]: expected [plugin NAME] with a name of at most 63 letters, digits, "
	  "'_', '.' and '-', found \"../hello\"" },
	/* values */
	{ "[host]\nworkers = two\n", NULL,
	  "host.conf:2: [host] workers: expected a whole number, found \"two\"" },
	{ "[host]\nworkers = 0\n", NULL,
	  "host.conf:2: [host] workers: expected 1 to 256, found \"0\"" },
	{ "[host]\ngrace = 10\n", NULL,
	  "host.conf:2: [host] grace: expected a duration such as 500ms, 10s, 5m or 1h, found \"10\"" },
	{ "[host]\nstall_report = 1ms\n", NULL,
	  "host.conf:2: [host] stall_report: expected 10 ms to 3600000 ms, found \"1ms\"" },
	{ "[host]\nmax_body = 1T\n", NULL,
	  "host.conf:2: [host] max_body: expected a size in bytes, or such as 64k, 16M or 1G, found \"1T\"" },
	{ "[host]\nlog_level = inf\n", NULL,
	  "host.conf:2: [host] log_level: expected debug, info, warn or error, found \"inf\"; did you mean "
	  "info?" },
	{ "[host]\nlog_format = xml\n", NULL,
	  "host.conf:2: [host] log_format: expected text or json, found \"xml\"" },
	{ "[host]\nadmin = 127.0.0.1\n", NULL,
	  "host.conf:2: [host] admin: expected address:port, such as 127.0.0.1:5000 or [::1]:5000, found "
	  "\"127.0.0.1\"" },
	{ "[host]\nadmin = 127.0.0.1:0, 127.0.0.2:0\n", NULL,
	  "host.conf:2: [host] admin: expected one address, found several" },
	{ "[host]\nstall_report = 2s\nstall_kill = 1s\n", NULL,
	  "host.conf:3: [host] stall_kill: expected stall_kill to be 0 or longer than stall_report, found it "
	  "shorter" },
	{ "[host]\nuser = nobody-of-that-name\n", NULL,
	  "host.conf:2: [host] user: expected a user of this system, found \"nobody-of-that-name\"; make it with "
	  "useradd --system nobody-of-that-name" },
	{ "[telemetry]\nendpoint = 127.0.0.1:4318\n", NULL,
	  "host.conf:2: [telemetry] endpoint: expected a URL such as http://127.0.0.1:5004/path, found "
	  "\"127.0.0.1:4318\"" },
	{ "[telemetry]\nprotocol = http\n", NULL,
	  "host.conf:2: [telemetry] protocol: expected grpc, http/protobuf or http/json, found \"http\"" },
	{ "[telemetry]\ntraces = otpl\n", NULL,
	  "host.conf:2: [telemetry] traces: expected otlp, console or none, found \"otpl\"; did you mean otlp?" },
	{ "[telemetry]\nheaders = authorization\n", NULL,
	  "host.conf:2: [telemetry] headers: expected name=value,name=value, found \"authorization\"" },
	{ "[telemetry]\ntraces.sampler_arg = 2\n", NULL,
	  "host.conf:2: [telemetry] traces.sampler_arg: expected a number from 0 to 1, found \"2\"" },
	{ "[telemetry]\nmetrics.interval = 0\n", NULL,
	  "host.conf:2: [telemetry] metrics.interval: expected a duration above 0, found \"0\"" },
	{ "[telemetry]\npropagators = tracecontext,bagage\n", NULL,
	  "host.conf:2: [telemetry] propagators: expected tracecontext, baggage, b3, b3multi or none, found "
	  "\"bagage\"; did you mean baggage?" },
	{ "[resource]\nservice.name = shop\n", NULL,
	  "host.conf:2: [resource] service.name: expected an attribute that all services share, found one that "
	  "each has of its own; remove it" },
	/* plugins */
	{ "[plugin hello]\nenabled = maybe\n", NULL,
	  "host.conf:2: [plugin hello] enabled: expected yes or no, found \"maybe\"" },
	{ "[plugin hello]\nlisten = 127.0.0.1:70000\n", NULL,
	  "host.conf:2: [plugin hello] listen: expected a port from 0 to 65535, found \"70000\"" },
	{ "[plugin hello]\nlisten = ::1:5000\n", NULL,
	  "host.conf:2: [plugin hello] listen: expected an IPv6 address in brackets, such as [::1]:5000, found "
	  "\"::1:5000\"" },
	{ "[plugin hello]\nlisten = example.org:80\n", NULL,
	  "host.conf:2: [plugin hello] listen: expected a numeric address, such as 127.0.0.1, or localhost, "
	  "found \"example.org\"" },
	{ "[plugin hello]\nprocess = a/b\n", NULL,
	  "host.conf:2: [plugin hello] process: expected a name of letters, digits, '_', '.' and '-', found "
	  "\"a/b\"" },
	{ "[plugin hello]\npropagators = b3\n", NULL,
	  "host.conf:2: [plugin hello] propagators: expected in [telemetry], found here; it holds for all "
	  "services" },
	{ "[plugin a]\nlisten = 127.0.0.1:5000\n[plugin b]\nlisten = 127.0.0.1:5000\n",
	  NULL,
	  "host.conf:4: [plugin b] listen: expected an address of its own, found 127.0.0.1:5000, which "
	  "[plugin a] has too; change one of them" },
	{ "[plugin a]\nlisten = 127.0.0.1:5090\n", NULL,
	  "host.conf:2: [plugin a] listen: expected an address of its own, found 127.0.0.1:5090, which "
	  "[host] admin has too; change one of them" },
	/* --set */
	{ "", "host.workers",
	  "--set host.workers: expected SECTION.KEY=VALUE, such as host.workers=2 or "
	  "'plugin hello.enabled=yes', found no =" },
	{ "", "workers=2",
	  "--set workers=2: expected SECTION.KEY=VALUE, such as host.workers=2 or "
	  "'plugin hello.enabled=yes', found no dot between section and key" },
	{ "", "host.workers=x",
	  "--set: [host] workers: expected a whole number, found \"x\"" },
	{ "", "plugin hello.enabled=perhaps",
	  "--set: [plugin hello] enabled: expected yes or no, found \"perhaps\"" },
};

START_TEST(a_mistake_says_where_and_what)
{
	struct host_problems problems = { NULL, 0 };
	struct host_conf *conf = NULL;

	ck_assert_int_eq(read_text(mistakes[_i].text, mistakes[_i].set, &conf, &problems),
	                 -EINVAL);
	ck_assert_ptr_null(conf);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_str_eq(problems.lines[0], mistakes[_i].expected);
	host_problems_fini(&problems);
}
END_TEST

START_TEST(every_mistake_is_told)
{
	struct host_problems problems = { NULL, 0 };
	struct host_conf *conf = NULL;

	ck_assert_int_eq(
		read_text(
			"[host]\nworkers = x\ngrace = y\n[what]\n[plugin a]\nenabled = z\n",
			NULL, &conf, &problems),
		-EINVAL);
	ck_assert_uint_eq(problems.n, 4);
	host_problems_fini(&problems);
}
END_TEST

START_TEST(a_missing_file_is_a_mistake)
{
	struct host_problems problems = { NULL, 0 };
	struct host_conf *conf = NULL;

	ck_assert_int_eq(host_conf_read("nothing.conf", NULL, 0, &conf, &problems),
	                 -EINVAL);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_str_eq(
		problems.lines[0],
		"nothing.conf: expected a file to read, found: No such file or directory; name one with "
		"-c FILE");
	host_problems_fini(&problems);
}
END_TEST

START_TEST(a_zero_byte_is_a_mistake)
{
	static const char text[] = "[host]\nuser = a\0b\n";
	struct host_problems problems = { NULL, 0 };
	struct host_conf *conf = NULL;

	write_conf(text, sizeof text - 1);
	ck_assert_int_eq(host_conf_read("host.conf", NULL, 0, &conf, &problems), -EINVAL);
	ck_assert_str_eq(
		problems.lines[0],
		"host.conf:2: expected text, found a zero byte; is this the right file?");
	host_problems_fini(&problems);
}
END_TEST

/* ---- what is right ---- */

START_TEST(an_empty_file_has_the_defaults)
{
	struct host_conf *conf = must_read("", NULL);

	ck_assert_int_ge(conf->workers, 1);
	ck_assert_uint_eq(conf->n_admin, 1);
	ck_assert_uint_eq(conf->admin->port, 5090);
	ck_assert_int_eq(conf->stall_report_ms, 100);
	ck_assert_int_eq(conf->stall_kill_ms, 5000);
	ck_assert_int_eq(conf->max_body, 1 << 20);
	ck_assert_int_eq(conf->log_level, HOST_INFO);
	ck_assert_int_eq(conf->runtime_dir[0], '/');
	ck_assert_str_eq(conf->user, "");
	host_conf_free(conf);
}
END_TEST

static const char full[] =
	"\xef\xbb\xbf; a byte order mark, and a comment\r\n"
	"[host]\r\n"
	"  workers=3   # threads\r\n"
	"runtime_dir = run\n"
	"admin =\n"
	"stall_kill = 0\n"
	"max_body = 2M\n"
	"\n"
	"[telemetry]\n"
	"endpoint = http://127.0.0.1:4318#not-a-comment\n"
	"metrics.interval = 1.5s\n"
	"disabled = off\n"
	"[resource]\n"
	"deployment.environment.name = \"a # b; \\\"c\\\"\" ; said\n"
	"empty =\n"
	"[plugin  hello]\n"
	"listen = 127.0.0.1:0, otlp=[::1]:4317 otlp=*:4318\n"
	"greeting = ${CUPOLA_TEST_SET}, ${CUPOLA_TEST_UNSET:-default} $${x} $5\n"
	"traces.processor = simple\n"
	"[plugin other]\n"
	"enabled = no\n"
	"path = lib/other.so\n"
	"process = other\n"
	"instrument = no\n"
	"max_body = 7\n"
	"request_timeout = 2m\n";

static void
check_full(const struct host_conf *conf)
{
	const struct host_plugin *hello = host_conf_plugin(conf, "hello");
	const struct host_plugin *other = host_conf_plugin(conf, "other");
	char path[PATH_MAX + 16];

	ck_assert_int_eq(conf->workers, 3);
	ck_assert_uint_eq(conf->n_admin, 0);
	ck_assert_int_eq(conf->stall_kill_ms, 0);
	snprintf(path, sizeof path, "%s/run", conf->folder);
	ck_assert_str_eq(conf->runtime_dir, path);
	ck_assert_str_eq(conf->telemetry.value[HOST_T_ENDPOINT],
	                 "http://127.0.0.1:4318#not-a-comment");
	ck_assert_str_eq(conf->telemetry.value[HOST_T_METRICS_INTERVAL], "1500");
	ck_assert_str_eq(conf->telemetry.value[HOST_T_DISABLED], "false");
	ck_assert_ptr_null(conf->telemetry.value[HOST_T_TRACES]);
	ck_assert_uint_eq(conf->n_resource, 1);
	ck_assert_str_eq(conf->resource->name, "deployment.environment.name");
	ck_assert_str_eq(conf->resource->value, "a # b; \"c\"");

	ck_assert_ptr_nonnull(hello);
	ck_assert_str_eq(hello->where, "host.conf:16");
	ck_assert(hello->enabled);
	ck_assert(!hello->instrument);
	ck_assert(hello->own_telemetry);
	ck_assert_str_eq(hello->process, "main");
	snprintf(path, sizeof path, "%s/hello.so", conf->plugin_dir);
	ck_assert_str_eq(hello->path, path);
	ck_assert_int_eq(hello->max_body, 2 << 20);
	ck_assert_uint_eq(hello->n_listen, 3);
	ck_assert_str_eq(hello->listen[1].label, "otlp");
	ck_assert_str_eq(hello->listen[1].address, "::1");
	ck_assert_uint_eq(hello->listen[1].port, 4317);
	ck_assert_str_eq(hello->listen[2].address, "0.0.0.0");
	ck_assert_str_eq(hello->telemetry.value[HOST_T_TRACES_PROCESSOR], "simple");
	ck_assert_str_eq(hello->telemetry.value[HOST_T_METRICS_INTERVAL], "1500");
	ck_assert_uint_eq(hello->n_settings, 1);
	ck_assert_str_eq(hello->settings->value, "from the environment, default ${x} $5");
	ck_assert_str_eq(hello->settings->where, "host.conf:18");

	ck_assert(!other->enabled && !other->instrument && !other->own_telemetry);
	snprintf(path, sizeof path, "%s/lib/other.so", conf->folder);
	ck_assert_str_eq(other->path, path);
	ck_assert_int_eq(other->max_body, 7);
	ck_assert_int_eq(other->request_timeout_ms, 120000);
	ck_assert_str_eq(other->process, "other");
}

START_TEST(what_is_written_arrives)
{
	struct host_conf *conf = must_read(full, NULL);

	check_full(conf);
	host_conf_free(conf);
}
END_TEST

START_TEST(json_carries_all_of_it)
{
	struct host_conf *conf = must_read(full, NULL), *copy = NULL;
	json_t *json = host_conf_to_json(conf), *again;
	struct otel_error err = OTEL_ERROR_INIT;

	host_conf_free(conf);
	ck_assert_msg(host_conf_from_json(json, &copy, &err) == 0, "%s", err.message);
	check_full(copy);
	again = host_conf_to_json(copy);
	ck_assert(json_equal(json, again));
	json_decref(again);
	json_decref(json);
	host_conf_free(copy);
}
END_TEST

START_TEST(incomplete_json_is_refused)
{
	struct host_conf *conf = must_read(full, NULL), *copy = NULL;
	json_t *json = host_conf_to_json(conf);
	struct otel_error err = OTEL_ERROR_INIT;

	host_conf_free(conf);
	json_object_del(json_object_get(json, "host"), "grace");
	ck_assert_int_eq(host_conf_from_json(json, &copy, &err), -EBADMSG);
	ck_assert_str_eq(err.message,
	                 "configuration as JSON: grace: missing, or of another type");
	json_decref(json);
}
END_TEST

START_TEST(a_very_long_line_is_fine)
{
	size_t len = 200000;
	char *text = malloc(len + 64);
	struct host_conf *conf;
	int n = sprintf(text, "[plugin hello]\ngreeting = ");

	memset(text + n, 'x', len);
	strcpy(text + n + len, "\nsecond = 2\n");
	conf = must_read(text, NULL);
	ck_assert_uint_eq(strlen(conf->plugins->settings[0].value), len);
	ck_assert_str_eq(conf->plugins->settings[1].where, "host.conf:3");
	host_conf_free(conf);
	free(text);
}
END_TEST

/* ---- --set ---- */

static const struct {
	const char *set, *plugin, *key, *value;
} sets[] = {
	{ "plugin hello.greeting=a=b.c", "hello", "greeting", "a=b.c" },
	{ "plugin a.b.c.greeting=x", "a.b.c", "greeting", "x" },
	{ "plugin new-one.key = y", "new-one", "key", "y" },
};

START_TEST(set_is_cut_at_the_first_equals_and_the_last_dot_of_a_plugin)
{
	struct host_conf *conf = must_read("[plugin hello]\ngreeting = before\n",
	                                   sets[_i].set);
	const struct host_plugin *plugin = host_conf_plugin(conf, sets[_i].plugin);

	ck_assert_ptr_nonnull(plugin);
	ck_assert_uint_eq(plugin->n_settings, 1);
	ck_assert_str_eq(plugin->settings->name, sets[_i].key);
	ck_assert_str_eq(plugin->settings->value, sets[_i].value);
	ck_assert_str_eq(plugin->settings->where, "--set");
	host_conf_free(conf);
}
END_TEST

START_TEST(set_is_cut_at_the_first_dot_elsewhere)
{
	struct host_conf *conf = must_read("",
	                                   "resource.deployment.environment.name=dev");

	ck_assert_uint_eq(conf->n_resource, 1);
	ck_assert_str_eq(conf->resource->name, "deployment.environment.name");
	ck_assert_str_eq(conf->resource->value, "dev");
	host_conf_free(conf);
}
END_TEST

START_TEST(set_knows_a_plugins_keys_that_have_a_dot)
{
	struct host_conf *conf = must_read("", "plugin hello.traces.processor=simple");

	ck_assert_str_eq(
		host_conf_plugin(conf, "hello")->telemetry.value[HOST_T_TRACES_PROCESSOR],
		"simple");
	host_conf_free(conf);
}
END_TEST

START_TEST(the_runtime_folder_is_known_despite_mistakes)
{
	static const char text[] =
		"[host]\nruntime_dir = /tmp/x\ngrace = never\n[nonsense]\n";
	char *path;

	write_conf(text, sizeof text - 1);
	path = host_conf_runtime_dir("host.conf", NULL, 0);
	ck_assert_str_eq(path, "/tmp/x");
	free(path);
}
END_TEST

/* ---- services' own keys ---- */

static const struct svc_key keys[] = {
	{ "greeting", SVC_STRING, "Hello", "what the answer begins with" },
	{ "count", SVC_INT, "3", NULL },
	{ "ratio", SVC_NUMBER, "0.5", NULL },
	{ "wait", SVC_DURATION, "5s", NULL },
	{ "size", SVC_SIZE, "64k", NULL },
	{ "loud", SVC_BOOL, "no", NULL },
	{ "where", SVC_URL, "http://127.0.0.1/", NULL },
	{ "file", SVC_PATH, "", NULL },
	{ NULL, 0, NULL, NULL },
};

static const struct {
	const char *line, *expected; /* NULL: fine */
} service_lines[] = {
	{ "greeting =", NULL },
	{ "count = -7", NULL },
	{ "count = 7x", "expected a whole number, found \"7x\"" },
	{ "ratio = 1e-3", NULL },
	{ "ratio = half", "expected a number such as 0.5, found \"half\"" },
	{ "wait = 250ms", NULL },
	{ "wait = 5 s",
	  "expected a duration such as 500ms, 10s, 5m or 1h, found \"5 s\"" },
	{ "wait = -5s",
	  "expected a duration such as 500ms, 10s, 5m or 1h, found \"-5s\"" },
	{ "size = 1GiB", NULL },
	{ "size = big",
	  "expected a size in bytes, or such as 64k, 16M or 1G, found \"big\"" },
	{ "loud = On", NULL },
	{ "loud = 2", "expected yes or no, found \"2\"" },
	{ "where = https://[::1]:8443/a?b=c", NULL },
	{ "where = http://",
	  "expected a URL such as http://127.0.0.1:5004/path, found \"http://\"" },
	{ "where = http://h:99999/",
	  "expected a URL such as http://127.0.0.1:5004/path, found \"http://h:99999/\"" },
	{ "where = ftp://h/",
	  "expected a URL such as http://127.0.0.1:5004/path, found \"ftp://h/\"" },
	{ "file =", NULL },
	{ "file = a/b", NULL },
	{ "greting = x",
	  "expected a key of this service, found an unknown one; did you mean greeting?" },
	{ "enable = x",
	  "expected a key of this service, found an unknown one; did you mean enabled?" },
};

START_TEST(a_services_table_judges_its_keys)
{
	struct host_problems problems = { NULL, 0 };
	char text[256], expected[512], key[64];
	struct host_conf *conf;

	snprintf(text, sizeof text, "[plugin hello]\n%s\n", service_lines[_i].line);
	sscanf(service_lines[_i].line, "%63s", key);
	conf = must_read(text, NULL);
	host_conf_check_service_keys(conf->plugins, keys, &problems);
	if (service_lines[_i].expected) {
		snprintf(expected, sizeof expected, "host.conf:2: [plugin hello] %s: %s",
		         key, service_lines[_i].expected);
		ck_assert_uint_eq(problems.n, 1);
		ck_assert_str_eq(problems.lines[0], expected);
	} else {
		ck_assert_msg(problems.n == 0, "%s", problems.n ? problems.lines[0] : "");
	}
	host_problems_fini(&problems);
	host_conf_free(conf);
}
END_TEST

START_TEST(a_key_without_fallback_must_be_given)
{
	static const struct svc_key table[] = { { "where", SVC_URL, NULL,
		                                  "where the other one is" },
		                                { NULL, 0, NULL, NULL } };
	struct host_problems problems = { NULL, 0 };
	struct host_conf *conf = must_read("[plugin hello]\n", NULL);

	ck_assert_int_eq(host_conf_check_service_keys(conf->plugins, table, &problems),
	                 -EINVAL);
	ck_assert_str_eq(
		problems.lines[0],
		"host.conf:1: [plugin hello] where: expected a value, found no such key; where the "
		"other one is");
	host_problems_fini(&problems);
	host_conf_free(conf);
}
END_TEST

START_TEST(a_service_reads_what_was_meant)
{
	struct host_conf *conf = must_read(
		"[plugin hello]\nwait = 1.5s\nsize = 2M\nloud = yes\nfile = a/b\n"
		"count =\n",
		NULL);
	const struct host_plugin *plugin = conf->plugins;
	char expected[PATH_MAX + 16], *text;
	int64_t integer;
	double number;

	ck_assert_int_eq(host_plugin_value(plugin, conf->folder, &keys[3], NULL, &integer,
	                                   NULL, NULL),
	                 0);
	ck_assert_int_eq(integer, 1500);
	ck_assert_int_eq(host_plugin_value(plugin, conf->folder, &keys[4], NULL, &integer,
	                                   NULL, NULL),
	                 0);
	ck_assert_int_eq(integer, 2 << 20);
	ck_assert_int_eq(host_plugin_value(plugin, conf->folder, &keys[5], NULL, &integer,
	                                   NULL, NULL),
	                 0);
	ck_assert_int_eq(integer, 1);
	ck_assert_int_eq(host_plugin_value(plugin, conf->folder, &keys[1], NULL, &integer,
	                                   NULL, NULL),
	                 0);
	ck_assert_int_eq(integer, 3); /* empty: the fallback */
	ck_assert_int_eq(host_plugin_value(plugin, conf->folder, &keys[2], NULL, NULL,
	                                   &number, NULL),
	                 0);
	ck_assert_double_eq(number, 0.5);
	ck_assert_int_eq(host_plugin_value(plugin, conf->folder, &keys[7], &text, NULL,
	                                   NULL, NULL),
	                 0);
	snprintf(expected, sizeof expected, "%s/a/b", conf->folder);
	ck_assert_str_eq(text, expected);
	free(text);
	host_conf_free(conf);
}
END_TEST

START_TEST(the_shipped_file_has_no_mistakes)
{
	struct host_problems problems = { NULL, 0 };
	struct host_conf *conf = NULL;
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof path, "%s/etc/host.conf",
	         getenv("CUPOLA_SRCDIR") ? getenv("CUPOLA_SRCDIR") : TEST_DATA "/../..");
	r = host_conf_read(path, NULL, 0, &conf, &problems);
	ck_assert_msg(r == 0, "%s", problems.n ? problems.lines[0] : "?");
	ck_assert_uint_eq(conf->n_plugins, 9);
	ck_assert_str_eq(conf->telemetry.value[HOST_T_TRACES_DELAY], "500");
	host_conf_free(conf);
}
END_TEST

/* ---- documentation ---- */

static const char *const documents[] = { "etc/host.conf", "man/host.conf.5" };

/* A file of the source tree; owned. */
static char *
read_document(const char *name)
{
	const char *srcdir = getenv("CUPOLA_SRCDIR");
	char path[PATH_MAX], *text = calloc(1, 1 << 20);
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", srcdir ? srcdir : TEST_DATA "/../..", name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, file), 0);
	fclose(file);
	return text;
}

static void
check_documented(const char *text, const char *name, const char *document)
{
	bool found = false;

	for (const char *at = text; !found && (at = strstr(at, name)); at++) {
		char before = at == text ? ' ' : at[-1], after = at[strlen(name)];

		found = strchr(" #\n\t", before) && strchr(" =,\n\t", after);
	}
	ck_assert_msg(found, "%s is not in %s", name, document);
}

START_TEST(every_key_is_documented)
{
	char *text = read_document(documents[_i]);

	for (const struct conf_key *key = conf_host_keys; key->name; key++)
		check_documented(text, key->name, documents[_i]);
	for (const struct conf_key *key = conf_plugin_keys; key->name; key++)
		check_documented(text, key->name, documents[_i]);
	for (size_t i = 0; i < HOST_N_T; i++)
		check_documented(text, conf_telemetry_keys[i].name, documents[_i]);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("config");
	TCase *wrong = tcase_create("mistakes"), *right = tcase_create("values"),
	      *set = tcase_create("set"), *service = tcase_create("service");

	tcase_add_checked_fixture(wrong, enter_folder, leave_folder);
	tcase_add_loop_test(wrong, a_mistake_says_where_and_what, 0,
	                    (int)ARRAY_LEN(mistakes));
	tcase_add_test(wrong, every_mistake_is_told);
	tcase_add_test(wrong, a_missing_file_is_a_mistake);
	tcase_add_test(wrong, a_zero_byte_is_a_mistake);
	suite_add_tcase(suite, wrong);
	tcase_add_checked_fixture(right, enter_folder, leave_folder);
	tcase_add_test(right, an_empty_file_has_the_defaults);
	tcase_add_test(right, what_is_written_arrives);
	tcase_add_test(right, json_carries_all_of_it);
	tcase_add_test(right, incomplete_json_is_refused);
	tcase_add_test(right, a_very_long_line_is_fine);
	tcase_add_test(right, the_shipped_file_has_no_mistakes);
	suite_add_tcase(suite, right);
	tcase_add_checked_fixture(set, enter_folder, leave_folder);
	tcase_add_loop_test(set,
	                    set_is_cut_at_the_first_equals_and_the_last_dot_of_a_plugin,
	                    0, (int)ARRAY_LEN(sets));
	tcase_add_test(set, set_is_cut_at_the_first_dot_elsewhere);
	tcase_add_test(set, set_knows_a_plugins_keys_that_have_a_dot);
	tcase_add_test(set, the_runtime_folder_is_known_despite_mistakes);
	suite_add_tcase(suite, set);
	tcase_add_checked_fixture(service, enter_folder, leave_folder);
	tcase_add_loop_test(service, a_services_table_judges_its_keys, 0,
	                    (int)ARRAY_LEN(service_lines));
	tcase_add_test(service, a_key_without_fallback_must_be_given);
	tcase_add_test(service, a_service_reads_what_was_meant);
	tcase_add_loop_test(service, every_key_is_documented, 0,
	                    (int)ARRAY_LEN(documents));
	suite_add_tcase(suite, service);
	return check_main(suite);
}
