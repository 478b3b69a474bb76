"""Compression searched jointly, against searching first, and against no compression.

    python benchmarks/compress/run.py [--seconds 300] [--seeds 0,1,2] [--tasks a,b] [--report]

Twelve tasks by rule (see ``tasks.py``), three seeds, three arms. A row per task, seed and arm, in
that order; what has a row is left out, so an interrupted call goes on where it was.

The arm without compressors goes first. The ONNX file of its best trial, float32, is kept beside
the results, and is what the file of each arm is compared with: losses of the untouched test part as
the files themselves give them, with a 90 % paired bootstrap interval of their difference; bytes;
and p50 of single rows and peak memory, both in a process that has only numpy and onnxruntime. Each
arm searches with a target, so that size and latency of every trial are those of its ONNX file, also
in the hypervolume, and delivers the smallest file among the trials within 1 % of its best
validation loss.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
from common import AUTOMETA, DATA, Results, Row, Workspace
from measuring import MOST_KIB, MOST_MS, File, Measured, first_file, hypervolume, interval
from tasks import FASHION, Subject, chosen, subjects

PLAIN, JOINT, AFTER = "no compressors", "joint", "search then compress"
ARMS = (PLAIN, JOINT, AFTER)
MANY = 1_000_000
WITHIN = 1.01
WIDEST = {"size_kib": MOST_KIB, "latency_ms": MOST_MS, "memory_mib": 1024}
"""A target that rules out nothing: what is searched is what is measured of each trial's file."""


def benchmark(options: Any, results: Results) -> None:
    found = chosen(subjects(options.data, options.fashion), options.names)
    done = {(row["task"], row["seed"], row["arm"]) for row in results.rows}
    for seed in options.seeds.split(","):
        for subject in found:
            for arm in ARMS:
                if (subject.name, seed, arm) not in done:
                    results.add(run_arm(subject, arm, int(seed), options))


def run_arm(subject: Subject, arm: str, seed: int, options: Any) -> Row:
    """Searches one task in one way and gives what came of it."""
    known = {
        "task": subject.name,
        "seed": seed,
        "arm": arm,
        "budget_seconds": options.seconds,
        "budget_trials": options.trials or "",
        "kind": subject.kind,
        "metric": subject.metric,
    }
    place_of_plain = references(options) / f"{subject.name}-{seed}"
    with common.workspace() as place:
        if arm == AFTER:
            found = search_then_compress(place, subject, seed, options)
        else:
            found = search(place, task_of(place, subject, seed, plain=arm == PLAIN), options, 1.0)
        if not found:
            return {**known, "complete": 0}
        if arm == PLAIN:
            by_loss = sorted(found, key=lambda m: m.values[0])
            best = first_file([m for m in by_loss if m.has_files])
            if best is not None:
                best.keep(place_of_plain)
        return {**known, **outcome(found, File.kept(place_of_plain, found[0].prepared))}


def references(options: Any) -> Path:
    """Gives the folder of the files that are compared with."""
    return Path(options.results.with_name(f"{options.results.stem}-references"))


def task_of(place: Workspace, subject: Subject, seed: int, *, plain: bool) -> dict[str, Any]:
    """Gives the task of a search."""
    task = subject.task(place.folder)
    search = {**task["search"], **({"compressors": []} if plain else {})}
    return {
        **task,
        "objectives": [subject.metric, "size_kib", "latency_ms"],
        "target": {"profile": "server-cpu", **WIDEST},
        "limits": {"workers": 2},
        "search": search,
        "seed": seed,
    }


def search_then_compress(
    place: Workspace, subject: Subject, seed: int, options: Any
) -> list[Measured]:
    """Spends half of the budget on the best model, the other half on chains behind it."""
    task = task_of(place, subject, seed, plain=True)
    found = search(place, task, options, 0.5)
    if not found:
        return []
    best = min(found, key=lambda m: m.values[0])
    plugin = place.folder / "winner_plugin.py"
    plugin.write_text(winner(best, task["problem"]), encoding="utf-8")
    second = {**task, "name": f"{subject.name}-second", "search": {"learners": ["winner"]}}
    return [*found, *search(place, second, options, 0.5, plugin)]


def search(
    place: Workspace, task: Mapping[str, Any], options: Any, share: float, *plugins: Path
) -> list[Measured]:
    """Runs one search and gives its complete trials."""
    n_trials = int(options.trials * share) if options.trials else MANY
    budget = {"trials": n_trials, "seconds": options.seconds * share}
    file = place.write_task({**task, "budget": budget})
    flags = [flag for plugin in plugins for flag in ("-p", str(plugin))]
    done = place.run([AUTOMETA, *flags, "optimize", file, "--json"], timeout=options.seconds + 300)
    if done.code:
        print(done.stderr, file=sys.stderr)
        return []
    status = place.run([AUTOMETA, *flags, "status", file, "--json"]).report
    study = place.study(str(task["name"]))
    told = [t for t in status["history"] if t["outcome"] == "complete"]
    return [Measured(trial, study) for trial in told]


def winner(best: Measured, problem: str) -> str:
    """Gives a plugin whose one learner is the winner's, with its configuration fixed."""
    learner = best.params["learner"]
    config = {k.partition(".")[2]: v for k, v in best.params.items() if k.startswith(f"{learner}.")}
    return f'''"""The winner of a search, as a learner with nothing to choose."""
from autometa import Learner, LearnerSpec, Space, hookimpl
from autometa.plugins import load_plugins
from autometa.resolve import resolve

SPEC = load_plugins().learners[{learner!r}].spec


class Winner(Learner):
    def fit(self, data, context):
        return resolve(SPEC.factory)({config!r}).fit(data, context)


def space():
    return Space({{}})


@hookimpl
def autometa_learners():
    return [LearnerSpec(name="winner", problems=frozenset({{{problem!r}}}), format=SPEC.format,
                        factory=f"{{__file__}}:Winner", space=f"{{__file__}}:space",
                        modalities=SPEC.modalities, preload=SPEC.preload,
                        capabilities=SPEC.capabilities - {{"opt_in"}})]
'''


def outcome(found: Sequence[Measured], plain: File | None) -> Row:
    """Gives the figures of an arm: its smallest good file against the best plain one."""
    best = min(m.values[0] for m in found)
    good = [m for m in found if m.values[0] <= WITHIN * best and m.has_files]
    row: dict[str, Any] = {
        "complete": len(found),
        "with_chain": sum(bool(m.chain) for m in found),
        "hypervolume": round(hypervolume(found), 4),
        "best_validation": best,
    }
    small = first_file(sorted(good, key=lambda m: m.values[1]))
    row |= {"plain": plain.title if plain else "", "chosen": small.title if small else ""}
    if plain is None or small is None:
        return row
    low, high = interval(plain.losses, small.losses, plain.is_regression)
    row |= {"plain_test": plain.loss, "chosen_test": small.loss, "low": low, "high": high}
    for name, file in (("plain", plain), ("chosen", small)):
        row |= {f"{name}_{key}": value for key, value in file.figures().items()}
    return row


def report(rows: Sequence[Row]) -> str:
    lines = [common.markdown([_line(row) for row in rows])]
    cells: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        cells.setdefault((row["task"], row["seed"]), {})[row["arm"]] = row
    whole = [cell for cell in cells.values() if set(cell) == set(ARMS)]
    lines.append(common.markdown([_summary(arm, [cell[arm] for cell in whole]) for arm in ARMS]))
    for arm in (PLAIN, AFTER):
        wins = sum(
            common.number(cell[JOINT], "hypervolume") > common.number(cell[arm], "hypervolume")
            for cell in whole
        )
        lines.append(f"{JOINT} has more hypervolume than {arm!r} in {wins} of {len(whole)} pairs")
    return "\n\n".join(lines)


def _line(row: Row) -> Row:
    """Gives what is shown of one row."""
    return {
        "task": row["task"],
        "seed": row["seed"],
        "arm": row["arm"],
        "trials (with a chain)": f"{row['complete']} ({row.get('with_chain', '')})",
        "hypervolume": row.get("hypervolume", ""),
        "delivered": row.get("chosen", ""),
        "plain loss": common.number(row, "plain_test"),
        "difference (90 %)": "{:+.3g} ({:+.3g}, {:+.3g})".format(
            common.number(row, "chosen_test") - common.number(row, "plain_test"),
            common.number(row, "low"),
            common.number(row, "high"),
        ),
        "size": _ratio(row, "kib"),
        "latency": _ratio(row, "ms"),
        "MiB": f"{common.number(row, 'plain_memory_mib'):.3g}, "
        f"{common.number(row, 'chosen_memory_mib'):.3g}",
    }


def _summary(arm: str, rows: Sequence[Row]) -> Row:
    """Gives what is shown of an arm over all pairs of task and seed that are whole."""
    known = [row for row in rows if row.get("chosen_kib")]
    return {
        "arm": arm,
        "pairs": len(known),
        "median hypervolume": _median([common.number(row, "hypervolume") for row in rows]),
        "not surely worse": sum(common.number(row, "low") <= 0.0 for row in known),
        "surely within 1 %": sum(
            common.number(row, "high") <= 0.01 * common.number(row, "plain_test") for row in known
        ),
        **{f"geometric mean, {key}": _mean_ratio(known, key) for key in ("kib", "gzip_kib", "ms")},
        "median MiB less": _median(
            [
                common.number(row, "plain_memory_mib") - common.number(row, "chosen_memory_mib")
                for row in known
            ]
        ),
    }


def _ratio(row: Row, key: str) -> float:
    return common.number(row, f"chosen_{key}") / common.number(row, f"plain_{key}")


def _mean_ratio(rows: Sequence[Row], key: str) -> float:
    return math.exp(statistics.fmean([math.log(_ratio(r, key)) for r in rows])) if rows else 1.0


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else math.nan


def parser(results: str) -> Any:
    """Gives the options that both scripts have."""
    options = common.parser(sys.modules["__main__"].__doc__, results)
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    options.add_argument("--fashion", type=Path, default=FASHION, help="folder of Fashion-MNIST")
    options.add_argument("--tasks", default="", help="some of the twelve, by name")
    return options


def parsed(options: Any) -> Any:
    """Reads the options."""
    found = options.parse_args()
    found.names = [name for name in found.tasks.split(",") if name]
    return found


if __name__ == "__main__":
    options = parser("compress.csv")
    options.add_argument("--seconds", type=float, default=300.0, help="budget of a task and arm")
    options.add_argument("--trials", type=int, default=0, help="budget in trials as well; 0 = none")
    options.add_argument("--seeds", default="0,1,2", help="of the searches")
    common.main(parsed(options), benchmark, report)
