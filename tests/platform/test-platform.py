# SPDX-License-Identifier: Apache-2.0
"""A question through the page, found in every program of the platform through its own query API.

The programs are those of docker-compose.yml, with its commands and the configuration files of etc/ (backends.py);
the application is the staged one with etc/host.conf, its station forwarding to the Collector. Where the programs
are not installed this is one skipped line. Grafana itself is not run: its data sources' links and its dashboards'
queries are asked here as it would ask them.
"""

import glob
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
import cupola

try:
    import yaml
except ImportError:
    print("1..0 # SKIP python3-yaml is not installed")
    sys.exit(0)

import backends

PATIENCE = 90  # the slowest way: span, generator (5 s), remote write, query
SPAN_METRIC = 'traces_spanmetrics_latency_bucket{service="iss-distance-service", span_name="calculating-iss-distance"}'
SERVICES = ("frontend", "gateway", "geolocator-service", "iss-distance-service")


def read(name):
    with open(os.path.join(cupola.SRCDIR, name), encoding="utf-8") as f:
        return f.read()


def until(condition, what):
    return cupola.until(condition, what, PATIENCE)


def until_asked(condition, what):
    """The same while somebody uses the page: a question each second."""
    last = 0

    def ask_and_look():
        nonlocal last
        if time.monotonic() - last >= 1:
            last = time.monotonic()
            application.ask()
        return condition()
    return until(ask_and_look, what)


class Application:
    """etc/host.conf, moved to free ports; the station forwards to the Collector."""

    def __init__(self, collector):
        names = ("frontend", "gateway", "geolocator-service", "iss-distance-service", "upstream", "page", "grpc", "http")
        self.port = backends.free_ports(names)
        at = {name: f"127.0.0.1:{port}" for name, port in self.port.items()}
        values = {
            "host.admin": "", "host.workers": "1",
            "telemetry.endpoint": f"http://{at['http']}", "telemetry.metrics.interval": "1s",
            "telemetry.traces.delay": "100ms", "telemetry.logs.delay": "100ms",
            "plugin station.listen": f"{at['page']}, otlp={at['grpc']}, otlp={at['http']}",
            "plugin station.forward": f"http://{collector}",
            "plugin frontend.gateway_url": f"http://{at['gateway']}/", "plugin frontend.station_url": f"http://{at['page']}",
            "plugin gateway.geolocator_url": f"http://{at['geolocator-service']}/",
            "plugin gateway.iss_distance_url": f"http://{at['iss-distance-service']}/",
            "plugin geolocator-service.search_url": f"http://{at['upstream']}/search",
            "plugin iss-distance-service.position_url": f"http://{at['upstream']}/iss-now.json",
        }
        values.update({f"plugin {name}.listen": at[name] for name in (*SERVICES, "upstream")})
        self.host = cupola.Cupola(read("etc/host.conf").replace("[host]\n", "[host]\nruntime_dir = @DIR@/run\n"),
                                  args=[word for k, v in values.items() for word in ("--set", f"{k}={v}")])
        self.asked = 0

    def ask(self, location="Darmstadt"):
        """Puts a question through the page; returns status and trace id."""
        reply = cupola.request(self.port["frontend"], f"/api/distance?location={location}")
        self.asked += 1
        return reply.status, reply.headers["traceresponse"].split("-")[1]

    def fail(self, mode):
        assert cupola.request(self.port["upstream"], f"/fail?mode={mode}", method="POST").status in (200, 204)


platform = None  # all tests ask the same programs
application = None
began = time.time()


def need():
    """The platform and the application, started by the first test that needs them."""
    global platform, application
    if platform is None:
        platform = backends.Backends(yaml.safe_load(read("docker-compose.yml"))).__enter__()
        application = Application(f"127.0.0.1:{platform.port['http']}")
        application.host.start()
        application.first = application.ask()


def end():
    if application:
        application.host.kill()
        cupola.shutil.rmtree(application.host.dir, ignore_errors=True)
    if platform:
        platform.__exit__(None, None, None)


def samples(expr):
    return {tuple(sorted(s["metric"].items())): float(s["value"][1]) for s in platform.prometheus(expr)}


def value(expr):
    found = platform.prometheus(expr)
    return float(found[0]["value"][1]) if found else None


def whole_trace(find, trace_id):
    """The spans, once there are as many as the station has."""
    def complete():
        shown = cupola.request(application.port["page"], f"/api/telemetry/spans?trace_id={trace_id}").json()
        want = {s["spanId"] for r in shown["resourceSpans"] for scope in r["scopeSpans"] for s in scope["spans"]}
        spans = find(trace_id)
        return spans if len(want) >= 8 and len(spans) == len(want) else None
    return until(complete, f"the whole trace {trace_id} of {find.__name__}")


def test_the_programs_start_with_the_commands_and_files_of_compose():
    need()
    for service in backends.PROGRAMS:
        out = subprocess.run([backends.find(service), "version" if service == "jaeger" else "--version"], capture_output=True, text=True, timeout=30)
        found = re.search(r"\bv?(\d+\.\d+\.\d+)\b(?! \w+ \d\d:)", re.sub(r"go\d[\d.]+", "", out.stdout + out.stderr))
        print(f"# {service}: {found.group(1) if found else 'a version that it does not say'}")


def test_a_question_through_the_page_is_one_trace_in_tempo():
    need()
    status, trace_id = application.ask("Lima")
    assert status == 200
    spans = whole_trace(platform.tempo_trace, trace_id)
    assert {service for service, _ in spans} == set(SERVICES), spans
    roots = [(service, s["name"]) for service, s in spans if not s.get("parentSpanId")]
    assert len(roots) == 1 and roots[0][0] == "frontend", roots
    names = {s["name"] for service, s in spans if service == "iss-distance-service"}
    assert {"calculating-iss-distance", "getting-iss-coordinates"} <= names, names


def test_it_is_the_same_trace_in_jaeger():
    need()
    _, trace_id = application.ask("Nairobi")
    spans = whole_trace(platform.jaeger_trace, trace_id)
    assert {service for service, _ in spans} == set(SERVICES), spans
    ids = {s["spanID"] for _, s in spans}
    parents = [r["spanID"] for _, s in spans for r in s.get("references", []) if r["refType"] == "CHILD_OF"]
    assert len(parents) == len(ids) - 1 and set(parents) <= ids, (ids, parents)


def test_tempo_finds_it_by_what_it_did():
    need()
    query = '{ resource.service.name = "iss-distance-service" && name = "getting-iss-coordinates" && span.http.response.status_code = 200 }'
    until(lambda: application.first[1] in {t["traceID"].rjust(32, "0") for t in platform.tempo_search(query, began - 60, time.time())}, query)


def test_its_log_records_are_in_loki_by_its_trace_id():
    need()
    _, trace_id = application.ask("Oslo")

    def records():
        found = platform.loki(f'{{service_name=~".+"}} | trace_id = "{trace_id}"', began - 60, time.time() + 1)
        return found if {s["stream"]["service_name"] for s in found} >= {"iss-distance-service", "gateway"} else None
    for stream in until(records, f"records of {trace_id}"):
        labels = stream["stream"]
        assert labels["trace_id"] == trace_id and re.fullmatch("[0-9a-f]{16}", labels["span_id"]), labels
        assert labels["severity_text"] == "INFO" and labels["deployment_environment_name"] == "dev", labels


def test_its_metrics_are_in_prometheus_and_count_right():
    need()
    until(lambda: value('incoming_requests_total{service_name="iss-distance-service"}') == application.asked, "as many as were asked")
    labels = platform.prometheus('incoming_requests_total{service_name="iss-distance-service"}')[0]["metric"]
    assert labels["service_version"] and labels["deployment_environment_name"] == "dev", labels
    application.fail("503")
    statuses = [application.ask()[0] for _ in range(3)]
    application.fail("none")
    assert set(statuses) == {502}, statuses
    until(lambda: value('iss_requests_total{http_response_status_code="503"}') == 3, "three answers 503 of the position service")
    assert value('iss_requests_total{http_response_status_code="200"}') == application.asked - 3
    until(lambda: value('http_server_request_duration_seconds_count{service_name="frontend", http_response_status_code="502"}') == 3,
          "three failures counted by the host")
    buckets = samples('http_server_request_duration_seconds_bucket{service_name="frontend", http_response_status_code="502"}')
    assert len(buckets) > 5 and max(buckets.values()) == 3, buckets


def exemplar_ids(expr):
    return {e["labels"].get("trace_id") for s in platform.exemplars(expr, began - 60, time.time() + 1) for e in s["exemplars"]} - {None}


def test_exemplars_lead_from_a_metric_to_its_trace():
    need()
    # Those of the SDK come with its histograms; Tempo makes its own from spans.
    for metric in ("http_server_request_duration_seconds_bucket", "iss_request_duration_seconds_bucket", SPAN_METRIC):
        found = until_asked(lambda: exemplar_ids(metric), f"exemplars of {metric}")
        trace_id = sorted(found)[-1].rjust(32, "0")
        spans = until(lambda: platform.tempo_trace(trace_id), f"the exemplar's trace {trace_id}")
        assert "iss-distance-service" in {service for service, _ in spans}, spans


def test_the_service_graph_has_who_asks_whom():
    need()
    want = {("frontend", "gateway"), ("gateway", "geolocator-service"), ("gateway", "iss-distance-service")}

    def edges():
        found = platform.prometheus("traces_service_graph_request_total")
        pairs = {(s["metric"]["client"], s["metric"]["server"]) for s in found}
        return pairs if want <= pairs else None
    until(edges, "the edges of the service graph")


def expand(text):
    """Grafana's variables, as it fills them for its own queries."""
    for name, filled in (("$__rate_interval", "20s"), ("$__auto", "20s"), ("$__interval", "5s"), ("$__range", "15m"), ("$service", ".+")):
        text = text.replace(name, filled)
    assert "$" not in text, f"nobody fills {text}"
    return text


def numbers(result):
    """The numbers of an answer that are numbers."""
    pairs = [p for series in result for p in series.get("values", [series.get("value", [0, "NaN"])])]
    return [v for _, v in pairs if v not in ("NaN", "+Inf", "-Inf")]


def ask_as_grafana(target):
    """True when the query of a panel has an answer."""
    now, kind = time.time(), target["datasource"]["type"]
    if kind == "prometheus" and target.get("instant"):
        return numbers(platform.prometheus(expand(target["expr"])))
    if kind == "prometheus":
        return numbers(platform.prometheus_range(expand(target["expr"]), began, now))
    if kind == "loki":
        return platform.loki(expand(target["expr"]), began - 60, now + 1)
    if kind == "tempo" and target["queryType"] == "serviceMap":
        return numbers(platform.prometheus_range("rate(traces_service_graph_request_total[20s])", began, now))
    if kind == "tempo" and target["queryType"] == "traceql":
        return platform.tempo_search(expand(target["query"]), began - 60, now, target["limit"])
    raise AssertionError(f"nobody asks {target}")


def test_every_query_of_every_dashboard_has_an_answer():
    need()
    host = application.host
    out = host.command("reload", "iss-distance-service")
    assert out.returncode == 0, out.stderr
    application.ask("Xyzzyplugh")
    asked = 0
    for name in sorted(glob.glob(os.path.join(cupola.SRCDIR, "etc/grafana/dashboards/*.json"))):
        with open(name, encoding="utf-8") as f:
            dashboard = json.load(f)
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                until_asked(lambda: ask_as_grafana(target), f"{os.path.basename(name)}, {panel['title']}: {target}")
                asked += 1
        for variable in dashboard["templating"]["list"]:
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
            answer = platform.answer("prometheus", f"/api/v1/label/{label}/values", {"match[]": selector})["data"]
            assert set(SERVICES) <= set(answer), answer
    print(f"# {asked} queries")
    assert asked >= 20


def queries_of_the_text():
    """What the course's text asks Grafana for: fences of a query language, and code in paragraphs `With Grafana`."""
    for name in sorted(glob.glob(os.path.join(cupola.SRCDIR, "workshop/section-*.md"))):
        with open(name, encoding="utf-8") as f:
            text = f.read()
        for language, lines in re.findall(r"^```(promql|logql|traceql)\n(.*?)^```", text, re.M | re.S):
            for line in lines.splitlines():
                yield os.path.basename(name), language, line
        for paragraph in re.findall(r"\*\*With Grafana\*\*.*?(?=\n\n)", text, re.S):
            for query in re.findall(r"`(\{service_name[^`]+|[a-z_]+\([^`]+)`", paragraph):
                yield os.path.basename(name), "logql" if query.startswith("{") else "promql", query


def test_what_the_text_asks_grafana_for_has_an_answer():
    need()
    application.fail("503")
    application.ask()
    application.fail("none")
    asked = 0
    for name, language, query in queries_of_the_text():
        def answered():
            now = time.time()
            if language == "promql":
                return numbers(platform.prometheus_range(query, began, now))
            if language == "logql":
                return platform.loki(query, began - 60, now + 1)
            return platform.tempo_search(query, began - 60, now)
        until_asked(answered, f"{name}: {query}")
        asked += 1
    print(f"# {asked} queries")
    assert asked >= 8


def test_the_links_between_the_data_sources_lead_somewhere():
    need()
    _, trace_id = application.ask("Accra")
    sources = {s["uid"]: s["jsonData"] for s in yaml.safe_load(read("etc/grafana/provisioning/datasources/datasources.yaml"))["datasources"]}

    # Traces to logs: of a span of gateway, its service's records of the same trace.
    for uid in ("tempo", "jaeger"):
        link = sources[uid]["tracesToLogsV2"]
        tags = ", ".join(f'{t["value"]}="gateway"' for t in link["tags"])
        query = link["query"].replace("$$", "$").replace("${__tags}", tags).replace("${__trace.traceId}", trace_id)
        assert "$" not in query, query
        until(lambda: platform.loki(query, began - 60, time.time() + 1), query)

    # Logs to traces: the label that the field is made of is there, and is a trace.
    for field in sources["loki"]["derivedFields"]:
        record = platform.loki(f'{{service_name="gateway"}} | trace_id = "{trace_id}"', began - 60, time.time() + 1)[0]["stream"]
        assert field["matcherType"] == "label" and record[field["matcherRegex"]] == trace_id, record
        find = {"tempo": platform.tempo_trace, "jaeger": platform.jaeger_trace}[field["datasourceUid"]]
        assert until(lambda: find(trace_id), f"{trace_id} in {field['datasourceUid']}")

    # Traces to metrics.
    link = sources["tempo"]["tracesToMetrics"]
    tags = ", ".join(f'{t["value"]}="gateway"' for t in link["tags"])
    for query in link["queries"]:
        expr = query["query"].replace("$$__tags", tags)
        assert "$" not in expr, expr
        until_asked(lambda: numbers(platform.prometheus_range(expr, began, time.time())), expr)

    # Metrics to traces: the label that the link is made of is what the exemplars have.
    names = {d["name"] for d in sources["prometheus"]["exemplarTraceIdDestinations"]}
    labels = [set(e["labels"]) for s in platform.exemplars(SPAN_METRIC, began - 60, time.time() + 1) for e in s["exemplars"]]
    assert labels and all(names & found for found in labels), labels


def test_the_collector_may_go_and_come_back():
    need()
    platform.stop("otel-collector")
    statuses = {application.ask()[0] for _ in range(5)}
    assert statuses == {200}, f"without the Collector: {statuses}"
    platform.start("otel-collector")
    platform.wait_ready("otel-collector")
    _, trace_id = application.ask("Hanoi")
    assert until(lambda: platform.tempo_trace(trace_id), "a trace after the Collector came back")
    assert until(lambda: platform.jaeger_trace(trace_id), "the same in Jaeger")
    until(lambda: value('incoming_requests_total{service_name="iss-distance-service"}') == value(
        'max_over_time(incoming_requests_total{service_name="iss-distance-service"}[1m])'), "counters that go on")


def test_the_lessons_run_on_it_by_one_setting():
    """A learner's working copy with `forward`: each section passes its check, and is found in the platform."""
    need()
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../workshop"))
    import course

    def instance():
        shown = cupola.request(copy.ports["page"], "/api/telemetry/logs?service=iss-distance-service").json()["resourceLogs"]
        return [a["value"]["stringValue"] for r in shown for a in r["resource"]["attributes"] if a["key"] == "service.instance.id"]

    def records(filters):
        return platform.loki(f'{{service_name="iss-distance-service"}} | service_instance_id="{me}" {filters}', began - 60, time.time() + 1)

    def trace(query):
        return platform.tempo_search(query, began - 60, time.time() + 1)
    found = {
        "0.2": lambda: records('| service_version="1.0.0" | deployment_environment_name="dev"'),
        "1.2": lambda: all(records(f'| severity_text="{s}" | trace_id=""') for s in ("INFO", "WARN", "ERROR")),
        "2.3": lambda: value(f'iss_request_duration_seconds_count{{service_instance_id="{me}", http_response_status_code="200"}}'),
        "3.4": lambda: trace(f'{{ resource.service.instance.id = "{me}" && name = "getting-iss-coordinates" && status = error }}'),
        "4.3": lambda: trace(f'{{ resource.service.name = "frontend" }} >> {{ resource.service.instance.id = "{me}" && name = "calculating-iss-distance" }}'),
    }
    with course.Copy("start") as copy:
        for step, look in found.items():
            changed = copy.put(step)
            copy.edit("host.conf", "[plugin station]\n", f"[plugin station]\nforward = http://127.0.0.1:{platform.port['http']}\n")
            if copy.host:
                copy.apply(changed + ["host.conf"])
            else:
                copy.start()
                me = until(instance, "a record of the learner's service")[0]
            results, status, _ = copy.check(step)
            assert status == 0, (step, results)
            until(look, f"what step {step} makes, in the platform")


def test_the_services_of_the_containers_make_one_trace_too():
    """etc/docker/host.conf with the commands of docker-compose-services.yml, a host for each, straight to the Collector."""
    need()
    services = yaml.safe_load(read("docker-compose-services.yml"))["services"]
    port = backends.free_ports((*SERVICES, "upstream"))
    url = {name: f"http://127.0.0.1:{p}" for name, p in port.items()}
    env = {"CUPOLA_OTLP_ENDPOINT": f"http://127.0.0.1:{platform.port['http']}", "CUPOLA_METRICS_INTERVAL": "1s", "CUPOLA_ENVIRONMENT": "container",
           "GATEWAY_URL": url["gateway"], "GEOLOCATOR_URL": url["geolocator-service"], "ISS_DISTANCE_URL": url["iss-distance-service"],
           "SEARCH_URL": url["upstream"] + "/search", "POSITION_URL": url["upstream"] + "/iss-now.json"}
    hosts = []
    try:
        for name in port:
            host = cupola.Cupola(read("etc/docker/host.conf"), env=env)
            host.args = services[name]["command"] + ["--set", f"host.runtime_dir={host.dir}/run", "--set", "host.admin=",
                                                     "--set", f"plugin {name}.listen=127.0.0.1:{port[name]}"]
            hosts.append(host.start())
        reply = cupola.request(port["frontend"], "/api/distance?location=Cairo")
        assert reply.status == 200, reply.text
        trace_id = reply.headers["traceresponse"].split("-")[1]
        until(lambda: {s for s, _ in platform.tempo_trace(trace_id)} == set(SERVICES), f"{trace_id} over the four services")
        until(lambda: value('incoming_requests_total{service_name="iss-distance-service", deployment_environment_name="container"}') == 1,
              "its metrics")
    finally:
        for host in hosts:
            host.kill()
            cupola.shutil.rmtree(host.dir, ignore_errors=True)


if __name__ == "__main__":
    lacking = backends.missing()
    if lacking:
        print(f"1..0 # SKIP not installed: {', '.join(lacking)}; tests/platform/install fetches them, CUPOLA_PLATFORM_BIN=DIR says where")
        sys.exit(0)
    try:
        cupola.main()
    finally:
        end()
