# SPDX-License-Identifier: Apache-2.0
"""What people get wrong, section by section, and the sentence that each of them has to read.

Each is an edit of a right answer. It has to fail the assertion that is meant, with the nearest miss that is
meant; assertions that have nothing to do with it go on passing.
"""

import re

import course
import cupola

ISS, GATEWAY, GEO, FRONT, CONF, HAND = (*[f"{s}/app.c" for s in ("iss-distance-service", "gateway", "geolocator-service", "frontend")],
                                        "host.conf", "by-hand/by-hand.c")

# stage, what was done, [(file, find, replace)], assertion, a pattern for its nearest miss
WRONG = [
    # Section 0
    ("0.2", "the version has a v before it", [(ISS, '"1.0.0"', '"v1"')], "0.1:service-version", r'"v1"'),
    ("0.2", "no version", [(ISS, '.version = "1.0.0",', "")], "0.1:service-version", r"service\.version"),
    ("0.2", "a version that is no version", [(ISS, '"1.0.0"', '"latest"')], "0.1:service-version", r'"latest"'),
    ("0.2", "the old name of the environment", [(CONF, "deployment.environment.name", "deployment.environment")],
     "0.2:environment", r"`deployment\.environment`.*`deployment\.environment\.name`|`deployment\.environment\.name`.*`deployment\.environment`"),
    ("0.2", "another environment", [(CONF, "name = dev", "name = development")], "0.2:environment", r'"development".*"dev"'),
    ("0.2", "a name of one's own", [(CONF, "deployment.environment.name", "environment")], "0.2:environment", r"deployment\.environment\.name"),
    # Section 1
    ("1.2", "everything is INFO", [(ISS, "OTEL_WARN", "OTEL_INFO")], "1.2:warn-on-400", r"WARN"),
    ("1.2", "a failure is only a warning", [(ISS, "OTEL_ERROR", "OTEL_WARN")], "1.2:error-on-failure", r"ERROR"),
    ("1.2", "a bad request is an error", [(ISS, "OTEL_WARN", "OTEL_ERROR")], "1.2:error-on-failure", r"expected"),
    ("1.2", "logs are still off", [(CONF, "logs = otlp\nlogs.processor = simple", "logs = none")], "1.2:info-per-request", r"iss-distance-service|nothing at all"),
    ("1.2", "two records for one failure", [(ISS, "r = get_iss_coordinates(iss, &station);",
                                             "r = get_iss_coordinates(iss, &station);\n\tif (r < 0)\n\t\totel_log(iss->host->logger, OTEL_ERROR, \"failed\");")],
     "1.2:error-on-failure", r"expected"),
    ("1.2", "who asked is in the record", [(ISS, '"bad latitude or longitude")', '"bad request", OTEL_STR("client.address", req->peer))')],
     "1.2:nobody-named", r"client\.address"),
    ("1.2", "as if it were printf", [(ISS, '"bad latitude or longitude")', '"bad question: %s", problem)')], "1.2:constant-body", r"bad question: %s"),
    ("1.2", "nothing is said of what went well", [(ISS, 'otel_log(iss->host->logger, OTEL_INFO, "calculated the distance of the ISS",', "(void)(0,"),
                                                  (ISS, 'OTEL_DOUBLE("iss.distance", km));', "0);")], "1.2:info-per-request", r"INFO"),
    # Section 2
    ("2.2", "an underscore in the name", [(ISS, '"incoming.requests"', '"incoming_requests"')], "2.2:incoming-requests", r"`incoming_requests`.*`incoming\.requests`"),
    ("2.2", "the status is a text", [(ISS, "OTEL_INT(OTEL_HTTP_RESPONSE_STATUS_CODE, rsp->status)",
                                      'OTEL_STR(OTEL_HTTP_RESPONSE_STATUS_CODE, rsp->status == 200 ? "200" : "503")')],
     "2.2:by-status-ok", r'is the string "(200|503)"'),
    ("2.2", "the ancestor's name for the status", [(ISS, "OTEL_INT(OTEL_HTTP_RESPONSE_STATUS_CODE,", 'OTEL_INT("response.status",')],
     "2.2:by-status-ok", r"http\.response\.status_code"),
    ("2.2", "counted only when all went well", [(ISS, "\totel_counter_add(iss->incoming_requests, 1);\n", ""),
                                                (ISS, "\tkm = geodesic_km", "\totel_counter_add(iss->incoming_requests, 1);\n\tkm = geodesic_km")],
     "2.2:incoming-requests", r"expected"),
    ("2.2", "calls are counted where requests come in", [(ISS, "otel_counter_add(iss->incoming_requests, 1);",
                                                          "otel_counter_add(iss->incoming_requests, 1);\n\totel_counter_add(iss->iss_requests, 1);"),
                                                         (ISS, "\totel_counter_add(iss->iss_requests, 1, outcome(rsp));\n", "")],
     "2.2:iss-requests", r"expected"),
    ("2.2", "a unit that is none", [(ISS, '"iss.requests", "{request}"', '"iss.requests", "1"')], "2.2:unit", r'"1".*\{request\}|\{request\}.*"1"'),
    ("2.3", "the default bounds", [(ISS, "iss_request_bounds,\n", "NULL,\n"), (ISS, "sizeof iss_request_bounds / sizeof iss_request_bounds[0]", "0"),
                                   (ISS, "static const double iss_request_bounds", "__attribute__((unused)) static const double iss_request_bounds")],
     "2.3:own-bounds", r"default"),
    ("2.3", "milliseconds in seconds", [(ISS, "seconds() - begun", "(seconds() - begun) * 1e6")], "2.3:seconds", r"mean|expected"),
    ("2.3", "milliseconds by name", [(ISS, '"iss.request.duration", "s"', '"iss.request.duration", "ms"')], "2.3:unit-seconds", r'"ms".*"s"'),
    ("2.3", "only what went well is measured", [(ISS, "\totel_histogram_record(iss->iss_request_duration", "\tif (rsp->status == 200)\n\t\totel_histogram_record(iss->iss_request_duration")],
     "2.3:histogram", r"expected"),
    ("2.3", "a series for each place", [(ISS, "\tkm = geodesic_km", "\totel_counter_add(iss->incoming_requests, 0, OTEL_DOUBLE(\"latitude\", here.latitude));\n\tkm = geodesic_km")],
     "2.3:few-series", r"expected"),
    # Section 3
    ("3.1", "nobody waits for the span", [(HAND, "OTEL_PROCESSOR_SIMPLE", "OTEL_PROCESSOR_BATCH"), (HAND, "r = otel_pipeline_shutdown(pipeline, 5000);", "_Exit(0);"),
                                          (HAND, "#include <stdio.h>", "#include <stdio.h>\n#include <stdlib.h>")], "3.1:span-by-hand", r"by-hand"),
    ("3.1", "no name", [(HAND, 'OTEL_STR("service.name", "by-hand")', 'OTEL_STR("name", "by-hand")')], "3.1:span-by-hand", r"by-hand"),
    ("3.2", "another name for the child", [(ISS, '"getting-iss-coordinates"', '"getting-iss"')], "3.2:getting", r"`getting-iss` found; expected `getting-iss-coordinates`"),
    ("3.2", "not ended when it fails", [(ISS, "\t\totel_span_end(span);\n\t\treturn r;", "\t\treturn r;")], "3.2:getting", r"expected"),
    ("3.2", "the parent's scope ends too early", [(ISS, 'OTEL_SPAN(span, iss->host->tracer, "calculating-iss-distance");',
                                                   '{\n\t\tOTEL_SPAN(span, iss->host->tracer, "calculating-iss-distance");\n\t}')],
     "3.2:nested", r"root"),
    ("3.2", "traces are still off", [(CONF, "traces = otlp\ntraces.processor = simple", "traces = none")], "3.2:calculating", r"span"),
    ("3.4", "the status is a text", [(ISS, "outcome(rsp));\n\n\tif (r == 0 && rsp->status != 200)",
                                      'OTEL_STR(OTEL_HTTP_RESPONSE_STATUS_CODE, "200"));\n\n\tif (r == 0 && rsp->status != 200)')],
     "3.4:status-code", r'`http\.response\.status_code` is the string "200"; expected an integer'),
    ("3.4", "the old name of the address", [(ISS, "OTEL_STR(OTEL_URL_FULL,", 'OTEL_STR("http.url",')], "3.4:url", r"`http\.url`.*`url\.full`|`url\.full`.*`http\.url`"),
    ("3.4", "the failure is not on the span", [(ISS, "return otel_span_fail(span, r, \"no position of the ISS\");", "return r;")], "3.4:red", r"ERROR"),
    ("3.4", "a bad request is red, too", [(ISS, "\tif (problem) {\n", "\tif (problem) {\n\t\totel_span_set_status(otel_span_current(), OTEL_STATUS_ERROR, problem);\n")],
     "3.4:red-above", r"expected"),
    ("3.4", "the ancestor's way to write a position", [(ISS, '"%.4f,%.4f"', '"Coordinates(%.4f %.4f)"')], "3.4:iss-position", r"Coordinates"),
    # Section 4
    ("4.1", "the question's span ends too early", [(GATEWAY, 'OTEL_SPAN(span, gateway->host->tracer, "answering-question");',
                                                    '{\n\t\tOTEL_SPAN(span, gateway->host->tracer, "answering-question");\n\t}')], "4.1:gateway-calls", r"root"),
    ("4.1", "the place is in the span's name", [(GEO, '"finding-place"', '"finding-a-place"')], "4.1:geolocator-spans", r"`finding-a-place` found; expected `finding-place`"),
    ("4.1", "the frontend does not count", [(FRONT, "\totel_counter_add(frontend->incoming_requests, 1);\n", "")], "4.1:counters", r"expected"),
    ("4.2", "nothing is injected", [(GATEWAY, "\totel_inject(otel_context_current(), set_header, &headers);\n", "\t(void)set_header;\n")], "4.2:injected", r"calculating-iss-distance|trace"),
    ("4.2", "the caller is extracted and not used", [(GATEWAY, ".parent = caller };", ".parent = NULL };")], "4.2:extracted", r"trace"),
    ("4.3", "gateway was forgotten", [(CONF, "listen = 127.0.0.1:5001\ninstrument = yes", "listen = 127.0.0.1:5001\ninstrument = no")], "4.3:one-trace", r"gateway|services|expected"),
    ("4.3", "the frontend was forgotten", [(CONF, "untraced = / !/api/distance\ninstrument = yes", "untraced = / !/api/distance\ninstrument = no")], "4.3:root", r"frontend|kind|expected"),
]


def try_section(section):
    wrong = [w for w in WRONG if w[0].split(".")[0] == section]
    assert len(wrong) >= 5, f"section {section} has {len(wrong)} wrong answers"
    bad = []
    with course.Copy(wrong[0][0]).start() as copy:
        for stage, what, edits, assertion, pattern in wrong:
            changed = set(copy.put(stage)) | {e[0] for e in edits}
            for edit in edits:
                copy.edit(*edit) if edit[0] != CONF else first(copy, *edit)
            copy.apply(sorted(changed))
            step, name = assertion.split(":")
            results, status, _ = copy.check(step, within="1500ms")
            result = results.get(name)
            if not result or result["result"] != "fail":
                bad.append(f"{stage}, {what}: {assertion} passes")
            elif not re.search(pattern, result["miss"]):
                bad.append(f"{stage}, {what}: {assertion} says: {result['miss']}")
            else:
                print(f"#  {stage}, {what}: {result['miss']}")
    assert not bad, "\n".join(bad)


def first(copy, name, find, replace):
    """In host.conf several services have the same lines; the learner's own come first."""
    text = copy.read(name)
    assert find in text, f"{name}: no {find!r}"
    copy.write(name, text.replace(find, replace, 1))


def test_wrong_answers_of_section_0():
    try_section("0")


def test_wrong_answers_of_section_1():
    try_section("1")


def test_wrong_answers_of_section_2():
    try_section("2")


def test_wrong_answers_of_section_3():
    try_section("3")


def test_wrong_answers_of_section_4():
    try_section("4")


cupola.main()
