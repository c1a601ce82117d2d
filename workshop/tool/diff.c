/* SPDX-License-Identifier: Apache-2.0 */
#include "diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "memory.h"
#include "term.h"

#define MOST   2000 /* changed lines that are looked for */
#define AROUND 3

struct line {
	const char *text;
	size_t len; /* with its newline, when it has one */
};

struct lines {
	char *bytes;
	struct line *list;
	size_t n;
};

struct diff {
	struct lines a, b;
	bool *gone, *new; /* of a's lines, of b's */
};

/* ---- lines ---- */

static void
read_lines(const char *path, struct lines *out)
{
	size_t len = 0;
	char *at;

	*out = (struct lines){ NULL, NULL, 0 };
	if (file_read(path, &out->bytes, &len) < 0)
		return;
	for (at = out->bytes; at < out->bytes + len;) {
		char *end = memchr(at, '\n', (size_t)(out->bytes + len - at));
		struct line *line = xgrow(&out->list, &out->n, sizeof *out->list);

		line->text = at;
		line->len = (size_t)((end ? end + 1 : out->bytes + len) - at);
		at += line->len;
	}
}

static bool
is_same(const struct diff *diff, size_t i, size_t j)
{
	const struct line *a = &diff->a.list[i], *b = &diff->b.list[j];

	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

/* ---- the shortest way ---- */

/*
 * The middle parts are a[from..a_end) and b[from..b_end). trace[d] is what the furthest points on each
 * diagonal were before step d; walking it backwards gives the changes.
 */
static bool
shortest(struct diff *diff, size_t from, size_t a_end, size_t b_end)
{
	long n = (long)(a_end - from), m = (long)(b_end - from),
	     most = n + m < MOST ? n + m : MOST;
	long *v = xcalloc((size_t)(2 * most + 3), sizeof *v), **trace, d, k, x = 0, y = 0;
	bool found = false;

	trace = xcalloc((size_t)most + 1, sizeof *trace);
	v += most + 1;
	for (d = 0; !found && d <= most; d++) {
		trace[d] = xcalloc((size_t)(2 * d + 3), sizeof **trace);
		memcpy(trace[d], v - d - 1, (size_t)(2 * d + 3) * sizeof *v);
		for (k = -d; !found && k <= d; k += 2) {
			x = k == -d || (k != d && v[k - 1] < v[k + 1]) ? v[k + 1]
			                                               : v[k - 1] + 1;
			y = x - k;
			while (x < n && y < m &&
			       is_same(diff, from + (size_t)x, from + (size_t)y))
				x++, y++;
			v[k] = x;
			found = x >= n && y >= m;
		}
	}
	for (d--, x = n, y = m; found && d > 0; d--) {
		const long *was = trace[d] + d + 1;

		k = x - y;
		if (k == -d || (k != d && was[k - 1] < was[k + 1])) {
			y = was[k + 1] - (k + 1) + 1;
			x = was[k + 1];
			diff->new[from + (size_t)y - 1] = true;
			y--;
		} else {
			x = was[k - 1];
			y = x - (k - 1);
			diff->gone[from + (size_t)x] = true;
		}
	}
	for (long i = 0; i <= most; i++)
		free(trace[i]);
	free(trace);
	free(v - most - 1);
	return found;
}

static void
compare(struct diff *diff)
{
	size_t from = 0, a = diff->a.n, b = diff->b.n;

	while (from < a && from < b && is_same(diff, from, from))
		from++;
	while (a > from && b > from && is_same(diff, a - 1, b - 1))
		a--, b--;
	if (shortest(diff, from, a, b))
		return;
	for (size_t i = from; i < a; i++)
		diff->gone[i] = true;
	for (size_t j = from; j < b; j++)
		diff->new[j] = true;
}

/* ---- printing ---- */

static void
print_line(char mark, const struct line *line)
{
	enum colour c = mark == '-' ? RED : mark == '+' ? GREEN : PLAIN;
	size_t len = line->len && line->text[line->len - 1] == '\n' ? line->len - 1
	                                                            : line->len;

	printf("%s%c%.*s%s\n", colour(c), mark, (int)len, line->text, colour_off());
	if (len == line->len)
		puts("\\ no newline at the end");
}

/* Lines [i, i_end) of a and [j, j_end) of b, one hunk. */
static void
print_hunk(const struct diff *diff, size_t i, size_t i_end, size_t j, size_t j_end)
{
	printf("%s@@ -%zu,%zu +%zu,%zu @@%s\n", colour(BLUE), i_end > i ? i + 1 : i,
	       i_end - i, j_end > j ? j + 1 : j, j_end - j, colour_off());
	while (i < i_end || j < j_end) {
		if (i < i_end && diff->gone[i]) {
			print_line('-', &diff->a.list[i++]);
		} else if (j < j_end && diff->new[j]) {
			print_line('+', &diff->b.list[j++]);
		} else {
			print_line(' ', &diff->a.list[i++]);
			j++;
		}
	}
}

/* Walks both texts side by side; a hunk ends where more than twice AROUND lines are the same. */
static void
print_hunks(const struct diff *diff)
{
	size_t i = 0, j = 0;

	while (i < diff->a.n || j < diff->b.n) {
		size_t i_start, j_start, same = 0, before;

		while (i < diff->a.n && j < diff->b.n && !diff->gone[i] && !diff->new[j])
			i++, j++, same++;
		if (i >= diff->a.n && j >= diff->b.n)
			return;
		before = same < AROUND ? same : AROUND;
		i_start = i - before;
		j_start = j - before;
		for (same = 0; (i < diff->a.n || j < diff->b.n) && same <= 2 * AROUND;) {
			if (i < diff->a.n && diff->gone[i])
				i++, same = 0;
			else if (j < diff->b.n && diff->new[j])
				j++, same = 0;
			else
				i++, j++, same++;
		}
		if (same > AROUND) {
			i -= same - AROUND;
			j -= same - AROUND;
		}
		print_hunk(diff, i_start, i, j_start, j);
	}
}

static void
fini_lines(struct lines *lines)
{
	free(lines->list);
	free(lines->bytes);
}

bool
diff_print(const char *from, const char *to, const char *from_name, const char *to_name)
{
	struct diff diff;
	bool differ = !file_same(from, to);

	if (!differ)
		return false;
	read_lines(from, &diff.a);
	read_lines(to, &diff.b);
	diff.gone = xcalloc(diff.a.n + 1, sizeof *diff.gone);
	diff.new = xcalloc(diff.b.n + 1, sizeof *diff.new);
	compare(&diff);
	printf("%s--- %s\n+++ %s%s\n", colour(BOLD), from_name, to_name, colour_off());
	print_hunks(&diff);
	fflush(stdout);
	free(diff.gone);
	free(diff.new);
	fini_lines(&diff.a);
	fini_lines(&diff.b);
	return true;
}
