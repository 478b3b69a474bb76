"""One file per model: parity of every learner, and what a device's target delivers, on 20 tables.

    python benchmarks/export/run.py

Needs a folder of parquet tables with an ``index.csv``. Rows that are there already are not measured
again, so an interrupted call goes on where it was.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import numpy as np
import pandas as pd
from common import AUTOMETA, DATA, Results, Row, Workspace

N_TABLES, N_TRIALS, N_CONFIGS = 20, 8, 2
MOST_ROWS = 500  # that a learner is fitted on for its parity
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
            done = {(row["part"], row["table"]) for row in results.rows}
            if (part, table["name"]) not in done:
                for row in list(function(table, options)):
                    results.add({"part": part, "table": table["name"], **row})


def parity(table: Row, options: argparse.Namespace) -> Iterator[Row]:
    """Exports every learner's default and random configurations; compares file and model."""
    from autometa.errors import NotApplicable
    from autometa.plugins import load_plugins
    from autometa.testing import subject

    X, train = rows_of(table, options.data)
    for name, entry in sorted(load_plugins().learners.items()):
        spec = entry.spec
        if train.problem not in spec.problems or "tabular" not in spec.modalities:
            continue
        space = subject.space_of(spec.space)
        found: list[float] = []
        refusal = ""
        for config in (space.defaults, *subject.random_configs(space, N_CONFIGS - 1)):
            try:
                model = subject.learner_of(spec, config).fit(train, subject.context(seconds=5.0))
                found.append(apart(model, X))
            except NotApplicable as exc:
                refusal = exc.reason
        worst = max(found) if found else ""
        yield {"learner": name, "files": len(found), "parity": worst, "refusal": refusal}


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


def ensemble(table: Row, options: argparse.Namespace) -> Iterator[Row]:
    """Exports what a search without a target delivers."""
    with common.workspace() as place:
        report = search(place, table, options)
        if report.get("model"):
            command = [AUTOMETA, "export", report["model"], "--json"]
            done = place.run([*command, "--data", source(table, options)])
            found = done.report if done.code == 0 else {}
            refusal = "" if done.code == 0 else done.stderr.strip().splitlines()[-1]
            yield {**measured(found), "refusal": refusal, "learner": members(report)}


def edge(table: Row, options: argparse.Namespace) -> Iterator[Row]:
    """Searches with ``target: edge-cpu``."""
    yield from delivered(table, options, {"target": "edge-cpu"})


def small(table: Row, options: argparse.Namespace) -> Iterator[Row]:
    """Searches under 64 KiB, once all learners and once the linear ones."""
    target = {"target": {"profile": "edge-cpu", "size_kib": SMALL_KIB}}
    own = next(delivered(table, options, target))
    names = LINEAR.get(table["task"], ["logistic"])
    linear = next(delivered(table, options, {**target, "search": {"learners": names}}))
    yield {**own, "linear_test": linear["test"]}


def delivered(table: Row, options: argparse.Namespace, more: Row) -> Iterator[Row]:
    """Searches, and gives what was measured of the delivered file."""
    from autometa.modelfolder import read_manifest

    with common.workspace() as place:
        report = search(place, table, options, **more)
        found: dict[str, Any] = {}
        if report.get("model"):
            found = read_manifest(Path(report["model"])).get("export", {})
        test = report.get("test", {})
        yield {
            **measured(found),
            "refusal": report.get("error", {}).get("text", ""),
            "learner": members(report),
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
    return place.run(command, timeout=300).report


def source(table: Row, options: argparse.Namespace) -> str:
    return str(options.data / f"{table['name']}.parquet")


def members(report: Row) -> str:
    """Gives the learner of the best trial, and how many trials are combined."""
    best = (report.get("best") or {"params": {}})["params"].get("learner", "")
    n_members = len((report.get("ensemble") or {}).get("weights", [])) or 1
    return f"{best} of {n_members}" if n_members > 1 else str(best)


def measured(found: Row) -> Row:
    names = ("parity", "size_kib", "gzip_kib", "latency_ms", "reference_ms", "memory_mib")
    return {name: found.get(name, "") for name in names}


PARTS = {"parity": parity, "edge": edge, "ensemble": ensemble, "small": small}


def report(rows: Sequence[Row]) -> str:
    """Gives one table of learners, one of the other parts, and what is kept of the claims."""
    by_part = {part: [row for row in rows if row["part"] == part] for part in PARTS}
    texts = [_learners(by_part["parity"])]
    for part in ("ensemble", "edge", "small"):
        if by_part[part]:
            names = ["table", "learner", "parity", "size_kib", "latency_ms", "reference_ms"]
            names += ["memory_mib", *(("test", "linear_test") if part == "small" else ())]
            shown = [{n: _value(row, n) for n in [*names, "refusal"]} for row in by_part[part]]
            texts.append(f"**{part}**\n\n{common.markdown(shown)}")
    return "\n\n".join([*texts, _claims(by_part)])


def _value(row: Row, name: str) -> Any:
    if name in ("table", "learner", "refusal") or not row.get(name):
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


def _claims(parts: dict[str, list[Row]]) -> str:
    compared = [row for row in (*parts["parity"], *parts["ensemble"]) if row["parity"]]
    silent = [
        row
        for row in (*parts["parity"], *parts["ensemble"])
        if not row["parity"] and not row["refusal"]
    ]
    lines = [
        _claim("files within 1e-4 of their source", compared, "parity", TOLERANCE),
        {"claim": "neither file nor refusal", "kept": f"{len(silent)} rows"},
        _claim(f"edge-cpu: p50 under {LATENCY_MS} ms", parts["edge"], "latency_ms", LATENCY_MS),
        _claim(f"edge-cpu: at most {MEMORY_MIB} MiB", parts["edge"], "memory_mib", MEMORY_MIB),
        _claim(f"small: at most {SMALL_KIB} KiB", parts["small"], "size_kib", SMALL_KIB),
    ]
    better = [row for row in parts["small"] if _is_as_good(row)]
    lines.append(
        {
            "claim": "small: better than the linear one on the test part, or it",
            "kept": f"{len(better)} of {len(parts['small'])}",
        }
    )
    edges = [common.number(row, "latency_ms") for row in parts["edge"] if row["latency_ms"]]
    median = (
        f"\n\nedge-cpu, median over tables: {statistics.median(edges):.3g} ms." if edges else ""
    )
    return common.markdown(lines, ["claim", "kept"]) + median


def _claim(name: str, rows: Sequence[Row], column: str, bound: float) -> Row:
    kept = [row for row in rows if common.number(row, column) <= bound]
    return {"claim": name, "kept": f"{len(kept)} of {len(rows)}"}


def _is_as_good(row: Row) -> bool:
    """Whether it scores at least as well as the linear one; both metrics are minimised."""
    own, linear = common.number(row, "test"), common.number(row, "linear_test")
    is_linear = row["learner"] in {"logistic", "ridge", "elastic_net"}
    return is_linear or own <= linear


if __name__ == "__main__":
    options = common.parser(__doc__, "export.csv")
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    options.add_argument("--tables", type=int, default=N_TABLES, help="how many (default: 20)")
    options.add_argument("--trials", type=int, default=N_TRIALS, help="of each search (default: 8)")
    options.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    common.main(options.parse_args(), measure, report)
