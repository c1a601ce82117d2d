# SPDX-License-Identifier: Apache-2.0
"""The four services as they are shipped: what they answer, and the one trace that a question makes."""

import collections
import json
import math
import os
import subprocess

import cupola

CONFIG = """
[host]
workers = 1
runtime_dir = @DIR@/run
admin = 127.0.0.1:0
[telemetry]
endpoint = http://127.0.0.1:{otlp_http}
protocol = {protocol}
metrics.interval = 200ms
traces.processor = simple
logs.processor = simple
[resource]
deployment.environment.name = dev
[plugin frontend]
enabled = yes
listen = 127.0.0.1:{frontend}
gateway_url = http://127.0.0.1:{gateway}
station_url = http://127.0.0.1:{page}
untraced = / !/api/distance
[plugin gateway]
enabled = yes
listen = 127.0.0.1:{gateway}
geolocator_url = http://127.0.0.1:{geolocator}
iss_distance_url = http://127.0.0.1:{iss}
[plugin geolocator-service]
enabled = yes
listen = 127.0.0.1:{geolocator}
search_url = http://127.0.0.1:{upstream}/search
[plugin iss-distance-service]
enabled = yes
listen = 127.0.0.1:{iss}
position_url = http://127.0.0.1:{upstream}/iss-now.json
[plugin upstream]
enabled = yes
instrument = no
listen = 127.0.0.1:{upstream}
[plugin station]
enabled = yes
process = station
instrument = no
listen = page=127.0.0.1:{page}, otlp=127.0.0.1:{otlp_http}
"""
PORTS = ["otlp_http", "frontend", "gateway", "geolocator", "iss", "upstream", "page"]


def start(protocol="http/protobuf"):
    ports = {name: cupola.free_port() for name in PORTS}
    host = cupola.Cupola(CONFIG.format(protocol=protocol, **ports))
    host.ports = ports
    return host


def attributes(item):
    return {a["key"]: next(iter(a["value"].values())) for a in item.get("attributes", [])}


def flat(otlp, resources, scopes, items):
    for r in otlp[resources]:
        for s in r[scopes]:
            for item in s[items]:
                yield attributes(r["resource"]), s["scope"], item


def ask_station(host, kind, query=""):
    return cupola.request(host.ports["page"], f"/api/telemetry/{kind}?{query}").json()


def spans_of(host, trace_id):
    return list(flat(ask_station(host, "spans", f"trace_id={trace_id}"), "resourceSpans", "scopeSpans", "spans"))


def distance_trace(host, want, location="Darmstadt"):
    reply = cupola.request(host.ports["frontend"], f"/api/distance?location={location}")
    trace_id = reply.headers["traceresponse"].split("-")[1]
    spans = cupola.until(lambda: (lambda s: s if len(s) >= want else None)(spans_of(host, trace_id)), f"{want} spans of {trace_id}")
    return reply, trace_id, spans


def haversine(a, b):
    p, q = math.radians(a["latitude"]), math.radians(b["latitude"])
    d = math.radians(b["longitude"] - a["longitude"])
    h = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin(d / 2) ** 2
    return 2 * 6371.009 * math.asin(math.sqrt(h))


def test_a_question_is_answered_in_the_documented_shape():
    with start() as host:
        reply = cupola.request(host.ports["frontend"], "/api/distance?location=Darmstadt")
        assert reply.status == 200, reply.text
        answer = reply.json()
        assert set(answer) == {"distance", "location", "place"}, answer
        assert round(answer["distance"], 2) == answer["distance"]
        place = cupola.request(host.ports["geolocator"], "/?location=Darmstadt").json()
        assert place == answer["place"], (place, answer)
        # A sphere is within 0.6 % of the ellipsoid; the unit tests hold the geodesic to a micrometre.
        sphere = haversine(answer["place"], answer["location"])
        assert abs(sphere - answer["distance"]) < 0.006 * sphere + 1, (sphere, answer)
        exact = cupola.request(host.ports["iss"], "/?latitude=%s&longitude=%s" % (place["latitude"], place["longitude"])).json()
        assert set(exact) == {"distance", "location"}, exact


def test_wrong_questions_get_their_documented_answers():
    with start() as host:
        get = lambda service, path: cupola.request(host.ports[service], path)
        for service in ("frontend", "gateway"):
            path = "/api/distance" if service == "frontend" else "/"
            reply = get(service, path)
            assert (reply.status, reply.text.strip()) == (400, "No location given"), (service, reply.status, reply.text)
            assert get(service, path + "?location=Xyzzyplugh").status == 404
        assert get("geolocator", "/").status == 400
        assert get("geolocator", "/?location=Xyzzyplugh").status == 404
        for query in ("", "?latitude=1", "?latitude=91&longitude=0", "?latitude=nan&longitude=0", "?latitude=a&longitude=b",
                      "?latitude=1&longitude=181", "?latitude=inf&longitude=1", "?latitude=1e999&longitude=1"):
            assert get("iss", "/" + query).status == 400, query


def test_a_failing_position_service_is_a_502_and_never_a_position():
    with start() as host:
        for mode in ("503", "garbage", "empty"):
            assert cupola.request(host.ports["upstream"], f"/fail?mode={mode}", method="POST").status in (200, 204)
            reply = cupola.request(host.ports["iss"], "/?latitude=49.87&longitude=8.65")
            assert reply.status == 502, (mode, reply.status, reply.text)
            assert "distance" not in reply.text, reply.text
            through = cupola.request(host.ports["gateway"], "/?location=Darmstadt")
            assert through.status in (502, 504), (mode, through.status, through.text)
        cupola.request(host.ports["upstream"], "/fail?mode=none", method="POST")
        assert cupola.request(host.ports["iss"], "/?latitude=49.87&longitude=8.65").status == 200


def check_trace(protocol):
    with start(protocol) as host:
        reply, trace_id, found = distance_trace(host, 17)
        assert reply.status == 200
        by_service = collections.Counter(r["service.name"] for r, _, _ in found)
        assert set(by_service) == {"frontend", "gateway", "geolocator-service", "iss-distance-service"}, by_service
        spans = {s["spanId"]: (r["service.name"], s) for r, _, s in found}
        roots = [s for _, s in spans.values() if not s.get("parentSpanId")]
        assert len(roots) == 1, roots
        for service, span in spans.values():
            assert span["traceId"] == trace_id
            parent = span.get("parentSpanId")
            assert not parent or parent in spans, ("a parent that is not in the trace", service, span["name"])
        # Every server span below the root has the caller's client span as its parent.
        calls = set()
        for service, span in spans.values():
            if span["kind"] == 2 and span.get("parentSpanId"):
                caller, parent = spans[span["parentSpanId"]]
                assert parent["kind"] == 3, (service, parent)
                calls.add((caller, service))
        assert calls == {("frontend", "gateway"), ("gateway", "geolocator-service"), ("gateway", "iss-distance-service")}, calls
        named = {s["name"]: s for service, s in spans.values() if service == "iss-distance-service"}
        outer, inner = named["calculating-iss-distance"], named["getting-iss-coordinates"]
        assert inner["parentSpanId"] == outer["spanId"]
        inside = attributes(inner)
        assert inside["http.request.method"] == "GET" and inside["http.response.status_code"] == "200", inside
        latitude, longitude = map(float, inside["iss.position"].split(","))
        assert abs(latitude - reply.json()["location"]["latitude"]) < 0.001
        assert inside["url.full"].endswith("/iss-now.json")
        inner_spans = {("frontend", "asking-gateway"), ("gateway", "answering-question"), ("gateway", "asking-geolocator-service"),
                       ("gateway", "asking-iss-distance-service"), ("geolocator-service", "finding-place"),
                       ("geolocator-service", "asking-geocoder"), ("iss-distance-service", "calculating-iss-distance"),
                       ("iss-distance-service", "getting-iss-coordinates")}
        assert {(service, s["name"]) for service, s in spans.values() if s["kind"] == 1} == inner_spans
        assert float(attributes(outer)["iss.distance"]) > 0
        for resource, scope, span in found:
            assert resource["deployment.environment.name"] == "dev", resource
            assert resource["service.instance.id"], resource
            assert resource["telemetry.sdk.name"], resource
            assert scope["name"], span


def test_one_question_is_one_trace_over_four_services_by_http():
    check_trace("http/protobuf")


def test_one_question_is_one_trace_over_four_services_by_grpc():
    check_trace("grpc")


def points_of(host, service):
    """(metric, attributes) -> (metric, its last point)"""
    points = {}
    for _, _, metric in flat(ask_station(host, "metrics", f"service={service}&limit=100000"), "resourceMetrics", "scopeMetrics", "metrics"):
        for kind in ("sum", "histogram"):
            for point in metric.get(kind, {}).get("dataPoints", []):
                points[metric["name"], tuple(sorted(attributes(point).items()))] = metric, point
    return points


def test_counters_are_counted():
    ok = (("http.response.status_code", "200"),)
    with start() as host:
        for _ in range(3):
            cupola.request(host.ports["frontend"], "/api/distance?location=Darmstadt")

        def counted(service, name, attributes, count):
            return cupola.until(lambda: (lambda p: p if p and int(p[1].get("asInt", p[1].get("count", 0))) == count else None)
                                (points_of(host, service).get((name, attributes))), f"{name} of {service} at {count}")

        for service in ("frontend", "gateway", "geolocator-service", "iss-distance-service"):
            counted(service, "incoming.requests", (), 3)
        counted("geolocator-service", "geocoder.requests", ok, 1)  # the other two were answered by its cache
        counted("iss-distance-service", "iss.requests", ok, 3)
        metric, point = counted("iss-distance-service", "iss.request.duration", ok, 3)
        assert metric["unit"] == "s" and 0 < point["sum"] < 30, (metric, point)
        assert len(point["explicitBounds"]) == 10 and point["explicitBounds"][0] < 0.001, point


def test_durations_lead_to_the_spans_that_were_measured():
    with start() as host:
        _, trace_id, found = distance_trace(host, 17)
        kinds = {s["spanId"]: s["kind"] for _, _, s in found}
        wanted = {"http.server.request.duration": {2}, "http.client.request.duration": {3}, "iss.request.duration": {1}}

        def exemplars():
            """By metric, the kinds of the spans that its exemplars name."""
            led = collections.defaultdict(set)
            for _, _, metric in flat(ask_station(host, "metrics", "limit=100000"), "resourceMetrics", "scopeMetrics", "metrics"):
                for point in metric.get("histogram", {}).get("dataPoints", []):
                    led[metric["name"]] |= {kinds.get(x["spanId"]) for x in point.get("exemplars", []) if x["traceId"] == trace_id}
            return dict(led) if set(led) >= set(wanted) and all(led.values()) else None

        assert cupola.until(exemplars, "exemplars of every duration") == wanted


def test_log_records_are_tied_to_their_spans():
    with start() as host:
        distance_trace(host, 17)  # geolocator-service has the place from here on, so that only the position fails
        cupola.request(host.ports["upstream"], "/fail?mode=503", method="POST")
        reply = cupola.request(host.ports["frontend"], "/api/distance?location=Darmstadt")
        trace_id = reply.headers["traceresponse"].split("-")[1]

        def logged():
            records = list(flat(ask_station(host, "logs", f"service=iss-distance-service&trace_id={trace_id}"), "resourceLogs", "scopeLogs", "logRecords"))
            spans = {s["spanId"] for _, _, s in spans_of(host, trace_id)}
            errors = [l for _, _, l in records if l.get("severityNumber", 0) >= 17 and l.get("spanId") in spans]
            return errors or None

        assert cupola.until(logged, "an error record with a span of its trace")


def test_the_map_and_the_suggestions_are_never_traced():
    with start() as host:
        before = ask_station(host, "spans")
        for path in ("/", "/api/iss", "/api/suggest?q=darm", "/api/about", "/js/main.js"):
            reply = cupola.request(host.ports["frontend"], path)
            assert reply.status == 200, (path, reply.status)
            if path.startswith("/api/"):
                assert "traceresponse" not in reply.headers
        _, trace_id, _ = distance_trace(host, 17)
        traces = {s["traceId"] for r, _, s in flat(ask_station(host, "spans", "service=frontend"), "resourceSpans", "scopeSpans", "spans")
                  if attributes(s).get("url.path", "").startswith("/api/") and not attributes(s)["url.path"].startswith("/api/distance")}
        assert not traces, traces


def test_dark_services_make_no_spans_and_no_traceresponse():
    host = start()
    services = ("frontend", "gateway", "geolocator-service", "iss-distance-service")
    host.args = [a for n in services for key in ("instrument=no", "traces=none") for a in ("--set", f"plugin {n}.{key}")]
    with host:
        reply = cupola.request(host.ports["frontend"], "/api/distance?location=Darmstadt")
        assert reply.status == 200 and "traceresponse" not in reply.headers


if __name__ == "__main__":
    cupola.main()
