"""Drawings by matplotlib, without its global state; small SVG files."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#2b6cb0", "#dd6b20", "#2f855a", "#805ad5", "#c53030", "#b7791f", "#4a5568", "#0987a0")
GREY, DARK = "#98a2b3", "#344054"
WIDTH = 4.8
"""Inches. Narrow, so that text is still read when a phone shows the figure."""

MOST_POINTS = 600
_LONGEST_LABEL = 28

_STYLE: Any = {
    "font.size": 9,
    "font.family": ["sans-serif"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": DARK,
    "xtick.color": DARK,
    "ytick.color": DARK,
    "text.color": DARK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8ebf0",
    "legend.frameon": False,
    "legend.fontsize": 8,
    # A name with a dollar is no formula.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "autometa",
}


@contextmanager
def drawing(height: float = 2.7) -> Iterator[tuple[Axes, list[str]]]:
    """Gives axes, and a list that holds the SVG once the block is left.

    Args:
        height: Inches.
    """
    drawn: list[str] = []
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # Fonts of the reader's browser are used: what ours lacks does not matter.
        warnings.filterwarnings("ignore", message="Glyph")
        warnings.filterwarnings("ignore", message="findfont")
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        yield axes, drawn
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    svg = target.getvalue()
    drawn.append(svg[svg.index("<svg") :])


def warm_up() -> None:
    """Does once what the first drawing takes long for: fonts and tick machinery."""
    with drawing() as (axes, _):
        axes.plot([0, 1], [0, 1])


def label(name: object, longest: int = _LONGEST_LABEL) -> str:
    """Shortens a name for an axis; what cannot be printed is replaced."""
    plain = "".join(c if c.isprintable() else "�" for c in str(name))
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


def labels(names: Sequence[object], longest: int = _LONGEST_LABEL) -> list[str]:
    """Shortens names that stand beside each other; those that would look alike keep their ends."""
    short = [label(name, longest) for name in names]
    counts = Counter(short)
    return [
        f"{short[i][: longest // 3]}…{label(name, 10**6)[longest // 3 + 1 - longest :]}"
        if counts[short[i]] > 1
        else short[i]
        for i, name in enumerate(names)
    ]


def logarithmic(axes: Axes) -> None:
    """Makes the upright axis logarithmic; its numbers are written out, not as formulas."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def of_trials(axes: Axes) -> None:
    """Makes the level axis one of trial numbers, which are whole."""
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, min_n_ticks=1))


def thinned(n: int) -> np.ndarray[Any, Any]:
    """Gives at most `MOST_POINTS` of n positions, evenly spread, the last one included."""
    if n <= MOST_POINTS:
        return np.arange(n)
    return np.unique(np.linspace(0, n - 1, MOST_POINTS).round().astype(int))


def bars(
    names: Sequence[str], values: Sequence[float], title: str, spreads: Sequence[float] = ()
) -> str:
    """Draws horizontal bars, the first on top; with `spreads` each has a whisker."""
    with drawing(0.6 + 0.24 * len(names)) as (axes, drawn):
        places = np.arange(len(names))
        axes.barh(places, values, color=COLOURS[0], height=0.65)
        if spreads:
            axes.errorbar(values, places, xerr=spreads, fmt="none", lw=1, ecolor=DARK)
        axes.set_yticks(places, labels(names))
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(title)
    return drawn[0]


def percentiles(values: Sequence[float], low: float, high: float) -> tuple[float, float]:
    """Gives two percentiles of finite values."""
    a, b = np.percentile(np.asarray(values, dtype=float), [low, high])
    return float(a), float(b)
