/* SPDX-License-Identifier: Apache-2.0 */
/* Every matcher and every field, holding and not, with the sentence that says what was found instead. */
#include "check-fixture.h"
#include "check-main.h"

#define SELECT(fields)       "{'select':{" fields "}}"
#define EACH(fields, each)   "{'select':{" fields "},'each':{" each "}}"
#define COUNT(fields, count) "{'select':{" fields "},'count':" count "}"
#define SPANS                "'signal':'spans','service':'iss'"
#define LOGS                 "'signal':'logs','service':'iss'"
#define POINTS               "'signal':'points','service':'iss'"

/* ---- values ---- */

static void
one_span(void)
{
	arrived("iss", STORE_SPANS,
	        SPAN("a", "get", "1", "",
	             ATTRIBUTES(STRING("text", "hello world") "," INTEGER("int", "200") "," DOUBLE(
			     "real",
			     "1.5") "," BOOLEAN("yes",
	                                        "true") ",{'key':'list','value':{'arrayValue':{'values':[{'stringValue':'a'},{'intValue':'2'}]}}},"
	                                                "{'key':'map','value':{'kvlistValue':{'values':[" INTEGER(
								"k",
								"1") "]}}},"
	                                                             "{'key':'bytes','value':{'bytesValue':'AQI='}},{'key':'empty','value':{}}")));
}

#define VALUE(key, matcher) EACH(SPANS, "'attributes':{'" key "':" matcher "}")

START_TEST(literals_are_held_by_type_and_value)
{
	one_span();
	assert_pass(VALUE("text", "'hello world'"));
	assert_pass(VALUE("int", "200"));
	assert_pass(VALUE("real", "1.5"));
	assert_pass(VALUE("yes", "true"));
	assert_pass(VALUE("list", "['a',2]"));
	assert_pass(VALUE("map", "{'equals':{'k':1}}"));
	assert_pass(VALUE("empty", "null"));
	assert_miss(VALUE("text", "'hello'"),
	            "span `get`: `text` is \"hello world\"; expected \"hello\"");
	assert_miss(VALUE("text", "200"),
	            "span `get`: `text` is the string \"hello world\"; expected 200");
	assert_miss(VALUE("int", "'200'"),
	            "span `get`: `int` is the integer 200; expected \"200\"");
	assert_miss(VALUE("int", "200.0"),
	            "span `get`: `int` is the integer 200; expected 200.0");
	assert_miss(VALUE("real", "2"),
	            "span `get`: `real` is the double 1.5; expected 2");
	assert_miss(VALUE("yes", "false"), "span `get`: `yes` is true; expected false");
	assert_miss(VALUE("yes", "'true'"),
	            "span `get`: `yes` is the boolean true; expected \"true\"");
	assert_miss(VALUE("list", "['a']"),
	            "span `get`: `list` is [\"a\", 2]; expected [\"a\"]");
	assert_miss(VALUE("none", "1"), "span `get`: `none` is absent; expected 1");
}
END_TEST

START_TEST(types_are_told_apart)
{
	one_span();
	assert_pass(VALUE("text", "{'type':'string'}"));
	assert_pass(VALUE("int", "{'type':'integer'}"));
	assert_pass(VALUE("real", "{'type':'double'}"));
	assert_pass(VALUE("int", "{'type':'number'}"));
	assert_pass(VALUE("real", "{'type':'number'}"));
	assert_pass(VALUE("yes", "{'type':'boolean'}"));
	assert_pass(VALUE("list", "{'type':'array'}"));
	assert_pass(VALUE("map", "{'type':'map'}"));
	assert_pass(VALUE("bytes", "{'type':'bytes'}"));
	assert_miss(
		VALUE("text", "{'type':'integer'}"),
		"span `get`: `text` is the string \"hello world\"; expected an integer");
	assert_miss(VALUE("int", "{'type':'string'}"),
	            "span `get`: `int` is the integer 200; expected a string");
	assert_miss(
		VALUE("text", "{'type':'number'}"),
		"span `get`: `text` is the string \"hello world\"; expected a number");
	assert_miss(VALUE("text", "{'type':'bytes'}"),
	            "span `get`: `text` is the string \"hello world\"; expected bytes");
	assert_miss(VALUE("list", "{'type':'string'}"),
	            "span `get`: `list` is [\"a\", 2]; expected a string");
}
END_TEST

START_TEST(matchers_of_numbers_and_texts)
{
	one_span();
	assert_pass(VALUE("int", "{'min':200,'max':299}"));
	assert_pass(VALUE("int", "{'type':'integer','min':100}"));
	assert_pass(VALUE("text", "{'matches':'^hel+o'}"));
	assert_pass(VALUE("text", "{'contains':'o w'}"));
	assert_pass(VALUE("list", "{'contains':2}"));
	assert_pass(VALUE("int", "{'one_of':[1,200]}"));
	assert_pass(VALUE("int", "{'not':404}"));
	assert_pass(VALUE("int", "{'not':{'min':300}}"));
	assert_pass(VALUE("int", "'present'"));
	assert_pass(VALUE("empty", "'present'"));
	assert_pass(VALUE("none", "'absent'"));
	assert_miss(VALUE("int", "{'min':300}"),
	            "span `get`: `int` is 200; expected at least 300");
	assert_miss(VALUE("int", "{'max':100}"),
	            "span `get`: `int` is 200; expected at most 100");
	assert_miss(VALUE("int", "{'min':300,'max':399}"),
	            "span `get`: `int` is 200; expected from 300 to 399");
	assert_miss(
		VALUE("text", "{'min':1}"),
		"span `get`: `text` is the string \"hello world\"; expected at least 1");
	assert_miss(
		VALUE("text", "{'matches':'^world'}"),
		"span `get`: `text` is \"hello world\"; expected a match of /^world/");
	assert_miss(VALUE("int", "{'matches':'2'}"),
	            "span `get`: `int` is the integer 200; expected a match of /2/");
	assert_miss(
		VALUE("text", "{'contains':'moon'}"),
		"span `get`: `text` is \"hello world\"; expected something that contains \"moon\"");
	assert_miss(VALUE("int", "{'one_of':[400,404,500]}"),
	            "span `get`: `int` is 200; expected 400, 404 or 500");
	assert_miss(VALUE("int", "{'not':200}"),
	            "span `get`: `int` is 200; expected anything but 200");
	assert_miss(VALUE("none", "{'not':1}"),
	            "span `get`: `none` is absent; expected anything but 1");
	assert_miss(VALUE("none", "'present'"),
	            "span `get`: `none` is absent; expected a value");
	assert_miss(VALUE("int", "'absent'"), "span `get`: `int` is 200; expected none");
	assert_miss(VALUE("text", "{'equals':'present'}"),
	            "span `get`: `text` is \"hello world\"; expected \"present\"");
}
END_TEST

START_TEST(other_names_of_an_attribute_are_told)
{
	arrived("iss", STORE_SPANS,
	        SPAN("a", "get", "1", "",
	             ATTRIBUTES(INTEGER("http.status_code",
	                                "200") "," STRING("http.request.metod", "GET"))));
	assert_miss(VALUE("http.response.status_code", "200"),
	            "span `get`: `http.status_code` found, the old name; expected "
	            "`http.response.status_code`");
	assert_miss(
		VALUE("http.request.method", "'GET'"),
		"span `get`: `http.request.metod` found; expected `http.request.method`");
	assert_miss(
		VALUE("http.status_code", "'absent'"),
		"span `get`: `http.status_code` is 200; expected none, its stable name is "
		"`http.response.status_code`");
}
END_TEST

/* ---- spans ---- */

START_TEST(the_nearest_span_is_named)
{
	arrived("iss", STORE_SPANS, SPAN("a", "getting-iss", "1", "", ""));
	arrived("iss", STORE_SPANS, SPAN("a", "something else", "2", "", ""));
	arrived("gateway", STORE_SPANS, SPAN("a", "asking", "3", "", ",'kind':3"));
	assert_pass(SELECT(SPANS ",'name':'getting-iss'"));
	assert_miss(SELECT(SPANS ",'name':'getting-iss-coordinates'"),
	            "span `getting-iss` found; expected `getting-iss-coordinates`");
	assert_miss(SELECT(SPANS ",'name':'asking'"),
	            "span `asking` came from `gateway`; expected `iss`");
	assert_miss(
		SELECT(SPANS ",'name':'calculating'"),
		"no span `calculating` from `iss`; found `getting-iss`, `something else`");
	assert_miss(SELECT("'signal':'spans','name':{'matches':'^calc'}"),
	            "span `getting-iss` found; expected a match of /^calc/");
	assert_miss(SELECT(SPANS ",'name':'getting-iss','kind':'SERVER'"),
	            "span `getting-iss`: its kind is UNSPECIFIED; expected SERVER");
	assert_miss(SELECT("'signal':'spans','service':'iss','attributes':{'a':1}"),
	            "span `getting-iss`: `a` is absent; expected 1");
}
END_TEST

START_TEST(fields_of_spans)
{
	arrived_from(
		"iss", STRING("service.version", "1.0.0"), STORE_SPANS,
		SPAN("a", "get", "1", "",
	             ",'kind':2,'status':{'code':2,'message':'it broke'},'links':[{'traceId':"
	             "'0102030405060708090a0b0c0d0e0f10','spanId':'0102030405060708'}],"
	             "'events':[{'name':'exception',"
	             "'attributes':[" STRING("exception.type", "EIO") "]}]"));
	assert_pass(
		EACH(SPANS,
	             "'kind':'SERVER','status':'ERROR','status_message':'it broke',"
	             "'duration':{'min':'5ms','max':'5ms'},'links':1,'parent':'none',"
	             "'trace_id':'0000000000000000000000000000000a','span_id':"
	             "'0000000000000001','scope':{'name':'lib','version':'1.0'},"
	             "'resource':{'service.version':'1.0.0'},'event':{'name':'exception',"
	             "'attributes':{'exception.type':'EIO'}}"));
	assert_miss(EACH(SPANS, "'kind':'CLIENT'"),
	            "span `get`: its kind is SERVER; expected CLIENT");
	assert_miss(
		EACH(SPANS, "'kind':{'one_of':['CLIENT','INTERNAL']}"),
		"span `get`: its kind is SERVER; expected \"CLIENT\" or \"INTERNAL\"");
	assert_miss(EACH(SPANS, "'status':'UNSET'"),
	            "span `get`: its status is ERROR; expected UNSET");
	assert_miss(EACH(SPANS, "'status_message':'other'"),
	            "span `get`: its status message is \"it broke\"; expected \"other\"");
	assert_miss(EACH(SPANS, "'duration':{'min':'1s'}"),
	            "span `get`: its duration is 5 ms; expected at least 1 s");
	assert_miss(EACH(SPANS, "'links':0"), "span `get`: it has 1 link; expected 0");
	assert_miss(EACH(SPANS, "'span_id':'absent'"),
	            "span `get`: its span id is \"0000000000000001\"; expected none");
	assert_miss(EACH(SPANS, "'scope':{'name':'other'}"),
	            "span `get`: its scope's name is \"lib\"; expected \"other\"");
	assert_miss(EACH(SPANS, "'scope':{'version':'2.0'}"),
	            "span `get`: its scope's version is \"1.0\"; expected \"2.0\"");
	assert_miss(EACH(SPANS, "'resource':{'service.version':'2.0.0'}"),
	            "span `get`: `service.version` is \"1.0.0\"; expected \"2.0.0\"");
	assert_miss(EACH(SPANS, "'event':{'name':'retry'}"),
	            "span `get`: its event is `exception`; expected `retry`");
	assert_miss(EACH(SPANS, "'event':'none'"),
	            "span `get`: it has 1 event; expected none");
	assert_pass(EACH(SPANS, "'event':'present'"));
}
END_TEST

START_TEST(parents)
{
	arrived("iss", STORE_SPANS, SPAN("a", "GET /", "1", "", ",'kind':2"));
	arrived("iss", STORE_SPANS, SPAN("a", "get", "2", PARENT("1"), ""));
	arrived("iss", STORE_SPANS, SPAN("b", "lost", "3", PARENT("9"), ""));
	assert_pass(
		EACH(SPANS ",'name':'get'", "'parent':{'name':'GET /','kind':'SERVER'}"));
	assert_pass(EACH(SPANS ",'name':'get'", "'parent':'present'"));
	assert_pass(EACH(SPANS ",'name':'GET /'", "'parent':'none'"));
	assert_pass(EACH(SPANS ",'name':'get'", "'ancestor':{'kind':'SERVER'}"));
	assert_miss(
		EACH(SPANS ",'name':'get'",
	             "'parent':{'name':'calculating-iss-distance'}"),
		"span `get`: its parent is `GET /`; expected `calculating-iss-distance`");
	assert_miss(
		EACH(SPANS ",'name':'get'", "'parent':{'service':'gateway'}"),
		"span `get`: its parent is `GET /` of `iss`; expected one of `gateway`");
	assert_miss(
		EACH(SPANS ",'name':'get'", "'parent':{'kind':'CLIENT'}"),
		"span `get`: its parent is `GET /`, and there its kind is SERVER; expected CLIENT");
	assert_miss(EACH(SPANS ",'name':'get'", "'parent':'none'"),
	            "span `get`: its parent is `GET /`; expected a root");
	assert_miss(EACH(SPANS ",'name':'GET /'", "'parent':{'name':'calc'}"),
	            "span `GET /`: it is a root; expected the parent `calc`");
	assert_miss(EACH(SPANS ",'name':'GET /'", "'parent':'present'"),
	            "span `GET /`: it is a root; expected a parent");
	assert_miss(
		EACH(SPANS ",'name':'lost'", "'parent':{'name':'calc'}"),
		"span `lost`: its parent has not arrived; expected `calc` (is it ended on "
		"every path?)");
	assert_miss(EACH(SPANS ",'name':'lost'", "'parent':'none'"),
	            "span `lost`: its parent has not arrived; expected a root");
	assert_miss(EACH(SPANS ",'name':'get'", "'ancestor':{'name':'ask'}"),
	            "span `get`: above it are `GET /`; expected `ask`");
	assert_miss(
		EACH(SPANS ",'name':'lost'", "'ancestor':{'name':'ask'}"),
		"span `lost`: above it are a span that has not arrived; expected `ask`");
	assert_miss(EACH(SPANS ",'name':'GET /'", "'ancestor':{'name':'ask'}"),
	            "span `GET /`: it is a root; expected `ask`");
	assert_miss(
		SELECT(SPANS ",'name':'calculating-iss-distance'"),
		"no span `calculating-iss-distance` from `iss`; found `lost`, `GET /`, `get`; "
		"the parent of 1 span never arrived (is it ended on every path?)");
}
END_TEST

START_TEST(order)
{
	arrived("iss", STORE_SPANS, SPAN_FULL("a", "first", "1", "", "1000", "2000", ""));
	arrived("iss", STORE_SPANS,
	        SPAN_FULL("a", "second", "2", "", "2000", "3000", ""));
	arrived("iss", STORE_LOGS,
	        "{'timeUnixNano':'2500','severityNumber':9" IN_SPAN("a", "2") "}");
	assert_pass(EACH(SPANS ",'name':'first'", "'before':{'name':'second'}"));
	assert_pass(EACH(SPANS ",'name':'second'", "'after':{'name':'first'}"));
	assert_pass(EACH(LOGS, "'after':{'name':'first'}"));
	assert_miss(EACH(SPANS ",'name':'second'", "'before':{'name':'first'}"),
	            "span `second`: it does not end before `first` begins");
	assert_miss(EACH(SPANS ",'name':'first'", "'after':{'name':'second'}"),
	            "span `first`: it begins before `second` has ended");
	assert_miss(EACH(LOGS, "'after':{'name':'second'}"),
	            "log record: it begins before `second` has ended");
	assert_miss(
		EACH(SPANS ",'name':'first'", "'after':{'name':'zero'}"),
		"span `first`: its trace has no span to be compared with; expected `zero`");
}
END_TEST

/* ---- counts and values ---- */

START_TEST(counts)
{
	for (int i = 0; i < 2; i++)
		arrived("iss", STORE_SPANS, SPAN("a", "get", "1", "", ""));
	assert_pass(COUNT(SPANS, "2"));
	assert_pass(COUNT(SPANS, "{'min':1,'max':3}"));
	assert_pass(COUNT(SPANS ",'name':'none'", "0"));
	assert_miss(COUNT(SPANS, "5"), "2 spans found; expected 5");
	assert_miss(COUNT(SPANS ",'name':'get'", "{'min':3}"),
	            "2 spans `get` found; expected at least 3");
	assert_miss(COUNT(SPANS ",'name':'get'", "1"), "2 spans `get` found; expected 1");
	assert_miss(COUNT(SPANS, "0"),
	            "2 spans found; expected none (the first: span `get`)");
	arrived("iss", STORE_SPANS, SPAN("a", "get", "2", "", ",'kind':2"));
	assert_miss(
		COUNT(SPANS ",'name':'get','kind':'SERVER'", "2"),
		"1 span `get` found; expected 2; the nearest other: span `get`: its kind is "
		"UNSPECIFIED; expected SERVER");
}
END_TEST

START_TEST(each_says_how_many_are_wrong)
{
	arrived("iss", STORE_SPANS,
	        SPAN("a", "get", "1", "", ATTRIBUTES(INTEGER("n", "1"))));
	arrived("iss", STORE_SPANS,
	        SPAN("a", "get", "2", "", ATTRIBUTES(STRING("n", "1"))));
	arrived("iss", STORE_SPANS, SPAN("a", "get", "3", "", ""));
	assert_miss(
		VALUE("n", "{'type':'integer'}"),
		"span `get`: `n` is the string \"1\"; expected an integer (2 of 3 spans)");
}
END_TEST

#define VALUES(key, set) "{'select':{" SPANS "},'values':{'" key "':" set "}}"

START_TEST(sets_of_values)
{
	arrived("iss", STORE_SPANS,
	        SPAN("a", "get", "1", "", ATTRIBUTES(INTEGER("n", "200"))));
	arrived("iss", STORE_SPANS,
	        SPAN("a", "get", "2", "", ATTRIBUTES(INTEGER("n", "500"))));
	arrived("iss", STORE_SPANS,
	        SPAN("a", "get", "3", "", ATTRIBUTES(INTEGER("n", "500"))));
	assert_pass(VALUES("n", "{'only':[200,500],'include':[500],'distinct':2}"));
	assert_miss(VALUES("n", "{'only':[200]}"),
	            "`n` is 200, 500; expected only [200]");
	assert_miss(VALUES("n", "{'include':[500,404]}"),
	            "`n` is 200, 500; expected 404 among them");
	assert_miss(VALUES("n", "{'distinct':{'min':3}}"),
	            "`n` is 200, 500, 2 different values; expected at least 3");
	assert_miss(VALUES("m", "{'distinct':1}"),
	            "`m` is absent in all of them, 0 different values; expected 1");
}
END_TEST

/* ---- silence ---- */

START_TEST(who_did_send_is_said)
{
	assert_miss(SELECT(SPANS), "nothing at all has arrived, from any service");
	assert_pass(COUNT(SPANS, "0"));
	arrived("gateway", STORE_LOGS, LOG("9", "hello", ""));
	assert_miss(SELECT(SPANS ",'name':'get'"),
	            "nothing arrived from `iss`; `gateway` sent 1 log record");
	counted("iss", "requests", "", 1, 1, 2);
	assert_miss(SELECT(SPANS ",'name':'get'"),
	            "`iss` sent no spans; it sent 1 series of metrics");
	assert_miss(SELECT("'signal':'traces','service':'iss'"),
	            "`iss` sent no traces; it sent 1 series of metrics");
	assert_miss(
		SELECT("'signal':'spans'"),
		"no spans arrived; `gateway` sent 1 log record; `iss` sent 1 series of metrics");
	since = store_seq(store);
	driven = true;
	assert_miss(
		SELECT(LOGS),
		"nothing at all has arrived since the requests began, from any service");
	arrived("iss", STORE_SPANS, SPAN("a", "get", "1", "", ""));
	arrived("iss", STORE_SPANS, SPAN("a", "get", "2", "", ""));
	assert_miss(
		SELECT(LOGS),
		"`iss` sent no log records since the requests began; it sent 2 spans");
	assert_miss(
		SELECT(POINTS ",'metric':'requests'"),
		"metric `requests` was last reported before the requests began (is its "
		"interval longer than `within`?)");
}
END_TEST

START_TEST(what_was_refused_is_said)
{
	struct buf miss = { 0 };

	begin(SELECT(SPANS));
	ck_assert_int_eq(evaluate(0), CHECK_FAILING);
	judge_of.refused = "POST /: it is not OTLP";
	ck_assert_int_eq(check_miss_write(&judge_of, 0, &miss), 0);
	ck_assert_str_eq(miss.data,
	                 "nothing at all has arrived, from any service; the station "
	                 "refused POST /: it is not OTLP");
	buf_fini(&miss);
	end();
}
END_TEST

/* ---- logs ---- */

START_TEST(fields_of_logs)
{
	arrived("iss", STORE_SPANS, SPAN("a", "GET /", "1", "", ""));
	arrived("iss", STORE_LOGS,
	        LOG("9", "in the span", ",'eventName':'e'" IN_SPAN("a", "1")));
	arrived("iss", STORE_LOGS, LOG("9", "outside", ""));
	assert_pass(COUNT(LOGS ",'severity':'INFO'", "2"));
	assert_pass(COUNT(LOGS ",'severity':{'min':'DEBUG'}", "2"));
	assert_pass(COUNT(LOGS ",'severity':{'one_of':['INFO','WARN']}", "2"));
	assert_pass(COUNT(LOGS ",'severity':9", "2"));
	assert_pass(EACH(
		LOGS ",'body':'in the span'",
		"'span':{'name':'GET /'},'event_name':'e','trace_id':'present','span_id':"
		"'0000000000000001'"));
	assert_pass(EACH(LOGS ",'body':'outside'",
	                 "'span':'none','trace_id':'absent','event_name':'absent'"));
	assert_miss(COUNT(LOGS ",'severity':'WARN'", "1"),
	            "log record \"in the span\": its severity is INFO; expected WARN");
	assert_miss(
		SELECT(LOGS ",'severity':{'min':'WARN'}"),
		"log record \"in the span\": its severity is INFO; expected at least WARN");
	assert_miss(
		EACH(LOGS, "'trace_id':'present'"),
		"log record \"outside\": it has no trace id; expected a value (was it emitted "
		"while a span was current?) (1 of 2 log records)");
	assert_miss(
		EACH(LOGS ",'body':'outside'", "'span':{'name':'GET /'}"),
		"log record \"outside\": it belongs to no span; expected `GET /` (was it emitted "
		"while the span was current?)");
	assert_miss(EACH(LOGS ",'body':'in the span'", "'span':{'name':'calc'}"),
	            "log record \"in the span\": its span is `GET /`; expected `calc`");
	assert_miss(EACH(LOGS ",'body':'in the span'", "'span':'none'"),
	            "log record \"in the span\": it belongs to a span; expected none");
	assert_miss(
		SELECT(LOGS ",'body':{'matches':'^out of'}"),
		"log record \"in the span\": its body is \"in the span\"; expected a match of "
		"/^out of/");
	arrived("iss", STORE_LOGS, LOG("17", "lost", IN_SPAN("a", "9")));
	assert_miss(
		EACH(LOGS ",'body':'lost'", "'span':{'name':'calc'}"),
		"log record \"lost\": its span has not arrived; expected `calc` (is it ended on "
		"every path?)");
}
END_TEST

/* ---- resources ---- */

START_TEST(a_resource_is_the_newest)
{
	arrived_from("iss", STRING("service.instance.id", "1"), STORE_LOGS,
	             LOG("9", "old", ""));
	since = store_seq(store);
	driven = true;
	assert_pass(EACH("'signal':'resources','service':'iss'",
	                 "'resource':{'service.version':'absent'}"));
	assert_miss(
		EACH("'signal':'resources','service':'iss'",
	             "'resource':{'service.version':'1.0.0'}"),
		"the Resource of `iss`: `service.version` is absent; expected \"1.0.0\"");
	arrived_from(
		"iss",
		STRING("service.instance.id", "1") "," STRING("service.version", "1.0.0"),
		STORE_LOGS, LOG("9", "new", ""));
	assert_pass(
		"{'select':{'signal':'resources','service':'iss'},'count':1,'each':{'resource':{"
		"'service.version':'1.0.0','service.name':'iss'}}}");
	arrived_from("", STRING("x", "y"), STORE_LOGS, LOG("9", "nobody", ""));
	assert_miss(
		EACH("'signal':'resources'", "'service':'present'"),
		"the Resource of a service without a name found; expected a value (1 of 2 "
		"Resources)");
	assert_miss(SELECT("'signal':'resources','service':'gateway'"),
	            "no Resource of `gateway`; found those of `iss`");
}
END_TEST

START_TEST(instances_of_a_service_are_told_apart)
{
	arrived_from("iss", STRING("service.instance.id", "1"), STORE_LOGS,
	             LOG("9", "a", ""));
	arrived_from("iss", STRING("service.instance.id", "2"), STORE_LOGS,
	             LOG("9", "b", ""));
	assert_pass(COUNT("'signal':'resources','service':'iss'", "2"));
	since = store_seq(store);
	driven = true;
	assert_pass(EACH("'signal':'resources','service':'iss'",
	                 "'resource':{'service.instance.id':'2'}"));
	arrived_from("iss", STRING("service.instance.id", "1"), STORE_LOGS,
	             LOG("9", "c", ""));
	assert_pass(EACH("'signal':'resources','service':'iss'",
	                 "'resource':{'service.instance.id':'1'}"));
}
END_TEST

/* ---- points ---- */

#define GREW(fields, by) "{'select':{" fields "},'increase':" by "}"
#define REQUESTS         POINTS ",'metric':'requests'"

static void
timed(const char *unit, const char *bounds, int count, double sum, int time)
{
	char text[1024];

	snprintf(
		text, sizeof text,
		"{'name':'duration','unit':'%s','histogram':{'aggregationTemporality':2,"
		"'dataPoints':[{'startTimeUnixNano':'1000000000','timeUnixNano':'%d000000000',"
		"'count':'%d','sum':%f,'explicitBounds':[%s],'exemplars':[{'traceId':"
		"'0102030405060708090a0b0c0d0e0f10'},{}]}]}}",
		unit, time, count, sum, bounds);
	arrived("iss", STORE_METRICS, text);
}

#define DURATION POINTS ",'metric':'duration'"

START_TEST(increase_is_from_the_value_before)
{
	counted("iss", "requests", INTEGER("status", "200"), 10, 1, 5);
	counted("iss", "requests", INTEGER("status", "500"), 3, 1, 5);
	since = store_seq(store);
	driven = true;
	assert_pass(GREW(REQUESTS, "0"));
	counted("iss", "requests", INTEGER("status", "200"), 14, 1, 6);
	counted("iss", "requests", INTEGER("status", "200"), 15, 1, 7);
	counted("iss", "requests", INTEGER("status", "500"), 3, 1, 7);
	counted("iss", "requests", INTEGER("status", "404"), 2, 1, 7);
	assert_pass(GREW(REQUESTS, "7"));
	assert_pass(GREW(REQUESTS ",'attributes':{'status':200}", "5"));
	assert_pass(GREW(REQUESTS ",'attributes':{'status':500}", "0"));
	assert_pass(
		EACH(REQUESTS ",'attributes':{'status':200}", "'increase':5,'value':15"));
	assert_miss(GREW(REQUESTS, "9"), "`requests` grew by 7; expected 9");
	assert_miss(GREW(POINTS, "{'min':9}"), "3 series grew by 7; expected at least 9");
	assert_miss(EACH(REQUESTS ",'attributes':{'status':200}", "'increase':1"),
	            "metric `requests`: it grew by 5; expected 1");
	assert_miss(GREW(REQUESTS ",'attributes':{'status':201}", "1"),
	            "metric `requests`: `status` is 200; expected 201");
	assert_miss(GREW(POINTS ",'metric':'incoming.requests'", "1"),
	            "metric `requests` found; expected `incoming.requests`");
	assert_miss(GREW(POINTS ",'metric':'temperature'", "1"),
	            "no metric `temperature` from `iss`; found `requests`");
}
END_TEST

START_TEST(increase_survives_a_reset)
{
	counted("iss", "requests", "", 10, 1, 5);
	since = store_seq(store);
	driven = true;
	counted("iss", "requests", "", 12, 1, 6); /* 2 */
	counted("iss", "requests", "", 5, 7, 8);  /* a restart: 5 more */
	counted("iss", "requests", "", 20, 9,
	        10); /* another, unseen but for its start: 20 more */
	counted("iss", "requests", "", 4, 9, 11); /* a total that fell: 4 more */
	assert_pass(GREW(REQUESTS, "31"));
}
END_TEST

START_TEST(a_metric_of_another_unit_is_another_one)
{
	timed("ms", "1,2", 100, 1, 5);
	timed("s", "1,2", 10, 1, 5);
	since = store_seq(store);
	driven = true;
	timed("ms", "1,2", 100, 1, 6);
	timed("s", "1,2", 14, 1, 6);
	assert_pass(GREW(DURATION, "4"));
	assert_pass(COUNT(DURATION, "2"));
}
END_TEST

START_TEST(what_makes_so_many_series_is_said)
{
	for (int i = 0; i < 9; i++) {
		char attributes[200];

		snprintf(attributes, sizeof attributes,
		         "%s,{'key':'place','value':{'doubleValue':%d.5}}",
		         INTEGER("status", "200"), i);
		counted("iss", "requests", attributes, 1, 1, 2);
	}
	assert_miss(
		COUNT(REQUESTS, "{'max':3}"),
		"9 series of `requests` found; expected at most 3; `place` has 9 different values");
}
END_TEST

START_TEST(a_new_version_of_a_service_goes_on_counting)
{
	static const char metric[] =
		"{'name':'requests','sum':{'aggregationTemporality':2,'isMonotonic':true,"
		"'dataPoints':[{'startTimeUnixNano':'1','timeUnixNano':'%d','asInt':'%d'}]}}";
	char text[300];

	snprintf(text, sizeof text, metric, 10, 10);
	arrived_from("iss", STRING("service.instance.id", "1"), STORE_METRICS, text);
	since = store_seq(store);
	driven = true;
	snprintf(text, sizeof text, metric, 20, 12);
	arrived_from(
		"iss",
		STRING("service.instance.id", "1") "," STRING("service.version", "2"),
		STORE_METRICS, text);
	assert_pass(GREW(REQUESTS ",'resource':{'service.version':'2'}", "2"));
}
END_TEST

START_TEST(differences_and_gauges)
{
	static const char delta[] =
		"{'name':'d','sum':{'aggregationTemporality':1,'isMonotonic':true,'dataPoints':[{"
		"'timeUnixNano':'1','asInt':'3'}]}}";

	arrived("iss", STORE_METRICS, delta);
	arrived("iss", STORE_METRICS,
	        "{'name':'g','gauge':{'dataPoints':[{'timeUnixNano':'1','asDouble':4.5}]}}");
	since = store_seq(store);
	driven = true;
	arrived("iss", STORE_METRICS, delta);
	arrived("iss", STORE_METRICS, delta);
	arrived("iss", STORE_METRICS,
	        "{'name':'g','gauge':{'dataPoints':[{'timeUnixNano':'2','asDouble':3.0}]}}");
	assert_pass(GREW(POINTS ",'metric':'d'", "6"));
	assert_pass(
		EACH(POINTS ",'metric':'d'", "'temporality':'delta','kind':'counter'"));
	assert_pass(
		EACH(POINTS ",'metric':'g'",
	             "'kind':'gauge','value':3,'increase':-1.5,'temporality':'absent'"));
	assert_miss(EACH(POINTS ",'metric':'g'", "'kind':'counter'"),
	            "metric `g`: its kind is gauge; expected counter");
	assert_miss(EACH(POINTS ",'metric':'d'", "'temporality':'cumulative'"),
	            "metric `d`: its temporality is delta; expected cumulative");
	assert_miss(EACH(POINTS ",'metric':'g'", "'count':1"),
	            "metric `g`: it has no count of recordings; expected 1");
}
END_TEST

START_TEST(histograms)
{
	timed("s", "0.1,0.5,1", 10, 3.0, 5);
	since = store_seq(store);
	driven = true;
	timed("s", "0.1,0.5,1", 14, 5.0, 6);
	assert_pass(EACH(
		DURATION,
		"'kind':'histogram','unit':'s','count':14,'sum':5,'increase':4,"
		"'mean':0.5,'bounds':[0.1,0.5,1],'exemplars':1,'description':'absent'"));
	assert_pass(EACH(DURATION, "'bounds':'own'"));
	assert_pass(GREW(DURATION, "4"));
	assert_miss(
		EACH(DURATION, "'bounds':'default'"),
		"metric `duration`: its bounds are 0.1, 0.5, 1; expected the default ones");
	assert_miss(EACH(DURATION, "'bounds':[1,2]"),
	            "metric `duration`: its bounds are 0.1, 0.5, 1; expected 1, 2");
	assert_miss(EACH(DURATION, "'unit':'ms'"),
	            "metric `duration`: its unit is \"s\"; expected \"ms\"");
	assert_miss(
		EACH(DURATION, "'exemplars':{'min':2}"),
		"metric `duration`: it has 1 exemplar with a trace id; expected at least 2");
	assert_miss(EACH(DURATION, "'mean':{'min':1}"),
	            "metric `duration`: its mean is 0.5; expected at least 1");
	assert_miss(EACH(DURATION, "'value':1"),
	            "metric `duration`: it has no value; expected 1");
}
END_TEST

START_TEST(the_default_buckets_are_known)
{
	timed("ms", "0,5,10,25,50,75,100,250,500,750,1000,2500,5000,7500,10000", 1, 1, 2);
	assert_pass(EACH(DURATION, "'bounds':'default'"));
	assert_miss(
		EACH(DURATION, "'bounds':'own'"),
		"metric `duration`: its buckets are the default ones; expected bounds of its own");
	counted("iss", "requests", "", 1, 1, 2);
	assert_miss(EACH(REQUESTS, "'bounds':'own'"),
	            "metric `requests`: it is no histogram with bounds");
}
END_TEST

/* ---- traces ---- */

#define TRACES "'signal':'traces','service':'frontend'"

static void
two_services(void)
{
	arrived("frontend", STORE_SPANS, SPAN("a", "GET /", "1", "", ",'kind':2"));
	arrived("frontend", STORE_SPANS, SPAN("a", "ask", "2", PARENT("1"), ",'kind':3"));
	arrived("iss", STORE_SPANS,
	        SPAN("a", "calc", "3", PARENT("2"), ",'status':{'code':2}"));
	arrived("iss", STORE_LOGS, LOG("9", "x", IN_SPAN("a", "3")));
	arrived("iss", STORE_SPANS, SPAN("b", "alone", "4", PARENT("9"), ""));
}

START_TEST(fields_of_traces)
{
	two_services();
	assert_pass(
		"{'select':{" TRACES
		"},'count':1,'each':{'services':['iss','frontend'],'root':{"
		"'name':'GET /'},'has':[{'name':'calc','status':'ERROR'},{'name':'ask'}],"
		"'spans':3,'roots':1,'errors':1,'logs':1,'missing':0,'duration':'5ms',"
		"'trace_id':'0000000000000000000000000000000a'}}");
	assert_pass(EACH(TRACES, "'services':{'contains':'iss'}"));
	assert_pass(COUNT("'signal':'traces'", "2"));
	assert_pass(EACH("'signal':'traces','root':'none'", "'missing':1,'roots':0"));
	assert_miss(
		EACH(TRACES, "'services':['frontend','iss','gateway']"),
		"trace 00000000…: it is over `frontend` and `iss`; expected `gateway` too");
	assert_miss(
		EACH(TRACES, "'services':['frontend']"),
		"trace 00000000…: it is over `frontend` and `iss`; expected 1 of them");
	assert_miss(
		EACH(TRACES, "'services':{'contains':'gateway'}"),
		"trace 00000000…: it is over `frontend` and `iss`; expected `gateway` among them");
	assert_miss(EACH(TRACES, "'spans':4"),
	            "trace 00000000…: it has 3 spans; expected 4");
	assert_miss(EACH(TRACES, "'roots':2"),
	            "trace 00000000…: it has 1 root; expected 2");
	assert_miss(EACH(TRACES, "'errors':0"),
	            "trace 00000000…: it has 1 failed span; expected 0");
	assert_miss(EACH(TRACES, "'logs':2"),
	            "trace 00000000…: it has 1 log record; expected 2");
	assert_miss(EACH("'signal':'traces','service':'iss','roots':0", "'missing':0"),
	            "trace 00000000…: it has 1 parent that never arrived; expected 0");
	assert_miss(EACH(TRACES, "'root':{'name':'POST /'}"),
	            "trace 00000000…: its root is `GET /`; expected `POST /`");
	assert_miss(EACH(TRACES, "'root':'none'"),
	            "trace 00000000…: its root is `GET /`; expected none");
	assert_miss(EACH("'signal':'traces','spans':1", "'root':{'name':'POST /'}"),
	            "trace 00000000…: its root has not arrived");
	assert_miss(
		EACH(TRACES, "'has':[{'service':'iss','name':'calculate'}]"),
		"trace 00000000…: it has no span `calculate` that fits: span `calc` found; "
		"expected `calculate`");
	assert_miss(COUNT(TRACES, "2"), "1 trace found; expected 2");
}
END_TEST

/* ---- time ---- */

START_TEST(only_what_arrived_since_counts)
{
	arrived("iss", STORE_SPANS, SPAN("a", "get", "1", "", ""));
	since = store_seq(store);
	driven = true;
	assert_pass(COUNT(SPANS, "0"));
	arrived("iss", STORE_SPANS, SPAN("b", "get", "2", "", ""));
	assert_pass(COUNT(SPANS, "1"));
	assert_pass(COUNT("'signal':'traces'", "1"));
}
END_TEST

START_TEST(what_cannot_be_broken_passes_at_once)
{
	int ms;

	arrived("iss", STORE_SPANS, SPAN("a", "get", "1", "", ""));
	begin(COUNT(SPANS, "{'min':1}"));
	ck_assert_int_eq(evaluate(0), CHECK_PASSED);
	ck_assert(check_judge_is_decided(&judge_of, 0, &ms));
	end();
	begin(COUNT(SPANS, "1"));
	ck_assert_int_eq(evaluate(0), CHECK_HOLDING);
	ck_assert(!check_judge_is_decided(&judge_of, 0, &ms));
	ck_assert_int_eq(ms, 301);
	ck_assert_int_eq(evaluate(SECOND / 4), CHECK_HOLDING);
	ck_assert(!check_judge_is_decided(&judge_of, SECOND / 4, &ms));
	ck_assert(check_judge_is_decided(&judge_of, SECOND, &ms));
	/* What arrives begins the time anew, or breaks it. */
	arrived("iss", STORE_SPANS, SPAN("a", "get", "2", "", ""));
	ck_assert_int_eq(evaluate(SECOND), CHECK_FAILED);
	ck_assert(check_judge_is_decided(&judge_of, SECOND, &ms));
	end();
}
END_TEST

START_TEST(what_cannot_be_mended_fails_at_once)
{
	int ms;

	begin(COUNT(SPANS, "1"));
	ck_assert_int_eq(evaluate(0), CHECK_FAILING);
	ck_assert(!check_judge_is_decided(&judge_of, 100 * SECOND, &ms));
	ck_assert_int_eq(ms, -1);
	arrived("iss", STORE_SPANS, SPAN("a", "get", "1", "", ""));
	ck_assert_int_eq(evaluate(0), CHECK_HOLDING);
	end();
	begin(EACH(SPANS, "'kind':'SERVER'"));
	ck_assert_int_eq(evaluate(0), CHECK_FAILED);
	end();
	begin(VALUES("n", "{'only':[1]}"));
	ck_assert_int_eq(evaluate(0), CHECK_HOLDING);
	arrived("iss", STORE_SPANS,
	        SPAN("a", "get", "2", "", ATTRIBUTES(INTEGER("n", "2"))));
	ck_assert_int_eq(evaluate(0), CHECK_FAILED);
	end();
}
END_TEST

START_TEST(a_parent_may_come_late)
{
	arrived("iss", STORE_SPANS, SPAN("a", "get", "2", PARENT("1"), ""));
	begin(EACH(SPANS ",'name':'get'", "'parent':{'name':'calc'}"));
	ck_assert_int_eq(evaluate(0), CHECK_FAILING);
	arrived("iss", STORE_SPANS, SPAN("a", "calc", "1", "", ""));
	ck_assert_int_eq(evaluate(0), CHECK_HOLDING);
	end();
}
END_TEST

START_TEST(points_wait_for_a_report_behind_the_requests)
{
	int ms;

	counted("iss", "requests", "", 1, 1, 5);
	since = store_seq(store);
	driven = true;
	begun_unix_ns = 8 * SECOND;
	counted("iss", "requests", "", 3, 1, 7);
	begin(GREW(REQUESTS, "2"));
	ck_assert_int_eq(evaluate(0), CHECK_HOLDING);
	ck_assert(!check_judge_is_decided(&judge_of, 10 * SECOND, &ms));
	ck_assert_int_eq(ms, -1);
	counted("iss", "requests", "", 3, 1, 8);
	ck_assert_int_eq(evaluate(10 * SECOND), CHECK_HOLDING);
	ck_assert(check_judge_is_decided(&judge_of, 10 * SECOND, &ms));
	end();
	/* At least so much: enough is enough. */
	begun_unix_ns = 20 * SECOND;
	begin(GREW(REQUESTS, "{'min':2}"));
	ck_assert_int_eq(evaluate(0), CHECK_PASSED);
	end();
	/* That nothing is reported holds once something else was. */
	begin(COUNT(POINTS ",'metric':'errors'", "0"));
	ck_assert_int_eq(evaluate(0), CHECK_HOLDING);
	ck_assert(!check_judge_is_decided(&judge_of, 10 * SECOND, &ms));
	counted("gateway", "other", "", 3, 1, 21);
	ck_assert_int_eq(evaluate(0), CHECK_HOLDING);
	ck_assert(check_judge_is_decided(&judge_of, 10 * SECOND, &ms));
	end();
}
END_TEST

START_TEST(a_beginning_waits_for_series_that_live)
{
	counted("iss", "requests", "", 1, 1, 5);
	counted("iss", "requests", "", 1, 1, 6);
	counted("iss", "other", "", 1, 1, 9);
	since = store_seq(store);
	driven = true;
	begin(GREW(REQUESTS, "2"));
	ck_assert_int_eq(evaluate(0), CHECK_FAILING);
	ck_assert(!check_judge_is_behind(&judge_of, 6 * SECOND, 7 * SECOND));
	ck_assert(check_judge_is_behind(&judge_of, 7 * SECOND, 8 * SECOND));
	/* It has missed its interval twice: nobody waits for it. */
	ck_assert(!check_judge_is_behind(&judge_of, 9 * SECOND, 10 * SECOND));
	counted("iss", "requests", "", 1, 1, 9);
	ck_assert_int_eq(evaluate(0), CHECK_FAILING);
	ck_assert(!check_judge_is_behind(&judge_of, 9 * SECOND, 10 * SECOND));
	end();
}
END_TEST

START_TEST(evicted_items_are_told_of)
{
	store_free(store);
	store = store_new(20000);
	for (int i = 0; i < 200; i++)
		arrived("iss", STORE_SPANS, SPAN("a", "get", "1", "", ""));
	driven = true;
	ck_assert_ptr_nonnull(
		strstr(judge(COUNT(SPANS, "200")),
	               "; the station had to drop older telemetry, a larger "
	               "`budget` keeps it"));
}
END_TEST

/* ---- while others run ---- */

static int n_yields;
static uint64_t ticks;

static uint64_t
clock_ns(void)
{
	return ticks += 10 * SECOND; /* each look at it is a slice of time */
}

static int
drop_the_oldest(void *arg)
{
	n_yields++;
	if (n_yields == 3)
		store_clear(store);
	else if (n_yields == 6)
		arrived("iss", STORE_SPANS, SPAN("c", "late", "5", "", ""));
	return 0;
}

/* Items vanish and arrive at each pause; nothing of them may be touched. */
START_TEST(the_store_changes_while_it_is_looked_at)
{
	static const char *const assertions[] = {
		EACH(SPANS, "'parent':'none','attributes':{'a':'absent'}"),
		EACH(LOGS, "'span':{'name':'x'}"),
		EACH("'signal':'traces'", "'roots':1,'missing':0"), GREW(REQUESTS, "1"),
		EACH("'signal':'resources'", "'resource':{'a':'absent'}")
	};

	for (size_t a = 0; a < 5; a++) {
		struct buf miss = { 0 };

		store_clear(store);
		for (int i = 0; i < 200; i++) {
			arrived("iss", STORE_SPANS,
			        SPAN("a", "get", "1", PARENT("2"), ""));
			arrived("iss", STORE_LOGS, LOG("9", "x", IN_SPAN("a", "1")));
			counted("iss", "requests", "", i, 1, i + 2);
		}
		begin(assertions[a]);
		judge_of.look.yield = drop_the_oldest;
		judge_of.look.clock_ns = clock_ns;
		n_yields = 0;
		(void)evaluate(0);
		(void)evaluate(0);
		ck_assert_int_eq(check_miss_write(&judge_of, 0, &miss), 0);
		ck_assert_int_ge(n_yields, 3);
		buf_fini(&miss);
		end();
	}
}
END_TEST

/* Ids are found in a large trace by an index, and a circle of parents ends. */
START_TEST(large_traces_and_circles)
{
	for (int i = 1; i <= 300; i++) {
		char text[512];

		snprintf(
			text, sizeof text,
			"{'traceId':'0000000000000000000000000000000a','spanId':'%016x',"
			"'parentSpanId':'%016x','name':'s','startTimeUnixNano':'1','endTimeUnixNano':"
			"'2'}",
			i, i == 1 ? 300 : i - 1);
		arrived("iss", STORE_SPANS, text);
	}
	assert_pass(EACH(SPANS, "'parent':{'name':'s'}"));
	assert_pass(EACH("'signal':'traces'", "'missing':0,'roots':0"));
	assert_miss(COUNT(SPANS ",'ancestor':{'name':'t'}", "1"),
	            "span `s`: above it are `s`, `s`, `s`, `s`, `s`, `s`; expected `t`");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("station/check");
	TCase *tcase = tcase_create("judging");

	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, literals_are_held_by_type_and_value);
	tcase_add_test(tcase, types_are_told_apart);
	tcase_add_test(tcase, matchers_of_numbers_and_texts);
	tcase_add_test(tcase, other_names_of_an_attribute_are_told);
	tcase_add_test(tcase, the_nearest_span_is_named);
	tcase_add_test(tcase, fields_of_spans);
	tcase_add_test(tcase, parents);
	tcase_add_test(tcase, order);
	tcase_add_test(tcase, counts);
	tcase_add_test(tcase, each_says_how_many_are_wrong);
	tcase_add_test(tcase, sets_of_values);
	tcase_add_test(tcase, who_did_send_is_said);
	tcase_add_test(tcase, what_was_refused_is_said);
	tcase_add_test(tcase, fields_of_logs);
	tcase_add_test(tcase, a_resource_is_the_newest);
	tcase_add_test(tcase, instances_of_a_service_are_told_apart);
	tcase_add_test(tcase, increase_is_from_the_value_before);
	tcase_add_test(tcase, increase_survives_a_reset);
	tcase_add_test(tcase, a_metric_of_another_unit_is_another_one);
	tcase_add_test(tcase, what_makes_so_many_series_is_said);
	tcase_add_test(tcase, a_new_version_of_a_service_goes_on_counting);
	tcase_add_test(tcase, differences_and_gauges);
	tcase_add_test(tcase, histograms);
	tcase_add_test(tcase, the_default_buckets_are_known);
	tcase_add_test(tcase, fields_of_traces);
	tcase_add_test(tcase, only_what_arrived_since_counts);
	tcase_add_test(tcase, what_cannot_be_broken_passes_at_once);
	tcase_add_test(tcase, what_cannot_be_mended_fails_at_once);
	tcase_add_test(tcase, a_parent_may_come_late);
	tcase_add_test(tcase, points_wait_for_a_report_behind_the_requests);
	tcase_add_test(tcase, a_beginning_waits_for_series_that_live);
	tcase_add_test(tcase, evicted_items_are_told_of);
	tcase_add_test(tcase, the_store_changes_while_it_is_looked_at);
	tcase_add_test(tcase, large_traces_and_circles);
	return check_main(suite);
}
