# SPDX-License-Identifier: Apache-2.0
"""`cupola reload` without a name: what somebody edits in host.conf or builds anew holds at once, and nothing is lost by it."""

import os
import re
import shutil
import time

import cupola
from load import Load

SERVICE = """
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cupola/service.h>

struct learner { struct otel_counter *served; };

static int start(const struct svc_host *host, void **self, struct otel_error *err)
{
	static struct learner learner;

	BODY
	learner.served = otel_counter_new(host->meter, "served", "{request}", "requests answered");
	*self = &learner;
	return 0;
}

static int handle(void *self, struct svc_request *req)
{
	struct learner *learner = self;

	CRASH
	OTEL_SPAN(span, req->host->tracer, "working");
	otel_counter_add(learner->served, 1);
	otel_log(req->host->logger, OTEL_INFO, "answered");
	return svc_reply_text(req, 200, "build " BUILD "\\n");
}

static void stop(void *self)
{
}

SVC_PLUGIN = { SVC_ABI, .name = NAME, VERSION .start = start, .handle = handle, .stop = stop };
"""

CONFIG = """
[host]
runtime_dir = @DIR@/run
admin = 127.0.0.1:0
workers = 1
[telemetry]
endpoint = http://127.0.0.1:@OTLP@
[resource]
@RESOURCE@
[plugin station]
process = station
listen = 127.0.0.1:0, otlp=127.0.0.1:@OTLP@
[plugin learner]
process = learner
path = @DIR@/learner.so
listen = 127.0.0.1:0
instrument = no
@LEARNER@
[plugin other]
process = others
path = @DIR@/other.so
listen = 127.0.0.1:0
instrument = no
logs = none
metrics = none
traces = none
"""

DARK = "logs = none\nmetrics = none\ntraces = none\n"


class Course:
    """A host as the course has it: the learner's service, another one, the station, each in its process."""

    def __init__(self):
        self.otlp = cupola.free_port()
        self.host = cupola.Cupola("")
        self.edit()
        self.build("one")
        self.build("one", name="other")

    def edit(self, resource="", learner=DARK):
        self.host.write(CONFIG.replace("@OTLP@", str(self.otlp)).replace("@RESOURCE@", resource).replace("@LEARNER@", learner))

    def build(self, build, name="learner", version="", body="", crash=""):
        out = os.path.join(self.host.dir, build + "-" + name + ".so")
        cupola.compile_plugin(SERVICE, out, defines=[f'BUILD="{build}"', f'NAME="{name}"', f"VERSION={version}", f"BODY={body}", f"CRASH={crash}"])
        shutil.copy(out, out + ".new")
        os.rename(out + ".new", os.path.join(self.host.dir, name + ".so"))

    def reload(self, *args):
        out = self.host.command("reload", *args)
        assert out.returncode == 0, out.stderr + out.stdout
        return out.stdout

    def telemetry(self, signal, service="learner"):
        return self.host.get("station", f"/api/telemetry/{signal}?service={service}&limit=10000").json()

    def records(self, service="learner"):
        """(Resource's attributes, record) of each that the station has."""
        for group in self.telemetry("logs", service).get("resourceLogs", []):
            resource = attributes(group["resource"])
            for scope in group["scopeLogs"]:
                for record in scope["logRecords"]:
                    yield resource, record

    def events(self, name, service="learner"):
        return [(r, attributes(l)) for r, l in self.records(service) if l.get("eventName") == "cupola.service." + name]

    def __enter__(self):
        self.host.__enter__()
        return self

    def __exit__(self, *args):
        return self.host.__exit__(*args)


def attributes(thing):
    def value(v):
        return int(v["intValue"]) if "intValue" in v else next(iter(v.values()))

    return {a["key"]: value(a["value"]) for a in thing.get("attributes", [])}


def within_a_second(condition, what):
    """The promise is a second; a busy machine gets more before it counts as broken."""
    began = time.monotonic()
    found = cupola.until(condition, what)
    print(f"# {what}: {(time.monotonic() - began) * 1e3:.0f} ms")
    return found


def test_section_0_a_version_and_an_environment_are_seen_of_a_dark_service():
    with Course() as course:
        resource, said = within_a_second(lambda: course.events("loaded"), "the first record")[0]
        assert "service.version" not in resource and "deployment.environment.name" not in resource, resource
        assert resource["service.name"] == "learner" and said["cupola.generation"] == 1, (resource, said)
        assert (said["cupola.traces"], said["cupola.metrics"], said["cupola.logs"]) == ("none", "none", "none"), said
        assert course.host.plugin("learner")["version"] is None
        instance, station = resource["service.instance.id"], course.host.plugin("station")

        course.build("two", version='.version="1.0.0",')
        course.reload("learner")
        resource, said = within_a_second(lambda: course.events("reloaded"), "the reload")[0]
        assert resource["service.version"] == "1.0.0" and resource["service.instance.id"] == instance
        assert said["cupola.generation"] == 2 and said["cupola.generation.previous"] == 1
        assert said["cupola.version"] == "1.0.0" and "cupola.version.previous" not in said
        assert said["cupola.reason"] == "code"

        course.edit("deployment.environment.name = dev")
        out = course.reload("other")
        assert "has been changed since it was read: `cupola reload` without a name applies it" in out, out
        out = course.reload()
        assert out.startswith("[resource] deployment.environment.name = dev\n"), out
        assert "\nlearner: generation 3 " in out and "\nstation: goes on as it is" in out, out
        resource, said = within_a_second(lambda: [e for e in course.events("reloaded") if e[1]["cupola.reason"] == "telemetry"],
                                         "the environment")[0]
        assert resource["deployment.environment.name"] == "dev" and resource["service.version"] == "1.0.0"
        assert said["cupola.version.previous"] == "1.0.0"
        assert course.events("loaded"), "what the station has must survive"
        resource, said = within_a_second(lambda: course.events("configured", "station"), "the station's own")[0]
        assert resource["deployment.environment.name"] == "dev"
        now = course.host.plugin("station")
        assert (now["pid"], now["generation"]) == (station["pid"], station["generation"])


def test_each_edit_of_the_course_holds_at_once_and_loses_nothing():
    def logs(course):
        return [l for _, l in course.records() if "eventName" not in l]

    def spans(course):
        return course.telemetry("traces").get("resourceSpans")

    def points(course):
        return course.telemetry("metrics").get("resourceMetrics")

    steps = [  # what is added to the section, and what is then seen, and was not before
        ("logs = otlp\nlogs.processor = simple\n", DARK.replace("logs = none\n", ""), logs),
        ("metrics = otlp\nmetrics.interval = 1s\n", "traces = none\n", points),
        ("traces = otlp\ntraces.processor = simple\n", "", spans),
    ]
    with Course() as course:
        port, section = course.host.port("learner"), ""
        pids = {p["name"]: p["pid"] for p in course.host.status()["plugins"]}
        generation = 1
        with Load(port, connections=8) as learner, Load(course.host.port("other"), connections=2) as other:
            cupola.until(lambda: learner.served > 100 and other.served > 100, "the load")
            for added, dark, seen in steps:
                assert not seen(course)
                section += added
                course.edit("deployment.environment.name = dev", section + dark)
                out = course.reload()
                assert f"[plugin learner] {added.splitlines()[0]}, was none\n" in out, out
                generation += 1
                assert f"learner: generation {generation}" in out, out
                within_a_second(lambda: seen(course), added.splitlines()[0])
            course.edit("deployment.environment.name = dev", section.replace("1s", "2s"))
            assert "[plugin learner] metrics.interval = 2000ms, was 1000ms" in course.reload()
            course.edit("deployment.environment.name = staging\nteam.name = orbit", section)
            out = course.reload()
            assert "[resource] deployment.environment.name = staging, was dev\n[resource] team.name = orbit\n" in out, out
        for load in (learner, other):
            assert not load.failed, load.failed[:3]
            assert load.reset == 0
        assert {p["name"]: p["pid"] for p in course.host.status()["plugins"]} == pids
        assert course.events("loaded", "other"), "what the station has must survive"
        print(f"# {learner.served} and {other.served} requests, slowest {learner.slowest * 1e3:.1f} ms")


def test_instrument_is_switched_in_place():
    with Course() as course:
        course.edit(learner="traces.processor = simple\n")
        course.reload()
        course.host.write(open(course.host.conf).read().replace("instrument = no\ntraces", "instrument = yes\ntraces"))
        assert "[plugin learner] instrument = yes, was no" in course.reload()
        course.host.get("learner", "/")

        def server_span():
            return [s for r in course.telemetry("traces").get("resourceSpans", []) for sc in r["scopeSpans"] for s in sc["spans"] if s["name"] == "GET"]

        within_a_second(server_span, "the host's span")


def test_a_mistake_applies_nothing_and_names_file_line_and_key():
    with Course() as course:
        course.edit("deployment.environment.name = dev", DARK.replace("logs = none", "logs = oltp"))
        line = next(i for i, l in enumerate(open(course.host.conf), 1) if "oltp" in l)
        out = course.host.command("reload")
        assert out.returncode == 1
        assert out.stderr.startswith(f"{course.host.conf}:{line}: [plugin learner] logs: expected otlp, console or none, found \"oltp\""), out.stderr
        assert out.stderr.endswith("cupola reload: nothing was changed: the configuration has a mistake\n"), out.stderr
        assert course.host.plugin("learner")["generation"] == 1
        course.edit()
        assert "nothing has changed" in course.reload()


def test_code_that_is_refused_stops_no_setting():
    with Course() as course:
        course.build("two", body="return otel_error_set(err, -EINVAL, \"it will not\");")
        course.edit("deployment.environment.name = dev")
        out = course.host.command("reload")
        assert out.returncode == 1 and "it will not" in out.stderr, out
        within_a_second(lambda: [r for r, _ in course.events("reloaded") if r.get("deployment.environment.name") == "dev"], "the environment")
        assert course.host.get("learner", "/").text == "build one\n"


def test_code_that_was_built_anew_is_loaded_by_the_way():
    with Course() as course:
        course.build("two")
        out = course.reload()
        assert re.match(r"learner: generation 2 ", out) and len(out.splitlines()) == 1, out
        assert course.host.get("learner", "/").text == "build two\n"


def test_a_crash_goes_back_to_the_code_before_and_not_to_the_settings_before():
    with Course() as course:
        course.build("bad", body="", crash="if (!strcmp(req->path, \"/crash\")) abort();")
        course.reload("learner")
        course.edit("deployment.environment.name = dev")
        assert "learner: generation 3 " in course.reload()
        port = course.host.port("learner")
        try:
            cupola.request(port, "/crash")
        except Exception:
            pass

        def is_back():
            try:
                return cupola.request(port, "/").text == "build one\n"
            except Exception:
                return False

        cupola.until(is_back, "the first code")
        assert course.host.plugin("learner")["generation"] == 1
        cupola.until(lambda: [r for r, a in course.events("loaded") if r.get("deployment.environment.name") == "dev" and a["cupola.generation"] == 1],
                     "the first code under the new Resource")


def test_what_may_be_secret_is_named_without_its_value():
    with Course() as course:
        course.edit(learner=DARK + "headers = authorization=hunter2\n")
        out = course.reload()
        assert "[plugin learner] headers has changed\n" in out, out
        assert "hunter2" not in out + course.host.log()


def test_a_process_that_is_starting_catches_up():
    with Course() as course:
        course.edit("deployment.environment.name = dev")
        os.kill(course.host.plugin("learner")["pid"], 9)
        assert "\nother: generation 2 " in course.reload(), "the others do not wait for it"
        within_a_second(lambda: [1 for e in ("loaded", "reloaded") for r, _ in course.events(e) if r.get("deployment.environment.name") == "dev"],
                        "the environment")


if __name__ == "__main__":
    cupola.main()
