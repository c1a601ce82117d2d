# SPDX-License-Identifier: Apache-2.0
"""Somebody who follows the text: a home folder, a shell that remembers where it is, an editor.

Where the system allows it all of this is in a network of its own with loopback only: addresses are those of the
text, whatever runs beside, and a packet that wants to leave finds no way. Elsewhere ports that are taken move,
as they do for a learner, and the addresses in commands are moved with them.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import cupola

ISOLATED = "CUPOLA_TEST_ISOLATED"
PORTS = {5000: ("frontend", ""), 5001: ("gateway", ""), 5002: ("geolocator-service", ""), 5003: ("iss-distance-service", ""), 5004: ("upstream", ""),
         5050: ("station", ""), 4317: ("station", "otlp"), 4318: ("station", "otlp"), 5051: ("guide", "")}


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 1 | 0x40))  # SIOCSIFFLAGS: UP, RUNNING


def isolate():
    """Starts this test anew in a network of its own, where that is possible; says so where it is not."""
    if os.environ.get(ISOLATED):
        raise_loopback()
        return
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
    probe = [*unshare, sys.executable, "-c", "import learner; learner.raise_loopback()"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    if shutil.which("unshare") and subprocess.run(probe, env=env, capture_output=True).returncode == 0:
        os.execvpe("unshare", [*unshare, sys.executable, *sys.argv], {**os.environ, ISOLATED: "1"})
    print("# no network of its own here: ports may move")


class Learner:
    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="cupola-learner-")
        self.copy = os.path.join(self.home, "cupola-workshop")
        self.where = self.home
        self.running = []
        self.moved = {}
        self.env = cupola.environment({"HOME": self.home, "PATH": os.path.join(cupola.STAGE, "bin") + os.pathsep + os.environ["PATH"],
                                       "XDG_RUNTIME_DIR": self.home, "TERM": "dumb", "MAKEFLAGS": "", "LDFLAGS": os.environ.get("CUPOLA_SAN", "")})
        self.env.pop("CUPOLA_WORKSHOP", None)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for process in reversed(self.running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(cupola.PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        if kind is not None:
            for process in self.running:
                for line in process.said[-40:]:
                    print("#  " + line.rstrip())
        shutil.rmtree(self.home, ignore_errors=True)

    # ---- the shell ----

    def address(self, text):
        """The text with the ports that had to move."""
        return re.sub(r"(127\.0\.0\.1|localhost):(\d+)", lambda m: f"{m[1]}:{self.moved.get(int(m[2]), m[2])}", text)

    def script(self, text):
        return f'cd "{self.where}" && {{ {self.address(text)}\n}}\nstatus=$?; pwd > "{self.home}/.where"; exit $status\n'

    def run(self, text, timeout=120):
        """Runs commands as typed into one terminal; returns the exit status and what was said."""
        if "./by-hand" in text and self.moved.get(4318, 4318) != 4318:  # as the text says for that case
            text = text.replace("./by-hand", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 ./by-hand")
        done = subprocess.run(["bash", "-c", "set -e\n" + self.script(text)], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout)
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.home, ".where")) as file:
                self.where = file.read().strip()
        return done.returncode, done.stdout

    def start(self, text):
        """Runs commands in a terminal of their own, which stays."""
        process = subprocess.Popen(["bash", "-c", self.script(text)], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, start_new_session=True)
        process.said = []
        threading.Thread(target=lambda: process.said.extend(iter(process.stdout.readline, "")), daemon=True).start()
        self.running.append(process)
        return process

    def cupola(self, *args, timeout=120):
        return subprocess.run([cupola.BIN, *args], env=self.env, cwd=self.copy, text=True, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)

    def stop_last(self):
        """Ctrl-C in the last terminal that was opened; what was said there."""
        process = self.running.pop()
        os.killpg(process.pid, signal.SIGTERM)  # a shell without a terminal may sleep through SIGINT
        process.wait(cupola.PATIENCE)
        return "".join(process.said)

    # ---- the workshop ----

    def begin(self):
        """`cupola workshop`, until it has said where the guide is."""
        self.session = self.start("cupola workshop")
        self.await_said("The guide:")
        self.look_up_ports()
        return self.session

    def await_said(self, text, since=0):
        def look():
            return [line for line in self.session.said[since:] if text in line] or self.session.poll() is not None

        cupola.until(look, f'"{text}" from the workshop', 120)
        assert any(text in line for line in self.session.said[since:]), "".join(self.session.said)

    def status(self):
        done = self.cupola("status", "--json")
        assert done.returncode == 0, done.stderr
        return {plugin["name"]: plugin for plugin in json.loads(done.stdout)["plugins"]}

    def look_up_ports(self):
        plugins = self.status()
        for port, (name, label) in PORTS.items():
            found = [listen.rpartition("=") for listen in plugins[name]["listen"]]
            ours = [int(address.rsplit(":", 1)[1]) for l, _, address in found if l == label]
            self.moved[port] = ours[1] if port == 4318 else ours[0]

    def port(self, port):
        return self.moved[port]

    # ---- the editor ----

    def stage(self, step):
        return os.path.join(cupola.STAGE, "share/cupola/workshop/stages", step)

    def save(self, name, text):
        path = os.path.join(self.copy, name)
        with open(path + "~", "w") as file:
            file.write(text)
        os.rename(path + "~", path)

    def type(self, step):
        """Puts the files of a step in place, as if typed, and waits until what was saved serves."""
        changed = []
        for folder, _, names in os.walk(self.stage(step)):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.stage(step))
                with open(os.path.join(folder, name)) as new, open(os.path.join(self.copy, path)) as old:
                    text = new.read()
                    if text != old.read():
                        changed.append((path, text))
        for path, text in changed:
            since = len(self.session.said)
            self.save(path, text)
            if path == "host.conf":
                self.await_said("host.conf: in force", since)
            elif path.startswith("by-hand/"):
                self.await_said("by-hand: built", since)
            else:
                self.await_said(f"{path.split('/')[0]}: built and reloaded", since)
        return [path for path, _ in changed]
