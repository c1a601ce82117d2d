#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The host beside nginx, on one machine in one run.

What is compared takes turns: A B C, then C B A, and so on; a figure is the median over the rounds, and a
ratio the median of the rounds' ratios, so that other work on the machine weighs on all alike. The judge is
CPU time per request: user and system time of all of a server's processes and threads, divided by what was
answered. Requests per second say as much of wrk, which shares the cores.

    make bench                                  all of it, with the SDK's benches
    tests/bench/bench-host.py [--quick] [PART ...]   parts: small pipelined connections idle gateway reload
"""

import argparse
import contextlib
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../integration"))
import cupola  # noqa: E402

BENCH = os.path.join(cupola.BUILDDIR, "tests/bench")
TICK = os.sysconf("SC_CLK_TCK")
BODY = ('{"distance": 8231.44, "location": {"latitude": 49.87, "longitude": 8.65}, '
        '"place": "Darmstadt, DE"}\n')
CONNECTIONS = 64

# ---- servers ----


class Server:
    """A tree of processes that serves `port`."""

    def __init__(self, name, pids, port):
        self.name, self.pids, self.port = name, pids, port

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def cpu(self, thread=""):
        """Seconds of CPU of all its threads, or of those whose name begins so."""
        total = 0
        for pid in self.pids:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/stat") as f:
                    name, fields = re.match(r"\d+ \((.*)\) (.*)", f.read()).groups()
                if name.startswith(thread):
                    total += sum(map(int, fields.split()[11:13]))
        return total / TICK

    def resident(self):
        """Bytes of memory of the process that serves."""
        with open(f"/proc/{self.pids[-1]}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) * 1024


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]


NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid @DIR@/nginx.pid;
error_log stderr error;
events { worker_connections 16000; }
http {
	access_log off;
	client_body_temp_path @DIR@/body;
	proxy_temp_path @DIR@/proxy;
	fastcgi_temp_path @DIR@/fastcgi;
	uwsgi_temp_path @DIR@/uwsgi;
	scgi_temp_path @DIR@/scgi;
	keepalive_requests 1000000000;
	default_type application/json;
	upstream behind { server 127.0.0.1:@UPSTREAM@; keepalive 64; keepalive_requests 1000000000; }
	server {
		listen 127.0.0.1:@PORT@ backlog=4096;
		location / { return 200 '@BODY@'; }
		location /one {
			proxy_pass http://behind/;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
"""


@contextlib.contextmanager
def nginx(upstream=None):
    directory = tempfile.mkdtemp(prefix="cupola-bench-")
    port = cupola.free_port()
    conf = NGINX.replace("@DIR@", directory).replace("@PORT@", str(port))
    conf = conf.replace("@UPSTREAM@", str(upstream.port if upstream else 1)).replace("@BODY@", BODY)
    if os.geteuid() == 0:
        conf = "user root;" + conf
    with open(os.path.join(directory, "nginx.conf"), "w") as f:
        f.write(conf)
    # In a session of its own, as cupola.py starts the host: the kernel shares a core out by sessions first.
    process = subprocess.Popen(["nginx", "-p", directory, "-c", os.path.join(directory, "nginx.conf")],
                               stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        cupola.until(lambda: children(process.pid) and answers(port), "nginx")
        yield Server("nginx", [process.pid, *children(process.pid)], port)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


CONFIG = """
[host]
runtime_dir = @DIR@/run
admin =
workers = 1
log_level = warn
[telemetry]
endpoint = http://127.0.0.1:@SINK@
@SIGNALS@
[plugin small]
path = @PLUGIN@
listen = 127.0.0.1:0
instrument = @INSTRUMENT@
upstream = http://127.0.0.1:@UPSTREAM@/
"""

DARK = "traces = none\nmetrics = none\nlogs = none"


@contextlib.contextmanager
def host(name, plugin, signals=DARK, sink=1, upstream=None):
    conf = CONFIG.replace("@PLUGIN@", plugin).replace("@SINK@", str(sink)).replace("@SIGNALS@", signals)
    conf = conf.replace("@INSTRUMENT@", "no" if signals is DARK else "yes")
    conf = conf.replace("@UPSTREAM@", str(upstream.port if upstream else 1))
    with cupola.Cupola(conf) as running:
        pid = running.plugin("small")["pid"]
        server = Server(name, [running.process.pid, pid], running.port("small"))
        server.running = running
        yield server


def answers(port):
    try:
        return cupola.request(port, "/").body == BODY.encode()
    except OSError:
        return False


@contextlib.contextmanager
def sink():
    """Where telemetry goes: it is read and answered, no more."""
    process = subprocess.Popen([os.path.join(BENCH, "bench-sink")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


def build_plugin(directory):
    out = os.path.join(directory, "small.so")
    cc = os.environ.get("CUPOLA_CC", "cc").split()
    subprocess.run([*cc, "-shared", "-fPIC", "-g", "-O2", *os.environ.get("CUPOLA_SAN", "").split(),
                    f"-I{cupola.STAGE}/include", os.path.join(HERE, "plugin-small.c"), "-o", out], check=True)
    return out


# ---- load ----


class Sample:
    def __init__(self, requests, seconds, errors, p50, p99, cpu, loop):
        self.requests, self.errors = requests, errors
        self.rate = requests / seconds
        self.p50, self.p99 = p50 / 1e3, p99 / 1e3  # milliseconds
        self.cpu = cpu * 1e6 / max(requests, 1)  # microseconds per request
        self.loop = loop * 1e6 / max(requests, 1)  # of it, on the loop's thread


def wrk(server, path="/", seconds=2, pipeline=1, close=False):
    before, loop = server.cpu(), server.cpu("loop")
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", os.path.join(HERE, "wrk.lua"), server.url(path)]
    if close:
        command += ["-H", "Connection: close"]
    command += ["--", str(pipeline)]
    out = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30)
    found = re.search(r"^result (\d+) (\d+) (\d+) (\d+) (\d+)$", out.stdout, re.M)
    if not found:
        raise AssertionError(f"wrk: {out.stdout}{out.stderr}")
    requests, us, errors, p50, p99 = map(int, found.groups())
    return Sample(requests, us / 1e6, errors, p50, p99, server.cpu() - before, server.cpu("loop") - loop)


def interleave(things, rounds, run):
    """{name: [sample, ...]}, forwards in one round, backwards in the next."""
    samples = {name: [] for name, _ in things}
    for i in range(rounds):
        for name, thing in things if i % 2 == 0 else reversed(things):
            samples[name].append(run(thing))
    return samples


def median(samples, what):
    return statistics.median(getattr(s, what) for s in samples)


def paired(samples, others, what):
    return statistics.median(getattr(a, what) / max(getattr(b, what), 1e-9) for a, b in zip(samples, others))


# ---- the table ----


class Table:
    HEADS = ("what", "ours", "beside it", "ratio", "target", "holds")

    def __init__(self):
        self.rows = []

    def add(self, what, ours, beside="", ratio="", target="", holds=None):
        row = (what, ours, beside, ratio, target, "" if holds is None else "yes" if holds else "no")
        self.rows.append(row)

    def show(self):
        widths = [max(len(r[i]) for r in [self.HEADS, *self.rows]) for i in range(len(self.HEADS))]
        for row in [self.HEADS, tuple("-" * w for w in widths), *self.rows]:
            print("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |")


def us(value):
    return f"{value:.2f} µs"


def cpu_row(table, what, ours, beside, target=None):
    ratio = paired(ours, beside, "cpu")
    table.add(f"{what}: CPU per request", us(median(ours, "cpu")), f"nginx {us(median(beside, 'cpu'))}", f"{ratio:.2f}",
              f"≤ {target:.2f} × nginx" if target else "", ratio <= target if target else None)


def rate_row(table, what, ours, beside, target=None):
    ratio = paired(ours, beside, "rate")
    table.add(f"{what}: requests per second", f"{median(ours, 'rate'):,.0f}", f"nginx {median(beside, 'rate'):,.0f}",
              f"{ratio:.2f}", f"≥ {target:.1f} × nginx" if target else "", ratio >= target if target else None)


def errors_of(*lists):
    wrong = sum(s.errors for samples in lists for s in samples)
    if wrong:
        print(f"{wrong} requests failed", file=sys.stderr)
    return wrong


def latency_row(table, what, ours, beside):
    table.add(f"{what}: p50, p99 with {CONNECTIONS} connections",
              f"{median(ours, 'p50'):.2f}, {median(ours, 'p99'):.2f} ms",
              f"nginx {median(beside, 'p50'):.2f}, {median(beside, 'p99'):.2f} ms")


# ---- the parts ----


def syscalls(server):
    """System calls per request while wrk runs, by perf; None without it."""
    if not shutil.which("perf"):
        return None
    process = subprocess.Popen(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", ",".join(map(str, server.pids))],
                               stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    time.sleep(0.3)  # perf attaches
    sample = wrk(server, seconds=1)
    process.send_signal(2)
    out = process.communicate()[1]
    found = re.search(r"^(\d+),.*raw_syscalls:sys_enter", out, re.M)
    return int(found.group(1)) / sample.requests if found else None


def drops(server):
    """What the host says of full queues."""
    return re.findall(r"the queue was full, (\d+ \w+.*dropped) so far", server.running.log())


def small(table, plugin, quick):
    seconds, rounds = (1, 2) if quick else (2, 6)
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        port = enter(sink())
        beside = enter(nginx())
        dark = enter(host("dark", plugin))
        spans = enter(host("spans", plugin, "traces = otlp\nmetrics = otlp\nlogs = none", port))
        every = enter(host("all", plugin, "traces = otlp\nmetrics = otlp\nlogs = otlp", port))
        things = [(s.name, s) for s in (beside, dark, spans, every)]
        for _, server in things:
            wrk(server, seconds=1)
        got = interleave(things, rounds, lambda s: wrk(s, seconds=seconds))
        errors_of(*got.values())
        cpu_row(table, "small reply, dark", got["dark"], got["nginx"], 1.10)
        cpu_row(table, "small reply, spans and metrics to OTLP", got["spans"], got["nginx"], 1.10)
        for name, what in (("spans", "spans and metrics"), ("all", "spans, metrics, access records")):
            ratio = statistics.median(a.loop / b.cpu for a, b in zip(got[name], got["nginx"]))
            if name == "all":
                cpu_row(table, f"small reply, {what} to OTLP", got[name], got["nginx"], 1.10)
            table.add("   of it on the loop, without the exporter's thread", us(median(got[name], "loop")), "", f"{ratio:.2f}")
        table.add("   telemetry lost on the way", "; ".join(drops(spans) + drops(every)) or "none")
        rate_row(table, "small reply, dark", got["dark"], got["nginx"])
        rate_row(table, "small reply, spans, metrics, records", got["all"], got["nginx"])
        latency_row(table, "small reply, dark", got["dark"], got["nginx"])
        latency_row(table, "small reply, spans, metrics, records", got["all"], got["nginx"])
        calls, theirs = syscalls(dark), syscalls(beside)
        if calls is not None:
            table.add("small reply, dark: system calls per request", f"{calls:.2f}", f"nginx {theirs:.2f}", "", "2.0", calls <= 2.15)


def pipelined(table, plugin, quick):
    seconds, rounds = (1, 2) if quick else (2, 4)
    with nginx() as beside, host("dark", plugin) as dark:
        got = interleave([("nginx", beside), ("dark", dark)], rounds, lambda s: wrk(s, seconds=seconds, pipeline=16))
    errors_of(*got.values())
    cpu, rate = paired(got["dark"], got["nginx"], "cpu"), paired(got["dark"], got["nginx"], "rate")
    table.add("16 pipelined, dark: requests per second", f"{median(got['dark'], 'rate'):,.0f}",
              f"nginx {median(got['nginx'], 'rate'):,.0f}", f"{rate:.2f}", "≥ 5 × nginx", rate >= 5)
    table.add("16 pipelined, dark: CPU per request", us(median(got["dark"], "cpu")), f"nginx {us(median(got['nginx'], 'cpu'))}",
              f"{cpu:.2f}")


def connections(table, plugin, quick):
    seconds, rounds = (1, 2) if quick else (2, 6)
    with nginx() as beside, host("dark", plugin) as dark:
        got = interleave([("nginx", beside), ("dark", dark)], rounds, lambda s: wrk(s, seconds=seconds, close=True))
    errors_of(*got.values())
    rate_row(table, "a new connection each, dark", got["dark"], got["nginx"], 1.0)
    cpu_row(table, "a new connection each, dark", got["dark"], got["nginx"])


def idle_bytes(server, n):
    wrk(server, seconds=1)
    before = server.resident()
    open_ones = []
    try:
        for _ in range(n):
            s = socket.create_connection(("127.0.0.1", server.port))
            open_ones.append(s)
            s.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            if BODY.encode() not in s.recv(4096):
                raise AssertionError("a connection was not answered")
        return (server.resident() - before) / n
    finally:
        for s in open_ones:
            s.close()


def idle(table, plugin, quick):
    n = 1000 if quick else 5000
    with host("dark", plugin) as dark:
        ours = idle_bytes(dark, n)
    with nginx() as beside:
        theirs = idle_bytes(beside, n)
    table.add(f"an idle keep-alive connection, of {n:,}", f"{ours:.0f} B", f"nginx {theirs:.0f} B", f"{ours / theirs:.2f}",
              "≤ 571 B", ours <= 571)


def gateway(table, plugin, quick):
    seconds, rounds = (1, 2) if quick else (2, 5)
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(nginx())
        beside = stack.enter_context(nginx(upstream))
        dark = stack.enter_context(host("dark", plugin, upstream=upstream))
        things = [("plain", (beside, "/")), ("proxy", (beside, "/one")),
                  ("none", (dark, "/")), ("one", (dark, "/one")), ("two", (dark, "/two"))]
        for _, (server, path) in things:
            wrk(server, path, seconds=1)
        got = interleave(things, rounds, lambda thing: wrk(*thing, seconds=seconds))
    errors_of(*got.values())
    call = statistics.median((b.cpu - a.cpu) / 2 for a, b in zip(got["none"], got["two"]))
    theirs = statistics.median(b.cpu - a.cpu for a, b in zip(got["plain"], got["proxy"]))
    table.add("gateway, two calls in sequence: CPU per request", us(median(got["two"], "cpu")),
              f"nginx, one hop {us(median(got['proxy'], 'cpu'))}")
    table.add("   of it for one call", us(call), f"nginx's proxy_pass {us(theirs)}", f"{call / theirs:.2f}", "≤ 15 µs", call <= 15)
    table.add("gateway, two calls: requests per second", f"{median(got['two'], 'rate'):,.0f}",
              f"nginx, one hop {median(got['proxy'], 'rate'):,.0f}")


def paced(port, seconds, during):
    """Runs the paced client, and `during` beside it."""
    process = subprocess.Popen([os.path.join(BENCH, "bench-paced"), str(port), "4000", str(seconds)], stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    during()
    lines = process.communicate()[0].splitlines()
    sent, _, lost, closed = map(int, lines[0].split())
    return sent, lost, closed, [tuple(map(int, line.split())) for line in lines[1:]]


def worst(samples, start, end):
    """Milliseconds, of what was due between two moments in microseconds."""
    return max((took for due, took in samples if start <= due < end), default=0) / 1e3


def spread(values):
    """Of the worst of each reload: other work on the machine only ever adds to it."""
    best, middle, worst_one = min(values), statistics.median(values), max(values)
    return f"{best:.2f} to {worst_one:.2f}, median {middle:.2f} ms"


def reload(table, plugin, quick):
    n = 5 if quick else 20
    with host("dark", plugin) as dark:
        spans = []

        def reload_all():
            for _ in range(n):
                start = time.monotonic()
                out = dark.running.command("reload", "small")
                assert out.returncode == 0, out.stderr
                spans.append((start * 1e6, time.monotonic() * 1e6))
                time.sleep(0.4)

        sent, lost, closed, samples = paced(dark.port, n, reload_all)
    after = [worst(samples, end - 10e3, end + 60e3) for _, end in spans]
    whole = [worst(samples, start, end + 60e3) for start, end in spans]
    calm = [worst(samples, end + 200e3, end + 270e3) for _, end in spans]  # as long, a little later
    table.add(f"reload × {n} under 4,000 requests/s: lost", f"{lost} of {sent:,}", "", "", "0", lost == 0)
    table.add("   connections closed", str(closed), "", "", "0", closed == 0)
    table.add("   worst latency at the swap and 60 ms on", spread(after), f"200 ms later: {spread(calm)}", "", "≤ 0.3 ms (median)",
              statistics.median(after) <= 0.3)
    table.add("   worst latency from the command on, trial and all", spread(whole))
    table.add("   a reload, from the command to its end: median",
              f"{statistics.median(end - start for start, end in spans) / 1e3:.0f} ms")


PARTS = [small, pipelined, connections, idle, gateway, reload]


def missing():
    for program, package in (("wrk", "wrk"), ("nginx", "nginx-light")):
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            return f"bench-host: skipped, {program} is not installed: apt-get install {package}"
    return None


def main():
    names = [p.__name__ for p in PARTS]
    parser = argparse.ArgumentParser(description="The host beside nginx.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("parts", nargs="*", choices=[*names, []], help="all when none is named")
    options = parser.parse_args()
    why = missing()
    if why:
        print(why)
        return 0
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    flags = os.environ.get("CUPOLA_CFLAGS")
    if os.environ.get("CUPOLA_SAN"):
        print("NOTE: built with sanitizers; these figures say nothing of the program")
    elif flags is not None and not re.search(r"-O[23]", flags):
        print(f"NOTE: built with CFLAGS='{flags}'; the targets are for -O2")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    table = Table()
    began = os.getloadavg()[0]
    directory = tempfile.mkdtemp(prefix="cupola-bench-")
    try:
        plugin = build_plugin(directory)
        for part in PARTS:
            if not options.parts or part.__name__ in options.parts:
                print(f"{part.__name__} ...", file=sys.stderr, flush=True)
                part(table, plugin, options.quick)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{os.cpu_count()} cores shared with wrk, load {began:.1f} before and {os.getloadavg()[0]:.1f} at the end; "
          "medians of interleaved rounds, ratios of medians of pairs")
    table.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
