"""One file per model: parity of every learner, and what a device's target delivers, on 20 tables.

    python benchmarks/export/run.py

Needs a folder of parquet tables with an ``index.csv``. A row is written as soon as it is known, one
per table and learner in the part ``parity``, else one per table; what has a row is not measured
again, so an interrupted call goes on where it was.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import numpy as np
import pandas as pd
from common import AUTOMETA, DATA, Results, Row, Workspace

N_TABLES, N_TRIALS, N_CONFIGS = 20, 24, 2
MANY_TABLES = 15  # of the 20, on which a small file must be better than the linear one
MOST_ROWS = 500  # that a learner is fitted on for its parity
SECONDS = 60.0  # of one fit for its parity
SLOWEST = 1800.0  # seconds of one command
LINEAR = {"regression": ["elastic_net", "ridge"]}
LATENCY_MS, MEMORY_MIB, SMALL_KIB, TOLERANCE = 0.2, 90.0, 64.0, 1e-4


def chosen(index: Path, n_tables: int) -> list[dict[str, str]]:
    """Gives the tables by rule: with categories and with missing values, the smallest first."""
    rows = [
        row
        for row in Results(index).rows
        if int(row["n_categorical"]) and float(row["missing_fraction"]) > 0
    ]
    return sorted(rows, key=lambda row: (int(row["n_rows"]), row["name"]))[:n_tables]


def measure(options: argparse.Namespace, results: Results) -> None:
    if not (options.data / "index.csv").is_file():
        sys.exit(f"{options.data} holds no index.csv; say where the tables are with --data")
    tables = chosen(options.data / "index.csv", options.tables)
    for part, function in PARTS.items():
        if part not in options.parts:
            continue
        for table in tables:
            own = [
                row for row in results.rows if (row["part"], row["table"]) == (part, table["name"])
            ]
            for row in function(table, options, {row["learner"] for row in own}):
                results.add({"part": part, "table": table["name"], **row})


def parity(table: Row, options: argparse.Namespace, done: Set[str]) -> Iterator[Row]:
    """Exports every learner's default and random configurations; compares file and model."""
    from autometa.plugins import load_plugins

    X, train = rows_of(table, options.data)
    for name, entry in sorted(load_plugins().learners.items()):
        spec = entry.spec
        if name not in done and train.problem in spec.problems and "tabular" in spec.modalities:
            yield {"learner": name, **compared(spec, X, train)}


def compared(spec: Any, X: pd.DataFrame, train: Any) -> Row:
    """Gives the worst parity of a learner's files, how many there are, and who is refused why."""
    from autometa.errors import NotApplicable
    from autometa.testing import subject

    space = subject.space_of(spec.space)
    found: list[float] = []
    refusal = fault = ""
    for config in (space.defaults, *subject.random_configs(space, N_CONFIGS - 1)):
        try:
            model = subject.learner_of(spec, config).fit(train, subject.context(seconds=SECONDS))
            found.append(apart(model, X))
        except NotApplicable as exc:
            refusal = exc.reason
        except Exception as exc:  # a crash is a row of its own, and breaks the claim
            fault = f"{type(exc).__name__}: {exc}"
    worst = max(found) if found else ""
    return {"files": len(found), "parity": worst, "refusal": refusal, "fault": fault}


def rows_of(table: Row, data: Path) -> tuple[pd.DataFrame, Any]:
    """Gives canonical rows, and the first of them to fit on."""
    from autometa.learner import TrainingData
    from autometa.schema import Schema

    raw = pd.read_parquet(data / f"{table['name']}.parquet").sample(frac=1.0, random_state=0)
    y = raw.pop(table["target"])
    kept = y.notna().to_numpy()
    X = Schema.infer(raw).apply(raw.iloc[kept].reset_index(drop=True))
    labels = y[kept]
    n_classes, target = None, labels.to_numpy()
    if table["task"] != "regression":
        codes, classes = pd.factorize(labels)
        n_classes, target = len(classes), codes.astype(np.int64)
    train = X.iloc[:MOST_ROWS]
    y_train = target[:MOST_ROWS].astype(np.float64 if n_classes is None else np.int64)
    return X.iloc[: 2 * MOST_ROWS], TrainingData(train, y_train, n_classes)


def apart(model: Any, X: pd.DataFrame) -> float:
    """Gives how far file and model are apart: on rows as they are, with gaps, and strange ones."""
    from autometa.onnxgraph.feeds import OnnxFile
    from autometa.onnxgraph.parity import difference
    from autometa.testing.data import with_gaps, with_unseen

    with tempfile.TemporaryDirectory() as folder:
        model.export("onnx", Path(folder))
        file = OnnxFile(Path(folder) / "model.onnx")
    gaps = with_gaps(X, np.random.default_rng(0), share=0.5)
    worst = 0.0
    for rows in (X, gaps, with_unseen(X)):
        got = next(iter(file.predict(rows).values()))
        worst = max(worst, difference(model.predict(rows), got))
    return worst


def ensemble(table: Row, options: argparse.Namespace, done: Set[str]) -> Iterator[Row]:
    """Exports what a search without a target delivers."""
    if done:
        return
    with common.workspace() as place:
        report = search(place, table, options)
        row = {"learner": members(report), "refusal": "", "fault": fault_of(report)}
        row["trials"] = options.trials
        if report.get("model"):
            command = [AUTOMETA, "export", report["model"], "--json"]
            finished = place.run([*command, "--data", source(table, options)], timeout=SLOWEST)
            row |= measured(finished.report if finished.code == 0 else {})
            if finished.code:
                row["refusal"] = ([*finished.stderr.strip().splitlines()] or [""])[-1]
        yield row


def edge(table: Row, options: argparse.Namespace, done: Set[str]) -> Iterator[Row]:
    """Searches with ``target: edge-cpu``."""
    if not done:
        yield delivered(table, options, {"target": "edge-cpu"})


def small(table: Row, options: argparse.Namespace, done: Set[str]) -> Iterator[Row]:
    """Searches under 64 KiB, once all learners and once the linear ones."""
    if done:
        return
    target = {"target": {"profile": "edge-cpu", "size_kib": SMALL_KIB}}
    names = LINEAR.get(table["task"], ["logistic"])
    linear = delivered(table, options, {**target, "search": {"learners": names}})
    yield {**delivered(table, options, target), "linear_test": linear["test"]}


def delivered(table: Row, options: argparse.Namespace, more: Row) -> Row:
    """Searches, and gives what was measured of the delivered file."""
    from autometa.modelfolder import read_manifest

    with common.workspace() as place:
        report = search(place, table, options, **more)
        found: dict[str, Any] = {}
        if report.get("model"):
            found = read_manifest(Path(report["model"])).get("export", {})
        test = report.get("test", {})
        return {
            **measured(found),
            "trials": options.trials,
            "fault": fault_of(report),
            "learner": members(report) or "none",
            "metric": next(iter(test), ""),
            "test": next(iter(test.values()), ""),
        }


def search(place: Workspace, table: Row, options: argparse.Namespace, **more: Any) -> Row:
    """Runs a search; gives what it printed."""
    task = {
        "name": table["name"],
        "data": {"source": source(table, options), "target": table["target"]},
        "budget": {"trials": options.trials},
        "tracking": "none",
        "knowledge": [],
        **more,
    }
    command = [AUTOMETA, "optimize", place.write_task(task), "--json", "--no-report"]
    return place.run(command, timeout=SLOWEST).report


def fault_of(report: Row) -> str:
    """Gives why a search delivered nothing; "" where it did."""
    if report.get("model"):
        return ""
    return str(report.get("error", {}).get("text", "")) or "the search ended without a word"


def source(table: Row, options: argparse.Namespace) -> str:
    return str(options.data / f"{table['name']}.parquet")


def members(report: Row) -> str:
    """Gives the learner of what is delivered; of several the heaviest one's, and how many."""
    from autometa.modelfolder import read_manifest

    if not report.get("model"):
        return ""
    found = read_manifest(Path(report["model"]))["members"]
    first = max(found, key=lambda member: member["weight"])["learner"]
    return f"{first} of {len(found)}" if len(found) > 1 else str(first)


def measured(found: Row) -> Row:
    names = ("parity", "size_kib", "gzip_kib", "latency_ms", "reference_ms", "memory_mib")
    return {name: found.get(name, "") for name in names}


PARTS = {"parity": parity, "edge": edge, "ensemble": ensemble, "small": small}


def report(rows: Sequence[Row]) -> str:
    """Gives one table of learners, one of the other parts, and which claims are kept."""
    by_part = {part: [row for row in rows if row["part"] == part] for part in PARTS}
    texts = [_learners(by_part["parity"])]
    for part in ("ensemble", "edge", "small"):
        if by_part[part]:
            names = ["table", "learner", "parity", "size_kib", "latency_ms", "reference_ms"]
            names += ["memory_mib", *(("test", "linear_test") if part == "small" else ())]
            shown = [{n: _value(row, n) for n in [*names, "refusal"]} for row in by_part[part]]
            texts.append(f"**{part}**\n\n{common.markdown(shown)}")
    return "\n\n".join([*texts, common.markdown(claims(by_part))])


def _value(row: Row, name: str) -> Any:
    if name == "refusal":
        return row.get("refusal") or row.get("fault", "")
    if name in ("table", "learner") or not row.get(name):
        return row.get(name, "")
    return common.number(row, name)


def _learners(rows: Sequence[Row]) -> str:
    shown = []
    for name in sorted({row["learner"] for row in rows}):
        own = [row for row in rows if row["learner"] == name]
        worst = [common.number(row, "parity") for row in own if row["parity"]]
        refusals = sorted({row["refusal"] for row in own if row["refusal"]})
        shown.append(
            {
                "learner": name,
                "tables": len(own),
                "files": sum(int(row["files"]) for row in own),
                "worst parity": max(worst, default=float("nan")),
                "refused": "; ".join(refusals[:2]),
            }
        )
    return f"**parity**\n\n{common.markdown(shown)}" if shown else ""


def claims(parts: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Gives each claim with how many rows keep it, and whether it is kept on all tables."""
    compared = [row for part in ("parity", "ensemble") for row in parts[part]]
    n_tables = min(len({row["table"] for row in parts[part]}) for part in ("parity", "ensemble"))
    edge, small = parts["edge"], parts["small"]
    linear = "small: better than the linear one on the test part, or it"
    return [
        _claim("a file within 1e-4 of its source, or a refusal", compared, _is_sound, n_tables),
        _claim("a search without a target: one file", parts["ensemble"], _has_file),
        _claim("edge-cpu: one file", edge, _has_file),
        _claim(f"edge-cpu: p50 under {LATENCY_MS} ms", edge, _below("latency_ms", LATENCY_MS)),
        _claim(f"edge-cpu: at most {MEMORY_MIB} MiB", edge, _below("memory_mib", MEMORY_MIB)),
        _claim(f"small: at most {SMALL_KIB} KiB", small, _below("size_kib", SMALL_KIB)),
        _claim(linear, small, _is_as_good, need=MANY_TABLES),
    ]


def _claim(
    name: str,
    rows: Sequence[Row],
    is_kept: Callable[[Row], bool],
    n_tables: int | None = None,
    *,
    need: int | None = None,
) -> Row:
    """Gives one claim.

    Args:
        name: What is claimed.
        rows: That it is about.
        is_kept: Whether a row keeps it.
        n_tables: On how many tables it was looked at; None: a row is a table.
        need: On how many rows it must hold; None: on all.
    """
    n_kept = sum(map(is_kept, rows))
    n_tables = len(rows) if n_tables is None else n_tables
    if n_tables < N_TABLES:
        verdict = f"open, {n_tables} of {N_TABLES} tables"
    else:
        verdict = "kept" if n_kept >= (len(rows) if need is None else need) else "MISSED"
    return {"claim": name, "rows": f"{n_kept} of {len(rows)}", "verdict": verdict}


def _is_sound(row: Row) -> bool:
    """Whether a file is as its source, or its absence has a reason; never a crash."""
    if row.get("fault"):
        return False
    return common.number(row, "parity") <= TOLERANCE if row["parity"] else bool(row["refusal"])


def _has_file(row: Row) -> bool:
    return bool(row.get("size_kib"))


def _below(column: str, bound: float) -> Callable[[Row], bool]:
    return lambda row: common.number(row, column) <= bound


def _is_as_good(row: Row) -> bool:
    """Whether it is the linear one, or scores no worse; both default metrics are minimised."""
    if row["learner"] in {"logistic", "ridge", "elastic_net"}:
        return True
    own, linear = common.number(row, "test"), common.number(row, "linear_test")
    return own <= linear or (math.isnan(linear) and not math.isnan(own))


if __name__ == "__main__":
    options = common.parser(__doc__, "export.csv")
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    options.add_argument("--tables", type=int, default=N_TABLES, help="how many (default: 20)")
    options.add_argument("--trials", type=int, default=N_TRIALS, help="of a search (default: 24)")
    options.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    common.main(options.parse_args(), measure, report)
