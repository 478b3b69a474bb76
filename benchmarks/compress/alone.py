"""What each compressor alone changes, on each task: size, latency, quality, cost.

    python benchmarks/compress/alone.py [--tasks a,b]

The teacher is the learner's default configuration; a row per task and compressor, ``none`` among
them. Sizes and latencies are those of ONNX files over raw columns, losses of the untouched quarter
of the rows.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import numpy as np
from common import AUTOMETA, DATA, Results, Row
from measuring import timed_file
from run import NETWORKS, TASKS

CHAINS: dict[str, Sequence[tuple[str, dict[str, Any]]]] = {
    "none": (),
    "prune .5": (("prune", {"ratio": 0.5}),),
    "prune .9": (("prune", {"ratio": 0.9}),),
    "distill_linear": (("distill_linear", {}),),
    "distill_boosting": (("distill_boosting", {}),),
    "distill_network": (("distill_network", {}),),
    "int8_static": (("to_onnx", {}), ("quantize", {"kind": "int8_static"})),
    "int8_dynamic": (("to_onnx", {}), ("quantize", {"kind": "int8_dynamic"})),
    "float16": (("to_onnx", {}), ("quantize", {"kind": "float16"})),
    "distill_network, int8_static": (
        ("distill_network", {}),
        ("to_onnx", {}),
        ("quantize", {"kind": "int8_static"}),
    ),
}


def benchmark(options: Any, results: Results) -> None:
    index = {row["name"]: row for row in Results(options.data / "index.csv").rows}
    done = {(row["task"], row["compressor"]) for row in results.rows}
    for name in options.tasks.split(","):
        missing = [title for title in CHAINS if (name, title) not in done]
        if missing:
            for row in run_task(index[name], options, missing):
                results.add(row)


def run_task(entry: Any, options: Any, titles: Sequence[str]) -> Iterator[Row]:
    """Compresses one teacher in each way; gives each row as soon as it is known."""
    from autometa import CompressContext, FitContext, NotApplicable
    from autometa.evaluate import training_data
    from autometa.plugins import load_plugins
    from autometa.prepared import open_prepared
    from autometa.resolve import resolve

    registry = load_plugins()
    learner = "mlp" if TASKS[entry["name"]] is NETWORKS else "lightgbm"
    with common.workspace() as place:
        task = {
            "name": "alone",
            "data": {
                "source": str(options.data / f"{entry['name']}.parquet"),
                "target": entry["target"],
            },
            "validation": {"kind": "holdout", "test_fraction": 0.25},
            "budget": {"trials": 1},
            "knowledge": [],
            "tracking": "none",
        }
        place.run([AUTOMETA, "optimize", place.write_task(task)])
        prepared = open_prepared(place.study("alone") / "data")
        data, rng = training_data(prepared, 0, 1.0, 0)
        students = {
            name: _maker(e.spec.factory)
            for name, e in registry.learners.items()
            if "soft_labels" in e.spec.capabilities
        }
        teacher = resolve(registry.learner(learner).spec.factory)({}).fit(data, FitContext(rng=rng))
        for title in titles:
            context = CompressContext(data, FitContext(rng=np.random.default_rng(1)), students)
            model, started = teacher, time.process_time()
            known = {"task": entry["name"], "learner": learner, "compressor": title}
            try:
                for name, config in CHAINS[title]:
                    spec = registry.compressor(name).spec
                    if not {"*", model.format} & set(spec.consumes):
                        raise NotApplicable(f"{name} does not take {model.format}")
                    model = resolve(spec.factory)(config).compress(model, context)
                cost = time.process_time() - started
                yield {**known, **figures(model, prepared), "cpu_seconds": round(cost, 2)}
            except NotApplicable as declined:
                yield {**known, "declined": declined.reason}


def _maker(factory: str) -> Any:
    from autometa.resolve import resolve

    return resolve(factory)


def figures(model: Any, prepared: Any) -> Row:
    """Gives loss, and size and latency of the ONNX file; a dynamic graph has only the first."""
    from autometa import NotApplicable

    rows = prepared.split.test_rows()
    X, y = prepared.X.iloc[rows], prepared.y[rows]
    answers = model.predict(X)
    if prepared.n_classes is None:
        loss = float(np.sqrt(np.mean(np.square(answers - y))))
    else:
        loss = float((answers.argmax(axis=1) != y).mean())
    with tempfile.TemporaryDirectory() as name:
        try:
            model.export("onnx", Path(name))
        except NotApplicable as declined:
            return {"loss": loss, "declined": f"export: {declined.reason}"}
        return {"loss": loss, **timed_file(Path(name) / "model.onnx", X)}


def report(rows: Sequence[Row]) -> str:
    columns = ("task", "learner", "compressor", "loss", "kib", "us", "cpu_seconds", "declined")
    shown = [
        {
            key: common.number(row, key)
            if key in ("loss", "kib", "us", "cpu_seconds") and row.get(key)
            else row.get(key, "")
            for key in columns
        }
        for row in rows
    ]
    return common.markdown(shown, columns)


if __name__ == "__main__":
    parser = common.parser(__doc__, "compress_alone.csv")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    parser.add_argument("--tasks", default=",".join(TASKS), help="some of the twelve")
    common.main(parser.parse_args(), benchmark, report)
