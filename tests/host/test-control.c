/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel that master, workers and commands speak over, the runtime folder where they meet, and the
 * boot information that a worker gets.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "channel.h"
#include "check-main.h"
#include "conf.h"
#include "runtime-dir.h"
#include "worker-boot.h"

/* ---- channel ---- */

struct end {
	struct host_channel *channel;
	json_t *got; /* array of what came */
	int closed;  /* how often */
	int error;
	bool leave; /* frees its channel at the first message */
};

static struct event_base *base;
static struct end left, right;

static void
on_message(struct host_channel *channel, json_t *message, void *arg)
{
	struct end *end = arg;

	json_array_append(end->got, message);
	if (end->leave) {
		host_channel_free(channel);
		end->channel = NULL;
	}
}

static void
on_closed(struct host_channel *channel, int error, void *arg)
{
	struct end *end = arg;

	end->closed++;
	end->error = error;
}

static void
make_pair(void)
{
	int fds[2];

	base = event_base_new();
	left = right = (struct end){ NULL, NULL, 0, 0, false };
	left.got = json_array();
	right.got = json_array();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(host_channel_new(base, fds[0], on_message, on_closed, &left,
	                                  &left.channel),
	                 0);
	ck_assert_int_eq(host_channel_new(base, fds[1], on_message, on_closed, &right,
	                                  &right.channel),
	                 0);
}

static void
free_pair(void)
{
	host_channel_free(left.channel);
	host_channel_free(right.channel);
	json_decref(left.got);
	json_decref(right.got);
	event_base_free(base);
}

/* Runs the loop until `right` has n messages, or was closed. */
static void
pump(size_t n)
{
	for (int i = 0; i < 10000 && json_array_size(right.got) < n && !right.closed; i++)
		event_base_loop(base, EVLOOP_ONCE);
}

START_TEST(messages_arrive_whole_and_in_order)
{
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(
			host_channel_send(left.channel, json_pack("{s:i}", "n", i)), 0);
	pump(100);
	ck_assert_uint_eq(json_array_size(right.got), 100);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(json_integer_value(json_object_get(
					 json_array_get(right.got, (size_t)i), "n")),
		                 i);
}
END_TEST

START_TEST(a_message_larger_than_the_socket_arrives)
{
	size_t len = 3 << 20;
	char *text = malloc(len + 1);

	memset(text, 'x', len);
	text[len] = '\0';
	ck_assert_int_eq(
		host_channel_send(left.channel, json_pack("{s:s}", "text", text)), 0);
	pump(1);
	ck_assert_str_eq(
		json_string_value(json_object_get(json_array_get(right.got, 0), "text")),
		text);
	free(text);
}
END_TEST

START_TEST(descriptors_go_with_their_message)
{
	int pipes[2][2], sent[2], fd;
	char byte;

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pipe(pipes[i]), 0);
		sent[i] = pipes[i][1];
	}
	ck_assert_int_eq(
		host_channel_send_fds(left.channel, json_pack("{s:i}", "n", 1), sent, 2),
		0);
	ck_assert_int_eq(host_channel_send(left.channel, json_pack("{s:i}", "n", 2)), 0);
	for (int i = 0; i < 2; i++)
		close(sent[i]);
	pump(2);
	for (int i = 0; i < 2; i++) {
		char text = (char)('a' + i);

		fd = host_channel_take_fd(right.channel);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		ck_assert_int_eq(write(fd, &text, 1), 1);
		ck_assert_int_eq(read(pipes[i][0], &byte, 1), 1);
		ck_assert_int_eq(byte, 'a' + i);
		close(fd);
		close(pipes[i][0]);
	}
	ck_assert_int_eq(host_channel_take_fd(right.channel), -ENOENT);
}
END_TEST

START_TEST(too_many_descriptors_are_refused)
{
	int fds[300];

	for (int i = 0; i < 300; i++)
		fds[i] = STDIN_FILENO;
	ck_assert_int_eq(host_channel_send_fds(left.channel, json_object(), fds, 300),
	                 -E2BIG);
}
END_TEST

START_TEST(the_last_words_of_a_peer_come_before_its_end)
{
	ck_assert_int_eq(host_channel_send(left.channel, json_pack("{s:i}", "n", 1)), 0);
	host_channel_free(left.channel);
	left.channel = NULL;
	pump(2);
	ck_assert_uint_eq(json_array_size(right.got), 1);
	ck_assert_int_eq(right.closed, 1);
	ck_assert_int_eq(right.error, 0);
}
END_TEST

START_TEST(a_channel_may_be_freed_in_its_own_callback)
{
	right.leave = true;
	ck_assert_int_eq(host_channel_send(left.channel, json_pack("{s:i}", "n", 1)), 0);
	ck_assert_int_eq(host_channel_send(left.channel, json_pack("{s:i}", "n", 2)), 0);
	pump(1);
	ck_assert_uint_eq(json_array_size(right.got), 1);
	ck_assert_ptr_null(right.channel);
}
END_TEST

/* A peer that is no channel: sends `text` again and again until it is cut off. Returns the error. */
static int
send_raw(const char *text, size_t len)
{
	struct end raw = { NULL, json_array(), 0, 0, false };
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(
		host_channel_new(base, fds[1], on_message, on_closed, &raw, &raw.channel),
		0);
	while (!raw.closed) {
		(void)!send(fds[0], text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	host_channel_free(raw.channel);
	json_decref(raw.got);
	close(fds[0]);
	return raw.error;
}

static const char *const rubbish[] = { "hello\n", "[1]\n", "\n", "{\"a\":1}\n{\n" };

START_TEST(what_is_no_message_ends_the_channel)
{
	ck_assert_int_eq(send_raw(rubbish[_i], strlen(rubbish[_i])), -EBADMSG);
}
END_TEST

START_TEST(a_line_without_end_ends_the_channel)
{
	static char endless[65536];

	memset(endless, 'x', sizeof endless);
	ck_assert_int_eq(send_raw(endless, sizeof endless), -EMSGSIZE);
}
END_TEST

START_TEST(a_peer_that_never_reads_is_bounded)
{
	char *text = calloc(1, 1 << 20);
	int r = 0;

	memset(text, 'x', (1 << 20) - 1);
	for (int i = 0; i < 64 && !r; i++)
		r = host_channel_send(left.channel, json_pack("{s:s}", "text", text));
	ck_assert_int_eq(r, -ENOBUFS);
	free(text);
}
END_TEST

/* ---- the runtime folder ---- */

static char folder[PATH_MAX];

static void
make_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof folder, "%s/cupola-run-XXXXXX",
	         tmp && *tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
remove_folder(void)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

START_TEST(a_second_host_is_refused_with_the_pid)
{
	struct host_rundir first, second;
	struct otel_error err = OTEL_ERROR_INIT;
	char path[PATH_MAX + 16], pid[32];

	snprintf(path, sizeof path, "%s/run", folder);
	snprintf(pid, sizeof pid, "(pid %d)", getpid());
	ck_assert_int_eq(host_rundir_init(&first, path, "", NULL), 0);
	ck_assert_int_eq(host_rundir_init(&second, path, "", &err), -EBUSY);
	ck_assert_msg(strstr(err.message, pid), "%s", err.message);
	host_rundir_fini(&first);
	ck_assert_int_eq(host_rundir_init(&second, path, "", NULL), 0);
	host_rundir_fini(&second);
}
END_TEST

START_TEST(the_folder_is_ours_alone)
{
	struct host_rundir runtime;
	char path[PATH_MAX + 16], copies[PATH_MAX + 32];

	snprintf(path, sizeof path, "%s/a/b/run", folder);
	snprintf(copies, sizeof copies, "%s/copies", path);
	ck_assert_int_eq(host_rundir_init(&runtime, path, "", NULL), 0);
	ck_assert_uint_eq(mode_of(path), 0700);
	ck_assert_uint_eq(mode_of(copies), 0700);
	host_rundir_fini(&runtime);
}
END_TEST

START_TEST(a_folder_that_others_can_write_to_is_refused)
{
	struct host_rundir runtime;
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_int_eq(chmod(folder, 0777), 0);
	ck_assert_int_eq(host_rundir_init(&runtime, folder, "", &err), -EPERM);
	ck_assert_msg(strstr(err.message,
	                     "expected a folder of ours that nobody else can write to"),
	              "%s", err.message);
}
END_TEST

START_TEST(a_symbolic_link_is_refused)
{
	struct host_rundir runtime;
	char path[PATH_MAX + 16];

	snprintf(path, sizeof path, "%s/link", folder);
	ck_assert_int_eq(symlink("/tmp", path), 0);
	ck_assert_int_lt(host_rundir_init(&runtime, path, "", NULL), 0);
}
END_TEST

START_TEST(the_socket_works_from_a_deep_path)
{
	char path[2048], control[2080];
	struct host_rundir runtime;
	size_t len = (size_t)snprintf(path, sizeof path, "%s", folder);
	int listener, client;

	while (len < 1000)
		len += (size_t)snprintf(path + len, sizeof path - len, "/%s",
		                        "a-folder-with-a-rather-long-name");
	ck_assert_int_eq(host_rundir_init(&runtime, path, "", NULL), 0);
	listener = host_rundir_listen(&runtime, NULL);
	ck_assert_int_ge(listener, 0);
	snprintf(control, sizeof control, "%s/control", path);
	ck_assert_uint_eq(mode_of(control), 0600);
	client = host_rundir_connect(path, NULL);
	ck_assert_int_ge(client, 0);
	close(client);
	close(listener);
	host_rundir_fini(&runtime);
	ck_assert_int_eq(access(control, F_OK), -1);
}
END_TEST

START_TEST(no_host_is_told_as_such)
{
	struct otel_error err = OTEL_ERROR_INIT;

	ck_assert_int_eq(host_rundir_connect(folder, &err), -ENOENT);
	ck_assert_msg(strstr(err.message, "no host is running"), "%s", err.message);
}
END_TEST

START_TEST(old_copies_are_removed)
{
	struct host_rundir runtime;
	char copy[PATH_MAX + 32];
	int fd;

	snprintf(copy, sizeof copy, "%s/copies", folder);
	ck_assert_int_eq(mkdir(copy, 0700), 0);
	snprintf(copy, sizeof copy, "%s/copies/hello.1.so", folder);
	fd = open(copy, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(host_rundir_init(&runtime, folder, "", NULL), 0);
	ck_assert_int_eq(access(copy, F_OK), -1);
	host_rundir_fini(&runtime);
}
END_TEST

/* ---- boot information ---- */

START_TEST(a_worker_reads_what_the_master_wrote)
{
	char process[] = "main", copies[] = "/run/copies", plugin[] = "hello",
	     label[] = "", address[] = "::1", id[] = "id",
	     copy[] = "/run/copies/hello.3.so", file[PATH_MAX + 16];
	struct worker_socket socket_info = {
		plugin, label, address, 5000, 1, STDIN_FILENO
	};
	struct worker_plugin known = { plugin, id, copy, 3, 4, NULL, NULL, NULL };
	struct worker_boot boot = { .process = process,
		                    .restarts = 2,
		                    .control_fd = 0,
		                    .life_fd = 1,
		                    .crash_fd = 2,
		                    .copies_dir = copies,
		                    .sockets = &socket_info,
		                    .n_sockets = 1,
		                    .plugins = &known,
		                    .n_plugins = 1 },
			   *got = NULL;
	struct host_problems problems = { NULL, 0 };
	struct otel_error err = OTEL_ERROR_INIT;
	FILE *out;
	int fd;

	snprintf(file, sizeof file, "%s/host.conf", folder);
	out = fopen(file, "w");
	fputs("[plugin hello]\ngreeting = \"a b\"\n", out);
	fclose(out);
	ck_assert_int_eq(host_conf_read(file, NULL, 0, &boot.conf, &problems), 0);
	fd = worker_boot_write(&boot, &err);
	ck_assert_msg(fd >= 0, "%s", err.message);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_msg(worker_boot_read(fd, &got, &err) == 0, "%s", err.message);
	ck_assert_str_eq(got->process, "main");
	ck_assert_int_eq(got->restarts, 2);
	ck_assert_uint_eq(got->n_sockets, 1);
	ck_assert_uint_eq(got->sockets->port, 5000);
	ck_assert_int_eq(got->sockets->loop, 1);
	ck_assert_str_eq(got->sockets->address, "::1");
	ck_assert_uint_eq(got->n_plugins, 1);
	ck_assert_str_eq(got->plugins->start_from, copy);
	ck_assert_int_eq(got->plugins->generation, 3);
	ck_assert_int_eq(got->plugins->last_generation, 4);
	ck_assert_ptr_null(got->plugins->failed);
	ck_assert_str_eq(host_conf_plugin(got->conf, "hello")->settings->value, "a b");
	worker_boot_free(got);
	host_conf_free(boot.conf);
}
END_TEST

START_TEST(boot_information_that_is_none_is_refused)
{
	struct worker_boot *got = NULL;
	struct otel_error err = OTEL_ERROR_INIT;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "{}", 2), 2);
	close(fds[1]);
	ck_assert_int_eq(worker_boot_read(fds[0], &got, &err), -EBADMSG);
	ck_assert_ptr_null(got);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("control");
	TCase *channel = tcase_create("channel"), *runtime = tcase_create("runtime"),
	      *boot = tcase_create("boot");

	tcase_add_checked_fixture(channel, make_pair, free_pair);
	tcase_add_test(channel, messages_arrive_whole_and_in_order);
	tcase_add_test(channel, a_message_larger_than_the_socket_arrives);
	tcase_add_test(channel, descriptors_go_with_their_message);
	tcase_add_test(channel, too_many_descriptors_are_refused);
	tcase_add_test(channel, the_last_words_of_a_peer_come_before_its_end);
	tcase_add_test(channel, a_channel_may_be_freed_in_its_own_callback);
	tcase_add_loop_test(channel, what_is_no_message_ends_the_channel, 0,
	                    (int)(sizeof rubbish / sizeof *rubbish));
	tcase_add_test(channel, a_line_without_end_ends_the_channel);
	tcase_add_test(channel, a_peer_that_never_reads_is_bounded);
	suite_add_tcase(suite, channel);
	tcase_add_checked_fixture(runtime, make_folder, remove_folder);
	tcase_add_test(runtime, a_second_host_is_refused_with_the_pid);
	tcase_add_test(runtime, the_folder_is_ours_alone);
	tcase_add_test(runtime, a_folder_that_others_can_write_to_is_refused);
	tcase_add_test(runtime, a_symbolic_link_is_refused);
	tcase_add_test(runtime, the_socket_works_from_a_deep_path);
	tcase_add_test(runtime, no_host_is_told_as_such);
	tcase_add_test(runtime, old_copies_are_removed);
	suite_add_tcase(suite, runtime);
	tcase_add_checked_fixture(boot, make_folder, remove_folder);
	tcase_add_test(boot, a_worker_reads_what_the_master_wrote);
	tcase_add_test(boot, boot_information_that_is_none_is_refused);
	suite_add_tcase(suite, boot);
	return check_main(suite);
}
