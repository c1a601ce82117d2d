# SPDX-License-Identifier: Apache-2.0
"""A working copy of the course in a folder of its own, brought to any step, with the host that runs it.

What `cupola workshop` does for a learner is done here without it, so that the course itself is tested:
stages are copied, services built, the host told to read its configuration again.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))

import cupola

DATA = os.path.join(cupola.STAGE, "share/cupola/workshop")
CHECKS = os.path.join(DATA, "checks")
with open(os.path.join(DATA, "steps.json")) as f:
    COURSE = json.load(f)
STEPS = [s["step"] for s in COURSE["steps"] if s["step"] != "tour"]
SERVICES = COURSE["services"]
FILES = COURSE["files"]
SECTIONS = [s["section"] for s in COURSE["sections"] if s["section"] != "tour"]


def steps_of(section):
    return [s["step"] for s in COURSE["steps"] if s["section"] == section]


def checkable(step):
    return os.path.exists(f"{CHECKS}/{step}.json")


def before(step):
    """The stage that a learner starts `step` from."""
    stages = ["start"] + STEPS
    return stages[stages.index(step) - 1]


class Copy:
    def __init__(self, stage="start"):
        self.dir = tempfile.mkdtemp(prefix="cupola-course-")
        os.mkdir(f"{self.dir}/.workshop")
        for name in os.listdir(f"{DATA}/copy"):
            source, target = f"{DATA}/copy/{name}", f"{self.dir}/{name}"
            (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, target)
        self._pkgconfig()
        self.stage = None
        self.put(stage)
        names = ["frontend", "gateway", "geolocator-service", "iss-distance-service", "upstream", "page", "http", "grpc", "guide"]
        self.ports = dict(zip(names, cupola.free_ports(len(names))))
        self.host = None

    def _pkgconfig(self):
        """The stage was configured for another prefix: its .pc files, as they are once it is moved there."""
        os.mkdir(f"{self.dir}/.workshop/pkgconfig")
        for path in glob.glob(f"{cupola.STAGE}/lib/pkgconfig/*.pc"):
            with open(path) as f:
                text = re.sub(r"^prefix=.*", f"prefix={cupola.STAGE}", f.read(), flags=re.M)
            with open(f"{self.dir}/.workshop/pkgconfig/{os.path.basename(path)}", "w") as f:
                f.write(text)
        with open(f"{self.dir}/.workshop/installed.mk", "w") as f:
            f.write(f"CUPOLA_PKGCONFIG = {self.dir}/.workshop/pkgconfig\nCUPOLA = {cupola.BIN}\n")

    def read(self, name):
        with open(f"{self.dir}/{name}") as f:
            return f.read()

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)

    def edit(self, name, find, replace):
        """What a learner types; `find` has to stand there once."""
        text = self.read(name)
        assert text.count(find) == 1, f"{name}: {find!r} stands there {text.count(find)} times:\n{text}"
        self.write(name, text.replace(find, replace))

    def put(self, stage):
        """Every file of the learner as it is when `stage` is done. Which of them have changed."""
        changed = []
        for name in FILES:
            with open(f"{DATA}/stages/{stage}/{name}") as f:
                text = f.read()
            if not os.path.exists(f"{self.dir}/{name}") or self.read(name) != text:
                self.write(name, text)
                changed.append(name)
        self.stage = stage
        return changed

    def env(self):
        san = os.environ.get("CUPOLA_SAN", "")
        return {**cupola.environment(), "CC": os.environ.get("CUPOLA_CC", "cc"), "LDFLAGS": san, "MAKEFLAGS": "",
                "PKG_CONFIG_SYSROOT_DIR": ""}

    def make(self, service, *targets, ok=True):
        san = os.environ.get("CUPOLA_SAN", "")
        command = ["make", "-s", "-C", f"{self.dir}/{service}", *targets, f"CC={os.environ.get('CUPOLA_CC', 'cc')} {san}".strip()]
        out = subprocess.run(command, env=self.env(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        assert not ok or out.returncode == 0, f"make -C {service} failed:\n{out.stdout}"
        return out

    def sets(self):
        p = self.ports
        at = lambda name: f"127.0.0.1:{p[name]}"
        values = [f"plugin {s}.listen={at(s)}" for s in SERVICES + ["upstream", "guide"]]
        values += [f"plugin station.listen={at('page')}, otlp={at('http')}, otlp={at('grpc')}",
                   f"telemetry.endpoint=http://{at('http')}",
                   f"plugin frontend.gateway_url=http://{at('gateway')}/", f"plugin frontend.station_url=http://{at('page')}",
                   f"plugin gateway.geolocator_url=http://{at('geolocator-service')}/",
                   f"plugin gateway.iss_distance_url=http://{at('iss-distance-service')}/",
                   f"plugin geolocator-service.search_url=http://{at('upstream')}/search",
                   f"plugin iss-distance-service.position_url=http://{at('upstream')}/iss-now.json"]
        return [a for v in values for a in ("--set", v)]

    def start(self):
        for service in SERVICES:
            self.make(service)
        self.host = cupola.Cupola("", args=self.sets())
        self.host.conf = f"{self.dir}/host.conf"
        self.host.start()
        return self

    def apply(self, changed=FILES):
        """Builds and loads what has changed, as a session does at each save."""
        for service in sorted({name.split("/")[0] for name in changed if "/" in name} - set(COURSE.get("build", []))):
            self.make(service)
            done = self.host.command("reload", service)
            assert done.returncode == 0, f"reload {service}: {done.stderr}\n{self.host.log()[-3000:]}"
        if "host.conf" in changed:
            done = self.host.command("reload")
            assert done.returncode == 0, f"reload: {done.stderr}\n{self.host.log()[-3000:]}"

    def go(self, stage):
        self.apply(self.put(stage))

    def check(self, step, within=None, tell=()):
        """Results by id, and the exit status of `cupola check` on the file of `step`."""
        command = [cupola.BIN, "check", f"{CHECKS}/{step}.json", "-c", self.host.conf, "--json", *tell]
        if within:
            command += ["--within", within]
        run = next((s.get("command") for s in COURSE["steps"] if s["step"] == step), None)
        if run:
            command += ["--", *run]
        env = {**self.env(), "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.ports['http']}"}
        out = subprocess.run(command, cwd=self.dir, env=env, text=True, capture_output=True, timeout=120)
        assert out.returncode in (0, 1), f"check {step}: {out.stderr}\n{out.stdout}"
        lines = [json.loads(line) for line in out.stdout.splitlines()]
        return {r["id"]: r for r in lines if "id" in r}, out.returncode, lines[-1]

    def close(self):
        if self.host:
            self.host.__exit__(None, None, None)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
