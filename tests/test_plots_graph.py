"""The graph of the pages: boxes do not overlap, arrows touch the boxes that they join."""

from __future__ import annotations

import itertools

from matplotlib.text import Annotation

from aulib import notebooks
from aulib.plots import graph

STEPS = ["corpus", "database", "store", "features", "run"]


def pairs():
    names = notebooks.names()
    needs = {"05_training": "run", "06_results": "run", "07_cost_of_missing_labels": "features"}
    chain = list(itertools.pairwise(STEPS))
    return chain + [(needs.get(name, "database"), name) for name in names] + [(name, "book") for name in names]


def test_no_box_lies_on_another_and_each_arrow_joins_the_sides_of_two():
    figure = graph.graph_figure(pairs())
    figure.draw_without_rendering()
    axes = figure.axes[0]
    texts = [text for text in axes.texts if text.get_text()]
    boxes = {text.get_text(): text.get_bbox_patch().get_window_extent() for text in texts}
    assert len(boxes) == len(STEPS) + len(notebooks.names()) + 1
    for (_, one), (_, other) in itertools.combinations(boxes.items(), 2):
        assert not one.overlaps(other)
    assert all(axes.bbox.contains(*corner) for box in boxes.values() for corner in box.corners())
    arrows = [text for text in axes.texts if isinstance(text, Annotation) and not text.get_text()]
    joined = set()
    for arrow in arrows:
        (x0, _), (x1, _) = axes.transData.transform([arrow.xyann, arrow.xy])
        start = min(
            boxes, key=lambda name: abs(boxes[name].x1 - x0) + abs(_middle(boxes[name]) - _y(axes, arrow.xyann))
        )
        end = min(boxes, key=lambda name: abs(boxes[name].x0 - x1) + abs(_middle(boxes[name]) - _y(axes, arrow.xy)))
        assert abs(boxes[start].x1 - x0) < 2 and abs(boxes[end].x0 - x1) < 2
        joined.add((start, end))
    assert joined == {(first.replace("_", " "), then.replace("_", " ")) for first, then in pairs()}


def _middle(box) -> float:
    return (box.y0 + box.y1) / 2


def _y(axes, place) -> float:
    return axes.transData.transform(place)[1]
