/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sanitizers' reports are texts for people, with one shape for each kind:
 *
 *	==7==ERROR: AddressSanitizer: KIND on address ...	then sections of frames, up to SUMMARY:
 *	==7==ERROR: LeakSanitizer: ...				then "Direct leak of N byte(s) ..." with frames each
 *	FILE:LINE:COLUMN: runtime error: TEXT			then frames (UndefinedBehaviorSanitizer)
 *
 * and a frame is "    #1 0x7f9c26f04a61 in handle /home/ada/app.c:12". What they say of the host's frames and
 * of shadow memory is left out; the whole stays in a file.
 */
#include "memcheck-report.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define MAX_FRAMES 6 /* of one section */

struct finding {
	char *head;   /* "heap-use-after-free: READ of size 1" */
	char *places; /* the sections, each line with its newline */
	size_t times;
};

struct reading {
	const struct memcheck_own *own;
	struct finding *list;
	size_t n;
	/* of the report that is being read: */
	char *head, *places;
	bool is_leak, has_frame, no_leaks; /* no_leaks: they could not be looked for */
	size_t n_frames;                   /* of its last section */
};

static void
add_text(char **at, char *more)
{
	char *whole = xasprintf("%s%s", *at ? *at : "", more);

	free(*at);
	free(more);
	*at = whole;
}

/* How much of `text` stands before `mark`. */
static size_t
len_to(const char *text, const char *mark)
{
	const char *at = strstr(text, mark);

	return at ? (size_t)(at - text) : strlen(text);
}

/* ---- one report ---- */

static void
begin(struct reading *reading, char *head)
{
	reading->head = head;
	reading->places = NULL;
	reading->is_leak = reading->has_frame = false;
	reading->n_frames = 0;
}

/* Addresses differ from run to run: "0x7f186c1f7ceb" says no more than "an address". */
static void
forget_addresses(char *text)
{
	char *from = text, *to = text;

	while (*from) {
		size_t len = strncmp(from, "0x", 2) == 0 ? 2 : 0;

		while (len && isxdigit((unsigned char)from[len]))
			len++;
		from += len > 6 ? len : 0;
		if (len > 6 && *from == ' ')
			from++;
		else if (*from)
			*to++ = *from++;
	}
	*to = '\0';
}

/* Leaks of one place are one mistake, and so is what such a leak points to; others have to be the same in all. */
static struct finding *
same_finding(struct reading *reading, const char *places)
{
	for (size_t i = 0; i < reading->n; i++) {
		struct finding *finding = &reading->list[i];

		if (strcmp(finding->places, places) == 0 &&
		    (reading->is_leak || strcmp(finding->head, reading->head) == 0))
			return finding;
	}
	return NULL;
}

/* A leak of somebody else's is nobody's business here; every other report is of what the service caused. */
static void
finish(struct reading *reading)
{
	const char *places = reading->places ? reading->places : "";
	struct finding *finding;

	if (reading->head && (reading->has_frame || !reading->is_leak)) {
		forget_addresses(reading->head);
		finding = same_finding(reading, places);
		if (finding) {
			finding->times += !reading->is_leak;
		} else {
			finding = xgrow(&reading->list, &reading->n, sizeof *finding);
			finding->head = xstrdup(reading->head);
			finding->places = xstrdup(places);
			finding->times = 1;
		}
	}
	free(reading->head);
	free(reading->places);
	begin(reading, NULL);
}

static void
section(struct reading *reading, const char *title, size_t len)
{
	add_text(&reading->places, xasprintf("  %.*s\n", (int)len, title));
	reading->n_frames = 0;
}

/* "/home/ada/app.c:12:5" as "app.c:12". Owned. */
static char *
place_of(const struct reading *reading, const char *path)
{
	size_t here = strlen(reading->own->here);
	char *place, *column;

	if (strncmp(path, reading->own->here, here) == 0 && path[here] == '/')
		path += here + 1;
	place = xstrdup(path);
	column = strrchr(place, ':');
	if (column && column != strchr(place, ':'))
		*column = '\0';
	return place;
}

/* "    #1 0x7f9c26f04a61 in handle /home/ada/app.c:12": told where it is the service's own. */
static void
frame(struct reading *reading, const char *line)
{
	size_t len = strlen(reading->own->dir);
	const char *function = strstr(line, " in "), *path;
	char *place;

	if (!function)
		return;
	function += 4;
	path = strstr(function, reading->own->dir);
	if (!path || path == function || path[len] != '/')
		return;
	if (reading->n_frames++ >= MAX_FRAMES)
		return;
	reading->has_frame = true;
	place = place_of(reading, path);
	add_text(&reading->places,
	         xasprintf("    %s%.*s (%s)\n",
	                   reading->n_frames > 1 ? "called by " : "at ",
	                   (int)(path - function - 1), function, place));
	free(place);
}

/* ---- lines ---- */

/* "AddressSanitizer: heap-use-after-free on address 0x6020..." */
static void
begin_address(struct reading *reading, const char *what)
{
	const char *on = strstr(what, " on ");
	int len = on ? (int)(on - what) : (int)strlen(what);

	if (strncmp(what, "attempting ", 11) ==
	    0) { /* double-free, free of what is no allocation */
		what += 11;
		len -= 11;
	}
	begin(reading, xasprintf("%.*s", len, what));
}

static void
begin_leak(struct reading *reading, const char *line)
{
	bool is_indirect = strncmp(line, "Indirect", 8) == 0;
	const char *size = strstr(line, " leak of ") + 9;

	begin(reading, xasprintf("leak%s: %.*s",
	                         is_indirect ? " of what another leak points to" : "",
	                         (int)len_to(size, " allocated from"), size));
	reading->is_leak = true;
	section(reading, "allocated", 9);
}

/* "/home/ada/app.c:12:5: runtime error: TEXT". The place is in its first frame again. */
static void
begin_undefined(struct reading *reading, const char *text)
{
	begin(reading, xasprintf("undefined behaviour: %s", text));
}

/* What an AddressSanitizer's report says besides frames, where it helps. */
static void
detail(struct reading *reading, const char *line)
{
	const char *at;

	while (*line == ' ')
		line++;
	if (strncmp(line, "READ of size", 12) == 0 ||
	    strncmp(line, "WRITE of size", 13) == 0)
		add_text(&reading->head,
		         xasprintf(": %.*s", (int)len_to(line, " at "), line));
	else if (strncmp(line, "freed by thread", 15) == 0)
		section(reading, "freed", 5);
	else if (strstr(line, "allocated by thread"))
		section(reading, "allocated", 9);
	else if (strncmp(line, "Address ", 8) == 0 || strstr(line, " created by "))
		reading->n_frames =
			MAX_FRAMES; /* what follows is of the variable, or of a thread */
	else if ((at = strstr(line, " <== ")) && *line == '[' && strchr(line, '\''))
		add_text(&reading->places,
		         xasprintf("  %.*s: %s\n", (int)(at - strchr(line, '\'')),
		                   strchr(line, '\''), at + 5));
	else if (strncmp(line, "0x", 2) == 0 && (at = strstr(line, " is located ")))
		section(reading, at + 12, len_to(at + 12, " ["));
	else if ((at = strstr(line, "The signal is caused by a ")))
		add_text(&reading->head, xasprintf(": %s", at + 26));
}

static void
take(struct reading *reading, char *line)
{
	const char *what;

	line[strcspn(line, "\n")] = '\0';
	if ((what = strstr(line, "ERROR: AddressSanitizer: "))) {
		finish(reading);
		begin_address(reading, what + 25);
	} else if ((what = strstr(line, ": runtime error: "))) {
		finish(reading);
		begin_undefined(reading, what + 17);
	} else if (strncmp(line, "Direct leak of ", 15) == 0 ||
	           strncmp(line, "Indirect leak of ", 17) == 0) {
		finish(reading);
		begin_leak(reading, line);
	} else if (strstr(line, "LeakSanitizer has encountered a fatal error")) {
		reading->no_leaks = true;
	} else if (strncmp(line, "SUMMARY:", 8) == 0) {
		finish(reading);
	} else if (!*line && reading->head && reading->is_leak) {
		finish(reading);
	} else if (reading->head && strncmp(line, "    #", 5) == 0) {
		frame(reading, line);
	} else if (reading->head && !reading->is_leak) {
		detail(reading, line);
	}
}

/* ---- what it usually is ---- */

static const char *
advice(const char *head)
{
	static const struct {
		const char *begins, *says;
	} all[] = {
		{ "leak",
		  "nothing points to it any more: every path out of the function has to free it, or give it back" },
		{ "heap-use-after-free",
		  "it was freed before it was used: free last, or keep a copy" },
		{ "stack-use-after",
		  "the variable is gone when its block ends: return a copy" },
		{ "double-free",
		  "free it in one place only, and set the pointer to NULL there" },
		{ "free on",
		  "only what malloc() returned can be freed, and only from its beginning" },
		{ "heap-buffer-overflow",
		  "past the end of an allocation: count the closing NUL, and check indices" },
		{ "stack-buffer-overflow",
		  "past the end of a local array: use its size, as in snprintf(buf, sizeof buf, ...)" },
		{ "global-buffer-overflow",
		  "past the end of a global array: check the index" },
		{ "SEGV", "a pointer led nowhere; near address 0 it was NULL" },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strncmp(head, all[i].begins, strlen(all[i].begins)) == 0)
			return all[i].says;
	return NULL;
}

size_t
memcheck_report(FILE *from, const struct memcheck_own *own, FILE *to)
{
	struct reading reading = { .own = own };
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, from) >= 0)
		take(&reading, line);
	finish(&reading);
	free(line);
	for (size_t i = 0; i < reading.n; i++) {
		struct finding *finding = &reading.list[i];
		const char *says = advice(finding->head);

		fprintf(to, "%zu. %s", i + 1, finding->head);
		if (finding->times > 1)
			fprintf(to, " (%zu times)", finding->times);
		fprintf(to, "\n%s", finding->places);
		if (says)
			fprintf(to, "  %s\n", says);
		free(finding->head);
		free(finding->places);
	}
	if (reading.no_leaks)
		fputs("leaks could not be looked for: LeakSanitizer needs ptrace(), which a debugger "
		      "or a container may forbid\n",
		      to);
	free(reading.list);
	return reading.n;
}
