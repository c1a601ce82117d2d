# SPDX-License-Identifier: Apache-2.0
"""A learner: a home, a working copy in it, and the commands of `cupola workshop`."""

import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import cupola

COURSE = os.path.join(cupola.STAGE, "share/cupola/workshop")
PORTS = {"frontend": [5000], "gateway": [5001], "geolocator-service": [5002], "iss-distance-service": [5003], "upstream": [5004],
         "station": [5050, 4317, 4318], "guide": [5051]}


def course():
    with open(os.path.join(COURSE, "steps.json")) as file:
        return json.load(file)


EDITABLE = course()["files"]


def stage(step, path):
    with open(os.path.join(COURSE, "stages", step, path), "rb") as file:
        return file.read()


def interference():
    """interfere.so, built once."""
    out = os.path.join(cupola.BUILDDIR, "tests/workshop/interfere.so")
    if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(os.path.join(cupola.SRCDIR, "tests/workshop/interfere.c")):
        os.makedirs(os.path.dirname(out), exist_ok=True)
        temporary = f"{out}.{os.getpid()}"
        subprocess.run([*os.environ.get("CUPOLA_CC", "cc").split(), "-shared", "-fPIC", "-O1", "-o", temporary,
                        os.path.join(cupola.SRCDIR, "tests/workshop/interfere.c"), "-ldl"], check=True)
        os.rename(temporary, out)
    return out


class Learner:
    """With a home folder of its own; `copy()` makes the working copy there."""

    built = None

    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="cupola-learner-")
        self.dir = os.path.join(self.home, "cupola-workshop")
        self.env = cupola.environment({"HOME": self.home, "TERM": "dumb", "MAKEFLAGS": "", "LDFLAGS": os.environ.get("CUPOLA_SAN", ""),
                                       "PATH": os.path.join(cupola.STAGE, "bin") + ":" + os.environ["PATH"],
                                       "PKG_CONFIG_SYSROOT_DIR": ""})
        self.env["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=0:verify_asan_link_order=0"
        for name in ("CUPOLA_WORKSHOP", "VISUAL", "XDG_RUNTIME_DIR", "CFLAGS"):
            self.env.pop(name, None)
        self.sessions = []
        return self

    def __exit__(self, kind, value, trace):
        for session in self.sessions:
            session.kill()
            if kind is not None:
                for line in session.text().splitlines()[-40:]:
                    print("#  " + line)
        if kind is not None:
            with contextlib.suppress(OSError), open(self.path(".workshop/log")) as file:
                for line in file.read().splitlines()[-20:]:
                    print("#  log: " + line)
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, *args, env=None, cwd=None, timeout=120, input=None):
        """`cupola workshop ARGS`, to its end."""
        return subprocess.run([cupola.BIN, "workshop", *args], env={**self.env, **(env or {})}, cwd=cwd or self.home, text=True,
                              capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL if input is None else None, input=input)

    def ok(self, *args, **how):
        out = self.run(*args, **how)
        assert out.returncode == 0, (args, out.returncode, out.stdout, out.stderr)
        return out.stdout

    def fails(self, *args, **how):
        out = self.run(*args, **how)
        assert out.returncode != 0, (args, out.stdout, out.stderr)
        assert len(out.stderr.strip().splitlines()) == 1, out.stderr  # one sentence
        return out.stderr

    def copy(self):
        self.ok("copy")
        return self

    def built_copy(self):
        """The same with everything built, from one that is built once."""
        if not Learner.built:
            with Learner() as first:
                first.copy()
                for folder in ["lib", *course()["services"]]:
                    subprocess.run(["make", "-s", "-j2", "-C", first.path(folder)], env=first.env, check=True)
                Learner.built = tempfile.mkdtemp(prefix="cupola-built-")
                atexit.register(shutil.rmtree, Learner.built, ignore_errors=True)
                shutil.copytree(first.dir, Learner.built, dirs_exist_ok=True)
        shutil.copytree(Learner.built, self.dir)
        return self

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def write(self, name, data):
        if isinstance(data, str):
            data = data.encode()
        with open(self.path(name), "wb") as file:
            file.write(data)

    def edit(self, name, old, new):
        """What an editor does: one text for another, in one go."""
        text = self.read(name).decode()
        assert text.count(old) >= 1, (name, old)
        self.write(name, text.replace(old, new, 1))

    def state(self):
        return json.loads(self.read(".workshop/state.json"))

    def progress(self):
        return json.loads(self.ok("progress", "--json"))

    def now(self):
        return self.progress()["now"]

    def snapshot(self, editable=False):
        """Everything that is the learner's: kind, bytes and mode of each file, links as links."""
        found = {}
        for folder, folders, files in os.walk(self.dir):
            if folder == self.dir:
                folders.remove(".workshop")
            for name in files + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
                path = os.path.join(folder, name)
                key = os.path.relpath(path, self.dir)
                if editable and key not in EDITABLE:
                    continue
                if os.path.islink(path):
                    found[key] = ("link", os.readlink(path))
                else:
                    with open(path, "rb") as file:
                        found[key] = ("file", file.read(), os.stat(path).st_mode & 0o7777)
        return found

    def free_ports(self):
        """Ports that nobody else has, kept where the tool keeps those that it chose."""
        ports = {f"{plugin}:{port}": cupola.free_port() for plugin, its in PORTS.items() for port in its}
        self.write(".workshop/ports.json", json.dumps(ports))
        return ports

    def session(self, *args, env=None, cwd=None):
        session = Session([cupola.BIN, "workshop", *args], {**self.env, **(env or {})}, cwd or self.home)
        self.sessions.append(session)
        return session


class Session:
    """A command that goes on until it is told to end; its lines as they come."""

    def __init__(self, argv, env, cwd):
        self.lines = []
        self.process = subprocess.Popen(argv, env=env, cwd=cwd, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def text(self):
        return "\n".join(self.lines)

    def mark(self):
        return len(self.lines)

    def expect(self, pattern, since=0, patience=60):
        """Waits for a line that matches, and returns the match."""
        def look():
            for line in self.lines[since:]:
                found = re.search(pattern, line)
                if found:
                    return found
            if self.process.poll() is not None:
                self.reader.join(5)
                for line in self.lines[since:]:
                    found = re.search(pattern, line)
                    if found:
                        return found
                raise AssertionError(f"it ended with {self.process.returncode} before /{pattern}/:\n{self.text()}")
            return None
        try:
            return cupola.until(look, f"/{pattern}/", patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def interrupt(self, patience=30):
        """Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(patience)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
