"""The Pareto front: every trial in colours of its chain, and a table of the trials of the front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autometa.chains import chain
from autometa.report import figures, page
from autometa.report.material import Material
from autometa.report.page import Section
from autometa.report.search_sections import chain_text, params_text

MOST_FRONT = 40
_MOST_CHAINS, _MOST_NUMBERS = 7, 12
_PLAIN, _OTHERS = "no compressor", "other chains"

Point = tuple[float, float, str]
"""Two values of a trial, and the chain that it is drawn as."""


def front(material: Material) -> tuple[Section, dict[str, str]]:
    """Shows the trials that no other trial beats in everything, with their compressors.

    The first objective is drawn against each of the others.
    """
    points = (material.final.get("front") or [])[:MOST_FRONT]
    names = [metric.name for metric in material.objectives]
    if len(names) < 2 or not points:
        return Section("Pareto front", ()), {}
    points = sorted(points, key=lambda point: point["values"].get(names[0], 0.0))
    shown = _shown_chains(points)
    drawn = {
        "front" if index == 1 else f"front-{names[index]}": _draw(material, points, shown, index)
        for index in range(1, len(names))
    }
    caption = (
        "Colours say the chain of compressors, numbers the trial. No trial is better than one of"
        " the front, the large dots, in one objective without losing in another."
    )
    told = ", ".join(f"{n} of {name}" for name, n in Counter(map(_chain, points)).items())
    alt = f"{len(points)} trials of the front by {names[0]} and %s: {told}"
    parts = [
        page.figure(svg, caption, alt % name)
        for svg, name in zip(drawn.values(), names[1:], strict=True)
    ]
    return Section("Pareto front", [*parts, _table(names, points)]), drawn


def _chain(point: Mapping[str, Any]) -> str:
    return " → ".join(chain(point["params"])) or _PLAIN


def _shown_chains(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """Gives the chains that have a colour of their own: those the front has most points of."""
    counts = Counter(map(_chain, points))
    most = [name for name, _ in counts.most_common(_MOST_CHAINS)]
    return sorted(most, key=lambda name: (name != _PLAIN, most.index(name)))


def _draw(
    material: Material, points: Sequence[Mapping[str, Any]], shown: Sequence[str], index: int
) -> str:
    """Draws the first objective against another one."""
    names = [metric.name for metric in material.objectives]
    complete = [t.result for t in material.complete if len(t.result.values or ()) > index]
    others = [complete[i] for i in figures.thinned(len(complete))]
    beaten = [
        (r.values[0], r.values[index], _chain({"params": r.params})) for r in others if r.values
    ]
    kept = [(p["values"][names[0]], p["values"][names[index]], _chain(p)) for p in points]
    with figures.drawing(2.7 + 0.17 * (len(shown) + 1)) as (axes, drawn):
        if len(names) == 2:
            axes.step(*zip(*[p[:2] for p in kept], strict=True), where="post", color=figures.GREY)
        for name in [*shown, _OTHERS]:
            colour = figures.GREY if name == _OTHERS else figures.COLOURS[shown.index(name)]
            ours = [[p for p in part if _drawn_as(p[2], shown) == name] for part in (beaten, kept)]
            _dots(axes, ours, colour, name)
        step = -(-len(points) // _MOST_NUMBERS)
        for point, (x, y, _) in list(zip(points, kept, strict=True))[::step]:
            text, place = str(point["number"]), (x, y)
            axes.annotate(text, place, (3, 4), textcoords="offset points", fontsize=7)
        y = [p[1] for p in (*kept, *beaten)]
        if min(y) > 0 and max(y) / min(y) > 30:
            figures.logarithmic(axes)
        axes.set_xlabel(figures.label(names[0]))
        axes.set_ylabel(figures.label(names[index]))
        axes.figure.legend(loc="outside lower left", ncols=1)
    return drawn[0]


def _drawn_as(name: str, shown: Sequence[str]) -> str:
    return name if name in shown else _OTHERS


def _dots(axes: Any, parts: Sequence[Sequence[Point]], colour: str, name: str) -> None:
    """Draws what is beaten small and faint, the front large; a name only once."""
    beaten, kept = parts
    for dots, size, alpha in ((beaten, 3.0, 0.45), (kept, 5.5, 1.0)):
        if dots:
            x, y = [p[0] for p in dots], [p[1] for p in dots]
            is_named = dots is kept or not kept
            text = figures.label(name, 64) if is_named else None
            axes.plot(x, y, "o", ms=size, mew=0, alpha=alpha, color=colour, label=text)


def _table(names: Sequence[str], points: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            str(point["number"]),
            page.code(point["params"].get("learner", "")),
            *(page.number(point["values"].get(name)) for name in names),
            chain_text(point["params"]) or "none",
            page.clipped(
                params_text({k: v for k, v in point["params"].items() if "compress." not in k})
            ),
        ]
        for point in points
    ]
    header = ["#", "learner", *names, "compressors", "configuration"]
    numeric, last = (0, *range(2, 2 + len(names))), len(header) - 1
    return page.table(header, rows, numeric=numeric, long=(last,), kind="board")
