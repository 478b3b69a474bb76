"""What the delivered model is and does: ensemble, columns, mistakes, calibration, rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autometa.report import figures, page
from autometa.report.evidence import Evidence, Permuted
from autometa.report.material import Material
from autometa.report.page import Section

MOST_CLASSES = 10
MOST_COLUMNS = 15
MOST_PAIRS = 3
_BINS = 10


def ensemble(material: Material) -> Section:
    """Shows which trials the delivered model averages."""
    chosen = material.final.get("ensemble")
    if not chosen:
        return Section("Ensemble", ())
    by_number = {trial.result.number: trial for trial in material.told}
    rows = []
    for n, weight in sorted(chosen["weights"], key=lambda pair: -pair[1]):
        trial = by_number.get(int(n))
        name, value = (trial.learner, trial.value) if trial else ("", None)
        rows.append(
            [str(n), page.code(name), page.number(value), f"{weight:.2f}", page.bar(weight)]
        )
    name = material.lead.name
    mixed, single = chosen["values"].get(name), chosen.get("single")
    strategy = str(chosen.get("strategy") or "average").partition("+")[0]
    further = [
        f"{constant:.2f} of the constant"
        if (constant := chosen.get("constant_weight") or 0)
        else "",
        f"temperature {heat:.2f}" if (heat := chosen.get("temperature") or 1.0) != 1.0 else "",
    ]
    mixed_in = f" ({', '.join(part for part in further if part)})" if any(further) else ""
    if strategy == "smallest":
        what = f"Trial {rows[0][0]}, the smallest that is as good within a standard error,"
        alone = "the best trial"
    elif len(rows) == 1:
        what, alone = f"Trial {rows[0][0]}{mixed_in}", "without this it"
    else:
        what = f"A combination ({page.text(strategy)}) of {len(rows)} trials{mixed_in}"
        alone = "the best of them alone"
    said = (
        f"{what} has {page.text(name)} {page.number(mixed)} in validation;"
        f" {alone} has {page.number(single)}."
    )
    header = ["#", "learner", name, "weight", ""]
    return Section("Ensemble", [page.paragraph(said), page.table(header, rows, numeric=(0, 2, 3))])


def columns(permuted: Permuted | None, metric: str) -> tuple[Section, dict[str, str]]:
    """Shows which columns the model uses."""
    title = "Which columns matter"
    if permuted is None:
        return Section(title, ()), {}
    names, means = permuted.names[:MOST_COLUMNS], permuted.means[:MOST_COLUMNS]
    spreads = permuted.spreads[:MOST_COLUMNS]
    drawn = figures.bars(names, means, f"{metric} gets worse by", spreads)
    left = f" For {permuted.n_left_out:,} columns there was no time." if permuted.n_left_out else ""
    times = "once" if permuted.n_repeats == 1 else f"{permuted.n_repeats} times"
    caption = (
        f"By how much {page.text(metric)} on {permuted.n_rows} test rows gets worse when one"
        f" column's values are mixed up ({times}). Of columns that say the same,"
        f" each looks less important than it is.{left}"
    )
    pairs = zip(names, means, strict=True)
    alt = ", ".join(f"{name} {page.number(mean, 2)}" for name, mean in pairs)
    return Section(title, [page.figure(drawn, caption, alt)]), {"columns": drawn}


def mistakes(evidence: Evidence | None) -> tuple[Section, dict[str, str]]:
    """Shows a confusion matrix, or predicted against true values."""
    if evidence is None:
        return Section("Mistakes", ()), {}
    return _confusion(evidence) if evidence.is_classification else _residuals(evidence)


def _confusion(evidence: Evidence) -> tuple[Section, dict[str, str]]:
    labels = evidence.prepared.classes
    guess = evidence.predictions.argmax(axis=1)
    frequent = np.argsort(-np.bincount(evidence.y, minlength=len(labels)), kind="stable")
    shown = sorted(int(i) for i in frequent[:MOST_CLASSES])
    table = np.array(
        [[int(((evidence.y == a) & (guess == b)).sum()) for b in shown] for a in shown]
    )
    size = max(1.9, 0.9 + 0.3 * len(shown))
    with figures.drawing(size) as (axes, drawn):
        share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), count in np.ndenumerate(table):
            colour = "white" if share[row, column] > 0.55 else figures.DARK
            axes.text(column, row, f"{count}", ha="center", va="center", color=colour)
        names = figures.labels([labels[i] for i in shown], 14)
        turn = 45 if max(map(len, names)) > 6 and len(names) > 3 else 0
        axes.set_xticks(range(len(shown)), names, rotation=turn, ha="right" if turn else "center")
        axes.set_yticks(range(len(shown)), names)
        axes.grid(visible=False)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
    hits = int((guess == evidence.y).sum())
    left = (
        f" The {len(labels) - len(shown)} rarest classes are left out.{_confused(evidence, guess)}"
        if len(labels) > len(shown)
        else ""
    )
    caption = f"{hits} of {len(guess)} labels are right, on {page.text(evidence.source)}.{left}"
    alt = f"Confusion matrix: {hits} of {len(guess)} rows on the diagonal"
    return Section("Mistakes", [page.figure(drawn[0], caption, alt)]), {"confusion": drawn[0]}


def _confused(evidence: Evidence, guess: np.ndarray[Any, Any]) -> str:
    """Names the pairs of classes that are mistaken most often, of all classes."""
    labels, wrong = evidence.prepared.classes, guess != evidence.y
    pairs, counts = np.unique(
        np.stack([evidence.y[wrong], guess[wrong]], axis=1), axis=0, return_counts=True
    )
    most = np.argsort(-counts, kind="stable")[:MOST_PAIRS]
    named = [
        f"{page.text(figures.label(labels[true]))} taken for"
        f" {page.text(figures.label(labels[said]))} ({counts[index]})"
        for index in most
        for true, said in [pairs[index]]
    ]
    return f" Most often: {', '.join(named)}." if named else ""


def _residuals(evidence: Evidence) -> tuple[Section, dict[str, str]]:
    y, p = evidence.y.astype(float), evidence.predictions.astype(float)
    kept = figures.thinned(len(y))
    with figures.drawing(3.2) as (axes, drawn):
        axes.plot(y[kept], p[kept], "o", ms=3, alpha=0.5, color=figures.COLOURS[0])
        ends = [min(y.min(), p.min()), max(y.max(), p.max())]
        axes.plot(ends, ends, color=figures.GREY, lw=1)
        axes.set_xlabel("true")
        axes.set_ylabel("predicted")
    off = np.abs(p - y)
    median, ninety = np.percentile(off, [50, 90])
    bias = float((p - y).mean())
    caption = (
        f"{page.text(evidence.source)}. Half of the predictions are within"
        f" {page.number(float(median), 3)} of the truth, nine in ten within"
        f" {page.number(float(ninety), 3)}; the mean residual is {page.number(bias, 2)}."
    )
    alt = f"Predicted against true values of {len(y)} rows"
    return Section("Residuals", [page.figure(drawn[0], caption, alt)]), {"residuals": drawn[0]}


def calibration(evidence: Evidence | None) -> tuple[Section, dict[str, str]]:
    """Shows whether a predicted 70 % is right in 70 % of the cases."""
    if evidence is None or not evidence.is_classification or len(evidence.y) < 2 * _BINS:
        return Section("Calibration", ()), {}
    p, y = evidence.predictions, evidence.y
    if p.shape[1] == 2:
        said, true = p[:, 1], y == 1
        name = f"probability of {figures.label(evidence.prepared.classes[1])}"
    else:
        said, true = p.max(axis=1), p.argmax(axis=1) == y
        name = "probability of the predicted class"
    order = np.argsort(said, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    x = np.array([said[part].mean() for part in bins])
    observed = np.array([true[part].mean() for part in bins])
    weights = np.array([len(part) for part in bins]) / len(said)
    gap = float((weights * np.abs(x - observed)).sum())
    with figures.drawing() as (axes, drawn):
        axes.plot([0, 1], [0, 1], color=figures.GREY, lw=1)
        axes.plot(x, observed, "o-", ms=4, color=figures.COLOURS[0])
        axes.set_xlabel(name)
        axes.set_ylabel("share that is true")
    caption = (
        f"{page.text(evidence.source)}, in {len(bins)} groups of equal size. On the line, what is"
        f" said is what happens; the mean distance from it is {page.number(gap, 2)}."
    )
    alt = f"Calibration curve, mean distance {page.number(gap, 2)} from the diagonal"
    return Section("Calibration", [page.figure(drawn[0], caption, alt)]), {"calibration": drawn[0]}


def learning_curve(material: Material) -> tuple[Section, dict[str, str]]:
    """Shows whether more rows would help."""
    curve: Mapping[str, Any] = material.curve
    title = "Would more rows help?"
    if not curve.get("rows"):
        return Section(title, ()), {}
    rows = list(curve["rows"])
    means = [float(np.mean(scores)) for scores in curve["scores"]]
    with figures.drawing(2.3) as (axes, drawn):
        for n, scores in zip(rows, curve["scores"], strict=True):
            axes.plot([n] * len(scores), scores, "o", ms=3, color=figures.GREY)
        axes.plot(rows, means, "o-", ms=4, color=figures.COLOURS[0])
        axes.set_xlabel("training rows")
        axes.set_ylabel(figures.label(curve["metric"]))
    gain = abs(means[-1] - means[-2])
    caption = (
        f"{page.code(curve['learner'])} with the best configuration, fitted on parts of the"
        f" training rows; dots are validation folds. The last step changed"
        f" {page.text(curve['metric'])} by {page.number(gain, 2)}."
    )
    alt = ", ".join(f"{n} rows: {page.number(m)}" for n, m in zip(rows, means, strict=True))
    return Section(title, [page.figure(drawn[0], caption, alt)]), {"learning-curve": drawn[0]}
