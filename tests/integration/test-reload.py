# SPDX-License-Identifier: Apache-2.0
"""Reloading while it serves: nothing lost, nothing leaked, and what is wrong is refused in words."""

import collections
import contextlib
import os
import re
import shutil
import signal
import socket
import time

import cupola
from load import Load

SERVICE = """
#include <cupola/service.h>

struct counting { struct otel_counter *served; };

static int start(const struct svc_host *host, void **self, struct otel_error *err)
{
	static struct counting counting;

	counting.served = otel_counter_new(host->meter, "served", "{request}", "requests answered");
	*self = &counting;
	return 0;
}

static int handle(void *self, struct svc_request *req)
{
	struct counting *counting = self;

	otel_counter_add(counting->served, 1);
	if (svc_query(req, "ms"))
		svc_sleep(req->host, atoi(svc_query(req, "ms")));
	return svc_reply_text(req, 200, "build " BUILD "\\n");
}

static void stop(void *self)
{
}

SVC_PLUGIN = { SVC_ABI, .name = "counting", .version = "1.0", .flags = FLAGS, .start = start, .handle = handle, .stop = stop };
"""

CONFIG = """
[host]
runtime_dir = @DIR@/run
admin = 127.0.0.1:0
workers = 2
start_timeout = 1s
[telemetry]
traces = none
metrics = none
logs = none
[plugin counting]
enabled = yes
path = @DIR@/counting.so
listen = 127.0.0.1:0
"""


def build(host, name, flags="0"):
    source = '#include <stdlib.h>\n' + SERVICE
    return cupola.compile_plugin(source, os.path.join(host.dir, f"{name}.so"),
                                 defines=[f'BUILD="{name}"', f"FLAGS={flags}"])


def install(host, built):
    """As an installer does: a new file is renamed over the old one."""
    target = os.path.join(host.dir, "counting.so")
    shutil.copy(built, target + ".new")
    os.rename(target + ".new", target)


def start(flags="0"):
    host = cupola.Cupola(CONFIG)
    host.builds = [build(host, name, flags) for name in ("one", "two")]
    install(host, host.builds[0])
    return host


def maps(host):
    pid = host.plugin("counting")["pid"]
    with open(f"/proc/{pid}/maps") as f:
        return f.read()


def copies(host):
    return set(re.findall(r"/copies/(\S+)", maps(host)))


def files(text):
    """How often each file is mapped, whatever the number of its generation."""
    return collections.Counter(re.sub(r"\d+\.so$", "N.so", l.split(None, 5)[5]) for l in text.splitlines() if "/" in l)


def served(host):
    address = host.status()["admin"]
    address = address[0] if isinstance(address, list) else address
    address = address["address"] if isinstance(address, dict) else address
    page = cupola.request(int(address.rsplit(":", 1)[1]), "/metrics").text
    found = re.search(r'^served_total\{[^}]*job="counting"[^}]*\} (\d+)$', page, re.M)
    return int(found.group(1)) if found else 0


def reload_many(host, n):
    for i in range(n):
        install(host, host.builds[(i + 1) % 2])
        out = host.command("reload", "counting")
        assert out.returncode == 0, out.stderr


def lose_nothing(flags):
    with start(flags) as host:
        port = host.port("counting")
        with Load(port, connections=64) as load:
            reload_many(host, 5)
            early = maps(host)
            reload_many(host, 45)
            cupola.until(lambda: load.bodies == {"build one\n", "build two\n"}, "answers of both builds")
        assert not load.failed, load.failed[:3]
        assert load.reset == 0, f"{load.reset} connections were closed"
        assert host.plugin("counting")["generation"] == 51
        assert copies(host) == {"counting.51.so"}, copies(host)
        assert files(maps(host)) == files(early), "mappings of files have been added"
        if not os.environ.get("CUPOLA_SAN"):  # sanitizers map memory of their own
            assert len(maps(host).splitlines()) <= len(early.splitlines()) + 8, "mappings have been added"
        assert served(host) == load.served, f"{served(host)} counted, {load.served} served"
        print(f"# {load.served} requests, slowest {load.slowest * 1e3:.1f} ms")


def test_fifty_reloads_under_load_lose_and_leak_nothing():
    lose_nothing("0")


def test_fifty_reloads_of_a_concurrent_service_lose_and_leak_nothing():
    lose_nothing("SVC_CONCURRENT")


def test_a_request_in_flight_ends_on_the_code_that_it_began_with():
    with start() as host:
        port = host.port("counting")
        with Load(port, connections=1, path="/?ms=700") as slow:
            cupola.until(lambda: host.plugin("counting")["in_flight"] == 1, "a request in flight")
            install(host, host.builds[1])
            out = host.command("reload", "counting")
            assert out.returncode == 0, out.stderr
            assert cupola.request(port, "/").text == "build two\n"
            cupola.until(lambda: "build one\n" in slow.bodies, "the old code's answer")
        assert not slow.failed and slow.reset == 0
        cupola.until(lambda: copies(host) == {"counting.2.so"}, "the old code to be unloaded")


def test_a_stop_answers_what_is_in_flight():
    with start() as host:
        port = host.port("counting")
        with Load(port, connections=8, path="/?ms=500") as slow:
            cupola.until(lambda: host.plugin("counting")["in_flight"] == 8, "requests in flight")
            slow.ending = True  # one more answer on each connection, and no other question
            assert host.stop() == 0
        assert not slow.failed and slow.reset == 0, (slow.failed, slow.reset)
        assert slow.served >= 8


def test_a_stop_ends_what_takes_longer_than_the_grace():
    with start() as host:
        host.write(CONFIG.replace("workers = 2", "workers = 2\ngrace = 1s"))
        host.process.send_signal(signal.SIGHUP)
        cupola.until(lambda: "the difference is applied" in host.log(), "the new grace")
        port = host.port("counting")
        with Load(port, connections=1, path="/?ms=60000") as slow:
            cupola.until(lambda: host.plugin("counting")["in_flight"] == 1, "a request in flight")
            began = time.monotonic()
            assert host.stop() == 0
            assert time.monotonic() - began < 10
        assert slow.served == 0


def refused(host, words):
    """The reload fails with these words, and what was running goes on."""
    before = host.plugin("counting")["generation"]
    out = host.command("reload", "counting")
    assert out.returncode != 0
    assert words in out.stderr, out.stderr
    assert cupola.request(host.port("counting"), "/").text == "build one\n"
    assert host.plugin("counting")["generation"] == before
    assert copies(host) == {f"counting.{before}.so"}, copies(host)


def test_a_reload_may_not_change_the_concurrency():
    with start() as host:
        install(host, build(host, "three", "SVC_CONCURRENT"))
        refused(host, "SVC_CONCURRENT is set in it and not set in what serves; a reload may not change that")


def test_a_truncated_file_is_refused():
    with start() as host:
        with open(host.builds[1], "rb") as f:
            half = f.read()[:5000]
        with open(os.path.join(host.dir, "half.so"), "wb") as f:
            f.write(half)
        install(host, os.path.join(host.dir, "half.so"))
        refused(host, "truncated: the section header table should end at byte")


def test_a_missing_library_is_named():
    with start() as host:
        library = os.path.join(host.dir, "libgone.so")
        cupola.compile_plugin("#include <otel/error.h>\nOTEL_EXPORT int gone(void);\nint gone(void) { return 0; }\n", library)
        source = "#include <stdlib.h>\nint gone(void);\n" + SERVICE.replace("return svc_reply_text", "return gone() ? -1 : svc_reply_text")
        install(host, cupola.compile_plugin(source, os.path.join(host.dir, "needs.so"), defines=['BUILD="needs"', "FLAGS=0"],
                                            libraries=[library]))
        os.unlink(library)
        refused(host, f"counting.so: needs the library {library}, which is not found: install it, or link with -Wl,-rpath,FOLDER")


def test_overwriting_the_file_in_place_harms_nobody():
    with start() as host:
        with open(os.path.join(host.dir, "counting.so"), "r+b") as f:
            f.write(b"no longer a shared object")
        assert cupola.request(host.port("counting"), "/").text == "build one\n"
        refused(host, "not an ELF file")


def test_a_start_that_hangs_blocks_no_later_reload():
    with start() as host:
        source = SERVICE.replace("counting.served =", "while (!(host->flags & SVC_TRYING)) pause();\n\tcounting.served =")
        hangs = cupola.compile_plugin("#include <stdlib.h>\n#include <unistd.h>\n" + source,
                                      os.path.join(host.dir, "hangs.so"), defines=['BUILD="hangs"', "FLAGS=0"])
        install(host, hangs)
        out = host.command("reload", "counting", timeout=60)
        assert out.returncode != 0 and "start" in out.stderr, out.stderr
        assert cupola.request(host.port("counting"), "/").text == "build one\n"
        install(host, host.builds[1])
        out = host.command("reload", "counting")
        assert out.returncode == 0, out.stderr
        assert cupola.request(host.port("counting"), "/").text == "build two\n"


OBSERVING = """
#include <stdlib.h>

#include <cupola/service.h>

/* Freed at stop, and read by a callback until then: by one call too many, if nobody ends it before. */
struct watched { int64_t value[64]; };

static void observe(struct otel_observation *observation, void *userdata)
{
	struct watched *watched = userdata;

	otel_observe_int(observation, watched->value[63]);
}

static int start(const struct svc_host *host, void **self, struct otel_error *err)
{
	struct watched *watched = malloc(sizeof *watched);

	for (int i = 0; i < 64; i++)
		watched->value[i] = 4711;
	otel_observable_new(host->meter, OTEL_OBSERVABLE_GAUGE, "watched", "", "what is watched", observe, watched);
	*self = watched;
	return 0;
}

static int handle(void *self, struct svc_request *req)
{
	int r = svc_reply_begin(req, 200, "text/plain");

	while (r == 0) {
		r = svc_reply_write(req, ".", 1);
		if (r == 0)
			r = svc_sleep(req->host, 10);
	}
	return r;
}

static void stop(void *self)
{
	struct watched *watched = self;

	for (int i = 0; i < 64; i++)
		watched->value[i] = -1;
	free(watched);
}

SVC_PLUGIN = { SVC_ABI, .name = "counting", .version = "1.0", .start = start, .handle = handle, .stop = stop };
"""


def metrics(host):
    return cupola.request(int(host.status()["admin"].rsplit(":", 1)[1]), "/metrics").text


def test_observables_end_before_what_they_read():
    host = cupola.Cupola(CONFIG)
    cupola.compile_plugin(OBSERVING, os.path.join(host.dir, "counting.so"))
    with host:
        for _ in range(20):
            assert host.command("reload", "counting").returncode == 0
            values = re.findall(r"^watched\{.*\} (\S+)$", metrics(host), re.M)
            assert values == ["4711"], values


def test_a_stream_ends_at_once_so_that_its_client_comes_again():
    host = cupola.Cupola(CONFIG)
    cupola.compile_plugin(OBSERVING, os.path.join(host.dir, "counting.so"))
    with host:
        with socket.create_connection(("127.0.0.1", host.port("counting"))) as client:
            client.settimeout(cupola.PATIENCE)
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
            out = host.command("reload", "counting")
            assert out.returncode == 0, out.stderr
            data = more = b"."
            with contextlib.suppress(ConnectionResetError):  # as good as an end: it says that it was cut
                while more:
                    more = client.recv(4096)
                    data += more
            assert not data.endswith(b"0\r\n\r\n"), "a stream that was cut must not look whole"
        assert copies(host) == {"counting.2.so"}, copies(host)


def test_a_library_that_a_plugin_brought_stays_and_is_brought_once():
    host = cupola.Cupola(CONFIG)
    library = os.path.join(host.dir, "libbrought.so")
    cupola.compile_plugin("#include <otel/error.h>\nOTEL_EXPORT int brought(void);\nint brought(void) { return 0; }\n", library)
    source = "int brought(void);\n" + SERVICE.replace("return svc_reply_text", "return brought() ? -1 : svc_reply_text")
    plugin = cupola.compile_plugin("#include <stdlib.h>\n" + source, os.path.join(host.dir, "counting.so"),
                                   defines=['BUILD="one"', "FLAGS=0"], libraries=[library])
    host.builds = [plugin, plugin]
    with host:
        for _ in range(3):
            assert host.command("reload", "counting").returncode == 0
        first = build(host, "two")
        once = [l for l in maps(host).splitlines() if "libbrought" in l]
        install(host, first)
        assert host.command("reload", "counting").returncode == 0
        assert [l for l in maps(host).splitlines() if "libbrought" in l] == once and once
        assert copies(host) == {"counting.5.so"}, copies(host)


if __name__ == "__main__":
    cupola.main()
