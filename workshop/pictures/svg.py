# SPDX-License-Identifier: Apache-2.0
"""A picture in the colours of the pages, in both lights, on a ground of its own: readable wherever a forge puts it.

Colours are the names of frontend/shared/tokens.css, said without their two dashes. Everything else is SVG.
"""

import math
import os
import re
from html import escape

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.join(HERE, "../..")
OUT = os.environ.get("OUT", HERE)
SANS = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif'
MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace'
SERVICES = ["frontend", "gateway", "geolocator-service", "iss-distance-service", "upstream", "station"]


def tokens():
    with open(os.path.join(TREE, "frontend/shared/tokens.css")) as file:
        return {name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);", file.read())}


TOKENS = tokens()


def colour_of(service):
    """The same token as serviceColour() of the pages chooses."""
    return f"s{SERVICES.index(service)}"


def number(value):
    return f"{value:.1f}".removesuffix(".0")


class Picture:
    def __init__(self, name, width, height, title):
        self.name, self.width, self.height, self.title = name, width, height, title
        self.used, self.body = set(), []
        self.rect(0.5, 0.5, width - 1, height - 1, fill="ground", stroke="line", r=6)

    # ---- shapes ----

    def paint(self, fill=None, stroke=None, width=1, dash=None, opacity=None):
        classes = []
        for kind, token in (("f", fill), ("s", stroke)):
            if token:
                self.used.add((kind, token))
                classes.append(f"{kind}-{token}")
        out = f' class="{" ".join(classes)}"' if classes else ""
        if stroke and width != 1:
            out += f' stroke-width="{width}"'
        if dash:
            out += f' stroke-dasharray="{dash}"'
        if opacity is not None:
            out += f' opacity="{opacity}"'
        return out + ("" if fill else ' fill="none"')

    def rect(self, x, y, w, h, r=0, **paint):
        corner = f' rx="{r}"' if r else ""
        self.body.append(f'<rect x="{number(x)}" y="{number(y)}" width="{number(w)}" height="{number(h)}"{corner}{self.paint(**paint)}/>')

    def circle(self, x, y, r, **paint):
        self.body.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(r)}"{self.paint(**paint)}/>')

    def path(self, d, **paint):
        self.body.append(f'<path d="{d}"{self.paint(**paint)}/>')

    def line(self, *points, **paint):
        paint.setdefault("stroke", "line-strong")
        self.path("M" + "L".join(f"{number(x)} {number(y)}" for x, y in points), **paint)

    def text(self, x, y, text, size=15, fill="text", anchor=None, bold=False, mono=False, rotate=None):
        out = f'<text x="{number(x)}" y="{number(y)}" font-size="{size}"{self.paint(fill=fill)}'
        if anchor:
            out += f' text-anchor="{anchor}"'
        if bold:
            out += ' font-weight="600"'
        if mono:
            out = out.replace('class="', 'class="m ', 1)
        if rotate:
            out += f' transform="rotate({rotate} {number(x)} {number(y)})"'
        self.body.append(f"{out}>{escape(text)}</text>")

    def arrow(self, *points, stroke="text-2", width=1.5, **paint):
        self.line(*points, stroke=stroke, width=width, **paint)
        (x0, y0), (x, y) = points[-2:]
        angle = math.atan2(y - y0, x - x0)
        a, b = [(x - 8 * math.cos(angle + side), y - 8 * math.sin(angle + side)) for side in (0.42, -0.42)]
        self.path(f"M{number(x)} {number(y)}L{number(a[0])} {number(a[1])}L{number(b[0])} {number(b[1])}Z", fill=stroke)

    # ---- what several pictures have ----

    def box(self, x, y, w, h, head, lines=(), colour=None, mono=False):
        """A card with a heading and small lines below; a colour stands at its left, as on the page."""
        self.rect(x, y, w, h, r=6, fill="raised", stroke="line-strong")
        if colour:
            self.rect(x, y + 4, 4, h - 8, fill=colour)
        top = y + h / 2 - 9 * len(lines) + 5
        self.text(x + 16, top, head, bold=True, mono=mono, size=14 if mono else 15)
        for i, line in enumerate(lines):
            self.text(x + 16, top + 19 + 17 * i, line, size=12.5, fill="text-2")

    def bar(self, x, y, w, colour, label=None, h=12, own=None):
        """One span of a waterfall: light for all of it, dark for its own time, [from, to] in parts."""
        self.rect(x, y, w, h, r=2, fill=colour, opacity=0.45)
        for start, end in own or [(0, 1)]:
            self.rect(x + w * start, y, max(2, w * (end - start)), h, r=2, fill=colour)
        if label:
            self.text(x - 8, y + h - 2, label, size=12, anchor="end", fill="text-2")

    def iss(self, x, y, size=1.0, fill="accent"):
        """The mark of the page's map: two wings and a body."""
        self.circle(x, y, 15 * size, fill=fill, opacity=0.18)
        for side in (-1, 1):
            self.rect(x + side * 7 * size - 2.5 * size, y - 6 * size, 5 * size, 12 * size, fill=fill)
        self.rect(x - 7 * size, y - 1.5 * size, 14 * size, 3 * size, fill=fill)

    def save(self):
        def rules(i):
            return "".join(
                f".{kind}-{token}{{{'fill' if kind == 'f' else 'stroke'}:{TOKENS[token][i]}}}" for kind, token in sorted(self.used)
            )

        with open(os.path.join(OUT, f"{self.name}.svg"), "w") as file:
            file.write(
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
                f'viewBox="0 0 {self.width} {self.height}" role="img">\n<title>{escape(self.title)}</title>\n'
                f"<style>text{{font-family:{SANS}}}.m{{font-family:{MONO}}}{rules(0)}@media (prefers-color-scheme:dark){{{rules(1)}}}</style>\n"
                + "\n".join(self.body)
                + "\n</svg>\n"
            )
