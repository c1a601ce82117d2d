/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address becomes module + offset by the maps that the dying process wrote, then the address that the
 * module was linked at by its program headers, then function and line by addr2line, asked once for each
 * module. Return addresses are looked up one byte earlier: they point behind the call.
 */
#include "symbolise.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "worker-boot.h"

#define MAPS_LIMIT (8u << 20)

struct frame {
	char *module;           /* NULL: in no file */
	uint64_t offset;        /* in the file */
	uint64_t linked;        /* address that the module was linked at */
	char *function, *place; /* NULL: unknown */
};

/* ---- where an address is ---- */

static bool
find_in_maps(const char *maps, uint64_t address, struct frame *frame)
{
	for (const char *line = maps; line && *line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		uint64_t from, to, offset;
		int path_at = 0;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*4s %" SCNx64 " %*s %*s %n",
		           &from, &to, &offset, &path_at) < 3 ||
		    address < from || address >= to)
			continue;
		if (!path_at || line[path_at] != '/')
			return false;
		frame->module = xstrndup(line + path_at, strcspn(line + path_at, "\n"));
		frame->offset = address - from + offset;
		return true;
	}
	return false;
}

/* The address that the byte at `offset` of an ELF file was linked at. */
static uint64_t
linked_address(const char *module, uint64_t offset)
{
	int fd = open(module, O_RDONLY | O_CLOEXEC);
	ElfW(Ehdr) head;
	ElfW(Phdr) part;
	uint64_t found = offset;

	if (fd < 0)
		return offset;
	if (pread(fd, &head, sizeof head, 0) == sizeof head &&
	    !memcmp(head.e_ident, ELFMAG, SELFMAG))
		for (size_t i = 0; i < head.e_phnum; i++) {
			off_t at = (off_t)(head.e_phoff + i * sizeof part);

			if (pread(fd, &part, sizeof part, at) == sizeof part &&
			    part.p_type == PT_LOAD && offset >= part.p_offset &&
			    offset < part.p_offset + part.p_filesz) {
				found = offset - part.p_offset + part.p_vaddr;
				break;
			}
		}
	close(fd);
	return found;
}

static void
locate(struct frame *frames, const struct worker_crash *crash, const char *maps)
{
	for (uint32_t i = 0; i < crash->n_frames; i++) {
		uint64_t address = crash->frames[i] - (i > 0);

		if (find_in_maps(maps, address, &frames[i]))
			frames[i].linked = linked_address(frames[i].module,
			                                  frames[i].offset);
	}
}

/* ---- addr2line ---- */

/* Takes two lines of its output, function and place, for one frame. */
static bool
read_answer(FILE *from, struct frame *frame)
{
	char function[1024], place[PATH_MAX + 32];

	if (!fgets(function, sizeof function, from) || !fgets(place, sizeof place, from))
		return false;
	function[strcspn(function, "\n")] = '\0';
	place[strcspn(place, "\n")] = '\0';
	if (strcmp(function, "??"))
		frame->function = xstrdup(function);
	if (strncmp(place, "??", 2) && !strstr(place, ":?")) {
		char *more = strstr(place, " (discriminator");

		if (more)
			*more = '\0';
		frame->place = xstrdup(place);
	}
	return true;
}

/* Asks for all frames of the module of frames[first]. */
static void
ask_for_module(struct frame *frames, uint32_t n, uint32_t first)
{
	const char *module = frames[first].module;
	char addresses[WORKER_CRASH_FRAMES][24];
	char program[] = ADDR2LINE, options[] = "-fC", file_option[] = "-e";
	char *argv[WORKER_CRASH_FRAMES + 5] = { program, options, file_option,
		                                xstrdup(module) };
	int fds[2], argc = 4;
	FILE *from;
	pid_t pid;

	for (uint32_t i = first; i < n; i++)
		if (frames[i].module && !strcmp(frames[i].module, module)) {
			snprintf(addresses[i], sizeof addresses[i], "0x%" PRIx64,
			         frames[i].linked);
			argv[argc++] = addresses[i];
		}
	if (pipe2(fds, O_CLOEXEC) == 0) {
		pid = fork();
		if (pid == 0) {
			int null = open("/dev/null", O_RDWR);

			dup2(null, STDIN_FILENO);
			dup2(null, STDERR_FILENO);
			dup2(fds[1], STDOUT_FILENO);
			execv(program, argv);
			_exit(127);
		}
		close(fds[1]);
		from = fdopen(fds[0], "r");
		for (uint32_t i = first; from && i < n; i++)
			if (frames[i].module && !strcmp(frames[i].module, module) &&
			    !read_answer(from, &frames[i]))
				break;
		if (from)
			fclose(from);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	free(argv[3]);
}

static void
name_frames(struct frame *frames, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bool asked = !frames[i].module;

		for (uint32_t j = 0; j < i && !asked; j++)
			asked = frames[j].module &&
			        !strcmp(frames[j].module, frames[i].module);
		if (!asked)
			ask_for_module(frames, n, i);
	}
}

/* ---- the text ---- */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "api at app.c:12", "strlen in libc.so.6+0x1234". */
static void
print_frame(const struct frame *frame, uint64_t address)
{
	printf("%s", frame->function ? frame->function : "?");
	if (frame->place)
		printf(" at %s", frame->place);
	else if (frame->module)
		printf(" in %s+0x%" PRIx64, base_name(frame->module), frame->offset);
	else
		printf(" at 0x%" PRIx64, address);
}

/* The frame to name first: the innermost of the plugin whose line is known, else the innermost known. */
static int
culprit(const struct frame *frames, const struct worker_crash *crash)
{
	char copy[80];
	int any = -1;

	snprintf(copy, sizeof copy, "/%s.", crash->plugin);
	for (uint32_t i = 0; i < crash->n_frames; i++) {
		if (!frames[i].place)
			continue;
		if (*crash->plugin && strstr(frames[i].module, "/copies/") &&
		    strstr(frames[i].module, copy))
			return (int)i;
		if (any < 0)
			any = (int)i;
	}
	return any;
}

/* What happened, and where: the line that a person reads. A sample of a living thread has none. */
static void
print_heading(const struct worker_crash *crash, const struct frame *frames)
{
	const char *name = sigabbrev_np(crash->signo);
	int at = culprit(frames, crash);

	if (crash->stalled_ms)
		printf("stalled for %" PRIu64 " ms", crash->stalled_ms);
	else if (name)
		printf("SIG%s", name);
	else
		printf("signal %d", crash->signo);
	if (at >= 0)
		printf(" at %s (%s)", frames[at].place,
		       frames[at].function ? frames[at].function : "?");
	else if (crash->n_frames)
		printf(" in "), print_frame(&frames[0], crash->frames[0]);
	if (crash->is_overflow)
		printf(", the stack is full");
	else if (!crash->stalled_ms &&
	         (crash->signo == SIGSEGV || crash->signo == SIGBUS ||
	          crash->signo == SIGILL || crash->signo == SIGFPE))
		printf(", address 0x%" PRIx64, crash->address);
	if (*crash->trace_id)
		printf(", in trace %.32s, span %.16s", crash->trace_id, crash->span_id);
	putchar('\n');
}

static void
print_crash(const struct worker_crash *crash, const struct frame *frames)
{
	if (crash->signo || crash->stalled_ms)
		print_heading(crash, frames);
	for (uint32_t i = 0, more; i < crash->n_frames; i += 1 + more) {
		for (more = 0; i + more + 1 < crash->n_frames &&
		               crash->frames[i + more + 1] == crash->frames[i];)
			more++;
		printf("#%u ", i);
		print_frame(&frames[i], crash->frames[i]);
		puts("");
		if (more)
			printf("#%u ... the same %u times more\n", i + 1, more);
	}
}

static char *
read_maps(int fd)
{
	size_t len = 0, size = 65536;
	char *maps = xcalloc(size, 1);
	ssize_t n;

	while ((n = pread(fd, maps + len, size - len - 1,
	                  (off_t)(sizeof(struct worker_crash) + len))) > 0) {
		len += (size_t)n;
		if (size - len < 4096) {
			if (size > MAPS_LIMIT)
				break;
			maps = realloc(maps, size *= 2);
			if (!maps)
				exit(EXIT_FAILURE);
		}
	}
	maps[len] = '\0';
	return maps;
}

int
host_symbolise_main(int fd)
{
	struct worker_crash crash;
	struct frame *frames;
	char *maps;

	if (pread(fd, &crash, sizeof crash, 0) != sizeof crash ||
	    crash.magic != WORKER_CRASH_MAGIC || crash.size != sizeof crash) {
		fputs("cupola: --symbolise: expected a crash record on stdin\n", stderr);
		return EXIT_FAILURE;
	}
	crash.plugin[sizeof crash.plugin - 1] = '\0';
	if (crash.n_frames > WORKER_CRASH_FRAMES)
		crash.n_frames = WORKER_CRASH_FRAMES;
	frames = xcalloc(crash.n_frames, sizeof *frames);
	maps = read_maps(fd);
	locate(frames, &crash, maps);
	name_frames(frames, crash.n_frames);
	print_crash(&crash, frames);
	for (uint32_t i = 0; i < crash.n_frames; i++) {
		free(frames[i].module);
		free(frames[i].function);
		free(frames[i].place);
	}
	free(frames);
	free(maps);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
