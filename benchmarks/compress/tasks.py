"""The twelve tasks, by rule: three tables boosting wins, three others, six of networks.

Tables are those of part ``test`` with at least 6,000 rows, one of each family, in the order of
names. The first three of which ``results/tables.csv`` says that boosting or an ensemble won, and
the first three of the others, are searched over the learners of a default search. Of what is left
the first classification and the first regression are searched over networks; so are four sets of
images: scikit-learn's digits, the first 12,000 of Fashion-MNIST, and Omniglot by character and by
alphabet.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, Results

FASHION = Path("/usr/share/datasets/fashion-mnist")
FEWEST_ROWS, FASHION_ROWS, TEST_ROWS = 6000, 12_000, 2000
BOOSTING = ("lightgbm", "hist_boosting")
NETWORKS = ("mlp", "resnet")

Images = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A task to be searched.

    Args:
        name: Unique.
        kind: ``trees``: a table, default learners; ``table network``; or ``image network``.
        is_regression: Else a classification.
        source: The parquet file of a table.
        target: Its target column.
        images: Gives (n, h, w) uint8 images and (n,) labels; None for a table.
    """

    name: str
    kind: str
    is_regression: bool = False
    source: Path = Path()
    target: str = "label"
    images: Callable[[], Images] | None = None

    @property
    def metric(self) -> str:
        """What leads."""
        return "rmse" if self.is_regression else "log_loss"

    @property
    def learner(self) -> str:
        """The learner whose defaults each compressor alone is tried on."""
        return {"trees": "lightgbm", "table network": "mlp"}.get(self.kind, "cnn")

    def task(self, folder: Path) -> dict[str, Any]:
        """Gives the parts of the task file that are the same in all arms.

        Args:
            folder: Takes the file of images.
        """
        source = self.source
        if self.images is None:
            import pyarrow.parquet

            n_rows = pyarrow.parquet.read_metadata(source).num_rows
        else:
            images, labels = self.images()
            source, n_rows = folder / f"{self.name}.npz", len(images)
            np.savez(source, images=images, label=labels)
        learners = list(NETWORKS) if self.kind == "table network" else None
        return {
            "name": self.name,
            "data": {"source": str(source), "target": self.target},
            "problem": "regression" if self.is_regression else "classification",
            "validation": {"kind": "holdout", "test_fraction": min(0.25, TEST_ROWS / n_rows)},
            "search": {"learners": learners},
            "knowledge": [],
            "tracking": "none",
        }


def subjects(data: Path, fashion: Path) -> dict[str, Subject]:
    """Gives the twelve by name.

    Args:
        data: Folder of tables with ``index.csv``; ``../images`` has Omniglot.
        fashion: Folder of Fashion-MNIST.
    """
    omniglot = data.parent / "images" / "omniglot_small_28.npz"
    found = [
        *_tables(data),
        Subject("digits", "image network", images=_digits),
        Subject("fashion_mnist", "image network", images=lambda: _fashion(fashion)),
        Subject("omniglot_characters", "image network", images=lambda: _omniglot(omniglot, 0)),
        Subject("omniglot_alphabets", "image network", images=lambda: _omniglot(omniglot, 1)),
    ]
    return {subject.name: subject for subject in found}


def _tables(data: Path) -> list[Subject]:
    families: dict[str, Mapping[str, str]] = {}
    for row in sorted(Results(data / "index.csv").rows, key=lambda row: row["name"]):
        if row["part"] == "test" and int(row["n_rows"]) >= FEWEST_ROWS:
            families.setdefault(row["family"], row)
    rows = {row["name"]: row for row in families.values()}
    searched = {row["table"]: row for row in Results(RESULTS / "tables.csv").rows}
    won = [name for name in rows if name in searched and _boosted(searched[name])][:3]
    others = [name for name in rows if name not in won]
    left = others[3:]
    networks = [
        next(name for name in left if (rows[name]["task"] == "regression") == is_regression)
        for is_regression in (False, True)
    ]

    def subject(name: str, kind: str) -> Subject:
        row = rows[name]
        is_regression = row["task"] == "regression"
        return Subject(name, kind, is_regression, data / f"{name}.parquet", row["target"])

    return [
        *(subject(name, "trees") for name in [*won, *others[:3]]),
        *(subject(name, "table network") for name in networks),
    ]


def _boosted(row: Mapping[str, str]) -> bool:
    return row["best_learner"] in BOOSTING or int(row["ensemble"]) > 0


def _digits() -> Images:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images * 15).astype(np.uint8).reshape(-1, 8, 8), labels.astype(np.int64)


def _fashion(folder: Path) -> Images:
    if not folder.is_dir():
        raise SystemExit(f"{folder} is missing: apt-get install dataset-fashion-mnist")
    images, labels = (
        np.frombuffer(gzip.decompress((folder / name).read_bytes()), np.uint8, offset=offset)
        for name, offset in (("train-images-idx3-ubyte.gz", 16), ("train-labels-idx1-ubyte.gz", 8))
    )
    return images.reshape(-1, 28, 28)[:FASHION_ROWS], labels[:FASHION_ROWS].astype(np.int64)


def _omniglot(file: Path, by_alphabet: int) -> Images:
    with np.load(file, allow_pickle=False) as stored:
        label = stored["alphabet_id" if by_alphabet else "class_id"]
        return stored["images"], np.asarray(label, dtype=np.int64)


def chosen(found: Mapping[str, Subject], names: Sequence[str]) -> list[Subject]:
    """Gives some of the tasks, all when none is named."""
    unknown = [name for name in names if name not in found]
    if unknown:
        raise SystemExit(f"no task {', '.join(unknown)}: there are {', '.join(found)}")
    return [found[name] for name in names or found]
