/* SPDX-License-Identifier: Apache-2.0 */
#include "check-main.h"
#include "fake/svc-host.h"
#include "guide/app.c"
#include "guide/markdown.h"
#include "guide/tint.h"

#define COURSE SRCDIR "/tests/data/guide"

/* ---- markdown ---- */

static const char *
page(void *arg, const char *name, size_t len)
{
	(void)arg;
	if (len == 6 && !memcmp(name, "README", len))
		return "/";
	return len == 4 && !memcmp(name, "tour", len) ? "/tour" : NULL;
}

static const char *
step(void *arg, const char *anchor, const char *text)
{
	(void)arg;
	(void)anchor;
	return strncmp(text, "1.2 ", 4) ? NULL : "1.2";
}

static const struct markdown_env env = { page, step, NULL };
static struct markdown *rendered;

static const char *
html_of(const char *text)
{
	markdown_free(rendered);
	rendered = NULL;
	ck_assert_int_eq(markdown_render(text, strlen(text), &env, &rendered, NULL), 0);
	return rendered->html;
}

static void
free_rendered(void)
{
	markdown_free(rendered);
	rendered = NULL;
}

#define has(html, part) \
	ck_assert_msg(strstr(html, part) != NULL, "expected %s in %s", part, html)
#define has_not(html, part) \
	ck_assert_msg(strstr(html, part) == NULL, "expected no %s in %s", part, html)

/* Hostile or careless text: `never` must not be in the page, `seen` must. */
static const struct {
	const char *text, *never, *seen;
} hostile[] = {
	{ "<script>alert(1)</script>\n\nafter", "<script", "after" },
	{ "a <img src=x onerror=alert(1)> b", "<img", " b" },
	{ "<!-- a --> <script>alert(1)</script>\n\nafter", "<script", "after" },
	{ "<!-- code: \"><script>x</script> step <b> -->\n```c\nint i;\n```", "<script",
	  "&lt;script&gt;" },
	{ "[x](javascript:alert(1))", "javascript:", ">x<" },
	{ "[x](JaVaScRiPt:alert(1))", "alert", ">x<" },
	{ "[x](data:text/html,<script>)", "data:text", ">x<" },
	{ "[x](\"onmouseover=alert(1).md)", "<a", "x" },
	{ "![x](https://evil.example/x.png)", "evil.example", "<img" },
	{ "![x](pictures/../../etc/passwd)", "passwd", "<img" },
	{ "![x](pictures/\"onerror=\"alert(1))", "\"onerror", "<img" },
	{ "![\"><script>](pictures/a.svg)", "<script", "&quot;&gt;" },
	{ "# <script>alert(1)</script> & \"q\"", "<script", "<h1" },
	{ "# a\" onclick=\"alert(1)", "\" onclick", "id=\"a-onclickalert1\"" },
	{ "```\"><script>\nx\n```", "<script", "data-language" },
	{ "```c\n\"</code><script>\n```", "<script", "&lt;script&gt;" },
	{ "```sh\n$ echo '<b>' # </span>\n```", "<b>", "&lt;b&gt;" },
	{ "```diff\n+<b>\n```", "<b>", "&lt;b&gt;" },
	{ "```ini\n[<b>]\na = <b>\n```", "<b>", "&lt;b&gt;" },
	{ "| a |\n| --- |\n| <script>x</script> |", "<script>", "<table>" },
	{ "<details>\n\n[l](tour.md)\n\n</details>", "<details", "/tour" },
};

START_TEST(hostile_text_stays_inert)
{
	const char *html = html_of(hostile[_i].text);

	has_not(html, hostile[_i].never);
	has(html, hostile[_i].seen);
}
END_TEST

static const struct {
	const char *text, *expected;
} links[] = {
	{ "[x](tour.md)", "href=\"/tour\"" },
	{ "[x](tour.md#2-change-a-line)", "href=\"/tour#2-change-a-line\"" },
	{ "[x](README.md#start)", "href=\"/#start\"" },
	{ "[x](#look)", "href=\"#look\"" },
	{ "<http://127.0.0.1:5000>", "href=\"http://127.0.0.1:5000\"" },
	{ "[x](https://opentelemetry.io/docs/)",
	  "href=\"https://opentelemetry.io/docs/\"" },
	{ "[**x**](../ARCHITECTURE.md)",
	  "<span class=\"elsewhere\" title=\"in the source tree: ARCHITECTURE.md\"><strong>x</strong></span>" },
	{ "[x](other.md)", "in the source tree: other.md" },
	{ "![a picture](pictures/a.svg)",
	  "<figure class=\"picture\"><img src=\"/pictures/a.svg\" alt=\"a picture\">" },
	{ "# t\n\n![a](pictures/a.svg)", "<figure class=\"title\">" },
	{ "| a |\n| --- |\n| [**x**](../NEWS) y |", "<td><strong>x</strong> y</td>" },
	{ "| a |\n| --- |\n| ![b](pictures/a.svg) |",
	  "<td><img src=\"/pictures/a.svg\" alt=\"b\" /></td>" },
	{ "see ![a](pictures/a.svg) here",
	  "<p>see <img src=\"/pictures/a.svg\" alt=\"a\" /> here</p>" },
};

START_TEST(links_lead_where_the_page_is)
{
	has(html_of(links[_i].text), links[_i].expected);
}
END_TEST

static const struct {
	const char *text, *anchor;
} anchors[] = {
	{ "1.2 Create log records", "12-create-log-records" },
	{ "4.3 instrument = yes", "43-instrument--yes" },
	{ "Measure: a histogram, and cardinality",
	  "measure-a-histogram-and-cardinality" },
	{ "snake_case-and-dash", "snake_case-and-dash" },
	{ "Größe → Höhe…", "größe--höhe" },
	{ "", "" },
};

START_TEST(anchors_are_those_of_forges)
{
	char *anchor = markdown_anchor(anchors[_i].text);

	ck_assert_str_eq(anchor, anchors[_i].anchor);
	free(anchor);
}
END_TEST

START_TEST(headings_have_anchors_and_steps)
{
	const char *html = html_of(
		"# A page\n\n## Look\n\n### 1.2 Create `records`\n\n## Look\n\n## Look\n");

	has(html, "<h2 id=\"look\">");
	has(html, "<h2 id=\"look-1\">");
	has(html, "<h2 id=\"look-2\">");
	has(html,
	    "<h3 id=\"12-create-records\" data-step=\"1.2\">\n1.2 Create <code>records</code>");
	ck_assert_uint_eq(rendered->n_headings, 5);
	ck_assert_str_eq(rendered->title, "A page");
	ck_assert_str_eq(rendered->headings[2].text, "1.2 Create records");
	ck_assert_str_eq(rendered->headings[2].step, "1.2");
	ck_assert_ptr_null(rendered->headings[1].step);
}
END_TEST

START_TEST(minutes_and_the_path_are_read)
{
	html_of("# A\n\n*22 minutes; 12 on the 90-minute path ●*\n\nThe first words.\n\n### 1.2 B\n\n*3 minutes*\n");
	ck_assert_int_eq(rendered->minutes, 22);
	ck_assert(rendered->on_path);
	ck_assert_str_eq(rendered->lead, "The first words.");
	has(rendered->html, "<p class=\"minutes\">\n<em>3 minutes</em>\n</p>");
	html_of("# A\n\n10 percent of it\n");
	ck_assert_int_eq(rendered->minutes, 0);
}
END_TEST

START_TEST(code_says_where_it_belongs)
{
	const char *html = html_of(
		"<!-- code: gateway/app.c step 4.2 function ask -->\n```c\nint i;\n```\n\n"
		"<!-- diff: host.conf from 0.2 to 1.1 -->\n```diff\n+a\n-b\n```\n\n"
		"<!-- code: by-hand/by-hand.c step start -->\n```c\n```\n\n```c\nlong j;\n```\n");

	has(html,
	    "<span class=\"file\">gateway/app.c</span><span class=\"at\">step 4.2</span>");
	has(html,
	    "<span class=\"file\">host.conf</span><span class=\"at\">what changes in step 1.1</span>");
	has(html, "<span class=\"at\">at the start</span>");
	has(html,
	    "<figcaption></figcaption><pre tabindex=\"0\"><code><span class=\"k\">long</span>");
	has(html, "<span class=\"add\"><span class=\"sign\">+</span>a</span>");
}
END_TEST

/* ---- tint ---- */

static const struct {
	const char *language, *text, *html;
} tints[] = {
	{ "c", "int x = 0x1F;",
	  "<span class=\"k\">int</span> x = <span class=\"n\">0x1F</span>;" },
	{ "c", "\"a\\\"b\" 'c'",
	  "<span class=\"s\">&quot;a\\&quot;b&quot;</span> <span class=\"s\">&#39;c&#39;</span>" },
	{ "c", "/* a\nb */ c", "<span class=\"c\">/* a\nb */</span> c" },
	{ "c", "/* never closed", "<span class=\"c\">/* never closed</span>" },
	{ "c", "/", "/" },
	{ "c", "\"", "<span class=\"s\">&quot;</span>" },
	{ "c", "\"\\", "<span class=\"s\">&quot;\\</span>" },
	{ "c", "#", "<span class=\"d\">#</span>" },
	{ "c", "#include <a.h>\nb",
	  "<span class=\"d\">#include</span><span class=\"s\"> &lt;a.h&gt;</span>\nb" },
	{ "c", "OTEL_SPAN(span)", "<span class=\"m\">OTEL_SPAN</span>(span)" },
	{ "c", "printf Ab AB", "printf Ab AB" },
	{ "sh", "$ make # now\nmade\n",
	  "<span class=\"p\">$ </span>make<span class=\"c\"> # now</span>\n<span class=\"o\">made</span>\n" },
	{ "sh", "make\nmake check\n", "make\nmake check\n" },
	{ "sh", "$", "$" },
	{ "ini", "[a]\n# b\nc = d\n",
	  "<span class=\"h\">[a]</span>\n<span class=\"c\"># b</span>\nc =<span class=\"s\"> d</span>\n" },
	{ "diff", "@@ 1\n x\n",
	  "<span class=\"c\">@@ 1</span>\n<span class=\"sign\"> </span>x\n" },
	{ "diff", "@@ api() @@\n@@ @@",
	  "<span class=\"hunk\">api()</span>\n<span class=\"c\">@@ @@</span>" },
	{ "diff", "-a\n\n",
	  "<span class=\"del\"><span class=\"sign\">-</span>a</span>\n\n" },
	{ "text", "int <", "int &lt;" },
	{ "", "", "" },
};

START_TEST(code_is_tinted)
{
	char *html = NULL;
	size_t len;
	FILE *out = open_memstream(&html, &len);

	tint(out, tints[_i].language, tints[_i].text, strlen(tints[_i].text));
	fclose(out);
	ck_assert_str_eq(html, tints[_i].html);
	free(html);
}
END_TEST

/* ---- the service ---- */

static struct fake_host fake;

static void
setup(void)
{
	fake_init(&fake, &svc_plugin);
	fake.host.data_dir = SRCDIR;
	fake_set(&fake, "text", COURSE);
	fake_start(&fake);
}

static void
teardown(void)
{
	fake_fini(&fake);
}

START_TEST(pages_come_in_their_order)
{
	struct fake_request *rq = fake_get(&fake, "/tour");

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->type, "text/html; charset=utf-8");
	has(rq->body, "<title>2. Tour · Workshop</title>");
	has(rq->body, "<a rel=\"prev\" href=\"/\"><span>Previous</span> Front page</a>");
	has(rq->body, "<a rel=\"next\" href=\"/section-1-logging\">");
	has(rq->body,
	    "aria-current=\"page\">2. Tour</a><span class=\"time\">12 min</span>");
	has(rq->body,
	    "<li data-step=\"tour\" data-path><a href=\"/tour#2-change-a-line\">");
	has(rq->body,
	    "<li data-step=\"1.2\"><a href=\"/section-1-logging#12-create-log-records\">");
	has(fake_reply_header(rq, "Content-Security-Policy"), "default-src 'self'");
	has_not(fake_reply_header(rq, "Content-Security-Policy"), "unsafe");
	rq = fake_get(&fake, "/names");
	has_not(rq->body, "rel=\"prev\"");
	has_not(rq->body, "rel=\"next\"");
	has_not(fake_get(&fake, "/section-1-logging")->body, "rel=\"next\"");
}
END_TEST

START_TEST(no_page_has_a_script_or_style_of_its_own)
{
	static const char *const paths[] = { "/", "/tour", "/section-1-logging", "/names",
		                             "/nothing" };

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		const char *body = fake_get(&fake, paths[i])->body;

		has_not(body, " style=");
		has_not(body, " onclick=");
		has_not(body, "<script>");
		has_not(body, "@TEXT@");
	}
}
END_TEST

START_TEST(an_unknown_page_says_where_the_others_are)
{
	struct fake_request *rq = fake_get(&fake, "/nothing");

	ck_assert_int_eq(rq->status, 404);
	has(rq->body, "There is no such page");
	has(rq->body, "href=\"/tour\"");
	ck_assert_int_eq(fake_get(&fake, "/page.html")->status, 404);
	ck_assert_int_eq(fake_get(&fake, "/../README.md")->status, 404);
}
END_TEST

START_TEST(pictures_are_served)
{
	struct fake_request *rq = fake_get(&fake, "/pictures/title.svg");

	ck_assert_int_eq(rq->status, 200);
	ck_assert_str_eq(rq->type, "image/svg+xml");
}
END_TEST

START_TEST(without_a_copy_nothing_runs)
{
	struct fake_request *rq = fake_post(&fake, "/api/run/check?step=1.2", "");

	ck_assert_int_eq(rq->status, 409);
	has(rq->body, "cupola workshop");
	has(fake_get(&fake, "/api/progress")->body, "\"copy\":null");
	ck_assert_int_eq(fake_get(&fake, "/api/run/check?step=1.2")->status, 405);
	ck_assert_int_eq(fake_post(&fake, "/api/progress", "")->status, 405);
	ck_assert_int_eq(fake_get(&fake, "/api/nothing")->status, 404);
}
END_TEST

START_TEST(steps_and_sections_are_known)
{
	struct guide *guide = fake.self;

	ck_assert(course_has_step(guide->course, "1.2"));
	ck_assert(course_has_step(guide->course, "1"));
	ck_assert(course_has_step(guide->course, "tour"));
	ck_assert(course_has_step(guide->course, "all"));
	ck_assert(!course_has_step(guide->course, ""));
	ck_assert(!course_has_step(guide->course, "1."));
	ck_assert(!course_has_step(guide->course, "1.20"));
	ck_assert(!course_has_step(guide->course, "--json"));
}
END_TEST

START_TEST(a_missing_course_is_told)
{
	struct otel_error err = OTEL_ERROR_INIT;

	fake_init(&fake, &svc_plugin);
	fake.host.data_dir = SRCDIR;
	fake_set(&fake, "text", SRCDIR "/nowhere");
	ck_assert_int_eq(fake_start_fails(&fake, &err), -ENOENT);
	has(err.message, "/nowhere: the text of the course is not there");
	fake_fini(&fake);
}
END_TEST

#define N(list) ((int)(sizeof(list) / sizeof *(list)))

int
main(void)
{
	Suite *suite = suite_create("guide");
	TCase *markdown = tcase_create("markdown"), *code = tcase_create("tint"),
	      *service = tcase_create("service"), *start = tcase_create("start");

	tcase_add_checked_fixture(markdown, NULL, free_rendered);
	tcase_add_loop_test(markdown, hostile_text_stays_inert, 0, N(hostile));
	tcase_add_loop_test(markdown, links_lead_where_the_page_is, 0, N(links));
	tcase_add_loop_test(markdown, anchors_are_those_of_forges, 0, N(anchors));
	tcase_add_test(markdown, headings_have_anchors_and_steps);
	tcase_add_test(markdown, minutes_and_the_path_are_read);
	tcase_add_test(markdown, code_says_where_it_belongs);
	suite_add_tcase(suite, markdown);
	tcase_add_loop_test(code, code_is_tinted, 0, N(tints));
	suite_add_tcase(suite, code);
	tcase_add_checked_fixture(service, setup, teardown);
	tcase_add_test(service, pages_come_in_their_order);
	tcase_add_test(service, no_page_has_a_script_or_style_of_its_own);
	tcase_add_test(service, an_unknown_page_says_where_the_others_are);
	tcase_add_test(service, pictures_are_served);
	tcase_add_test(service, without_a_copy_nothing_runs);
	tcase_add_test(service, steps_and_sections_are_known);
	suite_add_tcase(suite, service);
	tcase_add_test(start, a_missing_course_is_told);
	suite_add_tcase(suite, start);
	return check_main(suite);
}
