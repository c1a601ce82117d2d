# SPDX-License-Identifier: Apache-2.0
"""The title image of the course, and one for each page: the station moves along its track from the first to the last."""

import json
import math
import os

from svg import TREE, Picture, colour_of, number

INCLINATION = math.radians(51.64)
PAGES = ["introduction", "tour", "section-0", "section-1", "section-2", "section-3", "section-4", "wrap-up"]


def track(u):
    """Latitude and longitude, in degrees, at `u` radians behind the ascending node; the Earth turns below."""
    latitude = math.asin(math.sin(INCLINATION) * math.sin(u))
    longitude = math.atan2(math.cos(INCLINATION) * math.sin(u), math.cos(u)) - u / 15.5
    return math.degrees(latitude), (math.degrees(longitude) + 540) % 360 - 180


# ---- the title of the course ----


def thinned(ring, width, step=1.4):
    """Points of a coastline that differ by more than `step` pixels."""
    out = []
    for x, y in ring:
        if not out or math.hypot(x - out[-1][0], y - out[-1][1]) > step:
            out.append((x, y))
    return out


def world(picture, left, top, scale):
    def at(longitude, latitude):
        return left + (longitude + 180) * scale, top + (84 - latitude) * scale

    with open(os.path.join(TREE, "frontend/app/land.json")) as file:
        rings = json.load(file)["rings"]
    d = []
    for flat in rings:
        points = thinned([at(*pair) for pair in zip(flat[::2], flat[1::2])], scale)
        if len(points) > 5:
            d.append("M" + "L".join(f"{number(x)} {number(y)}" for x, y in points) + "Z")
    picture.path("".join(d), fill="land", stroke="coast", width=0.6)
    return at


def orbit(picture, at, turns, phase, **paint):
    """The ground track, broken where it leaves the map."""
    piece, last = [], None
    for i in range(int(turns * 180) + 1):
        latitude, longitude = track(phase + i * math.pi / 90)
        if last is not None and abs(longitude - last) > 180:
            picture.line(*piece, **paint)
            piece = []
        piece.append(at(longitude, latitude))
        last = longitude
    picture.line(*piece, **paint)
    return piece[-1]


def course():
    p = Picture("title", 960, 330, "Instrumenting C Applications with OpenTelemetry")
    p.rect(1, 1, 958, 328, r=6, fill="sea")
    scale = 958 / 360
    at = world(p, 1, -24, scale)
    for latitude in range(-30, 61, 30):
        p.line(at(-180, latitude), at(180, latitude), stroke="line")
    orbit(p, at, 1.0, 2.9, stroke="accent", width=1.2, opacity=0.35)
    x, y = orbit(p, at, 0.9, 2.9 + 2 * math.pi, stroke="accent", width=2)
    p.iss(x, y, 1.3)
    p.rect(40, 56, 560, 218, r=6, fill="ground", stroke="line-strong")
    p.text(68, 108, "Instrumenting C Applications", size=30, bold=True)
    p.text(68, 146, "with OpenTelemetry", size=30, bold=True)
    for i, (service, x, w) in enumerate([("frontend", 0, 420), ("gateway", 24, 370), ("geolocator-service", 46, 120), ("iss-distance-service", 196, 178)]):
        p.rect(68 + x, 174 + 18 * i, w, 11, r=2, fill=colour_of(service))
    p.text(68, 263, "one question · four services · one trace", size=13, fill="text-2")
    p.save()


# ---- the pages ----


def page(name, small, large):
    p = Picture(name, 960, 190, f"{small}: {large}" if small else large)
    points = [(x, 161 - 13 * math.sin(x / 960 * 6 * math.pi)) for x in range(4, 957, 4)]
    p.line(*points, stroke="accent", width=1, dash="2 5", opacity=0.5)
    here = int((0.07 + 0.86 * PAGES.index(name) / (len(PAGES) - 1)) * len(points))
    p.line(*points[: here + 1], stroke="accent", width=1.5, opacity=0.8)
    p.iss(*points[here])
    p.text(40, 62 if small else 84, small or large, size=15 if small else 34, fill="text-2" if small else "text", bold=not small)
    if small:
        p.text(40, 102, large, size=34, bold=True)
    return p


def panel(p):
    """Where a page's motif is drawn."""
    p.rect(560, 18, 364, 114, r=6, fill="raised", stroke="line-strong")
    return 560, 18


def introduction():
    p = page("introduction", "Part 1", "Introduction")
    x, y = panel(p)
    for i, name in enumerate(("logs", "metrics", "traces")):
        left = x + 20 + 114 * i
        p.text(left, y + 102, name, size=12, fill="text-2")
        if i == 0:
            for row, w in enumerate((84, 60, 74, 40)):
                p.rect(left, y + 22 + 15 * row, 5, 7, fill="error" if row == 2 else "accent")
                p.rect(left + 10, y + 22 + 15 * row, w - 8, 7, r=2, fill="line-strong")
        elif i == 1:
            p.line((left, y + 18), (left, y + 80), (left + 88, y + 80), stroke="line-strong")
            p.line(*[(left + 4 + 7 * k, y + 70 - v) for k, v in enumerate((4, 8, 6, 16, 22, 18, 30, 42, 38, 46, 44, 48))], stroke="s0", width=2)
        else:
            for row, (a, w, s) in enumerate([(0, 96, "s0"), (8, 80, "s1"), (16, 24, "s2"), (46, 38, "s3")]):
                p.rect(left + a, y + 22 + 15 * row, w, 8, r=2, fill=s)
    p.save()


def tour():
    p = page("tour", "Part 2", "Tour")
    x, y = panel(p)
    p.line((x + 22, y + 84), (x + 342, y + 84), stroke="line-strong")
    p.line((x + 182, y + 18), (x + 182, y + 92), stroke="accent", width=1.5)
    p.text(x + 188, y + 28, "reloaded", size=12, fill="accent")
    for i in range(21):
        left = x + 26 + 15 * i
        late = left > x + 178
        p.circle(left, y + 56 + (i * 7 % 5) * 3 - 6, 4, fill="s3" if late else "line-strong")
    p.text(x + 22, y + 103, "generation 1", size=12, fill="text-2")
    p.text(x + 342, y + 103, "generation 2", size=12, fill="text-2", anchor="end")
    p.save()


def section_0():
    p = page("section-0", "Section 0", "Create a Resource")
    x, y = panel(p)
    rows = [("service.name", "iss-distance-service"), ("service.version", "1.0.0"), ("deployment.environment.name", "dev")]
    for i, (key, value) in enumerate(rows):
        top = y + 38 + 27 * i
        p.text(x + 18, top, key, size=11.5, fill="text-2", mono=True)
        p.text(x + 346, top, value, size=11.5, mono=True, anchor="end", bold=True)
        if i < 2:
            p.line((x + 18, top + 10), (x + 346, top + 10), stroke="line")
    p.save()


def section_1():
    p = page("section-1", "Section 1", "Logging")
    x, y = panel(p)
    rows = [("INFO", "text-2", "calculated the distance of the ISS"), ("WARN", "warn", "bad latitude or longitude"), ("INFO", "text-2", "calculated the distance of the ISS"), ("ERROR", "error", "no position of the ISS")]
    for i, (severity, colour, text) in enumerate(rows):
        top = y + 32 + 22 * i
        p.text(x + 18, top, severity, size=11.5, fill=colour, mono=True, bold=True)
        p.text(x + 72, top, text, size=12.5)
    p.save()


def section_2():
    p = page("section-2", "Section 2", "Metrics")
    x, y = panel(p)
    p.line((x + 20, y + 16), (x + 20, y + 94), (x + 180, y + 94), stroke="line-strong")
    p.line(*[(x + 22 + 12 * k, y + 86 - v) for k, v in enumerate((4, 10, 18, 16, 30, 36, 48, 44, 54, 58, 52, 60, 62))], stroke="s0", width=2)
    p.line(*[(x + 22 + 12 * k, y + 92 - v) for k, v in enumerate((0, 0, 0, 6, 2, 0, 14, 10, 4, 0, 0, 2, 0))], stroke="error", width=1.5)
    p.line((x + 206, y + 94), (x + 346, y + 94), stroke="line-strong")
    for k, v in enumerate((12, 34, 66, 48, 28, 14, 8, 4, 2)):
        p.rect(x + 210 + 15 * k, y + 94 - v, 12, v, fill="s3")
    p.save()


def section_3():
    p = page("section-3", "Section 3", "Tracing")
    x, y = panel(p)
    p.text(x + 18, y + 37, "calculating-iss-distance", size=12.5)
    p.bar(x + 188, y + 26, 156, "s3", own=[(0, 0.08), (0.74, 1)])
    p.line((x + 24, y + 44), (x + 24, y + 65), (x + 32, y + 65), stroke="line-strong")
    p.text(x + 36, y + 69, "getting-iss-coordinates", size=12.5)
    p.bar(x + 200, y + 58, 104, "s3")
    p.text(x + 18, y + 100, "4bf92f3577b34da6a3ce929d0e0e4736", size=11.5, fill="text-2", mono=True)
    p.save()


def section_4():
    p = page("section-4", "Section 4", "Tying it all together")
    x, y = panel(p)
    rows = [("frontend", 0, 1), ("gateway", 0.04, 0.9), ("geolocator-service", 0.1, 0.3), ("iss-distance-service", 0.5, 0.4)]
    for i, (service, a, w) in enumerate(rows):
        p.text(x + 18 + 8 * min(i, 2), y + 32 + 22 * i, service, size=12.5)
        p.rect(x + 176 + 170 * a, y + 22 + 22 * i, 170 * w, 11, r=2, fill=colour_of(service))
    p.save()


def wrap_up():
    p = page("wrap-up", "", "Wrap-up")
    x, y = panel(p)
    for i, name in enumerate(("metric", "trace", "record")):
        p.rect(x + 22 + 114 * i, y + 37, 90, 40, r=6, fill="accent-ground", stroke="accent")
        p.text(x + 67 + 114 * i, y + 62, name, size=14, anchor="middle")
        if i:
            p.arrow((x + 114 * i, y + 57), (x + 20 + 114 * i, y + 57), stroke="accent")
    p.text(x + 67, y + 100, "that", size=12, fill="text-2", anchor="middle")
    p.text(x + 181, y + 100, "where", size=12, fill="text-2", anchor="middle")
    p.text(x + 295, y + 100, "why", size=12, fill="text-2", anchor="middle")
    p.save()


def draw():
    for picture in (course, introduction, tour, section_0, section_1, section_2, section_3, section_4, wrap_up):
        picture()


if __name__ == "__main__":
    draw()
