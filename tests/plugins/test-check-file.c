/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a check file, by path and sentence; its limits; and each allocation of reading, judging
 * and explaining failed in turn (linked with --wrap).
 */
#include "check-fixture.h"
#include "check-main.h"
#include "check-names.h"

/* ---- an allocator that fails when told ---- */

static long allocations_left = -1;
static bool has_failed;

static bool
fails(void)
{
	if (allocations_left < 0 || allocations_left-- != 0)
		return false;
	has_failed = true;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
OTEL_EXPORT void *__wrap_malloc(size_t size);
OTEL_EXPORT void *__wrap_calloc(size_t n, size_t size);
OTEL_EXPORT void *__wrap_realloc(void *old, size_t size);
OTEL_EXPORT char *__wrap_strdup(const char *text);

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* ---- mistakes ---- */

#define FILE_OF(assertion)  "{'expect':[" assertion "]}"
#define SPANS_WITH(fields)  FILE_OF("{'id':'a','select':{'signal':'spans'," fields "}}")
#define POINTS_WITH(fields) FILE_OF("{'id':'a','select':{'signal':'points'," fields "}}")

static void
assert_mistake(const char *text, const char *mistakes)
{
	ck_assert_str_eq(read_file(text), mistakes);
	check_file_free(file);
	file = NULL;
}

START_TEST(the_file_as_a_whole)
{
	assert_mistake("[]", "expected an object, found a list");
	assert_mistake("{}", "\"expect\" is missing: the list of assertions");
	assert_mistake("{'expect':[]}",
	               "expect: expected a list of assertions, found an empty one");
	assert_mistake("{'expect':{}}",
	               "expect: expected a list of assertions, found an object");
	assert_mistake("{'expct':[]}",
	               "expct: unknown key \"expct\"; did you mean \"expect\"?\n"
	               "\"expect\" is missing: the list of assertions");
	assert_mistake(
		"{'expect':[{'id':'a','select':{'signal':'spans'}}],'nonsense':1}",
		"nonsense: unknown key \"nonsense\"; expected title, within, settle or expect");
	assert_mistake("{'a':1,}",
	               "line 1, column 8: not JSON: string or '}' expected near '}'");
	assert_mistake(
		"{'expect':1,'expect':2}",
		"line 1, column 20: not JSON: duplicate object key near '\"expect\"'");
	assert_mistake(
		"{'drive':[],'expect':[{'id':'a','select':{'signal':'spans'}}]}",
		"drive: requests are sent by `cupola check`; the station only judges");
	assert_mistake(
		"{'title':1,'within':'soon','settle':5,'since':-1,'until':'x','set':[],"
		"'expect':[{'id':'a','select':{'signal':'spans'}}]}",
		"title: expected a text, found an integer\n"
		"within: expected a duration such as \"500ms\" or \"5s\", found \"soon\"\n"
		"settle: expected a duration such as \"500ms\" or \"5s\", found an integer\n"
		"since: expected a number of arrival, found an integer\n"
		"until: expected Unix nanoseconds, found a text\n"
		"set: expected an object, found a list");
	assert_mistake(
		"{'within':'61s','expect':[{'id':'a','select':{'signal':'spans'}}]}",
		"within: at most 60s, found \"61s\"");
	assert_mistake("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
	               "nested deeper than 16 levels");
	/* Brackets in texts are none. */
	assert_mistake(
		"{'note':'[[[[[[[[[[[[[[[[[[{{{\\\\\\'{','expect':[{'id':'a','select':{'signal':'spans'}}]}",
		"");
}
END_TEST

START_TEST(an_assertion)
{
	assert_mistake(FILE_OF("1"), "expect[0]: expected an object, found an integer");
	assert_mistake(FILE_OF("{}"),
	               "expect[0]: \"select\" is missing: what is looked at\n"
	               "expect[0]: \"id\" is missing: a short name of its own");
	assert_mistake(
		FILE_OF("{'id':'a','select':{}}"),
		"expect[0].select: \"signal\" is missing: resources, spans, logs, points or "
		"traces");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'span'}}"),
		"expect[0].select.signal: unknown signal \"span\"; did you mean \"spans\"?");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':7}}"),
		"expect[0].select.signal: expected resources, spans, logs, points or traces");
	assert_mistake(FILE_OF("{'id':'','select':{'signal':'spans'}}"),
	               "expect[0].id: expected a text, found an empty one");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'spans'}},{'id':'a','select':{'signal':'logs'}}"),
		"expect[1].id: \"a\" is the id of expect[0] already");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'spans'},'cuont':1,'zzzzzzzz':1}"),
		"expect[0].cuont: unknown key \"cuont\"; did you mean \"count\"?\n"
		"expect[0].zzzzzzzz: unknown key \"zzzzzzzz\"; expected id, say, select, "
		"count, each, values, increase or hints");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'spans'},'count':'5','hints':'x','say':1}"),
		"expect[0].count: expected a number, found a text\n"
		"expect[0].hints: expected a list of texts, found a text\n"
		"expect[0].say: expected a text, found an integer");
	assert_mistake(FILE_OF("{'id':'a','select':{'signal':'spans'},'increase':1}"),
	               "expect[0].increase: only points increase");
	assert_mistake(FILE_OF("{'id':'a','select':{'signal':'spans'},'each':[]}"),
	               "expect[0].each: expected an object, found a list");
}
END_TEST

START_TEST(fields)
{
	assert_mistake(
		SPANS_WITH("'nmae':'x'"),
		"expect[0].select.nmae: unknown key \"nmae\"; did you mean \"name\"?");
	assert_mistake(
		SPANS_WITH("'severity':'WARN'"),
		"expect[0].select.severity: spans have no \"severity\"; they have service, "
		"resource, attributes, scope, name, kind, status, status_message, duration, "
		"parent, ancestor, before, after, event, links, trace_id, span_id");
	assert_mistake(
		SPANS_WITH("'kind':'SERVR','status':'BAD'"),
		"expect[0].select.kind: unknown word \"SERVR\"; did you mean \"SERVER\"?\n"
		"expect[0].select.status: unknown word \"BAD\"; expected one of \"UNSET\", "
		"\"OK\", \"ERROR\"");
	assert_mistake(
		SPANS_WITH("'duration':5"),
		"expect[0].select.duration: expected a duration such as \"5ms\" or \"2s\", "
		"found an integer");
	assert_mistake(
		SPANS_WITH("'duration':{'min':'fast'}"),
		"expect[0].select.duration.min: expected a duration such as \"5ms\" or \"2s\", "
		"found \"fast\"");
	assert_mistake(SPANS_WITH("'links':'two'"),
	               "expect[0].select.links: expected a number, found a text");
	assert_mistake(SPANS_WITH("'attributes':['a']"),
	               "expect[0].select.attributes: expected an object, found a list");
	assert_mistake(
		SPANS_WITH("'parent':'GET /'"),
		"expect[0].select.parent: expected fields of another span, \"none\" or "
		"\"present\", found \"GET /\"");
	assert_mistake(
		SPANS_WITH("'ancestor':'none'"),
		"expect[0].select.ancestor: expected fields of another span, found \"none\"");
	assert_mistake(
		SPANS_WITH(
			"'parent':{'parent':{'parent':{'parent':{'parent':{'name':'x'}}}}}"),
		"expect[0].select.parent.parent.parent.parent.parent: more than 4 spans within "
		"each other");
	assert_mistake(
		SPANS_WITH("'parent':{'signal':'spans'}"),
		"expect[0].select.parent.signal: unknown key \"signal\"; expected service, "
		"resource, attributes, scope, name, kind, status, status_message, duration, "
		"parent, ancestor, before, after, event, links, trace_id, span_id");
	assert_mistake(
		SPANS_WITH("'scope':{'nom':'x'}"),
		"expect[0].select.scope.nom: unknown key \"nom\"; expected name or version");
	assert_mistake(
		SPANS_WITH("'event':{'kind':'x'}"),
		"expect[0].select.event.kind: events have no \"kind\"; they have attributes, name");
	assert_mistake(
		POINTS_WITH("'bounds':'mine'"),
		"expect[0].select.bounds: expected a list of numbers, \"default\" or \"own\", "
		"found a text");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'logs','severity':'WARNING'}}"),
		"expect[0].select.severity: unknown word \"WARNING\"; expected one of "
		"\"TRACE\", \"DEBUG\", \"INFO\", \"WARN\", \"ERROR\", \"FATAL\"");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'traces','services':'x'}}"),
		"expect[0].select.services: expected a list of names, or {\"contains\": "
		"\"name\"}, found a text");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'traces','has':{}}}"),
		"expect[0].select.has: expected a list of objects, found an object");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'traces','has':[1]}}"),
		"expect[0].select.has[0]: expected fields of another span, found an integer");
}
END_TEST

START_TEST(matchers)
{
	assert_mistake(
		SPANS_WITH("'name':{}"),
		"expect[0].select.name: expected a matcher, found an empty object");
	assert_mistake(
		SPANS_WITH("'name':{'mtches':'x'}"),
		"expect[0].select.name.mtches: unknown matcher \"mtches\"; did you mean \"matches\"?");
	assert_mistake(
		SPANS_WITH("'name':{'zzzzzzzz':'x'}"),
		"expect[0].select.name.zzzzzzzz: unknown matcher \"zzzzzzzz\"; expected equals, "
		"type, min, max, matches, contains, one_of or not");
	assert_mistake(
		SPANS_WITH("'attributes':{'http.x':{'type':'int'}}"),
		"expect[0].select.attributes.http.x.type: unknown word \"int\"; expected one of "
		"\"string\", \"boolean\", \"integer\", \"double\", \"number\", \"bytes\", "
		"\"array\", \"map\"");
	assert_mistake(
		SPANS_WITH("'name':{'type':1}"),
		"expect[0].select.name.type: expected the name of a type, found an integer");
	assert_mistake(
		SPANS_WITH("'name':{'matches':'('}"),
		"expect[0].select.name.matches: \"(\" is no regular expression: Unmatched ( or \\(");
	assert_mistake(
		SPANS_WITH("'name':{'matches':1}"),
		"expect[0].select.name.matches: expected a regular expression, found an integer");
	assert_mistake(
		SPANS_WITH("'name':{'matches':'((a{1,200}){1,200}){1,200}'}"),
		"expect[0].select.name.matches: the expression may take too long: no \\1, and "
		"{n,m} up to 1000");
	assert_mistake(/* each + behind a group doubles the group */
	               SPANS_WITH(
			       "'name':{'matches':'((((((((((((((((((((((((((((((((a+)+)+)+)+)+)+)+)"
			       "+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+'}"),
	               "expect[0].select.name.matches: the expression may take too long: no \\1, and "
	               "{n,m} up to 1000");
	assert_mistake(
		SPANS_WITH(
			"'name':{'matches':'^([a-z]+\\\\.)+[0-9]{1,4} \\\\+ (a|b)+$'}"),
		"");
	assert_mistake(
		SPANS_WITH("'name':{'matches':'(a*)*\\\\1'}"),
		"expect[0].select.name.matches: the expression may take too long: no \\1, and "
		"{n,m} up to 1000");
	assert_mistake(
		SPANS_WITH("'name':{'one_of':[]}"),
		"expect[0].select.name.one_of: expected a list of values, found an empty one");
	assert_mistake(
		SPANS_WITH("'kind':{'one_of':['SERVER','CLIEN']}"),
		"expect[0].select.kind.one_of[1]: unknown word \"CLIEN\"; did you mean \"CLIENT\"?");
	assert_mistake(SPANS_WITH("'links':{'min':2,'max':1}"),
	               "expect[0].select.links: nothing fits: min is greater than max");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'spans'},'values':{'n':{'onyl':[1]},'m':1}}"),
		"expect[0].values.n.onyl: unknown key \"onyl\"; expected only, include or distinct\n"
		"expect[0].values.n: expected only, include or distinct\n"
		"expect[0].values.m: expected an object, found an integer");
	assert_mistake(
		FILE_OF("{'id':'a','select':{'signal':'traces'},'values':{'n':{'only':1}}}"),
		"expect[0].values: values are of spans, logs or points\n"
		"expect[0].values.n.only: expected a list of values, found an integer\n"
		"expect[0].values.n: expected only, include or distinct");
}
END_TEST

START_TEST(variables)
{
	arrived("iss", STORE_SPANS,
	        SPAN("a", "get 3", "1", "", ATTRIBUTES(INTEGER("n", "3"))));
	ck_assert_str_eq(
		read_file(
			"{'set':{'n':3,'word':'get'},'expect':[{'id':'x','select':{'signal':'spans',"
			"'name':'${word} ${n}','attributes':{'n':'${n}'}},'count':1,"
			"'say':'$$5 for ${n}','hints':['${x} $$']}]}"),
		"");
	ck_assert_str_eq(json_string_value(json_array_get(file->assertions[0].hints, 0)),
	                 "${x} $$");
	ck_assert_str_eq(file->assertions[0].say, "$5 for 3");
	ck_assert_int_eq(check_judge_init(&judge_of, file, store, 0, 0), 0);
	ck_assert_int_eq(evaluate(0), CHECK_HOLDING);
	end();
	assert_mistake(SPANS_WITH("'name':'${word'"),
	               "expect[0].select.name: ${word has no end");
	assert_mistake(SPANS_WITH("'name':{'one_of':['${word}']}"),
	               "expect[0].select.name.one_of[0]: ${word} has no value");
}
END_TEST

START_TEST(limits)
{
	struct buf many = { 0 };

	for (int i = 0; i < 201; i++)
		buf_printf(&many, "%s{'id':'%d','select':{'signal':'spans'}}",
		           i ? "," : "{'expect':[", i);
	buf_puts(&many, "]}");
	assert_mistake(many.data, "expect: at most 200 assertions, found 201");
	many.len = 0;
	buf_puts(&many, "{'expect':[{'id':'a','select':{'signal':'spans','attributes':{");
	for (int i = 0; i < 1001; i++)
		buf_printf(&many, "%s'%d':1", i ? "," : "", i);
	buf_puts(&many, "}}}]}");
	assert_mistake(many.data,
	               "expect[0].select.attributes.1000: more than 1000 matchers");
	many.len = 0;
	buf_puts(&many,
	         "{'expect':[{'id':'a','select':{'signal':'spans','name':{'matches':'");
	for (int i = 0; i < 201; i++)
		buf_puts(&many, "x");
	buf_puts(&many, "'}}}]}");
	assert_mistake(
		many.data,
		"expect[0].select.name.matches: the expression is longer than 200 bytes");
	many.len = 0;
	buf_puts(
		&many,
		"{'expect':[{'id':'a','select':{'signal':'spans'},'values':{'n':{'only':[0");
	for (int i = 1; i < 65; i++)
		buf_printf(&many, ",%d", i);
	buf_puts(&many, "]}}}]}");
	assert_mistake(many.data,
	               "expect[0].values.n.only: at most 64 values, found 65\n"
	               "expect[0].values.n: expected only, include or distinct");
	many.len = 0;
	buf_puts(&many, "{'expect':[");
	for (int i = 0; i < 30; i++)
		buf_printf(&many, "%s%d", i ? "," : "", i);
	buf_puts(&many, "]}");
	ck_assert_ptr_nonnull(strstr(read_file(many.data), "expect[19]"));
	ck_assert_ptr_null(strstr(said, "expect[20]")); /* enough is enough */
	many.len = 0;
	buf_puts(&many, "{'set':{'x':'");
	for (int i = 0; i < 10000; i++)
		buf_puts(&many, "ten bytes ");
	buf_puts(&many, "'},'expect':[{'id':'a','select':{'signal':'spans'},'note':['");
	for (int i = 0; i < 13; i++)
		buf_puts(&many, i ? "','${x}" : "${x}${x}${x}");
	buf_puts(&many, "']}]}");
	assert_mistake(many.data,
	               "expect[0].note[0]: it becomes too large by its values\n"
	               "expect[0].note[12]: it becomes too large by its values");
	buf_fini(&many);
}
END_TEST

START_TEST(old_names_go_both_ways)
{
	ck_assert_str_eq(check_stable_name("http.method"), "http.request.method");
	ck_assert_ptr_null(check_stable_name("http.request.method"));
	ck_assert_str_eq(check_old_name("http.response.status_code", 0),
	                 "http.status_code");
	ck_assert_str_eq(check_old_name("http.response.status_code", 1),
	                 "response.status");
	ck_assert_ptr_null(check_old_name("http.response.status_code", 2));
}
END_TEST

/* ---- without memory ---- */

static const char everything[] =
	"{'title':'t','within':'1s','settle':'1ms','since':0,'set':{'n':'get'},'expect':["
	"{'id':'a','say':'s','hints':['h'],'select':{'signal':'spans','service':'iss','name':'${n}s',"
	"'attributes':{'k':{'one_of':['a','b'],'matches':'a|b'}},'parent':{'name':'x'}},'count':1,"
	"'each':{'resource':{'r':'s'},'scope':{'name':'lib'},'event':{'name':'e'}}},"
	"{'id':'b','select':{'signal':'logs'},'each':{'span':{'name':'x'},'body':'y'}},"
	"{'id':'c','select':{'signal':'points'},'increase':5,'each':{'bounds':[1,2]}},"
	"{'id':'d','select':{'signal':'traces'},'each':{'services':['a'],'has':[{'name':'q'}],'missing':0}},"
	"{'id':'e','select':{'signal':'resources'},'each':{'resource':{'r':'t'}}},"
	"{'id':'f','select':{'signal':'spans'},'values':{'k':{'only':['z'],'include':['y'],'distinct':7}}},"
	"{'id':'g','select':{'signal':'spans','service':'nobody','name':'zzz'}}]}";

static int
read_and_judge(const char *json)
{
	json_t *mistakes = NULL;
	struct buf miss = { 0 };
	int r = check_file_read(json, strlen(json), &file, &mistakes);

	json_decref(mistakes);
	if (r < 0)
		return r;
	r = check_judge_init(&judge_of, file, store, 0, 0);
	if (r == 0)
		r = check_judge_evaluate(&judge_of, 0);
	for (size_t i = 0; r == 0 && i < file->n; i++) {
		r = check_miss_write(&judge_of, i, &miss);
		if (r == 0 && !miss.len)
			r = -ENODATA;
		buf_fini(&miss);
	}
	end();
	return r;
}

/* `lenient`: to jansson a text that it has no memory for is no JSON, be it the file or a Resource. */
static long
fail_each(bool lenient)
{
	char *json = quoted(everything);
	long n;

	arrived_from("iss", STRING("r", "s"), STORE_SPANS,
	             SPAN("a", "get", "1", PARENT("2"), ATTRIBUTES(STRING("k", "a"))));
	arrived("iss", STORE_LOGS, LOG("9", "x", IN_SPAN("a", "1")));
	counted("iss", "requests", INTEGER("n", "1"), 5, 1, 2);
	for (n = 0;; n++) {
		int r;

		has_failed = false;
		allocations_left = n;
		r = read_and_judge(json);
		allocations_left = -1;
		if (!has_failed) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_msg(r == -ENOMEM || (lenient && (r == -EINVAL || r == 0)),
		              "allocation %ld: %d", n, r);
	}
	free(json);
	return n;
}

START_TEST(every_allocation_fails_once)
{
	ck_assert_int_gt(fail_each(false), 50);
}
END_TEST

START_TEST(every_allocation_of_jansson_fails_once)
{
	json_set_alloc_funcs(__wrap_malloc, free);
	ck_assert_int_gt(fail_each(true), 200);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("station/check-file");
	TCase *tcase = tcase_create("reading");

	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, the_file_as_a_whole);
	tcase_add_test(tcase, an_assertion);
	tcase_add_test(tcase, fields);
	tcase_add_test(tcase, matchers);
	tcase_add_test(tcase, variables);
	tcase_add_test(tcase, limits);
	tcase_add_test(tcase, old_names_go_both_ways);
	tcase_add_test(tcase, every_allocation_fails_once);
	tcase_add_test(tcase, every_allocation_of_jansson_fails_once);
	return check_main(suite);
}
