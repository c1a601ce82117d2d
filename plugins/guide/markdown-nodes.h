/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guide/markdown-nodes.h - what the files of markdown.h share: a page while its tree is being changed.
 */
#ifndef GUIDE_MARKDOWN_NODES_H
#define GUIDE_MARKDOWN_NODES_H

#include <cmark-gfm.h>

#include "markdown.h"

struct markdown_page {
	const struct markdown_env *env;
	struct markdown *out;
	char *note; /* the comment before this block: "code: host.conf step 1.1"; NULL */
	bool has_picture; /* the one under the title was there */
	bool failed;      /* no memory */
};

/* The plain text below a node, as an owned string; NULL without memory. */
char *markdown_plain_text(cmark_node *node);
/*
 * Puts a custom block in a node's place: `enter`, then the node's children when `keep`, then `exit`. Takes
 * both texts; NULL is no memory.
 */
void markdown_become(struct markdown_page *page, cmark_node *node, char *enter,
                     char *exit, bool keep);

/* "section-1-logging.md#look" -> "/section-1-logging#look"; addresses and anchors stay as they are. */
void markdown_link(struct markdown_page *page, cmark_node *node);
/* "pictures/a.svg" -> "/pictures/a.svg"; nothing for those that are not ours. */
void markdown_image(cmark_node *image);
/* The picture that a paragraph is, when it is nothing else. Borrowed; NULL. */
cmark_node *markdown_only_picture(cmark_node *paragraph);
/* Such a paragraph, its picture's address being ours, becomes a figure; the one under the title has no caption, for the title is one. */
void markdown_figure(struct markdown_page *page, cmark_node *paragraph,
                     cmark_node *image);

#endif
