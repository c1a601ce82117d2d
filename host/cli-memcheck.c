/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cupola memcheck DIR`: builds the service in DIR with AddressSanitizer, UndefinedBehaviorSanitizer and
 * LeakSanitizer, runs it in a host of its own, asks it things, and says what they found.
 *
 *	TMP/src/NAME/    a copy of DIR, built with other flags; beside it links to what lies beside DIR
 *	TMP/host.conf    that plugin alone, with what it asks (upstream, ...) from the installation
 *	TMP/report.txt   what the host and the sanitizers wrote
 *
 * The host has no sanitizers itself: their runtime is preloaded, and told what it needs to know (memcheck.h).
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "conf-keys.h"
#include "ini.h"
#include "memcheck-drive.h"
#include "memcheck-report.h"
#include "memory.h"
#include "paths.h"

#define READY_S        60
#define MAX_NEIGHBOURS 4096
#define COULD_NOT      2 /* the exit status */

struct memcheck {
	char *dir, *name; /* DIR absolute, and its last part */
	char *tmp;
	char *preload,
		*flags; /* LD_PRELOAD; what the compiler needs to use that runtime */
	const struct memcheck_drive *drive;
	unsigned ports[4];  /* of the service, and of those in drive->with */
	const char **extra; /* requests of the command line */
	size_t n_extra;
	pid_t host;
	size_t n_asked;
	const char **crashed; /* requests that ended the process */
	size_t n_crashed;
};

static volatile sig_atomic_t interrupted;

/* What was made is removed before we end. */
static void
on_signal(int number)
{
	interrupted = number;
}

static int
cannot(const char *what)
{
	if (interrupted)
		what = "interrupted";
	cli_fail("memcheck", "%s", what);
	return -1;
}

/* ---- running things ---- */

/* Runs a program to its end with its output in `out` (-1: where ours goes). Whether it succeeded. */
static bool
run(const char *const *argv, const char *dir, int out)
{
	int status = 1;
	pid_t pid = interrupted ? -1 : fork();

	if (pid == 0) {
		if (out >= 0)
			dup2(out, STDOUT_FILENO);
		if (dir && chdir(dir) < 0)
			_exit(127);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (interrupted)
			kill(pid, SIGTERM);
	return status == 0;
}

static const char *
compiler(void)
{
	const char *cc = getenv("CC");

	return cc && *cc ? cc : "cc";
}

/* The runtime that the compiler would use, by the name that it has there. Owned; NULL: it has none. */
static char *
find_runtime(const char *library)
{
	char *command = xasprintf("%s -print-file-name=%s 2>/dev/null", compiler(),
	                          library);
	char path[PATH_MAX] = "";
	FILE *from = popen(command, "re");
	char *real = NULL;

	if (from && fgets(path, sizeof path, from)) {
		path[strcspn(path, "\n")] = '\0';
		if (path[0] == '/')
			real = realpath(path, NULL);
	}
	if (from)
		pclose(from);
	free(command);
	return real;
}

/* gcc has two libraries, clang one with both. */
static int
find_runtimes(struct memcheck *check)
{
	char *address = find_runtime("libasan.so"),
	     *undefined = find_runtime("libubsan.so");
	const char *more = "";

	if (!address || !undefined) {
		free(address);
		free(undefined);
		undefined = NULL;
#ifdef __aarch64__
		address = find_runtime("libclang_rt.asan-aarch64.so");
#else
		address = find_runtime("libclang_rt.asan-x86_64.so");
#endif
		more = " -shared-libasan";
	}
	if (!address) {
		cli_fail(
			"memcheck",
			"%s has no runtime of AddressSanitizer; with gcc install libasan, with "
			"clang libclang-rt-dev",
			compiler());
		return -1;
	}
	check->preload = xasprintf("%s%s%s", address, undefined ? ":" : "",
	                           undefined ? undefined : "");
	check->flags = xasprintf("-fsanitize=address,undefined%s", more);
	free(address);
	free(undefined);
	return 0;
}

/* ---- the build ---- */

static bool
is_product(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".o") || !strcmp(dot, ".so") || !strcmp(dot, ".new"));
}

static bool
copy_file(const char *from, const char *to)
{
	const char *const argv[] = { "cp", "-p", from, to, NULL };

	return run(argv, NULL, -1);
}

/* The sources by copy, and whatever else is there by links. */
static bool
fill_folder(const char *from, const char *to, const char *without, bool copy_files)
{
	DIR *folder = opendir(from);
	struct dirent *entry;
	size_t n = 0;
	bool good = folder != NULL;

	while (good && n < MAX_NEIGHBOURS && (entry = readdir(folder))) {
		char *source = xasprintf("%s/%s", from, entry->d_name),
		     *target = xasprintf("%s/%s", to, entry->d_name);
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    (without && !strcmp(entry->d_name, without)) ||
		    (copy_files && is_product(entry->d_name)) || stat(source, &st) < 0)
			;
		else if (copy_files && S_ISREG(st.st_mode))
			good = copy_file(source, target);
		else
			good = symlink(source, target) == 0;
		n++;
		free(source);
		free(target);
	}
	if (folder)
		closedir(folder);
	return good;
}

static int
build(const struct memcheck *check)
{
	char *around = xasprintf("%s/src", check->tmp),
	     *folder = xasprintf("%s/%s", around, check->name),
	     *beside = xasprintf("%s/..", check->dir), *real = realpath(beside, NULL),
	     *target = xasprintf("%s.so", check->name),
	     *cflags = xasprintf(
		     "CFLAGS=-O0 -g -std=gnu11 -Wall -fno-omit-frame-pointer %s "
		     "-fsanitize-recover=all -ffile-prefix-map=%s=%s",
		     check->flags, folder, check->dir),
	     *ldflags = xasprintf("LDFLAGS=%s", check->flags),
	     *cc = xasprintf("CC=%s", compiler());
	const char *const argv[] = { "make", "-s",   "--no-print-directory",
		                     target, cflags, ldflags,
		                     cc,     NULL };
	bool good = real && mkdir(around, 0700) == 0 && mkdir(folder, 0700) == 0 &&
	            fill_folder(real, around, check->name, false) &&
	            fill_folder(check->dir, folder, NULL, true);

	if (!good && interrupted)
		cannot("");
	else if (!good)
		cli_fail("memcheck", "%s: copy it: %s", check->dir, strerror(errno));
	else if (!(good = run(argv, folder, STDERR_FILENO)))
		cannot("the service could not be built with the sanitizers");
	free(around);
	free(folder);
	free(beside);
	free(real);
	free(target);
	free(cflags);
	free(ldflags);
	free(cc);
	return good ? 0 : -1;
}

/* ---- the host ---- */

static unsigned
free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		address.sin_port = 0;
	if (fd >= 0)
		close(fd);
	return ntohs(address.sin_port);
}

static unsigned
port_of(const struct memcheck *check, const char *service)
{
	for (size_t i = 0; i < 3 && check->drive->with[i]; i++)
		if (strcmp(check->drive->with[i], service) == 0)
			return check->ports[i + 1];
	return 0;
}

/* Whether a key of the learner's section is one of the service's own, and not one that we set. */
static bool
is_own_key(const struct memcheck_drive *drive, const char *key)
{
	for (size_t i = 0; i < 2 && drive->sets[i].key; i++)
		if (strcmp(drive->sets[i].key, key) == 0)
			return false;
	for (const struct conf_key *known = conf_plugin_keys; known->name; known++)
		if (strcmp(known->name, key) == 0)
			return false;
	for (size_t i = 0; i < HOST_N_T; i++)
		if (strcmp(conf_telemetry_keys[i].name, key) == 0)
			return false;
	return true;
}

/* What DIR/host.conf, or the one beside DIR, says to the service itself. */
static void
write_own_keys(const struct memcheck *check, FILE *to)
{
	static const char *const files[] = { "host.conf", "../host.conf" };
	char *name = xasprintf("plugin %s", check->name);

	for (size_t i = 0; i < 2; i++) {
		struct host_problems problems = { NULL, 0 };
		struct ini ini = { NULL, 0 };
		const struct ini_section *section;
		char *path = xasprintf("%s/%s", check->dir, files[i]);

		if (access(path, R_OK) == 0)
			ini_read(&ini, path, &problems);
		section = ini_section(&ini, name);
		for (size_t j = 0; section && j < section->n_entries; j++)
			if (is_own_key(check->drive, section->entries[j].key))
				fprintf(to, "%s = \"%s\"\n", section->entries[j].key,
				        section->entries[j].value);
		free(path);
		ini_fini(&ini);
		host_problems_fini(&problems);
		if (section)
			break;
	}
	free(name);
}

static void
write_sets(const struct memcheck *check, const struct memcheck_drive *drive, FILE *to)
{
	for (size_t i = 0; i < 2 && drive->sets[i].key; i++)
		fprintf(to, "%s = http://127.0.0.1:%u%s\n", drive->sets[i].key,
		        port_of(check, drive->sets[i].service), drive->sets[i].path);
}

static int
write_conf(struct memcheck *check)
{
	char *path = xasprintf("%s/host.conf", check->tmp);
	FILE *to = fopen(path, "we");

	free(path);
	if (!to)
		return cannot("host.conf cannot be written");
	for (size_t i = 0; i < 4; i++)
		check->ports[i] = free_port();
	fprintf(to,
	        "[host]\nruntime_dir = %s/run\nadmin =\nworkers = 1\nfiber_stack = 2M\n"
	        "stall_report = 1h\nstall_kill = 0\nstart_timeout = 60s\nlog_level = warn\n"
	        "[telemetry]\ntraces = console\nmetrics = console\nlogs = console\n"
	        "[plugin %s]\npath = %s/src/%s/%s.so\nprocess = memcheck\n"
	        "listen = 127.0.0.1:%u\ninstrument = yes\n",
	        check->tmp, check->name, check->tmp, check->name, check->name,
	        check->ports[0]);
	write_sets(check, check->drive, to);
	write_own_keys(check, to);
	for (size_t i = 0; i < 3 && check->drive->with[i]; i++) {
		fprintf(to,
		        "[plugin %s]\nlisten = 127.0.0.1:%u\ntraces = none\nmetrics = none\nlogs = none\n",
		        check->drive->with[i], check->ports[i + 1]);
		write_sets(check, memcheck_drive(check->drive->with[i]), to);
	}
	return fclose(to) == 0 ? 0 : cannot("host.conf cannot be written");
}

static void
set_environment(const struct memcheck *check)
{
	const char *before = getenv("LD_PRELOAD");
	char *preload = xasprintf("%s%s%s", check->preload, before ? ":" : "",
	                          before ? before : "");

	setenv("LD_PRELOAD", preload, 1);
	free(preload);
	setenv("CUPOLA_MEMCHECK", "1", 1);
	/* 2: the host's own handlers stay out. Leaks are looked for when the services have stopped. */
	setenv("ASAN_OPTIONS",
	       "halt_on_error=0:handle_segv=2:handle_sigbus=2:handle_abort=2:handle_sigill=2:"
	       "handle_sigfpe=2:detect_leaks=1:leak_check_at_exit=0:detect_odr_violation=0:"
	       "fast_unwind_on_malloc=0:detect_stack_use_after_return=0:color=never",
	       1);
	setenv("UBSAN_OPTIONS", "print_stacktrace=1:color=never", 1);
	setenv("LSAN_OPTIONS", "exitcode=0", 1);
	for (char **e = environ; *e;) /* where telemetry goes is settled here */
		if (strncmp(*e, "OTEL_", 5) == 0) {
			char *name = xstrndup(*e, strcspn(*e, "="));

			unsetenv(name);
			free(name);
			e = environ;
		} else {
			e++;
		}
}

static void
become_host(const struct memcheck *check)
{
	char *conf = xasprintf("%s/host.conf", check->tmp),
	     *report = xasprintf("%s/report.txt", check->tmp),
	     *out = xasprintf("%s/out.txt", check->tmp);
	char name[] = "cupola", command[] = "run", option[] = "-c";
	char *argv[] = { name, command, option, conf, NULL };
	int report_fd = open(report, O_WRONLY | O_CREAT | O_APPEND, 0600),
	    out_fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_IGN);
	if (report_fd < 0 || out_fd < 0)
		_exit(127);
	dup2(out_fd, STDOUT_FILENO);
	dup2(report_fd, STDERR_FILENO);
	set_environment(check);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static void
print_file(const struct memcheck *check, const char *name)
{
	char *path = xasprintf("%s/%s", check->tmp, name), line[4096];
	FILE *from = fopen(path, "re");

	while (from && fgets(line, sizeof line, from))
		fputs(line, stderr);
	if (from)
		fclose(from);
	free(path);
}

static bool
is_ready(const struct memcheck *check)
{
	char *path = xasprintf("%s/out.txt", check->tmp), line[64];
	FILE *from = fopen(path, "re");
	bool ready = false;

	while (from && !ready && fgets(line, sizeof line, from))
		ready = strcmp(line, "ready\n") == 0;
	if (from)
		fclose(from);
	free(path);
	return ready;
}

static int
start(struct memcheck *check)
{
	const struct timespec moment = { 0, 20000000 };
	int status;

	check->host = fork();
	if (check->host == 0)
		become_host(check);
	for (int i = 0; check->host > 0 && !interrupted && i < READY_S * 50; i++) {
		if (is_ready(check))
			return 0;
		if (waitpid(check->host, &status, WNOHANG) == check->host) {
			check->host = 0;
			break;
		}
		nanosleep(&moment, NULL);
	}
	if (!interrupted)
		print_file(check, "report.txt");
	return cannot("the host did not start; its own words above say why");
}

static void
stop(struct memcheck *check)
{
	if (check->host <= 0)
		return;
	kill(check->host, SIGTERM);
	while (waitpid(check->host, NULL, 0) < 0 && errno == EINTR)
		;
	check->host = 0;
}

/* ---- asking ---- */

/* What ends the process is not asked again, for leaks are looked for when it comes to its own end. */
static void
ask(struct memcheck *check, const char *request)
{
	for (size_t i = 0; i < check->n_crashed; i++)
		if (strcmp(check->crashed[i], request) == 0)
			return;
	if (interrupted)
		return;
	check->n_asked++;
	if (memcheck_ask(check->ports[0], request) == 0)
		*(const char **)xgrow(&check->crashed, &check->n_crashed,
		                      sizeof *check->crashed) = request;
}

static void
let_upstream(const struct memcheck *check, const char *mode)
{
	char *request = xasprintf("POST /fail?mode=%s", mode);

	(void)memcheck_ask(port_of(check, "upstream"), request);
	free(request);
}

/* Twice: in the second round nothing should end the process any more. */
static void
drive(struct memcheck *check)
{
	static const char *const modes[] = { "503", "garbage", "empty" };
	const struct memcheck_drive *drive = check->drive;

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; drive->requests[i]; i++)
			ask(check, drive->requests[i]);
		for (size_t i = 0; i < check->n_extra; i++)
			ask(check, check->extra[i]);
		for (size_t i = 0; drive->failing && i < sizeof modes / sizeof *modes;
		     i++) {
			let_upstream(check, modes[i]);
			ask(check, drive->failing);
		}
		if (drive->failing)
			let_upstream(check, "none");
	}
}

/* ---- what came of it ---- */

static int
report(const struct memcheck *check)
{
	char *path = xasprintf("%s/report.txt", check->tmp), here[PATH_MAX];
	const struct memcheck_own own = { check->dir,
		                          getcwd(here, sizeof here) ? here : "" };
	FILE *from = fopen(path, "re");
	size_t n = from ? memcheck_report(from, &own, stdout) : 0;

	if (!from) {
		free(path);
		return cannot("there is no report"), COULD_NOT;
	}
	fclose(from);
	for (size_t i = 0; i < check->n_crashed; i++)
		printf("%s has ended the process%s\n", check->crashed[i],
		       i == 0 ? ", and leaks of what was before it are not known" : "");
	if (n)
		printf("%s: %zu mistake%s in %zu requests; the sanitizers' own words: %s\n",
		       check->name, n, n == 1 ? "" : "s", check->n_asked, path);
	else
		printf("%s: the sanitizers found nothing in %zu requests\n", check->name,
		       check->n_asked);
	free(path);
	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void
clean_up(struct memcheck *check, bool keep_report)
{
	char *src, *run_dir, *conf, *out;

	stop(check);
	interrupted = 0; /* what follows is done in any case */
	if (check->tmp) {
		const char *argv[] = { "rm", "-rf", "--", NULL, NULL, NULL, NULL, NULL };

		src = xasprintf("%s/src", check->tmp);
		run_dir = xasprintf("%s/run", check->tmp);
		conf = xasprintf("%s/host.conf", check->tmp);
		out = xasprintf("%s/out.txt", check->tmp);
		argv[3] = keep_report ? src : check->tmp;
		argv[4] = keep_report ? run_dir : NULL;
		argv[5] = keep_report ? conf : NULL;
		argv[6] = keep_report ? out : NULL;
		run(argv, NULL, -1);
		free(src);
		free(run_dir);
		free(conf);
		free(out);
	}
	free(check->tmp);
	free(check->dir);
	free(check->name);
	free(check->preload);
	free(check->flags);
	free(check->crashed);
}

static char *
make_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf("%s/cupola-memcheck-XXXXXX", tmp && *tmp ? tmp : "/tmp");

	if (mkdtemp(path))
		return path;
	cli_fail("memcheck", "%s: %s", path, strerror(errno));
	free(path);
	return NULL;
}

int
cli_memcheck(struct cli_options *options)
{
	const struct sigaction end = { .sa_handler = on_signal };
	struct memcheck check = { .extra = options->rest + 1,
		                  .n_extra = options->n_rest - 1 };
	int status = COULD_NOT;

	check.dir = realpath(options->rest[0], NULL);
	if (!check.dir)
		return cli_fail("memcheck", "%s: %s", options->rest[0], strerror(errno)),
		       COULD_NOT;
	check.name = xstrdup(strrchr(check.dir, '/') + 1);
	check.drive = memcheck_drive(check.name);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	check.tmp = make_folder();
	if (check.tmp && find_runtimes(&check) == 0 && build(&check) == 0 &&
	    write_conf(&check) == 0 && start(&check) == 0) {
		drive(&check);
		stop(&check);
		status = interrupted ? cannot(""), COULD_NOT : report(&check);
	}
	clean_up(&check, status == EXIT_FAILURE);
	return status;
}
