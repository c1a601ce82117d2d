/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree that cmark-gfm parses is changed in place, and then rendered by cmark-gfm. What we write ourselves
 * stands in "custom" nodes, which are put out as they are; so every text in them is escaped here.
 */
#include "markdown.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "markdown-nodes.h"
#include "tint.h"

#define OPTIONS CMARK_OPT_VALIDATE_UTF8

/* ---- text of nodes ---- */

char *
markdown_plain_text(cmark_node *node)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	cmark_iter *iter;
	cmark_event_type event;

	if (!out)
		return NULL;
	iter = cmark_iter_new(node);
	while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
		cmark_node *at = cmark_iter_get_node(iter);
		cmark_node_type type = cmark_node_get_type(at);

		if (event != CMARK_EVENT_ENTER)
			continue;
		if (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE)
			fputs(cmark_node_get_literal(at), out);
		else if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK)
			fputc(' ', out);
	}
	cmark_iter_free(iter);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* U+2000 to U+2BFF in UTF-8: dashes, quotes, arrows, marks. Forges keep letters alone. */
static bool
is_symbol(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	return c[0] == 0xe2 && c[1] >= 0x80 && c[1] < 0xb0 && c[2];
}

char *
markdown_anchor(const char *text)
{
	char *anchor = malloc(strlen(text) + 1), *to = anchor;

	if (!anchor)
		return NULL;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (is_symbol(text))
			text += 2;
		else if (isalnum(c) || c == '-' || c == '_' || c >= 0x80)
			*to++ = (char)tolower(c);
		else if (c == ' ')
			*to++ = '-';
	}
	*to = '\0';
	return anchor;
}

/* ---- nodes of our own ---- */

void
markdown_become(struct markdown_page *page, cmark_node *node, char *enter, char *exit,
                bool keep)
{
	cmark_node *custom = cmark_node_new(CMARK_NODE_CUSTOM_BLOCK), *child;

	if (!enter || !exit || !cmark_node_replace(node, custom)) {
		page->failed = true;
		cmark_node_free(custom);
	} else {
		cmark_node_set_on_enter(custom, enter);
		cmark_node_set_on_exit(custom, exit);
		while (keep && (child = cmark_node_first_child(node)))
			cmark_node_append_child(custom, child);
		cmark_node_free(node);
	}
	free(enter);
	free(exit);
}

/* The same around a node, which stays. */
static void
wrap(struct markdown_page *page, cmark_node *node, const char *enter, const char *exit)
{
	cmark_node *custom = cmark_node_new(CMARK_NODE_CUSTOM_BLOCK);

	if (!cmark_node_replace(node, custom)) {
		page->failed = true;
		cmark_node_free(custom);
		return;
	}
	cmark_node_set_on_enter(custom, enter);
	cmark_node_set_on_exit(custom, exit);
	cmark_node_append_child(custom, node);
}

/* ---- headings ---- */

static bool
anchor_is_taken(const struct markdown *out, const char *anchor)
{
	for (size_t i = 0; i < out->n_headings; i++)
		if (!strcmp(out->headings[i].anchor, anchor))
			return true;
	return false;
}

/* The second "look" of a page is "look-1", as forges have it. Takes `anchor`. */
static char *
anchor_unique(const struct markdown *out, char *anchor)
{
	for (int i = 1; anchor && anchor_is_taken(out, anchor); i++) {
		char *next, *dash = i > 1 ? strrchr(anchor, '-') : NULL;

		if (asprintf(&next, "%.*s-%d",
		             dash ? (int)(dash - anchor) : (int)strlen(anchor), anchor,
		             i) < 0)
			next = NULL;
		free(anchor);
		anchor = next;
	}
	return anchor;
}

/* Takes `text`; NULL without memory. */
static struct markdown_heading *
heading_add(struct markdown_page *page, int level, char *text)
{
	struct markdown *out = page->out;
	char *anchor = text ? anchor_unique(out, markdown_anchor(text)) : NULL;
	struct markdown_heading *more = anchor ? realloc(out->headings,
	                                                 (out->n_headings + 1) *
	                                                         sizeof *more)
	                                       : NULL;
	const char *step;

	if (!more) {
		free(anchor);
		free(text);
		return NULL;
	}
	step = page->env->step(page->env->arg, anchor, text);
	out->headings = more;
	more[out->n_headings] = (struct markdown_heading){ .level = level,
		                                           .anchor = anchor,
		                                           .text = text,
		                                           .step = step ? strdup(step)
		                                                        : NULL };
	return &more[out->n_headings++];
}

static void
do_heading(struct markdown_page *page, cmark_node *node)
{
	int level = cmark_node_get_heading_level(node);
	struct markdown_heading *heading = heading_add(page, level,
	                                               markdown_plain_text(node));
	char *enter = NULL, *leave = NULL;
	size_t len;
	FILE *out;

	if (!heading) {
		page->failed = true;
		return;
	}
	out = open_memstream(&enter, &len);
	if (out) {
		fprintf(out, "<h%d id=\"", level);
		html_escape(out, heading->anchor, strlen(heading->anchor));
		if (heading->step) {
			fputs("\" data-step=\"", out);
			html_escape(out, heading->step, strlen(heading->step));
		}
		fputs("\">", out);
		fclose(out);
	}
	out = open_memstream(&leave, &len);
	if (out) {
		fputs(" <a class=\"anchor\" href=\"#", out);
		html_escape(out, heading->anchor, strlen(heading->anchor));
		fprintf(out, "\" aria-label=\"link to this heading\">#</a></h%d>\n",
		        level);
		fclose(out);
	}
	markdown_become(page, node, enter, leave, true);
}

/* ---- code ---- */

/* Writes what the comment says of the block: its file, and at which step it is that. */
static void
code_caption(FILE *out, const char *note)
{
	const char *file, *rest, *from;
	size_t len;

	if (strncmp(note, "code: ", 6) != 0 && strncmp(note, "diff: ", 6) != 0)
		return;
	file = note + 6;
	if (!strncmp(file, "tree:", 5))
		file += 5;
	len = strcspn(file, " ");
	fputs("<span class=\"file\">", out);
	html_escape(out, file, len);
	fputs("</span>", out);
	rest = strstr(file, " step ");
	from = strstr(file, " from ");
	if (from && strstr(from, " to ")) {
		rest = strstr(from, " to ") + 4;
		fputs("<span class=\"at\">what changes in step ", out);
	} else if (rest) {
		rest += 6;
		fputs(strncmp(rest, "start", 5) ? "<span class=\"at\">step "
		                                : "<span class=\"at\">at the ",
		      out);
	} else {
		return;
	}
	html_escape(out, rest, strcspn(rest, " "));
	fputs("</span>", out);
}

static void
do_code(struct markdown_page *page, cmark_node *node)
{
	const char *text = cmark_node_get_literal(node),
		   *info = cmark_node_get_fence_info(node);
	char language[16] = "", *html = NULL;
	size_t len, n = strcspn(info ? info : "", " \t");
	FILE *out = open_memstream(&html, &len);

	if (out) {
		snprintf(language, sizeof language, "%.*s", (int)n, info ? info : "");
		fputs("<figure class=\"code\" data-language=\"", out);
		html_escape(out, language, strlen(language));
		fputs("\"><figcaption>", out);
		if (page->note)
			code_caption(out, page->note);
		fputs("</figcaption><pre tabindex=\"0\"><code>", out);
		tint(out, language, text, strlen(text));
		fputs("</code></pre></figure>\n", out);
		fclose(out);
	}
	markdown_become(page, node, html, strdup(""), false);
}

/* ---- paragraphs ---- */

/* "12 minutes", with or without "about" and what follows; 0 when it is not that. */
static int
minutes_of(const char *text)
{
	char *end;
	long minutes;

	if (!strncasecmp(text, "about ", 6))
		text += 6;
	minutes = strtol(text, &end, 10);
	if (end == text || minutes < 1 || minutes > 1000 ||
	    strncmp(end, " minute", 7) != 0)
		return 0;
	return (int)minutes;
}

static void
do_paragraph(struct markdown_page *page, cmark_node *node)
{
	struct markdown *out = page->out;
	cmark_node *image = markdown_only_picture(node);
	char *text;
	int minutes;

	if (image) {
		markdown_figure(page, node, image);
		return;
	}
	text = markdown_plain_text(node);
	if (!text) {
		page->failed = true;
		return;
	}
	minutes = minutes_of(text);
	if (minutes) {
		if (!out->minutes && out->n_headings <= 1) {
			out->minutes = minutes;
			out->on_path = strstr(text, "90-minute path") ||
			               strstr(text, "●");
		}
		markdown_become(page, node, strdup("<p class=\"minutes\">"),
		                strdup("</p>\n"), true);
	} else if (!out->lead &&
	           cmark_node_get_type(cmark_node_parent(node)) == CMARK_NODE_DOCUMENT) {
		out->lead = text;
		text = NULL;
	}
	free(text);
}

/* ---- all of it ---- */

/* Keeps the comment for the block that follows; other HTML goes. */
static void
do_html(struct markdown_page *page, cmark_node *node)
{
	const char *text = cmark_node_get_literal(node), *end;

	if (!strncmp(text, "<!-- ", 5) && (end = strstr(text, " -->"))) {
		page->note = strndup(text + 5, (size_t)(end - text - 5));
		page->failed |= !page->note;
	}
	cmark_node_unlink(node);
	cmark_node_free(node);
}

static void
do_block(struct markdown_page *page, cmark_node *node)
{
	cmark_node_type type = cmark_node_get_type(node);
	char *note = page->note;

	if (type == CMARK_NODE_HTML_BLOCK) {
		page->note = NULL;
		do_html(page, node);
		free(note);
		return;
	}
	if (type == CMARK_NODE_HEADING)
		do_heading(page, node);
	else if (type == CMARK_NODE_CODE_BLOCK)
		do_code(page, node);
	else if (type == CMARK_NODE_PARAGRAPH)
		do_paragraph(page, node);
	else if (!strcmp(cmark_node_get_type_string(node), "table"))
		wrap(page, node, "<div class=\"table\">", "</div>\n");
	if (type != CMARK_NODE_DOCUMENT) {
		free(page->note);
		page->note = NULL;
	}
}

/* All nodes of the tree in reading order, so that it may be changed while they are gone through. */
static cmark_node **
nodes_of(cmark_node *root, bool blocks, size_t *n)
{
	cmark_iter *iter = cmark_iter_new(root);
	cmark_node **list = NULL;
	cmark_event_type event;
	size_t room = 0;

	*n = 0;
	while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
		cmark_node *node = cmark_iter_get_node(iter);
		bool is_block = (cmark_node_get_type(node) & CMARK_NODE_TYPE_MASK) ==
		                CMARK_NODE_TYPE_BLOCK;

		if (event != CMARK_EVENT_ENTER || is_block != blocks)
			continue;
		if (*n == room) {
			cmark_node **more = realloc(list, (room = room ? 2 * room : 256) *
			                                          sizeof *list);

			if (!more) {
				free(list);
				list = NULL;
				break;
			}
			list = more;
		}
		list[(*n)++] = node;
	}
	cmark_iter_free(iter);
	return list;
}

/* Inline nodes first: a paragraph or heading that is replaced takes its children along. */
static void
change(struct markdown_page *page, cmark_node *root)
{
	size_t n;
	cmark_node **nodes = nodes_of(root, false, &n);

	for (size_t i = 0; nodes && i < n; i++) {
		cmark_node_type type = cmark_node_get_type(nodes[i]);

		if (type == CMARK_NODE_LINK)
			markdown_link(page, nodes[i]);
		else if (type == CMARK_NODE_IMAGE)
			markdown_image(nodes[i]);
	}
	free(nodes);
	nodes = nodes_of(root, true, &n);
	page->failed |= !nodes;
	for (size_t i = 0; nodes && i < n; i++)
		do_block(page, nodes[i]);
	free(nodes);
}

static cmark_node *
parse(const char *text, size_t len, cmark_parser *parser)
{
	static const char *const extensions[] = { "table", "strikethrough", "autolink" };

	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
		cmark_syntax_extension *extension = cmark_find_syntax_extension(
			extensions[i]);

		if (extension)
			cmark_parser_attach_syntax_extension(parser, extension);
	}
	cmark_parser_feed(parser, text, len);
	return cmark_parser_finish(parser);
}

int
markdown_render(const char *text, size_t len, const struct markdown_env *env,
                struct markdown **out, struct otel_error *err)
{
	struct markdown_page page = { .env = env, .out = calloc(1, sizeof *page.out) };
	cmark_parser *parser;
	cmark_node *root;

	if (!page.out)
		return otel_error_set(err, -ENOMEM, "out of memory");
	cmark_gfm_core_extensions_ensure_registered();
	parser = cmark_parser_new(OPTIONS);
	root = parse(text, len, parser);
	change(&page, root);
	page.out->html = cmark_render_html(root, OPTIONS,
	                                   cmark_parser_get_syntax_extensions(parser));
	cmark_node_free(root);
	cmark_parser_free(parser);
	free(page.note);
	page.out->title = strdup(page.out->n_headings ? page.out->headings[0].text : "");
	if (!page.out->lead)
		page.out->lead = strdup("");
	if (page.failed || !page.out->html || !page.out->title || !page.out->lead) {
		markdown_free(page.out);
		return otel_error_set(err, -ENOMEM, "out of memory");
	}
	*out = page.out;
	return 0;
}

void
markdown_free(struct markdown *markdown)
{
	if (!markdown)
		return;
	for (size_t i = 0; i < markdown->n_headings; i++) {
		free(markdown->headings[i].anchor);
		free(markdown->headings[i].text);
		free(markdown->headings[i].step);
	}
	free(markdown->headings);
	free(markdown->html);
	free(markdown->title);
	free(markdown->lead);
	free(markdown);
}
