"""What each compressor alone changes, on each task: size, latency, quality, cost.

    python benchmarks/compress/alone.py [--tasks a,b] [--report]

On the twelve tasks of ``tasks.py``. The teacher is a learner's default configuration (LightGBM, or
a network); a row per task and compressor, ``none`` among them. Sizes, latency and memory are those
of ONNX files from raw columns or bytes on, losses what the files say of the untouched test part.
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
from common import AUTOMETA, Results, Row
from measuring import file_of
from run import parsed, parser
from tasks import Subject, chosen, subjects

CHAINS: dict[str, Sequence[tuple[str, dict[str, Any]]]] = {
    "none": (),
    "prune .5": (("prune", {"ratio": 0.5}),),
    "prune .9": (("prune", {"ratio": 0.9}),),
    "sparsify .8": (("sparsify", {"sparsity": 0.8}),),
    "sparsify .95": (("sparsify", {"sparsity": 0.95}),),
    "distill_linear": (("distill_linear", {}),),
    "distill_boosting": (("distill_boosting", {}),),
    "distill_network": (("distill_network", {}),),
    "distill_features": (("distill_features", {}),),
    "distill_gradients": (("distill_gradients", {}),),
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
    done = {(row["task"], row["compressor"]) for row in results.rows}
    for subject in chosen(subjects(options.data, options.fashion), options.names):
        missing = [title for title in CHAINS if (subject.name, title) not in done]
        for row in run_task(subject, missing) if missing else ():
            results.add(row)


def run_task(subject: Subject, titles: Sequence[str]) -> Iterator[Row]:
    """Compresses one teacher in each way; gives each row as soon as it is known."""
    from autometa import CompressContext, FitContext
    from autometa.evaluate import training_data
    from autometa.plugins import load_plugins
    from autometa.prepared import open_prepared
    from autometa.resolve import resolve

    registry = load_plugins()
    with common.workspace() as place:
        task = {**subject.task(place.folder), "budget": {"trials": 1}}
        place.run([AUTOMETA, "optimize", place.write_task(task)])
        prepared = open_prepared(place.study(subject.name) / "data")
        data, rng = training_data(prepared, 0, 1.0, 0)
        students = {
            name: resolve(entry.spec.factory)
            for name, entry in registry.learners.items()
            if "soft_labels" in entry.spec.capabilities
        }
        started = time.process_time()
        factory = registry.learner(subject.learner).spec.factory
        teacher = resolve(factory)({}).fit(data, FitContext(rng=rng))
        spent = time.process_time() - started
        for title in titles:
            known = {
                "task": subject.name,
                "learner": subject.learner,
                "compressor": title,
                "metric": subject.metric,
                "teacher_cpu_seconds": round(spent, 2),
            }
            context = CompressContext(data, FitContext(rng=np.random.default_rng(1)), students)
            yield {**known, **compressed(registry, teacher, context, title, prepared)}


def compressed(registry: Any, model: Any, context: Any, title: str, prepared: Any) -> Row:
    """Gives what one chain makes of a model, and what it costs."""
    from autometa import NotApplicable
    from autometa.resolve import resolve

    started = time.process_time()
    try:
        for name, config in CHAINS[title]:
            spec = registry.compressor(name).spec
            if not {"*", model.format} & spec.consumes:
                raise NotApplicable(f"{name} does not take {model.format}")
            model = resolve(spec.factory)(config).compress(model, context)
    except NotApplicable as declined:
        return {"declined": declined.reason}
    cost = round(time.process_time() - started, 2)
    with tempfile.TemporaryDirectory() as name:
        file = file_of(model, prepared, Path(name), title)
        if file is None:
            return {"cpu_seconds": cost, "declined": "it cannot be written as ONNX"}
        return {"loss": file.loss, **file.figures(), "cpu_seconds": cost}


def report(rows: Sequence[Row]) -> str:
    numbers = ("loss", "kib", "gzip_kib", "ms", "memory_mib", "cpu_seconds")
    shown = [
        {
            **{key: row.get(key, "") for key in ("task", "learner", "compressor")},
            **{key: common.number(row, key) if row.get(key) else "" for key in numbers},
            "declined": row.get("declined", ""),
        }
        for row in rows
    ]
    return common.markdown(shown)


if __name__ == "__main__":
    common.main(parsed(parser("compress_alone.csv")), benchmark, report)
