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
#include <jansson.h>
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

#include "crash-explain.h"
#include "memory.h"
#include "worker-boot.h"

#define MAPS_LIMIT (8u << 20)

struct frame {
	char *module;           /* NULL: in no file */
	uint64_t offset;        /* in the file */
	uint64_t linked;        /* address that the module was linked at */
	char *function, *place; /* NULL: unknown */
	struct frame *outer;    /* what it is inlined into: only the two above are set */
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

/* "app.c:12 (discriminator 3)" without the last part; NULL for "??:0". Owned. */
static char *
place_of(char *text)
{
	char *more = strstr(text, " (discriminator");

	if (!strncmp(text, "??", 2) || strstr(text, ":?"))
		return NULL;
	if (more)
		*more = '\0';
	return xstrdup(text);
}

/* A line of its output without the newline; false at the end. */
static bool
read_line(FILE *from, char *buf, size_t size)
{
	if (!fgets(buf, (int)size, from))
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

/*
 * Takes what it says of one frame: the address, then function and place, and again of each function that this
 * one is inlined into. `line` holds the address, and the next one's afterwards.
 */
static bool
read_answer(FILE *from, struct frame *frame, char *line, size_t size)
{
	char place[PATH_MAX + 32];
	bool more;

	while ((more = read_line(from, line, size)) && strncmp(line, "0x", 2) != 0) {
		if (!read_line(from, place, sizeof place))
			return false;
		if (frame->function || frame->place) {
			frame->outer = xcalloc(1, sizeof *frame->outer);
			frame = frame->outer;
		}
		if (strcmp(line, "??"))
			frame->function = xstrdup(line);
		frame->place = place_of(place);
	}
	return more;
}

/* Asks for all frames of the module of frames[first]. */
static void
ask_for_module(struct frame *frames, uint32_t n, uint32_t first)
{
	const char *module = frames[first].module;
	char addresses[WORKER_CRASH_FRAMES][24];
	char program[] = ADDR2LINE, options[] = "-afiC", file_option[] = "-e";
	char *argv[WORKER_CRASH_FRAMES + 5] = { program, options, file_option,
		                                xstrdup(module) };
	char line[1024];
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
		if (from && read_line(from, line, sizeof line))
			for (uint32_t i = first; i < n; i++)
				if (frames[i].module &&
				    !strcmp(frames[i].module, module) &&
				    !read_answer(from, &frames[i], line, sizeof line))
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
print_frame(FILE *out, const struct frame *frame, uint64_t address)
{
	fprintf(out, "%s", frame->function ? frame->function : "?");
	if (frame->place)
		fprintf(out, " at %s", frame->place);
	else if (frame->module)
		fprintf(out, " in %s+0x%" PRIx64, base_name(frame->module),
		        frame->offset);
	else
		fprintf(out, " at 0x%" PRIx64, address);
}

/* Of the plugin's file, which runs as a copy. */
static bool
is_own(const struct frame *frame, const struct worker_crash *crash)
{
	char copy[80];

	snprintf(copy, sizeof copy, "/%s.", crash->plugin);
	return *crash->plugin && frame->module && strstr(frame->module, "/copies/") &&
	       strstr(frame->module, copy);
}

/* A thread that a service made itself is known by its code alone: "/run/copies/hello.3.so" is hello's. */
static void
find_plugin(struct worker_crash *crash, const struct frame *frames)
{
	for (uint32_t i = 0; i < crash->n_frames && !*crash->plugin; i++) {
		const char *copies = frames[i].module
		                             ? strstr(frames[i].module, "/copies/")
		                             : NULL,
			   *name = copies ? copies + strlen("/copies/") : NULL, *end;
		size_t len;

		if (!name || strchr(name, '/'))
			continue;
		end = strrchr(name, '.'); /* of ".so" */
		while (end && end > name && end[-1] != '.')
			end--;
		len = end && end > name ? (size_t)(end - name - 1) : 0;
		if (len > 0 && len < sizeof crash->plugin) {
			memcpy(crash->plugin, name, len);
			crash->plugin[len] = '\0';
			crash->generation = (uint32_t)atoi(end);
		}
	}
}

/* The frame to name first: the innermost of the plugin whose line is known, else the innermost known. */
static int
culprit(const struct frame *frames, const struct worker_crash *crash)
{
	int any = -1;

	for (uint32_t i = 0; i < crash->n_frames; i++) {
		if (!frames[i].place)
			continue;
		if (is_own(&frames[i], crash))
			return (int)i;
		if (any < 0)
			any = (int)i;
	}
	return any;
}

/* Where, and what is known besides: what follows the cause in the line that a person reads. */
static void
print_circumstances(FILE *out, const struct worker_crash *crash,
                    const struct frame *frames)
{
	int at = culprit(frames, crash);
	char message[240];

	if (at >= 0) {
		fprintf(out, " at %s (%s)", frames[at].place,
		        frames[at].function ? frames[at].function : "?");
	} else if (crash->n_frames) {
		fprintf(out, " in ");
		print_frame(out, &frames[0], crash->frames[0]);
	}
	if (crash->is_overflow)
		fprintf(out, ", the stack is full");
	else if (!crash->stalled_ms &&
	         (crash->signo == SIGSEGV || crash->signo == SIGBUS ||
	          crash->signo == SIGILL || crash->signo == SIGFPE))
		fprintf(out, ", address 0x%" PRIx64, crash->address);
	if (!crash->is_exit && *crash_message(crash, message, sizeof message))
		fprintf(out, ", \"%s\"", message);
	if (*crash->span)
		fprintf(out, ", in span %s", crash->span);
}

/* What happened, and where. A sample of a living thread has none. */
static void
print_log(FILE *out, const struct worker_crash *crash, const struct frame *frames)
{
	char cause[64];

	if (crash->signo || crash->stalled_ms || crash->is_exit) {
		fputs(crash_cause(crash, cause, sizeof cause), out);
		print_circumstances(out, crash, frames);
		if (*crash->trace_id)
			fprintf(out, " of trace %.32s", crash->trace_id);
		fputc('\n', out);
	}
	for (uint32_t i = 0, more; i < crash->n_frames; i += 1 + more) {
		for (more = 0; i + more + 1 < crash->n_frames &&
		               crash->frames[i + more + 1] == crash->frames[i];)
			more++;
		fprintf(out, "#%u ", i);
		print_frame(out, &frames[i], crash->frames[i]);
		fputc('\n', out);
		for (const struct frame *outer = frames[i].outer; outer;
		     outer = outer->outer)
			fprintf(out, "   in %s at %s\n",
			        outer->function ? outer->function : "?",
			        outer->place ? outer->place : "?");
		if (more)
			fprintf(out, "#%u ... the same %u times more\n", i + 1, more);
	}
}

/* The innermost frames of an exit() are those that have noticed it. Returns how many they are. */
static uint32_t
leave_out_guard(struct worker_crash *crash, const struct frame *frames)
{
	uint32_t n = 0;

	while (crash->is_exit && n < crash->n_frames && !is_own(&frames[n], crash))
		n++;
	if (n == crash->n_frames)
		return 0;
	crash->n_frames -= n;
	memmove(crash->frames, crash->frames + n,
	        crash->n_frames * sizeof *crash->frames);
	return n;
}

/* ---- the object ---- */

static json_t *
text_or_null(const char *text)
{
	json_t *json = text && *text ? json_string(text) : NULL;

	return json ? json : json_null();
}

/* "app.c:12" as "file" and "line". */
static void
set_place(json_t *json, const char *place)
{
	const char *colon = place ? strrchr(place, ':') : NULL;

	json_object_set_new(json, "file",
	                    colon ? json_stringn(place, (size_t)(colon - place))
	                          : json_null());
	json_object_set_new(json, "line",
	                    colon ? json_integer(atoi(colon + 1)) : json_null());
}

static json_t *
frame_to_json(const struct frame *frame, bool own)
{
	json_t *json = json_pack("{s:o,s:b}", "function", text_or_null(frame->function),
	                         "own", (int)own);

	set_place(json, frame->place);
	if (!frame->place && frame->module)
		json_object_set_new(json, "module",
		                    text_or_null(base_name(frame->module)));
	return json;
}

/* As many frames at one place of a recursion say no more than one. */
static json_t *
frames_to_json(const struct worker_crash *crash, const struct frame *frames)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < crash->n_frames; i++) {
		bool own = is_own(&frames[i], crash);

		if (i > 0 && crash->frames[i] == crash->frames[i - 1])
			continue;
		for (const struct frame *f = &frames[i]; f; f = f->outer)
			json_array_append_new(array, frame_to_json(f, own));
	}
	return array;
}

static json_t *
line_of(void (*print)(FILE *out, const struct worker_crash *crash,
                      const struct frame *frames),
        const char *before, const struct worker_crash *crash, const struct frame *frames)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	json_t *json;

	if (!out)
		exit(EXIT_FAILURE);
	fputs(before, out);
	print(out, crash, frames);
	fclose(out);
	if (size > 0 && text[size - 1] == '\n')
		text[size - 1] = '\0';
	json = json_string(text);
	free(text);
	return json ? json : json_string(before); /* it was no UTF-8 */
}

static json_t *
to_json(const struct worker_crash *crash, const struct frame *frames)
{
	int at = culprit(frames, crash);
	const char *name = crash->signo > 0 ? sigabbrev_np(crash->signo) : NULL;
	char message[240];
	json_t *json = json_pack(
		"{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:o,s:o,s:i,s:f,s:o}", "what",
		crash_what(crash), "signal",
		name ? json_sprintf("SIG%s", name) : json_null(), "function",
		text_or_null(at < 0 ? NULL : frames[at].function), "frames",
		frames_to_json(crash, frames), "span", text_or_null(crash->span),
		"trace_id", text_or_null(crash->trace_id), "span_id",
		text_or_null(crash->span_id), "hint", crash_hint(crash), "message",
		text_or_null(crash_message(crash, message, sizeof message)), "doing",
		text_or_null(crash->doing), "generation", (int)crash->generation, "at",
		(double)(crash->unix_ns / 1000000u) / 1e3, "text",
		line_of(print_circumstances, crash_what(crash), crash, frames));

	set_place(json, at < 0 ? NULL : frames[at].place);
	return json_pack("{s:s,s:o,s:o}", "plugin", crash->plugin, "crash", json, "log",
	                 line_of(print_log, "", crash, frames));
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

static void
frames_free(struct frame *frames, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		for (struct frame *outer = frames[i].outer, *next; outer; outer = next) {
			next = outer->outer;
			free(outer->function);
			free(outer->place);
			free(outer);
		}
		free(frames[i].module);
		free(frames[i].function);
		free(frames[i].place);
	}
	free(frames);
}

int
host_symbolise_main(int fd)
{
	struct worker_crash crash;
	struct frame *frames;
	uint32_t n;
	json_t *json;
	char *maps;

	if (pread(fd, &crash, sizeof crash, 0) != sizeof crash ||
	    crash.magic != WORKER_CRASH_MAGIC || crash.size != sizeof crash) {
		fputs("cupola: --symbolise: expected a crash record on stdin\n", stderr);
		return EXIT_FAILURE;
	}
	crash.plugin[sizeof crash.plugin - 1] = '\0';
	crash.message[sizeof crash.message - 1] = '\0';
	crash.span[sizeof crash.span - 1] = '\0';
	if (crash.n_frames > WORKER_CRASH_FRAMES)
		crash.n_frames = WORKER_CRASH_FRAMES;
	n = crash.n_frames;
	frames = xcalloc(n, sizeof *frames);
	maps = read_maps(fd);
	locate(frames, &crash, maps);
	name_frames(frames, crash.n_frames);
	find_plugin(&crash, frames);
	json = to_json(&crash, frames + leave_out_guard(&crash, frames));
	json_dumpf(json, stdout, JSON_COMPACT);
	json_decref(json);
	frames_free(frames, n);
	free(maps);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
