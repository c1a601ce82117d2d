# SPDX-License-Identifier: Apache-2.0
"""The workshop's guide with a working copy of which nothing is real but the answers.

The program behind it is a script, so that each of its answers can be had at will.
"""

import contextlib
import json
import os
import stat
import time

import cupola

CONFIG = """
[host]
workers = 1
runtime_dir = @DIR@/run
admin =
[telemetry]
traces = none
metrics = none
logs = none
[plugin guide]
listen = 127.0.0.1:0
{more}
"""

# Answers as `cupola workshop` does, from files that the test writes: DIR/answers/COMMAND has the lines, and
# "wait" in it waits until the test has made DIR/answers/go.
PROGRAM = """#!/bin/sh
command=$2
said="$*"
while [ $# -gt 0 ]; do
	[ "$1" = --dir ] && dir=$2
	shift
done
answers=$dir/answers
echo "$command" >>"$answers/called"
echo "$said" >"$answers/arguments.$command"
echo $$ >"$answers/pid.$command"
[ -f "$answers/$command" ] || { echo "cupola workshop $command: no such command" >&2; exit 2; }
while IFS= read -r line; do
	case $line in
	wait) while [ ! -e "$answers/go" ]; do sleep 0.02; done ;;
	exit*) exit "${line#exit }" ;;
	stderr*) echo "${line#stderr }" >&2 ;;
	*) printf '%s\\n' "$line" ;;
	esac
done <"$answers/$command"
"""

STEPS = {"tour": "2. Change a line", "1.1": "Set up", "1.2": "Create log records"}


class Guide(cupola.Cupola):
    """A host with the guide alone, and a working copy of which nothing but the answers is real."""

    def __init__(self, copy=True, text=os.path.join(cupola.SRCDIR, "tests/data/guide")):
        more = "program = @DIR@/cupola\n" + ("copy = @DIR@/copy\n" if copy else "") + (f"text = {text}\n" if text else "")
        super().__init__(CONFIG.format(more=more))
        self.copy = os.path.join(self.dir, "copy")
        os.makedirs(os.path.join(self.copy, ".workshop"))
        os.makedirs(os.path.join(self.copy, "answers"))
        program = os.path.join(self.dir, "cupola")
        with open(program, "w") as f:
            f.write(PROGRAM)
        os.chmod(program, stat.S_IRWXU)
        self.progress()

    def start(self, expect_ready=True):
        super().start(expect_ready)
        self.ports = {"guide": self.port("guide")}
        return self

    def answer(self, command, *lines):
        path = os.path.join(self.copy, "answers", command)
        with open(path + ".new", "w") as f:
            f.writelines((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        os.rename(path + ".new", path)

    def progress(self, now="1.1", passed=("tour",), build=None, crash=None, station="http://127.0.0.1:5050", **more):
        state = lambda s: "passed" if s in passed else "now" if s == now else "open"
        steps = [{"step": s, "title": t, "section": s.split(".")[0], "minutes": 4, "state": state(s), "passed_at": None, "page": "", "anchor": ""} for s, t in STEPS.items()]
        self.answer("progress", {"dir": self.copy, "guide": "", "station": station, "frontend": "http://127.0.0.1:5000", "now": now, "steps": steps, "build": build, "crash": crash, **more})
        with open(os.path.join(self.copy, ".workshop/state.json"), "w") as f:
            f.write(str(time.time_ns()))

    def go_on(self):
        with open(os.path.join(self.copy, "answers/go"), "w"):
            pass

    def called(self, command):
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.copy, "answers/called")) as f:
            return f.read().split().count(command)
        return 0

    def arguments(self, command):
        """What it was called with the last time."""
        with open(os.path.join(self.copy, "answers/arguments." + command)) as f:
            return f.read().split()

    def pid(self, command):
        with open(os.path.join(self.copy, "answers/pid." + command)) as f:
            return int(f.read())

    def post(self, path, **headers):
        return cupola.request(self.ports["guide"], path, method="POST", headers={"Sec-Fetch-Site": "same-origin", **headers})


def passes(text, step="1.2", **more):
    return {"step": step, "id": text.replace(" ", "-"), "say": text, "result": "pass", "miss": None, **more}


def fails(text, miss, step="1.2"):
    return {"step": step, "id": text.replace(" ", "-"), "say": text, "result": "fail", "miss": miss, "hint": f"cupola workshop hint {step}"}
