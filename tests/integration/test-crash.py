# SPDX-License-Identifier: Apache-2.0
"""Services that crash, hang or will not load: who is told what, and who does not notice."""

import os
import re
import shutil
import signal
import socket
import time

import cupola
from load import Load

SERVICE = """
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cupola/service.h>

static int start(const struct svc_host *host, void **self, struct otel_error *err)
{
	START
	return 0;
}

__attribute__((noinline)) static int deeper(volatile int *address)
{
	return *address + 1; /* the line that fails */
}

__attribute__((noinline)) static int bottomless(volatile int depth)
{
	volatile char room[512];

	room[depth % 512] = 1;
	return depth < 0 ? 0 : bottomless(depth + 1) + room[0];
}

static volatile int endless = 1;

/* As long as it takes to use so much of a processor. */
static void work(int ms)
{
	struct timespec now, end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	end.tv_sec += (end.tv_nsec + ms * 1000000L) / 1000000000L;
	end.tv_nsec = (end.tv_nsec + ms * 1000000L) % 1000000000L;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

static int handle(void *self, struct svc_request *req)
{
	if (!strcmp(req->path, "/crash"))
		return deeper((volatile int *)(long)8) + 1;
	if (!strcmp(req->path, "/abort"))
		abort();
	if (!strcmp(req->path, "/overflow"))
		return bottomless(0);
	while (!strcmp(req->path, "/loop") && endless)
		;
	if (!strcmp(req->path, "/work"))
		work(200);
	if (!strcmp(req->path, "/block"))
		usleep(400000);
	return svc_reply_text(req, 200, "build " BUILD "\\n");
}

static void stop(void *self)
{
}

SVC_PLUGIN = { SVC_ABI, .name = NAME, .version = "1.0", .start = start, .handle = handle, .stop = stop };
"""

CONFIG = """
[host]
runtime_dir = @DIR@/run
admin = 127.0.0.1:0
workers = 1
start_timeout = 1s
stall_kill = 1s
[telemetry]
traces = none
metrics = none
logs = console
logs.processor = simple
[plugin faulty]
enabled = yes
instrument = no
process = faulty
path = @DIR@/faulty.so
listen = 127.0.0.1:0
[plugin steady]
enabled = yes
instrument = no
path = @DIR@/steady.so
listen = 127.0.0.1:0
"""


def build(host, out, name="faulty", start=""):
    return cupola.compile_plugin(SERVICE, os.path.join(host.dir, out + ".so"),
                                 defines=[f'BUILD="{out}"', f'NAME="{name}"', f"START={start}"])


def thread_ticks(pid, name):
    """The processor time that a thread has used, in hundredths of a second."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat") as f:
            head, _, rest = f.read().rpartition(")")
        if head.partition("(")[2] == name:
            return int(rest.split()[11]) + int(rest.split()[12])
    return 0


def start(faulty="", stall_kill="1s"):
    host = cupola.Cupola(CONFIG.replace("stall_kill = 1s", f"stall_kill = {stall_kill}"))
    build(host, "steady", "steady")
    build(host, "faulty", start=faulty)
    return host


def provoke(host, path):
    try:
        cupola.request(host.port("faulty"), path)
    except OSError:
        pass
    except Exception as e:  # http.client has its own for an answer that never came
        assert "Remote" in type(e).__name__ or "BadStatus" in type(e).__name__, e


def serves(host, text="build faulty\n"):
    try:
        return cupola.request(host.port("faulty"), "/").text == text
    except Exception:
        return False


def test_a_crash_names_plugin_signal_file_and_line_and_harms_no_other_process():
    line = next(i for i, l in enumerate(SERVICE.splitlines(), 1) if "the line that fails" in l)
    with start() as host:
        pid = host.plugin("faulty")["pid"]
        with Load(host.port("steady"), connections=8) as load:
            cupola.until(lambda: load.served > 100, "the load")
            load.slowest, since = 0.0, time.monotonic()
            provoke(host, "/crash")
            cupola.until(lambda: serves(host), "the service to be back")
            took = time.monotonic() - since
            cupola.until(lambda: host.plugin("faulty")["pid"] not in (None, pid), "the new process")
            cupola.until(lambda: " at " in (host.plugin("faulty")["last_crash"] or ""), "the crash in the status")
        assert not load.failed and load.reset == 0
        print(f"# back in {took * 1e3:.0f} ms; the other process answered in {load.slowest * 1e3:.0f} ms at most")
        if not os.environ.get("CUPOLA_SAN"):  # sanitizers have a pace of their own
            assert took < 1, f"it was away for {took:.1f} s"
            assert load.slowest < 0.5, f"the other process paused for {load.slowest:.1f} s"
        text = host.plugin("faulty")["last_crash"]
        assert text.startswith("SIGSEGV at"), text
        assert f"faulty.so.c:{line} (deeper)" in text.splitlines()[0], text
        assert re.search(r"handle at .*faulty\.so\.c:", text), text
        cupola.until(lambda: "cupola.service.crashed" in host.log(), "the log record of the crash")


def test_an_abort_names_the_line_in_the_service():
    line = next(i for i, l in enumerate(SERVICE.splitlines(), 1) if "abort();" in l)
    with start() as host:
        provoke(host, "/abort")
        cupola.until(lambda: serves(host), "the process to be back")
        cupola.until(lambda: " at " in (host.plugin("faulty")["last_crash"] or ""), "the crash in the status")
        text = host.plugin("faulty")["last_crash"]
        assert text.startswith("SIGABRT"), text
        assert f"faulty.so.c:{line}" in text, text


def test_a_stack_that_overflows_is_told_like_any_crash():
    with start() as host:
        provoke(host, "/overflow")
        cupola.until(lambda: serves(host), "the process to be back")
        cupola.until(lambda: " at " in (host.plugin("faulty")["last_crash"] or ""), "the crash in the status")
        text = host.plugin("faulty")["last_crash"]
        assert text.startswith("SIGSEGV"), text
        assert "bottomless" in text.splitlines()[0] and "the stack is full" in text.splitlines()[0], text


def test_an_endless_loop_is_ended_as_a_crash_with_its_line():
    line = next(i for i, l in enumerate(SERVICE.splitlines(), 1) if '"/loop"' in l)
    with start() as host:
        pid = host.plugin("faulty")["pid"]
        provoke(host, "/loop")
        cupola.until(lambda: host.plugin("faulty")["pid"] not in (None, pid) and serves(host), "the process to be back")
        cupola.until(lambda: " at " in (host.plugin("faulty")["last_crash"] or ""), "the crash in the status")
        text = host.plugin("faulty")["last_crash"]
        assert re.search(rf"faulty\.so\.c:({line}|{line + 1})\b", text), text
        assert "has been stalled for" in host.log()


def test_a_stall_is_reported_once_with_its_stack():
    with start() as host:
        pid = host.plugin("faulty")["pid"]
        assert cupola.request(host.port("faulty"), "/block").status == 200
        cupola.until(lambda: "has been stalled for" in host.log(), "the report")
        # Without "once" it would be one every 50 ms; another may be a busy machine's own.
        assert host.log().count("has been stalled for") <= 2, host.log()
        assert "faulty.so.c:" in host.log()
        assert host.plugin("faulty")["pid"] == pid


def test_a_process_that_was_stopped_meanwhile_is_not_stalled():
    with start(stall_kill="2s") as host:
        pid, began = host.plugin("faulty")["pid"], time.monotonic()
        with socket.create_connection(("127.0.0.1", host.port("faulty"))) as s:
            s.sendall(b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n")
            cupola.until(lambda: thread_ticks(pid, "loop-0") > 2, "the loop to be at work")
            os.kill(pid, signal.SIGSTOP)
            cupola.until(lambda: time.monotonic() - began > 4, "longer than a stall may last")
            os.kill(pid, signal.SIGCONT)
            assert s.recv(15) == b"HTTP/1.1 200 OK"
        assert host.plugin("faulty")["pid"] == pid


def test_a_crash_soon_after_a_reload_rolls_back():
    with start() as host:
        shutil.copy(build(host, "second"), os.path.join(host.dir, "new.so"))
        os.rename(os.path.join(host.dir, "new.so"), os.path.join(host.dir, "faulty.so"))
        assert host.command("reload", "faulty").returncode == 0
        assert serves(host, "build second\n")
        provoke(host, "/crash")
        cupola.until(lambda: serves(host), "the generation before")
        assert host.plugin("faulty")["generation"] == 1


def test_a_start_that_crashes_in_earnest_leaves_the_generation_before():
    with start() as host:
        pid = host.plugin("faulty")["pid"]
        build(host, "next", start="if (!(host->flags & SVC_TRYING)) *(volatile int *)8 = 1;")
        os.rename(os.path.join(host.dir, "next.so"), os.path.join(host.dir, "faulty.so"))
        out = host.command("reload", "faulty")
        assert out.returncode != 0 and out.stderr.strip(), out
        cupola.until(lambda: host.plugin("faulty")["pid"] not in (None, pid) and serves(host), "the process to be back")
        assert host.plugin("faulty")["generation"] == 1


def test_three_crashes_leave_the_plugin_out_and_the_rest_running():
    with start() as host:
        for _ in range(3):
            cupola.until(lambda: serves(host), "the process to be back")
            provoke(host, "/crash")

        def left_out():
            try:
                return cupola.request(host.port("faulty"), "/").status == 503
            except Exception:
                return False

        cupola.until(left_out, "503")
        answer = cupola.request(host.port("faulty"), "/")
        assert "crash" in answer.text, answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert cupola.request(host.port("steady"), "/").text == "build steady\n"
        assert host.plugin("faulty")["state"] == "failed"
        # A new build brings it back.
        assert host.command("reload", "faulty").returncode == 0
        assert serves(host)


def refused_at_start(faulty, words):
    with start(faulty) as host:
        plugin = host.plugin("faulty")
        assert plugin["state"] == "failed", plugin
        answer = cupola.request(host.port("faulty"), "/")
        assert answer.status == 503 and words in answer.text, answer.text
        assert words in host.log()
        cupola.until(lambda: "cupola.service.refused" in host.log(), "the log record of the refusal")
        assert cupola.request(host.port("steady"), "/").text == "build steady\n"
        build(host, "faulty")
        assert host.command("reload", "faulty").returncode == 0
        assert serves(host)


def test_a_start_that_fails_is_told():
    refused_at_start('return otel_error_set(err, -2, "the catalogue is empty");', "the catalogue is empty")


def test_a_start_that_crashes_costs_its_trial_only():
    refused_at_start("*(volatile int *)8 = 1;", "start() crashed in a trial run: SIGSEGV at ")


def test_a_start_that_exits_costs_its_trial_only():
    refused_at_start("exit(3);", "start() ended the process with status 3 in a trial run; a service returns an error instead")


def test_a_start_that_hangs_is_given_up():
    refused_at_start("for (;;) pause();", "start()")


if __name__ == "__main__":
    cupola.main()
