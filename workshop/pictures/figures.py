# SPDX-License-Identifier: Apache-2.0
"""The figures of the course: who asks whom, the way of telemetry, the anatomy of what it carries."""

from svg import Picture, colour_of


def services():
    p = Picture("services", 960, 360, "frontend asks gateway; gateway asks geolocator-service and iss-distance-service; both ask upstream")
    p.text(30, 44, "How far is the ISS from Darmstadt?", size=15, fill="text-2")
    p.box(30, 120, 180, 74, "frontend", ["the page", "127.0.0.1:5000"], colour_of("frontend"))
    p.box(290, 120, 180, 74, "gateway", ["asks, puts together", "127.0.0.1:5001"], colour_of("gateway"))
    p.box(550, 52, 200, 74, "geolocator-service", ["where is the place?", "127.0.0.1:5002"], colour_of("geolocator-service"))
    p.box(550, 190, 200, 74, "iss-distance-service", ["how far is the ISS?", "127.0.0.1:5003"], colour_of("iss-distance-service"))
    p.box(820, 121, 120, 74, "upstream", ["stands in for", "the internet"], colour_of("upstream"))
    p.arrow((120, 62), (120, 116))
    p.arrow((210, 157), (286, 157))
    p.arrow((470, 146), (510, 146), (510, 89), (546, 89))
    p.arrow((470, 168), (510, 168), (510, 227), (546, 227))
    p.arrow((750, 89), (880, 89), (880, 117))
    p.arrow((750, 227), (880, 227), (880, 199))
    for x, y, text in [(478, 40, "location=Darmstadt"), (470, 290, "latitude=49.87 & longitude=8.65")]:
        p.text(x, y, text, size=12, fill="text-2", mono=True)
    p.line((510, 46), (510, 84), stroke="line-strong", dash="2 3")
    p.line((510, 276), (510, 232), stroke="line-strong", dash="2 3")
    p.text(762, 82, "search?q=", size=12, fill="text-2", mono=True)
    p.text(762, 247, "iss-now.json", size=12, fill="text-2", mono=True)
    p.line((30, 320), (54, 320), stroke=colour_of("iss-distance-service"), width=4)
    p.text(62, 325, "the one that you instrument first; Section 4 does the others", size=13, fill="text-2")
    p.save()


def overview():
    p = Picture("overview", 960, 330, "Your code calls the API; the SDK sends OTLP to the station, or through a Collector to other backends")
    p.rect(20, 30, 350, 270, r=6, stroke="line-strong", dash="4 4")
    p.text(36, 56, "your program", size=13, fill="text-2")
    p.box(36, 74, 150, 196, "your code", ["otel_log()", "otel_counter_add()", "OTEL_SPAN()"], colour_of("iss-distance-service"))
    p.box(222, 74, 132, 84, "API", ["never fails", "a request"])
    p.box(222, 186, 132, 84, "SDK", ["queues, batches,", "sends"])
    p.arrow((186, 116), (218, 116))
    p.arrow((288, 158), (288, 182))
    p.arrow((354, 228), (440, 228))
    p.text(404, 218, "OTLP", size=14, bold=True, anchor="middle")
    p.text(408, 248, "4317, 4318", size=11.5, fill="text-2", anchor="middle")
    p.box(444, 190, 150, 76, "station", ["stores and shows,", "in the workshop"], "accent")
    p.arrow((519, 190), (519, 116), dash="4 4")
    p.text(527, 158, "forward", size=12, fill="text-2")
    p.box(444, 40, 150, 72, "Collector", ["passes on"])
    for i, (name, what) in enumerate([("Prometheus", "metrics"), ("Loki", "logs"), ("Tempo, Jaeger", "traces")]):
        p.box(640, 30 + 62 * i, 150, 50, name, [what])
        p.arrow((594, 76), (616, 76), (616, 55 + 62 * i), (636, 55 + 62 * i), stroke="line-strong")
        p.arrow((790, 55 + 62 * i), (818, 55 + 62 * i), (818, 117), (840, 117), stroke="line-strong")
    p.box(844, 90, 96, 54, "Grafana", ["shows"])
    p.text(640, 242, "with Docker: platform.md", size=13, fill="text-2")
    p.save()


def resource():
    p = Picture("resource", 960, 250, "A Resource stands once at the head of each message; log records, points and spans follow")
    p.text(30, 38, "one message of OTLP", size=13, fill="text-2")
    p.rect(30, 50, 900, 176, r=6, stroke="line-strong")
    p.rect(46, 66, 336, 144, r=6, fill="accent-ground", stroke="accent")
    p.text(64, 92, "Resource: who says it", bold=True)
    rows = [("service.name", "iss-distance-service"), ("service.version", "1.0.0"), ("deployment.environment.name", "dev"), ("host.name, process.pid, …", "found by the SDK")]
    for i, (key, value) in enumerate(rows):
        p.text(64, 118 + 24 * i, key, size=11.5, fill="text-2", mono=True)
        p.text(364, 118 + 24 * i, value, size=11.5, mono=i < 3, bold=i < 3, anchor="end", fill="text" if i < 3 else "text-2")
    p.text(394, 144, "said once, holds for", size=12, fill="text-2")
    p.arrow((394, 154), (508, 154), stroke="accent")
    for i, (name, x) in enumerate([("log record", 0), ("log record", 136), ("log record", 272)]):
        p.rect(524 + x, 66, 122, 40, r=4, fill="raised", stroke="line-strong")
        p.text(585 + x, 91, name, size=13, anchor="middle")
    for x in (0, 136, 272):
        p.rect(524 + x, 118, 122, 40, r=4, fill="raised", stroke="line-strong")
        p.text(585 + x, 143, "data point", size=13, anchor="middle")
        p.rect(524 + x, 170, 122, 40, r=4, fill="raised", stroke="line-strong")
        p.text(585 + x, 195, "span", size=13, anchor="middle")
    p.save()


def histogram():
    p = Picture("histogram", 960, 300, "Values fall into buckets with upper bounds; a percentile is read off the counts")
    counts = [2, 9, 24, 31, 18, 9, 4, 2, 1]
    bounds = ["1 ms", "2.5", "5", "10", "25", "50", "100", "250", "500 ms"]
    left, width, floor = 60, 62, 232
    p.line((left, floor), (left + width * 10, floor), stroke="line-strong")
    for i, count in enumerate(counts):
        p.rect(left + width * i + 3, floor - count * 5, width - 6, count * 5, fill=colour_of("iss-distance-service"), opacity=1 if i < 6 else 0.45)
        p.text(left + width * i + width / 2, floor - count * 5 - 7, str(count), size=12.5, anchor="middle", fill="text-2")
        p.line((left + width * (i + 1), floor), (left + width * (i + 1), floor + 6), stroke="line-strong")
        p.text(left + width * (i + 1), floor + 22, bounds[i], size=12, anchor="middle", fill="text-2")
    p.text(left, 276, "upper bounds; in code they are in seconds: 0.001, 0.0025, 0.005 …", size=12.5, fill="text-2")
    x = left + width * 6 + 14
    p.line((x, 40), (x, floor), stroke="accent", width=1.5, dash="4 3")
    p.text(x + 8, 54, "95 of 100 are left of here: p95", size=13, fill="accent")
    p.text(720, 110, "what is sent, once a minute:", size=13, fill="text-2")
    for i, text in enumerate(["count   100", "sum     1.32 s", "buckets 2 9 24 31 18 9 4 2 1"]):
        p.text(720, 136 + 22 * i, text, size=12, mono=True)
    p.save()


def trace():
    p = Picture("trace", 960, 330, "Anatomy of a trace: one trace id; a root and a child with start, end, kind and status")
    p.text(30, 42, "trace id", size=13, fill="text-2")
    p.text(96, 42, "4bf92f3577b34da6a3ce929d0e0e4736", size=13, mono=True)
    p.text(386, 42, "the same in every span below", size=13, fill="text-2")
    p.line((330, 64), (930, 64), stroke="line-strong")
    for i in range(7):
        p.line((330 + 100 * i, 60), (330 + 100 * i, 68), stroke="line-strong")
        p.text(330 + 100 * i, 56, f"{i * 2} ms", size=11, fill="text-2", anchor="middle")
    p.text(30, 104, "calculating-iss-distance", bold=True)
    p.text(30, 124, "span 00f067aa0ba902b7", size=12, mono=True, fill="text-2")
    p.text(30, 141, "no parent: the root", size=12.5, fill="text-2")
    p.bar(330, 88, 580, "s3", h=22, own=[(0, 0.06), (0.83, 1)])
    p.line((40, 152), (40, 196), (54, 196), stroke="line-strong")
    p.text(60, 200, "getting-iss-coordinates", bold=True)
    p.text(60, 220, "span 53995c3f42cd8ad8", size=12, mono=True, fill="text-2")
    p.text(60, 237, "parent 00f067aa0ba902b7", size=12, mono=True, fill="text-2")
    p.bar(365, 184, 446, "s3", h=22)
    p.line((365, 184), (365, 110), stroke="line", dash="2 3")
    p.line((811, 184), (811, 110), stroke="line", dash="2 3")
    p.text(365, 226, "start", size=12, fill="text-2")
    p.text(811, 226, "end", size=12, fill="text-2", anchor="end")
    p.text(588, 226, "attributes: http.response.status_code = 200 …", size=12, fill="text-2", anchor="middle")
    p.line((360, 272), (384, 272), stroke="s3", width=12)
    p.text(392, 276, "own time: the span itself works", size=12.5, fill="text-2")
    p.line((620, 272), (644, 272), stroke="s3", width=12, opacity=0.45)
    p.text(652, 276, "time in its children", size=12.5, fill="text-2")
    p.text(30, 306, "A backend builds this tree from the ids alone, whatever process each span comes from and in whatever order they arrive.", size=12.5, fill="text-2")
    p.save()


def processor():
    p = Picture("processor", 960, 380, "From your code to the wire: the simple processor sends each span at once, the batch processor collects")
    p.box(30, 30, 150, 60, "your code", ["ends a span"], colour_of("iss-distance-service"))
    p.box(230, 30, 130, 60, "tracer", ["of a provider"])
    p.box(410, 30, 150, 60, "processor", ["when?"], "accent")
    p.box(610, 30, 130, 60, "exporter", ["OTLP; tries again"])
    p.box(790, 30, 140, 60, "receiver", ["station, Collector"])
    for x in (180, 360, 560, 740):
        p.arrow((x, 60), (x + 46, 60))
    for row, (name, what) in enumerate([("simple", "each span at once"), ("batch", "together: after 5 s, or at 512 spans")]):
        top = 122 + 122 * row
        p.text(30, top + 30, name, size=20, bold=True)
        p.text(30, top + 52, what, size=12.5, fill="text-2")
        p.text(254, top + 26, "ended", size=12, fill="text-2", anchor="end")
        p.text(254, top + 74, "sent", size=12, fill="text-2", anchor="end")
        p.line((270, top + 22), (925, top + 22), stroke="line")
        p.line((270, top + 70), (925, top + 70), stroke="line")
        ends = [300, 345, 420, 480, 500, 590, 640, 730, 790, 840]
        for x in ends:
            p.circle(x, top + 22, 5, fill="s3")
            if row == 0:
                p.arrow((x, top + 30), (x + 9, top + 60), stroke="line-strong", width=1)
                p.rect(x + 4, top + 64, 11, 11, r=2, fill="s3")
        if row == 1:
            for x in (570, 850):
                count = sum(1 for e in ends if e < x and e > x - 300)
                p.line((x, top + 10), (x, top + 58), stroke="accent", dash="3 3")
                p.rect(x - 6, top + 62, 14 * count, 15, r=2, fill="s3")
                p.text(x - 6 + 7 * count, top + 95, f"{count} in one request", size=12, fill="text-2", anchor="middle")
    p.text(30, 362, "The queue between is bounded. When it is full, spans are dropped and counted; your request never waits.", size=12.5, fill="text-2")
    p.save()


def traceparent():
    p = Picture("traceparent", 960, 250, "traceparent: version, trace id, parent id and flags, byte by byte")
    parts = [("00", "version", ["1 byte", "always 00"], "s4"), ("4bf92f3577b34da6a3ce929d0e0e4736", "trace id", ["16 bytes: the same in all spans of the trace", "new when there is no traceparent"], "s0"),
             ("00f067aa0ba902b7", "parent id", ["8 bytes: the span that asks", "parent of the span that answers"], "s3"), ("01", "flags", ["1 byte", "01: sampled"], "s2")]
    x, step = 46, 14.2
    for i, (digits, name, lines, colour) in enumerate(parts):
        w = len(digits) * step
        for k in range(0, len(digits), 2):
            p.rect(x + k * step, 52, 2 * step - 2, 40, r=3, fill="raised", stroke=colour, width=1.5)
            p.text(x + k * step + step - 1, 78, digits[k : k + 2], size=17, mono=True, anchor="middle")
        middle = min(max(x + w / 2, 74), 886)
        p.line((x, 102), (x + w - 2, 102), stroke=colour, width=2)
        p.line((x + w / 2, 102), (x + w / 2, 132), stroke=colour)
        p.text(middle, 152, name, bold=True, anchor="middle")
        for k, text in enumerate(lines):
            p.text(middle, 172 + 18 * k, text, size=12, fill="text-2", anchor="middle")
        x += w
        if i < 3:
            p.text(x + step / 2 - 1, 78, "-", size=17, mono=True, anchor="middle", fill="text-2")
            x += step
    p.text(46, 34, "traceparent:", size=14, mono=True, fill="text-2")
    p.text(46, 228, "55 characters. Each box is one byte, written as two hexadecimal digits.", size=12.5, fill="text-2")
    p.save()


def platform():
    p = Picture("platform", 960, 300, "Services send to the station, which forwards to the Collector; it feeds Prometheus, Loki, Tempo and Jaeger; Grafana reads them")
    p.box(30, 112, 150, 66, "services", ["on your machine"], colour_of("iss-distance-service"))
    p.box(246, 112, 140, 66, "station", ["5050, 4317, 4318"], "accent")
    p.box(462, 112, 140, 66, "Collector", ["14317, 14318"])
    p.arrow((180, 145), (242, 145))
    p.arrow((386, 145), (458, 145))
    p.text(211, 136, "OTLP", size=12, fill="text-2", anchor="middle")
    p.text(422, 136, "forward", size=12, fill="text-2", anchor="middle")
    p.rect(436, 24, 506, 252, r=6, stroke="line-strong", dash="4 4")
    p.text(452, 46, "docker compose", size=12.5, fill="text-2")
    for i, (name, what) in enumerate([("Prometheus", "9090"), ("Loki", "logs"), ("Tempo", "traces"), ("Jaeger", "16686")]):
        y = 40 + 58 * i
        p.box(660, y, 130, 48, name, [what])
        p.arrow((602, 145), (630, 145), (630, y + 24), (656, y + 24), stroke="line-strong")
        if i < 3:
            p.arrow((790, y + 24), (812, y + 24), (812, 122), (830, 122), stroke="line-strong")
    p.box(834, 90, 96, 64, "Grafana", ["3000"])
    p.save()


def draw():
    for picture in (services, overview, resource, histogram, trace, processor, traceparent, platform):
        picture()


if __name__ == "__main__":
    draw()
