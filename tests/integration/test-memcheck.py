# SPDX-License-Identifier: Apache-2.0
"""`cupola memcheck`: what does not crash is found by the sanitizers, with file and line, and what is well is left alone."""

import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile

import cupola

SERVICE = """
#include <stdlib.h>
#include <string.h>

#include <cupola/service.h>

static int start(const struct svc_host *host, void **self, struct otel_error *err)
{
	(void)host, (void)self, (void)err;
	return 0;
}

static char *forget(void)
{
	char *kept = malloc(77); /* leak */

	kept[0] = 1;
	return kept;
}

static int late(void)
{
	char *volatile gone = malloc(10);

	free(gone);
	return gone[3]; /* use */
}

static int too_far(int n)
{
	char room[10];

	memset(room, 1, (size_t)n); /* overflow */
	return room[0];
}

static int handle(void *self, struct svc_request *req)
{
	volatile int far = 40;

	(void)self;
	OTEL_SPAN(span, req->host->tracer, "going-wrong");
	if (!strcmp(req->path, "/leak") && !*forget())
		return -1;
	if (!strcmp(req->path, "/late"))
		late();
	if (!strcmp(req->path, "/far"))
		too_far(12);
	if (!strcmp(req->path, "/shift"))
		far = 1 << far; /* shift */
	if (!strcmp(req->path, "/crash"))
		*(volatile int *)(long)(far - 40) = 1; /* crash */
	svc_sleep(req->host, 2); /* the fiber is left and comes back */
	return svc_reply_text(req, 200, "ok\\n");
}

static void stop(void *self)
{
	(void)self;
}

SVC_PLUGIN = { SVC_ABI, .name = "learner", .start = start, .handle = handle, .stop = stop };
"""


class Folder:
    """A service as `cupola new` makes it, with our source in it."""

    def __enter__(self):
        self.around = tempfile.mkdtemp(prefix="cupola-memcheck-test-")
        self.env = cupola.environment({"TMPDIR": self.around, "PKG_CONFIG_PATH": os.path.join(cupola.STAGE, "lib/pkgconfig")})
        self.env.pop("ASAN_OPTIONS", None)
        made = subprocess.run([cupola.BIN, "new", "learner"], cwd=self.around, env=self.env, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        self.path = os.path.join(self.around, "learner")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.around, ignore_errors=True)

    def write(self, source):
        with open(os.path.join(self.path, "app.c"), "w") as f:
            f.write(source)

    def memcheck(self, *requests):
        before = set(os.listdir(self.path))
        out = subprocess.run([cupola.BIN, "memcheck", ".", *requests], cwd=self.path, env=self.env, capture_output=True, text=True, timeout=120)
        assert set(os.listdir(self.path)) == before, "the folder must stay as it was"
        print("".join(f"# {l}\n" for l in out.stdout.splitlines()), end="")
        return out


def line(mark):
    return next(i for i, l in enumerate(SERVICE.splitlines(), 1) if f"/* {mark} */" in l)


def found(text, *parts):
    return re.search(r"^\d+\. " + r"(?:.*\n)*?.*".join(parts), text, re.M)


def test_leaks_late_uses_overflows_and_shifts_are_found_with_their_lines():
    with Folder() as folder:
        folder.write(SERVICE)
        out = folder.memcheck("/leak", "/late", "/far", "/shift")
        assert out.returncode == 1, (out.stdout, out.stderr)
        text = out.stdout
        assert found(text, r"leak: \d+ byte\(s\) in \d+ object", rf"    at forget \(app\.c:{line('leak')}\)\n", r"    called by handle \(app\.c:"), text
        assert found(text, r"heap-use-after-free: READ of size 1", rf"    at late \(app\.c:{line('use')}\)\n", r"  freed\n    at late "), text
        assert found(text, r"stack-buffer-overflow: WRITE of size 12", rf"    at too_far \(app\.c:{line('overflow')}\)\n", r"  'room' "), text
        assert found(text, r"undefined behaviour: shift exponent 40 is too large", rf"    at handle \(app\.c:{line('shift')}\)\n"), text
        report = re.search(r"the sanitizers' own words: (\S+)", text).group(1)
        with open(report) as f:
            assert "ERROR: AddressSanitizer: heap-use-after-free" in f.read()


def test_a_crash_is_told_and_does_not_hide_the_rest():
    with Folder() as folder:
        folder.write(SERVICE)
        out = folder.memcheck("/crash", "/leak")
        assert out.returncode == 1, (out.stdout, out.stderr)
        assert found(out.stdout, "SEGV", rf"    at handle \(app\.c:{line('crash')}\)\n"), out.stdout
        assert found(out.stdout, r"leak: ", rf"    at forget \(app\.c:{line('leak')}\)\n"), out.stdout
        assert "/crash has ended the process" in out.stdout


def test_what_is_well_is_said_to_be():
    with Folder() as folder:  # with what `cupola new` wrote
        out = folder.memcheck("/leak")
        assert out.returncode == 0, (out.stdout, out.stderr)
        assert re.fullmatch(r"learner: the sanitizers found nothing in \d+ requests\n", out.stdout), out.stdout
        assert os.listdir(folder.around) == ["learner"], "nothing stays behind"


def test_an_interrupt_leaves_nothing_behind():
    with Folder() as folder:
        for part in ("src", "out.txt"):  # while it builds, and while its host starts
            memcheck = subprocess.Popen([cupola.BIN, "memcheck", "."], cwd=folder.path, env=folder.env, text=True, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, start_new_session=True)
            cupola.until(lambda: glob.glob(f"{folder.around}/cupola-memcheck-*/{part}"), part)
            os.killpg(memcheck.pid, signal.SIGTERM)
            _, text = memcheck.communicate(timeout=cupola.PATIENCE)
            assert memcheck.returncode == 2 and "interrupted" in text.lower(), (memcheck.returncode, text)
            assert os.listdir(folder.around) == ["learner"], os.listdir(folder.around)


def test_what_does_not_compile_is_the_compilers_to_tell():
    with Folder() as folder:
        folder.write("int main(void) { return nothing; }\n")
        out = folder.memcheck()
        assert out.returncode == 2 and "app.c:1:25: error: 'nothing' undeclared" in out.stderr.replace("\u2018", "'").replace("\u2019", "'"), out.stderr
        assert "could not be built with the sanitizers" in out.stderr


def runtime():
    cc = os.environ.get("CC", "cc").split()[-1]
    return subprocess.run([cc, "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.startswith("/")


if __name__ == "__main__":
    if os.environ.get("CUPOLA_SAN") or not runtime():  # one runtime in a process is enough
        print("1..0 # SKIP for a program without sanitizers, and a compiler with libasan")
    else:
        cupola.main()
