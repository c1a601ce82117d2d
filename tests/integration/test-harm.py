# SPDX-License-Identifier: Apache-2.0
"""Telemetry never harms: whatever the collector does, requests are answered, memory is bounded, the exit is in time."""

import contextlib
import http.server
import re
import socket
import threading
import time

import cupola

GRACE_S = 3
CONFIG = """
[host]
workers = 1
runtime_dir = @DIR@/run
admin = 127.0.0.1:{admin}
grace = 3s
[telemetry]
endpoint = http://127.0.0.1:{collector}
protocol = {protocol}
metrics.interval = 100ms
traces.delay = 20ms
logs.delay = 20ms
[plugin hello]
instrument = yes
listen = 127.0.0.1:0
"""
# More than the queues of spans and records (2048 each) take.
REQUESTS = 6000


class Silent:
    """Takes connections and bytes, and never says a word."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.taken = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(self.listener.accept()[0])

    def close(self):
        self.listener.close()
        for connection in self.taken:
            connection.close()


class Answering:
    """Answers every request by a status, after a pause."""

    def __init__(self, status, pause_s=0.0):
        released = self.released = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                released.wait(pause_s)  # a slow receiver; let go when the test is over
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class Absent:
    def __init__(self):
        self.port = cupola.free_port()

    def close(self):
        pass


def metric(host, admin, name, signal):
    page = cupola.request(admin, "/metrics").text
    found = re.search(rf'^{name}{{[^}}]*signal="{signal}"[^}}]*}} (\S+)', page, re.M)
    return float(found.group(1)) if found else 0.0


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def requests(port, n):
    """n requests on four keep-alive connections; returns how many were not a 200."""
    bad = [0]

    def one(count):
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=cupola.PATIENCE)
        for _ in range(count):
            connection.request("GET", "/")
            reply = connection.getresponse()
            reply.read()
            bad[0] += reply.status != 200

    threads = [threading.Thread(target=one, args=(n // 4,)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return bad[0]


def with_collector(collector, protocol="http/protobuf", lost=True):
    admin = cupola.free_port()
    host = cupola.Cupola(CONFIG.format(collector=collector.port, protocol=protocol, admin=admin))
    try:
        with host:
            port = host.port("hello")
            pid = host.plugin("hello")["pid"]
            assert requests(port, REQUESTS) == 0
            first = resident_kb(pid)
            assert requests(port, REQUESTS) == 0
            # Bounded: what was queued at first is all that there will be; allow for the allocator's moods.
            grown = resident_kb(pid) - first
            assert grown < 8 * 1024, f"grew by {grown} kB in the second {REQUESTS} requests"
            if lost:
                accepted = metric(host, admin, "cupola_telemetry_accepted_total", "traces")
                dropped = lambda: metric(host, admin, "cupola_telemetry_dropped_total", "traces")
                assert cupola.until(dropped, "drops to be counted") > 0, accepted
            began = time.monotonic()
            host.stop(patience=GRACE_S + 10)
            took = time.monotonic() - began
            assert took < GRACE_S + 2, f"stopping took {took:.1f} s, with a grace of {GRACE_S} s"
    finally:
        collector.close()


def test_a_collector_that_is_absent_harms_nobody():
    with_collector(Absent())


def test_a_collector_that_is_absent_harms_nobody_by_grpc():
    with_collector(Absent(), "grpc")


def test_a_collector_that_hangs_harms_nobody():
    with_collector(Silent())


def test_a_collector_that_hangs_harms_nobody_by_grpc():
    with_collector(Silent(), "grpc")


def test_a_collector_that_refuses_harms_nobody():
    with_collector(Answering(400))


def test_a_collector_that_is_overloaded_harms_nobody():
    with_collector(Answering(503))


def test_a_collector_that_is_slow_harms_nobody():
    with_collector(Answering(200, pause_s=1.0), lost=False)


if __name__ == "__main__":
    cupola.main()
