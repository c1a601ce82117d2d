#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One command takes every screenshot of the text again, from pages that show what the text says they show."""

import os
import struct
import subprocess
import sys
import tempfile

from pages import WORKSHOP

import cupola

if os.environ.get("CUPOLA_SAN"):
    print("1..0 # SKIP pictures are the same with sanitizers")
    sys.exit(0)

import browser  # skips where there is no chromium


def size(path):
    with open(path, "rb") as file:
        head = file.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", head[16:24])


def test_every_screenshot_is_taken_anew_by_one_command():
    there = {name for name in os.listdir(os.path.join(WORKSHOP, "pictures")) if name.endswith(".png")}
    assert len(there) > 10
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([os.path.join(WORKSHOP, "pictures/make"), "--shots"], text=True, capture_output=True, timeout=300,
                              env={**os.environ, "OUT": out, "QUICK": "1", "PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"})
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        taken = {name for name in os.listdir(out) if name.endswith(".png")}
        assert taken == there, f"only taken: {taken - there}; only there: {there - taken}"
        for name in taken:
            was = size(os.path.join(WORKSHOP, "pictures", name))
            assert size(os.path.join(out, name)) == was, f"{name} is stale: workshop/pictures/make --shots"


if __name__ == "__main__":
    cupola.main()
