# SPDX-License-Identifier: Apache-2.0
"""How long a learner waits: for the workshop to run, from a save to its first span on screen, for a check.

    bench-course.py [ROUNDS]

Everything is the staged installation, in a home folder of its own. Medians, and the worst of the rounds.
"""

import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../workshop"))

import cupola
from learner import Learner, isolate

ISS = "iss-distance-service/app.c"


def row(what, seconds):
    print(f"{what:<58} {statistics.median(seconds):6.2f} s   worst {max(seconds):5.2f} s   of {len(seconds)}")


def since(begun):
    return time.monotonic() - begun


def span_after_save(learner, name):
    """Saves app.c with another name of its span, asks all the time, and waits until the station has that span."""
    with open(f"{learner.stage('4.3')}/{ISS}") as f:
        text = f.read().replace('"calculating-iss-distance"', f'"{name}"')
    begun = time.monotonic()
    learner.save(ISS, text)

    def on_screen():
        assert cupola.request(learner.port(5003), "/?latitude=1&longitude=2").status == 200, "a request failed while code was swapped"
        return "spanId" in cupola.request(learner.port(5050), f"/api/telemetry/spans?name={name}&limit=1").text

    cupola.until(on_screen, f"a span {name}")
    return since(begun)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with Learner() as learner:
        begun = time.monotonic()
        learner.begin()
        row("an empty home to the guide's address, four services built", [since(begun)])
        status, said = learner.run("cupola workshop catch-up 4.3")
        assert status == 0, said
        learner.type("4.3")
        row("a save to its first span in the station", [span_after_save(learner, f"saved-{i}") for i in range(rounds)])
        learner.type("4.3")
        for step in ("1.2", "2.2", "3.4", "4.3"):
            took = []
            for _ in range(max(1, rounds // 2)):
                done = learner.cupola("workshop", "check", step, "--json")
                assert done.returncode == 0, done.stdout + done.stderr
                took.append(json.loads(done.stdout.splitlines()[-1])["seconds"])
            row(f"cupola workshop check {step}, passing", took)
        learner.cupola("workshop", "stop")


if __name__ == "__main__":
    isolate()
    main()
