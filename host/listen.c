/* SPDX-License-Identifier: Apache-2.0 */
#include "listen.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf.h"
#include "memory.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* ---- as written ---- */

void
host_listen_free(struct host_listen *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].label);
		free(list[i].address);
	}
	free(list);
}

const char *
host_listen_text(const char *address, unsigned port, char *buf, size_t size)
{
	snprintf(buf, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
	return buf;
}

static int
unreadable(struct otel_error *err, const char *what, const char *item)
{
	return otel_error_set(err, -EINVAL, "expected %s, found \"%.100s\"", what, item);
}

static int
parse_port(const char *text, uint16_t *port)
{
	unsigned long n = 0;

	if (!*text || strlen(text) > 5)
		return -EINVAL;
	for (const char *c = text; *c; c++) {
		if (!isdigit((unsigned char)*c))
			return -EINVAL;
		n = n * 10 + (unsigned long)(*c - '0');
	}
	*port = (uint16_t)n;
	return n > 65535 ? -EINVAL : 0;
}

/* One "[label=]address:port"; `item` is written to. */
static int
parse_item(char *item, struct host_listen *out, struct otel_error *err)
{
	char *whole = xstrdup(item), *equals = strchr(item, '='), *address = item, *port;
	unsigned char bytes[16];
	int r = -EINVAL;

	if (equals) {
		*equals = '\0';
		address = equals + 1;
		if (!*item ||
		    item[strspn(
			    item,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")]) {
			unreadable(err,
			           "a label of letters, digits, '_' and '-' before =",
			           whole);
			goto end;
		}
	}
	port = strrchr(address, ':');
	if (!port || (*address == '[' && port[-1] != ']')) {
		unreadable(err, "address:port, such as 127.0.0.1:5000 or [::1]:5000",
		           whole);
		goto end;
	}
	*port++ = '\0';
	if (parse_port(port, &out->port) < 0) {
		unreadable(err, "a port from 0 to 65535", port);
		goto end;
	}
	if (!strcmp(address, "localhost")) {
		out->address = xstrdup("127.0.0.1");
	} else if (!strcmp(address, "*")) {
		out->address = xstrdup("0.0.0.0");
	} else if (*address == '[') {
		address[strlen(address) - 1] = '\0';
		if (inet_pton(AF_INET6, address + 1, bytes) != 1) {
			unreadable(err, "an IPv6 address in the brackets", address + 1);
			goto end;
		}
		out->address = xstrdup(address + 1);
	} else if (inet_pton(AF_INET, address, bytes) == 1) {
		out->address = xstrdup(address);
	} else if (inet_pton(AF_INET6, address, bytes) == 1 || strchr(address, ':')) {
		unreadable(err, "an IPv6 address in brackets, such as [::1]:5000", whole);
		goto end;
	} else {
		unreadable(err, "a numeric address, such as 127.0.0.1, or localhost",
		           address);
		goto end;
	}
	out->label = xstrdup(equals ? item : "");
	r = 0;
end:
	free(whole);
	return r;
}

int
host_listen_parse(const char *value, struct host_listen **list, size_t *n,
                  struct otel_error *err)
{
	char *copy = xstrdup(value), *save = NULL;
	struct host_listen *items = NULL;
	size_t n_items = 0;
	int r = 0;

	for (char *item = strtok_r(copy, ", \t", &save); item && !r;
	     item = strtok_r(NULL, ", \t", &save)) {
		struct host_listen *last = xgrow(&items, &n_items, sizeof *items);

		r = parse_item(item, last, err);
	}
	free(copy);
	if (r) {
		host_listen_free(items, n_items);
		return r;
	}
	host_listen_free(*list, *n);
	*list = items;
	*n = n_items;
	return 0;
}

/* ---- who holds a port ---- */

/* The inode of the listening socket on that port, by /proc/net/tcp or tcp6; 0 when there is none. */
static unsigned long
listening_inode(const char *table, uint16_t port)
{
	FILE *file = fopen(table, "re");
	unsigned long inode, found = 0;
	unsigned local_port, state;
	char line[512];

	while (file && !found && fgets(line, sizeof line, file))
		if (sscanf(line,
		           " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
		           &local_port, &state, &inode) == 3 &&
		    local_port == port && state == 0x0a)
			found = inode;
	if (file)
		fclose(file);
	return found;
}

static int
holds_inode(const char *pid, unsigned long inode)
{
	char path[300], link[64], wanted[64];
	struct dirent *entry;
	DIR *dir;
	int found = 0;

	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof link - 1);

		link[n > 0 ? n : 0] = '\0';
		found = !strcmp(link, wanted);
	}
	if (dir)
		closedir(dir);
	return found;
}

const char *
host_listen_holder(uint16_t port, char *buf, size_t size)
{
	unsigned long inode = listening_inode("/proc/net/tcp", port);
	char path[300], comm[64] = "";
	struct dirent *entry;
	FILE *file;
	DIR *proc;

	snprintf(buf, size, "another program, whose name the system does not tell us");
	if (!inode)
		inode = listening_inode("/proc/net/tcp6", port);
	proc = inode ? opendir("/proc") : NULL;
	while (proc && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)*entry->d_name) ||
		    !holds_inode(entry->d_name, inode))
			continue;
		snprintf(path, sizeof path, "/proc/%.20s/comm", entry->d_name);
		file = fopen(path, "re");
		if (file && fgets(comm, sizeof comm, file))
			comm[strcspn(comm, "\n")] = '\0';
		if (file)
			fclose(file);
		snprintf(buf, size, "%s (pid %.20s)", comm, entry->d_name);
		break;
	}
	if (proc)
		closedir(proc);
	return buf;
}

/* ---- sockets ---- */

static socklen_t
make_address(const struct host_listen *listen, uint16_t port, union address *out)
{
	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, listen->address, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		return sizeof out->v4;
	}
	inet_pton(AF_INET6, listen->address, &out->v6.sin6_addr);
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	return sizeof out->v6;
}

static int
set_option(int fd, int level, int option)
{
	int one = 1;

	return setsockopt(fd, level, option, &one, sizeof one);
}

/* A bound socket of the group; the first claims the port for us alone. The descriptor or -errno. */
static int
open_bound(const union address *address, socklen_t len, bool first)
{
	int fd = socket(address->any.sa_family,
	                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
	    saved;

	if (fd < 0)
		return -errno;
	if (address->any.sa_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (set_option(fd, SOL_SOCKET, SO_REUSEADDR) == 0 &&
	    (first || set_option(fd, SOL_SOCKET, SO_REUSEPORT) == 0) &&
	    bind(fd, &address->any, len) == 0 &&
	    (!first || set_option(fd, SOL_SOCKET, SO_REUSEPORT) == 0))
		return fd;
	saved = errno;
	close(fd);
	return -saved;
}

static int
explain(struct otel_error *err, int code, const struct host_listen *listen)
{
	char text[80], who[128];

	host_listen_text(listen->address, listen->port, text, sizeof text);
	if (code == -EADDRINUSE)
		return otel_error_set(
			err, code,
			"%s: expected a free port, found it taken by %s; stop that, or listen elsewhere",
			text, host_listen_holder(listen->port, who, sizeof who));
	if (code == -EADDRNOTAVAIL)
		return otel_error_set(
			err, code,
			"%s: expected an address of this machine, found none such", text);
	if (code == -EACCES)
		return otel_error_set(
			err, code,
			"%s: expected the right to open this port, found: %s; take one above 1023, "
			"or start as root with user = in [host]",
			text, strerror(-code));
	return otel_error_set(err, code, "%s: expected to listen there, found: %s", text,
	                      strerror(-code));
}

int
host_listen_open(const struct host_listen *where, size_t n, int *fds, uint16_t *port,
                 struct otel_error *err)
{
	union address address;
	socklen_t len = make_address(where, where->port, &address), got = sizeof address;
	size_t i;
	int r = 0;

	for (i = 0; i < n; i++) {
		fds[i] = open_bound(&address, len, i == 0);
		if (fds[i] < 0) {
			r = fds[i];
			break;
		}
		if (listen(fds[i], SOMAXCONN) < 0) {
			r = -errno;
			i++;
			break;
		}
		if (i == 0 && getsockname(fds[0], &address.any, &got) < 0) {
			r = -errno;
			i++;
			break;
		}
	}
	if (r < 0) {
		while (i > 0)
			close(fds[--i]);
		return explain(err, r, where);
	}
	*port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port
	                                               : address.v6.sin6_port);
	return 0;
}
