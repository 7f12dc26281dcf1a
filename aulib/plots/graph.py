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
    """Boxes in layers from left to right, and an arrow for every pair of :func:`edges`."""
    columns = layers(pairs)
    rows, place = max(map(len, columns)), _places(columns, pairs)
    figure, axes = canvas(9.0, 0.36 * rows + 0.2)
    axes.axis("off")
    axes.set(xlim=(-0.4, len(columns) - 0.2), ylim=(-rows + 0.5, 0.5))
    boxes = {}
    for name, (x, y) in place.items():
        box = {"boxstyle": "round,pad=0.3", "facecolor": LIGHT if name[0].isdigit() else "white", "edgecolor": BLUE}
        text = axes.text(x, y, name.replace("_", " "), ha="center", va="center", fontsize=10, bbox=box, zorder=2)
        boxes[name] = text.get_bbox_patch()
    figure.draw_without_rendering()  # the boxes get their sizes, at whose sides the arrows begin and end
    to_data = axes.transData.inverted()
    sides = {name: to_data.transform(box.get_window_extent())[:, 0] for name, box in boxes.items()}
    for first, then in pairs:
        (start, end), (y0, y1) = (sides[first][1], sides[then][0]), (place[first][1], place[then][1])
        arrow = {"arrowstyle": "-|>", "color": GREY, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (end, y1), (start, y0), arrowprops=arrow, zorder=1)
    return figure


def _places(columns: list[list[str]], pairs: list[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Name -> position. In the widest layer, what needs the latest step stands lowest, and the steps beside it."""
    layer = {name: x for x, column in enumerate(columns) for name in column}
    needs = {then: first for first, then in sorted(pairs, key=lambda pair: layer[pair[0]])}
    widest = max(range(len(columns)), key=lambda x: len(columns[x]))
    order = sorted(columns[widest], key=lambda name: (layer[needs[name]] if name in needs else -1, name))
    rows = {name: -y for y, name in enumerate(order)}
    last = [rows[name] for name in order if name in needs and layer[needs[name]] == widest - 1]
    level = sum(last) / len(last) if last else 0
    middle = -(len(order) - 1) / 2
    return {
        name: (x, rows.get(name, level)) if x <= widest else (x + 0.4, middle)  # room for the widest boxes
        for name, x in layer.items()
    }
