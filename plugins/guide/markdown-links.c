/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links and pictures: where they lead on a forge, beside the files of the source tree, is not where they
 * lead on a page of the guide.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "markdown-nodes.h"
#include "tint.h"

static bool
has_scheme(const char *url)
{
	size_t n = strspn(
		url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	return n && url[n] == ':';
}

/* A link that leads nowhere from here becomes its text, with the place in the source tree beside it. */
static void
unlink_keeping_text(cmark_node *node, const char *url)
{
	cmark_node *custom = cmark_node_new(CMARK_NODE_CUSTOM_INLINE), *child;
	char *enter = NULL;
	size_t len;
	FILE *out = open_memstream(&enter, &len);

	if (out) {
		while (!strncmp(url, "../", 3))
			url += 3;
		fputs("<span class=\"elsewhere\" title=\"in the source tree: ", out);
		html_escape(out, url, strlen(url));
		fputs("\">", out);
		fclose(out);
		cmark_node_set_on_enter(custom, enter);
		cmark_node_set_on_exit(custom, "</span>");
	}
	free(enter);
	while ((child = cmark_node_first_child(node)))
		cmark_node_append_child(custom, child);
	cmark_node_replace(node, custom);
	cmark_node_free(node);
}

void
markdown_link(struct markdown_page *page, cmark_node *node)
{
	const char *url = cmark_node_get_url(node), *dot, *there;
	char target[1024];

	if (!*url || *url == '#' || has_scheme(url))
		return;
	dot = strstr(url, ".md");
	there = dot && (!dot[3] || dot[3] == '#')
	                ? page->env->page(page->env->arg, url, (size_t)(dot - url))
	                : NULL;
	if (there && (size_t)snprintf(target, sizeof target, "%s%s", there, dot + 3) <
	                     sizeof target)
		cmark_node_set_url(node, target);
	else
		unlink_keeping_text(node, url);
}

/* Pictures stand beside the text, in pictures/; those from elsewhere are not shown: the page asks its own server only. */
static void
picture_open(FILE *out, cmark_node *image, const char *alt)
{
	const char *url = cmark_node_get_url(image);
	bool ours = !strncmp(url, "pictures/", 9) && !strstr(url, "..");

	fputs("<img", out);
	if (ours) {
		fputs(" src=\"/", out);
		html_escape(out, url, strlen(url));
		fputc('"', out);
	}
	fputs(" alt=\"", out);
	html_escape(out, alt, strlen(alt));
	fputs("\">", out);
}

cmark_node *
markdown_only_picture(cmark_node *paragraph)
{
	cmark_node *child = cmark_node_first_child(paragraph);

	return child && !cmark_node_next(child) &&
	                       cmark_node_get_type(child) == CMARK_NODE_IMAGE
	               ? child
	               : NULL;
}

void
markdown_figure(struct markdown_page *page, cmark_node *paragraph, cmark_node *image)
{
	char *alt = markdown_plain_text(image), *html = NULL;
	bool first = !page->has_picture && page->out->n_headings == 1 && !page->out->lead;
	size_t len;
	FILE *out = open_memstream(&html, &len);

	page->has_picture = true;
	if (out && alt) {
		fprintf(out, "<figure class=\"%s\">", first ? "title" : "picture");
		picture_open(out, image, alt);
		if (!first) {
			fputs("<figcaption aria-hidden=\"true\">", out);
			html_escape(out, alt, strlen(alt));
			fputs("</figcaption>", out);
		}
		fputs("</figure>\n", out);
	}
	if (out)
		fclose(out);
	free(alt);
	markdown_become(page, paragraph, html, strdup(""), false);
}

void
markdown_image(struct markdown_page *page, cmark_node *image)
{
	cmark_node *custom = cmark_node_new(CMARK_NODE_CUSTOM_INLINE);
	char *alt = markdown_plain_text(image), *html = NULL;
	size_t len;
	FILE *out = open_memstream(&html, &len);

	if (out && alt)
		picture_open(out, image, alt);
	if (out)
		fclose(out);
	if (html && alt)
		cmark_node_set_on_enter(custom, html);
	else
		page->failed = true;
	free(alt);
	free(html);
	cmark_node_replace(image, custom);
	cmark_node_free(image);
}
