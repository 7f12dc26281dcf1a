"""The graph of what is made from what, drawn from Snakemake's own description of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aulib.plots.style import BLUE, GREY, LIGHT, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def edges(dot: str) -> list[tuple[str, str]]:
    r"""Pairs (made first, made from it) of a graph in the language of Graphviz, as ``snakemake --dag`` prints it.

    Example:
        >>> edges('''
        ... 0[label = "book"];
        ... 1[label = "notebook\\nname: 01_a"];
        ... 1 -> 0''')
        [('01_a', 'book')]
    """
    labels = {number: _name(label) for number, label in re.findall(r'^\s*(\d+)\[label = "(.+?)"', dot, re.MULTILINE)}
    pairs = re.findall(r"^\s*(\d+) -> (\d+)", dot, re.MULTILINE)
    return [(labels[first], labels[then]) for first, then in pairs]


def _name(label: str) -> str:
    r"""``notebook\nname: 01_database`` is ``01_database``; a rule without wildcards is its name."""
    values = dict(line.split(": ", 1) for line in label.split("\\n")[1:])
    return values.get("name") or values.get("step") or label.split("\\n")[0]


def layers(pairs: list[tuple[str, str]]) -> list[list[str]]:
    """Nodes by the length of the longest way from them to the end, the farthest first; a layer in alphabetical order.

    Example:
        >>> layers([("a", "b"), ("b", "d"), ("a", "d"), ("a", "c"), ("c", "d")])
        [['a'], ['b', 'c'], ['d']]
    """
    height = {name: 0 for pair in pairs for name in pair}
    for _ in height:
        for first, then in pairs:
            height[first] = max(height[first], height[then] + 1)
    return [sorted(name for name in height if height[name] == level) for level in range(max(height.values()), -1, -1)]


def graph_figure(pairs: list[tuple[str, str]]) -> Figure:
    """Boxes in layers from left to right, and a line for every pair of :func:`edges`."""
    columns = layers(pairs)
    rows = max(map(len, columns))
    place = {name: (x, (len(column) - 1) / 2 - y) for x, column in enumerate(columns) for y, name in enumerate(column)}
    figure, axes = canvas(9.0, 0.36 * rows + 0.4)
    axes.axis("off")
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-rows / 2, rows / 2))
    for first, then in pairs:
        (x0, y0), (x1, y1) = place[first], place[then]
        axes.annotate("", (x1 - 0.36, y1), (x0 + 0.36, y0), arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 0.8})
    for name, (x, y) in place.items():
        box = {"boxstyle": "round,pad=0.35", "facecolor": LIGHT if name[0].isdigit() else "white", "edgecolor": BLUE}
        axes.text(x, y, name.replace("_", " "), ha="center", va="center", fontsize=7.5, bbox=box)
    return figure
