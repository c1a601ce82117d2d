# SPDX-License-Identifier: Apache-2.0
"""The master and the commands: starting, refusing, SIGHUP, watching, stopping, new services."""

import contextlib
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import cupola

SERVICE = """
#include <stdio.h>
#include <cupola/service.h>

static const struct svc_host *the_host;

static int start(const struct svc_host *host, void **self, struct otel_error *err)
{
	the_host = host;
	return 0;
}

static int handle(void *self, struct svc_request *req)
{
	if (!strncmp(req->path, "/v1/", 4))
		svc_log(req->host, OTEL_INFO, "got %s", req->path);
	if (!strcmp(req->path, "/slow"))
		svc_sleep(req->host, 1000);
	if (!strcmp(req->path, "/slower"))
		svc_sleep(req->host, 4000);
	for (int i = 0; svc_query(req, "print") && i < 1200; i++)
		printf("a line that is printed while somebody looks for a mistake: %d\\n", i);
	return svc_reply_text(req, 200, svc_config(req->host, "text"));
}

static void stop(void *self)
{
}

static const struct svc_key keys[] = {
	{ "text", SVC_STRING, "default", "what it answers" },
	{ "count", SVC_INT, "1", "a number" },
	{ NULL },
};

SVC_PLUGIN = { SVC_ABI, .name = NAME, .version = "1.0", .keys = keys, .start = start, .handle = handle, .stop = stop };
"""

HEAD = """
[host]
runtime_dir = @DIR@/run
plugin_dir = @DIR@
admin = 127.0.0.1:0
workers = 2
[telemetry]
traces = none
metrics = none
logs = none
"""

ONE = HEAD + """
[plugin one]
listen = 127.0.0.1:0
"""

built = {}


def plugin(name, folder, out=None):
    """The service under that name, built once."""
    if name not in built:
        built[name] = cupola.compile_plugin(SERVICE, os.path.join(tempfile.gettempdir(), f"cupola-{os.getpid()}-{name}.so"),
                                            defines=[f'NAME="{name}"'])
    shutil.copy(built[name], out or os.path.join(folder, name + ".so"))


def host(config, names=("one",), **more):
    it = cupola.Cupola(config, **more)
    for name in names:
        plugin(name, it.dir)
    return it


def applied(it, what):
    """Sends SIGHUP and waits until the log has one more line with `what`."""
    before = it.log().count(what)
    it.process.send_signal(signal.SIGHUP)
    cupola.until(lambda: it.log().count(what) > before, f"{what!r} in the log")


def answers(it, name, text):
    cupola.until(lambda: it.get(name, "/").text == text, f"{name} to answer {text!r}")


# ---- starting ----

def test_ready_is_said_once_on_stdout():
    it = host(ONE)
    with it:
        assert it.output.count("ready\n") == 1
        assert it.get("one", "/").text == "default"
        assert re.search(r"one listens on http://127\.0\.0\.1:\d+", it.log())


def test_stopping_ends_with_status_zero_and_an_empty_runtime_folder():
    it = host(ONE)
    with it:
        assert it.stop() == 0, it.log()
        assert os.listdir(it.dir + "/run") == ["lock"]


def test_stop_returns_when_the_host_has_ended():
    it = host(ONE)
    with it:
        done = it.command("stop")
        assert done.returncode == 0, done.stderr
        assert it.process.wait(5) == 0
        assert it.command("stop").returncode != 0


def test_commands_mean_the_host_of_the_folder_they_are_given_in():
    it = host(ONE)
    with it:
        inside = os.path.join(it.dir, "a/b")
        os.makedirs(inside)

        def status(folder):
            return subprocess.run([cupola.BIN, "status", "--json"], cwd=folder, env=it.env, text=True, capture_output=True)

        assert json.loads(status(inside).stdout)["plugins"][0]["name"] == "one"
        with open(it.dir + "/a/host.conf", "w") as nearer:  # by which nobody runs
            nearer.write("[host]\nruntime_dir = run\n")
        assert json.loads(status(inside).stdout)["plugins"][0]["name"] == "one"
        assert it.conf not in status("/").stdout
        done = subprocess.run([cupola.BIN, "reload", "one"], cwd=inside, env=it.env, text=True, capture_output=True)
        assert done.returncode == 0 and "one" in done.stdout, done.stderr


def test_a_second_run_is_refused_with_the_pid():
    it = host(ONE)
    with it:
        second = it.command("run")
        assert second.returncode != 0
        assert f"a host is running there already (pid {it.process.pid})" in second.stderr


def test_a_taken_port_names_its_holder():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        it = host(HEAD + f"[plugin one]\nlisten = 127.0.0.1:{port}\n").start(expect_ready=False)
        try:
            assert it.process.wait(cupola.PATIENCE) != 0
            cupola.until(lambda: f"(pid {os.getpid()})" in it.log(), "the holder's pid")
            assert f"127.0.0.1:{port}: expected a free port, found it taken by" in it.log()
        finally:
            it.kill()
            shutil.rmtree(it.dir)


def test_two_runs_cannot_share_a_port():
    first = host(ONE)
    with first:
        port = first.port("one")
        second = host(HEAD + f"[plugin one]\nlisten = 127.0.0.1:{port}\n").start(expect_ready=False)
        try:
            assert second.process.wait(cupola.PATIENCE) != 0
            cupola.until(lambda: "expected a free port" in second.log(), "the refusal")
            assert first.get("one", "/").status == 200
        finally:
            second.kill()
            shutil.rmtree(second.dir)


def test_no_plugin_at_all_is_refused():
    it = host(HEAD, names=()).start(expect_ready=False)
    assert it.process.wait(cupola.PATIENCE) != 0
    cupola.until(lambda: "expected at least one [plugin NAME] with enabled = yes, found none" in it.log(), "the reason")
    shutil.rmtree(it.dir)


def test_a_missing_plugin_file_is_told_before_anything_starts():
    it = host(ONE, names=()).start(expect_ready=False)
    assert it.process.wait(cupola.PATIENCE) != 0
    cupola.until(lambda: "one.so: No such file or directory" in it.log(), "the reason")
    assert not os.path.exists(it.dir + "/run")
    shutil.rmtree(it.dir)


def test_the_control_socket_is_the_owners_alone():
    it = host(ONE)
    with it:
        assert stat.S_IMODE(os.stat(it.dir + "/run/control").st_mode) == 0o600
        assert stat.S_IMODE(os.stat(it.dir + "/run").st_mode) == 0o700


def test_rubbish_on_the_control_socket_hurts_nobody():
    it = host(ONE)
    with it:
        for text in (b"\n", b"hello\n", b"{}\n", b'{"do":"nothing"}\n', b'{"do":"load"}\n', b'{"do":"load","conf":{"name":1}}\n',
                     b"{" * 100000 + b"\n"):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(cupola.PATIENCE)
                s.connect(it.dir + "/run/control")
                s.sendall(text)
                with contextlib.suppress(ConnectionError):
                    reply = s.recv(4096)
                    assert reply == b"" or b'"error"' in reply, reply
        assert it.get("one", "/").status == 200


def test_it_works_from_a_deep_folder():
    deep = "/".join(["a-folder-with-a-rather-long-name"] * 8)
    it = host(ONE.replace("@DIR@/run", "@DIR@/" + deep))
    with it:
        assert it.status()["ready"]
        done = it.command("reload", "one")
        assert done.returncode == 0, done.stderr


# ---- workers ----

def test_workers_die_with_the_master():
    it = host(ONE)
    with it:
        pid = it.plugin("one")["pid"]
        it.process.kill()
        it.process.wait()
        cupola.until(lambda: not os.path.exists(f"/proc/{pid}"), "the worker's end")


def test_a_killed_worker_is_started_again_on_the_same_port():
    it = host(ONE)
    with it:
        port, pid = it.port("one"), it.plugin("one")["pid"]
        os.kill(pid, signal.SIGKILL)
        cupola.until(lambda: it.plugin("one")["pid"] not in (None, pid) and it.plugin("one")["state"] == "serving", "a new worker")
        assert it.port("one") == port
        assert it.get("one", "/").text == "default"
        assert it.plugin("one")["restarts"] == 1


def test_a_connection_that_comes_while_the_worker_is_gone_is_answered():
    it = host(ONE)
    with it:
        port, pid = it.port("one"), it.plugin("one")["pid"]
        os.kill(pid, signal.SIGKILL)
        assert cupola.request(port, "/").status == 200


def test_a_stop_while_a_service_starts_ends_in_order():
    it = cupola.Cupola(ONE)
    cupola.compile_plugin(SERVICE.replace("the_host = host;", "the_host = host; if (!host->flags) svc_sleep(host, 700);"),
                          it.dir + "/one.so", defines=['NAME="one"'])
    with contextlib.ExitStack() as end:
        end.callback(shutil.rmtree, it.dir, True)
        it.start(expect_ready=False)
        cupola.until(lambda: os.path.exists(it.dir + "/run/control") and it.plugin("one")["pid"], "the worker")
        it.command("status")  # has been answered by the worker, so it listens to us
        assert it.stop() == 0, it.log()
        assert "while it was stopping" not in it.log(), it.log()


def test_a_stop_does_not_wait_for_services_that_hang_in_start():
    it = cupola.Cupola(ONE.replace("workers = 2", "start_timeout = 1m"))
    cupola.compile_plugin(SERVICE.replace("the_host = host;", "the_host = host; if (!host->flags) svc_sleep(host, 60000);"),
                          it.dir + "/one.so", defines=['NAME="one"'])
    with contextlib.ExitStack() as end:
        end.callback(shutil.rmtree, it.dir, True)
        it.start(expect_ready=False)
        cupola.until(lambda: os.path.exists(it.dir + "/run/control") and it.plugin("one")["pid"], "the worker")
        it.command("status")  # has been answered by the worker, so it listens to us
        assert it.stop(patience=8) == 0, it.log()  # less than grace: nothing is in flight


def test_a_second_signal_ends_it_at_once():
    it = host(ONE)
    with it, socket.create_connection(("127.0.0.1", it.port("one"))) as s:
        s.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        cupola.until(lambda: it.plugin("one")["in_flight"] == 1, "the request in flight")
        it.process.terminate()
        cupola.until(lambda: "stopping" in it.log(), "the first signal")
        it.process.terminate()
        it.process.wait(5)


def test_processes_are_apart():
    it = host(ONE + "[plugin two]\nlisten = 127.0.0.1:0\nprocess = second\n", names=("one", "two"))
    with it:
        one, two = it.plugin("one")["pid"], it.plugin("two")["pid"]
        assert one != two
        os.kill(two, signal.SIGKILL)
        cupola.until(lambda: it.plugin("two")["pid"] not in (None, two), "a new second process")
        assert it.plugin("one")["pid"] == one and it.plugin("one")["restarts"] == 0


def test_the_process_that_takes_the_telemetry_is_stopped_last():
    port = cupola.free_port()
    telemetry = f"endpoint = http://127.0.0.1:{port}\ntraces.delay = 1h\nlogs.delay = 1h\nmetrics = none\n"
    it = host(HEAD.split("traces =")[0] + telemetry + "[plugin one]\nlisten = 127.0.0.1:0\n"
              f"[plugin two]\nprocess = sink\ninstrument = no\nlisten = 127.0.0.1:{port}\n", names=("one", "two"))
    with it:
        assert it.get("one", "/").status == 200
        assert "got /v1/traces" not in it.log()
        assert it.stop() == 0
        cupola.until(lambda: "stopped" in it.log(), "the last line")
        assert "got /v1/traces" in it.log() and it.log().count("got /v1/logs") >= 2, it.log()
        assert "lost" not in it.log(), it.log()


def test_as_root_workers_become_the_user():
    if os.geteuid() != 0:
        return  # nobody else can become somebody
    folder = os.path.realpath(cupola.STAGE)
    while folder != "/":
        if not os.stat(folder).st_mode & stat.S_IXOTH:
            print(f"# not tried: others may not enter {os.path.basename(folder)}/, where the program is")
            return
        folder = os.path.dirname(folder)
    it = host(ONE.replace("workers = 2", "workers = 2\nuser = nobody"))
    os.chmod(it.dir, 0o711)
    with it:
        uid = pwd.getpwnam("nobody").pw_uid
        status = open(f"/proc/{it.plugin('one')['pid']}/status").read()
        assert re.search(rf"^Uid:\s+{uid}\s+{uid}\s+{uid}\s+{uid}$", status, re.M), status
        assert re.search(r"^CapEff:\s+0+$", status, re.M), status
        assert it.get("one", "/").text == "default"
        assert it.command("reload", "one").returncode == 0


# ---- SIGHUP ----

def test_a_mistake_changes_nothing():
    it = host(ONE)
    with it:
        pid = it.plugin("one")["pid"]
        for bad in ("[plugin one]\n", "txet = a\n", "count = many\n", "[hots]\n", "[plugin two]\nlisten = 127.0.0.1:0\n"):
            it.write(ONE + "text = changed\n" + bad)
            applied(it, "nothing was changed")
            assert it.get("one", "/").text == "default", bad
        assert it.plugin("one")["pid"] == pid
        assert "[plugin one] txet: expected a key of this service, found an unknown one; did you mean text?" in it.log()


def test_a_changed_section_is_applied_without_a_new_process():
    it = host(ONE)
    with it:
        pid, port = it.plugin("one")["pid"], it.port("one")
        it.write(ONE + "text = changed\n")
        applied(it, "the difference is applied")
        answers(it, "one", "changed")
        assert it.plugin("one")["pid"] == pid and it.port("one") == port


def test_an_unchanged_file_changes_nothing():
    it = host(ONE)
    with it:
        applied(it, "nothing has changed")
        assert it.plugin("one")["generation"] == 1


def test_a_plugin_comes_and_goes():
    it = host(ONE, names=("one", "two"))
    with it:
        it.write(ONE + "[plugin two]\nlisten = 127.0.0.1:0\ntext = two\n")
        applied(it, "plugin two: loaded")
        answers(it, "two", "two")
        port = it.port("two")
        it.write(ONE + "[plugin two]\nenabled = no\nlisten = 127.0.0.1:0\ntext = two\n")
        applied(it, "plugin two: unloaded")
        assert [p["name"] for p in it.status()["plugins"]] == ["one"]
        with socket.socket() as s:
            assert s.connect_ex(("127.0.0.1", port)) != 0


def test_a_plugin_moves_to_a_process_of_its_own_and_back():
    it = host(ONE + "[plugin two]\nlisten = 127.0.0.1:0\n", names=("one", "two"))
    with it:
        main = it.plugin("one")["pid"]
        it.write(ONE + "[plugin two]\nlisten = 127.0.0.1:0\nprocess = second\n")
        applied(it, "the difference is applied")
        cupola.until(lambda: it.plugin("two")["pid"] not in (None, main), "the second process")
        answers(it, "two", "default")
        second = it.plugin("two")["pid"]
        it.write(ONE + "[plugin two]\nlisten = 127.0.0.1:0\n")
        applied(it, "the difference is applied")
        cupola.until(lambda: it.plugin("two")["pid"] == main, "the main process")
        answers(it, "two", "default")
        cupola.until(lambda: not os.path.exists(f"/proc/{second}"), "the second process's end")
        assert it.plugin("one")["pid"] == main


def test_a_listener_may_be_added_while_the_others_stay():
    first, second = cupola.free_port(), cupola.free_port()
    it = host(HEAD + f"[plugin one]\nlisten = 127.0.0.1:{first}\n")
    with it:
        it.write(HEAD + f"[plugin one]\nlisten = 127.0.0.1:{first}, more=127.0.0.1:{second}\n")
        applied(it, "plugin one: loaded")
        assert cupola.request(first, "/").status == 200
        assert cupola.request(second, "/").status == 200


def test_a_taken_port_changes_nothing():
    it = host(ONE, names=("one", "two"))
    with it, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        it.write(ONE + f"text = changed\n[plugin two]\nlisten = 127.0.0.1:0, 127.0.0.1:{taken.getsockname()[1]}\n")
        applied(it, "nothing was changed")
        assert it.get("one", "/").text == "default"
        assert [p["name"] for p in it.status()["plugins"]] == ["one"]


def test_what_all_processes_share_replaces_them_without_losing_a_request():
    it = host(ONE)
    with it:
        pid = it.plugin("one")["pid"]
        it.write(ONE.replace("[host]", "[host]\nfiber_stack = 512k"))
        it.process.send_signal(signal.SIGHUP)
        cupola.until(lambda: it.get("one", "/").status == 200 and it.plugin("one")["pid"] not in (None, pid), "the new process")
        cupola.until(lambda: not os.path.exists(f"/proc/{pid}"), "the old process's end")
        assert it.plugin("one")["restarts"] == 0


def children(it):
    """The workers: processes whose parent is the master."""
    found = set()
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            with open(f"/proc/{int(entry)}/stat") as f:
                if int(f.read().rpartition(")")[2].split()[1]) == it.process.pid:
                    found.add(int(entry))
    return found


def test_a_plugin_that_comes_back_while_its_process_still_ends_is_served():
    with_two = ONE + "[plugin two]\nlisten = 127.0.0.1:0\nprocess = second\n"
    it = host(with_two, names=("one", "two"))
    with it:
        before = it.plugin("two")["pid"]
        with socket.create_connection(("127.0.0.1", it.port("two"))) as slow:
            slow.sendall(b"GET /slower HTTP/1.1\r\nHost: x\r\n\r\n")
            cupola.until(lambda: it.plugin("two")["in_flight"] == 1, "the request to be in flight")
            it.write(ONE)
            applied(it, "plugin two: removed")
            it.write(with_two)
            applied(it, "the difference is applied")
            assert slow.recv(15) == b"HTTP/1.1 200 OK"
        cupola.until(lambda: it.plugin("two")["pid"] not in (None, before), "another process")
        answers(it, "two", "default")


def test_a_process_without_plugins_ends_with_the_others():
    it = host(ONE + "[plugin two]\nlisten = 127.0.0.1:0\nprocess = second\n", names=("one", "two"))
    with it:
        before = children(it)
        it.write(ONE.replace("[host]", "[host]\nfiber_stack = 512k"))
        applied(it, "every process is replaced")
        cupola.until(lambda: not before & children(it), "the old processes' end")
        cupola.until(lambda: it.plugin("one")["state"] == "serving", "the new process")
        assert children(it) == {it.plugin("one")["pid"]}


def test_another_file_is_loaded_when_every_process_is_replaced():
    it = host(ONE)
    with it:
        cupola.compile_plugin(SERVICE.replace('"default"', '"other"'), it.dir + "/other.so", defines=['NAME="one"'])
        it.write(ONE.replace("[host]", "[host]\nfiber_stack = 512k") + "path = @DIR@/other.so\n")
        applied(it, "every process is replaced")
        answers(it, "one", "other")


def test_a_changed_max_body_counts_without_a_new_process():
    it = host(ONE + "max_body = 16\n")
    with it:
        assert it.get("one", "/", method="POST", body="x" * 17).status == 413
        it.write(ONE + "max_body = 32\ntext = changed\n")
        applied(it, "the difference is applied")
        answers(it, "one", "changed")
        assert it.get("one", "/", method="POST", body="x" * 17).status == 200
        assert it.get("one", "/", method="POST", body="x" * 33).status == 413


# ---- --watch ----

def test_a_saved_plugin_is_reloaded():
    it = host(ONE, args=["--watch"])
    with it:
        plugin("one", it.dir, it.dir + "/new")
        os.rename(it.dir + "/new", it.dir + "/one.so")
        cupola.until(lambda: it.plugin("one")["generation"] == 2, "generation 2")
        cupola.until(lambda: "plugin one was saved and reloaded: generation 2" in it.log(), "the log")


def test_half_a_file_is_not_loaded():
    it = host(ONE, args=["--watch"])
    with it:
        with open(built["one"], "rb") as whole:
            half = whole.read(6000)
        with open(it.dir + "/new", "wb") as f:
            f.write(half)
        os.rename(it.dir + "/new", it.dir + "/one.so")
        cupola.until(lambda: "plugin one was saved, and not reloaded" in it.log(), "the refusal")
        assert it.get("one", "/").status == 200
        assert it.plugin("one")["generation"] == 1


# ---- commands ----

def test_commands_fail_with_one_sentence():
    it = host(ONE)
    for args, expected in (
            (["rnu"], "did you mean run?"),
            (["run", "--wacth"], "did you mean --watch?"),
            (["run", "extra"], "one argument too many"),
            (["run", "-c"], "-c needs a value behind it"),
            (["new"], "an argument is missing"),
            (["new", "../up"], "expected a name of at most 63 lower-case letters"),
            (["new", "Upper"], "expected a name of at most 63 lower-case letters"),
            (["check", it.dir + "/nothing"], "No such file or directory"),
            (["memcheck", it.dir + "/nothing"], "No such file or directory"),
            (["status", "-c", it.conf], "no host is running"),
            (["stop", "-c", it.conf], "no host is running"),
            (["reload", "-c", it.conf], "no host is running"),
            (["dev", it.dir + "/nowhere"], "No such file or directory"),
            (["--nonsense"], "unknown option --nonsense")):
        done = cupola.run(*args)
        assert done.returncode != 0, args
        assert done.stdout == "", (args, done.stdout)
        assert done.stderr.count("\n") == 1 and expected in done.stderr, (args, done.stderr)
        assert "\033" not in done.stderr
    shutil.rmtree(it.dir)


def test_help_is_there_for_each_command():
    for command in ("run", "check-config", "reload", "status", "stop", "new", "dev", "version", "workshop", "check", "memcheck"):
        done = cupola.run(command, "--help")
        usage = "cupola workshop - " if command == "workshop" else f"Usage: cupola {command}"
        assert done.returncode == 0 and done.stdout.startswith(usage), (command, done)
        assert done.stderr == ""
    assert "cupola run" in cupola.run("--help").stdout


def test_check_config_tells_every_mistake():
    it = host(ONE)
    good = it.command("check-config")
    assert good.returncode == 0 and "no mistakes; 1 of 1 plugins enabled" in good.stdout, good
    it.write(ONE + "txet = a\ncount = many\n[hots]\n")
    bad = it.command("check-config")
    assert bad.returncode != 0
    first = 1 + ONE.count("\n")  # ONE begins with an empty line
    for line, expected in ((0, "[plugin one] txet: expected a key of this service, found an unknown one; did you mean text?"),
                           (1, '[plugin one] count: expected a whole number, found "many"'),
                           (2, "[hots]: expected [host], [telemetry], [resource] or [plugin NAME], found an unknown section; did you mean host?")):
        assert f"{it.conf}:{first + line}: {expected}\n" in bad.stderr, bad.stderr
    assert "3 mistakes in the configuration" in bad.stderr
    assert "\033" not in bad.stderr
    shutil.rmtree(it.dir)


def test_a_file_that_is_no_plugin_does_not_hurt_the_checker():
    it = host(ONE + "path = one.so\n", names=())
    with open(it.conf) as f:
        line = len(f.readlines())
    for content in (b"", b"not a plugin", b"\x7fELF" + b"\0" * 100):
        with open(it.dir + "/one.so", "wb") as f:
            f.write(content)
        done = it.command("check-config")
        assert done.returncode == 1, done
        assert f"host.conf:{line}: [plugin one] path: expected a service, found:" in done.stderr, done.stderr
    shutil.rmtree(it.dir)


def test_an_unknown_plugin_cannot_be_reloaded():
    it = host(ONE)
    with it:
        done = it.command("reload", "two")
        assert done.returncode != 0
        assert 'expected the name of an enabled plugin, found "two"' in done.stderr


def test_a_long_message_of_other_letters_arrives():
    for ascii in ("", "a"):  # so that the message is cut within a letter in one of them
        folder = tempfile.mkdtemp(prefix=ascii) + "/" + "\u00e4" * 100
        os.mkdir(folder)
        plugin("one", folder)
        it = cupola.Cupola(ONE + f"path = {folder}/one.so\n")
        with it:
            os.unlink(folder + "/one.so")
            out = it.command("reload", "one", timeout=cupola.PATIENCE)
            assert out.returncode != 0 and "\u00e4" in out.stderr, out
        shutil.rmtree(os.path.dirname(folder))


def test_what_was_built_anew_is_reloaded_without_a_name():
    it = host(ONE + "[plugin two]\nlisten = 127.0.0.1:0\nprocess = second\n", names=("one", "two"))
    with it:
        cupola.compile_plugin(SERVICE.replace('"default"', '"other"'), it.dir + "/two.so", defines=['NAME="two"'])
        done = it.command("reload")
        assert done.returncode == 0, done.stderr
        assert re.match(r"two: generation 2", done.stdout) and len(done.stdout.splitlines()) == 1, done.stdout
        answers(it, "two", "other")


# ---- new services ----

def test_a_new_service_is_built_loaded_watched_and_unloaded():
    it = host(ONE)
    folder = tempfile.mkdtemp(prefix="cupola-new-")
    done = subprocess.run([cupola.BIN, "new", "my-service"], cwd=folder, env=it.env, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(folder + "/my-service")) == ["Makefile", "README.md", "app.c", "host.conf"]
    port = cupola.free_port()
    conf = folder + "/my-service/host.conf"
    with open(conf) as f:
        text = f.read()
    with open(conf, "w") as f:
        f.write(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", text))
    san = os.environ.get("CUPOLA_SAN", "")
    env = dict(it.env, CFLAGS="-O1 -g " + san, LDFLAGS=san, CC=os.environ.get("CUPOLA_CC", "cc"),
               PKG_CONFIG_SYSROOT_DIR="", MAKEFLAGS="")
    with it:
        dev = subprocess.Popen([cupola.BIN, "dev", "my-service", "-c", it.conf], cwd=folder, env=env, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            cupola.until(lambda: any(p["name"] == "my-service" and p["state"] == "serving" for p in it.status()["plugins"]),
                         "the new service")
            assert cupola.request(port, "/?name=you").text == "Hello, you!\n"
            source = folder + "/my-service/app.c"
            with open(source) as f:
                text = f.read()
            with open(source, "w") as f:
                f.write(text.replace("%s, %s!", "%s, dear %s!"))
            cupola.until(lambda: cupola.request(port, "/?name=you").text == "Hello, dear you!\n", "the change")
            with open(source, "w") as f:
                f.write("a mistake\n" + text)
            assert cupola.request(port, "/?name=you").text == "Hello, dear you!\n"
            # What it does to itself, it does for a moment: the next process has it too.
            pid = it.plugin("my-service")["pid"]
            with open(source, "w") as f:
                f.write(text.replace("char text[256];", "char text[256];\n\n\tif (name && *name == '!')\n\t\tabort();")
                        .replace("#include <errno.h>", "#include <errno.h>\n#include <stdlib.h>"))
            cupola.until(lambda: cupola.request(port, "/?name=you").text == "Hello, you!\n", "the service that crashes")
            try:
                cupola.request(port, "/?name=!")
            except (OSError, http.client.HTTPException):
                pass
            cupola.until(lambda: it.plugin("my-service")["pid"] not in (0, None, pid), "the process to be back")
            assert cupola.request(port, "/?name=you").text.endswith("you!\n")
            assert it.get("one", "/").status == 200
        finally:
            dev.terminate()
            dev.communicate(timeout=cupola.PATIENCE)
        cupola.until(lambda: [p["name"] for p in it.status()["plugins"]] == ["one"], "the service to go")
        assert it.get("one", "/").status == 200
    shutil.rmtree(folder)


def test_dev_starts_a_host_of_its_own_and_is_told_by_set():
    it = host(ONE)
    folder = it.dir + "/it's \"mine\", too"
    os.makedirs(folder + "/thing")
    plugin("thing", folder + "/thing")
    with open(folder + "/thing/Makefile", "w") as f:
        f.write("all:\n")
    with open(folder + "/thing/host.conf", "w") as f:
        f.write("[plugin thing]\nlisten = 127.0.0.1:1\ntext = from the file\n")
    dev = subprocess.Popen([cupola.BIN, "dev", folder + "/thing", "-c", it.conf, "--set", "plugin thing.listen=127.0.0.1:0"],
                           env=it.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        said = []
        while not said or "watching" not in said[-1]:
            said.append(dev.stdout.readline())
            assert said[-1], said
        assert it.get("thing", "/").text == "from the file", said
        with open(f"/proc/{it.status()['pid']}/comm") as f:
            assert f.read() == "cupola\n"
        for _ in range(2):  # more than a pipe holds: it comes out here, and blocks nobody
            assert it.get("thing", "/?print").status == 200
            while not dev.stdout.readline().endswith(": 1199\n"):
                pass
        assert it.plugin("thing")["restarts"] == 0, it.plugin("thing")
        dev.terminate()
        assert dev.wait(cupola.PATIENCE) == 0
        assert it.command("status").returncode != 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(dev.pid, signal.SIGKILL)
        dev.stdout.close()
        shutil.rmtree(it.dir)


if __name__ == "__main__":
    try:
        cupola.main()
    finally:
        for path in built.values():
            for end in ("", ".c"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path + end)
