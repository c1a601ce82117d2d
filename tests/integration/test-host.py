# SPDX-License-Identifier: Apache-2.0
"""The host's promises to who operates it: start, refuse, reread, tell, stop."""

import json
import os
import signal
import socket
import subprocess
import stat

import cupola

CONFIG = """
[host]
workers = 1
runtime_dir = @DIR@/run
admin = 127.0.0.1:0
[telemetry]
traces = none
metrics = none
logs = none
[plugin hello]
listen = 127.0.0.1:0
greeting = Hello
"""


def hello(host):
    return host.get("hello", "/").text


def test_ready_is_said_once_on_stdout_when_everything_serves():
    with cupola.Cupola(CONFIG) as host:
        assert [line for line in host.output if line == "ready\n"] == ["ready\n"]
        assert "Hello" in hello(host)


def test_a_second_run_is_refused_and_names_the_first():
    with cupola.Cupola(CONFIG) as host:
        second = subprocess.run([cupola.BIN, "run", "-c", host.conf], env=host.env, text=True, capture_output=True, timeout=60)
        assert second.returncode != 0
        assert str(host.process.pid) in second.stderr, second.stderr
        assert "Hello" in hello(host)


def test_a_taken_port_is_named_with_its_holder():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        host = cupola.Cupola(CONFIG.replace("listen = 127.0.0.1:0", f"listen = 127.0.0.1:{port}"))
        out = subprocess.run([cupola.BIN, "run", "-c", host.conf], env=host.env, text=True, capture_output=True, timeout=60)
        assert out.returncode != 0
        assert str(port) in out.stderr and str(os.getpid()) in out.stderr, out.stderr


def test_the_control_socket_is_for_its_owner_only():
    with cupola.Cupola(CONFIG) as host:
        run = os.path.join(host.dir, "run")
        assert stat.S_IMODE(os.stat(run).st_mode) == 0o700
        sockets = [f for f in os.listdir(run) if stat.S_ISSOCK(os.stat(os.path.join(run, f)).st_mode)]
        assert sockets, os.listdir(run)
        for name in sockets:
            assert stat.S_IMODE(os.stat(os.path.join(run, name)).st_mode) == 0o600


def test_commands_work_from_deep_paths():
    deep = "@DIR@/" + "/".join(["a-rather-long-folder-name"] * 6)
    with cupola.Cupola(CONFIG.replace("@DIR@/run", deep + "/run")) as host:
        assert host.status()["ready"]


def test_sighup_applies_the_difference():
    with cupola.Cupola(CONFIG) as host:
        port = host.port("hello")
        host.write(CONFIG.replace("greeting = Hello", "greeting = Servus"))
        host.process.send_signal(signal.SIGHUP)
        cupola.until(lambda: "Servus" in cupola.request(port, "/").text, "the new greeting on the same port")


def test_sighup_with_a_mistake_changes_nothing():
    with cupola.Cupola(CONFIG) as host:
        port = host.port("hello")
        host.write(CONFIG.replace("greeting = Hello", "greeting = Servus\ngreting = Hi"))
        host.process.send_signal(signal.SIGHUP)
        cupola.until(lambda: "greting" in host.log(), "the mistake in the log")
        assert "host.conf:" in host.log() and "greeting" in host.log(), host.log()
        assert "Hello" in cupola.request(port, "/").text
        assert host.status()["ready"]


def test_set_lays_a_value_over_the_file():
    host = cupola.Cupola(CONFIG)
    host.args = ["--set", "plugin hello.greeting=Moin = moin"]
    with host:
        assert "Moin = moin" in hello(host)


def test_stop_ends_it_with_zero():
    with cupola.Cupola(CONFIG) as host:
        out = host.command("stop")
        assert out.returncode == 0, out.stderr
        assert host.process.wait(cupola.PATIENCE) == 0
        out = host.command("status")
        assert out.returncode != 0 and out.stderr.count("\n") == 1, out.stderr


def test_workers_do_not_outlive_a_killed_master():
    with cupola.Cupola(CONFIG) as host:
        pid = host.plugin("hello")["pid"]
        host.process.kill()
        host.process.wait()

        def gone():
            try:
                with open(f"/proc/{pid}/stat") as f:
                    return f.read().rsplit(")", 1)[1].split()[0] == "Z"
            except FileNotFoundError:
                return True

        cupola.until(gone, "the worker's end")


def test_mistakes_on_the_command_line_are_one_sentence():
    for args in (["rnu"], ["run", "-c", "/nonexistent/host.conf"], ["reload", "a", "b"], ["status", "--jsom"], ["new"], ["new", "no/slash"],
                 ["run", "--set", "nonsense"]):
        out = cupola.run(*args)
        assert out.returncode != 0, args
        assert 1 <= out.stderr.count("\n") <= 2 and "cupola" in out.stderr, (args, out.stderr)


def test_admin_pages_answer():
    with cupola.Cupola(CONFIG) as host:
        port = int(host.status()["admin"].rsplit(":", 1)[1])
        for page in ("/healthz", "/readyz", "/metrics"):
            assert cupola.request(port, page).status == 200, page


if __name__ == "__main__":
    cupola.main()
