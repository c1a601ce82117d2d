# SPDX-License-Identifier: Apache-2.0
"""The programs of docker-compose.yml without Docker: its commands and its configuration files, on free ports.

Each program is started with the `command` that docker-compose.yml has for it, with paths in the container
replaced by what is mounted there. Addresses are put into the variables that the configuration files have for
them; what has none is laid into a copy (`REPLACED`): a name of the compose network that Prometheus asks.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

import cupola

# Service in docker-compose.yml: names that its program goes by.
PROGRAMS = {
    "otel-collector": ("otelcol-contrib", "otelcol"),
    "prometheus": ("prometheus",),
    "loki": ("loki",),
    "tempo": ("tempo",),
    "jaeger": ("jaeger",),
}
REPLACED = {"otel-collector:8888": "127.0.0.1:{collector_metrics}"}
PORTS = ("grpc", "http", "collector_health", "collector_metrics", "prometheus", "loki", "loki_grpc", "tempo", "tempo_grpc",
         "tempo_otlp", "tempo_members", "jaeger", "jaeger_grpc", "jaeger_otlp", "jaeger_health")


def find(service):
    folders = [os.environ.get("CUPOLA_PLATFORM_BIN", "")] + os.environ.get("PATH", "").split(os.pathsep)
    for name in PROGRAMS[service]:
        found = shutil.which(name, path=os.pathsep.join(filter(None, folders)))
        if found:
            return found
    return None


def missing():
    return [service for service in PROGRAMS if not find(service)]


def free_ports(names):
    return dict(zip(names, cupola.free_ports(len(names))))


class Backends:
    def __init__(self, compose):
        self.compose = compose  # docker-compose.yml, parsed
        self.dir = tempfile.mkdtemp(prefix="cupola-platform-")
        self.port = free_ports(PORTS)
        self.processes = {}
        here = {name: f"127.0.0.1:{port}" for name, port in self.port.items()}
        self.variables = {
            "COLLECTOR_OTLP_GRPC": here["grpc"], "COLLECTOR_OTLP_HTTP": here["http"], "COLLECTOR_HEALTH": here["collector_health"],
            "COLLECTOR_METRICS_HOST": "127.0.0.1", "COLLECTOR_METRICS_PORT": str(self.port["collector_metrics"]),
            "TEMPO_OTLP": f"http://{here['tempo_otlp']}", "JAEGER_OTLP": f"http://{here['jaeger_otlp']}",
            "PROMETHEUS_OTLP": f"http://{here['prometheus']}/api/v1/otlp", "LOKI_OTLP": f"http://{here['loki']}/otlp",
            "LOKI_ADDRESS": "127.0.0.1", "LOKI_HTTP_PORT": str(self.port["loki"]), "LOKI_GRPC_PORT": str(self.port["loki_grpc"]),
            "LOKI_DIR": os.path.join(self.dir, "loki"),
            "TEMPO_ADDRESS": "127.0.0.1", "TEMPO_HTTP_PORT": str(self.port["tempo"]), "TEMPO_GRPC_PORT": str(self.port["tempo_grpc"]),
            "TEMPO_OTLP_HTTP": here["tempo_otlp"], "TEMPO_MEMBERLIST_PORT": str(self.port["tempo_members"]),
            "TEMPO_DIR": os.path.join(self.dir, "tempo"),
            "PROMETHEUS_REMOTE_WRITE": f"http://{here['prometheus']}/api/v1/write",
            "JAEGER_HEALTH": here["jaeger_health"], "JAEGER_QUERY_HTTP": here["jaeger"], "JAEGER_QUERY_GRPC": here["jaeger_grpc"],
            "JAEGER_OTLP_HTTP": here["jaeger_otlp"],
        }
        self.ready_at = {"otel-collector": (self.port["collector_health"], "/"), "prometheus": (self.port["prometheus"], "/-/ready"),
                         "loki": (self.port["loki"], "/ready"), "tempo": (self.port["tempo"], "/ready"),
                         "jaeger": (self.port["jaeger_health"], "/status")}

    # What is in the container, here.

    def mounted(self, service, text):
        for volume in self.compose["services"][service]["volumes"]:
            source, target = volume.split(":")[:2]
            if source.startswith("."):
                text = text.replace(target, self.with_addresses(os.path.join(cupola.SRCDIR, source)))
            else:
                text = re.sub(re.escape(target) + "$", os.path.join(self.dir, source), text)
        return text

    def with_addresses(self, source):
        """The file itself, or a copy where an address has no variable."""
        if not os.path.isfile(source):
            return source
        with open(source, encoding="utf-8") as f:
            text = f.read()
        if not any(name in text for name in REPLACED):
            return source
        for name, address in REPLACED.items():
            text = text.replace(name, address.format(**self.port))
        copy = os.path.join(self.dir, os.path.basename(source))
        with open(copy, "w", encoding="utf-8") as f:
            f.write(text)
        return copy

    def start(self, service):
        command = [find(service)] + [self.mounted(service, word) for word in self.compose["services"][service]["command"]]
        if service == "prometheus":
            command.append(f"--web.listen-address=127.0.0.1:{self.port['prometheus']}")
        with open(os.path.join(self.dir, service + ".log"), "a", encoding="utf-8") as log:
            self.processes[service] = subprocess.Popen(command, env=cupola.environment(self.variables), cwd=self.dir, stdout=log,
                                                       stderr=log, start_new_session=True)

    def wait_ready(self, service):
        port, path = self.ready_at[service]

        def ready():
            if self.processes[service].poll() is not None:
                raise AssertionError(f"{service} ended with {self.processes[service].returncode}:\n{self.log(service)}")
            with contextlib.suppress(OSError):
                return cupola.request(port, path, timeout=5).status == 200
        cupola.until(ready, f"{service} to be ready", 120)

    def stop(self, service):
        process = self.processes.pop(service, None)
        if not process:
            return
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log(self, service, lines=15):
        with open(os.path.join(self.dir, service + ".log"), encoding="utf-8", errors="replace") as f:
            return "\n".join(line[:400] for line in f.read().splitlines()[-lines:])

    def __enter__(self):
        try:
            for service in ("prometheus", "loki", "tempo", "jaeger", "otel-collector"):
                self.start(service)
            for service in PROGRAMS:
                self.wait_ready(service)
        except BaseException:
            self.__exit__(*([None] * 3))
            raise
        return self

    def __exit__(self, kind, value, trace):
        for process in self.processes.values():  # what they would still write is thrown away
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    # What they are asked, by their own query APIs.

    def ask(self, service, path, query=None, headers=None):
        port = self.ready_at[service][0] if service != "jaeger" else self.port["jaeger"]
        path += "?" + urllib.parse.urlencode(query) if query else ""
        return cupola.request(port, path, headers=headers)

    def answer(self, service, path, query=None):
        reply = self.ask(service, path, query)
        assert reply.status == 200, f"{service} {path} {query}: {reply.status} {reply.text[:400]}"
        return reply.json()

    def prometheus(self, expr):
        return self.answer("prometheus", "/api/v1/query", {"query": expr})["data"]["result"]

    def prometheus_range(self, expr, start, end, step=5):
        return self.answer("prometheus", "/api/v1/query_range", {"query": expr, "start": start, "end": end, "step": step})["data"]["result"]

    def exemplars(self, expr, start, end):
        return self.answer("prometheus", "/api/v1/query_exemplars", {"query": expr, "start": start, "end": end})["data"]

    def loki(self, expr, start, end, limit=500):
        return self.answer("loki", "/loki/api/v1/query_range", {"query": expr, "start": int(start * 1e9), "end": int(end * 1e9), "limit": limit,
                                                                "step": 5})["data"]["result"]

    def tempo_trace(self, trace_id):
        """The spans of a trace, each as (service, span), or nothing."""
        reply = self.ask("tempo", f"/api/v2/traces/{trace_id}", headers={"Accept": "application/json"})
        if reply.status == 404:
            return []
        assert reply.status == 200, reply.text[:400]
        found = []
        for resource in reply.json().get("trace", {}).get("resourceSpans", []):
            service = next(a["value"]["stringValue"] for a in resource["resource"]["attributes"] if a["key"] == "service.name")
            found += [(service, span) for scope in resource["scopeSpans"] for span in scope["spans"]]
        return found

    def tempo_search(self, query, start, end, limit=20):
        return self.answer("tempo", "/api/search", {"q": query, "start": int(start), "end": int(end) + 1, "limit": limit}).get("traces") or []

    def jaeger_trace(self, trace_id):
        reply = self.ask("jaeger", f"/api/traces/{trace_id}")
        if reply.status == 404:
            return []
        assert reply.status == 200, reply.text[:400]
        found = []
        for trace in json.loads(reply.text)["data"]:
            found += [(trace["processes"][span["processID"]]["serviceName"], span) for span in trace["spans"]]
        return found
