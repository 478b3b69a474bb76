"""What is measured of trials: hypervolume, and files, their losses, latency and memory."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

MOST_KIB, LEAST_MS, MOST_MS = 1e5, 1e-3, 10.0
"""Corners of the hypervolume; that of the loss is a constant prediction's. Fixed beforehand."""

TIMED_ROWS, BATCH, RESAMPLES = 50, 256, 1000
FLOOR = 1e-7  # of a probability in a log loss

Array = np.ndarray[Any, Any]


class Measured:
    """A complete trial and its files.

    Args:
        trial: JSON of its result.
        study: Folder of its study.
    """

    def __init__(self, trial: Mapping[str, Any], study: Path) -> None:
        self.params: Mapping[str, Any] = trial["params"]
        self.values: tuple[float, ...] = tuple(trial["values"])
        self.study = study
        self.folder = study / "trials" / str(trial["number"])

    @property
    def chain(self) -> list[str]:
        """The compressors."""
        from autometa.chains import chain

        return chain(self.params)

    @property
    def title(self) -> str:
        """Learner and compressors."""
        return " > ".join([str(self.params["learner"]), *self.chain])

    @property
    def has_files(self) -> bool:
        """Whether its model is still there."""
        return (self.folder / "models.json").is_file()

    @cached_property
    def prepared(self) -> Any:
        """The data of its study."""
        from autometa.prepared import open_prepared

        return open_prepared(self.study / "data")

    def model(self) -> Any:
        """Loads its first model."""
        from autometa.resolve import resolve

        kind = json.loads((self.folder / "models.json").read_text(encoding="utf-8"))[0]
        return resolve(kind).load(self.folder / "model-0")

    def file(self, folder: Path) -> File | None:
        """Writes its model as ONNX; None where it cannot be written."""
        return file_of(self.model(), self.prepared, folder, self.title)


class File:
    """A delivered file: ``model.onnx`` in a folder, and what it says of the test rows.

    Args:
        folder: Where it lies.
        title: What it is of.
        prepared: The data.
    """

    def __init__(self, folder: Path, title: str, prepared: Any) -> None:
        self.path, self.title = folder / "model.onnx", title
        rows = prepared.split.test_rows()
        X = prepared.X
        self.X: Any = X[rows] if isinstance(X, np.ndarray) else X.iloc[rows]
        self.y: Array = prepared.y[rows]
        self.is_regression = prepared.n_classes is None

    @cached_property
    def losses(self) -> Array:
        """(n_rows,) squared errors, or log losses, of the file itself."""
        from autometa.onnxgraph.feeds import open_session, run_batches

        session = open_session(str(self.path))
        answer = "value" if self.is_regression else "probabilities"
        parts = []
        for start in range(0, len(self.X), BATCH):
            feeds = self.feeds(self.X[start : start + BATCH], session)
            parts.append(run_batches(session, [answer], feeds)[0])
        found = np.concatenate(parts).astype(np.float64)
        if self.is_regression:
            return np.square(found[:, 0] - self.y)
        return -np.log(np.clip(found[np.arange(len(self.y)), self.y], FLOOR, 1.0))

    def feeds(self, X: Any, session: Any) -> dict[str, Any]:
        """Gives the inputs for rows."""
        from autometa.onnxgraph.feeds import columns_of, feeds_of, raw_rows

        if isinstance(X, np.ndarray):
            return {"images": X}
        return feeds_of(columns_of(session), raw_rows(X))

    @property
    def loss(self) -> float:
        """RMSE, or mean log loss."""
        return total(self.losses, self.is_regression)

    def figures(self) -> dict[str, float]:
        """Gives ``kib``, ``gzip_kib``; of two processes the lesser p50 and peak memory."""
        from autometa.export.verify import measure
        from autometa.onnxgraph.feeds import open_session

        feeds = self.feeds(self.X[:TIMED_ROWS], open_session(str(self.path)))
        runs, data = [measure(self.path, feeds) for _ in range(2)], self.path.read_bytes()
        return {
            "kib": round(len(data) / 1024, 2),
            "gzip_kib": round(len(gzip.compress(data)) / 1024, 2),
            "ms": round(min(found["latency_ms"] for found in runs), 5),
            "memory_mib": round(min(found["memory_mib"] for found in runs), 2),
        }

    def keep(self, folder: Path) -> None:
        """Copies the file, so that later arms are compared with it."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.path, folder / "model.onnx")
        about = {"title": self.title, "rows": self._digest()}
        (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def kept(cls, folder: Path, prepared: Any) -> File | None:
        """Gives what `keep` left; None where there is nothing, or it is of other rows."""
        if not (folder / "about.json").is_file():
            return None
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        file = cls(folder, about["title"], prepared)
        return file if about["rows"] == file._digest() else None

    def _digest(self) -> str:
        return hashlib.sha256(np.asarray(self.y, dtype=np.float64).tobytes()).hexdigest()[:16]


def file_of(model: Any, prepared: Any, folder: Path, title: str) -> File | None:
    """Writes a model as ONNX; None, and a line that says why, where it cannot be written."""
    from autometa import NotApplicable

    try:
        model.export("onnx", folder)
    except NotApplicable as declined:
        print(f"{title}: {declined}")
        return None
    return File(folder, title, prepared)


def first_file(trials: Sequence[Measured]) -> File | None:
    """Gives the file of the first trial that can be written."""
    for trial in trials:
        file = trial.file(Path(tempfile.mkdtemp(dir=trial.study)))
        if file is not None:
            return file
    return None


def total(losses: Array, is_regression: bool) -> float:
    """Gives RMSE of squared errors, or the mean of log losses."""
    mean = float(np.mean(losses))
    return mean**0.5 if is_regression else mean


def interval(before: Array, after: Array, is_regression: bool) -> tuple[float, float]:
    """Gives the 90 % paired bootstrap interval of how much more the second loses.

    Args:
        before: (n_rows,) losses of the plain file.
        after: (n_rows,) losses of the chosen one.
        is_regression: Whether they are squared errors.
    """
    rng = np.random.default_rng(0)
    found = []
    for _ in range(RESAMPLES):
        rows = rng.integers(len(before), size=len(before))
        more = total(after[rows], is_regression) - total(before[rows], is_regression)
        found.append(more)
    low, high = np.quantile(found, [0.05, 0.95])
    return float(low), float(high)


def constant_loss(prepared: Any) -> float:
    """Gives the loss of predicting the class frequencies, or the mean, on development rows."""
    y = prepared.y[prepared.split.development_rows()]
    if prepared.n_classes is None:
        return float(np.std(y))
    shares = np.bincount(y) / len(y)
    return float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0])))


def hypervolume(found: Sequence[Measured]) -> float:
    """Gives the share of the box that trials dominate: loss, log size, log latency."""
    from optuna._hypervolume import compute_hypervolume

    reference = constant_loss(found[0].prepared)
    points = [
        [
            m.values[0] / reference,
            np.log10(max(m.values[1], 1.0)) / np.log10(MOST_KIB),
            np.log10(max(m.values[2], LEAST_MS) / LEAST_MS) / np.log10(MOST_MS / LEAST_MS),
        ]
        for m in found
    ]
    kept = [point for point in points if max(point) < 1.0]
    return float(compute_hypervolume(np.array(kept), np.ones(3))) if kept else 0.0
