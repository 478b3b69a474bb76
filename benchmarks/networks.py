"""Networks against boosting and linear models, each with its defaults, on real tables.

One split into development and test rows per table; every learner is fitted once on the development
rows. Run: ``python benchmarks/networks.py FOLDER [--tables NAME ...]``, where FOLDER holds parquet
files with the target in their last column.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from autometa.errors import NotApplicable
from autometa.learner import FitContext, TrainingData
from autometa.measure import find_metric, score
from autometa.plugins import load_plugins
from autometa.prepare import open_prepared, prepare
from autometa.prepared import Prepared
from autometa.resolve import resolve

TABLES = (
    "abalone",
    "concrete",
    "ames_housing",
    "credit_g",
    "email_spam_oi",
    "cardiotocography",
    "segment",
    "satimage",
)
LEARNERS = ("logistic", "ridge", "hist_boosting", "mlp", "resnet")
MOST_ROWS = 12_000


def main() -> None:
    """Prints a line per table and learner."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--learners", nargs="+", default=LEARNERS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    registry = load_plugins()
    print(f"{'table':28}{'learner':15}{'metric':10}{'score':>9}{'CPU s':>8}")
    for table in arguments.tables:
        with tempfile.TemporaryDirectory() as folder:
            prepared = _prepare(arguments.folder / f"{table}.parquet", folder, arguments.seed)
            for name in arguments.learners:
                spec = registry.learner(name).spec
                if prepared.info["problem"] in spec.problems:
                    print(f"{table:28}{name:15}{_line(prepared, spec.factory, arguments.seed)}")


def _prepare(path: Path, folder: str, seed: int) -> Prepared:
    target = pq.read_schema(path).names[-1]
    payload = {
        "source": str(path),
        "adapter": "autometa_tabular.adapters.parquet:ParquetAdapter",
        "options": {"sample_rows": MOST_ROWS},
        "target": target,
        "folder": folder,
        "seed": seed,
    }
    prepare(payload, float("inf"))
    return open_prepared(folder)


def _line(prepared: Prepared, factory: str, seed: int) -> str:
    rows, test = prepared.split.development_rows(), prepared.split.test_rows()
    names = tuple(prepared.classes)
    data = TrainingData(
        prepared.table.iloc[rows], prepared.y[rows], prepared.n_classes, None, names
    )
    started = time.process_time()
    try:
        model = resolve(factory)({}).fit(data, FitContext(rng=np.random.default_rng(seed)))
    except NotApplicable as declined:
        return f"declined: {declined}"
    seconds = time.process_time() - started
    problem = str(prepared.info["problem"])
    name = "rmse" if problem == "regression" else "log_loss"
    value = score(
        find_metric(name, problem=problem),
        prepared.y[test],
        model.predict(prepared.table.iloc[test]),
    )
    return f"{name:10}{value:9.4f}{seconds:8.1f}"


if __name__ == "__main__":
    main()
