# SPDX-License-Identifier: Apache-2.0
"""What the workshop's guide runs, for whom, and what becomes of it when somebody leaves."""

import http.client
import json
import os

import cupola
from guide import Guide, fails, passes


def lines(reply):
    return [json.loads(line) for line in reply.text.splitlines()]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_the_program_says_comes_line_by_line_with_its_end():
    with Guide() as guide:
        guide.answer("check", passes("a record"), "not JSON < & at all", fails("a warning", "none came"), "stderr one failed", "exit 1")
        reply = guide.post("/api/run/check?step=1.2")
        assert reply.status == 200 and reply.headers["Content-Type"] == "application/x-ndjson"
        said = lines(reply)
        assert [l.get("result") for l in said] == ["pass", None, "fail", None], said
        assert said[1] == {"text": "not JSON < & at all"}
        assert said[3] == {"end": True, "status": 1, "message": "one failed"}, said[3]
        assert guide.arguments("check") == ["workshop", "check", "1.2", "--json", "--dir", guide.copy]
        guide.answer("undo", "Your files are back.")
        assert lines(guide.post("/api/run/undo"))[0] == {"text": "Your files are back."}
        assert guide.arguments("undo") == ["workshop", "undo", "--dir", guide.copy]
        guide.answer("hint", {"step": "1.2", "id": "warn-on-400", "level": 1, "of": 3, "text": "Think."})
        assert lines(guide.post("/api/run/hint?id=warn-on-400"))[0]["text"] == "Think."
        assert guide.arguments("hint") == ["workshop", "hint", "warn-on-400", "--json", "--dir", guide.copy]


def test_only_the_guides_own_page_may_run_anything():
    with Guide() as guide:
        guide.answer("check", passes("a record"))
        port = guide.ports["guide"]
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": f"http://127.0.0.1:{port + 1}"}):
            reply = cupola.request(port, "/api/run/check?step=1.2", method="POST", headers=headers)
            assert reply.status == 403, (headers, reply.status)
        assert guide.post("/api/run/check?step=1.2", Host="evil.example").status == 403
        assert cupola.request(port, "/api/progress", headers={"Host": "evil.example"}).status == 403
        assert cupola.request(port, "/api/run/check?step=1.2").status == 405
        assert guide.called("check") == 0
        for path, status in (("check?step=9.9", 400), ("check?step=--dir", 400), ("check", 400), ("check?step=1.2;id", 400), ("check?step=../1.2", 400), ("hint?id=--help", 400),
                             ("hint?id=a%20b", 400), ("stop", 404), ("progress", 404), ("", 404)):
            reply = guide.post(f"/api/run/{path}")
            assert reply.status == status, (path, reply.status, reply.text)
        assert guide.called("check") == guide.called("hint") == guide.called("stop") == 0
        assert guide.post("/api/run/check?step=1").status == 200, "a section"
        assert guide.post("/api/run/check?step=all").status == 200


def test_one_at_a_time_and_whoever_leaves_ends_it():
    with Guide() as guide:
        guide.answer("check", passes("the first"), "wait", passes("the second"))
        first = http.client.HTTPConnection("127.0.0.1", guide.ports["guide"], timeout=cupola.PATIENCE)
        first.request("POST", "/api/run/check?step=1.2")
        answer = first.getresponse()
        assert json.loads(answer.readline())["say"] == "the first", "it streams"
        pid = guide.pid("check")
        assert alive(pid)
        busy = guide.post("/api/run/check?step=1.1")
        assert busy.status == 409 and "running already" in busy.json()["error"]
        assert cupola.request(guide.ports["guide"], "/api/progress").json()["progress"]["now"] == "1.1", "looking is possible meanwhile"
        answer.close()
        first.close()
        cupola.until(lambda: not alive(pid), "the end of what nobody reads")
        guide.answer("check", passes("the third"))
        cupola.until(lambda: guide.post("/api/run/check?step=1.2").status == 200, "the next one's turn")


def test_a_check_goes_on_while_host_conf_is_taken_up():
    with Guide() as guide:
        guide.answer("check", passes("the first"), "wait", passes("the second"))
        connection = http.client.HTTPConnection("127.0.0.1", guide.ports["guide"], timeout=cupola.PATIENCE)
        connection.request("POST", "/api/run/check?step=1.2")
        answer = connection.getresponse()
        assert answer.readline()
        with open(guide.conf, "a") as f:
            f.write("[resource]\ndeployment.environment.name = dev\n")
        done = guide.command("reload")
        assert done.returncode == 0, done.stderr
        guide.go_on()
        rest = [json.loads(line) for line in answer.read().splitlines()]
        assert rest[0]["say"] == "the second" and rest[1]["status"] == 0, rest


def test_a_stop_of_the_host_ends_what_runs():
    guide = Guide()
    with guide:
        guide.answer("check", passes("the first"), "wait")
        connection = http.client.HTTPConnection("127.0.0.1", guide.ports["guide"], timeout=cupola.PATIENCE)
        connection.request("POST", "/api/run/check?step=1.2")
        connection.getresponse().readline()
        pid = guide.pid("check")
        assert guide.stop() == 0
        cupola.until(lambda: not alive(pid), "the end of the check")


def test_what_cannot_be_known_is_said():
    with Guide() as guide:
        os.remove(os.path.join(guide.copy, "answers/progress"))
        told = cupola.until(lambda: (p := cupola.request(guide.ports["guide"], "/api/progress").json())["problem"] and p)
        assert told["progress"] is None and "no such command" in told["problem"], told
        os.remove(os.path.join(guide.dir, "cupola"))
        reply = guide.post("/api/run/check?step=1.2")
        assert reply.status == 500 and "cannot be started" in reply.json()["error"], reply.text
    with Guide(copy=False) as guide:
        told = cupola.request(guide.ports["guide"], "/api/progress").json()
        assert told == {"copy": None, "progress": None, "problem": None}, told
        assert guide.post("/api/run/check?step=1.2").status == 409
        assert guide.called("progress") == 0


def test_events_follow_the_files():
    with Guide() as guide:
        connection = http.client.HTTPConnection("127.0.0.1", guide.ports["guide"], timeout=cupola.PATIENCE)
        connection.request("GET", "/api/events")
        events = connection.getresponse()

        def event():
            while not (line := events.readline()).startswith(b"data: "):
                assert line, "the stream ended"
            return json.loads(line[6:])["progress"]

        assert event()["now"] == "1.1"
        guide.progress(now="1.2", passed=("tour", "1.1"))
        assert event()["now"] == "1.2"
        guide.progress(now="1.2", build={"service": "gateway", "ok": False, "errors": []})
        assert event()["build"]["service"] == "gateway"
        connection.close()


if __name__ == "__main__":
    cupola.main()
