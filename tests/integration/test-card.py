# SPDX-License-Identifier: Apache-2.0
"""The three steps by which the program is meant to be used, to the letter, from a copy of the sources.

    ./configure && make && make install
    a plugin enabled in etc/host.conf
    the plugin reloaded while it serves
"""

import json
import os
import shutil
import subprocess
import tempfile
import threading

import cupola

LEFT_OUT = shutil.ignore_patterns(".git", "_build*", "_install*", "stage", "autom4te.cache", "__pycache__", "*.o", "*.lo", "*.la", ".libs")


def run(command, where, env=None):
    out = subprocess.run(command, shell=True, cwd=where, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
    assert out.returncode == 0, f"{command} failed:\n" + out.stdout[-4000:]


def test_configure_make_install_enable_and_reload():
    with tempfile.TemporaryDirectory(prefix="cupola-card-") as folder:
        tree, prefix = os.path.join(folder, "tree"), os.path.join(folder, "prefix")
        shutil.copytree(cupola.SRCDIR, tree, ignore=LEFT_OUT, symlinks=True)
        subprocess.run(["chmod", "-R", "u+w", tree], check=True)  # distcheck's sources are read-only
        compiler = os.environ.get("CUPOLA_CC", "cc")
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR")}
        run(f"./configure --prefix={prefix} CC='{compiler}' CFLAGS=-O1 && make -j2 && make install", tree, env)

        conf = os.path.join(prefix, "etc/cupola/host.conf")
        with open(conf) as f:
            text = f.read()
        off = "[plugin hello]\nenabled = no\nlisten = 127.0.0.1:5010\n"
        assert off in text, "host.conf no longer has hello as this test knows it"
        with open(conf, "w") as f:
            f.write(text.replace(off, "[plugin hello]\nenabled = yes\nlisten = 127.0.0.1:0\n"))
        run("make install", tree, env)
        with open(conf) as f:
            assert "enabled = yes\nlisten = 127.0.0.1:0" in f.read(), "make install overwrote an edited host.conf"

        host = cupola.Cupola("")
        host.conf, host.env = conf, {**cupola.environment(), "LD_LIBRARY_PATH": ""}
        program = os.path.join(prefix, "bin/cupola")
        services = ["frontend", "gateway", "geolocator-service", "iss-distance-service", "upstream"]
        host.args = [a for n in services + ["station"] for a in ("--set", f"plugin {n}.enabled=no")]
        host.args += ["--set", f"host.runtime_dir={folder}/run", "--set", "host.admin=127.0.0.1:0"]
        cupola_bin, cupola.BIN = cupola.BIN, program
        try:
            with host:
                status = subprocess.run([program, "status", "-c", conf, "--set", f"host.runtime_dir={folder}/run", "--json"],
                                        env=host.env, text=True, capture_output=True)
                assert status.returncode == 0, status.stderr
                hello = next(p for p in json.loads(status.stdout)["plugins"] if p["name"] == "hello")
                port = int(hello["listen"][0].rsplit(":", 1)[1])
                assert cupola.request(port, "/?name=card").text == "Hello, card\n"

                done, bad, served = threading.Event(), [], [0]

                def ask():
                    while not done.is_set():
                        reply = cupola.request(port, "/")
                        served[0] += 1
                        if reply.status != 200:
                            bad.append(reply.status)

                asking = threading.Thread(target=ask)
                asking.start()
                try:
                    cupola.until(lambda: served[0] > 10, "answers")
                    for _ in range(3):
                        before = served[0]
                        out = subprocess.run([program, "reload", "-c", conf, "--set", f"host.runtime_dir={folder}/run", "hello"],
                                             env=host.env, text=True, capture_output=True)
                        assert out.returncode == 0, out.stderr
                        cupola.until(lambda: served[0] > before + 10, "answers after the reload")
                finally:
                    done.set()
                    asking.join()
                assert not bad, bad
        finally:
            cupola.BIN = cupola_bin


if __name__ == "__main__":
    if os.environ.get("CUPOLA_SAN"):
        print("1..0 # SKIP the plain build tests this")
    elif not os.path.exists(os.path.join(cupola.SRCDIR, "configure")):
        print("1..0 # SKIP there is no ./configure in the sources")
    else:
        cupola.main()
