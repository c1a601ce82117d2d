/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check-main.h"
#include "conf.h"
#include "listen.h"

#define LOOPS 3

static char any_address[] = "127.0.0.1", no_label[] = "";
static const struct host_listen any_port = { no_label, any_address, 0 };

static int
connect_to(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

START_TEST(port_zero_is_one_port_for_all_loops)
{
	int fds[LOOPS];
	uint16_t port = 0;
	struct sockaddr_in address;
	socklen_t len = sizeof address;

	ck_assert_int_eq(host_listen_open(&any_port, LOOPS, fds, &port, NULL), 0);
	ck_assert_uint_ne(port, 0);
	for (int i = 0; i < LOOPS; i++) {
		ck_assert_int_eq(getsockname(fds[i], (struct sockaddr *)&address, &len),
		                 0);
		ck_assert_uint_eq(ntohs(address.sin_port), port);
		close(fds[i]);
	}
}
END_TEST

START_TEST(connections_reach_every_loop)
{
	int fds[LOOPS], clients[64], got[LOOPS] = { 0 }, sum = 0;
	uint16_t port;

	ck_assert_int_eq(host_listen_open(&any_port, LOOPS, fds, &port, NULL), 0);
	for (int i = 0; i < 64; i++)
		clients[i] = connect_to(port);
	for (int i = 0; i < LOOPS; i++)
		for (int fd; (fd = accept4(fds[i], NULL, NULL, SOCK_CLOEXEC)) >= 0;
		     got[i]++)
			close(fd);
	for (int i = 0; i < LOOPS; i++) {
		ck_assert_int_gt(got[i], 0);
		sum += got[i];
		close(fds[i]);
	}
	ck_assert_int_eq(sum, 64);
	for (int i = 0; i < 64; i++)
		close(clients[i]);
}
END_TEST

START_TEST(a_taken_port_names_who_has_it)
{
	struct host_listen again = any_port;
	int fds[1], more[2];
	struct otel_error err = OTEL_ERROR_INIT;
	char expected[64];

	ck_assert_int_eq(host_listen_open(&any_port, 1, fds, &again.port, NULL), 0);
	ck_assert_int_eq(host_listen_open(&again, 2, more, &again.port, &err),
	                 -EADDRINUSE);
	snprintf(expected, sizeof expected, "(pid %d)", getpid());
	ck_assert_msg(strstr(err.message, expected), "%s", err.message);
	ck_assert_msg(strstr(err.message,
	                     "expected a free port, found it taken by test-listen"),
	              "%s", err.message);
	close(fds[0]);
}
END_TEST

START_TEST(an_address_of_another_machine_is_told)
{
	char elsewhere[] = "192.0.2.1";
	struct host_listen listen = { no_label, elsewhere, 0 };
	struct otel_error err = OTEL_ERROR_INIT;
	uint16_t port;
	int fd;

	ck_assert_int_eq(host_listen_open(&listen, 1, &fd, &port, &err), -EADDRNOTAVAIL);
	ck_assert_str_eq(
		err.message,
		"192.0.2.1:0: expected an address of this machine, found none such");
}
END_TEST

START_TEST(sockets_are_not_inherited)
{
	uint16_t port;
	int fd;

	ck_assert_int_eq(host_listen_open(&any_port, 1, &fd, &port, NULL), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close(fd);
}
END_TEST

START_TEST(a_list_may_use_commas_and_spaces)
{
	struct host_listen *list = NULL;
	size_t n = 0;

	ck_assert_int_eq(host_listen_parse("127.0.0.1:1,a=[::1]:2  b=localhost:3 , *:4",
	                                   &list, &n, NULL),
	                 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(list[1].address, "::1");
	ck_assert_str_eq(list[2].label, "b");
	ck_assert_str_eq(list[2].address, "127.0.0.1");
	ck_assert_str_eq(list[3].address, "0.0.0.0");
	host_listen_free(list, n);
}
END_TEST

START_TEST(a_wrong_list_leaves_what_was_there)
{
	struct host_listen *list = NULL;
	size_t n = 0;

	ck_assert_int_eq(host_listen_parse("127.0.0.1:1", &list, &n, NULL), 0);
	ck_assert_int_eq(host_listen_parse("127.0.0.1:2, nonsense", &list, &n, NULL),
	                 -EINVAL);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(list->port, 1);
	host_listen_free(list, n);
}
END_TEST

START_TEST(ipv6_is_written_in_brackets)
{
	char text[80];

	ck_assert_str_eq(host_listen_text("::1", 80, text, sizeof text), "[::1]:80");
	ck_assert_str_eq(host_listen_text("127.0.0.1", 80, text, sizeof text),
	                 "127.0.0.1:80");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("listen");
	TCase *sockets = tcase_create("sockets"), *text = tcase_create("text");

	tcase_add_test(sockets, port_zero_is_one_port_for_all_loops);
	tcase_add_test(sockets, connections_reach_every_loop);
	tcase_add_test(sockets, a_taken_port_names_who_has_it);
	tcase_add_test(sockets, an_address_of_another_machine_is_told);
	tcase_add_test(sockets, sockets_are_not_inherited);
	suite_add_tcase(suite, sockets);
	tcase_add_test(text, a_list_may_use_commas_and_spaces);
	tcase_add_test(text, a_wrong_list_leaves_what_was_there);
	tcase_add_test(text, ipv6_is_written_in_brackets);
	suite_add_tcase(suite, text);
	return check_main(suite);
}
