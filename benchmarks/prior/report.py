"""Prints RESULTS.md from the rows, and draws a plot per suite.

python -m benchmarks.prior.report
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.prior import stream
from benchmarks.prior.rows import BUDGETS, RESULTS, Rows

SHOWN = (1, 3, 5, 10, 25, 50)
OURS = "autometa"
_SEEDS = 2000
_HEAD = """# What past tasks are worth

Printed by `python -m benchmarks.prior.report` from the rows that `python -m benchmarks.prior.run`
wrote. Lower is better everywhere.

**Regret** of a target after n trials: (best of the n losses - least loss of all candidates) /
(bound - least loss), clipped to [0, 1]. Bound: the worst candidate (`worst`) or the 95th percentile
of the candidates' losses (`p95`). Tables give means over targets with `worst`; `p95` follows.

**Protocol.** Held out by family: OBOE in 10 folds, near-duplicates (error profiles that correlate
above .97, linked transitively) in one family; MindWare jointly in 3 folds, one learner at a time in
5, families by name. MindWare's candidates are the points of random search (origin 1) of the target;
past tasks use all their points. Random is the mean of 20 runs, of Optuna 3; other
methods ran once.
Constants of the engine were chosen on the **development** third of OBOE's families and of the
families of MindWare's balanced accuracy, one learner at a time; **rest** is everything else.
**Intervals**: paired bootstrap over targets, 95 %, of the difference to the best competitor
(the one with the least mean at that budget). **Worse**: share of targets on which
the regret at 25 is more than .01 above random's mean of 20 runs.
"""


def main() -> None:
    parts = [_HEAD]
    for name, title in (
        ("oboe", "OBOE, 418 tasks x 219 configurations"),
        ("mindware-joint", "MindWare, nine classifiers as one space"),
    ):
        if (RESULTS / f"{name}.csv").exists():
            parts.append(suite_section(Rows(name), title))
            plot(Rows(name), name)
    singles = sorted(path.stem for path in RESULTS.glob("hpo_bal_acc_*.csv"))
    if singles:
        parts.append(single_section(singles))
    if (RESULTS / "oboe-wrong.csv").exists() and (RESULTS / "oboe.csv").exists():
        parts.append(wrong_section())
    if stream.RESULTS.exists():
        parts.append(stream.section())
    text = "\n\n".join(parts) + "\n"
    (Path(__file__).resolve().parent / "RESULTS.md").write_text(text)
    print(text)


def _columns(table: dict[str, dict[str, np.ndarray]]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Gives the tasks that all finished methods share, and (tasks, budgets) per method."""
    most = max(len(rows) for rows in table.values())
    finished = {name: rows for name, rows in table.items() if len(rows) == most}
    tasks = sorted(set.intersection(*(set(rows) for rows in finished.values())))
    return tasks, {name: np.stack([rows[t] for t in tasks]) for name, rows in finished.items()}


def _at(values: np.ndarray, budget: int) -> np.ndarray:
    return values[:, BUDGETS.index(budget)]


def suite_section(rows: Rows, title: str) -> str:
    lines = [f"## {title}"]
    for scaling, part in (("worst", "all"), ("worst", "rest"), ("p95", "all")):
        tasks, values = _columns(rows.table(scaling, part))
        lines += ["", f"### {part}, {scaling}: {len(tasks)} targets", "", *_table(values)]
        if OURS in values:
            lines += ["", *_paired(values)]
    lines += ["", *_extras(rows)]
    return "\n".join(lines)


def _table(values: dict[str, np.ndarray]) -> list[str]:
    lines = [
        "| method | "
        + " | ".join(f"@{b}" for b in SHOWN)
        + " | median @10 | below .01 @10 | trials to .02 |",
        "|---" * (len(SHOWN) + 4) + "|",
    ]
    for name, v in sorted(values.items(), key=lambda item: _at(item[1], 10).mean()):
        means = " | ".join(f"{_at(v, b).mean():.4f}" for b in SHOWN)
        reached = [b for b, mean in zip(BUDGETS, v.mean(axis=0), strict=True) if mean <= 0.02]
        lines.append(
            f"| {name} | {means} | {np.median(_at(v, 10)):.4f} | "
            f"{(_at(v, 10) < 0.01).mean():.0%} | {f'<= {reached[0]}' if reached else '> 50'} |"
        )
    return lines


def best_competitor(values: dict[str, np.ndarray], budget: int) -> str:
    return min((n for n in values if n != OURS), key=lambda n: _at(values[n], budget).mean())


def interval(difference: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    draws = rng.integers(len(difference), size=(_SEEDS, len(difference)))
    low, high = np.quantile(difference[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _paired(values: dict[str, np.ndarray]) -> list[str]:
    lines = [
        "| budget | best competitor | its mean | autometa | ratio | difference, 95 % |",
        "|---|---|---|---|---|---|",
    ]
    for budget in (5, 10, 25):
        best = best_competitor(values, budget)
        mine, theirs = _at(values[OURS], budget), _at(values[best], budget)
        low, high = interval(mine - theirs)
        lines.append(
            f"| {budget} | {best} | {theirs.mean():.4f} | {mine.mean():.4f} "
            f"| {mine.mean() / theirs.mean():.2f} "
            f"| {(mine - theirs).mean():+.4f} ({low:+.4f}, {high:+.4f}) |"
        )
    return lines


def _extras(rows: Rows) -> list[str]:
    _, values = _columns(rows.table("worst"))
    if OURS not in values or "random" not in values:
        return []
    worse = (_at(values[OURS], 25) > _at(values["random"], 25) + 0.01).mean()
    return [f"Worse than random by more than .01 at 25: {worse:.1%} of targets."]


def single_section(names: list[str]) -> str:
    lines = [
        "## MindWare, one learner at a time (balanced accuracy)",
        "",
        "Regret at 10 (`worst`), means over targets.",
        "",
    ]
    tables = {name: _columns(Rows(name).table("worst"))[1] for name in names}
    tables = {name: values for name, values in tables.items() if OURS in values}
    methods = sorted(set.intersection(*(set(v) for v in tables.values())))
    references = [m for m in ("random", "extra-trees") if m in methods]
    lines += [f"Ratio: to the best of {', '.join(references)} (those that every learner has).", ""]
    lines += [
        "| learner | " + " | ".join(methods) + " | ratio |",
        "|---" * (len(methods) + 2) + "|",
    ]
    ratios, means = [], []
    for name, values in tables.items():
        at10 = {m: _at(values[m], 10).mean() for m in methods}
        reference = min(at10[m] for m in references)
        ratios.append(at10[OURS] / reference)
        means.append([at10[m] for m in methods])
        lines.append(
            f"| {name.removeprefix('hpo_bal_acc_')} | "
            + " | ".join(f"{at10[m]:.4f}" for m in methods)
            + f" | {ratios[-1]:.2f} |"
        )
    overall = dict(zip(methods, np.mean(means, axis=0), strict=True))
    reference = min(overall[m] for m in references)
    lines.append(
        "| **mean** | "
        + " | ".join(f"{overall[m]:.4f}" for m in methods)
        + f" | **{overall[OURS] / reference:.2f}** |"
    )
    return "\n".join(lines)


def wrong_section() -> str:
    table = Rows("oboe-wrong").table("worst")
    clean = Rows("oboe").table("worst")["random"]
    lines = [
        "## Wrong pasts (OBOE)",
        "",
        "Mean regret over that of no prior (random, 20 runs).",
        "",
        "| past | seeds | @5 | @10 | @25 | worse by more than .01 @25 |",
        "|---|---|---|---|---|---|",
    ]
    for kind in ("shuffled", "permuted", "reversed", "half-permuted"):
        seeds = [
            rows
            for name, rows in table.items()
            if name.startswith(f"{kind}/") and len(rows) == len(clean)
        ]
        if not seeds:
            continue
        tasks = sorted(clean)
        values = np.mean([[rows[t] for t in tasks] for rows in seeds], axis=0)
        random = np.stack([clean[t] for t in tasks])
        cells = " | ".join(
            f"{_at(values, b).mean() / _at(random, b).mean():.2f}" for b in (5, 10, 25)
        )
        worse = (_at(values, 25) > _at(random, 25) + 0.01).mean()
        lines.append(f"| {kind} | {len(seeds)} | {cells} | {worse:.1%} |")
    return "\n".join(lines)


def plot(rows: Rows, name: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    _, values = _columns(rows.table("worst"))
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for method, v in values.items():
        axes.plot(BUDGETS, v.mean(axis=0), label=method, linewidth=2.5 if method == OURS else 1.0)
    axes.set(xlabel="trials", ylabel="mean regret (best to worst)", yscale="log", title=name)
    axes.legend(fontsize=7, ncols=2)
    figure.tight_layout()
    figure.savefig(RESULTS / f"{name}.png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
