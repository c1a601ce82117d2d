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

/* What stands in a link's place: the words, with the place in the source tree beside them. */
static cmark_node *
elsewhere(const char *url)
{
	cmark_node *custom = cmark_node_new(CMARK_NODE_CUSTOM_INLINE);
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
	return custom;
}

/* A link that leads nowhere from here becomes its words; a table's cell has room for nothing but them. */
static void
unlink_keeping_text(cmark_node *node, const char *url)
{
	cmark_node *custom = elsewhere(url), *child;
	bool fits = cmark_node_insert_before(node, custom);

	while ((child = cmark_node_first_child(node))) {
		if (!(fits ? cmark_node_append_child(custom, child)
		           : cmark_node_insert_before(node, child)))
			cmark_node_free(child);
	}
	if (!fits)
		cmark_node_free(custom);
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

/*
 * Pictures stand beside the text, in pictures/; those from elsewhere are not shown: the page asks its own
 * server only.
 */
void
markdown_image(cmark_node *image)
{
	const char *url = cmark_node_get_url(image);
	char target[1024] = "";

	if (!strncmp(url, "pictures/", 9) && !strstr(url, "..") &&
	    (size_t)snprintf(target, sizeof target, "/%s", url) >= sizeof target)
		*target = '\0';
	cmark_node_set_url(image, target);
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
	const char *url = cmark_node_get_url(image);
	char *alt = markdown_plain_text(image), *html = NULL;
	bool first = !page->has_picture && page->out->n_headings == 1 && !page->out->lead;
	size_t len;
	FILE *out = open_memstream(&html, &len);

	page->has_picture = true;
	if (out && alt) {
		fprintf(out, "<figure class=\"%s", first ? "title" : "picture");
		fputs("\"><img src=\"", out);
		html_escape(out, url, strlen(url));
		fputs("\" alt=\"", out);
		html_escape(out, alt, strlen(alt));
		fputs("\">", out);
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
