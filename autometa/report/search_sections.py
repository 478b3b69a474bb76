"""What the search did: history, learners, leaderboard, front, importances, the prior's part."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autometa.chains import LEARNER, NO_STEP, chain, stage_parameter
from autometa.compressor import STAGES
from autometa.report import figures, page
from autometa.report.importance import importances
from autometa.report.material import Material, ToldTrial
from autometa.report.page import Section

MOST_ROWS = 12
_STEPS = tuple(map(stage_parameter, STAGES))


def params_text(params: Mapping[str, Any]) -> str:
    """Gives a configuration as HTML, without the learner and the steps of a chain not taken."""
    learner = str(params.get("learner", ""))
    shown = [
        f"{name.removeprefix(f'{learner}.')} = {page.number(value)}"
        for name, value in params.items()
        if name != LEARNER and not (name.startswith(_STEPS) and value == NO_STEP)
    ]
    return page.text(", ".join(shown)) or "-"


def chain_text(params: Mapping[str, Any]) -> str:
    """Gives the compressors of a configuration in their order; "" when there is none."""
    return page.text(" → ".join(chain(params)))


def history(material: Material) -> tuple[Section, dict[str, str]]:
    """Shows every trial's value against the best so far, the constant and the expectation."""
    trials = [trial for trial in material.told if trial.value is not None]
    if not trials:
        return Section("History", ()), {}
    lead = material.lead
    kept = [trials[i] for i in figures.thinned(len(trials))]
    best = _best_so_far(material, trials)
    baseline = material.baseline.get(lead.name)
    with figures.drawing() as (axes, drawn):
        expected = [(t.result.number, e) for t in kept if (e := _expected(t)) is not None]
        if expected:
            x, y = zip(*expected, strict=True)
            axes.plot(x, y, "_", ms=8, mew=1.6, color=figures.COLOURS[1], label="expected by prior")
        numbers = [t.result.number for t in kept]
        values = [t.value for t in kept]
        axes.plot(numbers, values, "o", ms=3.5, color=figures.GREY, label="trial")
        if best[0]:
            axes.step(*best, where="post", color=figures.COLOURS[0], lw=2, label="best so far")
        in_sight = _focus(axes, [t.value or 0.0 for t in trials], lead.direction, baseline)
        if baseline is not None and in_sight:
            axes.axhline(baseline, color=figures.COLOURS[4], ls="--", lw=1, label="constant")
        figures.of_trials(axes)
        axes.set_ylabel(figures.label(lead.name))
        axes.legend(loc="best")
    constant = (
        f" A constant prediction has {page.number(baseline)}." if baseline is not None else ""
    )
    wish = "as low as possible" if lead.direction == "minimize" else "as high as possible"
    caption = f"Each dot is a trial; {page.text(lead.name)} is to be {wish}.{constant}"
    leader = f"the best is {page.number(best[1][-1])}" if best[0] else "none is usable"
    alt = f"{lead.name} of {len(trials)} trials; {leader}"
    parts = [page.figure(drawn[0], caption, alt), *_expectation(material, trials)]
    return Section("History", parts), {"history": drawn[0]}


def _expected(trial: ToldTrial) -> float | None:
    value = trial.explanation.get("expected_value")
    return float(value) if isinstance(value, int | float) else None


def _best_so_far(material: Material, trials: Sequence[ToldTrial]) -> tuple[list[int], list[float]]:
    usable = {trial.result.number for trial in material.complete}
    numbers: list[int] = []
    values: list[float] = []
    for trial in trials:
        if trial.result.number not in usable or trial.value is None:
            continue
        if not values or material.lead.loss(trial.value) < material.lead.loss(values[-1]):
            numbers.append(trial.result.number)
            values.append(trial.value)
    if values:
        numbers.append(trials[-1].result.number)
        values.append(values[-1])
    return numbers, values


def _focus(axes: Any, values: Sequence[float], direction: str, baseline: float | None) -> bool:
    """Shows the better nine tenths of the values, and the constant when it is not far off.

    Returns:
        Whether the constant is in sight.
    """
    low, high = figures.percentiles(values, 0, 90)
    if direction == "maximize":
        low, high = figures.percentiles(values, 10, 100)
    wanted = [low, high]
    worst = high if direction == "minimize" else low
    is_near = baseline is not None and abs(baseline - worst) < 4 * max(high - low, 1e-12)
    if baseline is not None and is_near:
        wanted.append(baseline)
    margin = 0.08 * max(max(wanted) - min(wanted), 1e-9)
    axes.set_ylim(min(wanted) - margin, max(wanted) + margin)
    return is_near


def _expectation(material: Material, trials: Sequence[ToldTrial]) -> list[str]:
    """Says how right the prior was, in words."""
    pairs = [
        (t.value, e) for t in trials if (e := _expected(t)) is not None and t.value is not None
    ]
    if not pairs:
        return []
    missed = float(np.median([abs(value - expected) for value, expected in pairs]))
    loss = material.lead.loss
    better = sum(loss(value) < loss(expected) for value, expected in pairs)
    return [
        page.paragraph(
            f"Past tasks said what to expect of {len(pairs)} trials: half of them came within"
            f" {page.number(missed, 3)} of it, and {better} turned out better than expected."
        )
    ]


def learners(material: Material) -> Section:
    """Compares what was tried, by learner."""
    groups: dict[str, list[ToldTrial]] = defaultdict(list)
    for trial in material.told:
        groups[trial.learner].append(trial)
    rows = []
    for name, trials in groups.items():
        values = sorted((t.value for t in trials if t.value is not None), key=material.lead.loss)
        seconds = sum(t.result.cost_seconds for t in trials)
        best = values[0] if values else None
        rows.append(
            (
                best,
                [
                    page.code(name),
                    str(len(trials)),
                    str(len(values)),
                    page.number(best),
                    page.number(_median(values)),
                    f"{seconds:.1f}",
                ],
            )
        )
    worst = math.inf
    rows.sort(key=lambda row: worst if row[0] is None else material.lead.loss(row[0]))
    if not rows:
        return Section("Learners", ())
    header = ["learner", "trials", "complete", f"best {material.lead.name}", "median", "CPU s"]
    told = material.final.get("trials") or {}
    ends = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in told.items() if n)
    note = " Pruned trials were stopped early, because better ones were far ahead."
    note = note if told.get("pruned") else ""
    return Section(
        "Learners",
        [
            page.table(header, [cells for _, cells in rows], numeric=(1, 2, 3, 4, 5)),
            page.paragraph(f"Trials: {page.text(ends)}.{note}", "note"),
            *_failures(material),
        ],
    )


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _failures(material: Material) -> list[str]:
    reasons: dict[str, int] = defaultdict(int)
    for trial in material.told:
        if trial.result.outcome.count_key in ("failed", "not_applicable"):
            reasons[f"{trial.learner}: {trial.result.reason or trial.result.outcome}"] += 1
    most = sorted(reasons.items(), key=lambda item: -item[1])[:5]
    lines = [f"{page.text(reason)} ({n} times)" for reason, n in most]
    return [page.paragraph(f"Without a score: {'; '.join(lines)}.", "note")] if lines else []


def leaderboard(material: Material) -> Section:
    """Lists the best trials."""
    best = material.complete[:MOST_ROWS]
    if not best:
        return Section("Leaderboard", ())
    names = [metric.name for metric in material.objectives]
    rows = [
        [
            str(trial.result.number),
            page.code(trial.learner),
            *(_with_error(trial, i) for i in range(len(names))),
            f"{trial.result.cost_seconds:.2f}",
            page.text(trial.result.proposer),
            page.clipped(params_text(trial.result.params)),
        ]
        for trial in best
    ]
    header = ["#", "learner", *names, "CPU s", "proposed by", "configuration"]
    numeric = (0, *range(2, 3 + len(names)))
    note = (
        f"The best {len(best)} of {len(material.complete)} complete trials that keep all bounds;"
        " ± is the standard error over the validation folds."
        f"{_delivered(material)}"
    )
    last = len(header) - 1
    shown = page.table(header, rows, numeric=numeric, long=(last,), lead=0, kind="board")
    return Section("Leaderboard", [shown, page.paragraph(note, "note")])


def _delivered(material: Material) -> str:
    """Says which of them the delivered model is made of."""
    final = material.final
    alone = [((final.get("best") or {}).get("number"), 1.0)]
    weights = (final.get("ensemble") or {}).get("weights") or alone
    numbers = sorted(int(number) for number, _ in weights if number is not None)
    if not numbers:
        return ""
    made = "trial" if len(numbers) == 1 else "made of trials"
    return f" The model is {made} {', '.join(map(str, numbers))}."


def _with_error(trial: ToldTrial, index: int) -> str:
    values, errors = trial.result.values or (), trial.result.standard_errors or ()
    value = page.number(values[index]) if index < len(values) else "-"
    if index < len(errors) and math.isfinite(errors[index]):
        return f"{value} ± {page.number(errors[index], 2)}"
    return value


def hyperparameters(material: Material) -> tuple[Section, dict[str, str]]:
    """Shows which hyperparameters decided, with what that does not mean."""
    title = "Hyperparameter importances"
    found = importances(material)
    if found is None:
        return Section(title, ()), {}
    shares = dict(list(found.shares.items())[:10])
    short = [name.removeprefix(f"{found.learner}.") for name in shares]
    drawn = figures.bars(short, list(shares.values()), f"share of the variance ({found.learner})")
    caption = (
        f"fANOVA on {found.n_trials} complete trials of {page.code(found.learner)}. Trials were not"
        " drawn at random: the search, and the more so a warm start, looks where it expects good"
        " values, so a parameter that past tasks had settled may look unimportant here."
    )
    alt = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
    return Section(title, [page.figure(drawn, caption, alt)]), {"importances": drawn}


def prior(material: Material) -> tuple[Section, dict[str, str]]:
    """Shows what past tasks had to say, and for how long they were heard."""
    title = "What past tasks contributed"
    known = material.final.get("prior") or {}
    if not known.get("used"):
        said = "No past task was known, so this search learned from its own trials alone."
        return Section(title, [page.paragraph(said)]), {}
    sources = [str(name) for name in known.get("sources", ())]
    named = ", ".join(page.code(name) for name in sources[:8])
    more = f" and {len(sources) - 8} more" if len(sources) > 8 else ""
    parts = [
        page.paragraph(f"{len(sources)} past tasks were known: {named}{more}."),
        *_shares(material),
    ]
    svg = _experts(material)
    if svg is None:
        return Section(title, parts), {}
    caption = (
        "Weight of each expert when a trial was proposed. <b>similar</b>, <b>covariance</b> and"
        " <b>level</b> follow past tasks; <b>target</b> follows this one."
    )
    parts.append(page.figure(svg, caption, "Weights of the experts over the trials"))
    return Section(title, parts), {"experts": svg}


def _shares(material: Material) -> list[str]:
    """Says who proposed how many trials, and with what success."""
    groups: dict[str, list[ToldTrial]] = defaultdict(list)
    for trial in material.told:
        groups[trial.result.proposer].append(trial)
    rows = []
    for name, trials in sorted(groups.items(), key=lambda item: -len(item[1])):
        values = sorted((t.value for t in trials if t.value is not None), key=material.lead.loss)
        best = page.number(values[0]) if values else "-"
        rows.append([page.text(name), str(len(trials)), best, page.number(_median(values))])
    header = ["proposed by", "trials", f"best {material.lead.name}", "median"]
    distrusted = next(
        (t for t in material.told if t.explanation.get("past_trusted") is False), None
    )
    parts = [page.table(header, rows, numeric=(1, 2, 3))]
    if distrusted is not None:
        parts.append(
            page.paragraph(
                f"From trial {distrusted.result.number} on the past was not listened to any more:"
                " it had ordered this task's trials wrongly."
            )
        )
    return parts


def _experts(material: Material) -> str | None:
    trials = [trial for trial in material.told if trial.explanation.get("experts")]
    if len(trials) < 2:
        return None
    trials = [trials[i] for i in figures.thinned(len(trials))]
    names = list(dict.fromkeys(n for t in trials for n in t.explanation["experts"]))
    weights = [[float(t.explanation["experts"].get(n, 0.0)) for t in trials] for n in names]
    with figures.drawing(2.3) as (axes, drawn):
        axes.stackplot(
            [t.result.number for t in trials],
            weights,
            labels=names,
            colors=figures.COLOURS,
            alpha=0.85,
        )
        axes.set_ylim(0, 1)
        axes.margins(x=0)
        figures.of_trials(axes)
        axes.set_ylabel("weight")
        axes.legend(loc="upper center", ncols=len(names), bbox_to_anchor=(0.5, 1.22))
    return drawn[0]
